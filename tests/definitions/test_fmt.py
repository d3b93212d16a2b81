"""Canonical form: what it looks like, that it is reached in one step, and that it means the same."""

import json
import random
import re
import textwrap
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.definitions.checked import check_file
from reconciler.definitions.document import Unreadable
from reconciler.definitions.fmt import Refused, format_definition
from reconciler.definitions.fmt_order import shape_of
from reconciler.definitions.schemas import schema_of
from reconciler.definitions.yaml_reader import read_yaml
from reconciler.model.forms import FILE_KINDS, Kind

VALID = Path(__file__).parents[1] / "examples" / "valid"
OWN = Path(__file__).parents[2] / "definitions"
KINDS = {kind.folder: kind for kind in FILE_KINDS}
FILES = sorted(
    path
    for root in (VALID, OWN)
    for path in root.rglob("*")
    if path.suffix in {".yaml", ".yml", ".json"} and path.relative_to(root).parts[0] in KINDS
)


def fmt(text, kind=Kind.JOB, *, is_json=False):
    data = textwrap.dedent(text).encode() if isinstance(text, str) else text
    once = format_definition(kind, data, is_json=is_json)
    assert format_definition(kind, once.encode(), is_json=is_json) == once
    return once


def kind_of(path):
    root = VALID if path.is_relative_to(VALID) else OWN
    return KINDS[path.relative_to(root).parts[0]]


EXAMPLES = [
    pytest.param("name: a\nid: a\n", "id: a\nname: a\n", id="fields-in-the-order-of-the-schema"),
    pytest.param("owner: x\nzzz: 1\nid: a\nyyy: 2\n", "id: a\nowner: x\nzzz: 1\nyyy: 2\n", id="unknown-fields-last"),
    pytest.param(
        "# about the file\n\nname: a\n# about the id\nid: a\n",
        "# about the file\n\n# about the id\nid: a\nname: a\n",
        id="a-comment-goes-with-its-field",
    ),
    pytest.param("name: a # its name\nid: a\n", "id: a\nname: a # its name\n", id="a-comment-at-the-end-of-a-line"),
    pytest.param(
        "tasks:\n- command: x\n  # which\n  id: t\n",
        "tasks:\n  # which\n  - id: t\n    command: x\n",
        id="lists-are-indented-and-their-items-sorted",
    ),
    pytest.param(
        "schedule:\n    cronExpression: '0 2 * * *'\n    # the zone\n\n    # later\nid: a\n",
        'id: a\nschedule:\n  cronExpression: "0 2 * * *"\n  # the zone\n\n  # later\n',
        id="comments-at-the-end-of-a-mapping-stay-in-it",
    ),
    pytest.param(
        "script: x\ntasks:\n  - script: |\n      a\n        b\n\n      c\n    id: t\n",
        "tasks:\n  - id: t\n    script: |\n      a\n        b\n\n      c\nscript: x\n",
        id="blocks-of-text-are-moved-whole",
    ),
    pytest.param("name: 'a b'\n", "name: a b\n", id="no-quotes-without-need"),
    pytest.param("name: 'yes'\n", 'name: "yes"\n', id="quotes-where-others-read-true"),
    pytest.param("name: yes\n", 'name: "yes"\n', id="quotes-put-where-others-read-true"),
    pytest.param("name: 2030-01-02\n", 'name: "2030-01-02"\n', id="quotes-put-where-others-read-a-date"),
    pytest.param("name: '10'\n", 'name: "10"\n', id="a-number-that-is-text"),
    pytest.param("name: 'say \"x\"'\n", "name: 'say \"x\"'\n", id="single-quotes-around-double-ones"),
    pytest.param('name: "a\\tb"\n', 'name: "a\\tb"\n', id="escapes-stay"),
    pytest.param("tasks: [{command: x,id: t}]\n", "tasks: [{id: t, command: x}]\n", id="brackets-on-one-line"),
    pytest.param("targets: [ a,\n  b ]\nid: a\n", "id: a\ntargets: [ a,\n  b ]\n", id="brackets-on-lines-stay"),
    pytest.param("schedule: {cronExpression: '@daily'}\n", 'schedule: {cronExpression: "0 0 * * *"}\n', id="nickname"),
    pytest.param("id: a\r\nname: b\r\n", "id: a\nname: b\n", id="line-ends"),
    pytest.param("\ufeffid: a", "id: a\n", id="byte-order-mark-and-last-line"),
    pytest.param("---\nname: a\nid: b\n...\n", "---\nid: b\nname: a\n...\n", id="document-marks-stay"),
    pytest.param("id: a   \n\n\n\nname: b\n\n\n", "id: a\n\nname: b\n", id="empty-lines"),
    pytest.param("script: |\n  a\n  b", "script: |-\n  a\n  b\n", id="a-block-that-ends-with-the-file"),
    pytest.param("script: |+\n  a\n\n\nid: a\n", "id: a\nscript: |+\n  a\n\n\n", id="a-block-that-keeps-its-end"),
    pytest.param(
        "tasks:\n- id: t\n  script: |+\n    a\n\n\n- id: u\n  script: >2+\n      b\n     c\n\nid: a\n",
        "id: a\ntasks:\n  - id: t\n    script: |+\n      a\n\n\n  - id: u\n    script: >2+\n        b\n       c\n\n",
        id="a-block-that-keeps-its-end-in-a-list",
    ),
    pytest.param("\"id\": a\n'name' : b\n", "id: a\nname: b\n", id="names-without-quotes"),
    pytest.param(
        "description:\n  long\n  text\nid: a\n", "id: a\ndescription:\n  long\n  text\n", id="text-below-its-name"
    ),
    pytest.param("executionType: Service\nid: a\n", "id: a\nexecutionType: Service\n", id="a-field-of-another-part"),
    pytest.param(
        "tasks:\n  - ExecutionType: User\n    id: t\n", "tasks:\n  - id: t\n    ExecutionType: User\n", id="keeper"
    ),
    pytest.param("? id\n: a\nname: b\n", "? id\n: a\nname: b\n", id="a-layout-that-nobody-writes-stays"),
]


@pytest.mark.parametrize(("text", "expected"), EXAMPLES)
def test_canonical_form(text, expected):
    assert fmt(text) == expected


def test_json_is_sorted_and_indented():
    text = '{"tasks":[{"command":"x","id":"t"}],"id":"a","labels":{"z":1,"a":"\\u202e\\u00e9"}}'
    assert fmt(text, is_json=True).splitlines() == [
        "{",
        '  "id": "a",',
        '  "labels": {',
        '    "z": 1,',
        '    "a": "\\u202e\u00e9"',
        "  },",
        '  "tasks": [',
        "    {",
        '      "id": "t",',
        '      "command": "x"',
        "    }",
        "  ]",
        "}",
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [("id: [a\n", "SYN004"), ("id: a\nid: b\n", "KEY001"), ("id: &a a\n", "SYN008"), ("id: 0755\n", "SYN012")],
)
def test_what_cannot_be_read_is_refused_with_its_problem(text, code):
    with pytest.raises(Refused) as refusal:
        fmt(text)
    assert [problem.code for problem in refusal.value.problems] == [code]


@pytest.mark.parametrize("kind", list(FILE_KINDS))
def test_the_order_is_that_of_the_schema(kind):
    assert list(shape_of(kind).fields) == list(schema_of(kind.value)["properties"])
    if kind is Kind.JOB:
        task = shape_of(kind).at("tasks").at(0)
        assert list(task.fields) == list(schema_of("job")["$defs"]["task"]["properties"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_valid_file_means_the_same_afterwards(path):
    kind, data = kind_of(path), path.read_bytes()
    text = fmt(data, kind, is_json=path.suffix == ".json")
    before, after = check_file(kind, path.name, data), check_file(kind, path.name, text.encode())
    assert (before.form, [problem.code for problem in before.problems]) == (
        after.form,
        [problem.code for problem in after.problems],
    ) or b'"@' in data


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("path", [path for path in FILES if path.suffix != ".json"], ids=lambda path: path.name)
def test_no_comment_is_lost_and_none_is_made(path, seed):
    """Comments everywhere, at any indent, and fields in any order."""
    chance = random.Random(seed)
    lines = path.read_text(encoding="utf-8").splitlines()
    for number in range(3):
        at = chance.randrange(len(lines) + 1)
        added = [*lines[:at], " " * chance.choice((0, 2, 4, 6)) + f"#mark{number}", *lines[at:]]
        if is_same(lines, added):
            lines = added
    text = "\n".join(lines) + "\n"
    expected = sorted(re.findall(r"#mark\d", text))
    assert sorted(re.findall(r"#mark\d", fmt(text.encode(), kind_of(path)))) == expected


def is_same(lines, others):
    try:
        documents = [read_yaml("\n".join(some) + "\n") for some in (lines, others)]
    except Unreadable:
        return False
    return documents[0].value == documents[1].value and not documents[1].problems


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cf", "Zl", "Zp", "Cn"]), max_size=12)
WORDS = st.sampled_from(
    ["yes", "no", "null", "~", "1", "1.0", "0x1", "@daily", "a: b", "# c", "- x", "a\nb\n", "", " x ", "2030-01-01"]
)
SCALAR = TEXT | WORDS | st.integers(-(2**40), 2**40) | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.sampled_from(
    ["id", "name", "schedule", "tasks", "command", "env", "cronExpression", "arguments"]
) | TEXT.filter(bool)
VALUE = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)


def styled(value, flow, indent, style):
    return yaml.safe_dump(
        value,
        allow_unicode=True,
        default_flow_style=flow,
        indent=indent,
        default_style=style,
        sort_keys=False,
        width=10**6,
    )


@settings(deadline=None, max_examples=150)
@given(
    value=st.dictionaries(NAMES, VALUE, min_size=1, max_size=6),
    flow=st.sampled_from([True, False, None]),
    indent=st.sampled_from([2, 3, 4]),
    style=st.sampled_from([None, None, "'", '"', "|"]),
    kind=st.sampled_from(list(FILE_KINDS)),
)
def test_any_document_means_the_same_afterwards(value, flow, indent, style, kind):
    """What another library writes, in any of its styles, is formatted or refused; formatting checks itself."""
    text = styled(value, flow, indent, style).encode()
    try:
        once = format_definition(kind, text, is_json=False)
    except Refused:
        return
    assert format_definition(kind, once.encode(), is_json=False) == once
    assert unnamed(read_yaml(once).value) == unnamed(read_yaml(text.decode()).value)


def unnamed(value):
    return json.dumps(value, sort_keys=True).replace("@daily", "0 0 * * *")


@settings(deadline=None, max_examples=100)
@given(value=st.dictionaries(NAMES, VALUE, min_size=1, max_size=6), kind=st.sampled_from(list(FILE_KINDS)))
def test_any_json_means_the_same_afterwards(value, kind):
    text = json.dumps(value).encode()
    try:
        once = format_definition(kind, text, is_json=True)
    except Refused:
        return
    assert format_definition(kind, once.encode(), is_json=True) == once
    assert unnamed(json.loads(once)) == unnamed(value)
