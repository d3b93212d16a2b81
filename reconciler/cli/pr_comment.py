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
    """Write or edit the one comment of a pull request, and set the status `reconciler/plan` of its head.

    The token is GITHUB_TOKEN or RECONCILER_GITLAB_TOKEN.  With --run nothing that the check left is trusted: its size
    is limited, and it is refused when it holds what our plans do not.  Whichever run is named, the newest one for the
    pull request's head counts.
    """
    if (run is None) == (review is None):
        raise UsageError("what the comment says is not clear", hint="Give either --run or --review.")
    posted = _post(run, _read(Path(directory or "."), review), provider, repository or "", author=author)
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
    run: int | None, review: "Review | None", provider: str | None, repository: str, *, author: str
) -> "list[Posted]":
    from reconciler.reports.forge.opening import (
        ForgeName,
        forge_of,
        open_github,
        open_gitlab,
        repository_of,
        token_of,
        url_of_check,
    )
    from reconciler.reports.forge.posting import post_for_run, post_review

    forge = ForgeName(provider) if provider else forge_of(os.environ)
    name, token = repository_of(forge, os.environ, repository), token_of(forge, os.environ)
    url = url_of_check(os.environ)
    if forge is ForgeName.GITHUB:
        with open_github(name, token=token, environment=os.environ, author=author) as github:
            if review is None:
                return post_for_run(github, run or 0, sleep=time.sleep)
            posted = post_review(github, review, url=url, sleep=time.sleep)
    elif review is None:
        raise UsageError(
            "--run is for GitHub", hint="Give --review FILE, as `reconciler pr check --out FILE` wrote it."
        )
    else:
        with open_gitlab(name, token=token, environment=os.environ) as gitlab:
            posted = post_review(gitlab, review, url=url, sleep=time.sleep)
    return [posted] if posted is not None else []


def _read(directory: Path, name: str | None) -> "Review | None":
    if name is None:
        return None
    from reconciler.reports.forge.review import LARGEST_FILE, UnfitReview, decode_review

    try:
        with (directory / name).open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise CouldNot(f"cannot read {name}: {error.strerror}", hint="Check --review.") from None
    try:
        return decode_review(data)
    except UnfitReview as error:
        raise UnfitReview(f"{name} is refused: {error}", hint="Write it with: reconciler pr check --out FILE") from None
