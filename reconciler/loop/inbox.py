"""Events that others publish: where they come in, and what is left to do once they are kept."""

from collections.abc import Callable, Sequence
from typing import Protocol

from reconciler.model.event import Event
from reconciler.model.settings import EventSettings


class Inbox(Protocol):
    """``take`` gives the same events again until ``done`` says that they are durable."""

    def take(self) -> Sequence[Event]: ...

    def done(self) -> None: ...

    def close(self) -> None: ...


OpenInbox = Callable[[EventSettings], Inbox | None]
"""Returns what listens as the settings say; None where they name nothing."""


def no_inbox(_: EventSettings) -> None:
    """Listen to nobody."""


class Mail:
    """Keeps one inbox open, as the settings of the commit that is followed want it."""

    def __init__(self, open_inbox: OpenInbox) -> None:
        self._open = open_inbox
        self._settings = EventSettings()
        self._inbox: Inbox | None = None

    def follow(self, settings: EventSettings) -> None:
        """Listen as ``settings`` say from now on. Raises CouldNot where that is impossible."""
        if settings == self._settings:
            return
        self.close()
        self._inbox = self._open(settings)
        self._settings = settings

    def give_up(self, settings: EventSettings) -> None:
        """Do without what ``settings`` name, until they change."""
        self._settings = settings

    def deliver(self, keep: Callable[[Sequence[Event]], object]) -> bool:
        """Hand what has come to ``keep``, and only then acknowledge it; False where nothing has come."""
        events = self._inbox.take() if self._inbox is not None else ()
        if not events or self._inbox is None:
            return False
        keep(events)
        self._inbox.done()
        return True

    def close(self) -> None:
        if self._inbox is not None:
            self._inbox.close()
        self._inbox, self._settings = None, EventSettings()
