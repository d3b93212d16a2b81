"""The dialect of the service itself."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from reconciler.model.errors import TargetUnavailable
from reconciler.model.instant import format_instant
from reconciler.model.run import RunStatus
from reconciler.targets.datto.api import JOB_START, Api
from reconciler.targets.datto.dialect import LiveComponent, LiveVariable, Standing, as_list, text_of
from reconciler.targets.datto.handle import JobRef
from reconciler.targets.datto.times import read_time
from reconciler.targets.rest.client import path_of
from reconciler.targets.rest.errors import AnswerLost, Oversized

MAX_OUTPUT_BYTES = 8 << 20
_LOG_PAGE = 200
_MOST_LOG_PAGES = 200
_STATUSES = {
    "pending": RunStatus.QUEUED,
    "running": RunStatus.RUNNING,
    "success": RunStatus.COMPLETED,
    "warning": RunStatus.COMPLETED,
    "failure": RunStatus.FAILED,
    "expired": RunStatus.EXPIRED,
    "retired": RunStatus.CANCELLED,
}


class NativeDialect:
    promises_exit_code = False

    def __init__(self, api: Api) -> None:
        self._api = api

    def components(self) -> Sequence[LiveComponent]:
        listing = self._api.pages("/account/components", "components")
        if not listing.complete:
            raise TargetUnavailable(f"{self._api.client.name}: its list of components is incomplete")
        return [_component(item) for item in listing.items if text_of(item.get("uid"))]

    def start(self, device_uid: str, component_uid: str, *, name: str, values: Mapping[str, str]) -> str:
        variables = [{"name": key, "value": value} for key, value in values.items()]
        body = {"jobName": name, "jobComponent": {"componentUid": component_uid, "variables": variables}}
        answer = self._api.write("PUT", path_of("/device/{}/quickjob", device_uid), body, operation=JOB_START)
        return job_uid_of(answer)

    def look(self, ref: JobRef) -> Standing:
        answer = self._api.get(path_of("/job/{}/results/{}", ref.job_uid, ref.device_uid))
        result = answer if isinstance(answer, dict) else {}
        word = text_of(result.get("jobDeploymentStatus"))
        parts = as_list(result.get("componentResults"))
        return Standing(
            word=word,
            status=_STATUSES.get(word.casefold()),
            started_at=read_time(result.get("ranOn")),
            warnings=_warnings(word, parts),
            has_stdout=any(part.get("hasStdOut") for part in parts),
            has_stderr=any(part.get("hasStdErr") for part in parts),
        )

    def output(self, ref: JobRef, standing: Standing) -> tuple[str, str]:
        return (
            self._stream(ref, "stdout") if standing.has_stdout else "",
            self._stream(ref, "stderr") if standing.has_stderr else "",
        )

    def _stream(self, ref: JobRef, stream: str) -> str:
        path = path_of("/job/{}/results/{}", ref.job_uid, ref.device_uid) + f"/{stream}"
        try:
            answer = self._api.get(path, max_bytes=MAX_OUTPUT_BYTES)
        except Oversized:
            return f"(not kept: {stream} is larger than {MAX_OUTPUT_BYTES >> 20} MiB)\n"
        return "".join(text_of(part.get("stdData")) for part in as_list(answer))

    def jobs_since(self, since: datetime) -> Sequence[tuple[str, JobRef]]:
        query = {
            "entities": "device",
            "categories": "job",
            "actions": "deployment,create",
            "from": format_instant(since)[:19] + "Z",
            "until": format_instant(self._api.clock() + timedelta(minutes=5))[:19] + "Z",
            "order": "asc",
            "size": str(_LOG_PAGE),
        }
        found: list[tuple[str, JobRef]] = []
        more: dict[str, str] = {}
        for _ in range(_MOST_LOG_PAGES):
            answer = self._api.get("/activity-logs", query | more)
            body = answer if isinstance(answer, dict) else {}
            entries = as_list(body.get("activities"))
            found += [job for entry in entries if (job := _logged_job(entry)) is not None]
            details = body.get("pageDetails")
            following = text_of(details.get("nextPageUrl")) if isinstance(details, dict) else ""
            if not entries or not following:
                break
            # Only the query of that address is taken: nothing of ours is ever sent to a host that an answer names.
            more = {key: value for key, value in parse_qsl(urlsplit(following).query) if key in {"searchAfter", "page"}}
        return found


def job_uid_of(answer: Any) -> str:
    """Return the uid of the job that was made, wherever the answer has it."""
    body = answer if isinstance(answer, dict) else {}
    inner = body.get("job")
    job = inner if isinstance(inner, dict) else body
    uid = text_of(job.get("uid")) or text_of(job.get("jobUid"))
    if not uid:
        raise AnswerLost("the answer to the start names no job")
    return uid


def _warnings(word: str, parts: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    count = sum(number for part in parts if isinstance(number := part.get("numberOfWarnings"), int))
    if not count and word.casefold() != "warning":
        return ()
    return (f"{max(count, 1)} of its post-conditions warned",)


def _component(item: Mapping[str, Any]) -> LiveComponent:
    inputs = [one for one in as_list(item.get("variables")) if not one.get("direction")]
    return LiveComponent(
        uid=text_of(item.get("uid")),
        name=text_of(item.get("name")),
        description=text_of(item.get("description")),
        category=text_of(item.get("categoryCode")) or text_of(item.get("category")),
        variables=tuple(
            LiveVariable(
                name=text_of(one.get("name")),
                type=text_of(one.get("type")),
                default=text_of(one.get("defaultVal")) or text_of(one.get("defaultValue")),
                description=text_of(one.get("description")),
            )
            for one in inputs
        ),
    )


def _logged_job(entry: Mapping[str, Any]) -> tuple[str, JobRef] | None:
    """Return name and job of an entry of the log, or None where it is no start of a job that we can read."""
    try:
        details = json.loads(text_of(entry.get("details")))
    except (ValueError, RecursionError):
        return None
    if not isinstance(details, dict):
        return None
    name, job_uid, device_uid = (text_of(details.get(key)) for key in ("job.name", "job.uid", "device.uid"))
    made_at = read_time(details.get("job.date_created")) or read_time(entry.get("date"))
    if not (name and job_uid and device_uid and made_at):
        return None
    return name, JobRef(job_uid=job_uid, device_uid=device_uid, made_at=made_at)
