"""What the renderings of a plan have in common: sentences whose foreign words are kept apart from ours.

A rendering writes ``Foreign`` in its own way (a code span, an element, escaped), so nothing that a definition, a device
or a vendor says can become part of the page.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from msgspec import Struct

from reconciler.model.change import CHANGING, Action, Change, FieldCause, Plan
from reconciler.model.forms import Kind, OneOff
from reconciler.model.pace import Pace
from reconciler.planning.judgement_catalogue import MARKS
from reconciler.planning.judgement_values import (
    DeviceFacts,
    FanOut,
    FieldFact,
    Judgement,
    Key,
    Level,
    Mark,
    Shown,
    Starts,
    key_of,
)
from reconciler.schedule.renderings.text import moment_words

ARROW = "\u2192"
_DEVICES_NAMED = 5
_NAMES_SHOWN = 5
_GROUP_NAMES = 3
_FIELDS_NAMED = 4


class Foreign(NamedTuple):
    """A word that is not ours."""

    text: str


Words = Iterable[str | Foreign]

VERBS = {
    Action.CREATE: "create",
    Action.UPDATE: "change",
    Action.DELETE: "delete",
    Action.RETIRE: "disable, delete later",
    Action.REPLACE: "replace",
    Action.ADOPT: "take over",
    Action.MOVE: "move",
    Action.SUSPEND: "pause",
    Action.RESUME: "resume",
    Action.DRIFT: "undo drift",
    Action.HELD: "held back",
    Action.ONE_OFF: "run once",
}
KIND_WORDS = {
    Kind.JOB: "job",
    Kind.COMPONENT: "component",
    Kind.TARGET: "target",
    Kind.RUN: "one-off",
    Kind.VARIABLE: "variable",
}


class Judged(Struct, frozen=True):
    """A change, its facts, and its number in the order in which a reviewer reads."""

    number: int
    change: Change
    facts: Judgement


def in_reading_order(plan: Plan, judgements: Mapping[Key, Judgement]) -> list[Judged]:
    """Return the changes, dangerous ones first, else in the order in which they are applied."""
    pairs = [(change, judgements.get(key_of(change), Judgement())) for change in plan.changes]
    pairs.sort(key=lambda pair: (pair[1].level.rank, pair[0].action is Action.HELD))
    return [Judged(number, change, facts) for number, (change, facts) in enumerate(pairs, 1)]


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def count_words(plan: Plan) -> str:
    """Return ``2 to create, 1 to change, 0 to delete, 1 to run``."""
    parts = [
        f"{plan.count(Action.CREATE, Action.ADOPT):,} to create",
        f"{plan.count(*CHANGING):,} to change",
        f"{plan.count(Action.DELETE):,} to delete",
        f"{plan.count(Action.ONE_OFF):,} to run",
    ]
    if retired := plan.count(Action.RETIRE):
        parts.insert(3, f"{retired:,} to disable now and delete later")
    if held := plan.count(Action.HELD):
        parts.append(f"{held:,} held")
    return ", ".join(parts)


def level_counts(judged: Iterable[Judged]) -> tuple[int, int]:
    """Return how many changes are dangerous, and how many ask for caution."""
    levels = [item.facts.level for item in judged]
    return levels.count(Level.DANGER), levels.count(Level.CAUTION)


def object_words(change: Change) -> Iterator[str | Foreign]:
    yield f"{KIND_WORDS[change.kind]} "
    yield Foreign(change.id)
    if isinstance(change.after, OneOff):
        yield " of job "
        yield Foreign(change.after.job)
    yield " on "
    yield Foreign(change.target)


def mark_words(mark: Mark, *, most: int = _NAMES_SHOWN) -> Iterator[str | Foreign]:
    yield mark.text
    if mark.names:
        yield ": "
        yield from name_words(mark.names, most=most)


def name_words(names: Sequence[str], *, most: int = _NAMES_SHOWN, total: int | None = None) -> Iterator[str | Foreign]:
    """Yield ``a, b, c and 7 more``."""
    shown = names[:most]
    for index, name in enumerate(shown):
        if index:
            yield ", "
        yield Foreign(name)
    if (more := (total or len(names)) - len(shown)) > 0:
        yield f" and {more:,} more"


def starts_words(starts: Starts) -> Iterator[str | Foreign]:
    """Yield ``daily at 02:00 Europe/Paris and at event Startup``, or that nothing starts it by itself."""
    if starts.words:
        yield starts.words
    if starts.events:
        yield " and at event " if starts.words else "at event "
        yield from name_words(starts.events)
    if not starts.words and not starts.events:
        yield "only when asked to"
    if starts.stopped:
        yield f", but {starts.stopped}" if starts.words or starts.events else f" ({starts.stopped})"


def both_starts(item: Judged) -> Iterator[str | Foreign]:
    """Yield when it starts, before and after where they differ; of what is held back, as it stays."""
    facts = item.facts
    if item.change.action is Action.HELD and facts.before is not None:
        yield from starts_words(facts.before)
        return
    before = list(starts_words(facts.before)) if facts.before is not None else None
    after = list(starts_words(facts.after)) if facts.after is not None else None
    if before is not None and after != before:
        yield from before
        yield f" {ARROW} "
    if after is not None:
        yield from after
    elif before is not None:
        yield "never"


def pace_words(starts: Starts | None) -> str:
    """Return how often it starts: ``48 a day``, ``1 a week``, ``2 in 28 days``."""
    if starts is None or not starts.next_at:
        return "none"
    if starts.words.startswith("once"):
        return "once"
    if starts.per_day >= 1:
        return f"{round(starts.per_day, 1):,g} a day"
    in_four_weeks = max(1, round(starts.per_day * 28))
    return f"{in_four_weeks / 4:g} a week" if in_four_weeks >= 4 else f"{in_four_weeks} in 28 days"


def utc_words(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def quiet_words(item: Judged) -> Iterator[str | Foreign]:
    """Yield what is to be said of a change that nothing stands out in: why it waits, or which fields change."""
    if item.change.action is Action.HELD:
        yield Foreign(item.change.reason)
    else:
        yield from name_words(field_names(item), most=_FIELDS_NAMED)


def next_words(facts: Judgement) -> str:
    """Return ``next 2026-03-01 02:30 UTC``; nothing where that is said already, or depends on when it is applied."""
    starts = facts.after
    if (
        starts is None
        or not starts.next_at
        or starts.is_from_apply
        or starts.is_vague
        or starts.words.startswith("once")
    ):
        return ""
    return f"next {utc_words(starts.next_at[0])}"


def moments_of(starts: Starts | None) -> list[tuple[str, str]]:
    """Return the next starts, each in the job's zone and in UTC; the second empty where that is the same."""
    if starts is None:
        return []
    if starts.timezone == "UTC":
        return [(utc_words(at), "") for at in starts.next_at]
    return [(moment_words(at, starts.timezone), utc_words(at)) for at in starts.next_at]


def device_words(facts: DeviceFacts | None) -> Iterator[str | Foreign]:
    """Yield how many devices and which, or the selector where nobody looked."""
    if facts is None or (facts.matched is None and not facts.selector):
        return
    if facts.matched is not None:
        yield counted(facts.matched.count, "device") + ("" if facts.matched.complete else " or more")
        if facts.matched.names:
            yield ": "
            yield from name_words(facts.matched.names, most=_DEVICES_NAMED, total=facts.matched.count)
        if facts.matched.kept_off:
            yield f"; {facts.matched.kept_off:,} more selected, of another operating system"
        return
    yield "not looked up; "
    for index, (name, values) in enumerate(facts.selector):
        yield f"{'; ' if index else ''}{name} "
        yield from name_words(values) if values else ("devices",)


def fan_out_words(fan_out: FanOut) -> Iterator[str | Foreign]:
    """Yield ``500 devices: about 4 min at 100 starts a minute``, in which batches, and who shares the limit."""
    yield f"{counted(fan_out.devices, 'device')}: about {length_words(fan_out.seconds)} at {_pace(fan_out.pace)}"
    if fan_out.batches > 1:
        pause = f" with {length_words(fan_out.pause_seconds)} between" if fan_out.pause_seconds else ""
        yield f", in {fan_out.batches:,} batches{pause}, beside the time of their runs"
    if fan_out.others:
        yield f"; {counted(fan_out.other_devices, 'start')} at the same time of "
        yield from name_words(fan_out.others)
    if fan_out.others_unknown:
        others = "1 more job starts" if fan_out.others_unknown == 1 else f"{fan_out.others_unknown:,} more jobs start"
        yield f"; later by what {others} then"


def _pace(pace: Pace) -> str:
    if pace.seconds == 60:
        return f"{pace.starts:,} starts a minute"
    return f"{pace.starts:,} starts in {length_words(pace.seconds)}"


def length_words(seconds: float) -> str:
    """Return ``45 s``, ``4 min``, ``4 min 10 s``, ``2 h 5 min``."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    parts = [(hours, "h"), (minutes, "min"), (rest if not hours else 0, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"


def value_words(shown: Shown) -> Iterator[str | Foreign]:
    if not shown.text:
        yield "(none)"
        return
    yield Foreign(shown.text)
    if shown.note:
        yield f" ({shown.note})"


def cause_words(fact: FieldFact) -> Iterator[str | Foreign]:
    """Yield who changed a field, where it was not we alone."""
    if fact.cause is FieldCause.OURS:
        return
    yield _CAUSES[fact.cause]
    if fact.live is not None:
        yield ": "
        yield from value_words(fact.live)


_CAUSES = {
    FieldCause.THEIRS: "changed on the target",
    FieldCause.BOTH: "changed in Git and on the target",
    FieldCause.VENDOR_DEFAULT: "filled in by the target",
    FieldCause.UNMANAGED: "only on the target, left alone",
}


class Group(Struct, frozen=True):
    """Changes that one line stands for; ``codes`` are their worst marks."""

    level: Level
    action: Action
    kind: Kind
    target: str
    codes: tuple[str, ...]
    members: tuple[Judged, ...]


def group_changes(judged: Iterable[Judged]) -> list[Group]:
    """Return the changes as groups of the same kind, in order; the marks in question are those of the worst level."""
    groups: dict[tuple[Level, Action, Kind, str, tuple[str, ...]], list[Judged]] = {}
    for item in judged:
        level = item.facts.level
        marked = () if level is Level.NOTE else item.facts.marks
        codes = tuple(sorted({mark.code for mark in marked if mark.level is level}))
        key = (level, item.change.action, item.change.kind, item.change.target, codes)
        groups.setdefault(key, []).append(item)
    return [Group(*key, tuple(members)) for key, members in groups.items()]


def group_words(group: Group) -> Iterator[str | Foreign]:
    plural = KIND_WORDS[group.kind] + ("s" if len(group.members) != 1 else "")
    yield f"{len(group.members):,} {plural} on "
    yield Foreign(group.target)
    yield ": "
    yield from name_words([item.change.id for item in group.members[:_NAMES_SHOWN]], total=len(group.members))


def group_marks(group: Group) -> Iterator[Words]:
    """Yield each of the marks in a few words, with the names that any member has for it; without marks, the fields."""
    for code in group.codes:
        marks = [mark for item in group.members for mark in item.facts.marks if mark.code == code]
        names = sorted({name for mark in marks for name in mark.names})
        yield [MARKS[code].title, *([": ", *name_words(names, most=_GROUP_NAMES)] if names else [])]
    if not group.codes and (names := field_names(*group.members)):
        yield list(name_words(names, most=_GROUP_NAMES))


def field_names(*judged: Judged) -> list[str]:
    """Return which fields change, each by its first name: ``schedule``, ``tasks``."""
    changed = [item for item in judged if item.change.before is not None and item.change.after is not None]
    paths = {fact.json_path for item in changed for fact in item.facts.fields}
    paths |= {text.json_path for item in changed for text in item.facts.texts}
    return sorted({path.partition(".")[0].partition("[")[0] for path in paths})


def write(words: Iterable[str | Foreign], foreign: Callable[[str], str], ours: Callable[[str], str] = str) -> str:
    """Return the words as one text, each kind written in its own way."""
    return "".join(foreign(word.text) if isinstance(word, Foreign) else ours(word) for word in words)
