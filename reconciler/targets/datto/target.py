"""A Datto RMM account as a target: quick jobs, and nothing else. The schedule is ours, and so is the history."""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta

import httpx

from reconciler.model.change import Change
from reconciler.model.errors import CouldNot, TargetRefused, TargetUnavailable
from reconciler.model.event import Event
from reconciler.model.forms import Component, Form, Kind, Variable
from reconciler.model.instant import Clock
from reconciler.model.job import Devices, value_text
from reconciler.model.live import ComponentState, LiveState
from reconciler.model.pace import Pace
from reconciler.model.run import Device, OutputRecord, Run
from reconciler.model.secret import Secret
from reconciler.targets.datto.alerts import AlertReader
from reconciler.targets.datto.api import JOB_START, Api, Limits
from reconciler.targets.datto.bundle import build_bundle
from reconciler.targets.datto.compare import compare_component
from reconciler.targets.datto.components import ComponentFinder
from reconciler.targets.datto.devices import DeviceFinder
from reconciler.targets.datto.following import Follower
from reconciler.targets.datto.handle import JobRef, job_name, read_handle, run_mark, write_handle
from reconciler.targets.datto.login import CredentialSource, Login
from reconciler.targets.datto.native import NativeDialect
from reconciler.targets.datto.rules import ALERT_EVENT
from reconciler.targets.datto.seed import SeedDialect
from reconciler.targets.datto.settings import DattoSettings
from reconciler.targets.datto.settings import Dialect as DialectName
from reconciler.targets.datto.variable_keeper import VariableKeeper
from reconciler.targets.protocol import (
    Ambiguous,
    Capabilities,
    DeviceList,
    Offline,
    Progress,
    Refused,
    StartAnswer,
    Started,
    StartOrder,
    Unavailable,
)
from reconciler.targets.rest.client import RestClient
from reconciler.targets.rest.errors import AnswerLost, Denied, NotCarriedOut, NotFound, Oversized, Rejected

STARTS_AT_ONCE = 25
"""So many starts take some seconds; then other targets have their turn."""

BURST = timedelta(seconds=5)
"""How long after a start few looks are taken at what runs: what the limits leave room for is better started first."""

LOOK_BACK = timedelta(minutes=2)
FIND_EVERY = timedelta(seconds=5)
_OFFLINE_CODE = "DEVICE_OFFLINE"
_NOT_NOW = frozenset({409, 423})


def no_secret(name: str) -> Secret:
    """Give none, where nothing says where secrets come from."""
    raise CouldNot(f"secret {name} is not known here")


class DattoTarget:
    capabilities = Capabilities(
        holds_schedules=False,
        runs_now=True,
        cancels=False,
        feedback=False,
        output=True,
        exit_code=False,
        lists_devices=True,
        idempotent_start=False,
        find_seconds=300,
    )

    def __init__(
        self,
        name: str,
        *,
        base_url: str,
        settings: DattoSettings,
        read_credentials: CredentialSource,
        run_credentials: CredentialSource,
        clock: Clock,
        pause: Callable[[float], object],
        variables: Sequence[Variable] = (),
        reveal: Callable[[str], Secret] = no_secret,
        transport: httpx.BaseTransport | None = None,
        threads: int = 1,
    ) -> None:
        """``variables`` are those that the target's file declares; ``reveal`` gives a secret, and raises CouldNot."""
        self.name = name
        self.max_runs = settings.max_runs
        self._clock = clock
        self._pause = pause
        self._client = RestClient(name, base_url, clock=clock, pause=pause, transport=transport)
        reader = Login(self._client, read_credentials, clock=clock)
        is_one = run_credentials is read_credentials
        self.api = Api(
            self._client,
            reader=reader,
            runner=reader if is_one else Login(self._client, run_credentials, clock=clock),
            limits=Limits(job_starts=settings.job_starts_per_minute, reads=settings.reads_per_minute),
            clock=clock,
            pause=pause,
        )
        speaks = SeedDialect if settings.dialect is DialectName.SEED else NativeDialect
        self._dialect = speaks(self.api)
        self.components = ComponentFinder(self._dialect, clock=clock)
        self._devices = DeviceFinder(self.api, tag_fields=settings.tag_fields)
        self._follower = Follower(self.api, self._dialect)
        self._declared = tuple(variables)
        self._variables = VariableKeeper(self.api, declared=variables, reveal=reveal)
        self._alerts = AlertReader(self.api, source=name)
        self._threads = threads
        self._started_at: datetime | None = None
        self._log: tuple[datetime, datetime, Sequence[tuple[str, JobRef]]] | None = None

    def read(self) -> LiveState:
        return LiveState()

    def normalise(self, form: Form) -> Form:
        return form.as_live() if isinstance(form, Variable) else form

    def apply(self, change: Change) -> None:
        """Write a variable. Nothing to do for a job: its schedule is ours, and its component is the account's."""
        if change.kind is Kind.VARIABLE:
            self._variables.apply(change)

    def read_variables(self, ids: Collection[str]) -> LiveState:
        return self._variables.lister.read(ids)

    def read_all_variables(self) -> LiveState:
        return self._variables.lister.read_all()

    def hidden_values(self) -> Sequence[Secret]:
        return self._variables.secrets()

    def devices(self, selector: Devices | None) -> DeviceList:
        return self._devices.find(selector)

    # Starting

    def starts_now(self) -> int:
        """Return how many starts the limits leave room for at this moment."""
        if self._client.gate.closed_until is not None:
            return 0
        return min(STARTS_AT_ONCE, self.api.limits.free_writes(JOB_START, self._clock()))

    def next_start_at(self) -> datetime:
        now = self._clock()
        return max(self._client.gate.closed_until or now, self.api.limits.next_write_at(JOB_START, now))

    def pace(self) -> Pace:
        with suppress(TargetUnavailable):  # what was last known of the limit stands
            self.api.sync()
        window = self.api.limits.of(JOB_START)
        return Pace(window.limit, window.seconds)

    def start(self, orders: Sequence[StartOrder]) -> Mapping[str, StartAnswer]:
        try:
            self.api.sync()
        except TargetUnavailable as error:
            return {order.run.uid: _unavailable(error) for order in orders}
        self._client.hide(*(secret for order in orders for secret in order.secrets.values()))
        # The first by itself: it logs in, and looks the components up, for all of them.
        answers = {order.run.uid: self._start_one(order) for order in orders[:1]}
        with ThreadPoolExecutor(max_workers=self._threads) as pool:
            rest = orders[1:]
            answers |= zip((order.run.uid for order in rest), pool.map(self._start_one, rest), strict=True)
        self._started_at = self._clock()
        return answers

    def _start_one(self, order: StartOrder) -> StartAnswer:
        values = {
            name: value.reveal() if isinstance(value, Secret) else value_text(value)
            for name, value in order.values.items()
        }
        device = order.run.device
        try:
            component_uid = self.components.uid_for(order.job)
        except TargetUnavailable as error:
            return _unavailable(error)
        except TargetRefused as error:
            return Refused(reason=str(error))
        try:
            job_uid = self._dialect.start(device.uid, component_uid, name=job_name(order.run), values=values)
        except NotCarriedOut as error:
            return _unavailable(error)
        except (AnswerLost, Oversized) as error:
            return Ambiguous(reason=f"{error} (500 may also mean: the component's level is above that of the key)")
        except (Denied, NotFound, Rejected) as error:
            return _refused(error, device)
        ref = JobRef(job_uid=job_uid, device_uid=device.uid, made_at=self._clock())
        return Started(handle=write_handle(ref), is_queued=True)

    def find(self, run: Run) -> str | None:
        """Return the handle of ``run`` if the account's log has a job with its mark. Raises TargetRefused for two."""
        mark = run_mark(run)
        found = {
            ref.job_uid: ref
            for name, ref in self._logged(run.queued_at or run.created_at)
            if name.endswith(mark) and ref.device_uid == run.device.uid
        }
        if len(found) > 1:
            raise TargetRefused(f"{self.name}: {len(found)} jobs carry the mark {mark}: {', '.join(sorted(found))}")
        return next((write_handle(ref) for ref in found.values()), None)

    def _logged(self, since: datetime) -> Sequence[tuple[str, JobRef]]:
        """Return the jobs that the log has since then; read once for all that are looked for at the same time."""
        now = self._clock()
        if self._log is None or self._log[0] > since or now - self._log[1] >= FIND_EVERY:
            begin = since if self._log is None else min(self._log[0], since)
            self._log = (begin, now, self._dialect.jobs_since(begin - LOOK_BACK))
        return self._log[2]

    # Components

    def compare(self, components: Sequence[Component]) -> Sequence[ComponentState]:
        live = self.components.all()
        taken = self._variable_names()
        return [compare_component(component, live, taken_names=taken) for component in components]

    def _variable_names(self) -> frozenset[str]:
        """Return the names of variables, those that are declared and those of the account, where we may see them."""
        names = {variable.name for variable in self._declared}
        try:
            items = self.api.pages("/account/variables", "variables", is_private=True).items
        except TargetRefused:
            return frozenset(names)
        return frozenset(names | {str(item.get("name")) for item in items})

    def bundle(self, component: Component) -> bytes:
        return build_bundle(component)

    # Alerts

    event_types = frozenset({ALERT_EVENT})

    def events(self, cursor: str) -> tuple[Sequence[Event], str]:
        return self._alerts.events(cursor)

    def resolve_alert(self, alert_uid: str) -> None:
        self._alerts.resolve(alert_uid)

    # Following

    def follow(self, handles: Mapping[str, str]) -> Mapping[str, Progress]:
        is_starting = self._started_at is not None and self._clock() - self._started_at < BURST
        return self._follower.follow(handles, few=is_starting)

    def output(self, handle: str) -> Sequence[OutputRecord]:
        return self._follower.output(handle)

    def cancel(self, handle: str) -> None:
        raise TargetRefused(
            f"{self.name}: Datto RMM cannot end job {read_handle(handle).job_uid} by its API",
            hint="End it in the portal.",
        )

    def answer(self, handle: str, text: str | Secret, *, question: str, by: str = "") -> None:
        raise TargetRefused(f"{self.name}: Datto RMM cannot pass an answer on to a job")

    def wait(self, handles: Collection[str], *, timeout_seconds: float) -> None:
        """Nobody calls us back, so time is all there is to wait for."""
        self._pause(timeout_seconds)

    def forget(self, handles: Collection[str]) -> None:
        for handle in handles:
            self._follower.forget(handle)

    def close(self) -> None:
        self._client.close()


def _unavailable(error: TargetUnavailable) -> Unavailable:
    retry_at = error.retry_at if isinstance(error, NotCarriedOut) else None
    return Unavailable(reason=str(error), retry_at=retry_at)


def _refused(error: TargetRefused, device: Device) -> StartAnswer:
    """Return what a start that the service refused comes to: offline and a concurrent change are not for ever."""
    if isinstance(error, Denied):
        return Refused(reason=PERMISSION_DENIED)
    if isinstance(error, NotFound):
        return Refused(reason=f"{error}: the device {device.hostname} or the component is not there")
    if isinstance(error, Rejected) and error.code == _OFFLINE_CODE:
        return Offline(reason="the device is offline")
    if isinstance(error, Rejected) and error.status in _NOT_NOW:
        return Unavailable(reason=str(error))
    return Refused(reason=str(error))


PERMISSION_DENIED = """Permission denied

Unable to run job on this device.

Possible causes:
- API key does not have job execution permissions
- API key does not have access to this site
- Component is restricted

Contact your Datto RMM administrator."""
