"""A fake Datto RMM account in this process, a target that talks to it, and time that only the test moves."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from fakes.datto.faults import Fault
from fakes.datto.seed import SeedWorld
from fakes.datto.transport import FakeTransport
from fakes.datto.world import World
from support.driving import Rig
from support.values import ManualClock

from reconciler.model.errors import CouldNot
from reconciler.model.forms import Variable
from reconciler.model.job import ComponentLink, Devices, Job
from reconciler.model.run import Run
from reconciler.model.secret import Secret
from reconciler.runs.drive import drive_once
from reconciler.runs.driver import Driver
from reconciler.runs.secrets import SecretSource
from reconciler.targets.datto.settings import DattoSettings, Dialect
from reconciler.targets.datto.target import DattoTarget

KEY, SECRET = "api-key", "s3cr3t-of-the-account"

TARGET = "id: acme\nprovider: datto\nsettings: {apiUrl: %s, apiKey: {secret: KEY}, apiSecret: {secret: SECRET}}\n"
COMPONENT = """id: clear-temp
name: Clear Temp Files
variables:
- {name: days, type: string, defaultValue: "7", description: Delete files older than X days}
"""
JOB = """id: clean
targets: [acme]
component: clear-temp
devices: {hostnames: [ACME-DC01]}
variables: {days: "30"}
"""


class Account:
    """``world`` is the service, ``target`` ours; both go by ``clock``, which every request and every wait moves."""

    def __init__(
        self, clock: ManualClock | None = None, *, name: str = "acme", dialect: str = "real", **settings: Any
    ) -> None:
        self.name = name
        self.clock = clock or ManualClock()
        self.world: World = (SeedWorld if dialect == "seed" else World)(self.clock)
        self.variables: tuple[Variable, ...] = ()
        self.secrets: dict[str, str] = {}
        self.target = self.open(dialect=Dialect(dialect), **settings)

    def open(self, **settings: Any) -> DattoTarget:
        """Return another target on the same account, as another process would have it."""

        def credentials() -> tuple[str, Secret]:
            return KEY, Secret(SECRET)

        return DattoTarget(
            self.name,
            base_url="https://fake.example",
            settings=DattoSettings(**settings),
            read_credentials=credentials,
            run_credentials=credentials,
            clock=self.clock,
            pause=self.advance,
            variables=self.variables,
            reveal=self.reveal,
            transport=FakeTransport(self.world, advance=self.advance, latency_seconds=0.02),
        )

    def reveal(self, name: str) -> Secret:
        if name not in self.secrets:
            raise CouldNot(f"secret {name} is not defined on this machine")
        return Secret(self.secrets[name])

    def advance(self, seconds: float) -> None:
        self.clock.now += timedelta(seconds=seconds)

    def fault(self, route: str, kind: str, *numbers: int, **fields: Any) -> None:
        self.world.faults.append(Fault(route, kind, frozenset(numbers) or None, **fields))

    def asked(self, method: str, part: str) -> int:
        """Return how many requests the service has seen."""
        return sum(request.method == method and part in request.path for request in self.world.requests)


class DattoRig(Rig):
    """The life of runs on an account."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__(folder)
        self.account = Account(self.clock, **settings)
        self.use(self.account.target)

    def use(self, target: DattoTarget, owner: str = "test:1") -> None:
        """Go on with ``target``, as a process that signs with ``owner``."""
        self.target: Any = target
        self.driver = Driver(
            store=self.store,
            targets={"acme": target},
            secrets=SecretSource({}, environment={}, path=""),
            report_of=lambda run, tasks, job: msgspec.json.encode({"uid": run.uid, "status": run.status}),
            clock=self.clock,
            pause=self.account.advance,
            new_uid=self.new_uid,
            owner=owner,
        )

    @property
    def world(self) -> World:
        return self.account.world

    def turn(self, seconds: float = 1) -> None:
        drive_once(self.driver)
        self.account.advance(seconds)

    def turns(self, seconds: float, *, each: float = 1) -> None:
        """Take turns for so long."""
        end = self.clock() + timedelta(seconds=seconds)
        while self.clock() < end:
            self.turn(each)

    def run_now(self, run: Run) -> Run:
        now = self.store.run(run.uid)
        assert now is not None
        return now


def datto_job(job_id: str = "clean", *, component: str = "Clear Temp Files", **fields: Any) -> Job:
    fields = {"devices": Devices(all=True), "component_link": ComponentLink(name=component)} | fields
    return Job(id=job_id, targets=("acme",), component="clear", **fields)


@contextmanager
def datto_rig(folder: Path, **settings: Any) -> Iterator[DattoRig]:
    made = DattoRig(folder, **settings)
    try:
        yield made
    finally:
        made.store.close()
        made.account.target.close()
