"""An account of Datto RMM in memory, behind the service's own paths and shapes.

What is known of the service is written down in a public client's notes: PUT only for quick jobs, 400 for a flat body,
nulls, times in milliseconds, page addresses that lose parameters, and rolling limits. Everything else is assumed, and
marked so where it matters.
"""

import base64
import json
import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, unquote

from .faults import Fault
from .rates import JOB, Rates
from .things import Alert, Behaviour, Component, Device, Job, Site, Variable
from .wire import Answer, Request, answer_error, answer_json

Route = Callable[..., Answer]


class World:
    """``keys`` maps API keys to secrets, ``rights`` a key to what it may: read, run. ``requests`` is what was asked."""

    def __init__(self, clock: Callable[[], datetime], *, page_size: int = 250) -> None:
        self.clock = clock
        self.base_url = "http://fake"
        self.page_size = page_size
        self.keys = {"api-key": "s3cr3t-of-the-account"}
        self.rights: dict[str, set[str]] = {}
        self.token_seconds = 360_000
        self.sites: list[Site] = []
        self.devices: list[Device] = []
        self.components: list[Component] = []
        self.behaviours: dict[str, Behaviour] = {}
        self.jobs: list[Job] = []
        self.account_variables: list[Variable] = []
        self.site_variables: dict[str, list[Variable]] = {}
        self.alerts: list[Alert] = []
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.rates = Rates(clock)
        self.log_delay_seconds = 0.0
        self.variable_delay_seconds = 0.0
        self.masked_as: str | None = "*****"
        self._tokens: dict[str, tuple[str, datetime]] = {}
        self._numbers = 0
        self._lock = threading.RLock()
        self._routes: list[tuple[str, re.Pattern[str], Route]] = []
        for method, pattern, route in self.routes():
            self._routes.append((method, re.compile(pattern + r"\Z"), route))

    # Filling it

    def add_site(self, name: str) -> Site:
        site = Site(f"site-{len(self.sites) + 1:04d}", name, len(self.sites) + 1)
        self.sites.append(site)
        return site

    def add_device(self, hostname: str, *, site: Site | None = None, **fields: Any) -> Device:
        number = len(self.devices) + 1
        site = site or (self.sites[0] if self.sites else self.add_site("Acme Corporation"))
        device = Device(f"device-{number:04d}", hostname, site, number, **fields)
        if device.last_seen is None:
            device.last_seen = self.clock() - timedelta(minutes=1)
        self.devices.append(device)
        return device

    def add_component(self, name: str, *, behaviour: Behaviour | None = None, **fields: Any) -> Component:
        number = len(self.components) + 1
        fields.setdefault("uid", f"component-{number:04d}")
        component = Component(name=name, id=number, **fields)
        self.components.append(component)
        self.behaviours[component.uid] = behaviour or Behaviour()
        return component

    def add_alert(self, device: Device, **fields: Any) -> Alert:
        alert = Alert(f"alert-{len(self.alerts) + 1:04d}", device, self.clock(), **fields)
        self.alerts.append(alert)
        return alert

    # Answering

    def handle(self, request: Request) -> Answer:
        with self._lock:
            fault = next((fault for fault in self.faults if fault.strikes(request)), None)
            if fault is not None and (answer := fault.instead()) is not None:
                self.requests.append(request)
                return answer
            if fault is not None and fault.kind == "expire-token":
                self._tokens.clear()
            answer = self._answer(request)
            return fault.after(answer) if fault is not None else answer

    def _answer(self, request: Request) -> Answer:
        self.requests.append(request)
        if request.path == "/auth/oauth/token":
            return self._grant(request)
        if self.rates.is_blocked:
            return Answer(403, b"<html>Request blocked by rate limit</html>", {"Content-Type": "text/html"})
        if request.path == "/api/v2/system/status":
            return answer_json(200, {"version": "1.24.0", "status": "OK", "started": 0})
        key = self._key_of(request)
        if key is None:
            return answer_error(401, "Unauthorized")
        found = [
            (method, route, match) for method, pattern, route in self._routes if (match := pattern.match(request.path))
        ]
        if not found:
            return answer_error(404, "Not Found")
        for method, route, match in found:
            if method == request.method:
                return self._admitted(key, request, route, [unquote(part) for part in match.groups()])
        return answer_error(405, f"Request method '{request.method}' is not supported")

    def _admitted(self, key: str, request: Request, route: Route, parts: list[str]) -> Answer:
        is_slow = self.rates.is_slow()
        if not self.rates.admit(operation=None if request.method == "GET" else operation_of(request)):
            headers = {"Retry-After": self.rates.retry_after} if self.rates.retry_after else {}
            return Answer(429, b'{"errorMessage": "Too many requests"}', headers)
        right = "read" if request.method == "GET" and "/job/" not in request.path else "run"
        if right not in self.rights.get(key, {"read", "run"}):
            return answer_error(403, "Access denied")
        answer = route(request, *parts)
        return Answer(answer.status, answer.body, answer.headers, fate="late", seconds=1) if is_slow else answer

    def _grant(self, request: Request) -> Answer:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        basic = "Basic " + base64.b64encode(b"public-client:public").decode()
        if request.headers.get("authorization") != basic or form.get("grant_type") != "password":
            return answer_json(401, {"error": "invalid_client"})
        key = form.get("username", "")
        if not key or self.keys.get(key) != form.get("password"):
            return answer_json(400, {"error": "invalid_grant", "error_description": f"Bad credentials for {key}"})
        token = f"token-{self._number():06d}"
        self._tokens[token] = (key, self.clock() + timedelta(seconds=self.token_seconds))
        return answer_json(
            200, {"access_token": token, "token_type": "bearer", "expires_in": self.token_seconds, "scope": "ui"}
        )

    def _key_of(self, request: Request) -> str | None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        key, until = self._tokens.get(token, ("", self.clock()))
        return key if key and self.clock() < until else None

    def expire_tokens(self) -> None:
        self._tokens.clear()

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    # The routes

    def routes(self) -> list[tuple[str, str, Route]]:
        api = "/api/v2"
        return [
            ("GET", f"{api}/account/devices", self.list_devices),
            ("GET", f"{api}/site/([^/]+)/devices", self.list_site_devices),
            ("GET", f"{api}/device/([^/]+)", self.one_device),
            ("GET", f"{api}/account/sites", self.list_sites),
            ("GET", f"{api}/filter/custom-filters", self.list_filters),
            ("GET", f"{api}/filter/default-filters", lambda request: self.page(request, "filters", [])),
            ("GET", f"{api}/account/components", self.list_components),
            ("PUT", f"{api}/device/([^/]+)/quickjob", self.create_job),
            ("GET", f"{api}/job/([^/]+)", self.one_job),
            ("GET", f"{api}/job/([^/]+)/components", self.job_components),
            ("GET", f"{api}/job/([^/]+)/results/([^/]+)", self.job_result),
            ("GET", f"{api}/job/([^/]+)/results/([^/]+)/(stdout|stderr)", self.job_output),
            ("GET", f"{api}/activity-logs", self.activity_logs),
            ("GET", f"{api}/system/request_rate", lambda request: answer_json(200, self.rates.document())),
            ("GET", f"{api}/system/pagination", lambda request: answer_json(200, {"max": self.page_size})),
            ("GET", f"{api}/account/variables", self.list_variables),
            ("PUT", f"{api}/account/variable", self.create_variable),
            ("POST", f"{api}/account/variable/([^/]+)", self.update_variable),
            ("DELETE", f"{api}/account/variable/([^/]+)", self.delete_variable),
            ("GET", f"{api}/site/([^/]+)/variables", self.list_variables),
            ("PUT", f"{api}/site/([^/]+)/variable", self.create_variable),
            (
                "POST",
                f"{api}/site/([^/]+)/variable/([^/]+)",
                lambda r, site, number: self.update_variable(r, number, site),
            ),
            (
                "DELETE",
                f"{api}/site/([^/]+)/variable/([^/]+)",
                lambda r, site, number: self.delete_variable(r, number, site),
            ),
            ("GET", f"{api}/account/alerts/open", self.open_alerts),
            ("POST", f"{api}/alert/([^/]+)/resolve", self.resolve_alert),
        ]

    def page(self, request: Request, name: str, items: list[dict[str, Any]]) -> Answer:
        """Answer one page; the address of the next one has lost the caller's own filters, as the service's has."""
        number = int(request.query.get("page", 0))
        size = min(int(request.query.get("max", self.page_size)), self.page_size)
        shown = items[number * size : (number + 1) * size]
        has_more = (number + 1) * size < len(items)
        following = f"{self.base_url}{request.path}?max={size}&page={number + 1}" if has_more else None
        details = {"count": len(shown), "totalCount": len(items), "prevPageUrl": None, "nextPageUrl": following}
        return answer_json(200, {"pageDetails": details, name: shown})

    def list_devices(self, request: Request) -> Answer:
        query = request.query
        if filter_id := query.get("filterId"):
            return self.page(request, "devices", [d.document() for d in self.devices if filter_id in d.filters])
        hostname, site = query.get("hostname", "").lower(), query.get("siteName", "").lower()
        found = [d for d in self.devices if hostname in d.hostname.lower() and site in d.site.name.lower()]
        return self.page(request, "devices", [device.document() for device in found])

    def list_site_devices(self, request: Request, site_uid: str) -> Answer:
        return self.page(request, "devices", [d.document() for d in self.devices if d.site.uid == site_uid])

    def one_device(self, request: Request, uid: str) -> Answer:
        device = self._device(uid)
        return answer_json(200, device.document()) if device else answer_error(404, "Device was not found")

    def _device(self, uid: str) -> Device | None:
        return next((device for device in self.devices if device.uid == uid), None)

    def list_sites(self, request: Request) -> Answer:
        wanted = request.query.get("siteName", "").lower()
        sites = [site for site in self.sites if wanted in site.name.lower()]
        return self.page(request, "sites", [{"id": site.id, "uid": site.uid, "name": site.name} for site in sites])

    def list_filters(self, request: Request) -> Answer:
        names = sorted({name for device in self.devices for name in device.filters})
        filters = [{"id": name, "name": f"Filter {name}", "type": "custom"} for name in names]
        return self.page(request, "filters", filters)

    def list_components(self, request: Request) -> Answer:
        return self.page(request, "components", [component.document() for component in self.components])

    def create_job(self, request: Request, device_uid: str) -> Answer:
        try:
            body = request.json
            name, wanted = body["jobName"], body["jobComponent"]
            variables = {item["name"]: item["value"] for item in wanted["variables"]}
            uid = wanted["componentUid"]
        except (ValueError, KeyError, TypeError):
            return answer_error(400, "Failed to read request")
        device = self._device(device_uid)
        if device is None:
            return answer_error(404, "Device was not found")
        component = next((component for component in self.components if component.uid == uid), None)
        if component is None or not all(isinstance(value, str) for value in variables.values()):
            return answer_error(400, "Invalid component")
        job = self.add_job(name, device, component, variables)
        answer = {"job": job.document("Pending"), "jobComponents": [job.component_document()]}
        return answer_json(200, answer)

    def add_job(self, name: str, device: Device, component: Component, variables: dict[str, str]) -> Job:
        number = self._number()
        behaviour = self.behaviours[component.uid]
        job = Job(f"job-{number:06d}", number, name, device, component, variables, self.clock(), behaviour)
        self.jobs.append(job)
        return job

    def _job(self, uid: str) -> Job | None:
        return next((job for job in self.jobs if job.uid == uid), None)

    def one_job(self, request: Request, uid: str) -> Answer:
        job = self._job(uid)
        return (
            answer_json(200, job.document(job.status(self.clock()))) if job else answer_error(404, "Job was not found")
        )

    def job_components(self, request: Request, uid: str) -> Answer:
        job = self._job(uid)
        return self.page(request, "jobComponents", [job.component_document()]) if job else answer_error(404, "No job")

    def job_result(self, request: Request, uid: str, device_uid: str) -> Answer:
        job = self._job(uid)
        now = self.clock()
        if job is None or job.device.uid != device_uid:
            return answer_error(404, "Job results were not found")
        if now < job.created_at + timedelta(seconds=job.behaviour.hidden_seconds):
            return answer_error(404, "Job results were not found")
        return answer_json(200, job.result(job.status(now)))

    def job_output(self, request: Request, uid: str, device_uid: str, stream: str) -> Answer:
        job = self._job(uid)
        if job is None or job.device.uid != device_uid:
            return answer_error(404, "Job results were not found")
        return answer_json(200, job.output(job.behaviour.stdout if stream == "stdout" else job.behaviour.stderr))

    def activity_logs(self, request: Request) -> Answer:
        """Entries are of jobs only; `details` is JSON in a text, with flattened keys."""
        now = self.clock()
        begin = _instant(request.query.get("from")) or now - timedelta(minutes=15)
        until = _instant(request.query.get("until")) or now + timedelta(days=1)
        size = int(request.query.get("size", 20))
        visible = timedelta(seconds=self.log_delay_seconds)
        found = [j for j in self.jobs if begin <= j.created_at <= until and j.created_at + visible <= now]
        if request.query.get("order", "desc") == "desc":
            found.reverse()
        after = request.query.get("searchAfter")
        start = int(after.split(",")[1]) if after and request.query.get("page") == "next" else 0
        shown = found[start : start + size]
        next_url = f"{self.base_url}{request.path}?page=next&size={size}&searchAfter={quote(f'0,{start + size}')}"
        details = {"count": len(shown), "totalCount": len(found), "prevPageUrl": None}
        details["nextPageUrl"] = next_url if shown else None  # the last one leads to an empty page
        return answer_json(
            200, {"pageDetails": details, "activities": [self._entry(job) for job in shown], "error": None}
        )

    def _entry(self, job: Job) -> dict[str, Any]:
        details = {
            "job.uid": job.uid,
            "job.id": job.id,
            "job.name": job.name,
            "job.status": "active",
            "job.date_created": int(job.created_at.timestamp() * 1000),
            "device.uid": job.device.uid,
            "device.hostname": job.device.hostname,
            "site.name": job.device.site.name,
        }
        return {
            "id": f"entry-{job.id}",
            "entity": "DEVICE",
            "category": "job",
            "action": "deployment",
            "date": job.created_at.timestamp(),
            "hostname": job.device.hostname,
            "details": json.dumps(details),
        }

    def _variables(self, site: str) -> list[Variable]:
        return self.site_variables.setdefault(site, []) if site else self.account_variables

    def add_variable(self, name: str, value: str, *, masked: bool = False, site: str = "") -> Variable:
        made = Variable(self._number(), name, value, masked, made_at=self.clock())
        self._variables(site).append(made)
        return made

    def _seen_variables(self, site: str) -> list[Variable]:
        """Return those that are known everywhere already."""
        since = self.clock() - timedelta(seconds=self.variable_delay_seconds)
        return [item for item in self._variables(site) if item.made_at is None or item.made_at <= since]

    def list_variables(self, request: Request, site: str = "") -> Answer:
        if site and site not in {one.uid for one in self.sites}:
            return answer_error(404, "Site was not found")
        return self.page(
            request, "variables", [item.document(masked_as=self.masked_as) for item in self._seen_variables(site)]
        )

    def create_variable(self, request: Request, site: str = "") -> Answer:
        """What the service says of a name that is taken is assumed."""
        try:
            name, value, masked = (request.json[key] for key in ("name", "value", "masked"))
        except (ValueError, KeyError, TypeError):
            return answer_error(400, "Failed to read request")
        if not isinstance(name, str) or not isinstance(value, str) or not isinstance(masked, bool):
            return answer_error(400, "Failed to read request")
        if any(item.name == name for item in self._seen_variables(site)):
            return answer_error(400, "Variable already exists")
        self.add_variable(name, value, masked=masked, site=site)
        return Answer(200)

    def update_variable(self, request: Request, number: str, site: str = "") -> Answer:
        """An update has no say in whether it is masked."""
        for item in self._seen_variables(site):
            if str(item.id) == number:
                item.name, item.value = request.json["name"], request.json["value"]
                return Answer(200)
        return answer_error(404, "Variable was not found")

    def delete_variable(self, request: Request, number: str, site: str = "") -> Answer:
        variables = self._variables(site)
        kept = [item for item in variables if str(item.id) != number]
        if len(kept) == len(variables):
            return answer_error(404, "Variable was not found")
        variables[:] = kept
        return Answer(200)

    def open_alerts(self, request: Request) -> Answer:
        found = [alert for alert in self.alerts if not alert.resolved]
        if request.query.get("muted") == "false":
            found = [alert for alert in found if not alert.muted]
        return self.page(request, "alerts", [alert.document() for alert in found])

    def resolve_alert(self, request: Request, uid: str) -> Answer:
        for alert in self.alerts:
            if alert.uid == uid:
                alert.resolved = True
                return Answer(200)
        return answer_error(404, "Alert was not found")


def operation_of(request: Request) -> str:
    if request.path.endswith("/quickjob"):
        return JOB
    if request.path.endswith("/resolve"):
        return "alert-resolve"
    place = "site" if "/site/" in request.path else "account"
    what = {"PUT": "create", "POST": "update"}.get(request.method, "delete")
    return f"{place}-variable-{what}"


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
