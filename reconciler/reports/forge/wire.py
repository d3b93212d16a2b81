"""Asking a forge's API: one fixed address, no redirect, no proxy of the environment; who may be asked again, is.

Sources: GitHub "Best practices for using the REST API" and "Rate limits"; GitLab "Rate limits".
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from msgspec import Struct

from reconciler.model.errors import TargetRefused, TargetUnavailable, UsageError
from reconciler.model.secret import Secret
from reconciler.model.text import escape_text

T = TypeVar("T")

PAGE = 100
_MOST_PAGES = 100
_LARGEST_ANSWER = 16 << 20
_LONGEST_WAIT = 60.0
_TRIES = 4
_WORDS = 200
_MAKES_NEW = "POST"


class Unavailable(TargetUnavailable):
    """No answer, or one that asks us to wait: ``retry_seconds`` is how long at least, None where that is not said."""

    def __init__(self, message: str, *, retry_seconds: float | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_seconds = retry_seconds


class Refused(TargetRefused):
    """A clear no; ``status`` is that of HTTP."""

    def __init__(self, message: str, *, status: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class Answer(Struct, frozen=True, kw_only=True):
    status: int
    headers: httpx.Headers
    body: bytes


class Wire:
    """Calls of one API. ``patience_seconds`` bounds the waiting of one call in all; 0 asks once.

    What makes something new is asked again only after an answer that says it was not done.
    """

    def __init__(
        self,
        client: httpx.Client,
        *,
        name: str,
        headers: Mapping[str, str] | None = None,
        sleep: Callable[[float], None],
        patience_seconds: float,
    ) -> None:
        self._client = client
        self._name = name
        self._headers = dict(headers or {})
        self._sleep = sleep
        self._patience = patience_seconds

    def get(self, path: str, kind: type[T], **params: str | int) -> T:
        return self._decoded(self._ask("GET", path, params=params), kind)

    def pages(self, path: str, kind: type[T], *, inside: str = "", **params: str | int) -> list[T]:
        """Return the items of all pages, at most 10,000; ``inside`` names the field that holds them."""
        items: list[T] = []
        for page in range(1, _MOST_PAGES + 1):
            answer = self._ask("GET", path, params={**params, "per_page": PAGE, "page": page})
            if inside:
                raw = self._decoded(answer, dict[str, msgspec.Raw]).get(inside, msgspec.Raw(b"[]"))
                found = self._decoded(bytes(raw), list[kind])  # type: ignore[valid-type]
            else:
                found = self._decoded(answer, list[kind])  # type: ignore[valid-type]
            items += found
            if len(found) < PAGE:
                break
        return items

    def send(self, method: str, path: str, body: Mapping[str, Any], kind: type[T]) -> T:
        return self._decoded(self._ask(method, path, body=body), kind)

    def delete(self, path: str) -> None:
        self._ask("DELETE", path)

    def location(self, path: str) -> str:
        """Return where an answer redirects to: the caller decides whether to go there, without our token."""
        answer = self._answer("GET", path)
        where = answer.headers.get("Location", "")
        if answer.status not in {301, 302, 303, 307, 308} or not where:
            raise self._refusal(answer, f"GET {path}")
        return str(where)

    def _ask(self, method: str, path: str, *, params: Mapping[str, str | int] | None = None, body: Any = None) -> bytes:
        answer = self._answer(method, path, params=params, body=body)
        if not 200 <= answer.status < 300:
            raise self._refusal(answer, f"{method} {path}")
        return answer.body

    def _answer(
        self, method: str, path: str, *, params: Mapping[str, str | int] | None = None, body: Any = None
    ) -> Answer:
        waited = 0.0
        for number in range(1, _TRIES + 1):
            try:
                answer = self._once(method, path, params=params, body=body)
                problem = self._put_off(answer, f"{method} {path}")
                if problem is None:
                    return answer
                may_repeat = method != _MAKES_NEW or answer.status in {403, 429}
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                words = f"{self._name} does not answer ({type(error).__name__} at {method} {path})"
                problem = Unavailable(words, hint="Check the network, or try again later.")
                may_repeat = method != _MAKES_NEW or isinstance(error, httpx.ConnectError)
            pause = 2.0**number if problem.retry_seconds is None else problem.retry_seconds
            if number == _TRIES or not may_repeat or pause > _LONGEST_WAIT or waited + pause > self._patience:
                raise problem
            self._sleep(pause)
            waited += pause
        raise AssertionError("the last try returns or raises")

    def _once(self, method: str, path: str, *, params: Mapping[str, str | int] | None, body: Any) -> Answer:
        content = None if body is None else msgspec.json.encode(body)
        headers = self._headers | ({"Content-Type": "application/json"} if content is not None else {})
        request = self._client.build_request(method, path, params=params or None, content=content, headers=headers)
        answer = self._client.send(request, stream=True, follow_redirects=False)
        try:
            return Answer(status=answer.status_code, headers=answer.headers, body=read_limited(answer, _LARGEST_ANSWER))
        finally:
            answer.close()

    def _put_off(self, answer: Answer, what: str) -> Unavailable | None:
        """Return why this answer means "later", or None when it is final."""
        code = answer.status
        is_limited = code == 429 or (
            code == 403 and ("retry-after" in answer.headers or answer.headers.get("x-ratelimit-remaining") == "0")
        )
        if not is_limited and code < 500:
            return None
        why = "asks us to wait" if is_limited else "has a failure of its own"
        return Unavailable(
            f"{self._name} {why} ({code} at {what})", retry_seconds=_seconds(answer.headers.get("Retry-After"))
        )

    def _refusal(self, answer: Answer, what: str) -> Refused:
        hint = {
            401: "Check the token: it is wrong, or it has expired.",
            403: "Check what the token may do.",
            404: "Check the repository's name, and what the token may see.",
        }.get(answer.status, "")
        return Refused(
            f"{self._name} refused {what}: {answer.status} {_words(answer)}".rstrip(),
            status=answer.status,
            hint=hint,
        )

    def _decoded(self, data: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(data, type=kind)
        except (msgspec.DecodeError, RecursionError) as error:
            words = escape_text(str(error), limit=_WORDS)
            raise Unavailable(f"{self._name} gave an answer we do not understand: {words}") from None


def open_client(base_url: str, *, token: Secret, scheme: str = "Bearer", header: str = "Authorization") -> httpx.Client:
    """Return a client for one API; the environment's proxies and .netrc have no part in it. Raises UsageError."""
    if not base_url.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        raise UsageError(f"the address of the API must begin with https://, found {escape_text(base_url, limit=200)}")
    value = f"{scheme} {token.reveal()}".strip()
    if not (value.isascii() and value.isprintable()):
        raise UsageError("the token for the API holds characters that no token has")
    return httpx.Client(
        base_url=base_url.rstrip("/") + "/",
        headers={header: value, "User-Agent": "reconciler"},
        timeout=httpx.Timeout(10.0, connect=5.0),
        trust_env=False,
    )


def read_limited(answer: httpx.Response, most: int) -> bytes:
    """Read a streamed answer whole. Raises Unavailable when it is larger than ``most`` bytes."""
    parts: list[bytes] = []
    size = 0
    for part in answer.iter_bytes():
        size += len(part)
        if size > most:
            raise Unavailable(f"the answer is larger than {most:,} bytes")
        parts.append(part)
    return b"".join(parts)


def segment(text: str | int) -> str:
    """Return ``text`` as one segment of a path: whatever is in it goes nowhere else."""
    return quote(str(text), safe="")


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() else None


def _words(answer: Answer) -> str:
    try:
        value = msgspec.json.decode(answer.body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return ""
    told = value.get("message") or value.get("error") or ""
    return escape_text(str(told), limit=_WORDS)
