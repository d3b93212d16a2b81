"""What is left to a person, in words; foreign ones are kept apart, as everywhere."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec

from reconciler.model.change import FieldChange
from reconciler.planning.by_hand import ByHand, ManualStep
from reconciler.planning.renderings.words import Foreign, Words, counted, name_words

TITLE = "By hand"
WHY = "no apply does this, and it makes no plan stale"
MOST_STEPS = 20
_MOST_FIELDS = 12


def step_words(step: ManualStep) -> Words:
    yield "component "
    yield Foreign(step.component)
    yield f": {step.state.value}; run by "
    yield from name_words(step.jobs)


def detail_words(step: ManualStep) -> Iterator[Words]:
    """Yield the lines below a step: what differs, what else is to be told, and what is to be done."""
    if step.reason:
        yield [Foreign(step.reason)]
    for field in step.fields[:_MOST_FIELDS]:
        yield list(difference_words(field))
    if (more := len(step.fields) - _MOST_FIELDS) > 0:
        yield [f"and {counted(more, 'more difference')}"]
    for note in step.notes:
        yield [Foreign(note)]
    if step.file:
        yield ["manual step: import ", Foreign(step.file), ", which is made by ", Foreign(step.command)]
    else:
        yield [step.what]


def difference_words(field: FieldChange) -> Iterator[str | Foreign]:
    """Yield ``variables.days.defaultValue: 7 declared, 99 there``."""
    yield Foreign(field.json_path)
    yield ": "
    yield from _value(field.before)
    yield " declared, "
    yield from _value(field.live)
    yield " there"


def _value(value: Any) -> Iterator[str | Foreign]:
    if value is None:
        yield "nothing"
    else:
        yield Foreign(value if isinstance(value, str) else msgspec.json.encode(value, order="sorted").decode())


def shown_steps(by_hand: Sequence[ByHand]) -> tuple[list[tuple[str, ManualStep]], int]:
    """Return the first steps, each with its target, and how many more there are."""
    steps = ((left.target, step) for left in by_hand for step in left.steps)
    shown = list(islice(steps, MOST_STEPS))
    return shown, len(list(steps))


def by_hand_document(by_hand: Sequence[ByHand]) -> list[dict[str, Any]]:
    return [msgspec.to_builtins(left) for left in by_hand]
