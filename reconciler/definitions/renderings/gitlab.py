"""Problems as a GitLab Code Quality report. Source: GitLab, "Code Quality: report format"."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from reconciler.definitions.renderings.lines import full_message
from reconciler.model.problem import Problem, Severity

_SEVERITIES = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.INFORMATION: "info"}


def render_gitlab(problems: Sequence[Problem]) -> str:
    """Return the report; a fingerprint is the same for the same problem on another line."""
    seen: Counter[str] = Counter()
    return json.dumps([_issue(problem, seen) for problem in problems], indent=2) + "\n"


def _issue(problem: Problem, seen: Counter[str]) -> dict[str, Any]:
    where = f"{problem.json_path}: " if problem.json_path else ""
    return {
        "description": where + full_message(problem),
        "check_name": problem.code,
        "fingerprint": fingerprint_of(problem, seen),
        "severity": _SEVERITIES[problem.severity],
        "location": {"path": problem.path, "lines": {"begin": max(problem.line, 1)}},
    }


def fingerprint_of(problem: Problem, seen: Counter[str]) -> str:
    """Return what tells this problem from others without its line; ``seen`` counts those that are the same."""
    content = "\0".join((problem.code, problem.path, problem.json_path, problem.message))
    seen[content] += 1
    return hashlib.sha256(f"{content}\0{seen[content]}".encode(errors="surrogateescape")).hexdigest()
