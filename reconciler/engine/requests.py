"""The supervisor's desk for what its runs ask: takes requests, holds them until they are answered, tells the answers.

The answer to a secret question is in memory alone, also in that which outlives us (``book.py``), and hidden in all the
run writes from before it is told.  Where that memory is lost with it, the question stands open once more.
"""

import json
from functools import partial
from typing import Any

from reconciler.engine.book import Book
from reconciler.engine.journal import Entry
from reconciler.engine.masks import mask_text
from reconciler.engine.request import ASK, MAX_ANSWER, TELL, WAIT, Request, hash_token, is_plain, read_body, read_note
from reconciler.engine.run import RunState
from reconciler.engine.runner import Runner
from reconciler.engine.server import Connection
from reconciler.engine.spawning import write_marks
from reconciler.engine.surroundings import Surroundings

MAX_HELD = 100
"""So many callers may be waiting at a time: each holds a connection, and its task's pipes."""

MAX_REQUESTS = 1_000
MAX_BYTES = 1 << 20
"""So many a run may make, and so long all together."""

_OVER = {"refused": "the task that asked has ended"}


class Requests:
    def __init__(self, around: Surroundings, runner: Runner, book: Book | None) -> None:
        self._around = around
        self._runner = runner
        self._book = book
        self._callers: dict[Connection, tuple[RunState, Request]] = {}

    # -- what runs ask

    def take(self, connection: Connection, message: dict[str, Any]) -> None:
        """Take a request of a run, or connect its caller with it again."""
        run = self._runner.run_with_token(hash_token(str(message.get("token", ""))))
        if run is None:
            connection.reply({"refused": "this run has ended, or the token is not that of a run"})
            return
        if message["do"] == TELL:
            self._note(connection, run, message)
            return
        request = run.requests.get(str(message.get("key", "")))
        if request is not None:
            connection.reply({"accepted": True})
            self._attach(connection, run, request)
        elif len(self._callers) >= MAX_HELD:
            connection.reply({"refused": f"{MAX_HELD} tasks wait for an answer or for other runs already"})
        elif len(run.requests) >= MAX_REQUESTS:
            connection.reply({"refused": f"a run may ask {MAX_REQUESTS:,} times"})
        else:
            self._begin(connection, run, message)

    def _note(self, connection: Connection, run: RunState, message: dict[str, Any]) -> None:
        note = read_note(message, run.mask_forms)
        if isinstance(note, str):
            connection.reply({"refused": note})
            return
        run.note = note
        self._runner.review(run)
        connection.reply({})

    def _begin(self, connection: Connection, run: RunState, message: dict[str, Any]) -> None:
        body = read_body(message, run.mask_forms)
        if isinstance(body, str):
            connection.reply({"refused": body})
            return
        if sum(request.size for request in run.requests.values()) + len(json.dumps(body)) > MAX_BYTES:
            connection.reply({"refused": f"what a run asks may have {MAX_BYTES:,} bytes all together"})
            return
        at, seconds = self._around.now(), message.get("timeout_seconds")
        mark: Entry = {
            "kind": "request",
            "uid": run.uid,
            "key": str(message["key"]),
            "what": message["do"],
            "task": run.index,
            "at": at,
            "deadline_at": None if seconds is None else at + round(float(seconds) * 1_000_000),
            "body": body,
        }
        request = run.requests[mark["key"]] = Request(mark)
        write_marks(self._around, run, mark)

        def accept() -> None:
            connection.reply({"accepted": True})
            self._attach(connection, run, request)
            self._watch_deadline(run, request)
            self._runner.review(run)

        def refuse() -> None:
            del run.requests[request.key]
            run.marks.remove(mark)
            connection.reply({"refused": f"nothing can be kept durably: {self._around.journal.problem}"})

        self._around.journal.sync(accept, on_failure=refuse)

    def _attach(self, connection: Connection, run: RunState, request: Request) -> None:
        if not connection.is_open:
            self._left(run, request)
            return
        request.has_caller = True
        self._callers[connection] = (run, request)
        if request.answer is not None or request.is_over:
            self._tell(run, request)

    def _tell(self, run: RunState, request: Request) -> None:
        """Tell the answer to those who wait for it; it is over then."""
        if self._dismiss(request, request.answer or _OVER):
            self._close(run, request, "told")

    def _dismiss(self, request: Request, answer: dict[str, Any]) -> bool:
        """Send ``answer`` to those who wait; False where there is nobody."""
        callers = [each for each, (_, held) in self._callers.items() if held is request]
        for connection in callers:
            del self._callers[connection]
            connection.reply(answer)
        return bool(callers)

    def _close(self, run: RunState, request: Request, outcome: str) -> None:
        if not request.is_over:
            mark = {"kind": "close", "key": request.key, "outcome": outcome, "at": self._around.now()}
            self._mark(run, mark)
            request.close(mark)

    def _mark(self, run: RunState, mark: Entry) -> None:
        write_marks(self._around, run, {"uid": run.uid, **mark})

    def _watch_deadline(self, run: RunState, request: Request) -> None:
        if request.deadline_at is not None and request.is_open:
            seconds = (request.deadline_at - self._around.now()) / 1_000_000
            self._around.loop.call_at(self._around.loop.now + seconds, partial(self._expire, run, request))

    def _expire(self, run: RunState, request: Request) -> None:
        """Nobody answered in time; runs that were waited for go on without being waited for."""
        if not request.is_open:
            return
        self._dismiss(request, {"expired": True, "children": request.children})
        if request.what == ASK:
            self._close(run, request, "expired")
        else:
            self._leave(run, request)
        self._runner.review(run)

    def closed(self, connection: Connection) -> None:
        """A connection is gone: where its caller waited, nobody does now."""
        run, request = self._callers.pop(connection, (None, None))
        if run is not None and request is not None:
            self._left(run, request)

    def _left(self, run: RunState, request: Request) -> None:
        if request.what == ASK and request.is_open:
            self._close(run, request, "withdrawn")
        else:
            self._leave(run, request)
        self._runner.review(run)

    def _leave(self, run: RunState, request: Request) -> None:
        """Wait for no runs any more; those that are still to be started are."""
        if request.has_caller and not request.is_over:
            self._mark(run, {"kind": "leave", "key": request.key})
            request.has_caller = False
            if request.is_settled or request.what == WAIT:
                self._close(run, request, "left")

    def task_over(self, run: RunState) -> None:
        """The task that may have asked has ended: what it has not been told nobody waits for."""
        run.note = None
        for request in run.requests.values():
            if not request.is_over:
                self._dismiss(request, request.answer or _OVER)
                self._left(run, request)
            if run.cause == "cancelled" and not request.is_settled:
                self._close(run, request, "cancelled")

    def resume(self) -> None:
        """Go on with what was asked in the time of an earlier supervisor; callers come back by themselves."""
        for run in self._runner.runs.values():
            for request in run.requests.values():
                self._watch_deadline(run, request)
            if run.requests:
                self._runner.review(run)

    # -- what operators and drivers say

    def answer(self, connection: Connection, message: dict[str, Any]) -> None:
        """Take a person's answer; acknowledged once it cannot be lost but with the machine."""
        run = self._runner.runs.get(str(message["uid"]))
        request = run.requests.get(str(message["key"])) if run is not None else None
        why_not = _why_no_answer(request, message["text"])
        if run is None or request is None or why_not:
            connection.reply({"refused": why_not})
            return
        text: str = message["text"]
        is_hidden = request.body["is_secret"] or mask_text(text, run.mask_forms) != text
        if is_hidden:
            self._hide(run, request, text)
        mark = {"kind": "answer", "key": request.key, "is_hidden": is_hidden, "by": str(message["by"])}
        mark |= {"at": self._around.now(), "text": "" if is_hidden else text}
        self._mark(run, mark)
        request.take_answer(mark, text)

        def accept() -> None:
            connection.reply({})
            self._tell(run, request)
            self._runner.review(run)

        self._around.journal.sync(accept)

    def _hide(self, run: RunState, request: Request, text: str) -> None:
        run.hide(text, key=request.key)
        if self._book is not None:
            self._book.change(run.uid, masks=run.order.masks, answers=run.order.answers)

    def settle(self, connection: Connection, message: dict[str, Any]) -> None:
        """Learn which runs came of a request, why none did, or how they ended (``runs``, where it ``is_final``)."""
        run = self._runner.runs.get(str(message["uid"]))
        request = run.requests.get(str(message["key"])) if run is not None else None
        if run is None or request is None or not request.is_open:
            connection.reply({})
            return
        refusal = message["refusal"]
        if refusal is None and not request.is_settled:
            mark = {"kind": "settle", "key": request.key, "children": message["children"]}
            self._mark(run, mark)
            request.settle(mark)
        if refusal is not None:
            request.answer = {"refusal": refusal}
        elif message["is_final"] or not request.body["wait"]:
            request.answer = {"runs": message["runs"]}
        if request.answer is not None:
            self._tell(run, request)
        if not request.has_caller:
            self._close(run, request, "left")
        self._runner.review(run)
        connection.reply({})


def _why_no_answer(request: Request | None, text: Any) -> str:
    if request is None or request.what != ASK:
        return "the run waits for no such answer"
    if not request.is_open:
        return {"answered": "it has been answered already", "expired": "the time for an answer is over"}.get(
            request.outcome, "the task that asked waits no longer"
        )
    if not isinstance(text, str) or len(text) > MAX_ANSWER:
        return f"an answer is text of {MAX_ANSWER} characters at most"
    if not is_plain(text):
        return "an answer is UTF-8 text"
    if request.body["choices"] and text not in request.body["choices"]:
        return "it is none of the choices"
    return ""
