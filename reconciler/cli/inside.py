"""`run`, `wait` and `event` within a job: asked of the engine that runs it, which needs no configuration."""

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import click

from reconciler.cli.exits import ExitCode, code_of_status, first_of
from reconciler.cli.output import echo_json, tell, warn
from reconciler.engine.inside import RunLink, inside_run
from reconciler.engine.request import SEND
from reconciler.model.errors import CouldNot, UsageError
from reconciler.model.event import Event
from reconciler.model.run import RunStatus
from reconciler.model.text import escape_text
from reconciler.model.uids import new_uid
from reconciler.reports.exit_codes import explain_end

_PATIENCE_SECONDS = 30.0
"""For somebody to see to a request, where nobody asked to wait for more."""

_RULE = "-" * 70


def link_of_call(directory: str | None, state: str | None) -> RunLink | None:
    """Return how to ask the engine; None outside of a run, or where the call names another place."""
    return inside_run(os.environ) if directory is None and state is None else None


def call_runs(link: RunLink, *, wait: float | None, format_: str, what: str = "run", **fields: Any) -> int:
    """Ask for runs, or for the end of runs; wait as ``wait`` says; tell how they stand.

    Return 0 without waiting, else how they went.
    """
    answer = _request(link, what, wait=wait, **fields)
    if answer is None:
        tell("Accepted; nobody drives runs here just now, so it begins with the next `reconcile`, or with `serve`.")
        return ExitCode.DONE
    if "expired" in answer:
        warn(f"Not ended within {wait:.0f} seconds: {', '.join(answer['children']) or 'it was not begun'}.")
        return ExitCode.RUN_UNKNOWN
    return _tell_runs(answer["runs"], has_waited=wait is not None, format_=format_)


def send_event(link: RunLink, event: Event, *, format_: str) -> int:
    """Tell of ``event`` as one of the run; the jobs that name it are started by whoever drives runs."""
    told = {"id": event.id, "type": event.type, "device": event.device, "data": event.data}
    name = escape_text(event.type)
    if _request(link, SEND, wait=None, event=told) is None:
        tell(f"event {name} accepted; nobody drives runs here just now: the next `reconcile`, or `serve`, takes it.")
    else:
        tell(f"event {name} recorded: {escape_text(event.id)}")
    if format_ == "json":
        echo_json([])
    return ExitCode.DONE


def _request(link: RunLink, what: str, *, wait: float | None, **fields: Any) -> dict[str, Any] | None:
    """Return the engine's answer; None where there is none yet, and nobody asked to wait. Raises what it refuses."""
    answer = link.request(
        what,
        key=new_uid(),
        wait=wait is not None,
        timeout_seconds=None if wait is None or math.isinf(wait) else wait,
        seconds_after_acceptance=_PATIENCE_SECONDS if wait is None else None,
        **fields,
    )
    if answer is not None and (refusal := answer.get("refusal")):
        kind = UsageError if refusal["isUsage"] else CouldNot
        raise kind(refusal["message"], hint=refusal["hint"])
    return answer


def _tell_runs(runs: Sequence[dict[str, Any]], *, has_waited: bool, format_: str) -> int:
    tails = [run.pop("tails", {}) for run in runs]
    if format_ == "json":
        echo_json(runs)
    else:
        for run, tail in zip(runs, tails, strict=True):
            click.echo("\n".join(escape_text(line) for line in _lines(run, tail)))
    codes = [code_of_status(RunStatus(run["status"])) for run in runs]
    return first_of(codes) if has_waited else ExitCode.DONE


def _lines(run: Mapping[str, Any], tails: Mapping[str, str]) -> list[str]:
    # Late, since this is more than most calls need.
    from reconciler.cli.run_words import TITLES, facts_lines, results_lines

    reason = f" ({run['reason']})" if run["reason"] else ""
    facts = [
        ("Job UID", run["uid"]),
        ("Device", run["device"]["hostname"]),
        ("Job", run["jobId"]),
        ("Commit", run["commit"][:12]),
        ("Status", f"{run['status'].capitalize()}{reason}"),
    ]
    ended = [task for task in run["tasks"] if task["exitCode"] is not None]
    if ended:
        task = next((task for task in reversed(ended) if task["exitCode"]), ended[-1])
        facts.append(("Exit Code", f"{task['exitCode']} ({explain_end(task['status'], task['exitCode'])})"))
    lines = [TITLES[RunStatus(run["status"])], "", *facts_lines(facts)]
    for title, name in (("Output", "stdout"), ("Errors", "stderr")):
        if tails.get(name, "").strip():
            lines += ["", f"{title}:", _RULE, *tails[name].rstrip("\n").split("\n"), _RULE]
    lines += results_lines((name, value) for task in run["tasks"] for name, value in task["outputs"].items())
    return [*lines, ""]
