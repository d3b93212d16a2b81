"""What is done to a task at its end: read it dry, end what it left, take what it hands on."""

import signal
from typing import Any

from reconciler.engine.eventloop import EventLoop
from reconciler.engine.family import Family, name_of
from reconciler.engine.live import LiveTask
from reconciler.engine.masks import Masker
from reconciler.engine.outputs import MAX_OUTPUT_FILE_BYTES, parse_outputs
from reconciler.engine.processes import send_signal
from reconciler.engine.run import RunState
from reconciler.engine.scratch import Scratch

_READS = 16
_LOOKS = 10
_MAX_NAMES = 10


def drain(loop: EventLoop, live: LiveTask) -> None:
    """Read what lies in the pipes: a pipe's fill is all that the program itself can have left there."""
    for stream in live.streams:
        fd = stream.fd
        for _ in range(_READS):
            if stream.fd < 0 or not stream.read():
                break
        if fd >= 0 and stream.fd < 0:
            loop.forget(fd)


def signal_all(family: Family, live: LiveTask, number: int) -> None:
    """Signal the whole tree; with KILL until a look around finds nobody new."""
    signalled: set[int] = set()
    for _ in range(_LOOKS if number == signal.SIGKILL else 1):
        stragglers = family.survivors(live)
        if live.has_exited:
            live.stragglers.update((pid, name_of(pid)) for pid in stragglers if pid not in live.stragglers)
        targets = stragglers | (set() if live.has_exited else {live.pid})
        for pid in targets - signalled:
            send_signal(pid, number)
            if number == signal.SIGTERM:
                # What is stopped would not hear of it.
                send_signal(pid, signal.SIGCONT)
        if targets <= signalled:
            return
        signalled |= targets
        family.new_turn()


def note_oddities(run: RunState, live: LiveTask, left: set[int]) -> None:
    """Add warnings on what a person should know of; ``left`` are processes that would not end."""
    if live.stragglers and not live.cause:
        names = [f"{name} (pid {pid})" for pid, name in live.stragglers.items()]
        live.warnings.append(f"still ran when the task had ended, and was stopped: {', '.join(names[:_MAX_NAMES])}")
    if left:
        names = [f"{name_of(pid)} (pid {pid})" for pid in sorted(left)]
        live.warnings.append(f"could not be ended: {', '.join(names[:_MAX_NAMES])}")
    if run.spool is not None and run.spool.problem:
        live.warnings.append(run.spool.problem)
    if run.hides_output:
        live.warnings.append("output after the supervisor's death was not kept: what is secret in it is not known")


def take_outputs(scratch: Scratch, run: RunState, live: LiveTask) -> dict[str, Any]:
    """Return what the task has written to RECONCILER_OUTPUT, masked; what is wrong with it becomes a warning."""
    data = scratch.read_output(run.uid, live.index, live.task, limit=MAX_OUTPUT_FILE_BYTES + 1)
    if not data:
        return {}
    if run.hides_output:
        live.warnings.append("outputs were not read: the supervisor died, and what is secret in them is not known")
        return {}
    masker = Masker(run.mask_forms)
    outputs, warnings = parse_outputs(masker.feed(data) + masker.flush())
    live.warnings += warnings
    return outputs
