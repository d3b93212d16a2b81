"""Problems as GitHub annotations: workflow commands, as many as GitHub shows, then plain lines.

Source: GitHub, "Workflow commands for GitHub Actions" and its limit of 10 annotations of each kind per step.
"""

from collections import Counter
from collections.abc import Callable, Sequence

from reconciler.definitions.renderings.lines import full_message, problem_line, safe_line
from reconciler.model.problem import Problem, Severity

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFORMATION: "notice"}
_SHOWN_PER_KIND = 10


def render_github(problems: Sequence[Problem], *, is_touched: Callable[[Problem], bool] | None = None) -> str:
    """Return annotations for the first problems of each kind, those on lines that the change touched before others."""
    ordered = sorted(problems, key=lambda problem: is_touched is not None and not is_touched(problem))
    shown: Counter[Severity] = Counter()
    commands: list[Problem] = []
    rest: list[Problem] = []
    for problem in ordered:
        shown[problem.severity] += 1
        (commands if shown[problem.severity] <= _SHOWN_PER_KIND else rest).append(problem)
    lines = [_command(problem) for problem in commands]
    lines += [problem_line(problem) for problem in sorted(rest, key=lambda problem: problem.sort_key)]
    return "".join(f"{line}\n" for line in lines)


def _command(problem: Problem) -> str:
    properties = {"file": safe_line(problem.path), "title": problem.code}
    if problem.line:
        properties |= {"line": str(problem.line), "col": str(problem.column)}
        if problem.end_line:
            properties["endLine"] = str(problem.end_line)
        if problem.end_line == problem.line:
            properties["endColumn"] = str(problem.end_column)
    joined = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    where = f"{problem.json_path}: " if problem.json_path else ""
    return f"::{_COMMANDS[problem.severity]} {joined}::{_data(safe_line(where) + full_message(problem))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
