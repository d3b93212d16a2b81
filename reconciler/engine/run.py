"""A run in the supervisor's hands, from its order to its outcome."""

from typing import Any

from reconciler.engine.journal import Entry
from reconciler.engine.live import LiveTask, running_result
from reconciler.engine.masks import mask_forms
from reconciler.engine.request import ASK, RUN, Request
from reconciler.engine.spool import PARTS, SpoolWriter
from reconciler.engine.work import Order


class RunState:
    """``status`` is as in reconciler.model.run; ``is_settled``: it has ended, and that is durable.

    ``version`` grows with each change that a client may see.  ``index`` is the task that runs or is next.  ``marks``
    are the run's entries in the journal.  ``is_whole``: the order is as it came; else it is what the journal holds of
    it, which is enough to see a task to its end, but not to start one.  ``is_waiting``: for its first task to start,
    or the next.  ``note``: how far its task says that it is.  ``hides_output``: what must not be shown is unknown, so
    nothing more is.
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
        self.token_hash = ""
        self.requests: dict[str, Request] = {}
        self.note: dict[str, Any] | None = None
        self._mask_forms: list[bytes] | None = None

    @property
    def mask_forms(self) -> list[bytes]:
        if self._mask_forms is None:
            self._mask_forms = mask_forms(self.order.masks)
        return self._mask_forms

    def hide(self, text: str, *, key: str) -> None:
        """Hide a secret answer, to the question with ``key``, in all that is written from now on."""
        masks, answers = [*self.order.masks, text], {**self.order.answers, key: text}
        self.order = self.order._replace(masks=masks, answers=answers)
        self._mask_forms = None
        for stream in self.live.streams if self.live is not None else ():
            stream.hide(self.mask_forms)

    @property
    def waits_for(self) -> str:
        """Return what its task waits for: a question, or a child; or nothing."""
        if self.live is None:
            return ""
        requests = self.requests.values()
        if any(request.what == ASK and request.is_open for request in requests):
            return "question"
        return "child" if any(request.waits for request in requests) else ""

    def asked(self, task: int) -> dict[str, Any]:
        """Return the part of a task's result that tells of its requests."""
        own = [request for request in self.requests.values() if request.task == task]
        return {
            "questions": [request.as_question() for request in own if request.what == ASK],
            "children": [uid for request in own if request.what == RUN for uid in request.children],
        }

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
        live = [] if settled or self.live is None else [running_result(self.live) | self.asked(self.live.index)]
        waits_for = "" if settled else self.waits_for
        status = self.status if settled or self.ended_at is None else "running"
        return {
            "version": self.version,
            "status": "waiting" if waits_for else status,
            "reason": self.reason if settled else waits_for,
            "started_at": self.started_at,
            "ended_at": self.ended_at if settled else None,
            "tasks": [*self.results, *live],
            "note": self.note,
            "calls": [call.as_call() for call in self.requests.values() if call.is_owed or call.waits],
        }

    def owed_marks(self) -> list[Entry]:
        """Return the marks of requests for runs that are still to be made, though this run has ended."""
        owed = {request.key for request in self.requests.values() if request.is_owed}
        return [mark for mark in self.marks if mark.get("key") in owed]

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
