"""Every row of the fault catalogue about processes, storage, networks and children has a test that bears its name."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NAME = re.compile(r"^def test_((?:[a-z]+\d+_)+)|\bid=\"([A-Z]\d+)-", re.MULTILINE)
COUNTS = (("P", 16), ("S", 12), ("R", 18), ("C", 14))
ROWS = [f"{group}{number}" for group, count in COUNTS for number in range(1, count + 1)]


@pytest.fixture(scope="module")
def named():
    texts = [path.read_text(encoding="utf-8") for path in HERE.rglob("test_*.py")]
    found = [match for text in texts for match in NAME.findall(text)]
    return {word.upper() for words, row in found for word in [*words.split("_"), row] if word}


@pytest.mark.parametrize("row", ROWS)
def test_a_row_has_its_test(named, row):
    assert row in named
