"""Takes a live task step by step to its end: time-out, TERM, KILL, the last of its output, the result."""

import signal
import time

from reconciler.engine.ending import drain, note_oddities, signal_all, take_outputs
from reconciler.engine.live import GIVE_UP_SECONDS, LiveTask
from reconciler.engine.roster import Roster
from reconciler.engine.run import RunState


def arm(roster: Roster, run: RunState, live: LiveTask) -> None:
    """Have ``run`` looked at when its next step is due."""
    loop = roster.around.loop
    if live.timer is not None:
        live.timer.cancel()
    at = live.next_step_at(now=loop.now)
    live.timer = loop.call_at(at, lambda: roster.look(run)) if at is not None else None


def consider(roster: Roster, run: RunState) -> None:
    """Take the next step with a run that was cancelled, whose program has ended or whose time has come."""
    live = run.live
    if live is None:
        if run.cause and run.ended_at is None and run.is_waiting:
            roster.end(run)
        return
    now = roster.around.loop.now
    if not live.has_exited and live.deadline is not None and live.deadline <= now:
        if run.deadline is not None and run.deadline <= now:
            run.cause = run.cause or "timeout"
        live.stop("timeout", now=now, grace=run.order.grace_seconds)
        live.deadline = None
    if live.has_exited:
        drain(roster.around.loop, live)
        if not roster.family.survivors(live) and not live.has_open_stream:
            _finish(roster, run, live)
            return
        live.let_drain(now=now, seconds=run.order.drain_seconds)
    if live.stop_at is not None and live.stop_at <= now and not live.was_terminated:
        live.was_terminated = True
        signal_all(roster.family, live, signal.SIGTERM)
    if live.kill_at is not None and live.kill_at <= now:
        signal_all(roster.family, live, signal.SIGKILL)
        if live.kill_at + GIVE_UP_SECONDS <= now:
            _finish(roster, run, live)
            return
    arm(roster, run, live)


def _finish(roster: Roster, run: RunState, live: LiveTask) -> None:
    left = roster.family.survivors(live)
    if not live.has_exited:
        live.exited(None, now=time.monotonic())
        left.add(live.pid)
    roster.release(run, live)
    note_oddities(run, live, left)
    result = live.result() | run.asked(live.index)
    result["outputs"] = take_outputs(roster.around.scratch, run, live)
    roster.task_ended(run, result)
