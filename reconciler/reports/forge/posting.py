"""From the run of a workflow to the comment and the status of its pull request.

Each call brings them to what is right now, whichever run it is called for: the newest run for the commit that the pull
request asks for counts.  So a late or repeated call never puts an older plan over a newer one.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from msgspec import Struct

from reconciler.model.errors import TargetRefused, TargetUnavailable
from reconciler.model.text import escape_text
from reconciler.reports.forge.github import Artifact, WorkflowRun
from reconciler.reports.forge.review import (
    ARTIFACT_NAME,
    LARGEST_ARCHIVE,
    Review,
    UnfitReview,
    decode_review,
    unpack_review,
)
from reconciler.reports.forge.sticky import write_comment
from reconciler.reports.forge.values import Comment, CommentForge, CommitStatus, Pull, StatusState
from reconciler.reports.forge.vetting import vet_markdown
from reconciler.reports.forge.wire import Refused
from reconciler.reports.forge.wording import Doubt, Finding, short_comment, status_of, told_status, whole_comment

WORKFLOW_FOLDER = ".github/"
_LOOKS = 3
_NOT_TAKEN = 422

Sleep = Callable[[float], None]


class RunForge(CommentForge, Protocol):
    """What GitHub has beyond comments: see github.py."""

    def statuses(self, commit: str) -> list[CommitStatus]: ...
    def run(self, run: int) -> WorkflowRun: ...
    def runs_for(self, workflow: int, head: str) -> list[WorkflowRun]: ...
    def pulls_of(self, run: WorkflowRun) -> list[Pull]: ...
    def files_of(self, number: int) -> tuple[list[str], bool]: ...
    def artifacts(self, run: int, name: str) -> list[Artifact]: ...
    def download(self, artifact: Artifact, *, most: int) -> bytes: ...


class Posted(Struct, frozen=True, kw_only=True):
    """What a pull request says now; ``url`` is that of the comment."""

    number: int
    head: str
    sentence: str
    url: str


def post_for_run(forge: RunForge, run: int, *, sleep: Sleep) -> list[Posted]:
    """Bring the comments and statuses of the pull requests of a workflow's run up to date; raises CouldNot."""
    found = forge.run(run)
    if found.event != "pull_request":
        return []
    pulls = forge.pulls_of(found)
    numbers = frozenset(pull.number for pull in pulls)
    posted = [_post_pull(forge, pull.number, numbers, found.workflow, sleep=sleep) for pull in pulls]
    return [item for item in posted if item is not None]


def post_review(
    forge: CommentForge, review: Review | None, *, number: int, head: str, url: str, sleep: Sleep
) -> Posted | None:
    """Write what the check of ``head`` found, None for nothing; return None where the pull request has moved on."""
    pull = forge.pull(number)
    if not pull.is_open or pull.head != head:
        return None
    problem = "the check left none" if review is None else ""
    if review is not None and (fault := vet_markdown(review.comment)):
        review, problem = None, f"what the check left was refused, since {fault}"
    finding = Finding(review=review, problem=problem, url=url)
    comment = _write(forge, pull, finding, Doubt.NONE, sleep=sleep)
    return Posted(number=pull.number, head=pull.head, sentence=finding.sentence, url=comment.url)


def _post_pull(forge: RunForge, number: int, numbers: frozenset[int], workflow: int, *, sleep: Sleep) -> Posted | None:
    for _ in range(_LOOKS):
        pull = forge.pull(number)
        finding = _find(forge, pull, numbers, workflow)
        if finding is None or not pull.is_open:
            return None
        posted = _say(forge, pull, finding, sleep=sleep)
        if forge.pull(number).head == pull.head:
            return posted
    raise TargetUnavailable(f"pull request {number} moved on each time that its comment was written")


def _find(forge: RunForge, pull: Pull, numbers: frozenset[int], workflow: int) -> Finding | None:
    """Return what the newest run for the pull request's head found; None while none has ended."""
    for run in forge.runs_for(workflow, pull.head):
        is_of_branch = (run.head_repository, run.head_branch) == (pull.head_repository, pull.head_branch)
        if not run.is_completed or not is_of_branch or run.head != pull.head:
            continue
        try:
            review = _read(forge, run)
        except UnfitReview as error:
            return Finding(problem=f"what the check left was refused, since {error}", url=run.url)
        if review is None:
            return Finding(problem=_without_review(run), url=run.url)
        if review.pull_request == pull.number and review.head == pull.head:
            return Finding(review=review, url=run.url)
        if review.pull_request not in numbers or review.head != pull.head:
            return Finding(problem="what the check left is about another pull request", url=run.url)
    return None


def _read(forge: RunForge, run: WorkflowRun) -> Review | None:
    for artifact in forge.artifacts(run.id, ARTIFACT_NAME):
        if artifact.has_expired:
            continue
        if artifact.size > LARGEST_ARCHIVE:
            raise UnfitReview(f"it is larger than {LARGEST_ARCHIVE:,} bytes")
        review = decode_review(unpack_review(forge.download(artifact, most=LARGEST_ARCHIVE)))
        if fault := vet_markdown(review.comment):
            raise UnfitReview(fault)
        return review
    return None


def _without_review(run: WorkflowRun) -> str:
    if run.conclusion == "action_required":
        return "the check waits until a maintainer approves its run"
    return f"the check ended as `{escape_text(run.conclusion, limit=40).replace('`', '')}` and left no plan"


def _say(forge: RunForge, pull: Pull, finding: Finding, *, sleep: Sleep) -> Posted:
    paths, are_all = forge.files_of(pull.number)
    doubt = Doubt.NONE if are_all else Doubt.TOO_MANY
    if any(path.startswith(WORKFLOW_FOLDER) for path in paths):
        doubt = Doubt.WORKFLOW
    try:
        comment = _write(forge, pull, finding, doubt, sleep=sleep)
    except (TargetUnavailable, TargetRefused) as error:
        _try_status(
            forge, status_of(pull, StatusState.ERROR, f"The comment could not be written: {error}", finding.url)
        )
        raise
    status = told_status(pull, finding, doubt, url=comment.url)
    _set_status(forge, status)
    return Posted(number=pull.number, head=pull.head, sentence=status.description, url=comment.url)


def _write(forge: CommentForge, pull: Pull, finding: Finding, doubt: Doubt, *, sleep: Sleep) -> Comment:
    try:
        return write_comment(forge, pull.number, whole_comment(pull, finding, doubt), sleep=sleep)
    except Refused as error:
        if error.status != _NOT_TAKEN:
            raise
        return write_comment(forge, pull.number, short_comment(pull, finding, doubt), sleep=sleep)


def _set_status(forge: RunForge, status: CommitStatus) -> None:
    last = next((item for item in forge.statuses(status.commit) if item.context == status.context), None)
    if last != status:
        forge.set_status(status)


def _try_status(forge: RunForge, status: CommitStatus) -> None:
    with suppress(TargetUnavailable, TargetRefused):  # the failure that is told is the one before it
        forge.set_status(status)
