import subprocess
import sys
import threading
from datetime import UTC, datetime

import pytest

from reconciler.git import notes, tidy
from reconciler.git.report_branch import publish
from reconciler.git.repository import Repository
from reconciler.model.errors import CouldNot, UsageError

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BRANCH = "reconciler-reports"


def publish_one(repository, uid, *, sha=None, line=None):
    files = [(f"runs/{uid}.json", f"report {uid}\n".encode())]
    lines = {sha: line or f"completed {uid}"} if sha else {}
    return publish(repository, files, branch=BRANCH, message=f"Report {uid}", notes=lines, now=NOW)


def note_of(repo, sha):
    return repo.git("log", "-1", "--notes=reconciler", "--format=%N", sha).strip("\n").split("\n")


def test_a_report_and_its_note_can_be_read_with_git_alone(repo, opened):
    sha = repo.git("rev-parse", "HEAD")
    tip = publish(
        opened,
        [("runs/2026/03/01/12/a.json", b"{}\n")],
        branch=BRANCH,
        message="Report clean: completed",
        notes={sha: "completed clean on web-1 0.4s exit 0 a"},
        now=NOW,
    )
    assert repo.git("rev-parse", BRANCH) == tip
    assert repo.git("show", f"{BRANCH}:runs/2026/03/01/12/a.json") == "{}"
    assert note_of(repo, sha) == ["completed clean on web-1 0.4s exit 0 a"]
    assert repo.git("log", "-1", "--format=%an <%ae> %ct", tip) == "reconciler <reconciler@localhost> 1772366400"


def test_a_batch_is_one_commit_with_a_line_for_each_run(repo, opened):
    first = repo.git("rev-parse", "HEAD")
    second = repo.commit()
    files = [(f"runs/{number}.json", b"{}") for number in range(200)]
    lines = {first: "\n".join(f"line {number}" for number in range(150)), second: "line x"}
    publish(opened, files, branch=BRANCH, message="Report 200 runs", notes=lines, now=NOW)
    assert repo.git("rev-list", "--count", BRANCH) == "1"
    assert len(repo.git("ls-tree", "-r", "--name-only", BRANCH).split()) == 200
    assert note_of(repo, first) == [f"line {number}" for number in range(150)]
    assert note_of(repo, second) == ["line x"]


def test_content_is_kept_to_the_byte(repo, opened):
    data = bytes(range(256)) + b"\ncommit refs/heads/main\ndata 3\nx\n"
    publish(opened, [("runs/a.json", data), ("runs/b.json", b"")], branch=BRANCH, message="m\n\0\nx", notes={}, now=NOW)
    sha = repo.git("rev-parse", BRANCH)
    assert opened.read_file(sha, "runs/a.json") == data
    assert opened.read_file(sha, "runs/b.json") == b""


def test_publishing_again_after_a_kill_repeats_no_line(repo, opened):
    sha = repo.git("rev-parse", "HEAD")
    for uid in ("a", "b", "b", "a"):
        publish_one(opened, uid, sha=sha)
    assert note_of(repo, sha) == ["completed a", "completed b"]
    assert repo.git("ls-tree", "-r", "--name-only", BRANCH).split() == ["runs/a.json", "runs/b.json"]


def test_lines_join_a_note_made_by_hand_and_one_that_git_moved(repo, opened):
    sha = repo.git("rev-parse", "HEAD")
    repo.git("notes", "--ref=reconciler", "add", "-m", "by hand", sha)
    publish_one(opened, "a", sha=sha)
    assert note_of(repo, sha) == ["by hand", "completed a"]
    repo.git("notes", "--ref=reconciler", "append", "-m", "again by hand", sha)
    publish_one(opened, "b", sha=sha)
    assert [line for line in note_of(repo, sha) if line] == ["by hand", "completed a", "again by hand", "completed b"]
    assert len(repo.git("ls-tree", "-r", "--name-only", "refs/notes/reconciler").split()) == 1


def test_the_note_of_a_commit_that_runs_for_months_stays_short(repo, opened, monkeypatch):
    monkeypatch.setattr(notes, "MOST_LINES", 3)
    sha = repo.git("rev-parse", "HEAD")
    for uid in "abcdef":
        publish_one(opened, uid, sha=sha)
    assert note_of(repo, sha) == ["(3 earlier, in the reports)", "completed d", "completed e", "completed f"]
    assert len(repo.git("ls-tree", "-r", "--name-only", BRANCH).split()) == 6


@pytest.mark.parametrize("path", ["../x", "/etc/x", "runs/../../x", ".git/config", 'runs/"x\nM 100644', ""])
def test_a_path_out_of_the_branch_is_refused(opened, path):
    with pytest.raises(UsageError, match="not a path inside"):
        publish(opened, [(path, b"")], branch=BRANCH, message="m", notes={}, now=NOW)


def test_commits_with_reports_outlive_a_rewritten_branch(repo, opened):
    sha = repo.commit("Will be rewritten")
    publish_one(opened, "a", sha=sha)
    repo.git("reset", "-q", "--hard", "HEAD~1")
    repo.git("reflog", "expire", "--expire=now", "--all")
    repo.git("gc", "-q", "--prune=now")
    with Repository.open(repo.path) as again:
        assert again.resolve(sha).subject == "Will be rewritten"
        assert again.read_file(sha, "definitions/jobs/clean.yaml") == b"name: Clean\n"


def test_many_commits_with_reports_are_kept_and_none_twice(repo, opened):
    shas = [repo.commit(f"Number {number}") for number in range(40)]
    for _ in range(4):
        lines = {sha: f"line {sha}" for sha in shas}
        publish(opened, [("runs/a.json", b"")], branch=BRANCH, message="m", notes=lines, now=NOW)
    pinned = repo.git("log", "--first-parent", "--format=%P", "refs/reconciler/pinned").split()
    assert [sha for sha in shas if sha in pinned] == shas
    assert all(pinned.count(sha) == 1 for sha in shas)


def test_a_commit_that_is_not_here_gets_its_note_all_the_same(repo, opened):
    publish_one(opened, "a", sha="1" * 40)
    assert repo.git("notes", "--ref=reconciler", "show", "1" * 40, check=False) == "completed a"


def test_two_threads_in_one_clone_lose_nothing(repo):
    sha = repo.git("rev-parse", "HEAD")
    problems = []

    def work(name):
        with Repository.open(repo.path) as repository:
            for number in range(8):
                try:
                    publish_one(repository, f"{name}{number}", sha=sha)
                except CouldNot as error:
                    problems.append(str(error))

    threads = [threading.Thread(target=work, args=name) for name in "xyz"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    uids = sorted(f"{name}{number}" for name in "xyz" for number in range(8))
    assert repo.git("ls-tree", "-r", "--name-only", BRANCH).split() == [f"runs/{uid}.json" for uid in uids]
    assert sorted(note_of(repo, sha)) == [f"completed {uid}" for uid in uids]


def test_a_left_over_lock_is_named(repo, opened):
    publish_one(opened, "a")
    lock = repo.path / f".git/refs/heads/{BRANCH}.lock"
    lock.write_text("")
    with pytest.raises(CouldNot, match=r"reconciler-reports\.lock") as caught:
        publish_one(opened, "b")
    assert "state database" in caught.value.hint
    lock.unlink()
    publish_one(opened, "b")
    assert not list((repo.path / ".git").glob("fast_import_crash_*"))


def test_a_repository_that_cannot_be_written_says_so_and_leaves_no_debris(repo, opened):
    (repo.path / ".git/objects").rename(repo.path / ".git/objects-away")
    (repo.path / ".git/objects").write_text("in the way")
    with pytest.raises(CouldNot):
        publish_one(opened, "a")
    assert not list((repo.path / ".git").glob("fast_import_crash_*"))


def test_a_kill_in_the_middle_leaves_the_branch_as_it_was(repo, opened):
    """fast-import is told that the stream ends with `done`: a stream that is cut off moves no ref."""
    tip = publish_one(opened, "a")
    head = f"commit refs/heads/{BRANCH}\ncommitter x <x> 0 +0000\ndata 1\nx\nfrom {tip}\n"
    cut_off = head + "M 100644 inline runs/b\ndata 99\n"
    command = ["git", "fast-import", "--quiet", "--done"]
    done = subprocess.run(command, cwd=repo.path, input=cut_off.encode(), capture_output=True, check=False)
    assert done.returncode
    assert repo.git("rev-parse", BRANCH) == tip


def test_a_linked_work_tree_and_a_bare_repository_publish_too(repo, tmp_path):
    repo.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    bare = repo.clone(tmp_path / "bare.git", "--bare")
    for path in (tmp_path / "side", bare.path):
        with Repository.open(path) as repository:
            tip = publish_one(repository, "a", sha=repository.resolve("main").sha)
            assert repository.resolve(BRANCH).sha == tip


def test_gitpython_is_imported_only_when_it_is_needed(repo):
    code = (
        "import sys, pathlib\n"
        "from reconciler.git.repository import Repository\n"
        "with Repository.open(pathlib.Path('.')) as r:\n"
        "    t = r.read_tree(r.resolve('HEAD').sha, root='definitions'); t.read(list(t.files))\n"
        "    print('git' in sys.modules); r.name; print('git' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=repo.path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_git_tidies_when_publishing_has_left_many_objects(repo, opened, monkeypatch):
    monkeypatch.setattr(tidy, "_PACKS", 0)
    repo.git("config", "gc.autoPackLimit", "1")
    repo.git("config", "gc.autoDetach", "false")
    for part in ("a", "b", "c"):
        files = [(f"runs/{part}{number}.json", f"{part}{number}".encode()) for number in range(120)]
        publish(opened, files, branch=BRANCH, message="m", notes={}, now=NOW)
    assert len(list((repo.path / ".git/objects/pack").glob("*.pack"))) == 1
    assert len(repo.git("ls-tree", "-r", "--name-only", BRANCH).split()) == 360


def test_a_user_who_wants_no_tidying_gets_none(repo, opened, monkeypatch, tmp_path):
    (tmp_path / "gitconfig").write_text("[gc]\n\tauto = 0\n\tautoPackLimit = 0\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setattr(tidy, "_PACKS", 0)
    for part in ("a", "b"):
        files = [(f"runs/{part}{number}.json", f"{part}{number}".encode()) for number in range(120)]
        publish(opened, files, branch=BRANCH, message="m", notes={}, now=NOW)
    assert len(list((repo.path / ".git/objects/pack").glob("*.pack"))) == 2
