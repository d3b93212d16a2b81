"""A store, a fake target and a driver over both: the life of runs without Git and without processes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from support.values import ManualClock, apply_job, make_job, uids

from reconciler.model.inventory import Applied
from reconciler.model.job import Job
from reconciler.model.run import Run, Trigger, TriggerKind
from reconciler.runs.choosing import Request
from reconciler.runs.driver import Driver
from reconciler.runs.enqueue import make_runs
from reconciler.runs.secrets import SecretSource
from reconciler.store.open import open_store
from reconciler.targets.fake import FakeTarget


class Rig:
    """``request`` enqueues a run of a job by hand; ``driver`` drives it on ``target``."""

    def __init__(self, folder: Path, *, first_uid: int = 1, **target_fields: Any) -> None:
        self.clock = ManualClock()
        self.new_uid = uids(first_uid)
        self.store = open_store(folder / "state.db", new_uid=self.new_uid, now=self.clock())
        self.target = FakeTarget("local", clock=self.clock, **target_fields)
        self.driver = Driver(
            store=self.store,
            targets={"local": self.target},
            secrets=SecretSource({}, environment={}, path=""),
            report_of=lambda run, tasks, job: msgspec.json.encode({"uid": run.uid, "status": run.status}),
            clock=self.clock,
            pause=lambda seconds: None,
            new_uid=self.new_uid,
            owner="test:1",
        )

    def apply(self, job: Job) -> Applied:
        applied = apply_job(job, target=self.target.name, at=self.clock())
        self.store.record_applied([applied], [])
        return applied

    def request(
        self,
        job: Job | None = None,
        *,
        kind: TriggerKind = TriggerKind.MANUAL,
        parent_uid: str | None = None,
        **variables: Any,
    ) -> tuple[Run, ...]:
        applied = self.apply(job or make_job())
        request = Request(
            trigger=Trigger(kind, f"{kind.value}:{self.new_uid()}"),
            scheduled_for=self.clock(),
            variables=variables,
            parent_uid=parent_uid,
        )
        requested = make_runs(
            applied,
            request,
            self.target,
            history=self.store,
            active=self.store.active_runs(self.target.name, root_id=applied.root_id),
            now=self.clock(),
            new_uid=self.new_uid,
        )
        self.store.add_occurrence(requested.occurrence, requested.runs)
        return requested.runs

    def status(self, run: Run) -> str:
        now = self.store.run(run.uid)
        assert now is not None
        return f"{now.status.value} {now.reason}".strip()


@contextmanager
def rig(folder: Path, **target_fields: Any) -> Iterator[Rig]:
    made = Rig(folder, **target_fields)
    try:
        yield made
    finally:
        made.store.close()
