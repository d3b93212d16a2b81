"""A run in the supervisor's hands, from its order to its outcome."""

from typing import Any

from reconciler.engine.journal import Entry
from reconciler.engine.live import LiveTask, running_result
from reconciler.engine.masks import mask_forms
from reconciler.engine.spool import PARTS, SpoolWriter
from reconciler.engine.work import Order


class RunState:
    """``status`` is as in reconciler.model.run; ``is_settled``: it has ended, and that is durable.

    ``version`` grows with each change that a client may see.  ``index`` is the task that runs or is next.  ``marks``
    are the run's entries in the journal.  ``is_whole``: the order is as it came; else it is what the journal holds of
    it, which is enough to see a task to its end, but not to start one.  ``is_waiting``: for its first task to start,
    or the next.  ``hides_output``: what must not be shown is unknown, so nothing more is.
    """

    def __init__(self, order: Order, *, is_whole: bool = True) -> None:
        self.order = order
        self.uid = order.uid
        self.is_whole = is_whole
        self.marks: list[Entry] = []
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
        self.is_waiting = False
        self.is_settled = False
        self.version = 0
        self.hides_output = False
        self._mask_forms: list[bytes] | None = None

    @property
    def mask_forms(self) -> list[bytes]:
        if self._mask_forms is None:
            self._mask_forms = mask_forms(self.order.masks)
        return self._mask_forms

    @property
    def outputs(self) -> dict[str, dict[str, Any]]:
        """What earlier tasks have written, by task id."""
        return {result["id"]: result["outputs"] for result in self.results}

    def judge(self) -> tuple[str, str]:
        """Return status and reason of a run that starts no further task."""
        if self.cause == "internal_error":
            return "failed", "internal_error"
        if self.cause == "expired":
            return "expired", "waited_too_long"
        for task, result in zip(self.order.tasks, self.results, strict=False):
            status = result["status"]
            if status == self.cause:
                break
            if status == "lost":
                return "lost", "supervisor_died"
            if status == "failed" and not task.continue_on_failure:
                return "failed", "failed_to_start" if result["started_at"] is None else ""
            if status == "timeout" and not task.continue_on_failure:
                return "timeout", "task_timeout"
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
            "tasks": self.results if settled or self.live is None else [*self.results, running_result(self.live)],
        }

    def spool_files(self) -> list[str]:
        """Return the names of the files that may hold the run's output."""
        has_none = self.spool is not None and not self.spool.offset
        return [] if has_none else [f"{self.uid}.{part}" for part in PARTS]

    def end_mark(self) -> Entry:
        return {
            "kind": "end",
            "uid": self.uid,
            "status": self.status,
            "reason": self.reason,
            "started_at": self.started_at,
            "at": self.ended_at,
            "results": self.results,
        }
