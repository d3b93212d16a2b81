"""What goes wrong, by route and request number: the script of a test."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from .wire import Answer, Request

ACTS = frozenset({"act-then-drop", "truncate", "drip", "delay", "act-then-status", "replace"})
"""Faults of the answer: what was asked for is done all the same."""


@dataclass
class Fault:
    """``route`` is a pattern over `METHOD /path`; ``numbers`` are those of the matching requests, from 1; None: all.

    ``kind``: status (``value``), drop, act-then-drop, act-then-status (``value``), truncate, drip, delay (``value``
    seconds), replace (``body`` instead of the answer's), expire-token, empty.
    """

    route: str
    kind: str
    numbers: frozenset[int] | None = None
    value: float = 0
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    seen: int = 0

    def strikes(self, request: Request) -> bool:
        if not re.search(self.route, f"{request.method} {request.path}"):
            return False
        self.seen += 1
        return self.numbers is None or self.seen in self.numbers

    def instead(self) -> Answer | None:
        """Return what is answered without acting, or None where the request is acted on first."""
        if self.kind == "status":
            return Answer(int(self.value), self.body, self.headers)
        if self.kind == "drop":
            return Answer(0, fate="dropped")
        return None

    def after(self, answer: Answer) -> Answer:
        """Return what becomes of ``answer`` on its way back."""
        match self.kind:
            case "act-then-drop":
                return Answer(0, fate="dropped")
            case "act-then-status":
                return Answer(int(self.value), self.body, self.headers)
            case "replace":
                return Answer(int(self.value) or answer.status, self.body, self.headers or answer.headers)
            case "truncate":
                return Answer(answer.status, answer.body, answer.headers, fate="truncated")
            case "drip":
                return Answer(answer.status, answer.body, answer.headers, fate="dripped", seconds=self.value)
            case "delay":
                return Answer(answer.status, answer.body, answer.headers, fate="late", seconds=self.value)
        return answer


def read_script(text: str) -> list[Fault]:
    """Read a script as JSON: a list of objects with the fields of ``Fault``; ``body`` is text."""
    faults = []
    for item in json.loads(text):
        fields: dict[str, Any] = dict(item)
        if "numbers" in fields:
            fields["numbers"] = frozenset(fields["numbers"])
        if "body" in fields:
            fields["body"] = fields["body"].encode()
        faults.append(Fault(**fields))
    return faults
