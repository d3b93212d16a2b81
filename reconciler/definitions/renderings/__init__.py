"""Problems as people and other programs read them: one file per format, each a function from values to text.

Whatever comes from a file is escaped: nothing in a definition can move a cursor, turn text around, or be taken for a
command by the program that reads the output.
"""

from collections.abc import Callable, Mapping, Sequence

from reconciler.definitions.renderings.github import render_github
from reconciler.definitions.renderings.gitlab import render_gitlab
from reconciler.definitions.renderings.json import render_json, render_jsonl
from reconciler.definitions.renderings.junit import render_junit
from reconciler.definitions.renderings.sarif import render_sarif
from reconciler.definitions.renderings.text import SourceLookup, render_text
from reconciler.model.problem import Problem

__all__ = [
    "RENDERINGS",
    "SourceLookup",
    "render_github",
    "render_gitlab",
    "render_json",
    "render_jsonl",
    "render_junit",
    "render_sarif",
    "render_text",
]

RENDERINGS: Mapping[str, Callable[[Sequence[Problem]], str]] = {
    "text": render_text,
    "json": render_json,
    "jsonl": render_jsonl,
    "github": render_github,
    "gitlab": render_gitlab,
    "sarif": render_sarif,
    "junit": render_junit,
}
"""Each rendering by the word for ``--format``; they end with a line break unless there is nothing to say."""
