"""`reconciler explain`: what a code means, and the way out."""

from collections.abc import Iterator
from typing import Any

import click

from reconciler.cli.completing import complete_code
from reconciler.cli.options import format_option, verb
from reconciler.cli.output import echo_json
from reconciler.definitions.catalogue.entry import Code
from reconciler.definitions.codes import all_codes, code_of
from reconciler.definitions.reference import example_files, problems_page
from reconciler.model.errors import UsageError


@verb(
    "explain",
    examples="""
    reconciler explain CRON004
    reconciler explain new-secret     # a mark of a plan; GUARD001 is a guard
    reconciler explain                # all codes
    """,
)
@click.argument("code", required=False, shell_complete=complete_code)
@format_option("text", "json", "markdown")
def command(*, directory: str | None, code: str | None, format_: str) -> int:  # noqa: ARG001 - needs no repository
    """Explain the CODE of a problem, with a bad and a good example, a guard or a mark of a plan; or list all codes."""
    if code is not None and format_ != "markdown" and (told := _of_plans(code)) is not None:
        if format_ == "json":
            echo_json(told)
        else:
            click.echo("\n".join(_plan_lines(told)))
        return 0
    entries = [code_of(code)] if code is not None else list(all_codes().values())
    if format_ == "markdown":
        if code is not None:
            raise UsageError("--format markdown is the page of all codes", hint="Leave the code out.")
        click.echo(problems_page(), nl=False)
    elif format_ == "json":
        documents = [_document(entry) for entry in entries]
        echo_json(documents[0] if code is not None else documents)
    elif code is not None:
        for line in _lines(entries[0]):
            click.echo(line)
    else:
        for entry in entries:
            click.echo(f"{entry.code:<10}{entry.severity.value:<13}{entry.title}")
    return 0


def _of_plans(code: str) -> dict[str, Any] | None:
    """Return what is known of a mark or a guard; None where the code is neither."""
    from reconciler.planning.judgement_catalogue import GUARDS, MARKS

    entry = MARKS.get(code.lower()) or GUARDS.get(code.upper())
    if entry is None:
        return None
    name = code.lower() if code.lower() in MARKS else code.upper()
    return {"code": name, "levels": entry.levels, "title": entry.title, "explanation": entry.explanation}


def _plan_lines(told: dict[str, Any]) -> Iterator[str]:
    from textwrap import wrap

    what = f"mark of a plan: {' or '.join(told['levels'])}" if told["levels"] else "guard of a plan"
    yield f"{told['code']}: {told['title']} ({what})"
    yield ""
    yield from (f"  {line}" for line in wrap(told["explanation"], 90))


def _document(entry: Code) -> dict[str, Any]:
    return {
        "code": entry.code,
        "severity": entry.severity,
        "title": entry.title,
        "explanation": entry.explanation,
        "bad": dict(example_files(entry.bad)),
        "good": dict(example_files(entry.good)),
    }


def _lines(entry: Code) -> Iterator[str]:
    from textwrap import wrap

    yield f"{entry.code}: {entry.title} ({entry.severity.value})"
    yield ""
    yield from (f"  {line}" for line in wrap(entry.explanation, 90))
    for title, example in (("Bad", entry.bad), ("Good", entry.good)):
        for name, text in example_files(example):
            yield from ("", f"{title}, {name}:", "")
            yield from (f"    {line}".rstrip() for line in text.rstrip("\n").split("\n"))
