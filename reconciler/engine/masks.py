"""Hide secret values in a stream of bytes, also where a read, a line or an encoding cuts them.

Forms that are found: the value itself, its base64 at each of three alignments (also the URL alphabet), URL encoding,
JSON escapes, hex, UTF-16; each also with line breaks inside, and each longer line of a value of several lines.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator

MASK = b"***"
SHORTEST_FORM = 4
"""Of an encoded form or a single line: shorter ones would hide ordinary text."""

SHORTEST_LINE = 8
_NEWLINES = b"\r\n"
_URL_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")


def mask_forms(values: Iterable[str]) -> list[bytes]:
    """Return all that must not be shown, longest first, without line breaks."""
    forms: set[bytes] = set()
    for value in values:
        plain = value.encode("utf-8", "surrogateescape")
        forms.add(_without_newlines(plain))
        forms.update(line for line in plain.splitlines() if len(line) >= SHORTEST_LINE)
        forms.update(form for form in map(_without_newlines, _encodings(plain)) if len(form) >= SHORTEST_FORM)
    forms.discard(b"")
    return sorted(forms, key=lambda form: (-len(form), form))


def _encodings(plain: bytes) -> Iterator[bytes]:
    text = plain.decode("utf-8", "replace")
    yield plain
    yield plain.hex().encode()
    yield plain.hex().upper().encode()
    yield text.encode("utf-16-le", "replace")
    yield text.encode("utf-16-be", "replace")
    yield from _base64_forms(plain)
    for safe in (b"", b"/"):
        quoted = b"".join(bytes((b,)) if b in _URL_SAFE or b in safe else b"%%%02X" % b for b in plain)
        yield quoted
        yield quoted.replace(b"%20", b"+")
        yield re.sub(rb"%..", lambda match: match[0].lower(), quoted)
    for ascii_only in (True, False):
        escaped = json.dumps(text, ensure_ascii=ascii_only)[1:-1].encode("utf-8", "replace")
        yield escaped
        yield escaped.replace(b"/", rb"\/")


def _base64_forms(plain: bytes) -> Iterator[bytes]:
    whole = base64.b64encode(plain)
    yield whole
    yield base64.urlsafe_b64encode(plain)
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + plain)
        # The first and last characters also hold bits of what stands beside the value, so they cannot be known.
        core = encoded[-(-shift * 8 // 6) : (shift + len(plain)) * 8 // 6]
        yield core
        yield core.translate(bytes.maketrans(b"+/", b"-_"))


def _without_newlines(data: bytes) -> bytes:
    return data.translate(None, _NEWLINES)


def mask_text(text: str, forms: list[bytes]) -> str:
    """Return ``text`` with everything hidden that must not be shown."""
    if not forms:
        return text
    masker = Masker(forms)
    data = text.encode("utf-8", "surrogatepass")
    return (masker.feed(data) + masker.flush()).decode("utf-8", "surrogatepass")


class Silence:
    """Takes a Masker's place where it is not known what must be hidden: nothing is shown."""

    def feed(self, data: bytes) -> bytes:
        return data[:0]

    def flush(self) -> bytes:
        return b""


class Masker:
    """Feed it a stream piece by piece; what may be the start of a secret is held back until it is known."""

    def __init__(self, forms: list[bytes]) -> None:
        self._held = b""
        self.hide(forms)

    def hide(self, forms: list[bytes]) -> None:
        """Hide these forms from now on."""
        self._forms = forms
        self._longest = max(map(len, forms), default=0)
        self._pattern = re.compile(b"|".join(map(re.escape, forms)))

    def feed(self, data: bytes) -> bytes:
        """Return what may be shown by now."""
        if not self._forms:
            return data
        data = self._held + data
        end = self._safe_end(data)
        shown, end = self._replace(data, end)
        self._held = data[end:]
        return shown

    def flush(self) -> bytes:
        """Return the rest, at the end of the stream."""
        shown, _ = self._replace(self._held, len(self._held))
        self._held = b""
        return shown

    def _safe_end(self, data: bytes) -> int:
        """Return where the longest end of ``data`` that a secret may begin with begins."""
        # Line breaks do not count towards the length of a form, but what is held back has a bound.
        near = data[-(4 * self._longest + 1024) :]
        view = _without_newlines(near)[-(self._longest - 1) :] if self._longest > 1 else b""
        held = max((_overlap(view, form) for form in self._forms), default=0)
        position = len(data)
        while held:
            position -= 1
            held -= data[position] not in _NEWLINES
        return position

    def _replace(self, data: bytes, end: int) -> tuple[bytes, int]:
        """Return ``data`` masked up to ``end``, or to the end of a secret that begins before it; and that place."""
        view = _without_newlines(data)
        if not any(form in view for form in self._forms):
            return data[:end], end
        places = [index for index, byte in enumerate(data) if byte not in _NEWLINES]
        shown = bytearray()
        done = 0
        for match in self._pattern.finditer(view):
            start, stop = places[match.start()], places[match.end() - 1] + 1
            if start >= end:
                break
            shown += data[done:start] + MASK
            done = stop
        end = max(end, done)
        shown += data[done:end]
        return bytes(shown), end


def _overlap(view: bytes, form: bytes) -> int:
    """Return the length of the longest proper start of ``form`` that ``view`` ends with."""
    first = form[:4]
    place = view.find(first, max(len(view) - len(form) + 1, 0))
    while place >= 0:
        if form.startswith(view[place:]):
            return len(view) - place
        place = view.find(first, place + 1)
    return next((size for size in range(min(3, len(form) - 1), 0, -1) if view.endswith(form[:size])), 0)
