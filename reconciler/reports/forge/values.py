"""What both forges have, in our words."""

from enum import StrEnum
from typing import Protocol

from msgspec import Struct


class StatusState(StrEnum):
    """How a commit stands, in the words of GitHub; ``gitlab.py`` has its own for them."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"


class CommitStatus(Struct, frozen=True, kw_only=True):
    """One line beside a commit: ``context`` names it, ``url`` is where more is told, or empty."""

    commit: str
    context: str
    state: StatusState
    description: str
    url: str = ""


class Comment(Struct, frozen=True, kw_only=True):
    """A comment on a pull request. ``author`` is the login, ``url`` where it is read."""

    id: int
    author: str
    body: str
    url: str = ""


class Pull(Struct, frozen=True, kw_only=True):
    """A pull or merge request. ``head`` is the commit it asks for now; ``head_repository`` is where that lies."""

    number: int
    head: str
    head_repository: str
    head_branch: str
    is_open: bool
    is_from_fork: bool


class StatusForge(Protocol):
    """Raises TargetUnavailable when a later try may do, TargetRefused when it will not by itself."""

    def set_status(self, status: CommitStatus) -> None: ...


class CommentForge(StatusForge, Protocol):
    """The comments of pull requests; errors are as in ``StatusForge``."""

    def pull(self, number: int) -> Pull: ...
    def author(self) -> str: ...
    def comments(self, number: int) -> list[Comment]: ...
    def add_comment(self, number: int, body: str) -> Comment: ...
    def edit_comment(self, number: int, comment: int, body: str) -> Comment: ...
    def drop_comment(self, number: int, comment: int) -> None: ...
