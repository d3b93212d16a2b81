"""Hostile files cost little: work is bounded by the limits, whatever the file holds."""

import pytest
from support.definitions import JOB, job_with

from reconciler.definitions import schema_words, yaml_reader
from reconciler.definitions.checked import check_file
from reconciler.definitions.document import MAX_BYTES, MAX_PROBLEMS, MAX_VALUES, Unreadable
from reconciler.model.forms import Kind

BOMB = "".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]\n" for n in range(1, 10))
MERGES = "".join(f"x{n}: &x{n} {{<<: [*x{n - 1}, *x{n - 1}]}}\n" for n in range(1, 25))


class CountingParser:
    """libyaml's parser, with a count of the events it was asked for."""

    events = 0

    def __init__(self, data):
        self._parser = REAL_PARSER(data)

    def get_event(self):
        CountingParser.events += 1
        return self._parser.get_event()

    def dispose(self):
        self._parser.dispose()


REAL_PARSER = yaml_reader.CParser


@pytest.fixture
def events(monkeypatch):
    CountingParser.events = 0
    monkeypatch.setattr(yaml_reader, "CParser", CountingParser)
    return lambda: CountingParser.events


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(JOB + "owner: [" + "1," * MAX_VALUES + "]", id="list"),
        pytest.param(JOB + "labels: {" + ",".join(f"k{number}: v" for number in range(MAX_VALUES)) + "}", id="mapping"),
        pytest.param("id: a\ntasks:\n" + "  - {id: t, command: x}\n" * 9_000, id="tasks"),
        pytest.param("id: a\nowner: 'x'\n" + "".join(f"k{number}: 1\n" for number in range(MAX_VALUES)), id="fields"),
    ],
)
def test_too_many_values_are_told_at_the_same_place_by_the_quick_and_the_careful_reading(text):
    with pytest.raises(Unreadable) as quickly:
        yaml_reader.read_event_yaml(text)
    with pytest.raises(Unreadable) as carefully:
        yaml_reader.read_yaml(text)
    assert quickly.value.problem == carefully.value.problem


@pytest.mark.parametrize("field", ["labels: {{{}}}", "events: [{}]"])
def test_of_a_list_that_is_too_long_nothing_else_is_told(field):
    items = ", ".join(f"k{number}: [{number}]" if "{{" in field else "{where: 1}" for number in range(2_000))
    checked = check_file(Kind.JOB, "a.yaml", (JOB + field.format(items)).encode())
    assert [problem.code for problem in checked.problems] == ["VAL005"]


@pytest.mark.parametrize(
    ("text", "most"),
    [
        pytest.param("[" * 50_000, 80, id="K50-lists"),
        pytest.param("{" * 20_000, 80, id="K50-mappings"),
        pytest.param("- " * 50_000, 80, id="K50-block-lists"),
        pytest.param("\n".join(" " * depth + "a:" for depth in range(600)), 200, id="K50-block-mappings"),
        pytest.param(JOB + "keeper: {x: [" + "1," * 60_000 + "]}", 2 * MAX_VALUES + 200, id="K52-values"),
        pytest.param(BOMB, 600, id="K48-alias-bomb"),
        pytest.param(MERGES, 600, id="K49-merge-bomb"),
    ],
)
def test_reading_stops_at_the_limits(events, text, most):
    assert not check_file(Kind.JOB, "a.yaml", text.encode()).is_valid
    assert events() <= most


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("".join(f"a{number}: &x{number} 1\n" for number in range(5000)), id="anchors"),
        pytest.param("a: &x 1\n" + "".join(f"a{number}: *x\n" for number in range(5000)), id="aliases"),
        pytest.param("".join(f"a{number}: !t 1\n" for number in range(5000)), id="tags"),
        pytest.param("".join(f"a{number}:\n" for number in range(5000)), id="nothing"),
        pytest.param("a: 1\n" * 5000, id="the-same-field"),
        pytest.param("owner: [" + "0755, " * 5000 + "]\n", id="doubtful-numbers"),
    ],
)
def test_reading_ends_where_enough_is_wrong(events, text):
    checked = check_file(Kind.JOB, "a.yaml", (JOB + text).encode())
    assert checked.form is None
    assert 1 <= len(checked.problems) <= MAX_PROBLEMS + 1
    assert events() <= 5 * MAX_PROBLEMS + 100


def test_a_file_that_may_be_too_large_is_read_once(events):
    lines = "".join(f"  k{number}: v\n" for number in range(9_000))
    check_file(Kind.JOB, "a.yaml", (JOB + "labels:\n" + lines).encode())
    assert events() <= 18_000 + 100


def test_of_many_unknown_fields_only_a_few_are_guessed(monkeypatch):
    guesses = []
    monkeypatch.setattr(schema_words, "closest", lambda word, known: guesses.append(word) or "")
    checked = check_file(Kind.JOB, "a.yaml", (JOB + "".join(f"nam{number}: x\n" for number in range(5000))).encode())
    assert len(guesses) == 20
    assert [problem.code for problem in checked.problems[-2:]] == ["KEY003", "FILE015"]


@pytest.mark.parametrize("field", ["env: {{{}}}", "http: {{headers: {{{}}}}}"])
def test_of_many_wrong_values_no_more_are_looked_at_than_are_told(monkeypatch, field):
    looked_at = []
    tell = schema_words._Teller._explain
    monkeypatch.setattr(
        schema_words._Teller, "_explain", lambda self, fault, path: looked_at.append(path) or tell(self, fault, path)
    )
    values = ", ".join(f"k{number}: 5" for number in range(5000))
    check_file(Kind.JOB, "a.yaml", job_with(tasks="- {id: t, command: x, " + field.format(values) + "}").encode())
    assert 0 < len(looked_at) <= MAX_PROBLEMS + 1


def test_a_file_over_the_size_is_not_parsed_at_all(events):
    check_file(Kind.JOB, "a.yaml", b"#" * (MAX_BYTES + 1))
    assert events() == 0


def test_a_file_of_exactly_the_size_is_read():
    data = JOB.encode().ljust(MAX_BYTES, b"#")
    assert check_file(Kind.JOB, "a.yaml", data).is_valid


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(JOB + "labels:\n" + "".join(f"  k{n}: {n}\n" for n in range(5000)), id="wrong-types"),
        pytest.param(JOB + "".join(f"k{n}: x\n" for n in range(5000)), id="unknown-fields"),
        pytest.param(JOB + "name: x\n" * 5000, id="repeated-fields"),
        pytest.param(job_with(tasks="- {id: t, command: x, arguments: '" + "{a}" * 50_000 + "'}"), id="tokens"),
    ],
)
def test_problems_of_one_file_are_told_up_to_a_number(text):
    assert len(check_file(Kind.JOB, "a.yaml", text.encode()).problems) <= MAX_PROBLEMS + 1
