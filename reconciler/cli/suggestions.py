"""What to try after a run that went wrong: by its status, its exit code and the words it wrote."""

import re
from collections.abc import Iterable, Iterator, Sequence

from reconciler.cli.run_table import deciding_code
from reconciler.engine.limits import LIMIT_WORDS
from reconciler.model.run import OutputRecord, Run, RunStatus, TaskResult

_BY_CODE = {
    2: "Check the arguments of the command",
    126: "Check that the program may be executed (chmod +x), and is one",
    127: "Check that the program is installed, and on the PATH of the run",
    130: "It was interrupted: look who sent Ctrl+C or SIGINT",
    137: "It was killed: look for out of memory in the system's log",
    143: "It was terminated: look who stopped it",
    -9: "It was killed: look for out of memory in the system's log",
    -11: "It crashed: run it by hand under a debugger",
    -15: "It was terminated: look who stopped it",
}
_BY_WORDS = (
    (r"lock|in use|being used|busy", "Check if file is in use by another process"),
    (r"^not allowed: ", "Call a host that the settings of the target allow (http), or have it allowed there"),
    (r"denied|not permitted|unauthori[sz]ed|forbidden", "Verify script has appropriate permissions"),
    (r"no space left|disk full|quota", "Free some space on the disk"),
    (r"no such file|not found|cannot find", "Check that the files it names are there"),
    (r"timed out|unreachable|refused|could not resolve", "Check the network and the host it talks to"),
)
_BY_STATUS = {
    RunStatus.TIMEOUT: "Raise timeoutSeconds, or split the job",
    RunStatus.LOST: "The machine or the engine went down meanwhile: look whether its work was done",
    RunStatus.UNKNOWN: "Look on the device whether its work was done",
    RunStatus.EXPIRED: "Raise expireAfterMinutes, or look why it did not get its turn",
}
_READ_BYTES = 65_536


def suggest(run: Run, tasks: Sequence[TaskResult], output: Sequence[OutputRecord]) -> list[str]:
    """Return what may help, most telling first; nothing for a run that went well or was cancelled."""
    if run.status in {RunStatus.COMPLETED, RunStatus.CANCELLED, RunStatus.SKIPPED} or not run.status.is_ended:
        return []
    found = list(dict.fromkeys(_hints(run, tasks, _text(tasks, output))))
    return [*found, f"Run job again{' after resolving this' if found else ''}: reconciler runs retry {run.uid}"]


def _hints(run: Run, tasks: Sequence[TaskResult], text: str) -> Iterator[str]:
    yield from (hint for pattern, hint in _BY_WORDS if re.search(pattern, text, re.MULTILINE))
    code = deciding_code(tasks)
    was_ended_by_us = run.status is RunStatus.TIMEOUT or any(task.meaning.startswith(LIMIT_WORDS) for task in tasks)
    if code is not None and code in _BY_CODE and not was_ended_by_us:
        yield _BY_CODE[code]
    if run.status in _BY_STATUS:
        yield _BY_STATUS[run.status]


def _text(tasks: Iterable[TaskResult], output: Sequence[OutputRecord]) -> str:
    # A meaning of several lines brings its own advice.
    data = b"".join(record.data for record in output)[-_READ_BYTES:]
    meanings = [task.meaning for task in tasks if "\n" not in task.meaning]
    return "\n".join([data.decode("utf-8", errors="replace"), *meanings]).lower()
