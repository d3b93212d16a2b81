"""What a run looks like in the words of seed 002, held as whole texts."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from support.store import MIDNIGHT, occurrence_of, run_of

from reconciler.cli.run_words import describe_run, progress_line
from reconciler.cli.watching import step_of
from reconciler.model.job import Job, Retry, Task
from reconciler.model.run import Device, OutputRecord, Question, RunStatus, Stream, StreamSummary, TaskResult
from reconciler.targets.protocol import Note

FORM = Job(id="clear", name="Clear Temp Files", component="clear", tasks=(Task(id="clear", script="x"),))
FAR = Device(uid="d1", hostname="ACME-DC01", online=True)
HERE = Device(uid="local", hostname="ACME-DC01", online=True)
RULE = "-" * 70


def run(status, *, seconds=None, device=FAR, reason="", **variables):
    made = run_of(occurrence_of("clear", 1), 2, device=device)
    started = MIDNIGHT + timedelta(hours=10, minutes=45) if seconds is not None or status == "running" else None
    ended = started + timedelta(seconds=seconds) if seconds is not None else None
    return replace(
        made,
        uid="j1k2l3m4",
        status=RunStatus(status),
        reason=reason,
        variables=variables,
        started_at=started,
        ended_at=ended,
    )


def out(text, stream=Stream.STDOUT):
    return OutputRecord("clear", stream, MIDNIGHT, text.encode())


def task(status, exit_code):
    return (TaskResult(id="clear", status=RunStatus(status), exit_code=exit_code),)


QUEUED = r"""Job Queued Successfully

Job UID:      j1k2l3m4
Device:       ACME-DC01
Component:    Clear Temp Files
Commit:       cccccccccccc
Status:       Queued

Variables:
  days: 30
  path: C:\Temp

Job will run when the device checks in (typically within 5 minutes).

To check status: reconciler runs show j1k2l3m4"""

RUNNING = """Job Running

Job UID:      j1k2l3m4
Device:       ACME-DC01
Component:    Clear Temp Files
Commit:       cccccccccccc
Status:       Running
Started At:   2026-03-01 10:45:00 UTC

To check status: reconciler runs show j1k2l3m4"""

WAITING = """Job Waiting for an Answer

Job UID:      j1k2l3m4
Device:       ACME-DC01
Component:    Clear Temp Files
Commit:       cccccccccccc
Status:       Waiting (question)

Question:     Which disk?
              Mind the backup.
Choices:      sda, sdb
Until:        2026-03-01 11:00:00 UTC

To answer: reconciler runs answer j1k2l3m4"""

COMPLETED = f"""Job Completed Successfully

Job UID:      j1k2l3m4
Device:       ACME-DC01
Component:    Clear Temp Files
Commit:       cccccccccccc
Status:       Completed
Duration:     45 seconds
Exit Code:    0 (Success)

Output:
{RULE}
Scanning temporary directories...
Successfully deleted 156 files (2.3 GB freed)
{RULE}

Errors: None

Report: reconciler report --run j1k2l3m4"""

FAILED = rf"""Job Failed

Job UID:      j1k2l3m4
Device:       ACME-DC01
Component:    Clear Temp Files
Commit:       cccccccccccc
Status:       Failed
Duration:     12 seconds
Exit Code:    1 (General error)

Output:
{RULE}
Error: Access denied to C:\Temp\locked.file
{RULE}

Errors:
{RULE}
ERROR: Could not delete locked file
{RULE}

Suggestions:
- Check if file is in use by another process
- Verify script has appropriate permissions
- Run job again after resolving this: reconciler runs retry j1k2l3m4

Report: reconciler report --run j1k2l3m4"""

TIMED_OUT = f"""Job Timed Out

Job UID:      j1k2l3m4
Device:       ACME-DC01
Component:    Clear Temp Files
Commit:       cccccccccccc
Status:       Timeout
Duration:     300 seconds (timeout)
Exit Code:    -

The job exceeded the maximum execution time.

Partial Output:
{RULE}
Step 1 complete...
{RULE}

Errors: None

The job may still be running on the device.
Check device logs or run a shorter test job.

Suggestions:
- Raise timeoutSeconds, or split the job
- Run job again after resolving this: reconciler runs retry j1k2l3m4

Report: reconciler report --run j1k2l3m4"""


QUESTION = Question(
    key="k",
    text="Which disk?\nMind the backup.",
    choices=("sda", "sdb"),
    asked_at=MIDNIGHT,
    deadline_at=MIDNIGHT + timedelta(hours=11),
)


@pytest.mark.parametrize(
    ("made", "tasks", "output", "expected"),
    [
        pytest.param(run("queued", days=30, path="C:\\Temp"), (), [], QUEUED, id="queued"),
        pytest.param(run("running"), (), [], RUNNING, id="running"),
        pytest.param(replace(run("waiting", reason="question"), question=QUESTION), (), [], WAITING, id="waiting"),
        pytest.param(
            run("completed", seconds=45),
            task("completed", 0),
            [out("Scanning temporary directories...\n"), out("Successfully deleted 156 files (2.3 GB freed)\n")],
            COMPLETED,
            id="completed",
        ),
        pytest.param(
            run("failed", seconds=12),
            task("failed", 1),
            [
                out("Error: Access denied to C:\\Temp\\locked.file\n"),
                out("ERROR: Could not delete locked file\n", Stream.STDERR),
            ],
            FAILED,
            id="failed",
        ),
        pytest.param(
            run("timeout", seconds=300), task("timeout", None), [out("Step 1 complete...\n")], TIMED_OUT, id="timed-out"
        ),
    ],
)
def test_text(made, tasks, output, expected):
    assert "\n".join(describe_run(made, FORM, tasks, output)) == expected


def test_what_waits_for_another_run_says_so():
    text = "\n".join(describe_run(run("waiting", reason="child"), FORM, (), []))
    assert "Job goes on when a run that it started has ended." in text
    assert text.endswith("To check status: reconciler runs show j1k2l3m4")


def test_a_secret_question_says_what_becomes_of_the_answer():
    asking = replace(run("waiting", reason="question"), question=replace(QUESTION, is_secret=True, choices=()))
    assert "The answer is a secret: it is kept nowhere." in describe_run(asking, FORM, (), [])


def test_on_this_machine_it_says_what_is_true_here():
    waiting = describe_run(run("created", device=HERE), FORM, (), [])
    assert "Job will run when there is a free slot." in waiting
    ended = describe_run(run("timeout", seconds=1, device=HERE), FORM, task("timeout", None), [])
    assert "The job and all its processes were ended." in ended


def test_what_was_seen_as_it_came_is_not_repeated():
    lines = describe_run(run("completed", seconds=1), FORM, task("completed", 0), [out("x\n")], has_seen_output=True)
    assert "Output:" not in lines


@pytest.mark.parametrize(
    ("code", "words"),
    [(127, "installed"), (126, "chmod"), (137, "out of memory"), (-9, "out of memory"), (2, "arguments")],
)
def test_an_exit_code_is_explained_and_has_a_suggestion(code, words):
    text = "\n".join(describe_run(run("failed", seconds=1), FORM, task("failed", code), []))
    assert f"Exit Code:    {code} (" in text
    assert words in text.partition("Suggestions:")[2]


@pytest.mark.parametrize(
    ("done", "line"),
    [
        (0.0, "[>                   ] 0% - Executing..."),
        (0.5, "[=========>          ] 50% - Executing..."),
        (1.0, "[====================] 100% - Executing..."),
    ],
)
def test_progress_as_seed_002_draws_it(done, line):
    assert progress_line(done, "Executing...") == line


@pytest.mark.parametrize(
    ("made", "note", "expected"),
    [
        pytest.param(run("running"), None, (0.5, "Executing..."), id="does-not-say"),
        pytest.param(run("running"), Note(40, "copying"), (0.4, "copying"), id="says"),
        pytest.param(run("running"), Note(40), (0.4, "Executing..."), id="says-how-far-only"),
        pytest.param(
            run("waiting", reason="question"), Note(40, "copying"), (0.4, "Waiting for an answer..."), id="waits"
        ),
        pytest.param(run("completed", seconds=1), Note(40, "copying"), (1.0, "Ended"), id="ended"),
    ],
)
def test_how_far_a_run_is(made, note, expected):
    assert step_of(FORM, (), made, note=note) == expected


def test_results_are_told_and_which_attempt_it_was():
    form = replace(FORM, retry=Retry(attempts=3))
    tasks = (TaskResult(id="clear", status=RunStatus.COMPLETED, outputs={"freed": "2 GB", "files": [1, True]}),)
    lines = describe_run(replace(run("completed", seconds=1), attempt=2), form, tasks, [])
    assert "Attempt:      2 of 3" in lines
    place = lines.index("Results:")
    assert lines[place : place + 3] == ["Results:", "  freed: 2 GB", "  files: [1,true]"]


@pytest.mark.parametrize(
    ("status", "code", "meaning"),
    [("timeout", -15, ""), ("failed", -9, "ended: it used 70 MiB of memory, and may use 64")],
)
def test_what_was_ended_here_is_not_looked_for_elsewhere(status, code, meaning):
    tasks = (TaskResult(id="clear", status=RunStatus(status), exit_code=code, meaning=meaning),)
    text = "\n".join(describe_run(run(status, seconds=300), FORM, tasks, []))
    assert "look who stopped it" not in text
    assert ("Ended by reconciler (SIGTERM)" in text) == (status == "timeout")
    assert "look for out of memory" not in text


def test_discarded_output_is_told_as_such():
    form = replace(FORM, discard_output=True)
    tasks = (TaskResult(id="clear", status=RunStatus.COMPLETED, exit_code=0, stdout=StreamSummary(2048, "", "")),)
    lines = describe_run(run("completed", seconds=1), form, tasks, [])
    assert "Output: 2,048 bytes, not kept (discardOutput)" in lines
    assert "Errors: None" in lines
