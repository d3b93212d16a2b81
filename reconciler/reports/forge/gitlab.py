"""GitLab's API: notes of merge requests and statuses of commits. Source: GitLab REST API v4."""

from typing import Any

from msgspec import Struct

from reconciler.reports.forge.values import Comment, CommitStatus, Pull, StatusState
from reconciler.reports.forge.wire import Refused, Wire, segment

API = "https://gitlab.com/api/v4"
LONGEST_DESCRIPTION = 140

_STATES = {
    StatusState.PENDING: "pending",
    StatusState.SUCCESS: "success",
    StatusState.FAILURE: "failed",
    StatusState.ERROR: "failed",
}


class GitLab:
    """One project, by its number or its path."""

    def __init__(self, wire: Wire, project: str) -> None:
        self._wire = wire
        self._at = f"projects/{segment(project)}"
        self._author = ""

    def author(self) -> str:
        """Return the name of the token's user; a project's token has one of its own."""
        if not self._author:
            self._author = self._wire.get("user", _User).username
        return self._author

    def pull(self, number: int) -> Pull:
        found = self._wire.get(f"{self._at}/merge_requests/{number}", _MergeRequest)
        return Pull(
            number=found.iid,
            head=found.sha or "",
            head_repository=str(found.source_project_id or ""),
            head_branch=found.source_branch,
            is_open=found.state == "opened",
            is_from_fork=found.source_project_id != found.target_project_id,
        )

    def comments(self, number: int) -> list[Comment]:
        found = self._wire.pages(f"{self._notes(number)}", _Note, order_by="created_at", sort="asc")
        return [_comment(note) for note in found if not note.system]

    def add_comment(self, number: int, body: str) -> Comment:
        return _comment(self._wire.send("POST", self._notes(number), {"body": body}, _Note))

    def edit_comment(self, number: int, comment: int, body: str) -> Comment:
        return _comment(self._wire.send("PUT", f"{self._notes(number)}/{comment}", {"body": body}, _Note))

    def drop_comment(self, number: int, comment: int) -> None:
        self._wire.delete(f"{self._notes(number)}/{comment}")

    def set_status(self, status: CommitStatus) -> None:
        body: dict[str, Any] = {
            "state": _STATES[status.state],
            "name": status.context,
            "description": status.description[:LONGEST_DESCRIPTION],
        } | ({"target_url": status.url} if status.url else {})
        try:
            self._wire.send("POST", f"{self._at}/statuses/{segment(status.commit)}", body, dict)
        except Refused as error:
            # A status that already is what is asked for cannot be entered again: GitLab answers 400.
            if error.status != 400 or "Cannot transition status" not in str(error):
                raise

    def _notes(self, number: int) -> str:
        return f"{self._at}/merge_requests/{number}/notes"


class _User(Struct):
    username: str = ""


class _MergeRequest(Struct):
    iid: int
    state: str
    sha: str | None = None
    source_project_id: int | None = None
    target_project_id: int | None = None
    source_branch: str = ""


class _Note(Struct):
    id: int
    body: str | None = None
    author: _User | None = None
    system: bool = False


def _comment(note: _Note) -> Comment:
    return Comment(id=note.id, author=note.author.username if note.author else "", body=note.body or "")
