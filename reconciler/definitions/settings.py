"""reconciler.toml: the settings of a repository, and what is wrong with it."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from reconciler.definitions.document import NOWHERE, Path, Span, Unreadable, path_text
from reconciler.definitions.source import decode, refuse_hidden
from reconciler.definitions.suggest import closest, listed, quote
from reconciler.model.problem import Problem, Severity
from reconciler.model.settings import ReportOutput, Settings, StatusProvider
from reconciler.model.text import escape_text

SETTINGS_PATH = "reconciler.toml"
_LEAST = {
    ("reports", "tailBytes"): 0,
    ("engine", "maxRuns"): 1,
    ("engine", "outputBytes"): 1024,
    ("engine", "graceSeconds"): 0,
    ("engine", "maxDepth"): 1,
    ("engine", "memoryMb"): 8,
    ("engine", "openFiles"): 16,
    ("engine", "processes"): 1,
    ("retention", "maxRuns"): 1,
    ("retention", "maxDays"): 1,
    ("prune", "graceHours"): 0,
    ("limits", "files"): 1,
}
_AT_LINE = re.compile(r"\(at line (\d+), column (\d+)\)")
_REF_NAME = re.compile(r"(?![-/.])(?!.*(?:\.\.|//|@\{|\.lock$|[/.]$))[^\x00-\x20\x7f~^:?*\[\\]+\Z")
_TOPIC = re.compile(r"(?=[^\x00]{1,500}\Z)(?:(?:\+|[^+#/\x00]*)/)*(?:#|\+|[^+#/\x00]*)\Z")
_FOLDER = re.compile(r"(?!/)(?!.*(?:^|/)\.{0,2}(?:/|$))[^\\\x00-\x1f:]+\Z")


def read_settings(data: bytes | None) -> tuple[Settings, tuple[Problem, ...]]:
    """Return the settings in ``data``, or the defaults where there is none or it has problems."""
    if data is None:
        return Settings(), ()
    try:
        text = decode(data)
        refuse_hidden(text)
    except Unreadable as error:
        return Settings(), (msgspec.structs.replace(error.problem, path=SETTINGS_PATH),)
    import tomllib  # noqa: PLC0415 - late: most repositories have no such file

    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return Settings(), (_syntax(str(error), text),)
    except RecursionError:
        return Settings(), (_problem("SET001", "not readable as TOML: nested too deep", span=Span(1, 1, 1, 2)),)
    problems = sorted((*_unknown(raw, text), *_values(raw, text)), key=lambda problem: problem.sort_key)
    if problems:
        return Settings(), tuple(problems)
    try:
        return msgspec.convert(raw, Settings), ()
    except msgspec.ValidationError as error:
        return Settings(), (_conversion(str(error), text),)


def _syntax(message: str, text: str) -> Problem:
    match = _AT_LINE.search(message)
    lines = text.split("\n")
    line, column = (int(match[1]), int(match[2])) if match else (len(lines), len(lines[-1]) + 1)
    words = message.partition(" (at ")[0]
    words = escape_text(words[:1].lower() + words[1:], limit=120)
    return _problem("SET001", f"not readable as TOML: {words}", span=Span(line, column, line, column + 1))


def _unknown(raw: dict[str, Any], text: str) -> list[Problem]:
    problems = []
    tables: dict[Path, Any] = {(): Settings, **_tables()}
    for path, type_ in tables.items():
        table: Any = raw
        for step in path:
            table = table.get(step, {}) if isinstance(table, dict) else {}
        known = [field.encode_name for field in msgspec.structs.fields(type_)]
        for name in table if isinstance(table, dict) else ():
            if name in known:
                continue
            match = closest(name, known)
            message = f"unknown setting {quote(name)}" + (f"; did you mean `{match}`?" if match else "")
            hint = "" if match else f"Known here: {listed(known, limit=40)}."
            problems.append(_problem("SET002", message, path=(*path, name), span=_find(text, (*path, name)), hint=hint))
    return problems


def _tables() -> dict[Path, type[msgspec.Struct]]:
    return dict(_below((), Settings))


def _below(path: Path, type_: type[msgspec.Struct]) -> Iterator[tuple[Path, type[msgspec.Struct]]]:
    for field in msgspec.structs.fields(type_):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield (*path, field.encode_name), field.type
            yield from _below((*path, field.encode_name), field.type)


def _values(raw: dict[str, Any], text: str) -> list[Problem]:
    problems = []
    for path, least in _LEAST.items():
        value = _value(raw, path)
        if isinstance(value, int) and not isinstance(value, bool) and value < least:
            message = f"{path[-1]} {value} is below {least}"
            problems.append(_problem("SET003", message, path=path, span=_find(text, path)))
    folder = raw.get("definitions")
    if isinstance(folder, str) and not _FOLDER.match(folder):
        message = f"definitions {quote(folder)} must be a folder inside the repository"
        hint = "Write it relative to the repository's root, such as ops/definitions."
        problems.append(
            _problem("SET003", message, path=("definitions",), span=_find(text, ("definitions",)), hint=hint)
        )
    if raw.get("defaultTargets") == []:
        message = "defaultTargets is an empty list"
        problems.append(_problem("SET003", message, path=("defaultTargets",), span=_find(text, ("defaultTargets",))))
    problems += _mqtt(raw, text)
    for name in ("branch", "push"):
        value = _value(raw, ("reports", name))
        if isinstance(value, str) and not (name == "push" and not value) and not _REF_NAME.match(value):
            what = "a branch" if name == "branch" else "a remote"
            path = ("reports", name)
            message = f"{quote(value)} cannot be the name of {what}"
            problems.append(_problem("SET003", message, path=path, span=_find(text, path)))
    return problems


def _mqtt(raw: dict[str, Any], text: str) -> list[Problem]:
    found: list[tuple[str, str, str]] = []
    mqtt = _value(raw, ("events", "mqtt"))
    mqtt = mqtt if isinstance(mqtt, dict) else {}
    port, topics = mqtt.get("port"), mqtt.get("topics")
    if mqtt and not mqtt.get("host"):
        found.append(("host", "[events.mqtt] names no host", 'Write host = "broker.example.org".'))
    if mqtt and not topics:
        found.append(("topics", "[events.mqtt] names no topic", 'Write topics = ["alerts/#"].'))
    if isinstance(port, int) and not 1 <= port <= 65_535:
        found.append(("port", f"port {port} is outside 1-65535", ""))
    for topic in topics if isinstance(topics, list) else ():
        if isinstance(topic, str) and not _TOPIC.match(topic):
            hint = "`+` and `#` stand for whole levels, `#` for the last: alerts/+/disk, alerts/#."
            found.append(("topics", f"{quote(topic)} cannot be a topic", hint))
    return [
        _problem("SET003", message, path=path, span=_find(text, path), hint=hint)
        for name, message, hint in found
        for path in [("events", "mqtt", name)]
    ]


def _value(raw: dict[str, Any], path: Path) -> Any:
    value: Any = raw
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _conversion(message: str, text: str) -> Problem:
    words, _, where = message.partition(" - at `$")
    steps: Path = tuple(step for step in re.split(r"[.`\[\]]+", where) if step and not step.isdigit() and step != "...")
    if words.startswith("Invalid enum value"):
        expected = StatusProvider if steps[-1:] == ("provider",) else ReportOutput
        words = f"expected one of {', '.join(expected)}, found another word"
    for word, ours in (
        ("`", ""),
        ("str", "text"),
        ("int", "a whole number"),
        ("array", "a list"),
        (", got ", ", found "),
    ):
        words = words.replace(word, ours)
    words = words[:1].lower() + words[1:]
    return _problem("SET003", words, path=steps, span=_find(text, steps))


def _find(text: str, path: Path) -> Span:
    """Return the place of a setting's name: its line in its own table. TOML's reader gives no places."""
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.split("\n"), 1):
        head = re.match(r"\s*\[\s*([A-Za-z0-9_.\" -]+?)\s*\]", line)
        if head:
            table = tuple(part.strip(' "') for part in head[1].split("."))
            if table == path:
                return Span(number, head.start(1) + 1, number, head.end(1) + 1)
            continue
        name = re.match(r"\s*([A-Za-z0-9_.\"-]+)\s*=", line)
        if name and (*table, *(part.strip(' "') for part in name[1].split("."))) == path:
            return Span(number, name.start(1) + 1, number, name.end(1) + 1)
    return NOWHERE


def _problem(code: str, message: str, *, path: Path = (), span: Span = NOWHERE, hint: str = "") -> Problem:
    return Problem(
        code=code,
        severity=Severity.ERROR,
        path=SETTINGS_PATH,
        line=span.line,
        column=span.column,
        end_line=span.end_line,
        end_column=span.end_column,
        json_path=path_text(path),
        message=message,
        hint=hint,
    )
