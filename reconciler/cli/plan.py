"""`reconciler plan`: what would change?"""

from collections.abc import Mapping
from datetime import datetime

import click
from msgspec import Struct

from reconciler.cli.exits import ExitCode, first_of
from reconciler.cli.options import (
    color_option,
    format_option,
    out_option,
    ref_option,
    secrets_option,
    state_option,
    verb,
)
from reconciler.cli.output import json_text, tell, wants_color, warn, write_result
from reconciler.cli.problems import tell_problems
from reconciler.cli.reviewing import judge_planned
from reconciler.cli.session import Session, open_session
from reconciler.cli.simulate import read_time
from reconciler.loop.components import left_to_a_person
from reconciler.loop.desired import CommitState
from reconciler.loop.judging import known_of_commits
from reconciler.loop.reconcile import Planned, plan_commit
from reconciler.model.change import Action
from reconciler.model.errors import UsageError
from reconciler.planning.by_hand import ByHand
from reconciler.planning.judgement import judge_plan
from reconciler.planning.judgement_values import Judgement, Key
from reconciler.planning.renderings.document import plan_document


class Seen(Struct, frozen=True, kw_only=True):
    """A plan with the facts of its changes, as of ``now``; ``base`` is the commit it is compared with, or empty.

    ``by_hand`` is what is left to a person, at targets that were looked at.
    """

    planned: Planned
    facts: Mapping[Key, Judgement]
    now: datetime
    base: str = ""
    by_hand: tuple[ByHand, ...] = ()


@verb(
    "plan",
    examples="""
    reconciler plan                                  # HEAD against what is applied
    reconciler plan --ref feature
    reconciler plan --worktree                       # files that are saved but not committed
    reconciler plan --base origin/main               # what merging this branch would change, without any state
    reconciler plan --format html --out plan.html    # to read at leisure; markdown is for a pull request
    reconciler plan --exit-code                      # exits with 2 when there are changes
    """,
)
@ref_option
@click.option("--worktree", is_flag=True, help="Read the files in the work tree instead of a commit.")
@click.option("--base", metavar="REF", help="Compare with where the branch left REF, as if that were applied here.")
@click.option("--save", metavar="FILE", help="Also keep the plan, for `apply --plan FILE`.")
@click.option("--exit-code", is_flag=True, help="Exit with 2 when the plan is not empty.")
@click.option("--now", "at", metavar="T", help="Judge fire times as of this instant.  [default: now]")
@format_option("text", "json", "jsonl", "markdown", "html")
@out_option
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
    at: str | None,
    format_: str,
    out: str | None,
    color: str,
    state: str | None,
    secrets: str | None,
) -> int:
    """Show what applying a commit would change here. Changes nothing.

    Of each change it tells when the job starts before and after, on which devices, and what is risky about it.
    """
    if worktree and ref != "HEAD":
        raise UsageError("--ref and --worktree exclude each other", hint="Give one of them.")
    if base is not None and save is not None:
        raise UsageError("--base compares two commits, and --save keeps a plan to apply", hint="Give one of them.")
    with open_session(directory=directory, state=state, secrets=secrets) as session:
        if at is not None:
            now = read_time(at, "--now")
            session.clock = lambda: now
        source = session.read_files() if worktree else session.read_narrowly(ref)
        seen = _see_between(session, source, base) if base is not None else _see(session, source)
        if not worktree:
            tell_differing_files(session, source)
    planned = seen.planned
    tell_problems(planned.problems)
    tell_unavailable(planned)
    if save is not None:
        write_result(json_text(plan_document(planned.plan, seen.facts, now=seen.now, by_hand=seen.by_hand)), save)
    write_result(_render(seen, format_, color=wants_color(color) if out is None else color == "always"), out)
    if exit_code and any(left.steps for left in seen.by_hand):
        tell("What is left to a person does not count for --exit-code; `reconciler drift --exit-code` counts it.")
    has_changes = any(change.action is not Action.HELD for change in planned.plan.changes)
    return first_of(
        [
            ExitCode.INVALID if planned.has_errors else ExitCode.DONE,
            ExitCode.COULD_NOT if planned.unavailable else ExitCode.DONE,
            ExitCode.CHANGES if exit_code and has_changes else ExitCode.DONE,
        ]
    )


def _see(session: Session, source: CommitState) -> Seen:
    world = session.world(source)
    planned = plan_commit(world, source)
    now = session.clock()
    facts = judge_planned(world, planned, now=now)
    return Seen(planned=planned, facts=facts, now=now, by_hand=left_to_a_person(world, planned.plan))


def _see_between(session: Session, source: CommitState, base: str) -> Seen:
    from reconciler.loop.compare import compare_commits, find_base, read_base

    now = session.clock()
    head = source.commit or session.repository.resolve("HEAD").sha
    commit = find_base(session.repository, base, head=head)
    before = read_base(commit, session.read_beside)
    if before is not None and before.known is not None and source.known is None and source.commit and not source.errors:
        source = session.read_beside(source.commit)  # it was read whole, and is known by now
    planned = compare_commits(before, source, now=now)
    facts = judge_plan(planned.plan, now=now, known=known_of_commits(planned))
    return Seen(planned=planned, facts=facts, now=now, base=commit)


def _render(seen: Seen, format_: str, *, color: bool) -> str:
    plan, facts = seen.planned.plan, seen.facts
    if format_ == "json":
        from reconciler.planning.renderings.document import render_json

        return render_json(plan_document(plan, facts, now=seen.now, base=seen.base, by_hand=seen.by_hand))
    if format_ == "jsonl":
        from reconciler.planning.renderings.document import render_jsonl

        return render_jsonl(plan, facts, now=seen.now, base=seen.base, by_hand=seen.by_hand)
    if format_ in {"markdown", "html"}:
        from reconciler.planning.renderings.html import render_html
        from reconciler.planning.renderings.markdown import render_markdown

        render = render_markdown if format_ == "markdown" else render_html
        problems, unavailable = seen.planned.problems, seen.planned.unavailable
        return render(
            plan,
            facts,
            now=seen.now,
            problems=problems,
            unavailable=unavailable,
            base=seen.base,
            by_hand=seen.by_hand,
        )
    from reconciler.planning.renderings.text import render_plan

    return render_plan(plan, facts, by_hand=seen.by_hand, color=color)


def tell_unavailable(planned: Planned) -> None:
    """Say which targets could not be read: their changes wait, and what drifted there is not known."""
    for target, why in planned.unavailable.items():
        warn(f"{target}: could not be read: {why}; its changes wait")


def tell_differing_files(session: Session, source: CommitState) -> None:
    """Say how many files of the work tree differ from the commit that was read instead."""
    if session.repository.is_bare:
        return
    if number := session.repository.changed_files(source.settings.definitions):
        what = "1 file differs" if number == 1 else f"{number} files differ"
        tell(f"Read at commit {source.commit[:12]}: {what} from it in the work tree and counts only when committed.")
