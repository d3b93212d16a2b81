"""The catalogue of codes: complete, and its examples are true."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.definitions import PROVIDERS, tree_of

from reconciler.definitions.codes import all_codes, code_of
from reconciler.definitions.load import load_definitions
from reconciler.definitions.settings import read_settings
from reconciler.model.errors import UsageError
from reconciler.targets.registry import provider_rules

PACKAGE = Path(__file__).parents[2] / "reconciler"
# Guards hold back plans; they are no problems of definitions.
IN_SOURCE = re.compile(r'"((?!GUARD)[A-Z]{2,6}[0-9]{3})"')
RULES = {**PROVIDERS, **provider_rules()}
NOW = datetime(2026, 1, 10, tzinfo=UTC)


def problems_of(example):
    settings, problems = read_settings(example.settings.encode() if example.settings is not None else None)
    tree = tree_of(example.files, modes=example.modes)
    return [*problems, *load_definitions(tree, settings=settings, providers=RULES, now=NOW).problems]


OTHER_WORDS = {"RS256"}
"""Looks like a code, and is how GitHub wants its tokens signed."""
BY_FILES = [entry for entry in all_codes().values() if not (entry.needs_state or entry.needs_host)]


@pytest.mark.parametrize("entry", BY_FILES, ids=lambda entry: entry.code)
def test_the_bad_example_has_the_code_and_the_good_one_does_not(entry):
    expected = entry.told_as or entry.code
    bad = {problem.code: problem.severity for problem in problems_of(entry.bad)}
    assert expected in bad
    assert entry.told_as or bad[expected] is entry.severity
    assert not {entry.code, expected} & {problem.code for problem in problems_of(entry.good)}


def test_every_code_in_the_source_is_in_the_catalogue_and_the_other_way_round():
    rooms = [path for path in PACKAGE.rglob("*.py") if "catalogue" not in path.parts]
    used = {name for path in rooms for name in IN_SOURCE.findall(path.read_text(encoding="utf-8"))}
    assert used - OTHER_WORDS == set(all_codes())


def test_each_entry_has_words():
    for entry in all_codes().values():
        assert len(entry.title) <= 60
        assert entry.explanation.endswith(".")


def test_a_code_is_found_in_any_case():
    assert code_of(" cron004 ").title == "A value outside its field"


def test_an_unknown_code_is_told_with_the_one_that_was_meant():
    with pytest.raises(UsageError, match=r"no code `CRON04`; did you mean `CRON004`\?"):
        code_of("CRON04")
