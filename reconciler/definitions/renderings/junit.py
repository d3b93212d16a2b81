"""Problems as JUnit XML: one test case per problem, errors are failures; with nothing wrong, one case that passes."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from reconciler.definitions.renderings.lines import full_message, problem_line
from reconciler.model.problem import Problem, Severity
from reconciler.model.text import escape_text

_NAME = "reconciler validate"


def render_junit(problems: Sequence[Problem]) -> str:
    """Return a document that every reader of JUnit files takes; XML's forbidden characters are escaped before."""
    failures = sum(problem.severity is Severity.ERROR for problem in problems)
    counts = {"tests": str(max(len(problems), 1)), "failures": str(failures), "errors": "0", "skipped": "0"}
    root = Element("testsuites", {"name": _NAME, **counts})
    suite = SubElement(root, "testsuite", {"name": _NAME, **counts})
    if not problems:
        SubElement(suite, "testcase", {"classname": _NAME, "name": "definitions"})
    for problem in problems:
        _add_case(suite, problem)
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _add_case(suite: Element, problem: Problem) -> None:
    name = f"{problem.code} {problem.json_path}".rstrip()
    attributes = {
        "classname": escape_text(problem.path),
        "name": escape_text(name),
        "file": escape_text(problem.path),
        "line": str(max(problem.line, 1)),
    }
    case = SubElement(suite, "testcase", attributes)
    text = f"{problem_line(problem)}\n{full_message(problem)}"
    if problem.severity is Severity.ERROR:
        failure = SubElement(case, "failure", {"message": escape_text(problem.message), "type": problem.code})
        failure.text = text
    else:
        SubElement(case, "system-out").text = text
