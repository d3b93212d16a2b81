"""Problems for a terminal: the line, where wanted the source with a caret below, the way out indented."""

from collections.abc import Callable, Iterable, Sequence

from reconciler.definitions.renderings.excerpt import Excerpts
from reconciler.definitions.renderings.lines import problem_line, safe_line
from reconciler.model.problem import Problem, Severity

SourceLookup = Callable[[str], str | None]
"""Returns the text of a file by its path, or None."""

_COLORS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.INFORMATION: "36"}


def render_text(problems: Sequence[Problem], *, source_of: SourceLookup | None = None, color: bool = False) -> str:
    """Return one problem after the other; with ``source_of`` the line in question and a caret under the place."""
    excerpts = Excerpts(problems, source_of) if source_of is not None else None
    return "".join(f"{line}\n" for problem in problems for line in _lines(problem, excerpts, color=color))


def _lines(problem: Problem, excerpts: Excerpts | None, *, color: bool) -> Iterable[str]:
    line = problem_line(problem)
    yield _paint(line, problem, color=color)
    if excerpts is not None:
        for index, excerpt in enumerate(excerpts.of(problem)):
            is_caret = index == 1
            yield f"\x1b[{_COLORS[problem.severity]}m{excerpt}\x1b[0m" if color and is_caret else excerpt
    for hint in problem.hint.splitlines():
        yield f"  {safe_line(hint)}"


def _paint(line: str, problem: Problem, *, color: bool) -> str:
    """Color the code: the rest of the line stays as it is, so that it can be read on any background."""
    if not color:
        return line
    before, code, after = line.partition(f": {problem.code}")
    return f"{before}: \x1b[1;{_COLORS[problem.severity]}m{code[2:]}\x1b[0m{after}"
