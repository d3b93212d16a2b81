"""Problems as JSON; characters outside ASCII are escapes, so nothing in it can act on a terminal."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from reconciler.model.problem import Problem, Severity

SCHEMA_VERSION = 1


def render_json(problems: Sequence[Problem]) -> str:
    """Return one object: ``schemaVersion``, ``summary`` (errors, warnings, information, files) and ``problems``."""
    document = {
        "schemaVersion": SCHEMA_VERSION,
        "summary": summary_of(problems),
        "problems": [problem_document(problem) for problem in problems],
    }
    return json.dumps(document, indent=2) + "\n"


def render_jsonl(problems: Sequence[Problem]) -> str:
    """Return one problem per line."""
    return "".join(json.dumps(problem_document(problem)) + "\n" for problem in problems)


def problem_document(problem: Problem) -> dict[str, Any]:
    """Return a problem as the API, too, shows it."""
    document: dict[str, Any] = msgspec.to_builtins(problem)
    return document


def summary_of(problems: Sequence[Problem]) -> dict[str, int]:
    """Return how many problems there are of each severity, and in how many files."""
    counts = Counter(problem.severity for problem in problems)
    return {
        "errors": counts[Severity.ERROR],
        "warnings": counts[Severity.WARNING],
        "information": counts[Severity.INFORMATION],
        "files": len({problem.path for problem in problems}),
    }
