"""A repository whose target is a fake Datto RMM account: commits, plans and applies of its variables."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

from fakes.datto.things import Variable
from fakes.datto.transport import FakeTransport
from msgspec.structs import replace
from support.datto import Account
from support.world import Stage

from reconciler.loop.desired import CommitState
from reconciler.loop.reconcile import Planned, apply_commit, plan_commit
from reconciler.loop.surroundings import look_around
from reconciler.loop.world import World
from reconciler.planning.drift import TargetDrift, find_drift
from reconciler.runs.secrets import read_secrets
from reconciler.targets.datto.variables import declared_variables


class VariableStage:
    """``environment`` is where secrets have their values: the name of a secret is that of its variable there."""

    def __init__(self, folder: Path) -> None:
        self.stage = Stage(folder)
        self.account = Account(self.stage.clock)
        self.opened = [self.account.target]
        self.environment: dict[str, str] = {"DB": "first-value", "DB2": "second-value"}
        path = folder / "secrets.toml"
        path.write_text("".join(f'[{name}]\nenv = "{name}"\n' for name in ("DB", "DB2", "NONE")))
        self.secrets = read_secrets(path, environment=self.environment)
        self.commit()

    def close(self) -> None:
        for target in self.opened:
            target.close()
        self.stage.close()

    @property
    def cloud(self) -> Any:
        return self.account.world

    def commit(self, *listed: dict[str, Any], jobs: tuple[str, ...] = (), **account: Any) -> str:
        """Commit a target with variables: ``account`` are the account's, ``listed`` stand in `settings.variables`."""
        target = {
            "id": "acme",
            "provider": "datto",
            "settings": {"platform": "merlot", "variables": list(listed)},
            "variables": account,
        }
        self.stage.repo.write("definitions/targets/acme.json", json.dumps(target))
        for job_id in jobs:
            self.stage.commit_job(job_id)
        return self.stage.repo.commit("Change the target")

    def source(self) -> CommitState:
        return self.stage.read(self.stage.repository.resolve("HEAD").sha)

    def world(self, source: CommitState) -> World:
        """Return the world of a process that begins now: nothing is kept from an earlier look."""
        if "acme" not in source.loaded.desired.targets:
            return self.stage.world
        self.account.variables = declared_variables(source.loaded.desired.targets["acme"].form)
        self.account.secrets = self.environment
        target = self.account.open()
        self.opened.append(target)
        world = self.stage.world
        targets = {**world.targets, "acme": target}
        return replace(world, targets=targets, driver=replace(world.driver, targets=targets, secrets=self.secrets))

    def plan(self) -> Planned:
        source = self.source()
        return plan_commit(self.world(source), source)

    def planned(self) -> list[str]:
        return [f"{change.action.value} {change.id}" for change in self.plan().plan.changes]

    def apply(self) -> list[str]:
        """Apply HEAD, and return why changes failed."""
        source = self.source()
        _, planned, failures = apply_commit(self.world(source), source)
        return [*planned.unavailable.values(), *(failure.message for failure in failures)]

    def drift(self) -> list[TargetDrift]:
        world = self.world(self.source())
        found = find_drift(world.store.inventory(), look_around(world, now=world.clock()))
        return [item for item in found if item.target == "acme"]

    def held(self, site: str = "") -> dict[str, tuple[str, bool]]:
        """Return what the account has: name to value and whether it is masked; a name twice fails."""
        found: list[Variable] = self.cloud._variables(site)
        assert len({one.name for one in found}) == len(found), "made twice"
        return {one.name: (one.value, one.masked) for one in found}

    def writes(self) -> int:
        return sum(request.method != "GET" and "/variable" in request.path for request in self.cloud.requests)


class _Killed(BaseException):
    pass


@contextmanager
def killed_at(route: str, number: int, *, is_done: bool) -> Iterator[None]:
    """Let the process end at the request of that number to ``route``: before it was sent, or once it was acted on."""
    answer, seen = FakeTransport.handle_request, count(1)

    def handle(self: FakeTransport, request: Any) -> Any:
        if re.search(route, f"{request.method} {request.url.path}") and next(seen) == number:
            if is_done:
                answer(self, request)
            raise _Killed
        return answer(self, request)

    with patch.object(FakeTransport, "handle_request", handle), suppress(_Killed):
        yield
