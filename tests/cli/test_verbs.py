"""Each verb as its user sees it."""

import json
import os
import subprocess
import sys

import pytest


def test_validate_says_that_all_is_well(project):
    project.commit_job(schedule={"intervalMinutes": 30})
    answer = project.call("validate")
    assert (answer.code, answer.out, answer.err) == (0, "", "1 file: no problems.\n")


def test_validate_looks_at_saved_files_and_with_ref_at_a_commit(project):
    project.commit_job()
    project.repo.write("definitions/jobs/hello.json", "{")
    assert project.call("validate").code == 3
    assert project.call("validate", "--ref", "HEAD").code == 0


def test_validate_as_json(project):
    project.repo.write("definitions/jobs/bad.yaml", "id: bad\nnope: 1\n")
    document = project.call("validate", "--format", "json").json
    assert document["summary"] == {"errors": 2, "warnings": 0, "information": 0, "files": 1}
    assert {problem["path"] for problem in document["problems"]} == {"definitions/jobs/bad.yaml"}
    assert all(problem["line"] >= 1 for problem in document["problems"])


def test_plan_changes_nothing_and_tells_of_changes_in_its_exit_code_when_asked(project):
    project.commit_job()
    assert project.call("plan").code == 0
    assert project.call("plan", "--exit-code").code == 2
    project.call("apply")
    assert project.call("plan", "--exit-code").code == 0


def test_plan_as_json_fits_its_schema(project):
    import jsonschema

    from reconciler.definitions.schemas import schema_of

    project.commit_job(schedule={"intervalMinutes": 30})
    project.commit_run("once")
    document = project.call("plan", "--format", "json").json
    jsonschema.validate(document, schema_of("plan"))
    assert document["summary"]["create"] == 1


def test_plan_is_the_same_twice(project):
    project.commit_job()
    call = ("plan", "--now", "2026-03-01T00:00:00Z", "--format", "json")
    assert project.call(*call).out == project.call(*call).out


def test_apply_runs_nothing(project):
    project.commit_job()
    project.commit_run("once")
    answer = project.call("apply")
    assert answer.code == 0
    assert "Applied commit" in answer.err
    assert project.call("runs", "list", "--format", "json").json == []
    assert "1 to run" in project.call("plan").out


def test_run_waits_and_its_exit_code_is_how_the_run_went(project):
    project.commit_job("good")
    project.commit_job("bad", tasks=[{"id": "fail", "script": "echo nope >&2; exit 3"}])
    project.call("apply")
    good, bad = project.call("run", "good", "--wait"), project.call("run", "bad", "--wait")
    assert (good.code, bad.code) == (0, 6)
    assert good.out.startswith("Job Completed Successfully\n")
    assert "hello" in good.out
    assert bad.out.startswith("Job Failed\n")
    assert "Exit Code:    3" in bad.out
    assert "nope" in bad.out


def test_a_run_that_takes_too_long_is_ended_and_its_exit_code_says_so(project):
    project.commit_job(tasks=[{"id": "slow", "script": "echo started; exec sleep 600"}], timeoutSeconds=1)
    project.call("apply")
    answer = project.call("run", "hello", "--wait")
    assert answer.code == 7
    assert answer.out.startswith("Job Timed Out\n")
    assert "started" in answer.out


def test_run_hands_values_over_as_they_are(project):
    evil = "$(id) `id`; rm -rf / {{x}} {0} 'q' \"q\" %PATH% \\"
    script = 'import os, sys; print(sys.argv[1]); print(os.environ["text"])'
    project.commit_job(
        parameters=[{"name": "text"}],
        tasks=[{"id": "show", "scriptType": "python", "script": script, "arguments": ["{text}"]}],
    )
    project.call("apply")
    run = project.call("run", "hello", "--var", f"text={evil}", "--wait", "--format", "json").json[0]
    assert project.call("runs", "logs", run["uid"]).out == f"{evil}\n{evil}\n"


def test_tasks_run_in_order_and_a_failure_stops_unless_told_otherwise(project):
    stops = [{"id": "one", "command": "false"}, {"id": "two", "command": "true"}]
    project.commit_job("stops", tasks=stops)
    project.commit_job("goes-on", tasks=[stops[0] | {"continueOnFailure": True}, stops[1]])
    project.call("apply")
    tasks = {}
    for job in ("stops", "goes-on"):
        (run,) = project.call("run", job, "--wait", "--format", "json").json
        tasks[job] = [(task["id"], task["status"]) for task in run["tasks"]]
    assert ("two", "completed") not in tasks["stops"]
    assert tasks["goes-on"] == [("one", "failed"), ("two", "completed")]


def test_a_disabled_job_is_refused_unless_forced(project):
    project.commit_job(enabled=False)
    project.call("apply")
    refused = project.call("run", "hello")
    assert refused.code == 1
    assert "is disabled" in refused.err
    assert "--force" in refused.err
    assert project.call("run", "hello", "--force", "--wait").code == 0


def test_runs_are_listed_newest_first_and_filtered(project):
    project.commit_job("a")
    project.commit_job("b", tasks=[{"id": "fail", "command": "false"}])
    project.call("apply")
    for job in ("a", "b", "a"):
        project.call("run", job, "--wait")
    jobs = [run["jobId"] for run in project.call("runs", "list", "--format", "json").json]
    assert jobs == ["a", "b", "a"]
    assert len(project.call("runs", "list", "--job", "a", "--format", "json").json) == 2
    assert len(project.call("runs", "list", "--status", "failed", "--since", "1h", "--format", "json").json) == 1
    assert "No runs match." in project.call("runs", "list", "--job", "nobody").err


def test_a_run_is_shown_by_the_start_of_its_uid(project):
    project.commit_job()
    project.call("apply")
    (run,) = project.call("run", "hello", "--wait", "--format", "json").json
    shown = project.call("runs", "show", run["uid"][:18])
    assert run["uid"] in shown.out
    assert project.call("runs", "show", run["uid"], "--format", "json").json["run"]["uid"] == run["uid"]


def test_logs_are_shown_escaped_and_raw_when_asked(project):
    project.commit_job(tasks=[{"id": "say", "script": "printf '\\033[31mred\\033[0m\\n'; echo err >&2"}])
    project.call("apply")
    (run,) = project.call("run", "hello", "--wait", "--format", "json").json
    assert "\\x1b[31mred\\x1b[0m" in project.call("runs", "logs", run["uid"]).out
    assert "\x1b[31mred" in project.call("runs", "logs", run["uid"], "--raw").out
    assert project.call("runs", "logs", run["uid"], "--stream", "stderr").out == "err\n"
    records = project.call("runs", "logs", run["uid"], "--format", "json").json
    assert {record["stream"] for record in records} == {"stdout", "stderr"}


def test_reports_are_found_by_commit_and_by_run(project):
    commit = project.commit_job()
    project.call("apply")
    (run,) = project.call("run", "hello", "--wait", "--format", "json").json
    by_commit = project.call("report", "--commit", commit[:10], "--format", "json").json
    assert [report["run"]["uid"] for report in by_commit] == [run["uid"]]
    assert project.call("report").out == project.call("report", "--commit", "HEAD").out
    assert f"Commit:     {commit}" in project.call("report", "--run", run["uid"]).out


@pytest.mark.parametrize(
    ("format_", "begins"), [("markdown", "**1 run**: 1 completed"), ("junit", "<?xml"), ("html", "<!doctype html>")]
)
def test_reports_in_other_formats_go_to_a_file(project, tmp_path, format_, begins):
    project.commit_job()
    project.call("apply")
    project.call("run", "hello", "--wait")
    answer = project.call("report", "--format", format_, "--out", str(tmp_path / "report"))
    assert (answer.code, answer.out) == (0, "")
    assert (tmp_path / "report").read_text().startswith(begins)


def test_runs_without_a_verb_lists_those_of_a_commit(project):
    commit = project.commit_job()
    project.call("apply")
    project.call("run", "hello", "--wait")
    for name in (commit[:10], "HEAD"):
        assert project.call("runs", "--commit", name).out == project.call("runs", "list").out
    assert "nowhere" in project.call("runs", "--commit", "nowhere").err
    assert "No runs match." in project.call("runs", "--commit", "0" * 10).err


def test_status_before_and_after_the_first_pass(project):
    project.commit_job(schedule={"intervalMinutes": 30})
    assert "Nothing has been applied here yet." in project.call("status").out
    project.call("reconcile")
    answer = project.call("status")
    assert "Last pass: applied" in answer.out
    assert answer.out.splitlines()[4].split()[:2] == ["local", "1"]
    assert answer.out.splitlines()[4].endswith("in sync")
    document = project.call("status", "--format", "json").json
    assert document["lastPass"]["counts"] == {"create": 1}
    assert document["upcoming"][0]["jobId"] == "hello"


def test_schema_prints_each_kind_and_lists_them(project):
    for kind in ("job", "component", "target", "run", "report", "plan"):
        assert kind in project.call("schema").out
        assert project.call("schema", kind).json["$schema"].endswith("2020-12/schema")


def test_schema_prints_the_settings_of_a_provider(project):
    assert project.call("schema", "Keeper").json["required"] == ["channel", "path"]
    answer = project.call("schema", "keepr")
    assert (answer.code, "did you mean `keeper`?" in answer.err) == (64, True)


def test_a_reader_that_goes_away_is_no_failure(project):
    project.commit_job()
    project.call("apply")
    program = [sys.executable, "-m", "reconciler", "-C", str(project.repo.path), "schema", "job"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ) as process:
        process.stdout.close()
        assert process.wait() in {0, 1}
        assert b"Traceback" not in process.stderr.read()


def test_a_state_elsewhere_is_a_state_of_its_own(project, tmp_path):
    project.commit_job()
    project.call("apply")
    other = project.call("status", "--state", str(tmp_path / "other.db"))
    assert "Nothing has been applied here yet." in other.out


def test_secrets_reach_the_script_and_show_nowhere(project, tmp_path):
    canary = "c4n4ry-s3cr3t"
    secrets = tmp_path / "secrets.toml"
    secrets.write_text(f'[TOKEN]\nfile = "{tmp_path}/token"\n')
    (tmp_path / "token").write_text(canary)
    project.commit_job(
        tasks=[{"id": "use", "script": 'echo "${#TOKEN} $TOKEN"', "env": {"TOKEN": {"secret": "TOKEN"}}}]
    )
    project.call("apply")
    (run,) = project.call("run", "hello", "--wait", "--secrets", str(secrets), "--format", "json").json
    assert run["status"] == "completed"
    assert project.call("runs", "logs", run["uid"]).out == f"{len(canary)} ***\n"
    report = project.call("report", "--run", run["uid"], "--format", "json")
    assert canary not in report.out
    assert json.loads(report.out)["tasks"][0]["stdout"]["tail"] == f"{len(canary)} ***\n"
    kept = b"".join(path.read_bytes() for path in (project.repo.path / ".git/reconciler").rglob("*") if path.is_file())
    assert canary.encode() not in kept


def test_a_saved_plan_is_applied_as_it_was_looked_at(project, tmp_path):
    project.commit_job()
    saved = tmp_path / "plan.json"
    assert project.call("plan", "--save", str(saved)).code == 0
    project.commit_job("later")
    answer = project.call("apply", "--plan", str(saved))
    assert answer.code == 0
    assert "+   job hello" in answer.out
    assert "later" not in answer.out


def test_a_plan_is_stale_when_the_state_moved(project, tmp_path):
    project.commit_job()
    saved = tmp_path / "plan.json"
    project.call("plan", "--save", str(saved))
    project.call("apply")
    stale = project.call("apply", "--plan", str(saved))
    assert stale.code == 5
    assert "definitions or state moved since that plan" in stale.err
    assert project.call("apply", "--digest", "0" * 12).code == 5
    digest = project.call("plan", "--format", "json").json["digest"]
    assert project.call("apply", "--digest", digest[:12]).code == 0


def test_a_file_that_is_no_plan_is_wrong_usage(project, tmp_path):
    project.commit_job()
    nothing = tmp_path / "nothing.json"
    assert project.call("apply", "--plan", str(nothing)).code == 1
    nothing.write_text("{}")
    assert project.call("apply", "--plan", str(nothing)).code == 64
    project.call("plan", "--worktree", "--save", str(nothing))
    assert project.call("apply", "--plan", str(nothing)).code == 64
