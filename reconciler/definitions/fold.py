"""From a definition as it may be written to the one spelling that forms have.

Enum words are read without regard to case; Keeper's own spellings (``ExecutionType``, events as plain names, nulls for
what is not set) and Datto's (``defaultValue``, values as text) are taken as they are.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from reconciler.model.forms import Kind
from reconciler.model.job import Task
from reconciler.schedule.reading import read_instant, read_weekdays

Mapped = dict[str, Any]

_KEEPER_TASK_FIELDS = {
    "mergestdoutjsonintocontext": "MergeStdoutJsonIntoContext",
    "skipwhenpluginsettingfalse": "SkipWhenPluginSettingFalse",
}
_TASK_FIELDS = frozenset(field.encode_name for field in msgspec.structs.fields(Task))


def _words(*words: str) -> dict[str, str]:
    return {word.lower(): word for word in words}


_SCRIPT_TYPES = _words("auto", "bash", "powershell", "python", "batch")
_EXECUTION_TYPES = _words("Service", "User", "UserElevated", "UserDesktop", "Http")
_VALUE_TYPES = _words("string", "number", "boolean")
_SYSTEMS = _words("windows", "linux", "macOS")
_OS_TYPES = _words("Windows", "macOS", "Linux")
_POLICIES = _words("skip", "run-once", "run-all")
_BACKOFFS = _words("constant", "exponential")
_JOB_WORDS = {
    "overlap": _words("skip", "queue", "replace", "allow"),
    "onOffline": _words("queue", "skip", "fail"),
    "onLost": _words("report", "rerun"),
    "onWarning": _words("pass", "fail"),
}


def fold_definition(kind: Kind, value: Mapped) -> Mapped:
    """Return ``value``, which keeps its schema, in the spelling of forms; instants become datetimes.

    Raises ReadingError for an instant or weekday that does not exist.
    """
    return _FOLDS[kind](value)


def _fold_job(value: Mapped) -> Mapped:
    job = _without_nulls(value)
    for name in job.keys() & _JOB_FOLDS.keys():
        job[name] = _JOB_FOLDS[name](job[name])
    return job


def _fold_schedule(value: Mapped) -> Mapped:
    schedule = _without_nulls(value)
    for name in ("runAt", "startAt", "endAt"):
        if name in schedule:
            schedule[name] = read_instant(schedule[name], name=name)
    if "calendar" in schedule:
        schedule["calendar"] = [_fold_entry(entry) for entry in schedule["calendar"]]
    if "misfire" in schedule:
        schedule["misfire"] = _fold_word(schedule["misfire"], "policy", _POLICIES)
    return schedule


def _fold_entry(value: Mapped) -> Mapped:
    return {**value, "daysOfWeek": read_weekdays(value["daysOfWeek"])}


def _fold_event(value: str | Mapped) -> Mapped:
    return {"eventType": value} if isinstance(value, str) else value


def _fold_parameter(value: Mapped) -> Mapped:
    parameter = _fold_word(value, "type", _VALUE_TYPES)
    if "defaultValue" in parameter:
        parameter["default"] = parameter.pop("defaultValue")
    return parameter


def _fold_task(value: Mapped) -> Mapped:
    is_ours = value.keys() <= _TASK_FIELDS and None not in value.values()
    task: Mapped = dict(value) if is_ours else {}
    keeper: Mapped = {}
    for name, item in () if is_ours else value.items():
        if item is None:
            continue
        if name in _TASK_FIELDS:
            task[name] = item
        elif name == "ExecutionType":
            task["executionType"] = item
        else:
            keeper[_KEEPER_TASK_FIELDS[name.lower()]] = item
    if keeper:
        task["keeper"] = keeper
    if "scriptType" in task:
        task["scriptType"] = _SCRIPT_TYPES[task["scriptType"].lower()]
    if "executionType" in task:
        task["executionType"] = _EXECUTION_TYPES[task["executionType"].lower()]
    if "http" in task and "method" in task["http"]:
        task["http"] = {**task["http"], "method": task["http"]["method"].upper()}
    return task


def _fold_devices(value: Mapped) -> Mapped:
    if "os" not in value:
        return value
    return {**value, "os": tuple(_SYSTEMS[system.lower()] for system in value["os"])}


def _fold_component(value: Mapped) -> Mapped:
    component = _fold_word(value, "scriptType", _SCRIPT_TYPES)
    _fold_in_place(component, "osType", _OS_TYPES)
    _apply(component, "variables", _each(_fold_parameter))
    return component


def _fold_target(value: Mapped) -> Mapped:
    return value


def _fold_run(value: Mapped) -> Mapped:
    run = dict(value)
    for name in ("notBefore", "notAfter"):
        if name in run:
            run[name] = read_instant(run[name], name=name)
    _apply(run, "devices", _fold_devices)
    return run


def _without_nulls(value: Mapped) -> Mapped:
    return {name: item for name, item in value.items() if item is not None}


def _fold_word(value: Mapped, name: str, words: Mapping[str, str]) -> Mapped:
    copy = dict(value)
    _fold_in_place(copy, name, words)
    return copy


def _fold_in_place(value: Mapped, name: str, words: Mapping[str, str]) -> None:
    if name in value:
        value[name] = words[value[name].lower()]


def _word_in(words: Mapping[str, str]) -> Callable[[str], str]:
    return lambda word: words[word.lower()]


def _apply(value: Mapped, name: str, fold: Callable[[Any], Any]) -> None:
    if name in value:
        value[name] = fold(value[name])


def _each(fold: Callable[[Any], Any]) -> Callable[[Iterable[Any]], list[Any]]:
    return lambda items: [fold(item) for item in items]


_FOLDS: dict[Kind, Callable[[Mapped], Mapped]] = {
    Kind.JOB: _fold_job,
    Kind.COMPONENT: _fold_component,
    Kind.TARGET: _fold_target,
    Kind.RUN: _fold_run,
}
_JOB_FOLDS: dict[str, Callable[[Any], Any]] = {
    **{name: _word_in(words) for name, words in _JOB_WORDS.items()},
    "schedule": _fold_schedule,
    "events": _each(_fold_event),
    "parameters": _each(_fold_parameter),
    "tasks": _each(_fold_task),
    "devices": _fold_devices,
    "retry": lambda retry: _fold_word(retry, "backoff", _BACKOFFS),
    "osFilter": _without_nulls,
    "mqttTopics": _without_nulls,
}
