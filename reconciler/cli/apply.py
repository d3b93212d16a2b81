"""`reconciler apply`: bring the targets to a commit, and run nothing."""

from pathlib import Path

import click
import msgspec

from reconciler.cli.exits import ExitCode, first_of
from reconciler.cli.options import color_option, format_option, ref_option, secrets_option, state_option, verb
from reconciler.cli.output import echo_json, tell, wants_color, warn
from reconciler.cli.plan import tell_differing_files, tell_unavailable
from reconciler.cli.problems import tell_problems
from reconciler.cli.reviewing import Review
from reconciler.cli.session import open_session
from reconciler.loop.apply import ApplyFailure
from reconciler.loop.reconcile import apply_commit
from reconciler.loop.statuses import send_statuses
from reconciler.model.errors import CouldNot, UsageError

allow_deletes_option = click.option(
    "--allow-deletes",
    metavar="DIGEST",
    help="Allow the deletions that a guard holds back, of the plan with this digest.",
)

take_over_option = click.option(
    "--take-over", is_flag=True, help="Take targets over from another state that reconciles them, for good."
)

worktree_option = click.option("--worktree", is_flag=True, hidden=True)


def refuse_worktree(worktree: bool) -> None:
    """What runs is reported with its commit, so only a commit is applied (docs/decisions.md)."""
    if worktree:
        raise UsageError(
            "files that are not committed are never applied: a run's report names its commit",
            hint="Look at them with: reconciler plan --worktree\nThen commit them, and apply the commit.",
        )


@verb(
    "apply",
    examples="""
    reconciler apply
    reconciler apply --ref v1.2
    reconciler apply --digest 3f9a02c1d5e7          # exactly the plan with the digest that plan prints
    reconciler apply --yes                          # delete without asking
    reconciler apply --allow-deletes 3f9a02c1d5e7   # what a guard holds back
    """,
)
@ref_option
@click.option("--plan", "plan_file", metavar="FILE", help="Apply exactly this plan, saved by `plan --save`.")
@click.option("--digest", metavar="DIGEST", help="Apply only if the plan has this digest.")
@click.option("-y", "--yes", is_flag=True, help="Delete without asking; needed for that where there is no terminal.")
@allow_deletes_option
@take_over_option
@worktree_option
@format_option("text", "json")
@color_option
@state_option
@secrets_option
def command(
    *,
    directory: str | None,
    ref: str,
    plan_file: str | None,
    digest: str | None,
    yes: bool,
    allow_deletes: str | None,
    take_over: bool,
    worktree: bool,
    format_: str,
    color: str,
    state: str | None,
    secrets: str | None,
) -> int:
    """Bring the targets to a commit: create, change, delete. Starts nothing; `reconcile` does that too.

    With --plan or --digest it exits with 5 when definitions, state or a target moved since the plan was made.  What
    would be deleted is asked for, unless --yes or a digest says that it was looked at.
    """
    refuse_worktree(worktree)
    if plan_file is not None:
        if digest is not None or ref != "HEAD":
            raise UsageError("--plan excludes --digest and --ref: it names both", hint="Give --plan alone.")
        ref, digest = _read_plan(plan_file)
    with open_session(directory=directory, state=state, secrets=secrets) as session:
        source = session.read_commit_to_apply(ref)
        tell_differing_files(session, source)
        world = session.world(source)
        review = Review(world, color=wants_color(color), asks=not (yes or digest or allow_deletes))
        _, planned, failures = apply_commit(
            world,
            source,
            allowed_deletes=allow_deletes,
            take_over=take_over,
            expected_digest=digest,
            confirm=review,
        )
        if problem := send_statuses(world):
            warn(f"statuses: {problem}")
    tell_problems(planned.problems)
    if format_ == "json":
        echo_json(review.document() | {"failures": [failure_document(failure) for failure in failures]})
    else:
        click.echo(review.text(), nl=False)
    tell_failures(failures)
    tell_unavailable(planned)
    if not failures and not planned.unavailable:
        what = "what is valid of commit" if planned.has_errors else "commit"
        tell(f"Applied {what} {source.commit[:12]}.")
    return first_of(
        [
            ExitCode.INVALID if planned.has_errors else ExitCode.DONE,
            ExitCode.COULD_NOT if failures or planned.unavailable else ExitCode.DONE,
        ]
    )


def _read_plan(path: str) -> tuple[str, str]:
    """Return the commit and the digest of a saved plan. Raises CouldNot or UsageError."""
    try:
        saved = msgspec.json.decode(Path(path).read_bytes(), type=_SavedPlan)
    except OSError as error:
        raise CouldNot(
            f"cannot read {path}: {error.strerror}", hint="Save it with: reconciler plan --save FILE"
        ) from None
    except msgspec.DecodeError as error:
        raise UsageError(f"{path} is not a saved plan: {error}", hint="Save it: reconciler plan --save FILE") from None
    if not saved.commit:
        raise UsageError(f"{path} is a plan of files that are not committed", hint="Commit them, and plan again.")
    return saved.commit, saved.digest


class _SavedPlan(msgspec.Struct, rename="camel"):
    commit: str
    digest: str


def failure_document(failure: ApplyFailure) -> dict[str, str]:
    change = failure.change
    return {
        "target": change.target,
        "kind": change.kind.value,
        "id": change.id,
        "action": change.action.value,
        "message": failure.message,
    }


def tell_failures(failures: tuple[ApplyFailure, ...]) -> None:
    for failure in failures:
        warn(f"{failure.change.target}: {failure.change.action.value} {failure.change.id}: {failure.message}")
