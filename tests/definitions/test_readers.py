"""Reading: the place of every value, scalars by YAML 1.2, and two ways of reading that never differ."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.definitions.block_reader import read_block_yaml, read_yaml_quickly
from reconciler.definitions.document import Span, Unreadable, Unusual, path_steps, path_text
from reconciler.definitions.json_reader import read_json, read_json_quickly
from reconciler.definitions.scalars import Doubtful, read_scalar
from reconciler.definitions.yaml_reader import read_event_yaml, read_yaml

QUICKLY = settings(max_examples=60, deadline=None)
YAML = """\
# a comment
id: "a b"   # another
list:
  - x
  - {k: 1, "l": 'two'}
text: |
  first
  second
'quoted key': [true,
  null]
\u6f22\u5b57: \U0001f600
"""


@pytest.mark.parametrize(
    ("path", "span"),
    [
        pytest.param((), Span(2, 1, 11, 6), id="the-whole"),
        pytest.param(("id",), Span(2, 5, 2, 10), id="quoted-text-with-its-quotes"),
        pytest.param(("list",), Span(4, 3, 5, 23), id="a-list-from-its-first-to-its-last-item"),
        pytest.param(("list", 0), Span(4, 5, 4, 6), id="an-item"),
        pytest.param(("list", 1), Span(5, 5, 5, 23), id="a-mapping-in-braces"),
        pytest.param(("list", 1, "k"), Span(5, 9, 5, 10), id="a-number"),
        pytest.param(("list", 1, "l"), Span(5, 17, 5, 22), id="single-quotes"),
        pytest.param(("quoted key", 1), Span(10, 3, 10, 7), id="on-the-next-line"),
        pytest.param(("\u6f22\u5b57",), Span(11, 5, 11, 6), id="columns-count-characters"),
    ],
)
def test_every_value_of_yaml_has_its_place(path, span):
    assert read_yaml(YAML).spans[path] == span


def test_every_name_of_yaml_has_its_place():
    spans = read_yaml(YAML).key_spans
    assert spans["list", 1, "l"] == Span(5, 12, 5, 15)
    assert spans[("quoted key",)] == Span(9, 1, 9, 13)


JSON = '{\n  "id": "a b",\n  "list": [1.5, {"k": true}],\n  "\\u00e9": [\n  ]\n}\n'


@pytest.mark.parametrize(
    ("path", "span"),
    [
        pytest.param((), Span(1, 1, 6, 2), id="the-whole"),
        pytest.param(("id",), Span(2, 9, 2, 14), id="text"),
        pytest.param(("list",), Span(3, 11, 3, 29), id="a-list"),
        pytest.param(("list", 0), Span(3, 12, 3, 15), id="a-number"),
        pytest.param(("list", 1, "k"), Span(3, 23, 3, 27), id="a-word"),
        pytest.param(("\u00e9",), Span(4, 13, 5, 4), id="over-lines"),
    ],
)
def test_every_value_of_json_has_its_place(path, span):
    assert read_json(JSON).spans[path] == span


def places(spans):
    return {path: spans[path] for path in spans}


def test_windows_line_ends_change_no_place():
    unix, windows = read_yaml(YAML), read_yaml(YAML.replace("\n", "\r\n"))
    assert places(unix.key_spans) == places(windows.key_spans)
    assert unix.value == windows.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((word, None) for word in ("", "~", "null", "Null", "NULL")),
        *((word, True) for word in ("true", "True", "TRUE")),
        *((word, False) for word in ("false", "False", "FALSE")),
        *((word, word) for word in ("yes", "No", "on", "off", "y", "nULL", "tRUE", "None")),
        *((word, int(word)) for word in ("0", "-0", "+7", "-12", "9223372036854775807")),
        ("0o17", 15),
        ("0xFf", 255),
        *((word, float(word)) for word in ("1.5", "-.5", "1.", "+1e3", "1E-2", "0.0")),
        *((word, word) for word in ("1.2.3", "09:30", "2026-01-10", "+", "-", ".", "..", "1e", "0b1", "0x", "0o8")),
        *((word, word) for word in ("2026-01-10T00:00:00Z", "10.0.0.1", "12h", "-x", ".inf2", "\u0661")),
    ],
)
def test_unquoted_values_are_read_by_the_core_schema(text, value):
    read = read_scalar(text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    "text", ["0755", "-01", "1_000", "10:00", "190:20:30", ".inf", "-.INF", ".NaN", "1e999", "9223372036854775808"]
)
def test_values_that_other_programs_read_otherwise_are_doubtful(text):
    assert isinstance(read_scalar(text), Doubtful)


HIDDEN = ["Cc", "Cf", "Zl", "Zp", "Cn", "Co", "Cs"]
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=HIDDEN), min_size=1, max_size=8).filter(
    lambda name: name != "<<"  # even in quotes it is left to the careful reader
)
SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8", exclude_categories=HIDDEN), max_size=12),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=20
)


@QUICKLY
@given(st.dictionaries(NAMES, VALUES, max_size=5), st.sampled_from([None, 2]))
def test_json_is_read_as_python_reads_it_both_ways(value, indent):
    text = json.dumps(value, indent=indent)
    assert read_json(text).value == value
    assert read_json_quickly(text)[0] == value


@QUICKLY
@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_json_is_yaml(value):
    """JSON is a part of YAML 1.2: the same text gives the same value, at the same places."""
    text = json.dumps(value, ensure_ascii=False)
    from_yaml, from_json = read_yaml(text), read_json(text)
    assert from_yaml.value == value
    assert places(from_yaml.spans) == places(from_json.spans)
    assert places(from_yaml.key_spans) == places(from_json.key_spans)
    assert read_yaml_quickly(text)[0] == value


FRAGMENTS = st.sampled_from(
    [
        "a",
        "b: ",
        "- ",
        "\n",
        "\n  ",
        "{",
        "}",
        "[",
        "]",
        ", ",
        '"',
        "'",
        ": ",
        "#",
        "|\n",
        "&a ",
        "*a",
        "!t ",
        "<<: ",
        "? ",
    ]
) | st.sampled_from(
    ["0755", "null", "~", "1", "1.5", "true", "---\n", "...\n", "%YAML 1.1\n", "\t", "\\u00e9", "10:00", "\u00e9", "//"]
)


@QUICKLY
@given(st.lists(FRAGMENTS, max_size=25).map("".join))
def test_the_quick_way_never_differs_from_the_careful_one(text):
    for quickly, carefully in (
        (read_yaml_quickly, read_yaml),
        (read_event_yaml, read_yaml),
        (read_json_quickly, read_json),
    ):
        try:
            value, line = quickly(text)
        except Unusual:
            continue
        document = carefully(text)
        assert document.problems == []
        assert document.value == value
        assert document.first_line == line


LINES = st.sampled_from(
    [
        "a: 1",
        "b:",
        "c: x",
        "- d: y",
        "- e",
        "-",
        "- - f",
        "'g': h",
        "i: |",
        "j: |-",
        "# k",
        "",
        "   ",
        "l: [m, n]",
        "---",
    ]
) | st.sampled_from(
    [
        "o: {p: q, r: [s]}",
        "t: 'u'",
        'v: "w" # x',
        "y: a: b",
        "z: -",
        "- 'q'",
        "text, more",
        "a: b #c",
        "a: b#c",
        "null: a",
        'm: ["n", "o p"]',
        'q: [ "r" ,"s" ] # t',
        '- ["u, v"]',
        'w: ["x" "y"]',
        "- z: |",
        "- |-",
    ]
)
INDENTS = st.sampled_from(["", "", "  ", "  ", "    ", "      ", " "])


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(INDENTS, LINES).map("".join), min_size=1, max_size=9).map("\n".join), st.sampled_from(["", "\n"])
)
def test_plain_lines_are_read_as_libyaml_reads_them(text, end):
    try:
        value, line = read_block_yaml(text + end)
    except Unusual:
        return
    document = read_yaml(text + end)
    assert document.problems == []
    assert document.value == value
    assert document.first_line == line


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.sampled_from([*"[]{},:#-'\"", ", ", ": ", " ", "a", "b c", "1", "true", "null", "-x", "x:y", "0755"]),
        max_size=14,
    )
)
def test_brackets_on_one_line_are_read_as_libyaml_reads_them(parts):
    text = "k: [" + "".join(parts) + "]\n"
    try:
        value, _ = read_block_yaml(text)
    except Unusual:
        return
    document = read_yaml(text)
    assert document.problems == []
    assert document.value == value


def test_a_name_that_libyaml_finds_too_long_is_left_to_it():
    for text in ("x" * 2000 + ": 1\n", "k: {" + "x" * 2000 + ": 1}\n"):
        with pytest.raises(Unusual):
            read_block_yaml(text)


def test_files_that_have_a_line_in_common_have_no_value_in_common():
    text = 'a: ["b"]\nc: [1, {d: e}]\ng:\n  - f\n'
    one, other = read_block_yaml(text)[0], read_block_yaml(text)[0]
    one["a"].append("x")
    one["c"][1]["d"] = "x"
    one["g"].append("x")
    assert other == {"a": ["b"], "c": [1, {"d": "e"}], "g": ["f"]}


def test_what_most_definitions_look_like_is_read_line_by_line():
    text = "id: a\nlist:\n- x\n- k: [1, {b: c}]\n  l: |\n    one\n\n     two\n\nlast: 'q' # end\n"
    assert read_block_yaml(text)[0] == read_yaml(text).value


@QUICKLY
@given(st.lists(FRAGMENTS, max_size=25).map("".join))
def test_every_place_is_in_the_text(text):
    for read in (read_yaml, read_json):
        try:
            document = read(text)
        except Unreadable as error:
            spans = [(error.problem.line, error.problem.column)]
        else:
            spans = [(span.line, span.column) for span in places(document.spans).values()]
        lines = text.split("\n")
        assert all(1 <= line <= len(lines) and 1 <= column <= len(lines[line - 1]) + 1 for line, column in spans)


@QUICKLY
@given(st.lists(st.integers(0, 99) | NAMES, max_size=4).map(tuple))
@example(("\xa0",))
@example(("a\u202eb", "\\x41", "\n\t\r", "\U000e0100"))
def test_json_paths_are_read_as_they_are_written(path):
    assert path_steps(path_text(path)) == path


def test_a_json_path_reads_like_code():
    assert path_text(("tasks", 0, "env", "A.B", "it's")) == "tasks[0].env['A.B']['it\\'s']"
