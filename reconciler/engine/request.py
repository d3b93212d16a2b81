"""What a task asks for while it runs: the answer of a person, other runs, or that an event is taken.

A request is durable before it is acknowledged, and has a key of its caller's: made again after our death, it is the
same one.  Its marks in the journal are ``request``, ``settle`` (the runs it led to), ``answer``, ``leave`` (its caller
waits no longer) and ``close``.
"""

import hashlib
import hmac
import json
from typing import Any

from reconciler.engine.journal import Entry
from reconciler.engine.masks import MASK, mask_text

MAX_QUESTION = 4_000
MAX_CHOICES = 100
MAX_CHOICE = 1_000
MAX_ANSWER = 64 << 10
MAX_NOTE = 200
_MAX_VALUES = 200
_MAX_VALUE = 64 << 10
_MAX_NAME = 1_000
MAX_EVENT = 64 << 10
ASK, RUN, WAIT = "ask", "run", "wait for"
SEND = "event"
TELL = "tell"
"""How far a task is; nothing waits for it, and nobody keeps it."""

TASK_REQUESTS = frozenset({ASK, RUN, WAIT, SEND, TELL})


class Request:
    """``answer`` is what its caller is told in the end; ``is_over``: it was told, or nobody waits to be told.

    ``at``, ``deadline_at`` and ``ended_at`` are in microseconds since 1970.
    """

    def __init__(self, mark: Entry) -> None:
        self.key: str = mark["key"]
        self.what: str = mark["what"]
        self.task: int = mark["task"]
        self.at: int = mark["at"]
        self.deadline_at: int | None = mark["deadline_at"]
        self.body: dict[str, Any] = mark["body"]
        self.size = len(json.dumps(self.body))
        self.children: list[str] = []
        self.is_settled = False
        self.has_caller = True
        self.answer: dict[str, Any] | None = None
        self.is_over = False
        self.outcome = ""
        self.ended_at: int | None = None
        self.shown_answer = ""
        self.answered_by = ""

    @property
    def is_open(self) -> bool:
        return self.answer is None and not self.is_over

    @property
    def is_owed(self) -> bool:
        """Whether runs are still to be made for it, whoever waits for them."""
        return self.is_open and self.what != ASK and not self.is_settled

    @property
    def waits(self) -> bool:
        """Whether its caller waits for the end of runs that are there."""
        return self.is_open and self.what != ASK and self.is_settled and self.has_caller and bool(self.body["wait"])

    def settle(self, mark: Entry) -> None:
        self.children = mark["children"]
        self.is_settled = True

    def take_answer(self, mark: Entry, text: str) -> None:
        self.answer = {"text": text}
        self.shown_answer = MASK.decode() if mark["is_hidden"] else text
        self.answered_by = mark["by"]
        self.outcome, self.ended_at = "answered", mark["at"]

    def close(self, mark: Entry) -> None:
        self.is_over = True
        if not self.outcome:
            self.outcome, self.ended_at = mark["outcome"], mark["at"]

    def as_question(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "text": self.body["question"],
            "is_secret": self.body["is_secret"],
            "choices": self.body["choices"],
            "asked_at": self.at,
            "deadline_at": self.deadline_at,
            "outcome": self.outcome,
            "answer": self.shown_answer,
            "answered_by": self.answered_by,
            "ended_at": self.ended_at,
        }

    def as_call(self) -> dict[str, Any]:
        return {"key": self.key, "what": self.what, **self.body, "children": self.children, "waits": self.waits}


def hash_token(token: str) -> str:
    """Return what may be on disk of a token: it has too much chance in it to be guessed from this."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def fits_token(token_hash: str, known: str) -> bool:
    return bool(known) and hmac.compare_digest(token_hash, known)


def read_body(message: dict[str, Any], mask_forms: list[bytes]) -> dict[str, Any] | str:
    """Return what a message asks for, as it may be kept on disk, or why it cannot be."""
    try:
        _name(message["key"])
        if message["do"] == ASK:
            return _question(message, mask_forms)
        if message["do"] == SEND:
            return _event(message["event"], mask_forms)
        return _call(message, mask_forms) if message["do"] == RUN else _wait(message)
    except (KeyError, TypeError, ValueError) as error:
        return f"not understood: {error}"


def read_note(message: dict[str, Any], mask_forms: list[bytes]) -> dict[str, Any] | str:
    """Return how far a message says that its task is, or why it cannot be read."""
    percent, text = message.get("percent"), message.get("text")
    if not isinstance(percent, int) or not 0 <= percent <= 100:
        return "how far it is is a whole number of percent, from 0 to 100"
    if not isinstance(text, str) or len(text) > MAX_NOTE:
        return f"what it does has {MAX_NOTE} characters at most"
    return {"percent": percent, "text": _shown(text, mask_forms)}


def _question(message: dict[str, Any], mask_forms: list[bytes]) -> dict[str, Any] | str:
    text, choices = message["question"], message["choices"]
    if not isinstance(text, str) or not text.strip() or len(text) > MAX_QUESTION:
        return f"a question has 1 to {MAX_QUESTION} characters"
    are_good = (isinstance(each, str) and 0 < len(each) <= MAX_CHOICE for each in choices)
    if len(choices) > MAX_CHOICES or not all(are_good):
        return f"there may be {MAX_CHOICES} choices, each of 1 to {MAX_CHOICE} characters"
    return {
        "question": _shown(text, mask_forms),
        "is_secret": bool(message["is_secret"]),
        "choices": [mask_text(_plain(choice), mask_forms) for choice in choices],
    }


def _call(message: dict[str, Any], mask_forms: list[bytes]) -> dict[str, Any] | str:
    values = {_name(name): _value(value) for name, value in message["variables"].items()}
    if len(values) > _MAX_VALUES:
        return f"a run is given {_MAX_VALUES} values at most"
    hidden = [name for name, value in values.items() if mask_text(value, mask_forms) != value]
    if hidden:
        return f"the value of {hidden[0]} holds a secret of this run, and a secret is not passed on"
    names = {field: _name(message[field]) for field in ("job", "component", "target", "device") if message[field]}
    return {
        **dict.fromkeys(("job", "component", "target", "device"), ""),
        **names,
        "variables": values,
        "is_forced": bool(message["is_forced"]),
        "wait": bool(message["wait"]),
        "uids": [],
    }


def _event(event: dict[str, Any], mask_forms: list[bytes]) -> dict[str, Any] | str:
    """Return the event; who takes it judges it by what an event may be."""
    device, data = event["device"], event["data"]
    names = {"id": _name(event["id"]), "type": _name(event["type"]), "device": _name(device) if device else ""}
    if not isinstance(data, dict):
        return "the data of an event is an object"
    text = json.dumps([names, data], ensure_ascii=False)
    if len(_plain(text).encode()) > MAX_EVENT + 4 * _MAX_NAME:
        return f"the data of an event has {MAX_EVENT:,} bytes at most"
    if mask_text(text, mask_forms) != text:
        return "the event holds a secret of this run, and a secret is not passed on"
    return {"event": {**names, "data": data}, "wait": False, "uids": []}


def _wait(message: dict[str, Any]) -> dict[str, Any] | str:
    uids = [_name(uid) for uid in message["uids"]]
    if not 0 < len(uids) <= _MAX_VALUES:
        return f"1 to {_MAX_VALUES} runs can be waited for"
    return {"uids": uids, "wait": True}


def _name(text: Any) -> str:
    if not isinstance(text, str) or not 0 < len(text) <= _MAX_NAME:
        raise ValueError(f"a name has 1 to {_MAX_NAME} characters")
    return _plain(text)


def _value(text: Any) -> str:
    if not isinstance(text, str) or len(text) > _MAX_VALUE:
        raise ValueError(f"a value is text of {_MAX_VALUE} characters at most")
    return _plain(text)


def is_plain(text: str) -> bool:
    """Whether ``text`` can be written as UTF-8: bytes that were none come as surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _plain(text: str) -> str:
    if not is_plain(text):
        raise ValueError("a text is not UTF-8")
    return text


def _shown(text: str, mask_forms: list[bytes]) -> str:
    """Return ``text`` for people: with nothing in it that must not be shown, and what is not UTF-8 written out."""
    return mask_text(text, mask_forms).encode("utf-8", "backslashreplace").decode()
