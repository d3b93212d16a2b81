"""A run in the supervisor's hands, from its order to its outcome."""

from typing import Any

from reconciler.engine.live import LiveTask
from reconciler.engine.spool import SpoolWriter
from reconciler.engine.work import Order


class RunState:
    """``status`` is as in reconciler.model.run; ``is_settled``: it has ended, and that is durable.

    ``version`` grows with each change that a client may see.  ``index`` is the task that runs or is next.
    """

    def __init__(self, order: Order, *, accepted_at: int) -> None:
        self.order = order
        self.uid = order.uid
        self.cap_bytes = order.output_bytes
        self.task_ids = [task.id for task in order.tasks]
        self.accepted_at = accepted_at
        self.status = "queued"
        self.reason = ""
        self.index = 0
        self.results: list[dict[str, Any]] = []
        self.live: LiveTask | None = None
        self.spool: SpoolWriter | None = None
        self.started_at: int | None = None
        self.ended_at: int | None = None
        self.deadline: float | None = None
        self.cause = ""
        self.has_slot = False
        self.is_settled = False
        self.version = 0

    @property
    def outputs(self) -> dict[str, dict[str, Any]]:
        """What earlier tasks have written, by task id."""
        return {result["id"]: result["outputs"] for result in self.results}

    def judge(self) -> tuple[str, str]:
        """Return status and reason of a run that starts no further task."""
        for task, result in zip(self.order.tasks, self.results, strict=False):
            if self.cause and result["status"] == self.cause:
                break
            if result["status"] in ("timeout", "lost", "cancelled") and not task.continue_on_failure:
                return result["status"], "task_timeout" if result["status"] == "timeout" else ""
            if result["status"] == "failed" and not task.continue_on_failure:
                return "failed", "failed_to_start" if result["started_at"] is None else ""
        if self.cause:
            return self.cause, "run_timeout" if self.cause == "timeout" else ""
        if any(result["status"] != "completed" for result in self.results):
            return "completed", "with_failures"
        return "completed", ""

    def progress(self) -> dict[str, Any]:
        """Return what a client is told: an outcome only once it is durable."""
        settled = self.is_settled
        return {
            "version": self.version,
            "status": self.status if settled or self.ended_at is None else "running",
            "reason": self.reason if settled else "",
            "started_at": self.started_at,
            "ended_at": self.ended_at if settled else None,
            "tasks": self.results if settled or self.live is None else [*self.results, self._current()],
        }

    def _current(self) -> dict[str, Any]:
        assert self.live is not None
        stdout, stderr = (stream.summary() for stream in self.live.streams)
        return {
            "id": self.live.task.id,
            "status": "running",
            "exit_code": None,
            "meaning": "",
            "started_at": self.live.started_at,
            "ended_at": None,
            "stdout": stdout,
            "stderr": stderr,
            "outputs": {},
            "warnings": [],
        }
