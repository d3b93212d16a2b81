"""`reconciler apply`: bring the targets to a commit, and run nothing."""

import click

from reconciler.cli.exits import ExitCode, first_of
from reconciler.cli.options import color_option, format_option, ref_option, secrets_option, state_option, verb
from reconciler.cli.output import echo_json, tell, wants_color
from reconciler.cli.plan import tell_differing_files
from reconciler.cli.problems import tell_problems
from reconciler.cli.session import open_session
from reconciler.loop.apply import ApplyFailure
from reconciler.loop.reconcile import apply_commit
from reconciler.model.errors import UsageError
from reconciler.planning.renderings.document import plan_document
from reconciler.planning.renderings.text import render_plan

allow_deletes_option = click.option(
    "--allow-deletes",
    metavar="DIGEST",
    help="Allow the deletions that a guard holds back, of the plan with this digest.",
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
    reconciler apply --allow-deletes 3f9a02c1d5e7   # the digest that plan prints
    """,
)
@ref_option
@allow_deletes_option
@worktree_option
@format_option("text", "json")
@color_option
@state_option
@secrets_option
def command(
    *,
    directory: str | None,
    ref: str,
    allow_deletes: str | None,
    worktree: bool,
    format_: str,
    color: str,
    state: str | None,
    secrets: str | None,
) -> int:
    """Bring the targets to a commit: create, change, delete. Starts nothing; `reconcile` does that too."""
    refuse_worktree(worktree)
    with open_session(directory=directory, state=state, secrets=secrets) as session:
        source = session.read_commit(ref)
        tell_differing_files(session, source)
        _, planned, failures = apply_commit(session.world(source), source, allowed_deletes=allow_deletes)
    tell_problems(planned.problems)
    if format_ == "json":
        echo_json(plan_document(planned.plan) | {"failures": [failure_document(failure) for failure in failures]})
    else:
        click.echo(render_plan(planned.plan, color=wants_color(color)), nl=False)
    tell_failures(failures)
    if not failures:
        tell(f"Applied commit {source.commit[:12]}.")
    return first_of(
        [
            ExitCode.INVALID if planned.loaded.has_errors else ExitCode.DONE,
            ExitCode.COULD_NOT if failures else ExitCode.DONE,
        ]
    )


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
        tell(f"{failure.change.target}: {failure.change.action.value} {failure.change.id}: {failure.message}")
