"""Problems as SARIF 2.1.0, as GitHub code scanning and editors read it.

Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0".
"""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from reconciler import __version__
from reconciler.definitions.codes import all_codes
from reconciler.definitions.renderings.gitlab import fingerprint_of
from reconciler.definitions.renderings.lines import full_message
from reconciler.model.problem import Problem, Severity

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFORMATION: "note"}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def render_sarif(problems: Sequence[Problem]) -> str:
    """Return a log of one run; its rules are the codes that occur."""
    codes = sorted({problem.code for problem in problems})
    indices = {code: index for index, code in enumerate(codes)}
    seen: Counter[str] = Counter()
    run = {
        "tool": {"driver": {"name": "reconciler", "version": __version__, "rules": [_rule(code) for code in codes]}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(problem, indices[problem.code], seen) for problem in problems],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(code: str) -> dict[str, Any]:
    entry = all_codes().get(code)
    if entry is None:
        return {"id": code}
    return {
        "id": code,
        "shortDescription": {"text": entry.title},
        "fullDescription": {"text": entry.explanation},
        "help": {"text": f"{entry.explanation} More: reconciler explain {code}"},
        "defaultConfiguration": {"level": _LEVELS[entry.severity]},
    }


def _result(problem: Problem, rule_index: int, seen: Counter[str]) -> dict[str, Any]:
    where = f"{problem.json_path}: " if problem.json_path else ""
    location: dict[str, Any] = {"physicalLocation": _physical(problem)}
    if problem.json_path:
        location["logicalLocations"] = [{"fullyQualifiedName": problem.json_path, "kind": "member"}]
    return {
        "ruleId": problem.code,
        "ruleIndex": rule_index,
        "level": _LEVELS[problem.severity],
        "message": {"text": where + full_message(problem)},
        "locations": [location],
        "partialFingerprints": {"problem/v1": fingerprint_of(problem, seen)},
    }


def _physical(problem: Problem) -> dict[str, Any]:
    """Return file and region; a problem of a whole file has no region."""
    path = problem.path.encode(errors="surrogateescape")
    physical: dict[str, Any] = {"artifactLocation": {"uri": quote(path), "uriBaseId": "%SRCROOT%"}}
    if problem.line:
        region = {"startLine": problem.line, "startColumn": max(problem.column, 1)}
        if problem.end_line:
            region |= {"endLine": problem.end_line, "endColumn": max(problem.end_column, 1)}
        physical["region"] = region
    return physical
