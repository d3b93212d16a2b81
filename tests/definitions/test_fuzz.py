"""Mutated files: whatever they hold, there is an answer, and what is accepted can be loaded again."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.definitions import PROVIDERS, tree_of

from reconciler.definitions.checked import _check_carefully, _check_quickly, check_file
from reconciler.definitions.load import load_definitions
from reconciler.definitions.renderings import RENDERINGS, render_text
from reconciler.definitions.source import read_text
from reconciler.model.forms import Kind, decode_form, encode_form
from reconciler.model.problem import Severity
from reconciler.model.settings import Settings

VALID = Path(__file__).parents[1] / "examples" / "valid"
SEEDS = {
    str(path.relative_to(VALID)): path.read_bytes()
    for path in sorted(VALID.rglob("*"))
    if path.suffix in {".yaml", ".json"}
}
KINDS = {kind.folder: kind for kind in Kind}
TOKENS = [
    *(
        b"&a ",
        b"*a ",
        b"!!x ",
        b"<<: ",
        b"\t",
        b"- ",
        b": ",
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b"'",
        b"|",
        b">",
        b"#",
        b"%",
    ),
    *(
        b"null",
        b"true",
        b"yes",
        b"~",
        b".inf",
        b"0755",
        b"1e999",
        b"-1",
        b"99999999999999999999",
        b"10:00",
        b'""',
        b"[]",
    ),
    *(b"{}", b"\n", b"\r", b"\r\n", b"---\n", b"...\n", b"\xff", b"\x00", b"\x1b", b"\xe2\x80\xae", b"\xe2\x80\xa8"),
    *(
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b"\\ud800",
        b"{secret: X}",
        b"{tasks.x.outputs.y}",
        b"{{",
        b"$(id)",
        b"../" * 9,
    ),
]


def mutate(data: bytes, choice: random.Random) -> bytes:
    """Flip, cut, repeat, move or put in something, a few times."""
    for _ in range(choice.randint(1, 4)):
        at, to = sorted((choice.randrange(len(data) + 1), choice.randrange(len(data) + 1)))
        to = min(to, at + choice.choice((1, 3, 20, 200)))
        match choice.randrange(6):
            case 0 if data:
                index = min(at, len(data) - 1)
                data = data[:index] + bytes([data[index] ^ 1 << choice.randrange(8)]) + data[index + 1 :]
            case 1:
                data = data[:at] + data[to:]
            case 2:
                data = data[:to] + data[at:to] * choice.choice((1, 2, 50)) + data[to:]
            case 3:
                lines = data.split(b"\n")
                choice.shuffle(lines)
                data = b"\n".join(lines)
            case _:
                data = data[:at] + choice.choice(TOKENS) + data[at:]
    return data


def check_mutant(path: str, data: bytes) -> None:
    kind, name = KINDS[path.split("/", maxsplit=1)[0]], path.rpartition("/")[2]
    checked = check_file(kind, name, data)
    assert checked.form is not None or any(problem.severity is Severity.ERROR for problem in checked.problems)
    if checked.is_valid:
        assert decode_form(kind, encode_form(checked.form)) == checked.form
        check_both_ways(kind, name, data)


def check_both_ways(kind: Kind, name: str, data: bytes) -> None:
    """The quick way may leave a file to the careful one, and must not differ from it."""
    stem, _, ending = name.rpartition(".")
    quick = _check_quickly(kind, stem, read_text(data), is_json=ending == "json")
    careful = _check_carefully(kind, stem, read_text(data), is_json=ending == "json")
    assert careful.is_valid
    if quick is not None:
        assert quick == careful
    else:
        assert careful.problems or b"null" in data or b"Null" in data or b"~" in data


def load_mutant(path: str, data: bytes) -> None:
    loaded = load_definitions(tree_of({**SEEDS, path: data}), settings=Settings(), providers=PROVIDERS)
    assert loaded.desired.complete or loaded.has_errors
    for render in RENDERINGS.values():
        render(loaded.problems)
    text = data.decode(errors="replace")
    render_text(loaded.problems, source_of=lambda _: text, color=True)


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(sorted(SEEDS)), st.integers(0, 2**32))
def test_a_mutated_file_gets_an_answer(path, seed):
    check_mutant(path, mutate(SEEDS[path], random.Random(seed)))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(SEEDS)), st.integers(0, 2**32))
def test_a_set_with_a_mutated_file_gets_an_answer(path, seed):
    load_mutant(path, mutate(SEEDS[path], random.Random(seed)))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.sampled_from(["a.yaml", "a.json"]), st.binary(max_size=300))
def test_any_bytes_get_an_answer(folder, name, data):
    check_mutant(f"{folder}/{name}", data)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(100))
def test_a_hundred_thousand_mutants(part):
    choice = random.Random(part)
    for _ in range(1000):
        path = choice.choice(sorted(SEEDS))
        data = mutate(SEEDS[path], choice)
        check_mutant(path, data)
        if choice.random() < 0.02:
            load_mutant(path, data)
