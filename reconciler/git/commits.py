"""A commit object, read."""

import re
from datetime import UTC, datetime

from msgspec import Struct

_IDENTITY = re.compile(r"(?P<name>.*?) ?<(?P<email>[^<>]*)> (?P<seconds>-?\d{1,12}) [+-]\d{4,}")
_TRAILER = re.compile(r"(?P<key>[A-Za-z0-9][A-Za-z0-9-]*)[ \t]*:[ \t]*(?P<value>.*)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Commit(Struct, frozen=True):
    """``subject`` is the first line of the message; ``trailers`` are (key, value) of its last paragraph, in order."""

    sha: str
    committed_at: datetime
    subject: str
    author_name: str
    trailers: tuple[tuple[str, str], ...] = ()
    committer_email: str = ""

    def trailer_values(self, key: str) -> tuple[str, ...]:
        """Return the values of trailer ``key``, read without regard to case."""
        return tuple(value for name, value in self.trailers if name.casefold() == key.casefold())


def parse_commit(sha: str, data: bytes) -> Commit:
    """Read a commit object; what cannot be read in it (a date, an identity) is the epoch or empty, never an error."""
    raw_head, _, raw_message = data.partition(b"\n\n")
    fields = dict(line.split(b" ", 1) for line in reversed(raw_head.split(b"\n")) if b" " in line.strip())
    encoding = fields.get(b"encoding", b"utf-8").decode("ascii", "replace")
    author, _, _ = _read_identity(_decode(fields.get(b"author", b""), encoding))
    _, email, committed_at = _read_identity(_decode(fields.get(b"committer", b""), encoding))
    message = _decode(raw_message, encoding).strip("\n")
    return Commit(
        sha=sha,
        committed_at=committed_at,
        subject=message.partition("\n")[0].strip(),
        author_name=author,
        trailers=_read_trailers(message),
        committer_email=email,
    )


def _read_identity(text: str) -> tuple[str, str, datetime]:
    match = _IDENTITY.fullmatch(text)
    if match is None:
        return text, "", _EPOCH
    try:
        at = datetime.fromtimestamp(int(match["seconds"]), UTC)
    except (ValueError, OverflowError, OSError):
        at = _EPOCH
    return match["name"], match["email"], at


def _read_trailers(message: str) -> tuple[tuple[str, str], ...]:
    _, *others = re.split(r"\n(?:[ \t]*\n)+", message)
    trailers: list[tuple[str, str]] = []
    for line in others[-1].split("\n") if others else ():
        match = _TRAILER.fullmatch(line)
        if match:
            trailers.append((match["key"], match["value"].strip()))
        elif line[:1] in {" ", "\t"} and trailers:
            key, value = trailers.pop()
            trailers.append((key, f"{value} {line.strip()}"))
        elif not line.startswith("(cherry picked from commit "):
            return ()
    return tuple(trailers)


def _decode(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding, "backslashreplace")
    except LookupError:
        return raw.decode("utf-8", "backslashreplace")
