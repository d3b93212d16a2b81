"""The check of a pull request: what is wrong with its definitions, and what merging it would change."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from reconciler.git.repository import Repository
from reconciler.loop.compare import compare_commits, find_base, read_base
from reconciler.loop.desired import CommitState, read_commit
from reconciler.loop.judging import known_of_commits
from reconciler.model.change import Action, Plan
from reconciler.model.errors import CouldNot, DefinitionsInvalid, UsageError
from reconciler.model.markup import code_span
from reconciler.model.problem import Problem, Severity
from reconciler.planning.judgement import judge_plan
from reconciler.planning.renderings.markdown import render_markdown
from reconciler.reports.forge.review import LONGEST_COMMENT, Outcome, Review
from reconciler.reports.forge.sticky import MARKER

_MOST_PROBLEMS = 10
_MESSAGE = 300
_CHANGING = frozenset(Action) - {Action.CREATE, Action.DELETE, Action.RETIRE, Action.HELD, Action.ONE_OFF}


class Checked(Struct, frozen=True, kw_only=True):
    """``touched`` are the files that the pull request changed: their problems are told before others."""

    review: Review
    problems: tuple[Problem, ...]
    touched: frozenset[str]


def check_pull_request(
    repository: Repository, *, ref: str, base: str, number: int, head: str, now: datetime
) -> Checked:
    """Read ``ref`` and the commit where it left ``base``, from the object database alone.

    ``head`` is the commit that the pull request asks for: not ``ref``, where that is its merge.
    """
    commit = repository.resolve(ref).sha
    left_at = find_base(repository, base, head=commit)
    before = read_base(left_at, lambda sha: read_commit(repository, sha, now=now))
    try:
        after = read_commit(repository, commit, now=now)
    except DefinitionsInvalid as error:
        return Checked(
            review=_unreadable(error, number=number, head=head or commit, base=left_at),
            problems=error.problems,
            touched=frozenset(),
        )
    planned = compare_commits(before, after, now=now)
    facts = judge_plan(planned.plan, now=now, known=known_of_commits(planned))
    comment = render_markdown(
        planned.plan, facts, now=now, budget=LONGEST_COMMENT, problems=planned.problems, base=left_at
    )
    review = Review(
        pull_request=number,
        head=head or commit,
        base=left_at,
        outcome=Outcome.INVALID if planned.has_errors else Outcome.PLANNED,
        errors=_count(planned.problems, Severity.ERROR),
        warnings=_count(planned.problems, Severity.WARNING),
        **_numbers(planned.plan),
        digest=planned.plan.digest,
        comment=comment,
    )
    return Checked(review=review, problems=planned.problems, touched=_touched(before, after))


def base_of(repository: Repository, ref: str, *, head: str, base: str) -> str:
    """Return what ``ref`` is compared with: where it is the merge of ``head``, what that is merged into.

    ``base`` is what the pipeline names: the base's tip when the pull request was last pushed to.  Raises UsageError.
    """
    try:
        if head and repository.resolve(f"{ref}^2").sha == head:
            return f"{ref}^1"
    except (CouldNot, UsageError):
        pass  # it is no merge
    if not base:
        raise UsageError("what it is to be merged into is not known", hint="Give --base REF, such as origin/main.")
    return base


def _numbers(plan: Plan) -> dict[str, int]:
    return {
        "create": plan.count(Action.CREATE),
        "change": plan.count(*_CHANGING),
        "delete": plan.count(Action.DELETE, Action.RETIRE),
        "run": plan.count(Action.ONE_OFF),
        "held": sum(not guard.warning for guard in plan.guards),
    }


def _touched(before: CommitState | None, after: CommitState) -> frozenset[str]:
    old = {file.path: file.blob for file in before.tree.files} if before is not None else {}
    return frozenset(file.path for file in after.tree.files if old.get(file.path) != file.blob)


def _unreadable(error: DefinitionsInvalid, *, number: int, head: str, base: str) -> Review:
    errors = _count(error.problems, Severity.ERROR) or 1
    lines = [MARKER, "## No plan: the definitions cannot be read", "", f"{code_span(str(error), limit=_MESSAGE)}", ""]
    lines += [_problem_line(problem) for problem in error.problems[:_MOST_PROBLEMS]]
    return Review(
        pull_request=number,
        head=head,
        base=base,
        outcome=Outcome.INVALID,
        errors=errors,
        comment="\n".join(lines) + "\n",
    )


def _problem_line(problem: Problem) -> str:
    return (
        f"- {code_span(f'{problem.path}:{problem.line}')} {problem.code} {code_span(problem.message, limit=_MESSAGE)}"
    )


def _count(problems: Sequence[Problem], severity: Severity) -> int:
    return sum(problem.severity is severity for problem in problems)
