"""One file: from its bytes to its form, or to every problem in it. Depends on nothing but kind, name and content."""

import re
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from reconciler.definitions.block_reader import read_yaml_quickly
from reconciler.definitions.checks import check_form
from reconciler.definitions.document import (
    MAX_PROBLEMS,
    Document,
    Path,
    Unreadable,
    Unusual,
    make_problem,
    path_steps,
    path_text,
)
from reconciler.definitions.fold import fold_definition
from reconciler.definitions.identity_words import ALLOWED
from reconciler.definitions.json_reader import read_json, read_json_quickly
from reconciler.definitions.schemas import verdict_of
from reconciler.definitions.source import read_text, warn_of_unseen
from reconciler.definitions.suggest import kind_of, quote
from reconciler.model.forms import FORM_TYPES, Form, Kind
from reconciler.model.problem import Problem, Severity
from reconciler.model.provider import Finding
from reconciler.schedule.reading import ReadingError, read_instant

_INSTANTS: dict[Kind, tuple[Path, ...]] = {
    Kind.JOB: (("schedule", "runAt"), ("schedule", "startAt"), ("schedule", "endAt")),
    Kind.RUN: (("notBefore",), ("notAfter",)),
}
_MAY_BE_NULL = frozenset({"alternateJobId", "default", "defaultValue"})
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_NO_FIELDS: frozenset[str] = frozenset()
_EVERYDAY = b"id: a\nschedule: {cronExpression: '0 3 * * 1-5', timezone: UTC}\ntasks: [{id: t, command: x}]\n"
_PLACEHOLDER = {"id": "placeholder", "command": "placeholder"}


class CheckedFile(Struct, frozen=True):
    """A definition file by itself.

    With errors, ``form`` is what is left without the parts that have them, so that the rest can still be checked, and
    ``damaged`` holds the JSON paths of what was taken out; None where nothing is left.  ``problems`` do not know their
    file.  ``line`` is where the definition begins, ``given_id`` the id that it gives, if it is not the file's name.
    """

    form: Form | None
    problems: tuple[Problem, ...] = ()
    damaged: tuple[str, ...] = ()
    line: int = 1
    given_id: tuple[str, ...] = ()

    @property
    def is_valid(self) -> bool:
        if not self.problems:
            return self.form is not None
        return self.form is not None and not any(problem.severity is Severity.ERROR for problem in self.problems)

    @property
    def damaged_fields(self) -> frozenset[str]:
        """The fields of the top level in which something was taken out."""
        return frozenset(str(path_steps(path)[0]) for path in self.damaged) if self.damaged else _NO_FIELDS


def check_file(kind: Kind, name: str, data: bytes) -> CheckedFile:
    """Check the content of a definition file called ``name`` (``backup.yaml``, without folders)."""
    stem, _, ending = name.rpartition(".")
    is_json = ending.lower() == "json"
    try:
        text = read_text(data)
    except Unreadable as error:
        return CheckedFile(None, (error.problem,))
    checked = _check_quickly(kind, stem, text, is_json=is_json) or _check_carefully(kind, stem, text, is_json=is_json)
    unseen = warn_of_unseen(text)
    return replace(checked, problems=(*checked.problems, *unseen)) if unseen else checked


def make_ready() -> None:
    """Load what is else loaded when the first definition is checked."""
    check_file(Kind.JOB, "a.yaml", _EVERYDAY)


def _check_quickly(kind: Kind, stem: str, text: str, *, is_json: bool) -> CheckedFile | None:
    """Return the form of a file in which nothing is worth a word, or that it has too many values.

    None: it needs the careful way.
    """
    try:
        value, line = read_json_quickly(text) if is_json else read_yaml_quickly(text)
        if not verdict_of(kind.value).accepts(value):
            return None
        form: Form = msgspec.convert(fold_definition(kind, value), FORM_TYPES[kind])
    except Unreadable as error:
        return CheckedFile(None, (error.problem,))
    except (Unusual, ReadingError, msgspec.ValidationError):
        return None
    if form.id != stem or next(check_form(form), None) is not None:
        return None
    return CheckedFile(form, (), (), line)


def read_document(text: str, *, is_json: bool) -> Document:
    """Return the document with positions. Raises Unreadable."""
    if is_json:
        return read_json(text)
    from reconciler.definitions.yaml_reader import read_yaml  # noqa: PLC0415 - late, as in read_yaml_quickly

    return read_yaml(text)


def _check_carefully(kind: Kind, stem: str, text: str, *, is_json: bool) -> CheckedFile:
    try:
        document = read_document(text, is_json=is_json)
    except Unreadable as error:
        return CheckedFile(None, (error.problem,))
    if not isinstance(document.value, dict):
        return CheckedFile(None, tuple(_not_too_many([*document.problems, *_not_a_mapping(document)])))
    problems = [
        *document.problems,
        *(() if is_json else _empty_values(document)),
        *_schema_problems(kind, document),
    ]
    problems = list(_without_those_below(document, problems))
    problems += _wrong_instants(kind, document, problems)
    problems += _id_problems(stem, document, problems, kind)
    value, wrong = _repair(kind, stem, document, problems)
    form = _convert(kind, value)
    if form is not None:
        fields = frozenset(str(path[0]) for path in wrong)
        # One more than are told: that there are more is told too.
        problems += islice(locate(document, check_form(form, fields), wrong), MAX_PROBLEMS + 1)
    elif not problems:
        problems.append(make_problem("FILE013", "this cannot be read as a definition", hint="Please report it."))
    damaged = sorted(path_text(path) for path in wrong)
    return CheckedFile(
        form, tuple(_not_too_many(problems)), tuple(damaged), document.first_line, _given_id(stem, document)
    )


def _without_those_below(document: Document, problems: Iterable[Problem]) -> Iterator[Problem]:
    """Leave out what is wrong inside of a value that should not be a list or mapping at all."""
    places = [(document.resolve(path_steps(problem.json_path)), problem) for problem in problems]
    wrong = {path for path, problem in places if problem.code == "TYPE001"}
    for path, problem in places:
        if not any(path[:length] in wrong for length in range(len(path))):
            yield problem


def _not_a_mapping(document: Document) -> Iterator[Problem]:
    if document.problems:
        return
    if () not in document.spans or (document.value is None and not document.source(())):
        hint = "Remove the file, or write the definition into it."
        yield make_problem("FILE001", "no definition in this file", hint=hint)
        return
    message = f"expected `key: value` pairs at the top, found {kind_of(document.value)}"
    yield make_problem("TYPE003", message, span=document.place(()))


def _empty_values(document: Document) -> Iterator[Problem]:
    """Yield what is spelled out as null in YAML; Keeper's own files are JSON, and there a null is nothing set."""
    for path in document.empty:
        if path[-1] in _MAY_BE_NULL or document.is_damaged(path):
            continue
        document.damaged.add(path)
        message = f"{path[-1]} is empty; fill it or remove the line"
        yield make_problem("SYN018", message, span=document.place(path), path=path)


def _value_at(value: Any, path: Path) -> Any:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return path
    return value


def _schema_problems(kind: Kind, document: Document) -> list[Problem]:
    if verdict_of(kind.value).accepts(document.value) and _convert_folded(kind, document.value):
        return []
    # Late: jsonschema takes longer to import than a good file to check.
    from reconciler.definitions.schema_words import explain_faults  # noqa: PLC0415

    noun = "one-off" if kind is Kind.RUN else kind.value
    return explain_faults(verdict_of(kind.value).schema, document.value, document, noun=noun)


def _convert_folded(kind: Kind, value: Any) -> bool:
    try:
        msgspec.convert(fold_definition(kind, value), FORM_TYPES[kind])
    except (ReadingError, msgspec.ValidationError):
        return False
    return True


def _wrong_instants(kind: Kind, document: Document, problems: Iterable[Problem]) -> list[Problem]:
    known = {problem.json_path for problem in problems}
    found = []
    for path in _INSTANTS.get(kind, ()):
        text = _value_at(document.value, path)
        if not isinstance(text, str) or ".".join(map(str, path)) in known:
            continue
        try:
            read_instant(text, name=str(path[-1]))
        except ReadingError as error:
            place = document.place(path)
            found.append(make_problem("TIME010", error.message, span=place, path=path, hint=error.hint))
    return found


def _id_problems(stem: str, document: Document, problems: Iterable[Problem], kind: Kind) -> list[Problem]:
    given = document.value.get("id")
    if given == stem or not isinstance(given, str) or any(problem.json_path == "id" for problem in problems):
        return []
    message = f"id {quote(given)} must equal the file name {quote(stem)}"
    hint = f"Rename the file, or write id: {quote(stem)[1:-1]}."
    if not _ID.match(stem):
        hint = f"Rename the file: its name, without the ending, may use {ALLOWED}."
    elif kind is Kind.JOB:
        hint += " A job that is renamed keeps its history with previousId."
    return [make_problem("ID004", message, span=document.place(("id",)), path=("id",), hint=hint)]


def _not_too_many(problems: list[Problem]) -> list[Problem]:
    """Return the first problems of a file, errors before others, and how many more there are."""
    if len(problems) <= MAX_PROBLEMS:
        return problems
    first = sorted(problems, key=lambda problem: (problem.severity is not Severity.ERROR, problem.sort_key))
    message = f"more than {MAX_PROBLEMS} problems in this file"
    hint = "Mend these, and check again."
    return [*first[:MAX_PROBLEMS], make_problem("FILE015", message, hint=hint)]


def _given_id(stem: str, document: Document) -> tuple[str, ...]:
    given = document.value.get("id")
    return (given,) if isinstance(given, str) and given != stem else ()


def _repair(kind: Kind, stem: str, document: Document, problems: list[Problem]) -> tuple[Any, set[Path]]:
    """Return the value without what is wrong, and the paths that were taken out."""
    wrong = {document.resolve(path_steps(problem.json_path)) for problem in problems} | document.damaged
    wrong.discard(())
    if kind is Kind.JOB and not _says_what_to_do(document.value, wrong):
        wrong.add(("tasks",))
    if not wrong:
        return document.value, wrong
    value = _copied(document.value)
    for path in sorted(wrong, key=len, reverse=True):
        _remove(value, path)
    _complete(kind, stem, value)
    if not verdict_of(kind.value).accepts(value) or _convert(kind, value) is None:
        fields = {path[:1] for path in wrong}
        for path in fields:
            _remove(value, path)
        _complete(kind, stem, value)
        wrong |= fields
    return value, wrong


def _says_what_to_do(value: dict[str, Any], wrong: Collection[Path]) -> bool:
    return any(name in value and (name,) not in wrong for name in ("tasks", "component"))


def _copied(value: Any) -> Any:
    """Return a copy of what a file can hold, at a tenth of what ``deepcopy`` costs."""
    if isinstance(value, dict):
        return {name: _copied(item) for name, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _remove(value: Any, path: Path) -> None:
    """Take a field out; of a list nothing is taken, since other places count its items."""
    outer = _value_at(value, path[:-1])
    if isinstance(outer, dict):
        outer.pop(path[-1], None)


def _complete(kind: Kind, stem: str, value: Any) -> None:
    """Put something in for what every definition needs."""
    value["id"] = stem if _ID.match(stem) else _PLACEHOLDER["id"]
    if kind is Kind.JOB and "tasks" not in value and "component" not in value:
        value["tasks"] = [_PLACEHOLDER]
    if kind is Kind.TARGET:
        value.setdefault("provider", _PLACEHOLDER["id"])
    if kind is Kind.RUN:
        value.setdefault("job", _PLACEHOLDER["id"])


def _convert(kind: Kind, value: Any) -> Form | None:
    try:
        form: Form = msgspec.convert(fold_definition(kind, value), FORM_TYPES[kind])
    except (ReadingError, msgspec.ValidationError, KeyError, TypeError, AttributeError):
        return None
    return form


def locate(document: Document, findings: Iterable[Finding], wrong: Collection[Path] = ()) -> Iterator[Problem]:
    """Yield findings as problems at their places; what is about a place that is ``wrong`` has been told already."""
    for finding in findings:
        path = document.resolve(path_steps(finding.json_path))
        if any(path[:length] in wrong for length in range(1, len(path) + 1)):
            continue
        yield make_problem(
            finding.code,
            finding.message,
            span=document.place(path),
            path=path,
            hint=finding.hint,
            severity=finding.severity,
        )
