"""Bad files, by the numbers of RELIABILITY section 3, group Y: what is not YAML or JSON, and what hides in it."""

import pytest
from support.definitions import JOB, job_lines, lines_of, load

BAD_FILES = [
    pytest.param(
        'id: a\ncommand: "C:\\Users"\n',
        ["2:15 SYN001 : unknown escape in a text with double quotes"],
        id="Y2-backslashes",
    ),
    pytest.param(
        "id: a\n<<<<<<< HEAD\nname: x\n=======\n",
        ["2:1 SYN001 : a merge conflict stands here, not resolved"],
        id="Y-merge-conflict",
    ),
    pytest.param(
        b"\x1f\x8b\x08\x00\x00\x00", ["1:2 FILE006 : byte 0x8B at offset 1 is not UTF-8"], id="Y16-no-text-at-all"
    ),
    pytest.param(
        "id: a\ntasks:\n\t- id: t\n",
        ["3:1 SYN002 : line is indented with a tab; use spaces"],
        id="Y1-tab",
    ),
    pytest.param(
        "id: a\nschedule:\n  intervalMinutes: 5\n\ttimezone: UTC\n",
        ["4:1 SYN002 : line is indented with a tab; use spaces"],
        id="Y1-tab-further-down",
    ),
    pytest.param(
        "id: a\ntasks:\n\u00a0\u00a0- id: t\n    command: x\n",
        ["3:1 SYN002 : line is indented with U+00A0; use spaces"],
        id="Y1-spaces-that-are-none",
    ),
    pytest.param("id:a\ntasks: []\n", ["1:3 SYN001 : a space is missing after the colon"], id="Y4-no-space"),
    pytest.param(
        "id: a\ntasks:\n  -id: t\n    command: x\n",
        ["3:3 SYN001 : a space is missing after the dash"],
        id="Y4-no-space-after-the-dash",
    ),
    pytest.param(
        "id: a\ntasks:\n  - id: t\n    command: `x`\n",
        ["4:14 SYN006 : quote the text, it begins with a backtick"],
        id="Y6-backtick",
    ),
    pytest.param(
        'id: "a\ntasks: []\n',
        ["1:5 SYN003 : text opened here is never closed"],
        id="Y2-quote-never-closed",
    ),
    pytest.param(
        'id: "a\nname: "b"\n',
        ["1:5 SYN003 : text opened here is never closed"],
        id="Y2-quote-closed-by-the-next",
    ),
    pytest.param(
        "id: 'a\n",
        ["1:5 SYN003 : text opened here is never closed"],
        id="Y2-single-quote",
    ),
    pytest.param(
        "id: a\nname: 'it's'\n",
        ["2:11 SYN001 : `s'` stands after the closing quote"],
        id="Y2-quote-inside-quotes",
    ),
    pytest.param(
        'id: "a" b\n',
        ["1:9 SYN001 : `b` stands after the closing quote"],
        id="Y2-text-after-a-quote",
    ),
    pytest.param(
        "id: a\ntargets: [local\nname: b\n",
        ["2:10 SYN004 : `[` opened here is never closed"],
        id="Y3-bracket",
    ),
    pytest.param(
        "id: a\nlabels: {a: b\nname: b\n",
        ["2:9 SYN004 : `{` opened here is never closed"],
        id="Y3-brace",
    ),
    pytest.param(
        "id: a\ntargets: [local]]\n",
        ["2:17 SYN004 : `]` closes what was never opened"],
        id="Y3-bracket-too-many",
    ),
    pytest.param(
        "id: a\nschedule:\n  intervalMinutes: 5\n tasks:\n  - id: t\n",
        ["4:2 SYN001 : `tasks` stands under `schedule`; did you mean the same level as `id`?"],
        id="Y4-indent",
    ),
    pytest.param(
        "id: a\n  name: b\n",
        ["2:3 SYN001 : `name` stands under `id`; did you mean the same level as `id`?"],
        id="Y4-deeper-than-a-value",
    ),
    pytest.param(
        "id: a\ntasks:\n  - id: t\n   command: x\n",
        ["4:4 SYN001 : `command` is indented by 3 spaces, the fields of its list item by 4"],
        id="Y4-field-of-a-list-item",
    ),
    pytest.param(
        "id: a\n- b\n",
        ["2:1 SYN001 : a list item stands among `name: value` lines"],
        id="Y4-list-among-fields",
    ),
    pytest.param(
        "id: a\nschedule:\n  cronExpression: * * * * *\n",
        ['3:19 SYN006 : quote the cron expression: "* * * * *"'],
        id="Y5-cron-without-quotes",
    ),
    pytest.param(
        "id: a\nschedule:\n  cronExpression: */5 * * * *\n",
        ['3:19 SYN006 : quote the cron expression: "*/5 * * * *"'],
        id="Y6-cron-with-a-step",
    ),
    pytest.param(
        "id: a\nschedule:\n  cronExpression: @daily\n",
        ["3:19 SYN006 : quote the text, it begins with `@`"],
        id="Y6-nickname-without-quotes",
    ),
    pytest.param(
        "id: a\ntasks:\n  - id: t\n    command: echo a: b\n",
        ["4:14 SYN005 : quote the text, it contains ': '"],
        id="Y8-colon-in-text",
    ),
    pytest.param(
        "id: a\nname:b\nowner: c\n",
        ["2:1 SYN001 : expected `name: value`, found `name ...`"],
        id="Y8-no-space-after-colon",
    ),
    pytest.param(
        JOB + "---\nid: b\n",
        ["6:1 SYN007 : one definition per file; a second document starts at line 6"],
        id="Y10-two-documents",
    ),
    pytest.param(
        "",
        ["0:0 FILE001 : no definition in this file"],
        id="Y11-empty",
    ),
    pytest.param(
        "# nothing here\n\n",
        ["0:0 FILE001 : no definition in this file"],
        id="Y12-only-comments",
    ),
    pytest.param(
        "---\n",
        ["0:0 FILE001 : no definition in this file"],
        id="Y12-only-a-marker",
    ),
    pytest.param(
        "null\n",
        ["1:1 TYPE003 : expected `key: value` pairs at the top, found nothing"],
        id="Y12-null",
    ),
    pytest.param(
        "- a\n- b\n",
        ["1:1 TYPE003 : expected `key: value` pairs at the top, found a list"],
        id="Y13-list",
    ),
    pytest.param(
        "hello\n",
        ["1:1 TYPE003 : expected `key: value` pairs at the top, found text"],
        id="Y13-text",
    ),
    pytest.param(
        {"jobs/a.json": '{"id": "a",}'},
        ["jobs/a.json:1:11 SYN022 : JSON does not allow a comma before `}`"],
        id="Y14-comma",
    ),
    pytest.param(
        {"jobs/a.json": '{"id": "a", "tasks": [\n1,\n]}'},
        ["jobs/a.json:2:2 SYN022 : JSON does not allow a comma before `]`"],
        id="Y14-comma-in-list",
    ),
    pytest.param(
        {"jobs/a.json": '{\n  // why\n  "id": "a"}'},
        ["jobs/a.json:2:3 SYN023 : JSON does not allow comments"],
        id="Y14-comment",
    ),
    pytest.param(
        {"jobs/a.json": "{'id': 1}"},
        ["jobs/a.json:1:2 SYN021 : JSON has double quotes only"],
        id="Y14-single-quotes",
    ),
    pytest.param(
        {"jobs/a.json": '{id: "a"}'},
        ["jobs/a.json:1:2 SYN021 : quote the field name `id`"],
        id="Y14-name-without-quotes",
    ),
    pytest.param(
        {"jobs/a.json": '{"id": "a"\n"name": "b"}'},
        ["jobs/a.json:2:1 SYN021 : a comma is missing before this"],
        id="Y14-no-comma",
    ),
    pytest.param(
        {"jobs/a.json": '{"id": "a", "enabled": True}'},
        ["jobs/a.json:1:24 SYN021 : JSON writes true, false and null in small letters, found `True`"],
        id="Y14-python-words",
    ),
    pytest.param(
        {"jobs/a.json": '{"id": "a", "tasks": [{"id": "t"}'},
        ["jobs/a.json:1:22 SYN004 : `[` opened here is never closed"],
        id="Y14-never-closed",
    ),
    pytest.param(
        {"jobs/a.json": '{"id": "a\n"}'},
        ["jobs/a.json:1:8 SYN003 : text opened here is never closed"],
        id="Y14-text-never-closed",
    ),
    pytest.param(
        {"jobs/a.json": '{"id": "a"} {"id": "b"}'},
        ["jobs/a.json:1:13 SYN021 : text after the end of the definition"],
        id="Y14-two-objects",
    ),
    pytest.param(
        {"jobs/a.json": '{"id": "a", "priority": NaN}'},
        ["jobs/a.json:1:25 SYN015 : `NaN` is not a finite number"],
        id="Y14-not-a-number",
    ),
    pytest.param(
        {"jobs/a.json": '{"id": "a", "name": "\\ud83d"}'},
        ["jobs/a.json:1:21 SYN021 : half of a surrogate pair is not a character"],
        id="Y14-half-a-character",
    ),
    pytest.param(
        {"jobs/a.json": ""},
        ["jobs/a.json:0:0 FILE001 : no definition in this file"],
        id="Y14-empty",
    ),
    pytest.param(
        JOB.encode("utf-16"),
        ["0:0 FILE005 : file is UTF-16; save it as UTF-8"],
        id="Y15-utf-16-with-mark",
    ),
    pytest.param(
        JOB.encode("utf-16-le"),
        ["0:0 FILE005 : file is UTF-16; save it as UTF-8"],
        id="Y15-utf-16-without-mark",
    ),
    pytest.param(
        JOB.encode("utf-32"),
        ["0:0 FILE005 : file is UTF-32; save it as UTF-8"],
        id="Y15-utf-32",
    ),
    pytest.param(
        b"id: a\nname: \xff\n",
        ["2:7 FILE006 : byte 0xFF at offset 12 is not UTF-8"],
        id="Y16-not-utf-8",
    ),
    pytest.param(
        "id: a\nname: Gr\u00fc\u00dfe\n".encode("latin-1"),
        ["2:9 FILE006 : byte 0xFC at offset 14 is not UTF-8"],
        id="Y16-latin-1",
    ),
    pytest.param(
        "id: a\n# harmless\u2028enabled: false\n",
        ["2:11 FILE008 : invisible line break U+2028"],
        id="Y18-line-separator",
    ),
    pytest.param(
        "id: a\n# harmless\x85enabled: false\n",
        ["2:11 FILE008 : invisible line break U+0085"],
        id="Y18-next-line",
    ),
    pytest.param(
        b"id: a\n# harmless\renabled: false\n",
        ["2:11 FILE008 : line break by carriage return alone"],
        id="Y18-carriage-return",
    ),
    pytest.param(
        "id: a\n# \u202e dna\n",
        ["2:3 FILE009 : text-direction control U+202E can hide code"],
        id="Y19-direction-in-a-comment",
    ),
    pytest.param(
        'id: a\nname: "x\u2067y"\n',
        ["2:9 FILE009 : text-direction control U+2067 can hide code"],
        id="Y19-direction-in-a-text",
    ),
    pytest.param(
        "id: a\n\ufeffname: x\n",
        ["2:1 FILE007 : invisible character U+FEFF (ZERO WIDTH NO-BREAK SPACE)"],
        id="Y19-byte-order-mark-inside",
    ),
    pytest.param(
        "id: a\nname: \x1b[31m\n",
        ["2:7 FILE007 : control character U+001B"],
        id="Y-control-character",
    ),
    pytest.param(
        "id: a\nname: x\x00\n",
        ["2:8 FILE007 : control character U+0000"],
        id="Y-nul",
    ),
    pytest.param(
        "%YAML 1.1\n---\nid: a\n",
        ["1:1 SYN011 : directives (`%...`) are not allowed"],
        id="Y-directive",
    ),
    pytest.param(
        'id: "C:\\Temp"\n',
        ["1:8 SYN001 : unknown escape in a text with double quotes"],
        id="Y-unknown-escape",
    ),
    pytest.param(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        ["0:0 FILE012 : this is a Git LFS pointer, not the file itself"],
        id="Y-git-lfs",
    ),
]


def test_y15_a_byte_order_mark_is_passed_over():
    assert not load({"jobs/a.yaml": b"\xef\xbb\xbf" + JOB.encode()}).problems
    [line] = lines_of(load({"jobs/a.yaml": b"\xef\xbb\xbfx: 1\n" + JOB.encode()}))
    assert line.startswith("jobs/a.yaml:1:1 KEY003")


@pytest.mark.parametrize(("given", "expected"), BAD_FILES)
def test_a_file_that_cannot_be_read_says_where_and_why(given, expected):
    several = isinstance(given, dict)
    loaded = load(given if several else {"jobs/a.yaml": given})
    assert lines_of(loaded, with_path=several) == expected
    assert loaded.has_errors
    assert not loaded.desired.complete


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("name: ad\u200bmin\n", "6:9 W FILE016 : character U+200B (ZERO WIDTH SPACE)", id="name"),
        pytest.param("# if\u00ad x\n", "6:5 W FILE016 : character U+00AD (SOFT HYPHEN)", id="comment"),
        pytest.param("name: a\u200db\n", "6:8 W FILE016 : character U+200D (ZERO WIDTH JOINER)", id="joins-nothing"),
        pytest.param("name: \u3164\n", "6:7 W FILE016 : character U+3164 (HANGUL FILLER)", id="blank"),
    ],
)
def test_a_character_that_cannot_be_seen_is_told_once_with_its_place(text, line):
    assert job_lines(JOB + text + "# again \u200b \u00ad \u200d \u3164\n")[0].startswith(f"{line} cannot be seen here")


@pytest.mark.parametrize(
    "text",
    [
        "\U0001f469\u200d\U0001f4bb \u2764\ufe0f",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "10\u00a0000 \u20ac",
        '"ad\\u200bmin"',
    ],
    ids=["pictures", "persian", "a-blank-of-another-width", "escaped"],
)
def test_what_joins_letters_that_are_seen_is_no_problem(text):
    assert job_lines(JOB + f"description: {text}\n") == []
