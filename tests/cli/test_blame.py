"""Which commit broke a job: real commits, real runs."""

SAY_HELLO = [{"id": "say", "command": "echo", "arguments": ["hello"]}]
BREAK = [{"id": "say", "command": "false"}]


def run(project):
    project.call("apply")
    project.call("run", "hello", "--wait")


def test_the_commit_since_which_a_job_fails_is_named(project):
    good = project.commit_job()
    run(project)
    project.repo.write("README", "nothing to do with it")
    project.repo.commit("Write a word")
    run(project)
    bad = project.commit_job(tasks=BREAK)
    run(project)
    run(project)

    answer = project.call("blame", "hello")
    assert answer.code == 0
    rows = [line.split() for line in answer.out.splitlines() if line.startswith("  ")]
    assert [row[0] for row in rows[1:]] == [bad[:12], good[:12]]
    assert "2 failed" in answer.out.splitlines()[1]
    assert "2 completed" in answer.out.splitlines()[2]
    assert f"Fails since {bad[:12]}: first failed on " in answer.out
    assert f", with {good[:12]}." in answer.out
    assert project.call("blame", "hello", "--format", "json").json["failsSince"] == bad


def test_a_failure_without_a_change_blames_no_commit(project):
    project.commit_job(tasks=[{"id": "look", "command": "test", "arguments": ["-e", "here"]}])
    project.repo.write("here", "")
    flag = project.repo.path / "here"
    project.commit_job(tasks=[{"id": "look", "command": "test", "arguments": ["-e", str(flag)]}])
    run(project)
    flag.unlink()
    run(project)
    answer = project.call("blame", "hello")
    assert "and not since a change of its file: first failed on " in answer.out
    assert project.call("blame", "hello", "--format", "json").json["failsSince"] is None


def test_a_job_that_never_ran_or_never_failed_is_not_blamed(project):
    project.commit_job()
    project.call("apply")
    assert "No run has ended yet." in project.call("blame", "hello").out
    run(project)
    assert "It does not fail" in project.call("blame", "hello").out


def test_a_renamed_and_moved_job_keeps_its_history(project):
    first = project.commit_job()
    run(project)
    (project.repo.path / "definitions/jobs/hello.json").unlink()
    second = project.commit_job("greet", previousId="hello", tasks=BREAK)
    project.call("apply")
    project.call("run", "greet", "--wait")
    document = project.call("blame", "greet", "--format", "json").json
    assert [(item["commit"], item["runs"]) for item in document["commits"]] == [
        (second, {"failed": 1}),
        (first, {"completed": 1}),
    ]
    assert document["failsSince"] == second


def test_foreign_words_stay_in_their_cells(project):
    project.commit_job()
    project.repo.write("definitions/jobs/hello.json", '{"id": "hello", "tasks": [{"id": "a", "command": "true"}]}')
    project.repo.commit("`x` | <b> @team \x1b[31m ##[error]")
    run(project)
    answer = project.call("blame", "hello", "--format", "markdown")
    assert "\x1b" not in answer.out
    assert "##[" not in answer.out
    assert "| `` `x` \\| <b> @team \\x1b[31m \\x23#[error] `` |" in answer.out
    assert project.call("blame", "helo").code == 64
