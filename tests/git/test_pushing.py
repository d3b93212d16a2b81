import threading
from datetime import UTC, datetime

import pytest

from reconciler.git.push import needs_push, push
from reconciler.git.report_branch import publish
from reconciler.git.repository import Repository
from reconciler.model.errors import CouldNot

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BRANCH = "reconciler-reports"


def publish_one(repository, uid, *, sha):
    files = [(f"runs/{uid}.json", f"report {uid}\n".encode())]
    return publish(repository, files, branch=BRANCH, message=uid, notes={sha: f"completed {uid}"}, now=NOW)


@pytest.fixture
def origin(repo, tmp_path):
    return repo.clone(tmp_path / "origin.git", "--bare")


@pytest.fixture
def clones(origin, tmp_path):
    """Two clones of one bare repository, and the commit that both have."""
    paths = [origin.clone(tmp_path / name).path for name in ("one", "two")]
    with Repository.open(paths[0]) as one, Repository.open(paths[1]) as two:
        yield one, two


def reports_at(origin):
    return set(origin.git("ls-tree", "-r", "--name-only", BRANCH).split())


def note_lines_at(origin, sha):
    return [line for line in origin.git("notes", "--ref=reconciler", "show", sha).split("\n") if line]


def test_the_first_push_makes_branch_and_notes(clones, origin):
    one, _ = clones
    sha = one.resolve("HEAD").sha
    tip = publish_one(one, "a", sha=sha)
    assert needs_push(one, "origin", branch=BRANCH)
    assert push(one, "origin", branch=BRANCH) == tip
    assert reports_at(origin) == {"runs/a.json"}
    assert note_lines_at(origin, sha) == ["completed a"]
    assert not needs_push(one, "origin", branch=BRANCH)


def test_two_clones_that_take_turns_keep_all_reports_and_lines(clones, origin):
    sha = clones[0].resolve("HEAD").sha
    for uid, repository in zip("abcdef", clones * 3, strict=True):
        publish_one(repository, uid, sha=sha)
        push(repository, "origin", branch=BRANCH)
    assert reports_at(origin) == {f"runs/{uid}.json" for uid in "abcdef"}
    assert sorted(note_lines_at(origin, sha)) == [f"completed {uid}" for uid in "abcdef"]


def test_two_clones_that_push_at_the_same_time_lose_nothing(clones, origin):
    sha = clones[0].resolve("HEAD").sha
    problems = []

    def work(name, repository):
        for number in range(6):
            publish_one(repository, f"{name}{number}", sha=sha)
            try:
                push(repository, "origin", branch=BRANCH)
            except CouldNot as error:
                problems.append(str(error))

    threads = [threading.Thread(target=work, args=pair) for pair in zip("xy", clones, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    uids = [f"{name}{number}" for name in "xy" for number in range(6)]
    assert reports_at(origin) == {f"runs/{uid}.json" for uid in uids}
    assert sorted(note_lines_at(origin, sha)) == sorted(f"completed {uid}" for uid in uids)
