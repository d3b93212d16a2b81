"""`fmt` as people and hooks call it."""

import os
import stat
import subprocess
import sys

import pytest

UGLY = "name: 'x'\nid: a\ntasks:\n- command: x\n  id: t\n"
PRETTY = "id: a\nname: x\ntasks:\n  - id: t\n    command: x\n"


def job(project, text=UGLY, name="a"):
    return project.repo.write(f"definitions/jobs/{name}.yaml", text)


def test_files_are_written_in_canonical_form(project):
    path, other = job(project), job(project, PRETTY.replace("id: a", "id: b"), "b")
    before = other.stat()
    answer = project.call("fmt")
    assert (answer.code, answer.out) == (0, "")
    assert answer.err == "formatted definitions/jobs/a.yaml\n2 files: 1 formatted.\n"
    assert path.read_text() == PRETTY
    assert other.stat().st_mtime_ns == before.st_mtime_ns
    assert project.call("fmt").err == "2 files: 0 formatted.\n"
    assert sorted(path.parent.iterdir()) == [path, other]


def test_permissions_stay(project):
    path = job(project)
    path.chmod(0o640)
    project.call("fmt")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_check_and_diff_write_nothing(project):
    path = job(project)
    check, diff = project.call("fmt", "--check"), project.call("fmt", "--diff")
    assert (check.code, check.out) == (2, "definitions/jobs/a.yaml\n")
    assert diff.code == 0
    assert "-name: 'x'\n" in diff.out
    assert "+name: x\n" in diff.out
    assert path.read_text() == UGLY
    project.call("fmt")
    assert project.call("fmt", "--check", "--diff").code == 0


def test_only_the_files_that_are_named(project):
    path, other = job(project), job(project, UGLY.replace("id: a", "id: b"), "b")
    assert project.call("fmt", "definitions/jobs/b.yaml").code == 0
    assert path.read_text() == UGLY
    assert other.read_text() != UGLY
    assert project.call("fmt", "definitions/jobs").code == 0
    assert path.read_text() == PRETTY


def test_what_cannot_be_read_is_told_and_left_alone_while_others_are_formatted(project):
    bad, good = job(project, "id: [a\n", "bad"), job(project)
    answer = project.call("fmt")
    assert answer.code == 3
    assert "definitions/jobs/bad.yaml:1:5: SYN004" in answer.err
    assert answer.err.endswith("2 files: 1 formatted, 1 not readable.\n")
    assert bad.read_text() == "id: [a\n"
    assert good.read_text() == PRETTY


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["definitions/jobs/none.yaml"], "there is no file"),
        (["definitions/scripts/x.sh"], "is no definition"),
        (["-"], "--as"),
        (["--as", "definitions/jobs/a.yaml"], "--as"),
    ],
)
def test_what_cannot_be_formatted_is_told(project, arguments, word):
    job(project)
    project.repo.write("definitions/scripts/x.sh", "echo\n")
    answer = project.call("fmt", *arguments)
    assert answer.code == 64
    assert word in answer.err


def test_a_link_is_not_followed(project, tmp_path):
    outside = tmp_path / "outside.yaml"
    outside.write_text(UGLY)
    job(project)
    (project.repo.path / "definitions/jobs/link.yaml").symlink_to(outside)
    assert project.call("fmt").code == 0
    assert outside.read_text() == UGLY


def test_standard_input_goes_to_standard_output(project):
    job(project)
    program = [sys.executable, "-m", "reconciler", "-C", str(project.repo.path), "fmt", "-", "--as"]
    path = "definitions/jobs/a.yaml"
    done = subprocess.run([*program, path], input=UGLY, capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout == PRETTY
    bad = subprocess.run([*program, path], input="id: [", capture_output=True, text=True, check=False, env=os.environ)
    assert (bad.returncode, bad.stdout) == (3, "")


def test_the_definitions_of_this_repository_are_in_canonical_form():
    from pathlib import Path

    from reconciler.definitions.fmt import format_definition
    from reconciler.model.forms import Kind

    root = Path(__file__).parents[2] / "definitions"
    for kind in Kind:
        for path in (root / kind.folder).glob("*"):
            assert format_definition(kind, path.read_bytes(), is_json=path.suffix == ".json") == path.read_text("utf-8")
