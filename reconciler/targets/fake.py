"""A small complete target in memory: for tests and simulations, held to the same contract as the real ones."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from reconciler.model.change import Action, Change
from reconciler.model.errors import TargetRefused, TargetUnavailable
from reconciler.model.forms import Component, Form, Kind, digest_form
from reconciler.model.instant import Clock
from reconciler.model.job import Devices, Job
from reconciler.model.live import LiveObject, LiveState
from reconciler.model.run import Device, OutputRecord, Question, Run, RunStatus, Stream, StreamSummary, TaskResult
from reconciler.model.secret import MASK, Secret
from reconciler.targets.protocol import (
    Ambiguous,
    Call,
    Capabilities,
    DeviceList,
    Offline,
    Progress,
    Refused,
    Settlement,
    StartAnswer,
    Started,
    StartOrder,
    attempt_handle,
)
from reconciler.targets.selector import select_devices


class FakeTarget:
    """Holds jobs, has devices, and runs that end at once or when told.

    ``ends`` is the status each run ends with at once; None leaves it running until ``finish``.  ``holds`` makes it a
    target that holds jobs and starts them itself, ``shared`` one that other states can reach; ``put``, ``edit`` and
    ``drop`` are what somebody does there by hand.
    It fills in ``defaults``, by JSON path, in each object, and has no room for descriptions.  Faults are set by name:
    ``unreachable`` makes every call fail, ``refuses`` holds job ids that are neither applied nor started,
    ``loses_answers`` makes a start ambiguous although it happened, ``loses_settlements`` tells runs nothing of what
    they asked for, and ``unlisted`` holds what a listing leaves out.
    """

    max_runs = 1000

    def __init__(
        self,
        name: str = "fake",
        *,
        clock: Clock,
        devices: Sequence[Device] = (Device(uid="device-1", hostname="fake-1", os="linux", online=True),),
        ends: RunStatus | None = RunStatus.COMPLETED,
        holds: bool = False,
        shared: bool = False,
        defaults: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.name = name
        self.capabilities = Capabilities(
            holds_schedules=holds,
            runs_now=True,
            cancels=True,
            feedback=True,
            output=True,
            exit_code=True,
            lists_devices=True,
            idempotent_start=True,
            is_local=not shared,
            ends_late_runs=True,
        )
        self.ends = ends
        self.unreachable = False
        self.loses_answers = False
        self.loses_settlements = False
        self.settlements: list[tuple[str, str, Settlement]] = []
        self.refuses: set[str] = set()
        self.unlisted: set[str] = set()
        self.writes: list[Change] = []
        self.started: list[StartOrder] = []
        self._clock = clock
        self._devices = tuple(devices)
        self._defaults = dict(defaults)
        self._objects: dict[tuple[Kind, str], LiveObject] = {}
        self._runs: dict[str, _FakeRun] = {}

    def read(self) -> LiveState:
        self._reach()
        listed = {key: live for key, live in self._objects.items() if live.id not in self.unlisted}
        return LiveState(objects=listed, complete=not self.unlisted)

    def normalise(self, form: Form) -> Form:
        return replace(form, description="") if isinstance(form, Job | Component) else form

    def apply(self, change: Change) -> None:
        self._reach()
        if change.id in self.refuses:
            raise TargetRefused(f"{self.name}: {change.id} is refused", hint="Take it out of `refuses`.")
        self.writes.append(change)
        key = (change.kind, change.id)
        if change.action is Action.DELETE:
            self._objects.pop(key, None)
            return
        assert change.after is not None
        if change.before is not None and change.before.id != change.id:
            self._objects.pop((change.kind, change.before.id), None)
        self.put(change.after, kind=change.kind)

    def put(self, form: Form, *, kind: Kind = Kind.JOB) -> None:
        """Let the target have ``form``, in the place of what it has of that id."""
        held = self.normalise(form)
        self._objects[kind, form.id] = LiveObject(
            kind=kind, id=form.id, form=held, version=digest_form(held), defaults=self._defaults
        )

    def edit(self, job_id: str, **fields: Any) -> None:
        """Change fields of a job that is there."""
        self.put(replace(self._objects[Kind.JOB, job_id].form, **fields))

    def drop(self, job_id: str) -> None:
        """Remove a job that is there."""
        del self._objects[Kind.JOB, job_id]

    def devices(self, selector: Devices | None) -> DeviceList:
        self._reach()
        return DeviceList(devices=select_devices(self._devices, selector))

    def start(self, orders: Sequence[StartOrder]) -> Mapping[str, StartAnswer]:
        self._reach()
        return {order.run.uid: self._start_one(order) for order in orders}

    def _start_one(self, order: StartOrder) -> StartAnswer:
        handle = attempt_handle(order.run)
        if order.job.id in self.refuses:
            return Refused(reason=f"{order.job.id} is refused")
        if order.run.device.online is False:
            return Offline(reason="offline")
        if handle not in self._runs:
            self.started.append(order)
            self._runs[handle] = _FakeRun.of(order.job, self._clock)
            if self.ends is not None:
                self.finish(handle, self.ends)
        return Ambiguous(reason="the answer was lost") if self.loses_answers else Started(handle=handle)

    def find(self, run: Run) -> str | None:
        self._reach()
        return attempt_handle(run) if attempt_handle(run) in self._runs else None

    def follow(self, handles: Mapping[str, str]) -> Mapping[str, Progress]:
        self._reach()
        return {uid: self._runs[handle].progress for uid, handle in handles.items() if handle in self._runs}

    def output(self, handle: str) -> Sequence[OutputRecord]:
        self._reach()
        return tuple(self._runs[handle].records)

    def cancel(self, handle: str) -> None:
        self._reach()
        if not self._runs[handle].progress.status.is_ended:
            self.finish(handle, RunStatus.CANCELLED)

    def ask(self, handle: str, question: Question) -> None:
        """Let the run's last task ask a person."""
        run = self._runs[handle]
        *before, task = run.progress.tasks
        asking = replace(task, questions=(*task.questions, question))
        run.progress = replace(run.progress, status=RunStatus.WAITING, reason="question", tasks=(*before, asking))

    def answer(self, handle: str, text: str | Secret, *, question: str, by: str = "") -> None:
        self._reach()
        run = self._runs[handle]
        asked = run.progress.question
        if asked is None or asked.key != question:
            raise TargetRefused(f"run {handle}: it waits for no such answer")
        plain = text.reveal() if isinstance(text, Secret) else text
        if asked.choices and plain not in asked.choices:
            raise TargetRefused(f"run {handle}: it is none of the choices")
        shown = MASK if asked.is_secret else plain
        told = replace(asked, outcome="answered", answer=shown, answered_by=by, ended_at=self._clock())
        *before, task = run.progress.tasks
        going = replace(task, questions=(*task.questions[:-1], told))
        run.progress = replace(run.progress, status=RunStatus.RUNNING, reason="", tasks=(*before, going))

    def call(self, handle: str, *calls: Call) -> None:
        """Let the run ask for other runs."""
        run = self._runs[handle]
        run.progress = replace(run.progress, calls=(*run.progress.calls, *calls))

    def settle(self, handle: str, key: str, settlement: Settlement) -> None:
        self._reach()
        if self.loses_settlements:
            return
        self.settlements.append((handle, key, settlement))
        run = self._runs[handle]
        calls = []
        for call in run.progress.calls:
            if call.key != key:
                calls.append(call)
            elif call.wait and not settlement.is_final and settlement.refusal is None:
                calls.append(replace(call, waits=True, children=settlement.children))
        waits = any(call.waits for call in calls) and not run.progress.status.is_ended
        status = RunStatus.WAITING if waits else run.progress.status
        if run.progress.reason == "child" and not waits:
            status = RunStatus.RUNNING
        run.progress = replace(run.progress, status=status, reason="child" if waits else "", calls=tuple(calls))

    def wait(self, handles: Collection[str], *, timeout_seconds: float) -> None:
        """Nothing changes here by itself, so there is nothing to wait for."""

    def forget(self, handles: Collection[str]) -> None:
        for handle in handles:
            if handle in self._runs:
                self._runs[handle].records.clear()

    def close(self) -> None:
        """There is nothing to let go of."""

    def write(self, handle: str, record: OutputRecord) -> None:
        """Let the run write ``record``."""
        self._runs[handle].records.append(record)

    def finish(self, handle: str, status: RunStatus, *, exit_code: int | None = None) -> None:
        """End a run, its tasks all with the same status."""
        run = self._runs[handle]
        now = self._clock()
        code = exit_code if exit_code is not None else (0 if status is RunStatus.COMPLETED else None)
        tasks = tuple(
            replace(
                task,
                status=status,
                exit_code=code,
                ended_at=now,
                stdout=run.summary_of(task.id, Stream.STDOUT),
                stderr=run.summary_of(task.id, Stream.STDERR),
            )
            for task in run.progress.tasks
        )
        run.progress = replace(run.progress, status=status, ended_at=now, tasks=tasks)

    def _reach(self) -> None:
        if self.unreachable:
            raise TargetUnavailable(f"{self.name} does not answer", hint="Try again later.")


class _FakeRun(Struct):
    progress: Progress
    records: list[OutputRecord]

    def summary_of(self, task_id: str, stream: Stream) -> StreamSummary:
        data = b"".join(item.data for item in self.records if (item.task_id, item.stream) == (task_id, stream))
        return StreamSummary(len(data), hashlib.sha256(data).hexdigest(), data.decode(errors="backslashreplace"))

    @classmethod
    def of(cls, job: Job, clock: Clock) -> "_FakeRun":
        now = clock()
        tasks = tuple(TaskResult(id=task.id, status=RunStatus.RUNNING, started_at=now) for task in job.tasks)
        return cls(Progress(status=RunStatus.RUNNING, started_at=now, tasks=tasks), [])
