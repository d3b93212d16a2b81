"""What goes wrong is told once, with the way out and the right exit code; nothing is half-done."""

import sqlite3

import pytest
from support.cli import make_project

VERBS = ["validate", "plan", "apply", "reconcile", "status", "report"]


def assert_one_clear_message(answer, *words):
    assert "Traceback" not in answer.err
    assert "bug of ours" not in answer.err
    for word in words:
        assert word in answer.err


@pytest.mark.parametrize("verb", [*VERBS, "run x", "runs list"])
def test_no_git_repository(tmp_path, monkeypatch, capfd, verb):
    from reconciler.cli.main import run_cli

    code = run_cli(["-C", str(tmp_path), *verb.split()])
    out, err = capfd.readouterr()
    assert code == 1
    assert "is not in a Git repository" in err
    assert out == ""


@pytest.mark.parametrize("verb", ["plan", "apply", "reconcile"])
def test_an_empty_repository(project, verb):
    answer = project.call(verb)
    assert answer.code == 1
    assert_one_clear_message(answer, "no commit", "git commit")


@pytest.mark.parametrize("verb", ["validate", "plan", "apply", "reconcile"])
def test_no_definitions(project, verb):
    project.repo.write("README.md", "nothing else")
    project.repo.commit()
    answer = project.call(verb)
    assert answer.code == 3
    assert_one_clear_message(answer, "there are no definitions", "definitions/jobs/NAME.yaml")


def test_no_folder_at_all(tmp_path, capfd):
    from reconciler.cli.main import run_cli

    assert run_cli(["-C", str(tmp_path / "nowhere"), "validate"]) == 1
    assert "nowhere" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("id: [unclosed\n", ["definitions/jobs/bad.yaml:"], id="not-yaml"),
        pytest.param("id: bad\ntaskz: []\n", ["unknown field `taskz`", "did you mean `tasks`?"], id="unknown-field"),
        pytest.param(
            "id: other\ntasks: [{id: a, command: 'true'}]\n", ["id `other` must equal the file name `bad`"], id="id"
        ),
        pytest.param("", ["no definition in this file"], id="empty"),
    ],
)
@pytest.mark.parametrize("verb", ["validate", "plan", "reconcile"])
def test_a_bad_file_is_told_with_its_place(project, text, words, verb):
    project.repo.write("definitions/jobs/bad.yaml", text)
    project.repo.commit()
    answer = project.call(verb)
    assert answer.code == 3
    said = answer.out + answer.err
    assert "Traceback" not in said
    assert all(word in said for word in words)


def test_a_bad_settings_file(project):
    project.commit_job()
    project.repo.write("reconciler.toml", "[reports]\noutptu = 'full'\n")
    project.repo.commit()
    for verb in ("validate", "plan", "reconcile"):
        answer = project.call(verb)
        assert answer.code == 3
        assert "outptu" in answer.out + answer.err


def test_an_unknown_job(project):
    project.commit_job("backup-db")
    project.call("apply")
    answer = project.call("run", "backup-bd")
    assert answer.code == 64
    assert_one_clear_message(answer, "unknown job `backup-bd`", "Did you mean backup-db?")


def test_a_run_before_anything_is_applied(project):
    project.commit_job()
    answer = project.call("run", "hello")
    assert answer.code == 64
    assert_one_clear_message(answer, "no job is applied yet", "reconciler reconcile")


def test_a_missing_required_parameter_starts_nothing(project):
    project.commit_job(parameters=[{"name": "path", "required": True, "description": "Where to"}])
    project.call("apply")
    answer = project.call("run", "hello", "--wait")
    assert answer.code == 64
    assert_one_clear_message(answer, "parameter `path` is required", "Usage: reconciler run hello --var path=VALUE")
    assert project.call("runs", "list", "--format", "json").json == []


def test_an_unknown_and_an_ill_typed_parameter(project):
    project.commit_job(parameters=[{"name": "days", "type": "number", "default": 7}])
    project.call("apply")
    answer = project.call("run", "hello", "--var", "dais=3", "--var", "days=x")
    assert answer.code == 64
    assert_one_clear_message(answer, "unknown parameter `dais`; did you mean `days`?", "expected a number")


def test_an_executable_that_is_not_there_is_a_run_that_failed_to_start(project):
    project.commit_job(tasks=[{"id": "gone", "command": "no-such-program-here"}])
    project.call("apply")
    answer = project.call("run", "hello", "--wait")
    assert answer.code == 6
    assert "Failed (failed_to_start)" in answer.out
    assert "no-such-program-here" in answer.out


def test_a_database_that_cannot_be_written(project, tmp_path):
    project.commit_job()
    in_the_way = tmp_path / "file"
    in_the_way.write_text("a file where a folder should be")
    answer = project.call("reconcile", "--state", str(in_the_way / "state.db"))
    assert answer.code == 1
    assert_one_clear_message(answer, str(in_the_way))


def test_a_file_that_is_no_database_is_left_alone(project, tmp_path):
    project.commit_job()
    other = tmp_path / "notes.txt"
    other.write_text("not a database, and precious" * 100)
    before = other.read_bytes()
    answer = project.call("status", "--state", str(other))
    assert answer.code == 1
    assert_one_clear_message(answer, str(other))
    assert other.read_bytes() == before


def test_a_database_of_a_newer_program_is_refused_and_left_alone(project):
    """RELIABILITY G24, S11."""
    project.commit_job()
    project.call("apply")
    path = project.repo.path / ".git/reconciler/state.db"
    with sqlite3.connect(path) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    answer = project.call("reconcile")
    assert answer.code == 1
    assert_one_clear_message(answer, "newer")


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["run"],
        ["plan", "--format", "xml"],
        ["plan", "--worktree", "--ref", "main~0"],
        ["reconcile", "--worktree"],
        ["apply", "--worktree"],
        ["run", "x", "--var", "novalue"],
        ["report", "--commit", "a", "--run", "b"],
        ["runs", "show", "no-such-run"],
        ["runs", "list", "--since", "yesterday-ish"],
        ["runs", "list", "--status", "great"],
        ["schema", "jobb"],
    ],
)
def test_a_call_that_is_wrong_exits_with_64(project, arguments):
    project.commit_job()
    answer = project.call(*arguments)
    assert answer.code == 64
    assert_one_clear_message(answer)
    assert answer.err.strip()


@pytest.mark.parametrize("ref", ["no-such-branch", "--output=x", "main..main", "@{-1}", "refs/../../x"])
def test_a_ref_that_cannot_be_read(project, ref):
    project.commit_job()
    answer = project.call("plan", f"--ref={ref}")
    assert answer.code in {1, 64}
    assert_one_clear_message(answer)
    assert not (project.repo.path / "x").exists()


def test_files_that_are_not_committed_are_never_applied(project):
    project.commit_job()
    answer = project.call("reconcile", "--worktree")
    assert answer.code == 64
    assert "a run's report names its commit" in answer.err
    assert project.call("plan", "--worktree").code == 0


def test_a_read_only_state_folder_is_told_with_its_path(tmp_path, monkeypatch, capfd):
    """As root permissions do not bind, so the folder is a file system that cannot be written: /proc."""
    made = make_project(tmp_path / "repo", capfd)
    made.commit_job()
    answer = made.call("status", "--state", "/proc/reconciler/state.db")
    assert answer.code == 1
    assert "/proc/reconciler" in answer.err


def test_definitions_that_look_like_output_are_escaped(project):
    project.commit_job(description="x", name="bell\u0007")
    answer = project.call("validate")
    assert "\x07" not in answer.out + answer.err
