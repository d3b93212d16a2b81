"""Whole files: the valid ones load without a word, the invalid ones give the text beside them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry
from support.definitions import PROVIDERS

from reconciler.definitions.folder import read_folder
from reconciler.definitions.json_reader import read_json
from reconciler.definitions.load import load_definitions
from reconciler.definitions.renderings import render_text
from reconciler.definitions.schemas import schema_of
from reconciler.definitions.yaml_reader import read_yaml
from reconciler.model.forms import Kind
from reconciler.model.settings import Settings

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "tests" / "examples"
INVALID = sorted(path for path in (EXAMPLES / "invalid").rglob("*") if path.suffix in {".yaml", ".json"})
NOW = datetime(2026, 1, 10, tzinfo=UTC)


def load_folder(root):
    tree = read_folder(EXAMPLES, root=root)
    return load_definitions(tree, settings=Settings(), providers=PROVIDERS, now=NOW)


def source_of(path):
    return (EXAMPLES / path).read_text(encoding="utf-8")


def test_the_valid_examples_load_without_a_word():
    loaded = load_folder("valid")
    assert render_text(loaded.problems) == ""
    assert loaded.desired.complete
    assert sorted(loaded.desired.jobs) == ["backup-db", "clear-temp-files", "once", "say-hello"]


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_an_invalid_example_gives_the_text_beside_it(path):
    problems = [problem for problem in load_folder("invalid").problems if Path(problem.path).name == path.name]
    text = render_text(problems, source_of=source_of)
    assert text == path.with_suffix(".txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "path",
    sorted(
        path
        for folder in (EXAMPLES / "valid", ROOT / "definitions")
        for path in folder.rglob("*")
        if path.suffix in {".yaml", ".json"}
    ),
    ids=lambda path: path.name,
)
def test_an_editor_that_knows_the_schema_has_nothing_to_say(path):
    """The schemas are for editors too, so they hold for files as they are written."""
    kind = next(kind for kind in Kind if kind.folder in path.parts)
    text = path.read_text(encoding="utf-8")
    value = (read_json if path.suffix == ".json" else read_yaml)(text).value
    validator = Draft202012Validator(schema_of(kind.value), registry=Registry())
    assert [error.json_path for error in validator.iter_errors(value)] == []
