"""The same account behind the paths, bodies and statuses of the simpler dialect."""

from typing import Any

from .things import Job, millis
from .wire import Answer, Request, answer_json
from .world import Route, World

_STATUSES = {
    "Pending": "queued",
    "Running": "running",
    "Success": "completed",
    "Failure": "failed",
    "Expired": "timeout",
}


class SeedWorld(World):
    """``exit_codes`` maps a component's uid to what its script exits with."""

    def routes(self) -> list[tuple[str, str, Route]]:
        api = "/api/v2"
        kept = ("/account/devices", "/site/([^/]+)/devices", "/account/sites", "/system/request_rate")
        native = [route for route in super().routes() if route[1].removeprefix(api) in kept]
        return [
            *native,
            ("GET", f"{api}/device/([^/]+)", self.one_device),
            ("GET", f"{api}/components", self.list_components),
            ("GET", f"{api}/component/([^/]+)", self.one_component),
            ("POST", f"{api}/device/([^/]+)/quickjob", self.create_job),
            ("GET", f"{api}/job/([^/]+)", self.one_job),
            ("GET", f"{api}/device/([^/]+)/jobs", self.jobs_of_device),
        ]

    @property
    def exit_codes(self) -> dict[str, int]:
        return self.__dict__.setdefault("_exit_codes", {})

    def one_device(self, request: Request, uid: str) -> Answer:
        device = self._device(uid)
        if device is None:
            return _error(404, "DEVICE_NOT_FOUND", "Device not found")
        return answer_json(
            200, device.document() | {"online": None, "status": "online" if device.online else "offline"}
        )

    def list_components(self, request: Request) -> Answer:
        return answer_json(200, {"components": [self._component(item) for item in self.components]})

    def one_component(self, request: Request, uid: str) -> Answer:
        found = [item for item in self.components if item.uid == uid]
        return (
            answer_json(200, self._component(found[0])) if found else _error(404, "COMPONENT_NOT_FOUND", "No component")
        )

    def _component(self, component: Any) -> dict[str, Any]:
        variables = [
            {
                "name": item["name"],
                "type": item["type"],
                "required": not item["defaultVal"],
                "defaultValue": item["defaultVal"] or None,
                "description": item["description"],
            }
            for item in component.variables
        ]
        return {
            "uid": component.uid,
            "name": component.name,
            "description": component.description,
            "category": "Maintenance",
            "osType": "Windows",
            "variables": variables,
        }

    def create_job(self, request: Request, device_uid: str) -> Answer:
        body = request.json
        device = self._device(device_uid)
        component = next((item for item in self.components if item.uid == body.get("componentUid")), None)
        if device is None or component is None:
            return _error(404, "COMPONENT_NOT_FOUND" if device else "DEVICE_NOT_FOUND", "Not found")
        if not device.online:
            details = {"deviceUid": device.uid, "lastSeen": millis(device.last_seen)}
            return _error(400, "DEVICE_OFFLINE", "Cannot run quick job on offline device", details)
        job = self.add_job("", device, component, body.get("variables", {}))
        return answer_json(
            200,
            {
                "jobUid": job.uid,
                "status": "queued",
                "deviceUid": device.uid,
                "componentUid": component.uid,
                "createdAt": millis(job.created_at),
            },
        )

    def one_job(self, request: Request, uid: str) -> Answer:
        job = self._job(uid)
        return answer_json(200, self._document(job)) if job else _error(404, "JOB_NOT_FOUND", "Job not found")

    def jobs_of_device(self, request: Request, uid: str) -> Answer:
        return answer_json(200, {"jobs": [self._document(job) for job in self.jobs if job.device.uid == uid]})

    def _document(self, job: Job) -> dict[str, Any]:
        word = job.status(self.clock())
        document: dict[str, Any] = {
            "jobUid": job.uid,
            "status": _STATUSES.get(word, word),
            "deviceUid": job.device.uid,
            "hostname": job.device.hostname,
            "componentUid": job.component.uid,
            "componentName": job.component.name,
            "variables": job.variables,
            "createdAt": millis(job.created_at),
        }
        if word != "Pending":
            document["startedAt"] = millis(job.ran_on)
        if word not in {"Pending", "Running"}:
            ended = job.ran_on.timestamp() + job.behaviour.run_seconds
            document |= {
                "completedAt": int(ended * 1000),
                "stdout": job.behaviour.stdout,
                "stderr": job.behaviour.stderr,
            }
            document["exitCode"] = self.exit_codes.get(job.component.uid, 0 if word == "Success" else 1)
        return document


def _error(status: int, code: str, message: str, details: dict[str, Any] | None = None) -> Answer:
    return answer_json(status, {"errorCode": code, "message": message, "details": details or {}})
