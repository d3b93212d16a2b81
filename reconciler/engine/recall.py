"""What a new supervisor knows of the runs of those before it, from the journal and the book of orders."""

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from reconciler.engine.journal import Entry
from reconciler.engine.request import Request
from reconciler.engine.run import RunState
from reconciler.engine.work import read_order

FORMAT = 2
_BAD_ENTRY = (KeyError, TypeError, ValueError, IndexError)


class Recalled(NamedTuple):
    """``forgotten`` maps uid to seconds since 1970.

    ``is_same_boot``: pids still mean what they meant; ``is_same_guardian``: it may know what became of them.
    """

    runs: dict[str, RunState]
    forgotten: dict[str, int]
    is_same_boot: bool = False
    is_same_guardian: bool = False


def boot_entry(boot_id: str, guardian_pid: int) -> Entry:
    """Return the journal's first entry: by whom and when the others are to be understood."""
    return {"kind": "boot", "format": FORMAT, "id": boot_id, "guardian": guardian_pid}


def recall(entries: Iterable[Entry], book: Mapping[str, dict[str, Any]], now: Entry) -> Recalled:
    """Rebuild the runs, in the order in which they were accepted; entries that make no sense are left out.

    ``now`` is what ``boot_entry`` returns today.
    """
    recalled = Recalled({}, {})
    for entry in entries:
        # A bad entry must not keep the supervisor from ever starting again.
        with contextlib.suppress(*_BAD_ENTRY):
            if entry["kind"] == "boot":
                is_same_boot = bool(now["id"]) and entry["id"] == now["id"]
                is_same_guardian = is_same_boot and entry["guardian"] == now["guardian"]
                recalled = recalled._replace(is_same_boot=is_same_boot, is_same_guardian=is_same_guardian)
            elif entry["kind"] == "forget":
                for uid in entry["uids"]:
                    recalled.runs.pop(uid, None)
                    recalled.forgotten[uid] = int(entry["at"])
            elif entry["kind"] == "accept":
                # Where the order cannot be read, its uid still can, and must not be started again.
                recalled.forgotten[entry["uid"]] = int(entry["at"]) // 1_000_000
                recalled.runs.setdefault(entry["uid"], _begin(entry, book))
                del recalled.forgotten[entry["uid"]]
            else:
                _apply(recalled.runs[entry["uid"]], entry)
    return recalled


def _begin(entry: Entry, book: Mapping[str, dict[str, Any]]) -> RunState:
    plain = book.get(entry["uid"])
    run = RunState(read_order(plain or entry["order"]), is_whole=plain is not None)
    run.hides_output = plain is None and bool(entry["masked"])
    run.token_hash = entry.get("token", "")
    run.marks.append(entry)
    return run


def _apply(run: RunState, entry: Entry) -> None:
    kind = entry["kind"]
    if kind == "start":
        if run.started_at is None:
            run.started_at = entry["at"]
            if run.order.timeout_seconds is not None:
                run.deadline = entry["mono"] + run.order.timeout_seconds
    elif kind == "task":
        run.results.append(entry["result"])
        run.index += 1
    elif kind == "cancel":
        run.cause = "cancelled"
    elif kind == "request":
        run.requests[entry["key"]] = Request(entry)
    elif kind in {"settle", "answer", "leave", "close"}:
        _apply_to_request(run, run.requests[entry["key"]], entry)
    elif kind == "end":
        run.status, run.reason, run.results = entry["status"], entry["reason"], entry["results"]
        run.started_at, run.ended_at = entry["started_at"], entry["at"]
    run.marks.append(entry)


def _apply_to_request(run: RunState, request: Request, entry: Entry) -> None:
    kind = entry["kind"]
    if kind == "settle":
        request.settle(entry)
    elif kind == "answer":
        text = run.order.answers.get(request.key) if entry["is_hidden"] else entry["text"]
        if entry["is_hidden"] and not run.is_whole:
            run.hides_output = True  # what it hides went down with the order
        if text is not None:
            request.take_answer(entry, text)
    elif kind == "leave":
        request.has_caller = False
    elif kind == "close":
        request.close(entry)


class OpenMarks(NamedTuple):
    """What is written of the task that was under way: that it was about to start, had started, had ended."""

    start: Entry | None
    spawn: Entry | None
    exit: Entry | None


def open_marks(run: RunState) -> OpenMarks:
    marks = {mark["kind"]: mark for mark in run.marks if mark.get("task") == run.index}
    return OpenMarks(marks.get("start"), marks.get("spawn"), marks.get("exit"))
