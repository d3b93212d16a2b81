"""What a pull request is told: the comment around the plan, and the line beside its commit.

What we vouch for stands first: no unclosed fence or box in the plan's part can swallow it.
"""

from enum import StrEnum

from msgspec import Struct

from reconciler.model.text import escape_text
from reconciler.reports.forge.review import Outcome, Review
from reconciler.reports.forge.sticky import MARKER
from reconciler.reports.forge.values import CommitStatus, Pull, StatusState

CONTEXT = "reconciler/plan"
_LONGEST_STATUS = 140


class Doubt(StrEnum):
    """Why the plan itself may be made up."""

    NONE = "none"
    WORKFLOW = "workflow"
    TOO_MANY = "too many"


_WARNINGS = {
    Doubt.WORKFLOW: (
        "This pull request changes files in `.github/`, so it may have changed the workflow that made this plan. "
        "Read those changes before you believe it."
    ),
    Doubt.TOO_MANY: (
        "This pull request changes more files than GitHub lists, so it may have changed the workflow that made this "
        "plan. Read its changes in `.github/` before you believe it."
    ),
}
_STATES = {
    Outcome.PLANNED: StatusState.SUCCESS,
    Outcome.INVALID: StatusState.FAILURE,
    Outcome.FAILED: StatusState.ERROR,
}


class Finding(Struct, frozen=True, kw_only=True):
    """What is to be said of a head: a review, or why there is none. ``url`` is that of the check."""

    review: Review | None = None
    problem: str = ""
    url: str = ""

    @property
    def sentence(self) -> str:
        return self.review.sentence() if self.review else f"No plan: {self.problem}"


def whole_comment(pull: Pull, finding: Finding, doubt: Doubt) -> str:
    if finding.review is None:
        return f"{_head(pull, finding, doubt)}\n**No plan:** {finding.problem}.\n"
    return f"{_head(pull, finding, doubt)}\n{finding.review.comment.removeprefix(MARKER).lstrip()}"


def short_comment(pull: Pull, finding: Finding, doubt: Doubt) -> str:
    """Return what is said where the whole comment is not taken."""
    return (
        f"{_head(pull, finding, doubt)}\n**{finding.sentence}.** "
        "The plan itself was not taken as a comment; the check's summary has it.\n"
    )


def _head(pull: Pull, finding: Finding, doubt: Doubt) -> str:
    lines = [MARKER]
    if doubt is not Doubt.NONE:
        lines += ["> [!CAUTION]", f"> {_WARNINGS[doubt]}", ""]
    onto = f" onto `{finding.review.base[:12]}`" if finding.review else ""
    check = f", from [this check]({finding.url})" if finding.url.startswith(("https://", "http://")) else ""
    lines += [f"For `{pull.head[:12]}`{onto}{check}.", ""]
    return "\n".join(lines)


def told_status(pull: Pull, finding: Finding, doubt: Doubt, *, url: str) -> CommitStatus:
    """Return the status of the pull request's head. A plan that a stranger may have made up is never green."""
    if finding.review is None:
        return status_of(pull, StatusState.ERROR, finding.sentence, url)
    if doubt is not Doubt.NONE and pull.is_from_fork:
        return status_of(
            pull, StatusState.ERROR, "A fork that may have changed its own check: read .github/ first", url
        )
    return status_of(pull, _STATES[finding.review.outcome], finding.sentence, url)


def status_of(pull: Pull, state: StatusState, words: str, url: str) -> CommitStatus:
    return CommitStatus(
        commit=pull.head, context=CONTEXT, state=state, description=escape_text(words)[:_LONGEST_STATUS], url=url
    )
