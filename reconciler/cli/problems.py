"""Problems and their sum, as text."""

from collections.abc import Sequence

import click

from reconciler.cli.output import tell
from reconciler.model.problem import Problem, Severity


def echo_problems(problems: Sequence[Problem], *, err: bool = True) -> None:
    from reconciler.definitions.renderings.text import render_text

    click.echo(render_text(problems), nl=False, err=err)


def count_words(problems: Sequence[Problem]) -> str:
    """Return ``3 problems in 2 files`` with warnings and notes counted apart."""
    if not problems:
        return "no problems"
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    warnings = [problem for problem in problems if problem.severity is Severity.WARNING]
    notes = len(problems) - len(errors) - len(warnings)
    counts = ((len(errors), "problem"), (len(warnings), "warning"), (notes, "note"))
    parts = [plural(number, word) for number, word in counts if number]
    return f"{', '.join(parts)} in {plural(len({problem.path for problem in problems}), 'file')}"


def plural(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def tell_problems(problems: Sequence[Problem]) -> None:
    """Say the problems beside the data of another verb."""
    if problems:
        echo_problems(problems)
        tell(f"{count_words(problems)}.")
