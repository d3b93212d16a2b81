"""GitHub's API: pull requests, their comments, statuses of commits, runs of workflows and their artefacts.

Source: GitHub REST API, version 2022-11-28.
"""

import httpx
from msgspec import Struct

from reconciler.reports.forge.values import Comment, CommitStatus, Pull, StatusState
from reconciler.reports.forge.wire import PAGE, Refused, Unavailable, Wire, read_limited, segment

API = "https://api.github.com"
HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
WORKFLOW_AUTHOR = "github-actions[bot]"
"""Who comments with the token of a workflow."""
LONGEST_DESCRIPTION = 140
MOST_FILES = 3000
"""GitHub lists no more files of a pull request."""


class WorkflowRun(Struct, frozen=True, kw_only=True):
    """One run of a workflow; ``attempt`` counts from 1, ``conclusion`` is empty until it is ``completed``."""

    id: int
    workflow: int
    number: int
    attempt: int
    event: str
    head: str
    head_branch: str
    head_repository: str
    is_completed: bool
    conclusion: str
    url: str


class Artifact(Struct, frozen=True, kw_only=True):
    id: int
    name: str
    size: int
    created_at: str
    has_expired: bool


class GitHub:
    """One repository, ``owner/name``. ``author`` is the login under which ``wire`` comments."""

    def __init__(self, wire: Wire, repository: str, *, author: str = WORKFLOW_AUTHOR) -> None:
        owner, _, name = repository.partition("/")
        self._wire = wire
        self._at = f"repos/{segment(owner)}/{segment(name)}"
        self._author = author

    def author(self) -> str:
        return self._author

    def pull(self, number: int) -> Pull:
        return _pull(self._wire.get(f"{self._at}/pulls/{number}", _Pull))

    def pulls_of(self, run: WorkflowRun) -> list[Pull]:
        """Return the open pull requests that ask for the branch of ``run``."""
        owner = run.head_repository.partition("/")[0]
        found = self._wire.pages(f"{self._at}/pulls", _Pull, state="open", head=f"{owner}:{run.head_branch}")
        return [
            pull
            for pull in map(_pull, found)
            if (pull.head_repository, pull.head_branch) == (run.head_repository, run.head_branch) and pull.is_open
        ]

    def files_of(self, number: int) -> tuple[list[str], bool]:
        """Return the paths that a pull request changes, old names too, and whether these are all."""
        found = self._wire.pages(f"{self._at}/pulls/{number}/files", _File)
        paths = [path for file in found for path in (file.filename, file.previous_filename) if path]
        return paths, len(found) < MOST_FILES

    def comments(self, number: int) -> list[Comment]:
        return [_comment(item) for item in self._wire.pages(f"{self._at}/issues/{number}/comments", _Comment)]

    def add_comment(self, number: int, body: str) -> Comment:
        return _comment(self._wire.send("POST", f"{self._at}/issues/{number}/comments", {"body": body}, _Comment))

    def edit_comment(self, number: int, comment: int, body: str) -> Comment:
        return _comment(self._wire.send("PATCH", f"{self._at}/issues/comments/{comment}", {"body": body}, _Comment))

    def drop_comment(self, number: int, comment: int) -> None:
        self._wire.delete(f"{self._at}/issues/comments/{comment}")

    def set_status(self, status: CommitStatus) -> None:
        body = {
            "state": status.state.value,
            "context": status.context,
            "description": status.description[:LONGEST_DESCRIPTION],
        } | ({"target_url": status.url} if status.url else {})
        self._wire.send("POST", f"{self._at}/statuses/{segment(status.commit)}", body, dict)

    def statuses(self, commit: str) -> list[CommitStatus]:
        """Return the newest hundred, newest first."""
        found = self._wire.get(f"{self._at}/commits/{segment(commit)}/statuses", list[_Status], per_page=PAGE)
        return [
            CommitStatus(
                commit=commit,
                context=item.context,
                state=StatusState(item.state),
                description=item.description or "",
                url=item.target_url or "",
            )
            for item in found
            if item.state in {state.value for state in StatusState}
        ]

    def run(self, run: int) -> WorkflowRun:
        return _run(self._wire.get(f"{self._at}/actions/runs/{run}", _Run))

    def runs_for(self, workflow: int, head: str) -> list[WorkflowRun]:
        """Return the runs of a workflow for pull requests whose head is this commit, newest first."""
        path = f"{self._at}/actions/workflows/{workflow}/runs"
        found = self._wire.pages(path, _Run, inside="workflow_runs", head_sha=head, event="pull_request")
        return sorted(map(_run, found), key=lambda run: (run.number, run.attempt), reverse=True)

    def artifacts(self, run: int, name: str) -> list[Artifact]:
        """Return the artefacts of this name that a run left, newest first: each attempt leaves one."""
        path = f"{self._at}/actions/runs/{run}/artifacts"
        found = self._wire.pages(path, _Artifact, inside="artifacts", name=name)
        kept = [
            Artifact(
                id=item.id,
                name=item.name,
                size=item.size_in_bytes,
                created_at=item.created_at or "",
                has_expired=item.expired,
            )
            for item in found
            if item.name == name
        ]
        return sorted(kept, key=lambda item: (item.created_at, item.id), reverse=True)

    def download(self, artifact: Artifact, *, most: int) -> bytes:
        """Return the archive of an artefact. Raises Unavailable when it is larger than ``most`` bytes.

        The archive lies with another host, which is asked without our token.
        """
        where = self._wire.location(f"{self._at}/actions/artifacts/{artifact.id}/zip")
        if not where.startswith(("https://", "http://127.0.0.1:")):
            raise Unavailable("GitHub redirects to an artefact that is not on https")
        try:
            with (
                httpx.Client(trust_env=False, timeout=30.0) as client,
                client.stream("GET", where, follow_redirects=False) as answer,
            ):
                if answer.status_code != 200:
                    raise Refused("the artefact could not be read", status=answer.status_code)
                return read_limited(answer, most)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(f"the store of artefacts does not answer ({type(error).__name__})") from None


class _User(Struct):
    login: str = ""


class _Repository(Struct):
    full_name: str = ""


class _Ref(Struct):
    sha: str
    ref: str = ""
    repo: _Repository | None = None


class _Pull(Struct):
    number: int
    state: str
    head: _Ref
    base: _Ref


class _Comment(Struct):
    id: int
    body: str | None = None
    user: _User | None = None
    html_url: str = ""


class _File(Struct):
    filename: str
    previous_filename: str = ""


class _Status(Struct):
    context: str
    state: str
    description: str | None = None
    target_url: str | None = None


class _Run(Struct):
    id: int
    workflow_id: int
    run_number: int
    head_sha: str
    event: str
    status: str | None = None
    head_branch: str | None = None
    conclusion: str | None = None
    run_attempt: int = 1
    head_repository: _Repository | None = None
    html_url: str = ""


class _Artifact(Struct):
    id: int
    name: str
    size_in_bytes: int
    expired: bool = False
    created_at: str | None = None


def _pull(pull: _Pull) -> Pull:
    return Pull(
        number=pull.number,
        head=pull.head.sha,
        head_repository=pull.head.repo.full_name if pull.head.repo else "",
        head_branch=pull.head.ref,
        is_open=pull.state == "open",
        is_from_fork=pull.head.repo is None or pull.base.repo is None or pull.head.repo != pull.base.repo,
    )


def _comment(comment: _Comment) -> Comment:
    author = comment.user.login if comment.user else ""
    return Comment(id=comment.id, author=author, body=comment.body or "", url=comment.html_url)


def _run(run: _Run) -> WorkflowRun:
    return WorkflowRun(
        id=run.id,
        workflow=run.workflow_id,
        number=run.run_number,
        attempt=run.run_attempt,
        event=run.event,
        head=run.head_sha,
        head_branch=run.head_branch or "",
        head_repository=run.head_repository.full_name if run.head_repository else "",
        is_completed=run.status == "completed",
        conclusion=run.conclusion or "",
        url=run.html_url,
    )
