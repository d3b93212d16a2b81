"""A problem as one line, safe to print anywhere."""

from reconciler.model.problem import Problem, Severity
from reconciler.model.text import escape_commands, escape_text


def problem_line(problem: Problem) -> str:
    """Return ``path:line:column: CODE json.path: message``; editors jump to it.

    A problem of a whole file stands at 1:1; what is no error begins its message with ``warning:`` or ``note:``.
    """
    where = f"{escape_text(problem.path)}:{max(problem.line, 1)}:{max(problem.column, 1)}"
    what = f"{problem.code} {escape_text(problem.json_path)}".rstrip()
    return safe_line(f"{where}: {what}: {severity_words(problem.severity)}{problem.message}")


def safe_line(text: str) -> str:
    """Return ``text`` as one line that no terminal and no CI runner takes for a command."""
    return escape_commands(escape_text(text))


def severity_words(severity: Severity) -> str:
    return {Severity.ERROR: "", Severity.WARNING: "warning: ", Severity.INFORMATION: "note: "}[severity]


def full_message(problem: Problem) -> str:
    """Return message and hint, escaped, on lines of their own."""
    lines = [problem.message, *problem.hint.splitlines()]
    return "\n".join(safe_line(line) for line in lines)
