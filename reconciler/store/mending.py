"""Rows that cannot be read are set aside, so that the others go on: kept beside the state, and made harmless in it."""

import os
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct
from sqlalchemy import Table, delete, select, update

from reconciler.model.errors import CouldNot
from reconciler.model.forms import Kind, decode_form
from reconciler.model.instant import format_instant, parse_instant
from reconciler.model.job import Value
from reconciler.model.run import Device, Disposition, Question, RunStatus, Stream, TaskResult, TriggerKind
from reconciler.store import schema
from reconciler.store.database import Row, Transaction
from reconciler.store.inventory import forget_footing
from reconciler.store.part import Part
from reconciler.store.reading import NOT_OURS

Read: TypeAlias = Callable[[Any], object]
_NOW = object()
"""Stands for the instant of the mending."""

_EPOCH = "1970-01-01T00:00:00.000Z"


class Mended(Struct, frozen=True, kw_only=True):
    """What was set aside, a line each; the runs under way that are no longer known, and the schedules that begin anew.

    Of ``runs`` the uids are given, of ``schedules`` target and root id.
    """

    lines: tuple[str, ...]
    runs: tuple[str, ...]
    schedules: tuple[tuple[str, str], ...]


class _Rule(Struct, frozen=True):
    """How the columns of a table are read, and what stands in the place of one that cannot be; None: the row goes."""

    table: Table
    reads: Mapping[str, Read]
    mend: Mapping[str, Any] | None = None


def _maybe(read: Read) -> Read:
    return lambda value: None if value is None else read(value)


def _word(words: type[Enum]) -> Read:
    return words


def _json(of: Any) -> Read:
    return msgspec.json.Decoder(of).decode


_COUNTS = _json(dict[str, int])
_TASKS = _json(tuple[TaskResult, ...])
_ENDED = {
    "status": _word(RunStatus),
    "started_at": _maybe(parse_instant),
    "ended_at": parse_instant,
    "tasks": _TASKS,
}
_OUTPUT = {"stream": _word(Stream), "at": parse_instant}
_RULES = (
    _Rule(
        schema.leases,
        {"acquired_at": parse_instant, "until": parse_instant},
        {"owner": "", "acquired_at": _EPOCH, "until": _EPOCH},
    ),
    _Rule(schema.holds, {"at": parse_instant, "until": _maybe(parse_instant)}, {"at": _NOW, "until": None}),
    _Rule(
        schema.passes,
        {"started_at": parse_instant, "finished_at": _maybe(parse_instant), "counts": _COUNTS},
        {"started_at": _NOW, "finished_at": _NOW, "counts": "{}"},
    ),
    _Rule(
        schema.schedules,
        {"anchor_at": parse_instant, "cursor_at": parse_instant, "next_at": _maybe(parse_instant)},
        {"anchor_at": _NOW, "cursor_at": _NOW, "next_at": None},
    ),
    _Rule(schema.receipts, {"at": parse_instant}, {"at": _NOW}),
    _Rule(
        schema.occurrences,
        {
            "trigger_kind": _word(TriggerKind),
            "scheduled_for": parse_instant,
            "created_at": parse_instant,
            "disposition": _word(Disposition),
            "last_instant": _maybe(parse_instant),
        },
        {
            "trigger_kind": TriggerKind.MANUAL.value,
            "scheduled_for": _NOW,
            "created_at": _NOW,
            "disposition": Disposition.MISSED.value,
            "last_instant": None,
        },
    ),
    _Rule(
        schema.events,
        {
            "at": parse_instant,
            "remaining": _maybe(_json(tuple[tuple[str, str], ...])),
            "settled_at": _maybe(parse_instant),
            "outcome": _COUNTS,
        },
        {"at": _NOW, "remaining": None, "settled_at": _NOW, "outcome": "{}"},
    ),
    _Rule(schema.tasks, {"data": _json(TaskResult)}),
    _Rule(schema.attempts, _ENDED),
    _Rule(schema.late_results, _ENDED),
    _Rule(schema.output, _OUTPUT),
    _Rule(schema.attempt_output, _OUTPUT),
)
_RUN = _Rule(
    schema.runs,
    {
        "device": _json(Device),
        "trigger_kind": _word(TriggerKind),
        "scheduled_for": parse_instant,
        "due_at": parse_instant,
        "created_at": parse_instant,
        "queued_at": _maybe(parse_instant),
        "started_at": _maybe(parse_instant),
        "ended_at": _maybe(parse_instant),
        "status": _word(RunStatus),
        "variables": _json(dict[str, Value]),
        "event": _maybe(_json(dict[str, Any])),
        "cancel_requested_at": _maybe(parse_instant),
        "start_after": _maybe(parse_instant),
        "question": _maybe(_json(Question)),
    },
    {
        "trigger_kind": TriggerKind.MANUAL.value,
        "scheduled_for": _NOW,
        "due_at": _NOW,
        "created_at": _NOW,
        "queued_at": None,
        "started_at": None,
        "ended_at": _NOW,
        "variables": "{}",
        "event": None,
        "cancel_requested_at": None,
        "start_after": None,
        "question": None,
    },
)


class Mending(Part):
    def mend_rows(self, *, now: datetime, keep: Callable[[str], None]) -> Mended:
        """Find every row that cannot be read, ``keep`` it as a line of JSON, and put a harmless one in its place.

        Reads the whole database.  The caller ends the runs and sets the schedules of what is returned.
        """
        with self._db.write() as tx:
            forms = _drop_forms(tx, keep)
            found = [(rule, row, bad) for rule in (_RUN, *_RULES) for row, bad in _unreadable(tx, rule)]
            for rule, row, bad in found:
                keep(_kept(rule.table, row))
                _mend(tx, rule, row, bad, format_instant(now))
            runs = [row.uid for rule, row, bad in found if rule is _RUN and _is_open(row, bad)]
            return Mended(
                lines=tuple(forms)
                + tuple(f"{rule.table.name}: {_key_words(rule.table, row)}" for rule, row, _ in found),
                runs=tuple(runs),
                schedules=tuple((row.target, row.root_id) for rule, row, _ in found if rule.table is schema.schedules),
            )


def _unreadable(tx: Transaction, rule: _Rule) -> Iterator[tuple[Row, tuple[str, ...]]]:
    """Yield the rows of a table that cannot be read, with the columns for which that is so."""
    keys = list(rule.table.primary_key)
    columns = [rule.table.c[name] for name in rule.reads]
    reads = list(rule.reads.items())
    found = []
    for row in tx.connection.execute(select(*keys, *columns)):
        bad = tuple(
            name for (name, read), value in zip(reads, row[len(keys) :], strict=True) if not _reads(read, value)
        )
        if bad:
            found.append((row[: len(keys)], bad))
    for key, bad in found:
        yield tx.connection.execute(select(rule.table).where(*_is(rule.table, key))).one(), bad


def _reads(read: Read, value: object) -> bool:
    try:
        read(value)
    except NOT_OURS:
        return False
    return True


def _mend(tx: Transaction, rule: _Rule, row: Row, bad: tuple[str, ...], now: str) -> None:
    here = _is(rule.table, [getattr(row, column.name) for column in rule.table.primary_key])
    if rule.mend is None:
        tx.connection.execute(delete(rule.table).where(*here))
        return
    values = {name: rule.mend[name] for name in bad if name in rule.mend}
    if rule is _RUN:
        values |= _mended_run(row, bad)
    if rule.table is schema.leases:
        values = dict(rule.mend)  # a lease is somebody's and lasts, or it is nobody's
    changed = {name: now if value is _NOW else value for name, value in values.items()}
    tx.connection.execute(update(rule.table).where(*here).values(changed))


def _mended_run(row: Row, bad: tuple[str, ...]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if "device" in bad:
        device = Device(uid=row.device_uid, hostname=row.device_hostname, site=row.device_site)
        values["device"] = msgspec.json.encode(device).decode()
    if "status" in bad or _is_open(row, bad):
        values["status"] = (RunStatus.RUNNING if _is_open(row, bad) else RunStatus.UNKNOWN).value
    return values


def _is_open(row: Row, bad: tuple[str, ...]) -> bool:
    """Return whether a run is under way, as far as its row says: no end is noted."""
    return row.ended_at is None and "ended_at" not in bad


def _drop_forms(tx: Transaction, keep: Callable[[str], None]) -> list[str]:
    """Forget the forms that cannot be read, and that they are applied: the next apply brings them again."""
    lines = []
    for row in tx.connection.execute(select(schema.forms)).all():
        if not _reads(lambda data, kind=row.kind: decode_form(Kind(kind), data), row.data):  # type: ignore[misc]
            keep(_kept(schema.forms, row))
            lines.append(f"forms: {row.kind} {row.digest[:12]}")
            forget_footing(tx)
            for table in (schema.inventory, schema.forms):
                here = (table.c.digest == row.digest, table.c.kind == row.kind)
                tx.connection.execute(delete(table).where(*here))
    return lines


def _is(table: Table, key: Any) -> list[Any]:
    return [column == value for column, value in zip(table.primary_key, key, strict=True)]


def _key_words(table: Table, row: Row) -> str:
    return " ".join(str(getattr(row, column.name)) for column in table.primary_key)


def _kept(table: Table, row: Row) -> str:
    values = {str(name): value.hex() if isinstance(value, bytes) else value for name, value in row._mapping.items()}
    return msgspec.json.encode({"table": str(table.name), "row": values}).decode()


def keep_beside(path: "os.PathLike[str]") -> Callable[[str], None]:
    """Return what keeps a line in the file ``path``, which only its owner may read."""

    def keep(line: str) -> None:
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            raise CouldNot(f"{path}: cannot write: {error.strerror}", hint="Make it writable for this user.") from error

    return keep
