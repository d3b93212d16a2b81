"""A world for passes and the loop: real Git, real store, a clock that is moved, and a fake target."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from support.driving import Rig
from support.repo import Repo, make_repo
from support.values import ManualClock

from reconciler.git.repository import Repository
from reconciler.loop.desired import CommitState, read_commit
from reconciler.loop.reconcile import PassResult, reconcile
from reconciler.loop.serve import Loop, Source
from reconciler.loop.world import World
from reconciler.model.run import Run
from reconciler.model.settings import Settings
from reconciler.store.records import RunFilter


def make_world(repository: Repository, rig: Rig, *, tell: Any = None, **settings: Any) -> World:
    """Return a world with one target, ``local``, that of ``rig``."""
    return World(
        repository=repository,
        store=rig.store,
        settings=Settings(**settings),
        targets={"local": rig.target},
        driver=rig.driver,
        clock=rig.clock,
        new_uid=rig.new_uid,
        host="test",
        tell=tell or (lambda words: None),
        owner="here:1:1",
    )


class Stage:
    """``commit_job`` and ``commit_run`` change Git, ``reconcile`` makes a pass, ``serve`` starts a loop."""

    def __init__(self, folder: Path, **target_fields: Any) -> None:
        self.repo: Repo = make_repo(folder / "repo")
        self.rig = Rig(folder, **target_fields)
        self.repository = Repository.open(self.repo.path)
        self.told: list[str] = []
        self.world = make_world(self.repository, self.rig, tell=self.told.append)

    @property
    def clock(self) -> ManualClock:
        return self.rig.clock

    def commit_job(self, job_id: str = "a", **fields: Any) -> str:
        definition = {"id": job_id, "tasks": [{"id": "only", "command": "true"}]} | fields
        self.repo.write(f"definitions/jobs/{job_id}.json", json.dumps(definition))
        return self.repo.commit(f"Change {job_id}")

    def commit_run(self, run_id: str, job_id: str = "a", *, at: datetime | None = None, **fields: Any) -> str:
        definition = {"id": run_id, "job": job_id, "notAfter": "2099-01-01T00:00:00Z"} | fields
        definition = {name: value for name, value in definition.items() if value is not None}
        self.repo.write(f"definitions/runs/{run_id}.json", json.dumps(definition))
        return self.repo.commit(f"Ask for {run_id}", at=at)

    def read(self, commit: str) -> CommitState:
        return read_commit(self.repository, commit, now=self.clock())

    def reconcile(self) -> PassResult:
        return reconcile(self.world, self.read(self.repository.resolve("HEAD").sha))

    def serve(self) -> Loop:
        source = Source(
            tip=lambda: self.repository.resolve("HEAD").sha,
            read=self.read,
            open_world=lambda state: self.world,
            poll_every=timedelta(seconds=30),
        )
        return Loop(source, self.world, tell=self.told.append)

    def turn_until(self, loop: Loop, end: datetime) -> None:
        """Let the loop take its turns, moving the clock to when it wants to come back, up to ``end``."""
        while (back_at := loop.turn()) < end:
            self.clock.now = max(back_at, self.clock.now)
        self.clock.now = end

    def started(self) -> list[str]:
        """Return when each run was due and what asked for it, oldest first."""
        runs = sorted(self.rig.store.runs(RunFilter(), limit=1000), key=lambda run: (run.scheduled_for, run.uid))
        return [f"{run.scheduled_for:%d %H:%M} {run.job_id} {run.trigger.kind.value}" for run in runs]

    def runs(self) -> list[Run]:
        return self.rig.store.runs(RunFilter(), limit=1000)

    def ledger(self) -> list[str]:
        """Return what became of what did not run, oldest first: instant, disposition, reason, how many."""
        occurrences = self.rig.store.occurrences(limit=1000)
        return [
            f"{item.scheduled_for:%d %H:%M} {item.disposition.value} {item.reason} x{item.count}"
            for item in reversed(occurrences)
            if item.reason
        ]

    def close(self) -> None:
        self.repository.close()
        self.rig.store.close()
