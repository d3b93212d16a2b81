"""Something that happened, somewhere: what an event is, and how much of it is taken."""

import re
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from reconciler.model.errors import UsageError

MAX_BYTES = 65_536
"""Of the data, as JSON."""

MAX_DEPTH = 16
MAX_NAME = 200

MAX_CHAIN = 8
"""How many runs may follow from one another's events and ends, until the next starts nothing."""

OWN_SOURCE = "reconciler"
GIVEN_SOURCE = "command"
"""The source of an event that a person or a script reports, unless it says another."""

STARTUP = "Startup"
RUN_COMPLETED = "runCompleted"
RUN_FAILED = "runFailed"
RUN_SOURCE = "run:"
"""How the source of an event begins that a run tells of; its uid follows."""

OWN_EVENTS = frozenset({STARTUP, RUN_COMPLETED, RUN_FAILED})
"""Those that are sent from here; others come from outside."""

_PLAIN = re.compile(r"[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?")


class Event(Struct, frozen=True, kw_only=True):
    """Unique by (source, id). ``device`` is a hostname or a uid, or empty; ``data`` is what JSON can hold.

    ``depth`` is how many runs, each started by what the one before did, led to it.
    """

    id: str
    type: str
    source: str
    at: datetime
    device: str = ""
    data: dict[str, Any] = {}
    depth: int = 0

    @property
    def trigger_key(self) -> str:
        """What tells its occurrences from others': ``event:<id>``, with ``@<source>`` where another gave the id."""
        if self.source == GIVEN_SOURCE:
            return f"event:{_without_at(self.id)}"
        return f"event:{_without_at(self.id)}@{_without_at(self.source)}"

    @property
    def facts(self) -> dict[str, Any]:
        """What conditions, tokens and the run itself are told of it."""
        return {
            "id": self.id,
            "type": self.type,
            "source": self.source,
            "device": self.device,
            "at": self.at,
            "data": self.data,
            "depth": self.depth,
        }

    @property
    def parent_uid(self) -> str | None:
        """The run whose end it is, or that tells of it, or None."""
        if self.source.startswith(RUN_SOURCE):
            return self.source.removeprefix(RUN_SOURCE)
        return str(self.data["runUid"]) if _is_end(self) else None


def is_end_of(event: Event, job_id: str) -> bool:
    """Return whether the event is the end of a run of this very job."""
    return _is_end(event) and event.data.get("jobId") == job_id


def _is_end(event: Event) -> bool:
    return event.source == OWN_SOURCE and event.type in {RUN_COMPLETED, RUN_FAILED} and "runUid" in event.data


def _without_at(text: str) -> str:
    return text.replace("%", "%25").replace("@", "%40")


def check_event(event: Event) -> Event:
    """Return ``event`` if it may be taken. Raises UsageError, naming what is wrong with it."""
    for word, text in (("name", event.type), ("source", event.source), ("id", event.id)):
        _check_name(word, text)
    if event.device:
        _check_name("device", event.device)
    _check_depth(event.data)
    try:
        size = len(msgspec.json.encode(event.data))
    except (UnicodeEncodeError, OverflowError, TypeError, ValueError):
        raise UsageError("event: its data cannot be written as JSON", hint="Texts must be valid UTF-8.") from None
    if size > MAX_BYTES:
        raise UsageError(f"event: its data is {size:,} bytes of JSON, and {MAX_BYTES:,} are allowed", hint=_SMALLER)
    return event


_SMALLER = "Send a reference to the data instead of the data."


def read_event_data(text: bytes) -> dict[str, Any]:
    """Read the data of an event, a JSON object. Raises UsageError."""
    if len(text) > MAX_BYTES:
        raise UsageError(f"event: its data is longer than {MAX_BYTES:,} bytes", hint=_SMALLER)
    try:
        data = msgspec.json.decode(text)
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"event: its data is not JSON: {error}", hint='Write an object: {"name": "value"}') from None
    if not isinstance(data, dict):
        raise UsageError("event: its data is not a JSON object", hint='Write an object: {"name": "value"}')
    return data


def _check_name(word: str, text: str) -> None:
    if not _PLAIN.fullmatch(text) or any("\ud800" <= char <= "\udfff" for char in text):
        raise UsageError(f"event: its {word} is empty, or holds what cannot be shown", hint="Write it in plain text.")
    if len(text) > MAX_NAME:
        raise UsageError(f"event: its {word} has {len(text)} characters, and {MAX_NAME} are allowed")


def _check_depth(data: dict[str, Any]) -> None:
    level: list[Any] = [data]
    for _ in range(MAX_DEPTH):
        level = [item for value in level if isinstance(value, dict | list) for item in _inside(value)]
        if not level:
            return
    if any(isinstance(value, dict | list) for value in level):
        raise _too_deep()


def _inside(value: dict[str, Any] | list[Any]) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value


def _too_deep() -> UsageError:
    return UsageError(f"event: its data is nested deeper than {MAX_DEPTH} levels", hint="Send it flatter.")
