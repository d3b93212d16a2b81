"""The simpler dialect: POST, a flat body, one object for a job with its exit code and output."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from reconciler.model.run import RunStatus
from reconciler.targets.datto.api import JOB_START, Api
from reconciler.targets.datto.dialect import LiveComponent, LiveVariable, Standing, as_list, text_of
from reconciler.targets.datto.handle import JobRef
from reconciler.targets.datto.native import job_uid_of
from reconciler.targets.datto.times import read_time
from reconciler.targets.rest.client import path_of

_STATUSES = {
    "created": RunStatus.QUEUED,
    "queued": RunStatus.QUEUED,
    "running": RunStatus.RUNNING,
    "completed": RunStatus.COMPLETED,
    "failed": RunStatus.FAILED,
    "timeout": RunStatus.TIMEOUT,
}


class SeedDialect:
    promises_exit_code = True

    def __init__(self, api: Api) -> None:
        self._api = api

    def components(self) -> Sequence[LiveComponent]:
        answer = self._api.get("/components", {"max": "250"})
        items = as_list(answer.get("components")) if isinstance(answer, dict) else []
        return [
            LiveComponent(
                uid=text_of(item.get("uid")),
                name=text_of(item.get("name")),
                description=text_of(item.get("description")),
                category=text_of(item.get("category")),
                variables=tuple(
                    LiveVariable(
                        name=text_of(one.get("name")),
                        type=text_of(one.get("type")),
                        default=text_of(one.get("defaultValue")),
                        description=text_of(one.get("description")),
                    )
                    for one in as_list(item.get("variables"))
                ),
            )
            for item in items
            if text_of(item.get("uid"))
        ]

    def start(self, device_uid: str, component_uid: str, *, name: str, values: Mapping[str, str]) -> str:
        body = {"componentUid": component_uid, "variables": dict(values)}
        answer = self._api.write("POST", path_of("/device/{}/quickjob", device_uid), body, operation=JOB_START)
        return job_uid_of(answer)

    def look(self, ref: JobRef) -> Standing:
        answer = self._api.get(path_of("/job/{}", ref.job_uid))
        job = answer if isinstance(answer, dict) else {}
        word = text_of(job.get("status"))
        status = _STATUSES.get(word.casefold())
        code = job.get("exitCode")
        exit_code = code if isinstance(code, int) and not isinstance(code, bool) else None
        if status is RunStatus.COMPLETED and exit_code:
            status = RunStatus.FAILED  # only a job that exits with 0 has succeeded
        texts = (text_of(job.get("stdout")), text_of(job.get("stderr")))
        return Standing(
            word=word,
            status=status,
            started_at=read_time(job.get("startedAt")),
            ended_at=read_time(job.get("completedAt")),
            exit_code=exit_code,
            has_stdout=bool(texts[0]),
            has_stderr=bool(texts[1]),
            texts=texts,
        )

    def output(self, ref: JobRef, standing: Standing) -> tuple[str, str]:
        return standing.texts or ("", "")

    def jobs_since(self, since: datetime) -> Sequence[tuple[str, JobRef]]:
        return ()  # jobs have no name here, so none can be told from another
