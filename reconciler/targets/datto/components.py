"""Which component of the account a job means."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from difflib import get_close_matches

from reconciler.model.errors import TargetRefused
from reconciler.model.instant import Clock
from reconciler.model.job import Job
from reconciler.model.text import escape_text
from reconciler.targets.datto.dialect import Dialect, LiveComponent

KEPT_FOR = timedelta(minutes=5)
_SUGGESTED = 3


class ComponentFinder:
    """Keeps the account's components for a while: there is no way to ask for one."""

    def __init__(self, dialect: Dialect, *, clock: Clock) -> None:
        self._dialect = dialect
        self._clock = clock
        self._kept: tuple[datetime, Sequence[LiveComponent]] | None = None

    def all(self) -> Sequence[LiveComponent]:
        now = self._clock()
        if self._kept is None or now - self._kept[0] > KEPT_FOR:
            self._kept = (now, self._dialect.components())
        return self._kept[1]

    def uid_for(self, job: Job) -> str:
        """Return the uid of the job's component: the one that Git pins, else by its name.

        Raises TargetRefused, in the words of seed 002, where there is none or more than one.
        """
        link = job.component_link
        if link is not None and link.uid:
            return link.uid
        name = (link.name if link is not None else "") or job.component or ""
        found = [component for component in self.all() if component.name.casefold() == name.casefold()]
        if len(found) == 1:
            return found[0].uid
        if found:
            lines = [f'Several components have the name "{name}"', *map(_line, found), "Give its uid in components/."]
        else:
            lines = [f'Component not found: "{name}"', "", *self._suggestions(name)]
        raise TargetRefused("\n".join(lines))

    def _suggestions(self, name: str) -> list[str]:
        by_name = {component.name: component for component in self.all()}
        close = get_close_matches(name, by_name, n=_SUGGESTED, cutoff=0.4)
        lines = ["Did you mean one of these?", *(_line(by_name[one]) for one in close)] if close else []
        return [*lines, *([""] if lines else []), "Use the exact component name or UID."]


def _line(component: LiveComponent) -> str:
    return f"- {escape_text(component.name)} (UID: {escape_text(component.uid)})"
