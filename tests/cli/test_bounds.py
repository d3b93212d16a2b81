"""What a check may use, in processes of their own: real limits, real signals."""

import subprocess
import sys

import pytest

BEGIN = "from reconciler.cli.bounds import bounded\nfrom reconciler.model.errors import CouldNot\n"
STORY = """
try:
    with bounded(cpu_seconds=1, memory_mb=64):
        {what}
except CouldNot as error:
    print(error)
kept = bytearray(200 << 20)
print("and on")
"""


def tell(what):
    code = BEGIN + STORY.format(what=what)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.parametrize(
    ("what", "told"),
    [
        pytest.param("kept = bytearray(200 << 20)", ["the check needs more than 64 MiB of memory"], id="memory"),
        pytest.param(
            "while True:\n            try: sum(range(9999))\n            except Exception: pass",
            ["the check needs more than 1 s of processor time"],
            id="time",
        ),
        pytest.param("pass", [], id="within"),
    ],
)
def test_a_check_that_needs_too_much_ends_and_what_follows_is_free(what, told):
    assert tell(what) == [*told, "and on"]


def test_the_check_of_a_pull_request_says_which_bound_it_met(project, tmp_path):
    project.commit_job("first")
    project.commit_job("second", tasks=[{"id": str(n), "command": "true"} for n in range(4000)])
    out = str(tmp_path / "review.json")
    words = ["pr", "check", "--base", "HEAD~1", "--number", "1", "--memory-mb", "1", "--out", out]
    program = [sys.executable, "-m", "reconciler", "-C", str(project.repo.path), *words]
    answer = subprocess.run(program, capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode == 1
    assert "the check needs more than 1 MiB of memory" in answer.stderr
    assert "--memory-mb N" in answer.stderr
