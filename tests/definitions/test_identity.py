"""Bad files, by the numbers of RELIABILITY section 3, group I: ids, and files that claim the same one."""

import pytest
from support.definitions import JOB, TASK, lines_of, load

from reconciler.model.forms import Kind


def named(job_id):
    return JOB.replace("id: a", f'id: "{job_id}"')


BAD_IDS = [
    pytest.param(
        {"jobs/a.yaml": "schedule: {intervalMinutes: 30}\n" + TASK},
        ["jobs/a.yaml:1:1 KEY004 id: every job needs `id`"],
        id="I54-missing",
    ),
    pytest.param(
        {"targets/t.yaml": "provider: local\n"},
        ["targets/t.yaml:1:1 KEY004 id: every target needs `id`"],
        id="I54-missing-in-a-target",
    ),
    pytest.param(
        {"runs/r.yaml": "job: a\n", "jobs/a.yaml": JOB},
        ["runs/r.yaml:1:1 KEY004 id: every one-off needs `id`"],
        id="I54-missing-in-a-one-off",
    ),
    pytest.param(
        {"jobs/a.yaml": named("")},
        ["jobs/a.yaml:1:5 ID001 id: id is empty"],
        id="I55-empty",
    ),
    pytest.param(
        {"jobs/a.yaml": named("  ")},
        ["jobs/a.yaml:1:5 ID001 id: id is empty"],
        id="I55-blank",
    ),
    pytest.param(
        {"jobs/a.yaml": named("b")},
        ["jobs/a.yaml:1:5 ID004 id: id `b` must equal the file name `a`"],
        id="I56-not-the-file-name",
    ),
    pytest.param(
        {"components/c.yaml": "id: d\nscript: echo\n"},
        ["components/c.yaml:1:5 ID004 id: id `d` must equal the file name `c`"],
        id="I56-not-the-file-name-of-a-component",
    ),
    pytest.param(
        {"jobs/a.yaml": named("a/b")},
        [("jobs/a.yaml:1:5 ID002 id: id may use A-Z a-z 0-9 - _ . and must start with a letter or digit, found `a/b`")],
        id="I58-slash",
    ),
    pytest.param(
        {"jobs/a.yaml": named("a\\\\b")},
        [
            (
                "jobs/a.yaml:1:5 ID002 id: id may use A-Z a-z 0-9 - _ . and must start with a letter or "
                "digit, found `a\\b`"
            )
        ],
        id="I58-backslash",
    ),
    pytest.param(
        {"jobs/a.yaml": named("..")},
        [("jobs/a.yaml:1:5 ID002 id: id may use A-Z a-z 0-9 - _ . and must start with a letter or digit, found `..`")],
        id="I58-dots",
    ),
    pytest.param(
        {"jobs/.a.yaml": named(".a")},
        [("jobs/.a.yaml:1:5 ID002 id: id may use A-Z a-z 0-9 - _ . and must start with a letter or digit, found `.a`")],
        id="I58-leading-dot",
    ),
    pytest.param(
        {"jobs/-a.yaml": named("-a")},
        [("jobs/-a.yaml:1:5 ID002 id: id may use A-Z a-z 0-9 - _ . and must start with a letter or digit, found `-a`")],
        id="I58-leading-dash",
    ),
    pytest.param(
        {"jobs/a.yaml": named("a\\0")},
        [
            (
                "jobs/a.yaml:1:5 ID002 id: id may use A-Z a-z 0-9 - _ . and must start with a letter or "
                "digit, found `a\\x00`"
            )
        ],
        id="I58-nul",
    ),
    pytest.param(
        {"jobs/my job.yaml": named("my job")},
        [
            (
                "jobs/my job.yaml:1:5 ID002 id: id may use A-Z a-z 0-9 - _ . and must start with a letter "
                "or digit, found `my job`"
            )
        ],
        id="I58-space",
    ),
    pytest.param(
        {"jobs/a.yaml": named("a\\n")},
        [
            (
                "jobs/a.yaml:1:5 ID002 id: id may use A-Z a-z 0-9 - _ . and must start with a letter or "
                "digit, found `a\\n`"
            )
        ],
        id="I58-line-break-at-the-end",
    ),
    pytest.param(
        {"jobs/a.yaml": named("a" * 80)},
        ["jobs/a.yaml:1:5 VAL005 id: id has 80 characters, limit 64"],
        id="I60-long",
    ),
    pytest.param(
        {"jobs/a.yml": named("a"), "jobs/x/a.yaml": "# moved\n" + named("a")},
        ["jobs/x/a.yaml:2:5 ID005 id: id `a` is also defined in definitions/jobs/a.yml:1"],
        id="I61-in-two-folders",
    ),
    pytest.param(
        {"targets/t.yaml": "id: t\nprovider: local\n", "targets/t.json": '{"id": "t", "provider": "local"}'},
        ["targets/t.yaml:1:5 ID005 id: id `t` is also defined in definitions/targets/t.json:1"],
        id="I61-yaml-and-json",
    ),
    pytest.param(
        {"jobs/Backup.yaml": named("Backup"), "jobs/backup.yaml": named("backup")},
        [
            (
                "jobs/backup.yaml:1:5 ID005 id: id `backup` differs from `Backup` "
                "(definitions/jobs/Backup.yaml:1) only in case"
            )
        ],
        id="I62-case",
    ),
    pytest.param(
        {"jobs/\u0430dmin.yaml": named("\u0430dmin")},
        ["jobs/\u0430dmin.yaml:1:5 ID003 id: character 1 is U+0430 (Cyrillic a), it looks like Latin a"],
        id="I63-cyrillic",
    ),
    pytest.param(
        {"jobs/b\u03bfb.yaml": named("b\u03bfb")},
        ["jobs/b\u03bfb.yaml:1:5 ID003 id: character 2 is U+03BF (Greek o), it looks like Latin o"],
        id="I63-greek",
    ),
    pytest.param(
        {"jobs/admin.yaml": named("admin"), "jobs/\u0430dmin.yaml": named("\u0430dmin")},
        [
            "jobs/\u0430dmin.yaml:1:5 ID003 id: character 1 is U+0430 (Cyrillic a), it looks like Latin a",
            (
                "jobs/\u0430dmin.yaml:1:5 ID005 id: id `\u0430dmin` looks like `admin` "
                "(definitions/jobs/admin.yaml:1), but has other characters"
            ),
        ],
        id="I63-twin-of-another",
    ),
    pytest.param(
        {"jobs/caf\u00e9.yaml": named("caf\u00e9"), "jobs/cafe\u0301.yaml": named("cafe\u0301")},
        [
            "jobs/cafe\u0301.yaml:1:5 ID003 id: character 5 is U+0301 (COMBINING ACUTE ACCENT)",
            "jobs/caf\xe9.yaml:1:5 ID003 id: character 4 is U+00E9 (LATIN SMALL LETTER E WITH ACUTE)",
            (
                "jobs/caf\xe9.yaml:1:5 ID005 id: id `caf\xe9` is also defined in definitions/jobs/cafe\u0301.yaml:1; "
                "they differ only in how the accent is encoded"
            ),
        ],
        id="I66-accent-encoded-twice",
    ),
    pytest.param(
        {"jobs/a.yaml": JOB + 'name: "a\\nb"\n'},
        ["jobs/a.yaml:6:7 VAL003 name: name must be one line"],
        id="I68-line-break-in-name",
    ),
    pytest.param(
        {"jobs/a.yaml": JOB + 'name: "a\\u2028b"\n'},
        ["jobs/a.yaml:6:7 VAL003 name: name must be one line"],
        id="I68-line-separator-in-name",
    ),
    pytest.param(
        {"jobs/a.yaml": JOB + "previousId: b\n", "jobs/b.yaml": named("b")},
        ["jobs/a.yaml:6:13 REF006 previousId: previousId `b` is the id of another job, which is still there"],
        id="I-previous-id-is-still-there",
    ),
    pytest.param(
        {"jobs/a.yaml": JOB + "previousId: c\n", "jobs/b.yaml": named("b") + "previousId: c\n"},
        ["jobs/b.yaml:6:13 REF006 previousId: previousId `c` is also that of `a`"],
        id="I-previous-id-of-two",
    ),
    pytest.param(
        {"jobs/a.yaml": JOB + "previousId: a\n"},
        ["jobs/a.yaml:6:13 REF006 previousId: previousId is the job's own id"],
        id="I-previous-id-is-its-own",
    ),
]


@pytest.mark.parametrize(("files", "expected"), BAD_IDS)
def test_an_id_that_cannot_be_taken_says_why(files, expected):
    loaded = load(files)
    assert lines_of(loaded) == expected
    assert not loaded.desired.complete


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param("\udcff", "\\xff", id="not-utf-8"),
        pytest.param("a\nb", "a\nb", id="line-break"),
        pytest.param("", "", id="no-name"),
        pytest.param("x" * 250, "x" * 250, id="long"),
        pytest.param("\u202e", "\u202e", id="direction"),
    ],
)
@pytest.mark.parametrize("text", [JOB, "", "{"], ids=["a-job", "empty", "broken"])
def test_a_file_of_any_name_gets_an_answer(name, shown, text):
    loaded = load({f"jobs/{name}.yaml": text})
    assert {problem.path for problem in loaded.problems} == {f"definitions/jobs/{shown}.yaml"}
    assert loaded.has_errors


def test_files_that_claim_one_id_all_wait():
    loaded = load({"jobs/a.yml": named("a"), "jobs/x/a.yaml": named("a"), "jobs/b.yaml": named("b")})
    assert list(loaded.desired.jobs) == ["b"]
    assert loaded.desired.unreadable == {(Kind.JOB, "a")}


def test_a_file_whose_id_is_not_its_name_keeps_both_from_being_deleted():
    loaded = load({"jobs/a.yaml": named("b")})
    assert loaded.desired.unreadable == {(Kind.JOB, "a"), (Kind.JOB, "b")}


def test_the_same_id_in_two_kinds_is_fine():
    loaded = load({"jobs/a.yaml": JOB, "components/a.yaml": "id: a\nscript: echo\n"})
    assert not loaded.problems


def test_a_name_with_markup_and_escapes_is_kept_as_it_is():
    loaded = load({"jobs/a.yaml": JOB + 'name: "<b>x</b> \\e[31m"\n'})
    assert loaded.desired.jobs["a"].form.name == "<b>x</b> \x1b[31m"


@pytest.mark.parametrize(
    ("mode", "words"), [("120000", "a symbolic link"), ("160000", "a submodule"), ("000000", "not a regular file")]
)
def test_what_is_not_a_regular_file_is_never_read(mode, words):
    loaded = load({"jobs/a.yaml": JOB}, modes={"jobs/a.yaml": mode})
    assert lines_of(loaded) == [f"jobs/a.yaml:0:0 FILE010 : this is {words}; definitions are regular files"]
    assert loaded.desired.unreadable == {(Kind.JOB, "a")}
