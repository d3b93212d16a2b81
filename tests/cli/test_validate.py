"""`validate` as people, editors, hooks and CI call it."""

import io
import json
import os
import random
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
from support.cli import Project
from support.definitions import JOB
from support.repo import Repo

from reconciler.definitions.known.stamps import Stamps

BAD = JOB.replace("intervalMinutes: 30", "cronExpression: '0 25 * * *'")
WARNED = "id: b\ntasks: [{id: t, command: x}]\n"


@pytest.fixture(autouse=True)
def outside_of_ci(monkeypatch):
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)


def write_jobs(project, **texts):
    for name, text in texts.items():
        project.repo.write(f"definitions/jobs/{name}.yaml", text)


def paths_of(answer):
    return [problem["path"].rpartition("/")[2] for problem in answer.json["problems"]]


def pipe(project, text, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "reconciler", "-C", str(project.repo.path), "validate", *arguments],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )


def test_a_problem_is_shown_with_its_source_and_a_caret(project):
    write_jobs(project, a=BAD)
    answer = project.call("validate")
    assert answer.code == 3
    assert answer.out.splitlines() == [
        "definitions/jobs/a.yaml:2:28: CRON004 schedule.cronExpression: hour 25 is outside 0-23",
        "    2 | schedule: {cronExpression: '0 25 * * *'}",
        "      |                            ^^^^^^^^^^^^",
    ]
    assert answer.err == "1 file: 1 problem in 1 file.\n"


def test_color_is_used_when_asked_for(project):
    write_jobs(project, a=BAD)
    assert "\x1b[" not in project.call("validate").out
    assert "\x1b[1;31mCRON004\x1b[0m" in project.call("validate", "--color", "always").out


def test_a_problem_of_a_whole_file_has_no_stray_path(project):
    write_jobs(project, a="")
    assert "FILE001: no definition" in project.call("validate").out
    project.repo.commit()
    assert "FILE001: no definition" in project.call("plan").err


@pytest.mark.parametrize(
    ("format_", "read"),
    [
        ("json", lambda out: json.loads(out)["problems"][0]["code"]),
        ("jsonl", lambda out: json.loads(out)["code"]),
        ("gitlab", lambda out: json.loads(out)[0]["check_name"]),
        ("sarif", lambda out: json.loads(out)["runs"][0]["results"][0]["ruleId"]),
        ("junit", lambda out: ET.fromstring(out).find(".//failure").get("type")),
        ("github", lambda out: out.partition("title=")[2][:7]),
    ],
)
def test_each_format(project, format_, read):
    write_jobs(project, a=BAD)
    answer = project.call("validate", "--format", format_)
    assert answer.code == 3
    assert read(answer.out) == "CRON004"


def test_in_github_actions_problems_are_annotations(project, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    write_jobs(project, a=BAD)
    assert project.call("validate").out.startswith("::error ")
    assert project.call("validate", "--format", "text").out.startswith("definitions/")


def test_the_result_goes_to_a_file(project, tmp_path):
    write_jobs(project, a=BAD)
    out = tmp_path / "problems.sarif"
    answer = project.call("validate", "--format", "sarif", "--out", str(out))
    assert (answer.code, answer.out) == (3, "")
    assert json.loads(out.read_text())["version"] == "2.1.0"
    assert project.call("validate", "--out", str(tmp_path / "no" / "folder")).code == 1


@pytest.mark.parametrize(("level", "code"), [("error", 0), ("warning", 3), ("information", 3)])
def test_from_which_severity_on_it_fails(project, level, code):
    write_jobs(project, b=WARNED)
    assert project.call("validate", "--fail-level", level).code == code


def test_of_single_files_only_their_problems_are_told_with_references_followed(project):
    write_jobs(project, a=JOB + "alternateJobId: good\n", good=JOB.replace("id: a", "id: good"), bad=BAD)
    answer = project.call("validate", "definitions/jobs/a.yaml", "--format", "json")
    assert paths_of(answer) == ["a.yaml"]
    assert "REF001" not in answer.out
    assert project.call("validate", "definitions/jobs/good.yaml").code == 0
    assert project.call("validate", "definitions/jobs").code == 3


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["definitions/jobs/none.yaml"], "there is no file definitions/jobs/none.yaml"),
        (["README.md"], "is not under definitions/"),
        (["../elsewhere.yaml"], "is not in the repository"),
        (["-"], "--as"),
        (["--as", "definitions/jobs/a.yaml"], "Give `-`"),
        (["-", "x.yaml", "--as", "y"], "stands alone"),
        (["--changed-since", "no-such-branch"], "no-such-branch"),
    ],
)
def test_what_cannot_be_checked_is_told(project, arguments, word):
    project.commit_job()
    answer = project.call("validate", *arguments)
    assert answer.code in {1, 64}
    assert word in answer.err
    assert answer.out == ""


@pytest.fixture
def typed(monkeypatch):
    return lambda text: monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_what_is_not_saved_is_judged_by_what_is_known_of_the_rest(project, typed, monkeypatch):
    write_jobs(project, **{f"j{number}": JOB.replace("id: a", f"id: j{number}") for number in range(15)})
    path = "definitions/jobs/j7.yaml"
    assert project.call("validate").code == 0

    def read_all(*_, **__):
        raise AssertionError("everything was read")

    monkeypatch.setattr("reconciler.cli.checking.load_definitions", read_all)
    typed(JOB.replace("id: a", "id: j7") + "condition: device.os == 'linux'\nalternateJobId: j77\n")
    answer = project.call("validate", "-", "--as", path)
    assert answer.code == 3
    assert "alternateJobId `j77` is not defined; did you mean `j7`?" in answer.out
    assert "    7 | alternateJobId: j77" in answer.out
    typed(JOB.replace("id: a", "id: new"))
    assert project.call("validate", "-", "--as", "definitions/jobs/new.yaml").code == 0
    answer = project.call("validate")
    assert (answer.code, answer.out, answer.err) == (0, "", "15 files: no problems.\n")


def test_standard_input_stands_for_a_file_that_is_not_saved(project):
    write_jobs(project, a=JOB, b=BAD)
    path = "definitions/jobs/a.yaml"
    bad = pipe(project, JOB.replace("command", "comand"), "-", "--as", path)
    assert bad.returncode == 3
    assert bad.stdout.startswith(f"{path}:5:5: KEY003")
    assert "    5 | " in bad.stdout
    assert pipe(project, JOB, "-", "--as", path).returncode == 0
    assert pipe(project, JOB.replace("id: a", "id: new"), "-", "--as", "definitions/jobs/new.yaml").returncode == 0
    assert pipe(project, "definitons = 'x'\n", "-", "--as", "reconciler.toml").stdout.startswith(
        "reconciler.toml:1:1: SET"
    )


def test_settings_that_are_wrong_are_problems_in_every_format(project):
    project.commit_job()
    project.repo.write("reconciler.toml", "[reports]\noutptu = 'full'\n")
    assert paths_of(project.call("validate", "--format", "json")) == ["reconciler.toml"]


class TestChangedSince:
    def test_only_changed_files_are_told(self, project):
        write_jobs(project, old=BAD.replace("id: a", "id: old"))
        project.repo.commit()
        write_jobs(project, a=BAD)
        assert paths_of(project.call("validate", "--changed-since", "HEAD", "--format", "json")) == ["a.yaml"]
        assert project.call("validate").code == 3

    def test_a_problem_that_the_change_caused_elsewhere_is_told(self, project):
        job = JOB + "alternateJobId: b\ncondition: 'true'\n"
        write_jobs(project, a=job, b=JOB.replace("id: a", "id: b"))
        project.repo.commit()
        (project.repo.path / "definitions/jobs/b.yaml").unlink()
        answer = project.call("validate", "--changed-since", "HEAD", "--format", "json")
        assert [problem["code"] for problem in answer.json["problems"]] == ["REF001"]
        assert paths_of(answer) == ["a.yaml"]

    def test_nothing_changed_is_nothing_to_tell(self, project):
        write_jobs(project, a=BAD)
        project.repo.commit()
        assert project.call("validate", "--changed-since", "HEAD").code == 0

    def test_a_branch_is_compared_with_where_it_left(self, project):
        write_jobs(project, a=JOB)
        project.repo.commit()
        project.repo.git("switch", "--quiet", "--create", "topic")
        write_jobs(project, b=WARNED)
        project.repo.commit()
        project.repo.git("switch", "--quiet", "main")
        write_jobs(project, a=BAD)
        project.repo.commit()
        answer = project.call("validate", "--ref", "topic", "--changed-since", "main", "--format", "json")
        assert paths_of(answer) == ["b.yaml"]

    def test_in_a_repository_with_long_ids(self, tmp_path, capfd):
        from support.cli import Project
        from support.repo import make_repo

        project = Project(make_repo(tmp_path / "long", object_format="sha256"), capfd)
        write_jobs(project, a=BAD)
        project.repo.commit()
        assert project.call("validate", "--changed-since", "HEAD").code == 0

    def test_annotations_on_changed_lines_come_first(self, project):
        jobs = "".join(f"  - {{id: t{n}, command: x, wrng{n}: 1}}\n" for n in range(12))
        write_jobs(project, a="id: a\nschedule: {intervalMinutes: 30}\ntasks:\n" + jobs)
        project.repo.commit()
        write_jobs(project, a="id: a\nschedule: {intervalMinutes: 30}\ntasks:\n" + jobs + "  - {id: last, wrong: 1}\n")
        answer = project.call("validate", "--changed-since", "HEAD", "--format", "github")
        assert "line=16" in answer.out.splitlines()[0]


class TestHost:
    def test_programs_are_looked_for_when_asked(self, project):
        project.commit_job(tasks=[{"id": "t", "command": "no-such-program"}], schedule={"intervalMinutes": 30})
        assert project.call("validate").code == 0
        answer = project.call("validate", "--check-host")
        assert answer.code == 3
        assert "HOST001 tasks[0].command: `no-such-program` does not exist on this host" in answer.out

    def test_a_job_for_other_systems_is_left_alone(self, project):
        project.commit_job(
            tasks=[{"id": "t", "command": "no-such-program"}],
            schedule={"intervalMinutes": 30},
            osFilter={"windows": True},
        )
        assert project.call("validate", "--check-host").code == 0

    @pytest.mark.parametrize(
        "task", [{"command": "sh"}, {"executablePath": "/bin/sh"}, {"script": "echo"}, {"command": "{job.id}"}]
    )
    def test_programs_that_are_there_or_cannot_be_known(self, project, task):
        project.commit_job(tasks=[{"id": "t", **task}], schedule={"intervalMinutes": 30})
        assert project.call("validate", "--check-host").code == 0

    def test_the_interpreter_of_a_script_is_a_program(self, project):
        script = "#!/opt/none/interpreter\necho\n"
        project.commit_job(tasks=[{"id": "t", "script": script}], schedule={"intervalMinutes": 30})
        assert "`/opt/none/interpreter`" in project.call("validate", "--check-host").out


class TestVerdicts:
    def test_they_lie_beside_the_state_and_the_state_is_not_written(self, project):
        write_jobs(project, a=BAD)
        first = project.call("validate")
        folder = project.repo.path / ".git" / "reconciler"
        assert {path.name for path in folder.iterdir()} == {"verdicts", "known-files", "glance"}
        assert project.call("validate").out == first.out
        assert project.repo.git("status", "--porcelain", "--untracked-files=all") == "?? definitions/jobs/a.yaml"

    def test_none_are_kept_when_not_wanted(self, project):
        write_jobs(project, a=BAD)
        assert project.call("validate", "--no-cache").code == 3
        assert not (project.repo.path / ".git" / "reconciler").exists()


def known(project):
    return (project.repo.path / ".git/reconciler/known-commits").read_bytes()


def test_a_commit_after_another_is_told_the_same_with_and_without_what_is_kept(project):
    write_jobs(project, a=JOB + "alternateJobId: b\n", b=WARNED)
    project.repo.commit()
    assert "REF001" not in project.call("validate", "--ref", "HEAD").out
    project.repo.git("rm", "--quiet", "definitions/jobs/b.yaml")
    write_jobs(project, c=BAD.replace("id: a", "id: c"))
    project.repo.commit()
    before = known(project)
    kept = project.call("validate", "--ref", "HEAD")
    assert known(project) != before
    anew = project.call("validate", "--ref", "HEAD", "--no-cache")
    assert (kept.code, kept.out, kept.err) == (anew.code, anew.out, anew.err)
    assert [line.split()[1] for line in kept.out.splitlines() if "/jobs/" in line] == ["JOB002", "REF001", "CRON004"]


def test_files_that_change_in_any_way_are_told_the_same_with_and_without_what_is_kept(project):
    chance = random.Random(1)
    jobs = project.repo.path / "definitions/jobs"
    for step in range(40):
        name, old = chance.choice("abcd"), sorted(jobs.rglob("*.yaml")) if jobs.exists() else []
        text = chance.choice([JOB, BAD, WARNED]).replace("id: a", f"id: {name}") + f"# {step}\n"
        match chance.randrange(5):
            case 0 if len(old) > 1:
                chance.choice(old).unlink()
            case 1 if old:
                chance.choice(old).rename(jobs / f"{name}.yaml")
            case 2 if old:
                before = chance.choice(old).stat()
                old[0].write_text(text)
                os.utime(old[0], ns=(before.st_atime_ns, before.st_mtime_ns))
            case 3:
                project.repo.write(f"definitions/jobs/deep/{name}.yaml", text)
            case _:
                project.repo.write(f"definitions/jobs/{name}.yaml", text)
        kept, anew = project.call("validate"), project.call("validate", "--no-cache")
        assert (kept.code, kept.out, kept.err) == (anew.code, anew.out, anew.err)


def _filter(project):
    project.repo.write(".gitattributes", "* text eol=crlf filter=upper working-tree-encoding=UTF-16\n")
    for name in ("clean", "smudge"):
        project.repo.git("config", f"filter.upper.{name}", "tr a-z A-Z")


def _hide(flag):
    def hide(project):
        for path in project.repo.git("ls-files", "definitions").splitlines():
            project.repo.git("update-index", flag, path)

    return hide


def _sparse(project):
    project.repo.git("sparse-checkout", "set", "--no-cone", "/definitions/jobs/b.yaml")


def _ignore(project):
    project.repo.write(".gitignore", "definitions/\n")
    project.repo.git("rm", "-r", "--quiet", "--cached", "definitions")


def _intend(project):
    project.repo.git("rm", "-r", "--quiet", "--cached", "definitions")
    project.repo.git("add", "--intent-to-add", "definitions")


def _nest(project):
    project.repo.git("init", "--quiet", "definitions/jobs/nested")
    project.repo.write("definitions/jobs/nested/n.yaml", WARNED.replace("id: b", "id: n"))


def _set(*settings):
    def set_all(project):
        for setting in settings:
            project.repo.git("config", *setting.split("="))

    return set_all


STATES_OF_GIT = {
    "plain": lambda project: None,
    "filters": _filter,
    "line-ends": _set("core.autocrlf=true", "core.eol=crlf", "core.safecrlf=false"),
    "weak-comparison": _set("core.checkStat=minimal", "core.trustctime=false", "core.fileMode=false"),
    "assumed-unchanged": _hide("--assume-unchanged"),
    "skipped": _hide("--skip-worktree"),
    "sparse": _sparse,
    "watched": _set("core.fsmonitor=/bin/true", "core.untrackedCache=true"),
    "ignored": _ignore,
    "intent-to-add": _intend,
    "nested": _nest,
    "no-index": lambda project: (project.repo.path / ".git/index").unlink(),
    "split-index": lambda project: project.repo.git("update-index", "--split-index"),
}


@pytest.fixture
def glances(monkeypatch):
    """Let nothing be too new to be sure of; return what became of each glance."""
    found = []
    glance = Stamps._glance_at
    monkeypatch.setattr(Stamps, "_glance_at", lambda self, get: found.append(glance(self, get)) or found[-1])
    monkeypatch.setattr("reconciler.definitions.known.stamps._UNSURE_NS", -(10**12))
    monkeypatch.setattr("reconciler.git.glance._file_system_of", lambda folder: "ext4")
    return found


@pytest.mark.parametrize("state", STATES_OF_GIT)
def test_a_glance_tells_the_same_as_reading_everything_whatever_git_is_told(project, glances, state):
    jobs = project.repo.path / "definitions/jobs"
    write_jobs(project, a=JOB, b=WARNED, c=BAD.replace("id: a", "id: c"))
    project.repo.commit()
    for path in jobs.iterdir():
        os.utime(path, (1, 1))  # what was written in the second of an index might change in that second
    changes = (
        lambda: STATES_OF_GIT[state](project),
        lambda: None,
        lambda: (jobs / "a.yaml").write_text(BAD),
        lambda: (jobs / "c.yaml").unlink(missing_ok=True),
        lambda: write_jobs(project, d=BAD.replace("id: a", "id: e")),
        lambda: project.repo.git("add", "--all", "--force", "--sparse", "definitions", check=False),
        lambda: (jobs / "b.yaml").write_text(WARNED.replace("id: b", "id: z")),
        lambda: project.repo.git("commit", "--quiet", "--message", "again", check=False),
        lambda: project.repo.git("reset", "--quiet", "--hard", "HEAD", check=False),
        lambda: (jobs / "a.yaml").write_bytes(JOB.replace("\n", "\r\n").encode()),
    )
    for change in changes:
        change()
        kept, anew = project.call("validate"), project.call("validate", "--no-cache")
        assert (kept.code, kept.out, kept.err) == (anew.code, anew.out, anew.err)
    assert len([seen for seen in glances if seen is not None]) >= 8


def test_each_work_tree_of_a_clone_is_known_by_itself(project, tmp_path, capfd):
    write_jobs(project, a=JOB)
    project.repo.commit()
    project.repo.git("worktree", "add", "--quiet", str(tmp_path / "other"))
    other = Project(Repo(tmp_path / "other"), capfd)
    assert (project.call("validate").code, other.call("validate").code) == (0, 0)
    write_jobs(other, a=BAD)
    assert (project.call("validate").code, other.call("validate").code) == (0, 3)
    assert (project.repo.path / ".git/worktrees/other/reconciler/known-files").exists()


def test_a_file_is_named_without_the_others_being_read(project, monkeypatch):
    write_jobs(project, a=BAD, b=BAD.replace("id: a", "id: b"))
    project.call("validate")
    monkeypatch.setattr("reconciler.cli.checking.read_folder", None)
    job = str(project.repo.path / "definitions/jobs/a.yaml")
    assert "1 file: 1 problem" in project.call("validate", job).err
    assert "2 files: 2 problems" in project.call("validate", str(project.repo.path / "definitions")).err
    assert project.call("validate", job + "x").code == 64


def test_what_is_kept_of_a_commit_that_is_gone_does_no_harm(project):
    write_jobs(project, a=JOB)
    project.repo.commit()
    project.call("validate", "--ref", "HEAD")
    write_jobs(project, a=BAD)
    project.repo.git("commit", "--quiet", "--all", "--amend", "--message", "again")
    project.repo.git("reflog", "expire", "--expire=now", "--all")
    project.repo.git("gc", "--quiet", "--prune=now")
    assert project.call("validate", "--ref", "HEAD").code == 3


def test_settings_that_are_a_link_are_refused_whatever_is_kept(project):
    write_jobs(project, a=JOB)
    project.repo.commit()
    project.call("validate", "--ref", "HEAD")
    (project.repo.path / "reconciler.toml").symlink_to("elsewhere")
    project.repo.commit()
    assert project.call("validate", "--ref", "HEAD").code == 3
