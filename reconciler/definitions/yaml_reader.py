"""Strict YAML on libyaml's event stream: nothing is built before the limits, nothing is built that was not written.

Events, not nodes: libyaml's composer calls itself for each level and can be made to overflow the stack (RELIABILITY,
section 0), its event stream cannot.
"""

from typing import Any, Final

from yaml import YAMLError
from yaml._yaml import CParser
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from reconciler.definitions.block_reader import meaning_of
from reconciler.definitions.document import (
    MAX_DEPTH,
    MAX_VALUES,
    Builder,
    Document,
    Enough,
    Span,
    Unreadable,
    Unusual,
    make_problem,
    too_many_values,
)
from reconciler.definitions.scalars import Doubtful, read_scalar
from reconciler.definitions.yaml_words import Last, explain_error
from reconciler.model.text import escape_text

_NO_KEY: Final = object()


def read_event_yaml(text: str) -> tuple[Any, int]:
    """Return the value of a file in which nothing is wrong, and its first line. Raises Unusual for any other.

    Raises Unreadable for one that has too many values, and nothing else wrong before.
    """
    parser = CParser(text.encode())
    try:
        return _read_events(parser)
    except YAMLError as error:
        raise Unusual from error
    finally:
        parser.dispose()


def _read_events(parser: Any) -> tuple[Any, int]:  # noqa: PLR0912, PLR0915 - one loop for speed: half of a cold load is here
    next_event = parser.get_event
    next_event()
    event = next_event()
    if event.__class__ is not DocumentStartEvent or event.version or event.tags:
        raise Unusual
    event = next_event()
    if event.__class__ is not MappingStartEvent or event.anchor is not None or event.tag is not None:
        raise Unusual
    first_line = _span(event).line
    root: dict[str, Any] = {}
    container: Any = root
    in_mapping = True
    key: Any = _NO_KEY
    stack: list[tuple[Any, bool, Any]] = []
    budget = MAX_VALUES - 1
    while True:
        event = next_event()
        kind = event.__class__
        value: Any
        if kind is ScalarEvent:
            if event.anchor is not None or event.tag is not None:
                raise Unusual
            value = event.value
            if not event.style:
                if in_mapping and key is _NO_KEY:
                    if value[:1] not in _KEY_STARTS and read_scalar(value) is not value:
                        raise Unusual
                else:
                    value = meaning_of(value)
            if in_mapping:
                if key is _NO_KEY:
                    if value in container or value == "<<":
                        raise Unusual
                    key = value
                    budget -= 1
                    if budget < 0:
                        raise too_many_values(_span(event))
                    continue
                container[key] = value
                key = _NO_KEY
            else:
                container.append(value)
            budget -= 1
            if budget < 0:
                raise too_many_values(_span(event))
            continue
        if kind is MappingStartEvent or kind is SequenceStartEvent:
            if event.anchor is not None or event.tag is not None or len(stack) >= MAX_DEPTH - 1:
                raise Unusual
            value = {} if kind is MappingStartEvent else []
            if not in_mapping:
                container.append(value)
            elif key is _NO_KEY:
                raise Unusual
            else:
                container[key] = value
            budget -= 1
            if budget < 0:
                raise too_many_values(_span(event))
            stack.append((container, in_mapping, key))
            container, in_mapping, key = value, kind is MappingStartEvent, _NO_KEY
            continue
        if kind is MappingEndEvent or kind is SequenceEndEvent:
            if not stack:
                break
            container, in_mapping, key = stack.pop()
            key = _NO_KEY
            continue
        raise Unusual
    next_event()
    if next_event().__class__ is not StreamEndEvent:
        raise Unusual
    return root, first_line


_KEY_STARTS = frozenset("abcdeghijklmopqrsuvwxyzABCDEGHIJKLMOPQRSUVWXYZ_")
"""No word of the core schema but text begins with these: null, true, false and numbers do not."""


def read_yaml(text: str) -> Document:
    """Return the document with the place of each value and the problems of reading it. Raises Unreadable."""
    parser = CParser(text.encode())
    reader = _Reader(text)
    try:
        while (event := parser.get_event()) is not None:
            if event.__class__ is ScalarEvent:
                reader.scalar(event)
            else:
                reader.take(event)
    except YAMLError as error:
        raise Unreadable(explain_error(error, text, reader.last)) from error
    except Enough:
        reader.document.value = None
    finally:
        parser.dispose()
    return reader.document


class _Reader:
    """Builds a document of events. A place is where it begins and ends as libyaml counts, from 1."""

    def __init__(self, text: str) -> None:
        self._last_line = text.count("\n") + 1
        self._end_of_text = len(text) - text.rfind("\n")
        self.document = Document(text, self._span)
        self.last = Last(self._span)
        self._builder = Builder(self.document)
        self._documents = 0
        self._opened: list[tuple[_Place, bool]] = []
        self._anchors: set[str] = set()

    def take(self, event: Event) -> None:
        match event:
            case MappingStartEvent() | SequenceStartEvent():
                self._start(event)
            case MappingEndEvent() | SequenceEndEvent():
                self._end(event)
            case AliasEvent():
                self._alias(event)
            case DocumentStartEvent():
                self._start_document(event)

    def _alias(self, event: AliasEvent) -> None:
        self._refuse_anchor(event)
        self.last.place = place = _place(event)
        if self._builder.at_key:
            name = f"*{event.anchor}"
            self.document.damaged.add((*self._builder.path, name))
            self._builder.key(name, place)
            return
        self._builder.damage()
        self._builder.value(None, place)

    def _start_document(self, event: DocumentStartEvent) -> None:
        self._documents += 1
        span = self._span(_place(event))
        if self._documents > 1:
            message = f"one definition per file; a second document starts at line {span.line}"
            raise Unreadable(make_problem("SYN007", message, span=span, hint="Move it into a file of its own."))
        if event.version or event.tags:
            message = "directives (`%...`) are not allowed"
            raise Unreadable(make_problem("SYN011", message, span=span, hint="Remove the line."))

    def _start(self, event: CollectionStartEvent) -> None:
        self._refuse_anchor(event)
        self._refuse_tag(event)
        self.last.place = place = _place(event)
        is_mapping = isinstance(event, MappingStartEvent)
        if self._builder.at_key:
            found = "a mapping" if is_mapping else "a list"
            hint = "Quote the text if it begins with `[` or `{`."
            span = self._span(place)
            raise Unreadable(make_problem("SYN017", f"{found} cannot be a field name", span=span, hint=hint))
        self._builder.open({} if is_mapping else [], place)
        if event.flow_style:
            self.last.brackets.append(place)
        self._opened.append((place, bool(event.flow_style)))

    def _end(self, event: MappingEndEvent | SequenceEndEvent) -> None:
        """Close a list or mapping: in brackets where the bracket is, else after the last value in it."""
        opened, in_brackets = self._opened.pop()
        if in_brackets:
            self.last.brackets.pop()
            self.last.place = _place(event)
        self._builder.close(opened[:2] + self.last.place[2:])

    def scalar(self, event: Any) -> None:
        if event.anchor is not None:
            self._refuse_anchor(event)
        if event.tag is not None:
            self._refuse_tag(event)
        place = _place(event)
        self.last.place = self.last.text = place
        self.last.style = event.style
        if self._builder.at_key:
            name = event.value
            is_text = event.style or name[:1] in _KEY_STARTS
            self._builder.key(name if is_text else self._key(name, place), place)
            return
        value = event.value if event.style else read_scalar(event.value)
        if isinstance(value, Doubtful):
            self._builder.problem(value.code, value.message, place, hint=value.hint)
            self._builder.damage()
            value = value.text
        elif value is None and not event.value and not event.style and event.tag is None and event.anchor is None:
            self._empty(place)
        self._builder.value(value, place)

    def _empty(self, place: "_Place") -> None:
        path = self._builder.path
        name = path[-1] if path and isinstance(path[-1], str) else "item"
        message = f"{escape_text(str(name), limit=80)} is empty; fill it or remove the line"
        # The name is what can be seen of an empty value.
        where = self.document.key_spans.get(path, place)
        if path and not self.document.is_damaged(path):
            self._builder.problem("SYN018", message, where)
            self._builder.damage()

    def _key(self, name: str, place: "_Place") -> str:
        """Return an unquoted name, when what is wrong with it has been told."""
        if name == "<<":
            hint = "Repeat the fields, or make a component of what is shared."
            path = (*self._builder.path, name)
            self._builder.problem("SYN010", "anchors and merge keys are not allowed", place, path=path, hint=hint)
            self.document.damaged.add(path)
            return name
        if read_scalar(name) is not name and not isinstance(read_scalar(name), str):
            shown = escape_text(name, limit=80) or "nothing"
            hint = f'If it is a name, write "{shown}".'
            self._builder.problem("SYN017", f"`{shown}` is not text; quote the field name", place, hint=hint)
            self.document.damaged.add((*self._builder.path, name))
        return name

    def _refuse_anchor(self, event: Any) -> None:
        """Tell of an anchor once; its aliases, however many, are part of the same mistake."""
        if event.anchor is None or event.anchor in self._anchors:
            return
        self._anchors.add(event.anchor)
        hint = "Repeat the fields, or make a component of what is shared."
        if isinstance(event, AliasEvent):
            hint = f'For text that begins with `*` write quotes: "*{escape_text(event.anchor, limit=40)}".'
        elif isinstance(event, ScalarEvent) and not event.value and not event.style:
            hint = f'For text that begins with `&` write quotes: "&{escape_text(event.anchor, limit=40)}".'
            self._builder.damage()
        self._builder.problem("SYN008", "anchors (`&`) and aliases (`*`) are not allowed", _place(event), hint=hint)

    def _refuse_tag(self, event: Any) -> None:
        if event.tag is not None:
            hint = "Remove the tag; quote the value if it begins with `!`."
            self._builder.problem("SYN009", "tags (`!...`) are not allowed", _place(event), hint=hint)
            self._builder.damage()

    def _span(self, place: Any) -> Span:
        """Return the span of a place; libyaml counts the end of a file without a line break as a line of its own."""
        end = (self._last_line, self._end_of_text)
        return Span(*min(place[:2], end), *min(place[2:], end))


_Place = tuple[int, int, int, int]


def _place(event: Any) -> _Place:
    start, end = event.start_mark, event.end_mark
    return start.line + 1, start.column + 1, end.line + 1, end.column + 1


def _span(event: Event) -> Span:
    return Span(*_place(event))
