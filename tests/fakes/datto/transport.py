"""The fake as a transport of httpx in the same process: no socket, and time that only the test moves."""

from collections.abc import Callable, Iterator
from urllib.parse import parse_qsl

import httpx

from .wire import Answer, Request
from .world import World


class FakeTransport(httpx.BaseTransport):
    """``advance`` lets seconds pass; ``latency_seconds`` pass in each direction."""

    def __init__(self, world: World, *, advance: Callable[[float], object], latency_seconds: float = 0.05) -> None:
        self._world = world
        self._advance = advance
        self._latency = latency_seconds

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._advance(self._latency)
        answer = self._world.handle(_request_of(request))
        patience = (request.extensions.get("timeout") or {}).get("read") or 30.0
        if answer.fate == "dropped":
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)
        if answer.fate == "late" and answer.seconds > patience:
            self._advance(patience)
            raise httpx.ReadTimeout("timed out", request=request)
        self._advance(self._latency + (answer.seconds if answer.fate == "late" else 0))
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Body(answer, self._advance), request=request
        )


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: Answer, advance: Callable[[float], object]) -> None:
        self._answer = answer
        self._advance = advance

    def __iter__(self) -> Iterator[bytes]:
        body = self._answer.body
        match self._answer.fate:
            case "truncated":
                yield body[: len(body) // 2]
                raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")
            case "dripped":
                for index in range(len(body)):
                    self._advance(self._answer.seconds)
                    yield body[index : index + 1]
            case _:
                yield body


def _request_of(request: httpx.Request) -> Request:
    path = request.url.raw_path.decode("ascii")
    query = dict(reversed(parse_qsl(request.url.query.decode("ascii"))))
    return Request(
        request.method,
        path.partition("?")[0],
        query,
        {name.lower(): value for name, value in request.headers.items()},
        request.read(),
    )
