"""This machine as a target: one device, jobs delivered by the store, runs through the engine's supervisor."""

import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import msgspec

from reconciler.engine.client import Engine, RunProgress
from reconciler.model.change import Change
from reconciler.model.errors import TargetRefused
from reconciler.model.forms import Form
from reconciler.model.instant import Clock
from reconciler.model.job import Devices
from reconciler.model.live import LiveState
from reconciler.model.run import Device, OutputRecord, Run
from reconciler.model.secret import Secret
from reconciler.model.settings import EngineSettings
from reconciler.targets.local.http_order import HttpSettings
from reconciler.targets.local.order import make_order
from reconciler.targets.protocol import (
    Call,
    Capabilities,
    DeviceList,
    Note,
    Progress,
    Refused,
    Settlement,
    StartAnswer,
    Started,
    StartOrder,
    attempt_handle,
)
from reconciler.targets.selector import select_devices

DEVICE_UID = "local"
"""The same whatever the machine is called: a one-off is not started again because a host was renamed."""

_SYSTEMS = {"linux": "linux", "darwin": "macOS", "win32": "windows"}


class LocalTarget:
    """``host`` is this machine's name; ``environment`` that of reconciler, of which runs are given a small part.

    ``http`` says where HTTP tasks may go; without it, nowhere.  ``accounts`` are those that tasks may have.
    """

    capabilities = Capabilities(
        holds_schedules=False,
        runs_now=True,
        cancels=True,
        feedback=True,
        output=True,
        exit_code=True,
        lists_devices=True,
        idempotent_start=True,
        queues=256,
        is_local=True,
        ends_late_runs=True,
    )

    def __init__(
        self,
        name: str,
        *,
        folder: Path,
        settings: EngineSettings,
        environment: Mapping[str, str],
        host: str,
        clock: Clock,
        http: HttpSettings | None = None,
        accounts: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.max_runs = settings.max_runs
        self._settings = settings
        # A plain copy: os.environ encodes each name and decodes each value anew, at each look.
        self._environment = dict(environment)
        self._http = http or HttpSettings()
        self._accounts = accounts
        self._device = Device(uid=DEVICE_UID, hostname=host, os=_SYSTEMS.get(sys.platform, sys.platform), online=True)
        self._engine = Engine(folder, clock=clock)

    def read(self) -> LiveState:
        """Nothing: a local job is what the store says, and has no object elsewhere."""
        return LiveState()

    def normalise(self, form: Form) -> Form:
        return form

    def apply(self, change: Change) -> None:
        """Nothing to do: the store delivers."""

    def devices(self, selector: Devices | None) -> DeviceList:
        return DeviceList(devices=select_devices([self._device], selector))

    def start(self, orders: Sequence[StartOrder]) -> Mapping[str, StartAnswer]:
        answers: dict[str, StartAnswer] = {}
        ready = []
        for order in orders:
            try:
                ready.append(
                    make_order(
                        order,
                        settings=self._settings,
                        environment=self._environment,
                        http=self._http,
                        accounts=self._accounts,
                    )
                )
                answers[order.run.uid] = Started(handle=attempt_handle(order.run))
            except TargetRefused as error:
                answers[order.run.uid] = Refused(reason=str(error))
        self._engine.start(ready)
        return answers

    def find(self, run: Run) -> str | None:
        handle = attempt_handle(run)
        return handle if self._engine.follow([handle]) else None

    def follow(self, handles: Mapping[str, str]) -> Mapping[str, Progress]:
        progress = self._engine.follow(list(handles.values()))
        return {uid: _as_told(progress[handle]) for uid, handle in handles.items() if handle in progress}

    def output(self, handle: str) -> Sequence[OutputRecord]:
        return list(self._engine.output(handle))

    def cancel(self, handle: str) -> None:
        self._engine.cancel(handle)

    def answer(self, handle: str, text: str | Secret, *, question: str, by: str = "") -> None:
        self._engine.answer(handle, question, text.reveal() if isinstance(text, Secret) else text, by=by)

    def settle(self, handle: str, key: str, settlement: Settlement) -> None:
        self._engine.settle(handle, key, **msgspec.to_builtins(settlement))

    def wait(self, handles: Collection[str], *, timeout_seconds: float) -> None:
        self._engine.wait(timeout_seconds, handles)

    def forget(self, handles: Collection[str]) -> None:
        self._engine.forget(handles)

    def close(self) -> None:
        self._engine.close()


def _as_told(its: RunProgress) -> Progress:
    return Progress(
        status=its.status,
        reason=its.reason,
        started_at=its.started_at,
        ended_at=its.ended_at,
        tasks=its.tasks,
        calls=tuple(msgspec.convert(call, Call) for call in its.calls) if its.calls else (),
        note=None if its.note is None else msgspec.convert(its.note, Note),
    )
