from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest

from reconciler.model.run import Device, Disposition, Occurrence, Question, RunStatus, StreamSummary, TaskResult
from reconciler.reports.figures import one_line
from reconciler.reports.html import render_html
from reconciler.reports.junit import render_junit
from reconciler.reports.markdown import render_markdown
from reconciler.reports.text import render_reports

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
HOSTILE = (
    "<img src=x onerror=alert(1)> | `` ``` @admin #1 \x1b[31m\u202e ##[error]x ##vso[x] ]]> & \r\x00 [a](javascript:b)"
)


def question(**fields):
    given = {
        "key": "q1",
        "text": "Which disk?",
        "choices": ("sda", "sdb"),
        "asked_at": MIDNIGHT,
        "outcome": "answered",
        "answer": "sdb",
        "answered_by": "ann",
        "ended_at": MIDNIGHT + timedelta(minutes=5),
    }
    return Question(**(given | fields))


RENDERINGS = {
    "text": render_reports,
    "markdown": render_markdown,
    "html": lambda reports: render_html(reports, title="Runs"),
    "junit": render_junit,
}


@pytest.fixture
def failed(make_report, make_task):
    task = make_task(
        status=RunStatus.FAILED, exit_code=127, stderr=StreamSummary(30, "b" * 64, "sh: tar: not found\r\nbye\n")
    )
    return make_report(make_task("first"), task, uid="u2", status=RunStatus.FAILED)


@pytest.fixture
def skipped(make_report):
    tasks = [TaskResult(id="clean", status=RunStatus.SKIPPED)]
    return make_report(*tasks, uid="u3", status=RunStatus.SKIPPED, reason="offline", started_at=None, queued_at=None)


@pytest.fixture
def hostile(make_report, make_task):
    task = make_task(
        HOSTILE,
        status=RunStatus.FAILED,
        exit_code=1,
        meaning=HOSTILE,
        stdout=StreamSummary(10, "", f"::error::all is well\n{HOSTILE}\n````\n"),
        outputs={HOSTILE: HOSTILE},
        warnings=(HOSTILE,),
        questions=(question(text=HOSTILE, choices=(HOSTILE,), answer=HOSTILE, answered_by=HOSTILE),),
        children=(HOSTILE,),
    )
    return make_report(
        task,
        job_id=HOSTILE,
        status=RunStatus.FAILED,
        reason=HOSTILE,
        device=Device(uid="x", hostname=HOSTILE),
        parameters={HOSTILE: HOSTILE},
    )


@pytest.fixture
def missed(make_run):
    run = make_run()
    return Occurrence(
        id="o9",
        root_id="clean",
        job_id="clean",
        target="local",
        trigger=run.trigger,
        scheduled_for=MIDNIGHT - timedelta(hours=22),
        last_instant=MIDNIGHT,
        count=3,
        created_at=MIDNIGHT,
        disposition=Disposition.MISSED,
        reason="no scheduler",
        origin=run.origin,
    )


def test_a_report_as_text(failed):
    assert render_reports([failed]) == (
        "Run u2 of clean: failed\n"
        "  Device:     web-1 on target local\n"
        "  Trigger:    schedule:2026-03-01T02:00:00.000Z\n"
        "  Started:    2026-03-01T02:00:00.000Z\n"
        "  Duration:   2.4s\n"
        "  Commit:     9999999999999999999999999999999999999999\n"
        "  File:       definitions/jobs/clean.yaml (blob bbbbbbbbbbbb)\n"
        "  Task first: completed in 2.0s, exit 0: Success\n"
        "    stdout:\n"
        "      | freed 120 MB\n"
        "  Task clean: failed in 2.0s, exit 127: Command not found\n"
        "    stdout:\n"
        "      | freed 120 MB\n"
        "    stderr, the last 24 bytes of 30:\n"
        "      | sh: tar: not found\n"
        "      | bye\n"
    )


def test_a_run_that_never_started_as_text(skipped):
    text = render_reports([skipped])
    assert "clean: skipped (offline)\n" in text
    assert "  Started:    -\n  Duration:   -\n" in text
    assert "  Task clean: skipped\n" in text


def test_nothing_to_show_is_no_text():
    assert render_reports([]) == ""


def test_long_output_is_cut_and_that_is_said(make_report, make_task):
    text = render_reports([make_report(make_task(stdout=StreamSummary(999, "", "line\n" * 100)))])
    assert "      (60 lines before)\n" in text
    assert text.count("| line") == 40


def test_a_table_and_what_went_wrong_as_markdown(make_report, failed, skipped):
    assert render_markdown([make_report(uid="u1"), failed, skipped]).splitlines() == [
        "**3 runs**: 1 completed, 1 failed, 1 skipped",
        "",
        "| Status | Job | Device | Started (UTC) | Duration | Exit | Commit | Run |",
        "|---|---|---|---|---:|---:|---|---|",
        "| `completed` | `clean` | `web-1` | `2026-03-01 02:00:00` | 2.4s | 0 | `999999999999` | `u1` |",
        "| **`failed`** | `clean` | `web-1` | `2026-03-01 02:00:00` | 2.4s | 127 | `999999999999` | `u2` |",
        "| **`skipped` (`offline`)** | `clean` | `web-1` | - | - | - | `999999999999` | `u3` |",
        "",
        "`clean` on `web-1`: `failed`, exit 127: `Command not found`",
        "",
        "stdout of task `clean`:",
        "",
        "```text",
        "| freed 120 MB",
        "```",
        "",
        "stderr of task `clean`:",
        "",
        "```text",
        "| sh: tar: not found",
        "| bye",
        "```",
    ]


def test_many_runs_are_cut_and_that_is_said(make_report, failed):
    text = render_markdown([make_report()] * 250)
    assert text.count("| `completed` |") == 200
    assert "... the first 200 of 250 runs in all" in text
    assert "... the first 20 of 25 runs that went wrong" in render_markdown([failed] * 25)
    assert render_markdown([]) == "**No runs**\n\n"


def test_runs_as_junit(make_report, failed, skipped, make_task):
    lost = make_report(make_task(), uid="u4", job_id="other", status=RunStatus.LOST)
    root = ET.fromstring(render_junit([make_report(), failed, skipped, lost]))
    assert root.attrib == {
        "name": "reconciler",
        "tests": "4",
        "failures": "1",
        "errors": "1",
        "skipped": "1",
        "time": "7.200",
    }
    assert [(suite.get("name"), suite.get("tests")) for suite in root] == [("clean", "3"), ("other", "1")]
    case = root.findall("testsuite/testcase")[1]
    assert case.get("name") == "schedule:2026-03-01T02:00:00.000Z on web-1"
    assert case.find("failure").get("message") == "failed: task clean ended with exit code 127: Command not found"
    assert case.find("system-err").text == "[clean] sh: tar: not found\n[clean] bye"
    assert [item.get("value") for item in case.iter("property")] == ["u2", "9" * 40, "definitions/jobs/clean.yaml"]
    assert root.find("testsuite[@name='clean']/testcase[3]/skipped").get("message") == "skipped (offline)"


def test_what_did_not_run_is_told_beside_what_did(make_report, missed):
    markdown = render_markdown([make_report()], not_run=[missed])
    assert "| `clean` | 2026-02-28 02:00 | `missed (3 instants): no scheduler` |" in markdown.splitlines()
    page = render_html([make_report()], title="Runs of commit 999", not_run=[missed])
    assert "<td>missed (3 instants): no scheduler</td>" in page
    root = ET.fromstring(render_junit([make_report()], not_run=[missed]))
    assert (root.get("tests"), root.get("skipped")) == ("2", "1")
    suite = root.find("testsuite[@name='did not run']")
    assert suite.find("testcase/skipped").get("message") == "missed (3 instants): no scheduler"


@pytest.mark.parametrize(
    ("rendering", "before", "quoted"),
    [
        ("text", "    asked", "{}"),
        ("markdown", "- `clean` on `web-1`, task `clean`: asked", "`{}`"),
        ("html", "<p>Asked", "<code>{}</code>"),
        ("junit", 'name="question" value="asked', "{}"),
    ],
)
def test_what_was_asked_and_answered_is_told(make_report, make_task, rendering, before, quoted):
    text, sda, sdb, ann = (quoted.format(word) for word in ("Which disk?", "sda", "sdb", "ann"))
    asked = f"{before} 2026-03-01 00:00:00 UTC: {text} (one of {sda}, {sdb})"
    words = f"{asked}; answered 2026-03-01 00:05:00 UTC by {ann}: {sdb}"
    assert words in RENDERINGS[rendering]([make_report(make_task(questions=(question(),)))])


@pytest.mark.parametrize("rendering", RENDERINGS)
def test_a_secret_answer_is_told_as_one(make_report, make_task, rendering):
    asked = question(is_secret=True, choices=(), answer="s3cr3t")
    text = RENDERINGS[rendering]([make_report(make_task(questions=(asked,)))])
    assert "s3cr3t" not in text
    assert ": a secret" in text


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("expired", "; not answered in time, 2026-03-01 00:05:00 UTC"),
        ("withdrawn", "; withdrawn 2026-03-01 00:05:00 UTC"),
    ],
)
def test_a_question_that_nobody_answered_is_told(make_report, make_task, outcome, words):
    asked = question(outcome=outcome, answer="", answered_by="")
    assert words in render_reports([make_report(make_task(questions=(asked,)))])


@pytest.mark.parametrize("rendering", RENDERINGS)
def test_why_a_task_could_not_start_is_told(make_report, make_task, rendering):
    words = "pwsh: No such file or directory"
    task = make_task(status=RunStatus.FAILED, exit_code=None, started_at=None, stdout=StreamSummary(), meaning=words)
    assert words in RENDERINGS[rendering]([make_report(task, status=RunStatus.FAILED, reason="failed_to_start")])


@pytest.mark.parametrize("rendering", ["text", "html"])
def test_values_are_written_as_in_definitions(make_report, make_task, rendering):
    task = make_task(outputs={"files": [1, True], "name": "a"})
    text = RENDERINGS[rendering]([make_report(task, parameters={"dry": True})])
    assert all(words in text for words in ("files = [1,true]", "name = a", "dry=true"))


def test_a_run_tells_of_its_parent_and_children(make_report, make_task):
    reports = [make_report(make_task(children=("u7",)), parent_uid="u6")]
    text, page = render_reports(reports), render_html(reports, title="Runs")
    assert "  Parent:     u6\n" in text
    assert "    started: u7\n" in text
    assert "<dt>Parent</dt><dd>u6</dd>" in page
    assert "<p>Started <code>u7</code></p>" in page


def test_a_page_of_runs_unfolds_what_went_wrong(make_report, failed):
    page = render_html([make_report(uid="u1"), failed], title="Runs of commit 999")
    assert "<title>Runs of commit 999</title>" in page
    assert "<p>1 completed, 1 failed</p>" in page
    assert '<details id="run-0">' in page
    assert '<details id="run-1" open>' in page
    assert "<pre>sh: tar: not found\nbye</pre>" in page
    assert "http" not in page


def test_a_page_holds_no_element_of_a_script(hostile):
    page = render_html([hostile], title=HOSTILE)
    assert "<img" not in page
    assert "onerror=alert(1)&gt;" in page


@pytest.mark.parametrize(
    "render",
    [
        render_reports,
        render_markdown,
        render_junit,
        lambda reports: render_html(reports, title=HOSTILE),
        lambda reports: one_line(reports[0]),
    ],
)
def test_nothing_in_a_report_escapes_its_place(render, hostile):
    text = render([hostile])
    assert not any(char in text for char in "\x1b\u202e\x00\r")
    assert "##[" not in text
    assert "##vso[" not in text
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())


def test_hostile_words_stay_in_their_cells(hostile):
    rows = [line for line in render_markdown([hostile]).splitlines() if line.startswith("| **")]
    assert [row.replace("\\|", "").count("|") for row in rows] == [9]


def test_hostile_output_stays_in_its_block(hostile):
    lines = render_markdown([hostile]).splitlines()
    fence = next(line for line in lines if line.endswith("`text"))
    assert fence == "`````text"
    assert lines.count("`````") == 1


def test_hostile_xml_is_read_back_as_it_was_escaped(hostile):
    root = ET.fromstring(render_junit([hostile]))
    assert "<img src=x onerror=alert(1)>" in root.find("testsuite").get("name")


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (0, "0.0s"),
        (59_940, "59.9s"),
        (59_960, "1m00s"),
        (125_000, "2m05s"),
        (11_220_000, "3h07m"),
        (187_200_000, "2d04h"),
    ],
)
def test_durations(make_report, milliseconds, words):
    report = make_report(started_at=MIDNIGHT, ended_at=MIDNIGHT + timedelta(milliseconds=milliseconds))
    assert one_line(report) == f"completed clean on web-1 {words} exit 0 {report.run.uid}"


def test_the_line_of_a_run_that_never_started(skipped):
    assert one_line(skipped) == "skipped clean on web-1 - exit - u3"
