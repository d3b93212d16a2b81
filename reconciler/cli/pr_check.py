"""`reconciler pr check`: the check of a pull request, where its code may not be trusted."""

import os

import click

from reconciler.cli.bounds import bounded
from reconciler.cli.exits import ExitCode
from reconciler.cli.options import ref_option, verb
from reconciler.cli.output import tell, write_result
from reconciler.cli.problems import count_words
from reconciler.cli.session import open_session
from reconciler.model.errors import UsageError

FORMATS = ("text", "json", "github", "gitlab")


@verb(
    "check",
    examples="""
    reconciler pr check                              # in a workflow or pipeline: it says which pull request
    reconciler pr check --base origin/main --out review.json
    reconciler pr comment --review review.json
    """,
)
@ref_option
@click.option("--base", metavar="REF", help="What it is to be merged into.  [default: as the pipeline says]")
@click.option("--number", type=click.IntRange(1, 10**9 - 1), help="The pull request.  [default: as the pipeline says]")
@click.option("--head", metavar="SHA", help="Its newest commit.  [default: as the pipeline says, else --ref]")
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS, case_sensitive=False),
    help="How problems are written.  [default: text; in GitHub Actions: github]",
)
@click.option("--out", metavar="FILE", default="review.json", show_default=True, help="Where the review is written.")
@click.option(
    "--cpu-seconds", type=click.IntRange(0, 10**6), default=60, show_default=True, help="Of processor time; 0: any."
)
@click.option("--memory-mb", type=click.IntRange(0, 10**6), default=512, show_default=True, help="Of memory; 0: any.")
def check_command(
    *,
    directory: str | None,
    ref: str,
    base: str | None,
    number: int | None,
    head: str | None,
    format_: str | None,
    out: str,
    cpu_seconds: int,
    memory_mb: int,
) -> int:
    """Check what a pull request declares, and write what merging it would change, for `pr comment` to show.

    Reads the two commits and nothing else: nothing of the pull request is run, and no state or target is asked.  In
    GitHub Actions problems are annotations, the plan is the summary of the job, and `changes`, `digest`, `outcome` and
    `errors` are outputs.  Exits with 3 when there is an error in the definitions.
    """
    from reconciler.definitions.renderings import RENDERINGS, render_github
    from reconciler.loop.check import base_of, check_pull_request
    from reconciler.reports.forge.pipeline import append_line_file, append_summary, read_pipeline
    from reconciler.reports.forge.review import encode_review
    from reconciler.reports.forge.sticky import MARKER

    asked = read_pipeline(os.environ)
    number = number or asked.number
    if not number:
        hint = "Give --number N. To look at a branch without a pull request: reconciler plan --base REF"
        raise UsageError("the number of the pull request is not known", hint=hint)
    with open_session(directory=directory) as session, bounded(cpu_seconds=cpu_seconds, memory_mb=memory_mb):
        repository = session.repository
        head = repository.resolve(head).sha if head else asked.head
        base = base or base_of(repository, ref, head=head, base=asked.base)
        checked = check_pull_request(repository, ref=ref, base=base, number=number, head=head, now=session.clock())
    review = checked.review
    write_result(encode_review(review).decode(), out)
    format_ = format_ or ("github" if os.environ.get("GITHUB_ACTIONS") == "true" else "text")
    if format_ == "github":
        words = render_github(checked.problems, is_touched=lambda problem: problem.path in checked.touched)
    else:
        words = RENDERINGS[format_](checked.problems)
    write_result(words, None)
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        append_summary(path, review.comment.removeprefix(MARKER).lstrip())
    if path := os.environ.get("GITHUB_OUTPUT"):
        values = {"outcome": review.outcome.value, "digest": review.digest}
        append_line_file(path, values | {"changes": str(review.changes), "errors": str(review.errors)})
    tell(f"{review.sentence()}; {count_words(checked.problems)}.")
    return ExitCode.INVALID if review.errors else ExitCode.DONE
