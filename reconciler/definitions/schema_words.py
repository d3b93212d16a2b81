"""What a schema says against a value, in words: one problem per mistake, at its place."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from reconciler.definitions.document import MAX_PROBLEMS, Document, Path, Span
from reconciler.definitions.document import make_problem as make
from reconciler.definitions.faults import Fault, find_faults, is_choice_of_names
from reconciler.definitions.identity_words import explain_id
from reconciler.definitions.schema_fields import example_of, home_of, other_word
from reconciler.definitions.schemas import SCHEMA_NAMES
from reconciler.definitions.suggest import closest, kind_of, listed, quote, show
from reconciler.model.problem import Problem
from reconciler.model.text import escape_text

_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list (lines starting with `-`)",
    "object": "key/value pairs",
    "null": "nothing",
}
_PRIVATE = frozenset({"env", "headers", "variables", "settings", "default", "defaultValue", "body", "arguments"})
"""Fields below which a value may be a secret, and is never shown."""
_OF_SCHEMAS = frozenset({"$schema", "$ref", "$id", "$defs", "pattern", "patternProperties"})
_YES_NO = frozenset({"yes", "no", "on", "off", "y", "n"})
_UNKNOWN = frozenset({"unevaluatedProperties", "additionalProperties"})
_MOST_GUESSED = 20
"""Of so many unknown fields it is guessed which was meant: a guess takes longer than all else, and who mends these
names sees the rest."""

Judgement = tuple[str, str, str]
"""Code, message, hint."""


def explain_faults(
    schema: Mapping[str, Any], value: Any, document: Document, *, noun: str, base: Path = ()
) -> list[Problem]:
    """Return what is wrong with ``value``, which stands at ``base`` in the document and is called ``noun``.

    A field that is missing because its name is misspelt counts as damaged from then on.
    """
    teller = _Teller(document, base, noun, schema)
    problems: dict[str, Problem] = {}
    for problem in teller.tell(find_faults(schema, value)):
        problems.setdefault(problem.json_path, problem)
        if len(problems) > MAX_PROBLEMS:
            break
    document.damaged |= teller.meant
    return list(problems.values())


class _Teller:
    def __init__(self, document: Document, base: Path, noun: str, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self._document = document
        self._base = base
        self._noun = noun
        self._guesses = _MOST_GUESSED
        self.meant: set[Path] = set()

    def tell(self, faults: Iterable[Fault]) -> Iterator[Problem]:
        # Unknown fields first: a field that is missing because its name is misspelt is told once.
        some = islice(faults, MAX_PROBLEMS + 1)
        for fault in sorted(some, key=lambda fault: fault.rule not in _UNKNOWN):
            path = (*self._base, *fault.path)
            if not self._document.is_damaged(path):
                yield from self._explain(fault, path)

    def _explain(self, fault: Fault, path: Path) -> Iterator[Problem]:
        if fault.rule in _UNKNOWN:
            yield from self._unknown(fault, path)
        elif fault.rule == "required":
            yield from self._missing(fault, path)
        elif is_choice_of_names(fault):
            yield from self._exactly_one(fault, path)
        elif fault.rule == "not" and "required" in fault.limit:
            if isinstance(fault.value, dict):  # of what is none, all that is required is not there
                first, second = fault.limit["required"]
                yield self._given_twice(first, second, path)
        elif fault.rule == "propertyNames":
            yield self._wrong_name(fault, path)
        elif fault.rule == "uniqueItems":
            yield self._repeated(fault, path)
        else:
            code, message, hint = self._judge(fault, path)
            yield make(code, message, span=self._document.place(path), path=path, hint=hint)

    def _unknown(self, fault: Fault, path: Path) -> Iterator[Problem]:
        known = frozenset(fault.schema.get("properties", {}))
        for name in fault.value:
            full = (*path, name)
            if name in known or self._document.is_damaged(full):
                continue
            span = self._document.key_span(full)
            message = f"unknown field {quote(name)}"
            word = other_word(name)
            match = word if word in known else self._guess(name, known)
            home = home_of(self._schema, word or name, fault.schema.get("properties", {})) if self._guesses > 0 else ""
            if name in _OF_SCHEMAS:
                message = f"{quote(name)}: schemas and regular expressions cannot be set in a definition"
                hint = "For an editor write the comment `# yaml-language-server: $schema=PATH` in a .yaml file."
                hint = hint if name == "$schema" else ""
                yield make("KEY005", message, span=span, path=full, hint=hint)
            elif match and match.casefold() == name.casefold() and match in fault.value:
                yield self._given_twice(match, name, path)
            elif home and not (word and match == word):
                yield self._belongs(name, home, word or name, full)
            elif match:
                self.meant.add((*path, match))
                yield make("KEY003", f"{message}; did you mean `{match}`?", span=span, path=full)
            else:
                yield self._unknown_here(name, known, full)

    def _guess(self, name: str, known: frozenset[str]) -> str:
        self._guesses -= 1
        return closest(name, known) if self._guesses >= 0 else ""

    def _belongs(self, name: str, home: str, word: str, full: Path) -> Problem:
        """Say that a field stands beside the one it belongs into."""
        self.meant.add((*full[:-1], home))
        message = f"unknown field {quote(name)}; did you mean `{word}` of `{home}`?"
        hint = f"Write it below {home}: {word}: ..."
        if home == "http":
            hint = "A request is written http: {method, url, headers, body, expectStatus}."
        return make("KEY003", message, span=self._document.key_span(full), path=full, hint=hint)

    def _unknown_here(self, name: str, known: frozenset[str], full: Path) -> Problem:
        span, message = self._document.key_span(full), f"unknown field {quote(name)}"
        above = self._schema.get("properties", {})
        if len(full) > 1 and name in above and name not in self._document.value:
            self.meant.add((name,))
            message = f"`{name}` stands under `{_outer(full)}`; did you mean the same level as `id`?"
            return make("KEY003", message, span=span, path=full, hint="Begin it in the same column.")
        field, colon, rest = name.partition(":")
        if colon and rest and field in known:
            self.meant.add((*full[:-1], field))
            return make("KEY003", message, span=span, path=full, hint=f"Write a space after the colon: {field}: ...")
        return make("KEY003", message, span=span, path=full, hint=self._known_fields(known))

    def _known_fields(self, known: frozenset[str]) -> str:
        if len(known) > 20 and self._noun in SCHEMA_NAMES:
            return f"`reconciler schema {self._noun}` lists the fields."
        return f"Known here: {listed(known, limit=20)}." if known else "Nothing is known here."

    def _given_twice(self, first: str, second: str, path: Path) -> Problem:
        """Say that one field is given in two spellings."""
        spans = sorted((self._document.key_span((*path, name)), name) for name in (first, second))
        (one, first), (two, second) = spans
        message = f"given twice: {quote(first)} (line {one.line}) and {quote(second)} (line {two.line})"
        return make("KEY002", message, span=two, path=(*path, second), hint="Keep one of them.")

    def _missing(self, fault: Fault, path: Path) -> Iterator[Problem]:
        if fault.value and all(self._document.is_damaged((*path, name)) for name in fault.value):
            return  # what was meant is not known
        for name in fault.limit:
            full = (*path, name)
            if name in fault.value or full in self.meant:
                continue
            self.meant.add(full)
            yield make("KEY004", f"{self._what(path)} needs `{name}`", span=self._beginning(path), path=full)

    def _what(self, path: Path) -> str:
        """Return what the mapping at ``path`` is called."""
        if not path:
            return f"every {self._noun}"
        return f"every {str(path[-2]).removesuffix('s')}" if isinstance(path[-1], int) else str(path[-1])

    def _exactly_one(self, fault: Fault, path: Path) -> Iterator[Problem]:
        names = [branch["required"][0] for branch in fault.limit]
        given = [name for name in names if fault.value.get(name) is not None]
        if any((*path, name) in self.meant for name in names):
            return
        if len(given) > 1:
            full = max(((*path, name) for name in given), key=self._document.key_span)
            yield make("KEY007", f"both {' and '.join(given)}; keep one", span=self._document.key_span(full), path=full)
        elif not any(self._document.is_damaged((*path, name)) for name in names):
            yield make(
                "KEY006", f"{self._what(path)} needs one of {', '.join(names)}", span=self._beginning(path), path=path
            )

    def _beginning(self, path: Path) -> Span:
        """Return a place for what is not there: the name of what it is missing in, or where that begins."""
        if path and isinstance(path[-1], str):
            return self._document.key_span(path)
        span = self._document.span(path)
        return Span(span.line, span.column, span.line, span.column + 1)

    def _wrong_name(self, fault: Fault, path: Path) -> Problem:
        name = str(fault.value)
        full = (*path, name)
        words = fault.schema.get("patternErrorMessage", "cannot be a name here")
        return make("KEY008", f"{quote(name)} {words}", span=self._document.key_span(full), path=full)

    def _repeated(self, fault: Fault, path: Path) -> Problem:
        seen: list[Any] = []
        for index, item in enumerate(fault.value):
            if any(item == other and type(item) is type(other) for other in seen):
                full = (*path, index)
                return make("VAL007", f"{show(item)} is listed twice", span=self._document.place(full), path=full)
            seen.append(item)
        return make("VAL007", "an item is listed twice", span=self._document.place(path), path=path)

    def _judge(self, fault: Fault, path: Path) -> Judgement:
        name = str(path[-1]) if path and isinstance(path[-1], str) else ""
        what = name or "the text"
        words = fault.schema.get("errorMessage")
        if words and fault.value is not None:
            return "VAL003", f"{words}, found {_found(fault.value, path)}", ""
        match fault.rule:
            case "type":
                return self._wrong_type(fault, path, name)
            case "enum" | "const":
                return _not_one_of(fault.limit if fault.rule == "enum" else [fault.limit], fault.value, path)
            case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
                return "VAL002", f"{name} {show(fault.value)} is outside {_range(fault.schema)}".strip(), ""
            case "minLength" | "minItems" | "minProperties":
                return _empty(fault, name)
            case "maxLength":
                return "VAL005", f"{what} has {len(fault.value):,} characters, limit {fault.limit:,}", ""
            case "maxItems" | "maxProperties":
                return "VAL005", f"{name} has {len(fault.value):,} entries, limit {fault.limit:,}", ""
            case "pattern":
                return _wrong_form(fault, path, name)
        return "VAL003", f"{what} is not as the schema wants it ({fault.rule})", ""

    def _wrong_type(self, fault: Fault, path: Path, name: str) -> Judgement:
        value = fault.value
        if value is None:
            return "SYN018", f"{name or 'the item'} is empty; fill it or remove the line", ""
        types = [fault.limit] if isinstance(fault.limit, str) else [type_ for type_ in fault.limit if type_ != "null"]
        if types == ["boolean"] and isinstance(value, str):
            return _not_boolean(value, quoted=self._document.is_quoted(path))
        expected = " or ".join(_expected(type_, fault.schema) for type_ in types)
        found = _found(value, path)
        if "string" in types and isinstance(value, int | float):
            found = f"the number {found}" if found[-1:].isdigit() else found
            if _fits(str(value), fault.schema):
                return "TYPE001", f"expected {expected}, found {found}; quote it", ""
        message = f"expected {expected}, found {found}"
        if "string" in types and isinstance(value, dict) and (source := self._document.source(path)).startswith("{"):
            if value.keys() == {"secret"}:
                return "TYPE001", message, "A secret is given in env or headers: env: {NAME: {secret: NAME}}."
            if all(item is None for item in value.values()):
                shown = "{name}" if _is_private(path) else escape_text(source, limit=40)
                return "TYPE001", message, f'If a token is meant, write it in quotes: "{shown}".'
        if "integer" in types and isinstance(value, str) and value.isdigit() and self._document.is_quoted(path):
            message = f"expected {expected}, found text {found}; remove the quotes"
        return "TYPE001", message, self._example(path, types)

    def _example(self, path: Path, types: list[str]) -> str:
        """Return how the field at ``path`` is written, by an example of its schema."""
        name = next((str(step) for step in reversed(path) if isinstance(step, str)), "")
        example = example_of(self._schema, path[len(self._base) :])
        return f"Write it like {name}: {example}" if example and name and path[-1] == name else ""


def _fits(text: str, schema: Mapping[str, Any]) -> bool:
    """True where a number or word would do if it was quoted."""
    return "format" not in schema and re.search(schema.get("pattern", ""), text) is not None


def _outer(path: Path) -> str:
    """Return the name of the field in which a path stands."""
    return next(str(step) for step in reversed(path[:-1]) if isinstance(step, str))


def _empty(fault: Fault, name: str) -> Judgement:
    if name in {"id", "previousId"}:
        return explain_id("", name)
    if name == "tasks":
        return "VAL004", "a job needs at least one task", ""
    if fault.rule == "minLength":
        return "VAL004", f"{name or 'the text'} is empty", "Fill it or remove the line."
    if name == "devices":
        return "VAL004", "devices is empty", "For every device write all: true."
    what = "is an empty list" if fault.rule == "minItems" else "is empty"
    return "VAL004", f"{name} {what}", "Fill it or remove the line."


def _wrong_form(fault: Fault, path: Path, name: str) -> Judgement:
    if name in {"id", "previousId"}:
        return explain_id(fault.value, name)
    words = fault.schema.get("patternErrorMessage", "is not of the right form")
    if words == "must be one line" or _is_private(path):
        return "VAL003", f"{name or 'the text'} {words}", ""
    return "VAL003", f"{name or 'the text'} {words}, found {show(fault.value)}", ""


def _not_boolean(value: str, *, quoted: bool) -> Judgement:
    if quoted and value.lower() in {"true", "false"}:
        return "TYPE002", f'expected true or false, found text "{value}"; remove the quotes', ""
    if value.lower() in _YES_NO:
        return "TYPE002", f"use true or false, found {quote(value)}", ""
    return "TYPE002", f"expected true or false, found {quote(value)}", ""


def _expected(type_: str, schema: Mapping[str, Any]) -> str:
    if type_ in {"integer", "number"} and "minimum" in schema and "maximum" in schema:
        return f"{_TYPES[type_]} {_range(schema)}"
    return _TYPES[type_]


def _range(schema: Mapping[str, Any]) -> str:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if high is None:
        return f"{low} and more"
    return f"{low}-{high}" if low is not None and low >= 0 else f"{low} to {high}"


def _found(value: Any, path: Path) -> str:
    return kind_of(value) if _is_private(path) else show(value)


def _is_private(path: Path) -> bool:
    """True below a field of free values; the variables that a component declares are a list, not values."""
    declares = len(path) > 1 and path[0] == "variables" and isinstance(path[1], int)
    return bool(_PRIVATE & set(path[1:] if declares else path))


def _not_one_of(words: list[Any], value: Any, path: Path) -> Judgement:
    if value is None:
        return "SYN018", f"{path[-1] if path else 'the value'} is empty; fill it or remove the line", ""
    if not isinstance(value, str):
        return "TYPE001", f"expected text, found {_found(value, path)}", ""
    match = closest(value, [str(word) for word in words])
    shown = "the text" if _is_private(path) else quote(value)
    message = f"{shown} is not one of {', '.join(map(str, words))}"
    return "VAL001", message + (f"; did you mean `{match}`?" if match else ""), ""
