"""`reconciler pr comment`: the one comment of a pull request, and the status of its head."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.exits import ExitCode
from reconciler.cli.options import format_option, verb
from reconciler.cli.output import echo_json, tell
from reconciler.model.errors import CouldNot, UsageError
from reconciler.model.text import escape_text

if TYPE_CHECKING:
    from reconciler.reports.forge.posting import Posted
    from reconciler.reports.forge.review import Review
    from reconciler.reports.forge.values import CommentForge


@verb(
    "comment",
    examples="""
    reconciler pr comment --run 1234567890                    # GitHub: what that run of the check found
    reconciler pr comment --review review.json                # what `pr check` just wrote
    reconciler pr comment --provider gitlab --review review.json
    """,
)
@click.option("--run", type=click.IntRange(min=1), metavar="ID", help="The run of the workflow that made the check.")
@click.option("--review", metavar="FILE", help="What `reconciler pr check` wrote, by code that is trusted.")
@click.option(
    "--provider",
    type=click.Choice(["github", "gitlab"]),
    help="Where the repository is.  [default: that of the pipeline, else github]",
)
@click.option("--repository", metavar="NAME", help="OWNER/NAME, or a GitLab project.  [default: that of the pipeline]")
@click.option(
    "--author",
    metavar="LOGIN",
    envvar="RECONCILER_AUTHOR",
    default="github-actions[bot]",
    show_default=True,
    help="Who GitHub says writes with this token.",
)
@format_option("text", "json")
def comment_command(
    *,
    directory: str | None,
    run: int | None,
    review: str | None,
    provider: str | None,
    repository: str | None,
    author: str,
    format_: str,
) -> int:
    """Write or edit the one comment of a pull request; with --run also the status `reconciler/plan` of its head.

    The token is GITHUB_TOKEN or RECONCILER_GITLAB_TOKEN.  Nothing that the check left is trusted: its size is limited,
    and it is refused when it holds what our plans do not.  Whichever run is named, the newest one for the pull
    request's head counts.
    """
    if (run is None) == (review is None):
        raise UsageError("what the comment says is not clear", hint="Give either --run or --review.")
    file = Path(directory or ".") / review if review else None
    posted = _post(run, file, provider, repository or "", author=author)
    if format_ == "json":
        echo_json(posted)
    for item in posted if format_ == "text" else ():
        click.echo(f"#{item.number} {item.head[:12]}: {item.sentence}")
        if item.url:
            click.echo(f"  {escape_text(item.url)}")
    if not posted:
        tell("Nothing to say: no open pull request asks for this commit now, or its check has not ended.")
    return ExitCode.DONE


def _post(
    run: int | None, review: Path | None, provider: str | None, repository: str, *, author: str
) -> "list[Posted]":
    from reconciler.reports.forge.opening import (
        ForgeName,
        forge_of,
        open_github,
        open_gitlab,
        repository_of,
        token_of,
    )
    from reconciler.reports.forge.posting import post_for_run

    forge = ForgeName(provider) if provider else forge_of(os.environ)
    name, token = repository_of(forge, os.environ, repository), token_of(forge, os.environ)
    if forge is ForgeName.GITHUB:
        with open_github(name, token=token, environment=os.environ, author=author) as github:
            return _post_review(github, review) if review else post_for_run(github, run or 0, sleep=time.sleep)
    if review is None:
        raise UsageError(
            "--run is for GitHub", hint="Give --review FILE, as `reconciler pr check --out FILE` wrote it."
        )
    with open_gitlab(name, token=token, environment=os.environ) as gitlab:
        return _post_review(gitlab, review)


def _post_review(forge: "CommentForge", file: Path) -> "list[Posted]":
    from reconciler.reports.forge.opening import url_of_check
    from reconciler.reports.forge.pipeline import read_pipeline
    from reconciler.reports.forge.posting import post_review

    asked, review = read_pipeline(os.environ), _read(file)
    number = review.pull_request if review is not None else asked.number
    head = review.head if review is not None else asked.head
    if not (number and head):
        raise CouldNot(f"cannot read {file}: there is no such file", hint="Write it: reconciler pr check --out FILE")
    posted = post_review(forge, review, number=number, head=head, url=url_of_check(os.environ), sleep=time.sleep)
    return [posted] if posted is not None else []


def _read(file: Path) -> "Review | None":
    """Return what the check wrote, None where it wrote nothing."""
    from reconciler.reports.forge.review import LARGEST_FILE, UnfitReview, decode_review

    try:
        with file.open("rb") as opened:
            data = opened.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CouldNot(f"cannot read {file}: {error.strerror}", hint="Check --review.") from None
    try:
        return decode_review(data)
    except UnfitReview as error:
        raise UnfitReview(f"{file} is refused: {error}", hint="Write it: reconciler pr check --out FILE") from None
