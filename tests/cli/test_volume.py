"""How much commands say: `--quiet` and `--verbose`."""

import subprocess
import sys

import pytest

DAILY = {"cronExpression": "0 3 * * *"}
WRONG = "id: a\nschedule: {cronExpression: '0 25 * * *'}\ntasks: [{id: t, command: x}]\n"


@pytest.mark.parametrize(
    "verb", [["validate"], ["apply"], ["fmt"], ["pause", "hello", "--reason", "disk"], ["run", "hello"]]
)
def test_a_quiet_command_that_went_well_says_nothing_beside_its_result(project, verb):
    project.commit_job(schedule=DAILY)
    assert project.call("apply").err
    answer = project.call(*verb, "--quiet")
    assert (answer.code, answer.err) == (0, "")


def test_quiet_keeps_the_result_and_what_is_wrong(project):
    project.commit_job(schedule=DAILY)
    project.repo.write("definitions/jobs/a.yaml", WRONG)
    loud, quiet = project.call("validate"), project.call("-q", "validate")
    assert loud.err
    assert (quiet.code, quiet.out, quiet.err) == (3, loud.out, "")
    assert "hour 25" in quiet.out
    assert project.call("plan", "-q", "--worktree").out
    assert "no job is applied" in project.call("-q", "run", "nothing").err


def test_quiet_holds_for_one_command(project):
    project.commit_job(schedule=DAILY)
    project.call("validate", "-q")
    assert project.call("validate").err


@pytest.mark.parametrize("options", [["-v", "validate"], ["validate", "--verbose"]])
def test_verbose_says_what_is_done_and_when(project, options):
    project.commit_job(schedule=DAILY)
    answer = project.call(*options)
    assert answer.code == 0
    assert answer.out == ""
    assert f"checked the definitions in {project.repo.path}: " in answer.err
    assert " ms\n" in answer.err
    assert "s  exit 0\n" in answer.err


def test_verbose_names_repository_state_targets_and_programs(project):
    project.commit_job(schedule=DAILY)
    err = project.call("apply", "-v").err
    for words in (
        f"repository {project.repo.path}",
        f"opened the state {project.repo.path}/.git/reconciler/state.db: ",
        "read the definitions at ",
        "targets: local",
        "starts git ",
    ):
        assert words in err


def test_verbose_never_tells_arguments(tmp_path):
    """Of Git only the command, of other programs only the name: what follows may be a secret."""
    program = (
        "import subprocess, sys\nfrom reconciler.cli.volume import set_verbose\nimport click\n"
        "set_verbose(click.Context(click.Command('x')), click.Option(['-v']), True)\n"
        "subprocess.run(['git', '-c', 'http.extraHeader=hunter2', '-C', '/', 'version', 'hunter3'])\n"
        "subprocess.run([sys.executable, '-c', '\"hunter4\"'])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "starts git version\n" in done.stderr
    assert "starts python" in done.stderr
    assert "hunter" not in done.stderr


def test_quiet_and_verbose_exclude_each_other(project):
    answer = project.call("-q", "validate", "-v")
    assert answer.code == 64
    assert "exclude each other" in answer.err
