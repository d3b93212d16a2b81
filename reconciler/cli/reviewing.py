"""A plan that is about to be carried out: judged before anything changes, shown, and agreed to where it deletes."""

import os
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from reconciler.cli.output import tell
from reconciler.loop.judging import known_of_state
from reconciler.loop.reconcile import Planned
from reconciler.loop.world import World
from reconciler.model.change import Action, Plan
from reconciler.model.errors import GuardRefused
from reconciler.model.text import escape_text
from reconciler.planning.judgement import judge_plan
from reconciler.planning.judgement_values import Judgement, Key
from reconciler.planning.renderings.document import plan_document
from reconciler.planning.renderings.text import render_plan

SHOWN_DELETIONS = 5
MOST_JUDGED = 2000
"""A larger plan is carried out without waiting for its facts; `plan` tells them all."""


def judge_planned(world: World, planned: Planned, *, now: datetime) -> Mapping[Key, Judgement]:
    """Return the facts of each change, as of what is applied and known at ``now``."""
    known = known_of_state(world, planned, is_root=_is_root())
    return judge_plan(planned.plan, now=now, known=known)


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


class Review:
    """Is shown a plan before it is carried out, since afterwards nobody can say when its jobs started until then.

    With ``asks`` a person says whether deletions are meant: GuardRefused where nobody does.
    """

    def __init__(self, world: World, *, color: bool, asks: bool = False) -> None:
        self._world = world
        self._color = color
        self._asks = asks
        self._plan: Plan | None = None
        self._facts: Mapping[Key, Judgement] = {}
        self._now: datetime | None = None

    def __call__(self, planned: Planned) -> None:
        self._plan = planned.plan
        if len(planned.plan.changes) <= MOST_JUDGED:
            self._now = self._world.clock()
            self._facts = judge_planned(self._world, planned, now=self._now)
        else:
            tell(f"More than {MOST_JUDGED:,} changes: `reconciler plan` tells when each starts, and what is risky.")
        if self._asks:
            self._ask(planned.plan)

    def text(self) -> str:
        assert self._plan is not None
        return render_plan(self._plan, self._facts, color=self._color)

    def document(self) -> dict[str, Any]:
        assert self._plan is not None
        return plan_document(self._plan, self._facts, now=self._now)

    def _ask(self, plan: Plan) -> None:
        going = [change for change in plan.changes if change.action in {Action.DELETE, Action.RETIRE, Action.REPLACE}]
        if not going:
            return
        first = ", ".join(escape_text(f"{change.kind} {change.id}") for change in going[:SHOWN_DELETIONS])
        rest = f" and {len(going) - SHOWN_DELETIONS} more" if len(going) > SHOWN_DELETIONS else ""
        what = f"{first}{rest} would be deleted"
        if sys.stdin.isatty() and sys.stderr.isatty():
            click.echo(self.text(), nl=False, err=True)
            if click.confirm(f"{what}. Apply this plan?", err=True):
                return
            raise GuardRefused("nothing was changed")
        digest = plan.digest[:12]
        raise GuardRefused(
            f"{what}, and nobody is here to be asked; nothing was changed",
            hint=f"If this is meant: reconciler apply --digest {digest}   # or any plan: reconciler apply --yes",
        )
