"""What a verb works with, opened when it is first asked for and closed at the end."""

import getpass
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property, partial
from pathlib import Path

from reconciler.cli.output import warn
from reconciler.cli.reading import read_narrowly
from reconciler.cli.volume import note, step
from reconciler.definitions.known.declaring import KnownDefinitions
from reconciler.definitions.verdicts import VerdictFile
from reconciler.git.repository import Repository
from reconciler.loop.desired import CommitState, read_commit, read_files, read_settings_at, read_targets_at
from reconciler.loop.owner import is_gone, name_owner
from reconciler.loop.ownership import refuse_if_displaced
from reconciler.loop.statuses import tell_refusal
from reconciler.loop.world import World
from reconciler.model.errors import CouldNot, DefinitionsInvalid, TargetUnavailable, UsageError
from reconciler.model.forms import Target
from reconciler.model.instant import utc_now
from reconciler.model.job import Job
from reconciler.model.run import Run, TaskResult
from reconciler.model.secret import Secret
from reconciler.model.settings import Settings, StatusSettings
from reconciler.model.uids import new_uid
from reconciler.reports.build import build_report, encode_report
from reconciler.reports.commit_status import Statuses
from reconciler.reports.forge.values import StatusForge
from reconciler.runs.drive import drive_once
from reconciler.runs.driver import Driver
from reconciler.runs.parameters import resolve_parameters
from reconciler.runs.secrets import SecretSource, read_secrets
from reconciler.schedule.zones import tzdata_version
from reconciler.store.open import open_store
from reconciler.store.store import Store
from reconciler.targets.opening import Opening
from reconciler.targets.protocol import LiveTarget, Progress
from reconciler.targets.prune import graces_of
from reconciler.targets.registry import LOCAL, open_targets


class Session:
    """Opens the repository, the store and the targets that a verb needs.

    ``directory`` is where the repository is looked for; ``state`` the database, if not the one in the Git folder;
    ``secrets`` the operator's file.  ``troubles`` says of which target ``collect`` could not ask how its runs stand.
    """

    def __init__(self, *, directory: Path, state: Path | None = None, secrets: Path | None = None) -> None:
        self._directory = directory
        self._state = state
        self._secrets = secrets
        self._targets: list[LiveTarget] = []
        self.troubles: Mapping[str, TargetUnavailable] = {}
        self._known: list[KnownDefinitions] = []
        self.clock = utc_now
        self.host = socket.gethostname()

    @cached_property
    def repository(self) -> Repository:
        repository = Repository.open(self._directory)
        note(f"repository {repository.root}")
        return repository

    @property
    def requester(self) -> str:
        """Who asks, as reports and holds name them."""
        return f"{getpass.getuser()}@{self.host}"

    @property
    def state_path(self) -> Path:
        return self._state or self.repository.common_dir / "reconciler" / "state.db"

    @cached_property
    def store(self) -> Store:
        with step(f"opened the state {self.state_path}"):
            return open_store(self.state_path, new_uid=new_uid, now=self.clock())

    def close(self) -> None:
        self._close_targets()
        self._forget()
        self.close_store()
        if "repository" in self.__dict__:
            self.repository.close()

    def close_store(self) -> None:
        """Let go of the state; the next use opens it again."""
        if "store" in self.__dict__:
            self.__dict__.pop("store").close()

    def _close_targets(self) -> None:
        for target in self._targets:
            target.close()

    def read_commit(self, ref: str = "HEAD") -> CommitState:
        with step(f"read the definitions at {ref[:40]}"), self._verdicts() as verdicts:
            return read_commit(self.repository, self.repository.resolve(ref).sha, now=self.clock(), verdicts=verdicts)

    def read_narrowly(self, ref: str = "HEAD") -> CommitState:
        """Read a commit as far as is asked for; what is returned is of use until the next one is read."""
        self._forget()
        return self.read_beside(ref)

    def read_beside(self, ref: str) -> CommitState:
        """Read another commit as ``read_narrowly`` does; what was read before is of use as well."""
        with step(f"read the definitions at {ref[:40]}"):
            state = read_narrowly(self.repository, self.repository.resolve(ref).sha, now=self.clock())
        if state.known is not None:
            self._known.append(state.known)
        return state

    def _forget(self) -> None:
        while self._known:
            self._known.pop().close()

    def read_commit_to_apply(self, ref: str) -> CommitState:
        """Read a commit as ``read_narrowly`` does; where nothing of it can be applied, its status says so."""
        commit = self.repository.resolve(ref).sha
        try:
            return self.read_narrowly(commit)
        except DefinitionsInvalid as error:
            tell_refusal(self.world_of_applied(self.applied_settings()), commit, error)
            raise

    def read_files(self) -> CommitState:
        """Read the definitions as they lie in the work tree. Raises UsageError where there is none."""
        if self.repository.is_bare:
            raise UsageError(
                f"{self.repository.root} has no work tree", hint="Name a commit with --ref, as in: --ref HEAD"
            )
        with step("read the definitions in the work tree"), self._verdicts() as verdicts:
            return read_files(self.repository.root, now=self.clock(), verdicts=verdicts)

    @contextmanager
    def _verdicts(self) -> Iterator[VerdictFile]:
        """Give what earlier validations found in each file, and keep what is found now."""
        verdicts = VerdictFile(self.repository.common_dir / "reconciler" / "verdicts")
        yield verdicts
        verdicts.save()

    def event_secret(self, name: str) -> Secret:
        """Return a secret that the operator gives to events. Raises CouldNot when it is not there or not given."""
        return read_secrets(self._secrets, environment=os.environ).for_events(name)

    def world(self, source: CommitState) -> World:
        """Return what a pass of ``source`` works with."""
        return self._world(source.targets, source.settings)

    def world_of_applied(self, settings: Settings) -> World:
        """Return what runs of applied jobs work with, without reading the definitions again."""
        return self._world(self._applied[1], settings)

    def applied_settings(self) -> Settings:
        """Return the repository's settings at the commit that was applied last; the defaults where there is none."""
        return self._applied[0]

    def settings_of_head(self) -> Settings:
        """Return the repository's settings at HEAD; the defaults where there is none, or they are wrong."""
        try:
            return read_settings_at(self.repository, self.repository.resolve("HEAD").sha)
        except (CouldNot, DefinitionsInvalid, UsageError):
            return Settings()

    def applied_targets(self) -> dict[str, Target]:
        """Return the targets that are declared at the commit that was applied last, by name."""
        return self._applied[1]

    @cached_property
    def _applied(self) -> tuple[Settings, dict[str, Target]]:
        """What the commit that was applied last says of targets and of the repository."""
        passes = self.store.passes(1)
        try:
            if passes:
                settings = read_settings_at(self.repository, passes[0].commit)
                return settings, read_targets_at(self.repository, passes[0].commit, settings)
        except (CouldNot, DefinitionsInvalid):
            pass  # a commit that is gone, or was wrong: runs go on
        return Settings(), {}

    def collect(self) -> Mapping[str, Progress]:
        """Finish the runs of this machine that have ended since anybody looked, so that what is shown is how it stands.

        Return how the others stand, by uid.  Other systems are not asked: a look must not wait for their answers.
        """
        if self.store.active_runs():
            here = {name: target for name, target in self._applied[1].items() if target.provider == LOCAL}
            driver = self._world(here, self.applied_settings()).driver
            drive_once(driver, starts=False)
            for name, trouble in driver.troubles.items():
                warn(f"target {name} cannot be reached; what is shown of its runs may be old: {trouble}")
                if trouble.hint:
                    warn(f"  {trouble.hint}")
            self.troubles = driver.troubles
            return driver.latest
        return {}

    def _world(self, declared: Mapping[str, Target], settings: Settings) -> World:
        self._close_targets()
        secrets = read_secrets(self._secrets, environment=os.environ)
        targets = self._open_targets(declared, settings, secrets)
        self._targets = list(targets.values())
        owner = name_owner(self.host)
        driver = Driver(
            store=self.store,
            targets=targets,
            secrets=secrets,
            report_of=self._report_of,
            clock=self.clock,
            pause=time.sleep,
            new_uid=new_uid,
            owner=owner,
            max_depth=settings.engine.max_depth,
            is_gone=partial(is_gone, host=self.host),
            guard=lambda name: refuse_if_displaced(world, name),
        )
        world = World(
            repository=self.repository,
            store=self.store,
            settings=settings,
            targets=targets,
            driver=driver,
            clock=self.clock,
            new_uid=new_uid,
            host=self.host,
            tell=warn,
            owner=owner,
            statuses=self._statuses(settings.reports.status),
            graces=graces_of(declared),
        )
        return world

    def _statuses(self, settings: StatusSettings) -> Statuses | None:
        if settings.provider is None:
            return None

        def open_forge() -> AbstractContextManager[StatusForge]:
            from reconciler.reports.forge.opening import open_status_forge

            secrets = read_secrets(self._secrets, environment=os.environ)
            return open_status_forge(settings, secrets.for_reports, environment=os.environ)

        return Statuses(self.store, open_forge)

    def _open_targets(
        self, declared: Mapping[str, Target], settings: Settings, secrets: SecretSource
    ) -> dict[str, LiveTarget]:
        opening = Opening(
            folder=self.state_path.parent,
            settings=settings,
            environment=os.environ,
            host=self.host,
            clock=self.clock,
            pause=time.sleep,
            reveal=secrets.for_target,
        )
        targets = open_targets(declared, opening)
        note(f"targets: {', '.join(sorted(targets))}")
        return targets

    def _report_of(self, run: Run, tasks: Sequence[TaskResult], job: Job) -> bytes:
        try:
            parameters = resolve_parameters(job, run.variables)
        except UsageError:
            parameters = run.variables  # the run failed for them; the report shows what was given
        return encode_report(build_report(run, tasks, parameters=parameters, host=self.host, tzdata=tzdata_version()))


@contextmanager
def open_session(*, directory: str | None, state: str | None = None, secrets: str | None = None) -> Iterator[Session]:
    session = Session(
        directory=Path(directory or "."),
        state=Path(state) if state else None,
        secrets=Path(secrets) if secrets else None,
    )
    try:
        yield session
    finally:
        session.close()
