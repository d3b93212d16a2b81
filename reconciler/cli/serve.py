"""`reconciler serve`: the loop that reconciles all day."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from types import FrameType

import click

from reconciler.cli.exits import ExitCode
from reconciler.cli.options import secrets_option, state_option, verb
from reconciler.cli.output import warn
from reconciler.cli.session import Session, open_session
from reconciler.loop.inbox import Inbox
from reconciler.loop.mending import go_on
from reconciler.loop.serve import Loop, Source, Tell
from reconciler.model.instant import format_instant
from reconciler.model.settings import EventSettings
from reconciler.model.text import escape_text
from reconciler.model.uids import new_uid
from reconciler.runs.drive import wait_for_news

FOLLOW_SECONDS = 1.0


@verb(
    "serve",
    examples="""
    reconciler serve                                # follow HEAD of this clone
    reconciler serve --branch main --interval 60
    reconciler serve --remote origin --branch main  # fetch, then follow origin's main
    """,
)
@click.option("--branch", metavar="REF", default="HEAD", show_default=True, help="The branch to follow.")
@click.option("--remote", metavar="NAME", help="Fetch the branch from this remote first.")
@click.option(
    "--interval",
    type=click.IntRange(1, 86400),
    default=30,
    show_default=True,
    help="Seconds between looks at the branch.",
)
@click.option(
    "--stop-seconds",
    type=click.IntRange(min=0),
    default=300,
    show_default=True,
    help="How long to wait for runs when asked to stop; they go on without us.",
)
@click.option("--take-over", is_flag=True, help="At the start, take targets over from another state, for good.")
@state_option
@secrets_option
def command(
    *,
    directory: str | None,
    branch: str,
    remote: str | None,
    interval: int,
    stop_seconds: int,
    take_over: bool,
    state: str | None,
    secrets: str | None,
) -> int:
    """Follow a branch: apply each new commit, start what falls due, see runs through, publish reports.

    TERM or Ctrl-C: nothing new is started, running jobs are waited for; a second time: stop at once.  Either way the
    runs go on and are reported, now or by the next start.  A second `serve` on the same state is refused.
    """
    with open_session(directory=directory, state=state, secrets=secrets) as session, _stopping() as stop:
        going_on = partial(go_on, session.store, host=session.host, clock=session.clock, tell=_say(session))
        world = going_on(lambda: session.world_of_applied(session.applied_settings()))
        source = _source(session, branch, remote, interval)
        open_inbox = partial(_open_inbox, session, stop)
        loop = going_on(lambda: Loop(source, world, tell=_say(session), take_over=take_over, open_inbox=open_inbox))
        _say(session)(f"following {branch} of {session.repository.name}; state {session.state_path}")
        while not stop.is_set():
            _rest(loop, until=going_on(loop.turn), stop=stop)
        _finish(loop, session, stop, timedelta(seconds=stop_seconds))
    return ExitCode.DONE


class Stop:
    """Whether to stop; and how to sleep until somebody says so, or has something to do."""

    def __init__(self) -> None:
        self._is_set = False
        self._awake = threading.Event()

    def set(self) -> None:
        self._is_set = True
        self._awake.set()

    def clear(self) -> None:
        self._is_set = False

    def is_set(self) -> bool:
        return self._is_set

    def wake(self) -> None:
        self._awake.set()

    def rest(self, seconds: float) -> None:
        self._awake.wait(seconds)
        self._awake.clear()


def _source(session: Session, branch: str, remote: str | None, interval: int) -> Source:
    def tip() -> str:
        if remote is not None:
            return session.repository.fetch(remote, branch)
        return session.repository.resolve(branch).sha

    return Source(tip=tip, read=session.read_narrowly, open_world=session.world, poll_every=timedelta(seconds=interval))


def _say(session: Session) -> Tell:
    """Say one line with its time; what it tells of cannot forge another."""
    return lambda words: warn(f"{format_instant(session.clock())} {escape_text(words)}")


def _rest(loop: Loop, *, until: datetime, stop: Stop) -> None:
    """Wait for the next thing to do: a fire time, a look at the branch, news of a run, or a signal."""
    driver = loop.world.driver
    seconds = (until - driver.clock()).total_seconds()
    if seconds <= 0:
        return
    if any(driver.handles.values()):
        wait_for_news(driver, min(seconds, FOLLOW_SECONDS))
    else:
        stop.rest(seconds)


def _finish(loop: Loop, session: Session, stop: Stop, patience: timedelta) -> None:
    """Wait for the runs under way, then leave; what still runs goes on, and is reported after the next start."""
    stop.clear()
    deadline = session.clock() + patience
    said = False
    while (number := loop.last_turn()) and session.clock() < deadline and not stop.is_set():
        if not said:
            _say(session)(f"stopping: waiting for {number} under way; a second signal leaves at once")
            said = True
        wait_for_news(loop.world.driver, FOLLOW_SECONDS)
    loop.publish()
    loop.leave()
    _say(session)(f"stopped; {number} still under way, which go on" if number else "stopped")


def _open_inbox(session: Session, stop: Stop, settings: EventSettings) -> Inbox | None:
    mqtt = settings.mqtt
    if not mqtt.host:
        return None
    from reconciler.loop.mqtt import MqttInbox

    return MqttInbox(
        mqtt,
        password=session.event_secret(mqtt.password) if mqtt.password else None,
        client_id=mqtt.client_id or f"reconciler-{session.store.state_id}",
        clock=session.clock,
        new_uid=new_uid,
        tell=_say(session),
        wake=stop.wake,
    )


@contextmanager
def _stopping() -> Iterator[Stop]:
    """Turn TERM and Ctrl-C into a word to stop, as long as this lasts."""
    stop = Stop()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
