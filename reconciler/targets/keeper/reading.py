"""From a file in the agent's folder to a job in our terms: both spellings of everything, and what is beyond us."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NoReturn

import msgspec
from msgspec import Struct

from reconciler.definitions.fold import fold_definition
from reconciler.model.forms import Kind
from reconciler.model.job import Job
from reconciler.model.text import escape_text
from reconciler.schedule.reading import ReadingError
from reconciler.targets.keeper.arguments import CannotQuote, join_arguments
from reconciler.targets.keeper.words import (
    ENTRY_FIELDS,
    EVENT_FIELDS,
    JOB_FIELDS,
    PARAMETER_FIELDS,
    SCHEDULE_FIELDS,
    SYSTEMS,
    TASK_FIELDS,
    TOPIC_FIELDS,
    program_name,
)

Raw = dict[str, Any]


class NotOurs(Exception):
    """The file is not one that definitions could stand for; the text says why."""


class Reading(Struct, frozen=True):
    """A job as the file has it, in normal form, and by JSON path what it has beyond our terms."""

    job: Job
    unmanaged: dict[str, Any]


def parse_file(data: bytes) -> Raw:
    """Return the object in a file: UTF-8, with or without a byte-order mark. Raises NotOurs."""
    try:
        raw = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_mapping, parse_constant=_no_number)
    except UnicodeDecodeError:
        raise NotOurs("it is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise NotOurs(f"it is not JSON: {error.msg[:1].lower()}{error.msg[1:]} at line {error.lineno}") from None
    except (RecursionError, ValueError):
        raise NotOurs("it is nested too deep, or has a number that cannot be read") from None
    if not isinstance(raw, dict):
        raise NotOurs("it holds no JSON object")
    try:
        json.dumps(raw, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise NotOurs("it holds text that is no valid Unicode") from None
    return raw


def _mapping(pairs: list[tuple[str, Any]]) -> Raw:
    seen: set[str] = set()
    for name, _ in pairs:
        if name.casefold() in seen:
            raise NotOurs(f"{_shown(name)} is given twice")
        seen.add(name.casefold())
    return dict(pairs)


def _no_number(word: str) -> NoReturn:
    raise NotOurs(f"{word} is no number")


def read_job(raw: Raw, *, timezone: str, ours: Collection[str] = ()) -> Reading:
    """Return the job that ``raw`` describes, in normal form. Raises NotOurs where definitions have no words for it.

    ``timezone`` is that of the agents, ``ours`` the fields beyond the documented ones that we wrote into this file.
    Normal form: nothing that only says the default, names that repeat the id left out, arguments as one text.
    """
    unmanaged: dict[str, Any] = {}
    job = _pick(raw, JOB_FIELDS, "", unmanaged)
    vendor = {name: unmanaged.pop(name) for name in sorted(ours) if name in unmanaged}
    job["tasks"] = [_read_task(item, f"tasks[{index}]", unmanaged) for index, item in enumerate(_list(job, "tasks"))]
    events = [{"eventType": item} if isinstance(item, str) else item for item in _list(job, "events")]
    job["events"] = _pick_each(events, EVENT_FIELDS, "events", unmanaged)
    job["parameters"] = _pick_each(_list(job, "parameters"), PARAMETER_FIELDS, "parameters", unmanaged)
    if "schedule" in job:
        job["schedule"] = _read_schedule(job["schedule"], timezone, unmanaged)
    _read_systems(job, unmanaged)
    _read_topics(job, unmanaged)
    if job.get("name") == job.get("id"):
        job.pop("name", None)
    if vendor:
        job["keeper"] = vendor
    return Reading(_convert(job), unmanaged)


def _convert(job: Raw) -> Job:
    try:
        form = msgspec.convert(fold_definition(Kind.JOB, job), Job)
    except ReadingError as error:
        raise NotOurs(error.message) from None
    except KeyError as error:
        raise NotOurs(f"{_shown(error.args[0])} is a word that definitions do not have") from None
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        raise NotOurs(f"{where.rstrip('`') or 'the file'}: {_words(what)}") from None
    except (AttributeError, TypeError):
        raise NotOurs("a value has another form than the documented one") from None
    if not form.tasks:
        raise NotOurs("it has no tasks")
    if isinstance(form.condition, str):
        raise NotOurs("condition: definitions would take it for an expression of their own language")
    return form


def _read_task(item: Any, path: str, unmanaged: dict[str, Any]) -> Raw:
    task = _pick(item, TASK_FIELDS, path, unmanaged)
    if task.get("name") == task.get("id"):
        task.pop("name", None)
    if "command" not in task and isinstance(task.get("executablePath"), str):
        task["command"] = program_name(task["executablePath"])
    arguments = task.pop("arguments", "")
    if isinstance(arguments, list) and all(isinstance(argument, str) for argument in arguments):
        try:
            arguments = join_arguments(arguments)
        except CannotQuote:
            raise NotOurs(f"{path}.arguments: a list with quotes or line breaks in it") from None
    if arguments:
        task["arguments"] = arguments
    return task


def _read_schedule(value: Any, timezone: str, unmanaged: dict[str, Any]) -> Raw:
    schedule = _pick(value, SCHEDULE_FIELDS, "schedule", unmanaged)
    if len(schedule) != 1:
        raise NotOurs(f"schedule: expected one of {', '.join(SCHEDULE_FIELDS)}, found {len(schedule)}")
    if "calendar" in schedule:
        entries = _list(schedule, "calendar")
        schedule["calendar"] = _pick_each(entries, ENTRY_FIELDS, "schedule.calendar", unmanaged)
    if not {"intervalMinutes", "runAt"} & schedule.keys():
        schedule["timezone"] = timezone
    return schedule


def _read_systems(job: Raw, unmanaged: dict[str, Any]) -> None:
    """A filter that admits every system says no more than none."""
    if "osFilter" in job:
        systems = _pick(job.pop("osFilter"), SYSTEMS, "osFilter", unmanaged)
        if not all(systems.get(name) is True for name in SYSTEMS):
            job["osFilter"] = systems


def _read_topics(job: Raw, unmanaged: dict[str, Any]) -> None:
    if "mqttTopics" in job:
        topics = _pick(job.pop("mqttTopics"), TOPIC_FIELDS, "mqttTopics", unmanaged)
        if topics := {name: value for name, value in topics.items() if value != []}:
            job["mqttTopics"] = topics


def _pick(value: Any, fields: Sequence[str], path: str, unmanaged: dict[str, Any]) -> Raw:
    """Return the known fields of an object as they are spelled here, without nulls; the others are noted."""
    if not isinstance(value, Mapping):
        raise NotOurs(f"{path or 'the file'}: expected an object")
    spelled = {name.casefold(): name for name in fields}
    picked: Raw = {}
    for name, item in value.items():
        known = spelled.get(name.casefold())
        if known is None:
            unmanaged[f"{path}.{name}" if path else name] = item
        elif item is not None:
            picked[known] = int(item) if isinstance(item, float) and item.is_integer() else item
    return picked


def _pick_each(items: Sequence[Any], fields: Sequence[str], path: str, unmanaged: dict[str, Any]) -> list[Raw]:
    return [_pick(item, fields, f"{path}[{index}]", unmanaged) for index, item in enumerate(items)]


def _list(value: Raw, name: str) -> list[Any]:
    items = value.get(name, [])
    if not isinstance(items, list):
        raise NotOurs(f"{name}: expected a list")
    return items


_TYPES = {
    "int": "a whole number",
    "float": "a number with a fraction",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}


def _words(message: str) -> str:
    """Return what the decoder says in the words that definitions have for types."""
    message = re.sub(r"`(\w+)(?: \| null)?`", lambda match: _TYPES.get(match[1], f"`{match[1]}`"), message)
    return f"{message[:1].lower()}{message[1:]}".replace(", got ", ", found ")


def _shown(text: object) -> str:
    return f"`{escape_text(str(text), limit=60)}`"
