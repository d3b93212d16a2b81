"""`reconciler plan`: what would change?"""

import click

from reconciler.cli.exits import ExitCode, first_of
from reconciler.cli.options import color_option, format_option, ref_option, secrets_option, state_option, verb
from reconciler.cli.output import echo_json, json_text, tell, wants_color, write_result
from reconciler.cli.problems import tell_problems
from reconciler.cli.session import Session, open_session
from reconciler.loop.compare import compare_commits, read_base
from reconciler.loop.desired import CommitState
from reconciler.loop.reconcile import Planned, plan_commit
from reconciler.model.change import Action
from reconciler.model.errors import UsageError
from reconciler.planning.renderings.document import plan_document
from reconciler.planning.renderings.text import render_plan


@verb(
    "plan",
    examples="""
    reconciler plan                    # HEAD against what is applied
    reconciler plan --ref feature
    reconciler plan --worktree         # files that are saved but not committed
    reconciler plan --base origin/main # what merging this branch would change, without any state
    reconciler plan --exit-code        # exits with 2 when there are changes
    """,
)
@ref_option
@click.option("--worktree", is_flag=True, help="Read the files in the work tree instead of a commit.")
@click.option("--base", metavar="REF", help="Compare with where the branch left REF, as if that were applied here.")
@click.option("--save", metavar="FILE", help="Also keep the plan, for `apply --plan FILE`.")
@click.option("--exit-code", is_flag=True, help="Exit with 2 when the plan is not empty.")
@format_option("text", "json")
@color_option
@state_option
@secrets_option
def command(
    *,
    directory: str | None,
    ref: str,
    worktree: bool,
    base: str | None,
    save: str | None,
    exit_code: bool,
    format_: str,
    color: str,
    state: str | None,
    secrets: str | None,
) -> int:
    """Show what applying a commit would change here. Changes nothing."""
    if worktree and ref != "HEAD":
        raise UsageError("--ref and --worktree exclude each other", hint="Give one of them.")
    with open_session(directory=directory, state=state, secrets=secrets) as session:
        source = session.read_files() if worktree else session.read_commit(ref)
        planned = plan_commit(session.world(source), source) if base is None else _plan_since(session, base, source)
        if not worktree:
            tell_differing_files(session, source)
    tell_problems(planned.problems)
    tell_unavailable(planned)
    if save is not None:
        write_result(json_text(plan_document(planned.plan)), save)
    if format_ == "json":
        echo_json(plan_document(planned.plan))
    else:
        click.echo(render_plan(planned.plan, color=wants_color(color)), nl=False)
    has_changes = any(change.action is not Action.HELD for change in planned.plan.changes)
    return first_of(
        [
            ExitCode.INVALID if planned.loaded.has_errors else ExitCode.DONE,
            ExitCode.COULD_NOT if planned.unavailable else ExitCode.DONE,
            ExitCode.CHANGES if exit_code and has_changes else ExitCode.DONE,
        ]
    )


def tell_unavailable(planned: Planned) -> None:
    """Say which targets could not be read: their changes wait, and what drifted there is not known."""
    for target, why in planned.unavailable.items():
        tell(f"{target}: could not be read: {why}; its changes wait")


def _plan_since(session: Session, base: str, source: CommitState) -> Planned:
    head = source.commit or session.repository.resolve("HEAD").sha
    now = session.clock()
    _, before = read_base(session.repository, base, head=head, now=now)
    return compare_commits(before, source, now=now)


def tell_differing_files(session: Session, source: CommitState) -> None:
    """Say how many files of the work tree differ from the commit that was read instead."""
    if session.repository.is_bare:
        return
    if number := session.repository.changed_files(source.settings.definitions):
        what = "1 file differs" if number == 1 else f"{number} files differ"
        tell(f"Read at commit {source.commit[:12]}: {what} from it in the work tree and counts only when committed.")
