"""Codes and fields explained: on the command line, and on the pages that are made of the same source."""

from pathlib import Path

import pytest

from reconciler.cli.main import run_cli
from reconciler.definitions.codes import all_codes
from reconciler.definitions.reference import definitions_page, family_of, problems_page
from reconciler.definitions.schemas import schema_of

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(("name", "page"), [("problems.md", problems_page), ("definitions.md", definitions_page)])
def test_a_generated_page_is_current(name, page):
    """`make docs` writes them."""
    assert (DOCS / name).read_text(encoding="utf-8") == page()


def test_the_page_of_problems_has_each_code_and_a_title_for_each_family():
    page = problems_page()
    for entry in all_codes().values():
        assert f"### {entry.code}\n" in page
        assert f"## {family_of(entry)}\n" not in page


@pytest.mark.parametrize("kind", ["job", "component", "target", "run"])
def test_the_page_of_definitions_has_each_field(kind):
    page = definitions_page()
    parts = [schema_of(kind), *(part for part in schema_of(kind)["$defs"].values() if "properties" in part)]
    for part in parts:
        for name in part["properties"]:
            assert f"| `{name}` |" in page or name == "secret"


def test_nothing_on_the_pages_can_hide():
    for page in (problems_page(), definitions_page()):
        assert all(char == "\n" or char.isprintable() for char in page)


@pytest.mark.parametrize("code", list(all_codes()))
def test_each_code_is_explained(code, capsys):
    assert run_cli(["explain", code]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"{code}: ")
    assert "\nBad, " in text
    assert "\nGood, " in text
    assert all(char == "\n" or char.isprintable() for char in text)


def test_without_a_code_all_are_listed(capsys):
    assert run_cli(["explain"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(all_codes())


def test_an_unknown_code_is_met_with_the_one_that_was_meant(capsys):
    assert run_cli(["explain", "CRON04"]) == 64
    assert "did you mean `CRON004`?" in capsys.readouterr().err


def test_a_code_as_json(project):
    document = project.call("explain", "cron004", "--format", "json").json
    assert document["code"] == "CRON004"
    assert document["bad"].keys() == {"jobs/backup.yaml"}


def test_marks_and_guards_of_plans_are_explained(capfd):
    assert run_cli(["explain", "new-secret"]) == 0
    assert capfd.readouterr().out.startswith("new-secret: new secret reference (mark of a plan: danger)\n")
    assert run_cli(["explain", "guard001"]) == 0
    assert capfd.readouterr().out.startswith("GUARD001: too many deletions (guard of a plan)\n")
    assert run_cli(["explain", "soon", "--format", "json"]) == 0
    assert '"levels": ["danger"]' in " ".join(capfd.readouterr().out.split()).replace("[ ", "[").replace(" ]", "]")
