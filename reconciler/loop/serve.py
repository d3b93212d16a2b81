"""The loop: follow one branch, reconcile each new commit, fire what falls due, and see the runs through.

Every turn is short and repeats what a kill cut off; what must not be lost is in the store and with the supervisor, so
this process may die at any point.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec import Struct

from reconciler.loop.apply import APPLIED_ACTIONS
from reconciler.loop.desired import CommitState
from reconciler.loop.due import TOLERANCE, settle_due
from reconciler.loop.events import settle_events, startup_event, take_event
from reconciler.loop.footing import read_footing
from reconciler.loop.inbox import Mail, OpenInbox, no_inbox
from reconciler.loop.lease import SERVE, take_lease
from reconciler.loop.one_offs import start_one_offs
from reconciler.loop.ownership import Displaced, hold_targets
from reconciler.loop.reconcile import Planned, apply_commit
from reconciler.loop.retention import prune_runs
from reconciler.loop.sources import poll_sources
from reconciler.loop.statuses import send_statuses, tell_refusal
from reconciler.loop.variables import keeps_variables
from reconciler.loop.world import World
from reconciler.loop.zones import refresh_zones
from reconciler.model.change import CHANGING, Action, Change
from reconciler.model.errors import CouldNot, DefinitionsInvalid, ReconcilerError
from reconciler.reports.publish import publish_reports
from reconciler.runs.drive import drive_once
from reconciler.store.errors import LeaseLost, RowUnreadable, StateUnavailable

LEASE_TIME = timedelta(seconds=60)
PUBLISH_EVERY = timedelta(seconds=15)
STATUS_AGAIN_AFTER = timedelta(minutes=1)
PRUNE_EVERY = timedelta(hours=1)
LOOK_AGAIN_EVERY = timedelta(minutes=5)
"""Drift, and the ends of pauses and graces, come without a commit."""

MOST_KEPT = 20_000
"""A commit of so many files is kept in memory, where its targets are looked at again; a larger one is read again."""

RETRY_AFTER = timedelta(seconds=5)
STILL = timedelta(seconds=90)
"""A turn that comes so much later than it should means that the machine or this process stood still."""

Tell = Callable[[str], None]


class Source(Struct, frozen=True, kw_only=True):
    """Where commits come from. ``tip`` returns the branch's commit, fetching first where there is a remote."""

    tip: Callable[[], str]
    read: Callable[[str], CommitState]
    open_world: Callable[[CommitState], World]
    poll_every: timedelta


class Loop:
    """A serving process. ``turn`` does what is to be done now, and says when to come back at the latest.

    Raises CouldNot where another process serves the same state, and Displaced where another state reconciles a target;
    with ``take_over`` its targets are taken from that one at the first commit.
    """

    def __init__(
        self,
        source: Source,
        world: World,
        *,
        tell: Tell,
        take_over: bool = False,
        open_inbox: OpenInbox = no_inbox,
    ) -> None:
        self._source = source
        self._world = world
        self._tell = tell
        self._take_over = take_over
        self._is_unfinished = False
        self._commit = ""
        self._kept: CommitState | None = None
        self._one_offs: list[Change] = []
        self._has_told_startup = False
        self._mail = Mail(open_inbox)
        self._troubled: set[str] = set()
        self._outage = ""
        now = world.clock()
        self._poll_at = self._publish_at = self._last_turn_at = self._awake_since = now
        self._prune_at = now + PRUNE_EVERY
        self._look_again_at = now + LOOK_AGAIN_EVERY
        self._hold_lease()
        refresh_zones(world)

    @property
    def world(self) -> World:
        """What the commit now followed is served with; it changes with the commit."""
        return self._world

    def turn(self) -> datetime:
        try:
            back_at = self._turn()
        except StateUnavailable as error:
            return self._hold_out(error)
        if self._outage:
            self._tell("the state can be used again")
            self._outage = ""
        return back_at

    def _hold_out(self, error: StateUnavailable) -> datetime:
        """Start nothing while nothing can be written down; what runs goes on, and is recorded when that is possible."""
        if str(error) != self._outage:
            self._tell(f"nothing is started, and nothing is recorded: {error}. {error.hint}")
            self._outage = str(error)
        return self._world.clock() + RETRY_AFTER

    def _turn(self) -> datetime:
        now = self._world.clock()
        self._notice_stillness(now)
        self._hold_lease()
        if now >= self._poll_at:
            self._poll(now)
        settle_due(self._world.scheduler, now=now, tolerance=self._tolerance(now), between=self._drive)
        self._start_one_offs(now)
        self._tell_startup()
        self._take_mail()
        poll_sources(self._world)
        settle_events(self._world, now=now)
        self._drive()
        if settle_events(self._world, now=now):
            self._drive()
        self._tell_troubles()
        if now >= self._publish_at:
            self.publish()
        if now >= self._prune_at:
            self._prune(now)
        return self._next_turn(now)

    def _drive(self) -> None:
        drive_once(self._world.driver, is_last=False)

    def _tell_troubles(self) -> None:
        """Say once that a target cannot be talked to, and once that it can again."""
        troubles = self._world.driver.troubles
        for name, why in troubles.items():
            if name not in self._troubled:
                self._tell(f"target {name} cannot be reached; its runs wait: {why}. {why.hint}".rstrip(". "))
        for name in self._troubled - troubles.keys():
            self._tell(f"target {name} can be reached again")
        self._troubled = set(troubles)

    def last_turn(self) -> int:
        """Follow what runs and start nothing: this process is stopping. Return how many runs of this machine are left.

        What other systems run may take days, and is followed by the next process.
        """
        self._hold_lease()
        drive_once(self._world.driver, starts=False)
        here = [name for name, target in self._world.targets.items() if target.capabilities.is_local]
        return sum(len(self._world.store.runs_under_way(name)) for name in here)

    def leave(self) -> None:
        """Give the lease back, so that another process need not wait for its end."""
        self._mail.close()
        store = self._world.store
        store.act_under(None)
        if (lease := store.lease(SERVE)) is not None and lease.owner == self._world.owner:
            store.release_lease(lease)

    def publish(self) -> None:
        world = self._world
        published = publish_reports(world.store, world.repository, settings=world.settings.reports, now=world.clock())
        if published.problem:
            self._tell(f"reports: {published.problem}")
        if problem := send_statuses(world, again_after=STATUS_AGAIN_AFTER):
            self._tell(f"statuses: {problem}")
        self._publish_at = world.clock() + PUBLISH_EVERY

    def _prune(self, now: datetime) -> None:
        if dropped := prune_runs(self._world, now=now):
            self._tell(f"{dropped} old runs are kept no longer")
        self._prune_at = now + PRUNE_EVERY

    def _hold_lease(self) -> None:
        # Every write from now on is refused by the database itself once somebody else has taken over.
        self._world.store.act_under(take_lease(self._world, SERVE, length=LEASE_TIME))

    def _tolerance(self, now: datetime) -> timedelta:
        return min(TOLERANCE, now - self._awake_since)

    def _notice_stillness(self, now: datetime) -> None:
        """A pause of the host, or a jump of its clock, counts as downtime: what it passed over is judged as missed."""
        passed = now - self._last_turn_at
        if passed > STILL or passed < timedelta(0):
            self._tell(f"the clock moved by {int(passed.total_seconds())} s between two turns")
            self._awake_since = self._poll_at = self._publish_at = now
        self._last_turn_at = now

    def _poll(self, now: datetime) -> None:
        self._poll_at = now + self._source.poll_every
        try:
            commit = self._source.tip()
            if commit != self._commit or self._is_unfinished or self._may_have_moved(now):
                self._reconcile(commit, now)
            elif now >= self._look_again_at:
                self._look_again_at = now + LOOK_AGAIN_EVERY
                hold_targets(self._world, self._world.store.applied_targets(), take_over=False, now=now)
        except (LeaseLost, Displaced, RowUnreadable):
            raise
        except ReconcilerError as error:
            self._tell(" ".join(["not applied:", str(error), error.hint]).rstrip())

    def _may_have_moved(self, now: datetime) -> bool:
        """Return whether it is time to look at what can change without a commit, where there is such."""
        if now < self._look_again_at:
            return False
        footing = read_footing(self._world.store, self._world.settings)
        is_in_step = footing is not None and not footing.open
        return self._holds_jobs() or (not is_in_step and self._world.store.has_retired())

    def _holds_jobs(self) -> bool:
        """Return whether a target has objects that somebody may change there."""
        holding = any(target.capabilities.holds_schedules for target in self._world.targets.values())
        return holding or keeps_variables(self._world)

    def _read(self, commit: str) -> CommitState:
        if self._kept is not None and self._kept.commit == commit:
            return self._kept
        try:
            return self._source.read(commit)
        except DefinitionsInvalid as error:
            tell_refusal(self._world, commit, error)
            raise

    def _reconcile(self, commit: str, now: datetime) -> None:
        # What a definition or a guard refuses is attempted once; the next attempt is another commit, or a restart.
        is_new, self._commit, self._is_unfinished = commit != self._commit, commit, False
        self._look_again_at = now + LOOK_AGAIN_EVERY
        state = self._read(commit)
        self._world = self._source.open_world(state)
        # Only the clock may say something else of it the next time, and that only warns.
        self._kept = state if self._holds_jobs() and len(state.tree.files) <= MOST_KEPT else None
        try:
            _, planned, failures = apply_commit(
                self._world, state, tolerance=self._tolerance(now), take_over=self._take_over
            )
        except CouldNot:
            self._is_unfinished = True  # another process applies just now, or a remote did not answer
            raise
        self._take_over = False
        self._one_offs = [change for change in planned.plan.changes if change.action is Action.ONE_OFF]
        if is_new or any(change.action in APPLIED_ACTIONS for change in planned.plan.changes):
            self._tell(f"commit {commit[:12]}: {_words(planned)}")
        for failure in failures:
            self._tell(f"{failure.change.target}: {failure.change.id}: {failure.message}")
        for message in planned.unavailable.values():
            self._tell(message)
        self._is_unfinished = bool(failures or planned.unavailable)

    def _start_one_offs(self, now: datetime) -> None:
        if self._one_offs:
            _, waiting = start_one_offs(self._world, self._one_offs, commit=self._commit, now=now)
            self._one_offs = [item.change for item in waiting]

    def _tell_startup(self) -> None:
        if not self._has_told_startup:
            take_event(self._world, startup_event(self._world))
            self._has_told_startup = True

    def _take_mail(self) -> None:
        try:
            self._mail.follow(self._world.settings.events)
        except CouldNot as error:
            self._tell(" ".join([str(error), error.hint]).rstrip())
            self._mail.give_up(self._world.settings.events)
        while self._mail.deliver(self._world.store.add_events):
            pass

    def _next_turn(self, now: datetime) -> datetime:
        upcoming = [state.next_at for state in self._world.store.upcoming(1) if state.next_at is not None]
        due_at = min(upcoming, default=now + LEASE_TIME)
        if due_at <= now:
            due_at = now + RETRY_AFTER  # its target does not answer; it keeps its instants until it does
        if self._world.store.pending_events(limit=1):
            due_at = min(due_at, now + RETRY_AFTER)
        run_at = self._world.store.next_due_run(now) or due_at  # spread by jitter, or to be tried again
        return min(due_at, run_at, self._poll_at, self._publish_at, now + LEASE_TIME / 3)


def _words(planned: Planned) -> str:
    plan = planned.plan
    errors = "; some definitions are invalid and keep their applied form" if planned.has_errors else ""
    retired = f", {number} disabled to be deleted later" if (number := plan.count(Action.RETIRE)) else ""
    return (
        f"{plan.count(Action.CREATE, Action.ADOPT)} created, {plan.count(*CHANGING)} changed, "
        f"{plan.count(Action.DELETE)} deleted{retired}, {plan.count(Action.ONE_OFF)} to run{errors}"
    )
