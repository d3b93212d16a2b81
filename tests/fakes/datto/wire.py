"""Requests and answers between the fake and whatever carries them: a socket, or a transport in the same process."""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Request:
    """``path`` is without the query; ``query`` holds the first value of each name; header names are lower case."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """``fate`` is what becomes of it on the wire: it is sent, or dropped, cut short, dripped, sent late."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    fate: str = "sent"
    seconds: float = 0.0


def answer_json(status: int, value: Any, **headers: str) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})


def answer_error(status: int, message: str) -> Answer:
    return answer_json(status, {"errorMessage": message})
