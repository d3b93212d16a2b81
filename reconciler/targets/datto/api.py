"""Requests to one account: who asks, how many may be asked, and what a page is."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from reconciler.model.errors import TargetRefused, TargetUnavailable
from reconciler.model.instant import Clock
from reconciler.targets.datto.login import Login
from reconciler.targets.rest.client import MAX_BYTES, Call, Reply, RestClient
from reconciler.targets.rest.errors import NotCarriedOut
from reconciler.targets.rest.limits import RateWindow

API = "/api/v2"
PAGE_SIZE = 250
MOST_PAGES = 2000
JOB_START = "device-job-create"
SYNC_EVERY = timedelta(seconds=30)
LONGEST_WAIT = 15.0
LONGEST_WINDOW = 3600
"""In seconds: what is longer is no window that a service counts requests in."""


class Listing(Struct, frozen=True, kw_only=True):
    """What a list gave. Not ``complete``: a page is missing, or the list changed while it was read."""

    items: tuple[dict[str, Any], ...]
    complete: bool


class Limits:
    """The windows of one account; ``of`` gives that of an operation."""

    def __init__(self, *, job_starts: int, reads: int) -> None:
        self.reads = RateWindow(reads)
        self.writes = RateWindow(reads)
        self._operations = {JOB_START: RateWindow(job_starts)}

    def of(self, operation: str) -> RateWindow:
        return self._operations.setdefault(operation, RateWindow(100))

    def free_writes(self, operation: str, now: datetime) -> int:
        return min(self.writes.free(now), self.of(operation).free(now))

    def next_write_at(self, operation: str, now: datetime) -> datetime:
        return max(self.writes.next_free_at(now), self.of(operation).next_free_at(now))

    def own(self, now: datetime) -> dict[str, int]:
        """Return how many requests of ours are in each window."""
        windows = {"": self.reads, "*": self.writes, **self._operations}
        return {name: window.own(now) for name, window in windows.items()}

    def sync(self, said: Any, own: Mapping[str, int], now: datetime) -> None:
        """Take over what `system/request_rate` says; what is missing or odd is left as it was.

        ``own`` is how many of ours were in each window when it was asked.
        """
        if not isinstance(said, dict):
            return
        seconds = said.get("slidingTimeWindowSizeSeconds")
        if isinstance(seconds, int) and not isinstance(seconds, bool) and 0 < seconds <= LONGEST_WINDOW:
            for window in (self.reads, self.writes, *self._operations.values()):
                window.seconds = seconds
        # The question itself is counted before it is answered.
        _sync(self.reads, said.get("accountRateLimit"), said.get("accountCount"), own[""] + 1, now)
        _sync(self.writes, said.get("accountWriteRateLimit"), said.get("accountWriteCount"), own["*"], now)
        status = said.get("operationWriteStatus")
        for name, one in status.items() if isinstance(status, dict) else ():
            if isinstance(one, dict):
                _sync(self.of(name), one.get("limit"), one.get("count"), own.get(name, 0), now)


def _sync(window: RateWindow, limit: Any, count: Any, own: int, now: datetime) -> None:
    if all(isinstance(number, int) and not isinstance(number, bool) for number in (limit, count)) and limit > 0:
        window.sync(limit=limit, count=max(count, 0), own=own, now=now)


class Api:
    """``reader`` asks, ``runner`` changes. ``requests`` counts what was sent, by method."""

    def __init__(
        self,
        client: RestClient,
        *,
        reader: Login,
        runner: Login,
        limits: Limits,
        clock: Clock,
        pause: Callable[[float], object],
    ) -> None:
        self.client = client
        self.limits = limits
        self.clock = clock
        self._reader = reader
        self._runner = runner
        self.pause = pause
        self._synced_at: datetime | None = None

    def get(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        max_bytes: int = MAX_BYTES,
        is_private: bool = False,
    ) -> Any:
        """Return what is at ``path``; asked again where the answer is lost."""
        call = Call(method="GET", path=f"{API}{path}", query=query or {}, max_bytes=max_bytes, is_private=is_private)
        return self.client.read(lambda: self._read(call))

    def _read(self, call: Call) -> Any:
        self._await_read()
        return self.client.value(call, self._sent(call, self._reader, self.limits.reads))

    def write(self, method: str, path: str, body: Any, *, operation: str) -> Any:
        """Send what changes something, once. Raises AnswerLost where nobody can say whether it did."""
        now = self.clock()
        windows = (self.limits.writes, self.limits.of(operation))
        if not self.limits.free_writes(operation, now):
            raise NotCarriedOut(
                f"{self.client.name}: the limit of {operation} is used up",
                retry_at=self.limits.next_write_at(operation, now),
            )
        call = Call(method=method, path=f"{API}{path}", json=body, acts=True)
        return self.client.value(call, self._sent(call, self._runner, *windows))

    def _sent(self, call: Call, login: Login, *windows: RateWindow) -> Reply:
        reply = self._counted(call, login, windows)
        if reply.status == 401:
            login.forget()
            reply = self._counted(call, login, windows)
            if reply.status == 401:
                login.forget()
                raise NotCarriedOut(f"{self.client.name}: a fresh token was refused (401)")
        return reply

    def _counted(self, call: Call, login: Login, windows: tuple[RateWindow, ...]) -> Reply:
        # Not Struct.replace: the header is of this one request, and is kept nowhere.
        headers = login.header()
        try:
            return self.client.send(
                Call(
                    method=call.method,
                    path=call.path,
                    query=call.query,
                    json=call.json,
                    headers=headers,
                    acts=call.acts,
                    is_private=call.is_private,
                    max_bytes=call.max_bytes,
                )
            )
        finally:
            for window in windows:
                window.note(self.clock())

    def _await_read(self) -> None:
        now = self.clock()
        if self.limits.reads.free(now):
            return
        seconds = (self.limits.reads.next_free_at(now) - now).total_seconds()
        if seconds > LONGEST_WAIT:
            raise NotCarriedOut(
                f"{self.client.name}: the limit of reads is used up", retry_at=self.limits.reads.next_free_at(now)
            )
        self.pause(max(seconds, 0.01))

    def pages(
        self, path: str, name: str, query: Mapping[str, str] | None = None, *, is_private: bool = False
    ) -> Listing:
        """Return all items of a list, page by page, by our own parameters: the next page's address loses some."""
        found: dict[str, dict[str, Any]] = {}
        is_clean = True
        for page in range(MOST_PAGES):
            body = self.get(path, {**(query or {}), "page": str(page), "max": str(PAGE_SIZE)}, is_private=is_private)
            items = body.get(name) if isinstance(body, dict) else None
            if not isinstance(items, list):
                raise TargetUnavailable(f"{self.client.name}: GET {API}{path}: the answer has no list of {name}")
            before = len(found)
            for item in (item for item in items if isinstance(item, dict)):
                key = str(item.get("uid") or item.get("id") or item.get("alertUid") or len(found))
                is_clean = is_clean and key not in found
                found.setdefault(key, item)
            details = body.get("pageDetails")
            if not isinstance(details, dict):
                return Listing(items=tuple(found.values()), complete=is_clean)
            if not details.get("nextPageUrl"):
                is_whole = details.get("totalCount") in {None, len(found)}
                return Listing(items=tuple(found.values()), complete=is_clean and is_whole)
            if len(found) == before:
                break  # a page with nothing new leads on for ever
        return Listing(items=tuple(found.values()), complete=False)

    def sync(self) -> None:
        """Ask the service how much of its limits is used, unless that was asked just now."""
        now = self.clock()
        if self._synced_at is not None and now - self._synced_at < SYNC_EVERY:
            return
        self._synced_at = now
        try:
            own = self.limits.own(now)
            self.limits.sync(self.get("/system/request_rate"), own, self.clock())
        except TargetRefused:
            return  # a key that may not see it: our own count stands
