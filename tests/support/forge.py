"""Reviews, wires and forges for tests; nothing ever sleeps."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fakes.github import REPOSITORY, TOKEN, FakeGitHub

from reconciler.model.secret import Secret
from reconciler.reports.forge.github import HEADERS, GitHub
from reconciler.reports.forge.review import Outcome, Review, encode_review
from reconciler.reports.forge.sticky import MARKER
from reconciler.reports.forge.wire import Wire, open_client

OLD, NEW, BASE = "a" * 40, "c" * 40, "b" * 40


class Sleeper:
    def __init__(self) -> None:
        self.slept: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)


def review(head: str = OLD, *, words: str = "the plan", **fields: Any) -> Review:
    given = {
        "pull_request": 1,
        "head": head,
        "base": BASE,
        "outcome": Outcome.PLANNED,
        "create": 1,
        "digest": "f" * 64,
        "comment": f"{MARKER}\n{words}\n",
    }
    return Review(**given | fields)


def encoded(head: str = OLD, **fields: Any) -> bytes:
    return encode_review(review(head, **fields))


@contextmanager
def connected(
    fake: FakeGitHub, sleep: Sleeper, *, token: str = TOKEN, patience_seconds: float = 120
) -> Iterator[GitHub]:
    with open_client(fake.url, token=Secret(token)) as client:
        wire = Wire(client, name="GitHub", headers=HEADERS, sleep=sleep, patience_seconds=patience_seconds)
        yield GitHub(wire, REPOSITORY)
