"""One service over HTTP: requests with a deadline and a size, answers as JSON, every failure one of rest/errors.py.

What a service says is never trusted: it is cut, escaped, and our own secrets are taken out of it before it is shown.
"""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
from msgspec import Struct

from reconciler.model.instant import Clock
from reconciler.model.secret import MASK, Secret
from reconciler.model.text import escape_text
from reconciler.targets.rest.errors import AnswerLost, Denied, NotCarriedOut, NotFound, Oversized, Rejected
from reconciler.targets.rest.gate import Gate, retry_after

CONNECT_SECONDS = 10.0
TOTAL_SECONDS = 60.0
MAX_BYTES = 16 << 20
READ_PAUSES = (0.5, 2.0)
SHOWN = 200
BLOCK_REST = timedelta(minutes=5)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_BLOCK_WORDS = ("rate limit", "rate-limit", "too many", "blocked", "throttl")


class Call(Struct, frozen=True, kw_only=True):
    """One request. ``acts``: it changes something, so it is never repeated unless it was surely not carried out.

    ``is_private``: no message quotes the answer.
    """

    method: str
    path: str
    query: Mapping[str, str] = {}
    json: Any = None
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] = {}
    acts: bool = False
    is_private: bool = False
    max_bytes: int = MAX_BYTES


class Reply(Struct, frozen=True, kw_only=True):
    status: int
    text: str
    headers: Mapping[str, str]


class RestClient:
    """``hides`` are values that must not be shown; whoever gets a new one adds it. ``name`` begins every message."""

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        clock: Clock,
        pause: Callable[[float], object],
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.name = name
        self.gate = Gate(name, clock=clock)
        self.hides: set[str] = set()
        self._clock = clock
        self._pause = pause
        self._was_limited = False
        # trust_env off: a proxy or a certificate store that somebody set for another program is not ours.
        self._client = httpx.Client(
            base_url=base_url,
            timeout=httpx.Timeout(CONNECT_SECONDS, read=TOTAL_SECONDS / 2),
            trust_env=False,
            follow_redirects=False,
            transport=transport,
        )

    def close(self) -> None:
        self._client.close()

    def read(self, ask: Callable[[], Any]) -> Any:
        """Return what ``ask``, which only reads, returns; it is asked again after a pause where the answer was lost."""
        for seconds in READ_PAUSES:
            try:
                return ask()
            except AnswerLost:
                self._pause(seconds)
        try:
            return ask()
        except AnswerLost as error:
            self.gate.failed("does not answer")
            raise NotCarriedOut(str(error), retry_at=self.gate.closed_until) from None

    def send(self, call: Call) -> Reply:
        """Return the answer, whatever its status below 500 says but a limit. Raises NotCarriedOut or AnswerLost."""
        self.gate.check()
        try:
            reply = self._exchange(call)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
            why = self._safe(f"cannot be reached: {_reason(error)}")
            self.gate.failed(why)
            raise NotCarriedOut(f"{self.name}: {why}", retry_at=self.gate.closed_until) from None
        except httpx.InvalidURL as error:
            raise Rejected(f"{self.name}: {self._safe(str(error))}", status=0) from None
        except httpx.TransportError as error:
            raise self._lost(call, _reason(error)) from None
        self._refuse_limits(reply)
        if reply.status >= 500:
            raise self._lost(call, f"{reply.status}{self._said(call, reply)}")
        if 300 <= reply.status < 400:
            raise Rejected(f"{self.name}: {_short(call)} leads elsewhere; that is not followed", status=reply.status)
        self.gate.passed()
        return reply

    def value(self, call: Call, reply: Reply) -> Any:
        """Return the JSON of an answer that says yes. Raises Denied, NotFound, Rejected; AnswerLost for no JSON."""
        if reply.status == 403:
            raise Denied(f"{self.name}: {_short(call)}: permission denied{self._said(call, reply)}")
        if reply.status == 404:
            raise NotFound(f"{self.name}: {_short(call)}: not found{self._said(call, reply)}")
        if reply.status >= 400:
            raise self._rejected(call, reply)
        if not reply.text.strip():
            return None
        try:
            return json.loads(reply.text)
        except (ValueError, RecursionError):
            raise AnswerLost(f"{self.name}: {_short(call)}: the answer is not JSON{self._said(call, reply)}") from None

    def _exchange(self, call: Call) -> Reply:
        deadline = self._clock() + timedelta(seconds=TOTAL_SECONDS)
        arguments: dict[str, Any] = {"headers": dict(call.headers)}
        if call.query:
            arguments["params"] = dict(call.query)
        if call.form is not None:
            arguments["data"] = dict(call.form)
        elif call.json is not None:
            arguments["content"] = json.dumps(call.json).encode()
            arguments["headers"]["Content-Type"] = "application/json"
        with self._client.stream(call.method, call.path, **arguments) as response:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > call.max_bytes:
                    raise Oversized(f"{self.name}: {_short(call)}: the answer is larger than {call.max_bytes} bytes")
                if self._clock() > deadline:
                    raise httpx.ReadTimeout(f"the answer took longer than {TOTAL_SECONDS:.0f} s")
            text = bytes(body).decode("utf-8", "replace")
            return Reply(status=response.status_code, text=text, headers=response.headers)

    def _refuse_limits(self, reply: Reply) -> None:
        """Raise NotCarriedOut where we are asked to come later: 429, and the block that follows when it is ignored."""
        asked = reply.headers.get("retry-after")
        if reply.status == 429:
            rest, why = retry_after(asked, self._clock()), "asks us to wait: too many requests (429)"
        elif reply.status == 403 and (asked or self._was_limited or _is_block(reply.text)):
            rest, why = (retry_after(asked, self._clock()) if asked else BLOCK_REST), "has blocked us for a while (403)"
        elif reply.status == 503 and asked:
            rest, why = retry_after(asked, self._clock()), "asks us to wait (503)"
        else:
            self._was_limited = False
            return
        self._was_limited = True
        self.gate.close(rest, why)
        raise NotCarriedOut(f"{self.name}: {why}", retry_at=self.gate.closed_until)

    def _lost(self, call: Call, why: str) -> AnswerLost:
        return AnswerLost(f"{self.name}: {_short(call)}: no answer: {self._safe(why)}")

    def _rejected(self, call: Call, reply: Reply) -> Rejected:
        code, details = "", None
        try:
            body = json.loads(reply.text)
        except (ValueError, RecursionError):
            body = None
        if isinstance(body, dict):
            code, details = str(body.get("errorCode") or ""), body.get("details")
        message = f"{self.name}: {_short(call)}: {reply.status}{self._said(call, reply)}"
        return Rejected(message, status=reply.status, code=code, details=details)

    def _said(self, call: Call, reply: Reply) -> str:
        """Return the service's own words, to follow ours; none where they may be what nobody is to read."""
        if call.is_private:
            return ""
        text = reply.text
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            body = None
        if isinstance(body, dict):
            found = (body.get(name) for name in ("errorMessage", "message", "error_description", "error"))
            text = next((str(value) for value in found if value), text)
        text = self._safe(" ".join(text.split()))
        return f": {text}" if text else ""

    def _safe(self, text: str) -> str:
        for value in self.hides:
            text = text.replace(value, MASK)
        return escape_text(text, limit=SHOWN)

    def hide(self, *secrets: Secret) -> None:
        self.hides.update(value for secret in secrets if (value := secret.reveal()))


def path_of(template: str, *parts: str) -> str:
    """Return ``template`` with each ``{}`` replaced by a part, percent-encoded: a part is never more than one step."""
    return template.format(*(quote(part, safe="") for part in parts))


def check_url(url: str) -> str | None:
    """Return what is wrong with the address of a service, or None: https only, but for this machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is no address"
    if parts.scheme not in {"https", "http"} or not host:
        return "is no address of the form https://HOST"
    if parts.username is not None or parts.password is not None:
        return "must not hold a user name or a password"
    if parts.query or parts.fragment:
        return "must not have a query or a fragment"
    if parts.scheme == "http" and host not in _LOOPBACK:
        return "must begin with https: http is for this machine only"
    return None


def _short(call: Call) -> str:
    return f"{call.method} {escape_text(call.path, limit=120)}"


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _is_block(text: str) -> bool:
    return any(word in text[:2000].lower() for word in _BLOCK_WORDS)
