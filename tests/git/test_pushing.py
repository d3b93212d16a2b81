import os
import select
import subprocess
import threading
from datetime import UTC, datetime

import pytest

from reconciler.git.push import ATTEMPTS, needs_push, push
from reconciler.git.report_branch import publish
from reconciler.git.repository import Repository
from reconciler.git.user_settings import LOGIN_KEYS, as_global_settings, read_user_settings
from reconciler.model.errors import CouldNot, UsageError

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BRANCH = "reconciler-reports"


def publish_one(repository, uid, *, sha=None):
    files = [(f"runs/{uid}.json", f"report {uid}\n".encode())]
    notes = {sha: f"completed {uid}"} if sha else {}
    return publish(repository, files, branch=BRANCH, message=uid, notes=notes, now=NOW)


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


def test_what_was_not_pushed_goes_with_the_next_push(clones, origin):
    one, two = clones
    sha = one.resolve("HEAD").sha
    publish_one(one, "a", sha=sha)
    publish_one(one, "b", sha=sha)
    publish_one(two, "x", sha=sha)
    push(two, "origin", branch=BRANCH)
    push(one, "origin", branch=BRANCH)
    assert reports_at(origin) == {"runs/a.json", "runs/b.json", "runs/x.json"}
    assert sorted(note_lines_at(origin, sha)) == ["completed a", "completed b", "completed x"]


def test_a_clone_with_nothing_new_follows_the_remote(clones, origin):
    one, two = clones
    sha = one.resolve("HEAD").sha
    publish_one(one, "a", sha=sha)
    push(one, "origin", branch=BRANCH)
    publish_one(two, "b", sha=sha)
    tip = push(two, "origin", branch=BRANCH)
    assert push(one, "origin", branch=BRANCH) == tip
    assert one.resolve(BRANCH).sha == tip == origin.git("rev-parse", BRANCH)


def test_reports_without_a_note_are_pushed_alone(clones, origin):
    files = [("runs/a.json", b"{}")]
    publish(clones[0], files, branch=BRANCH, message="m", notes={}, now=NOW)
    push(clones[0], "origin", branch=BRANCH)
    assert origin.git("for-each-ref", "--format=%(refname)", "refs/notes") == ""


def test_nothing_else_is_pushed(clones, origin):
    one, _ = clones
    publish_one(one, "a", sha=one.resolve("HEAD").sha)
    push(one, "origin", branch=BRANCH)
    refs = origin.git("for-each-ref", "--format=%(refname)").split()
    assert refs == ["refs/heads/main", f"refs/heads/{BRANCH}", "refs/notes/reconciler"]


def test_a_remote_that_lost_its_reports_gets_them_back(clones, origin):
    one, _ = clones
    sha = one.resolve("HEAD").sha
    publish_one(one, "a", sha=sha)
    push(one, "origin", branch=BRANCH)
    origin.git("update-ref", "-d", f"refs/heads/{BRANCH}")
    publish_one(one, "b", sha=sha)
    push(one, "origin", branch=BRANCH)
    assert reports_at(origin) == {"runs/a.json", "runs/b.json"}


def test_a_branch_of_the_remote_that_is_not_of_reports_is_not_taken_in(clones, origin):
    origin.git("branch", BRANCH, "main")
    one, _ = clones
    publish_one(one, "a", sha=one.resolve("HEAD").sha)
    with pytest.raises(CouldNot, match="is not a branch of reports"):
        push(one, "origin", branch=BRANCH)
    assert origin.git("rev-parse", BRANCH) == origin.git("rev-parse", "main")


def test_a_remote_that_forbids_it_says_why_and_is_asked_once(clones, origin, tmp_path):
    hook = origin.path / "hooks/pre-receive"
    hook.write_text(f"#!/bin/sh\necho asked >> {tmp_path}/asked\necho 'no reports here, please' >&2\nexit 1\n")
    hook.chmod(0o755)
    one, _ = clones
    tip = publish_one(one, "a", sha=one.resolve("HEAD").sha)
    with pytest.raises(CouldNot, match="no reports here, please") as caught:
        push(one, "origin", branch=BRANCH)
    assert "A rule of the remote forbids it" in caught.value.hint
    assert (tmp_path / "asked").read_text() == "asked\n"
    assert one.resolve(BRANCH).sha == tip
    assert needs_push(one, "origin", branch=BRANCH)


def test_a_remote_that_is_gone_is_named(clones, origin):
    one, _ = clones
    publish_one(one, "a")
    origin.path.rename(origin.path.with_name("elsewhere"))
    with pytest.raises(CouldNot, match=r"git push origin .*origin\.git\) failed: .*does not appear to be a git repo"):
        push(one, "origin", branch=BRANCH)


def test_a_remote_that_is_not_configured_is_named_with_those_that_are(clones):
    with pytest.raises(CouldNot, match="there is no remote 'backup'") as caught:
        push(clones[0], "backup", branch=BRANCH)
    assert caught.value.hint.startswith("Known remotes: origin.")


def test_a_remote_that_hangs_is_given_up_and_its_helpers_die(clones, monkeypatch, tmp_path):
    one, _ = clones
    publish_one(one, "a")
    ssh = tmp_path / "ssh"
    ssh.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 1000\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    set_url(one, "ssh://git@example.com/x.git")
    with pytest.raises(CouldNot, match=r"origin \(ssh://example\.com/x\.git\) gave no answer within 0\.5 s"):
        push(one, "origin", branch=BRANCH, seconds=0.5)
    pid = int((tmp_path / "pid").read_text())
    assert ends(pid)


def ends(pid):
    """Wait for the end of a process that is not our child."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    ready, _, _ = select.select([process], [], [], 5)
    os.close(process)
    return bool(ready)


def set_url(repository, url):
    repository.git("remote", "set-url", "origin", url)


@pytest.mark.parametrize(
    "url",
    ["ext::sh -c 'touch ran'", "http://example.com/x", "git://example.com/x", "fd::7", "--upload-pack=x", "ftp://x/y"],
)
def test_a_url_of_another_kind_is_refused_before_git_sees_it(clones, url):
    one, _ = clones
    publish_one(one, "a")
    one.git("config", "remote.origin.url", url)
    with pytest.raises(UsageError, match="remote URL") as caught:
        push(one, "origin", branch=BRANCH)
    assert caught.value.hint.startswith("Use an https:// or ssh:// URL")


def test_a_rewrite_rule_cannot_bring_another_protocol_in(clones, tmp_path):
    one, _ = clones
    publish_one(one, "a")
    set_url(one, "https://example.com/x.git")
    one.git("config", f"url.ext::touch {tmp_path}/ran;.insteadOf", "https://example.com/")
    with pytest.raises(CouldNot, match="not allowed"):
        push(one, "origin", branch=BRANCH)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "url", ["https://bot:S3CRETt0ken@127.0.0.1:1/x.git?key=S3CRETt0ken", "https://S3CRETt0ken@127.0.0.1:1/x.git"]
)
def test_a_secret_in_the_url_shows_nowhere(clones, url):
    one, _ = clones
    publish_one(one, "a")
    set_url(one, url)
    with pytest.raises(CouldNot) as caught:
        push(one, "origin", branch=BRANCH)
    assert "S3CRET" not in f"{caught.value} {caught.value.hint}"
    assert "127.0.0.1" in str(caught.value)


def test_the_login_that_the_user_configured_is_used_and_nothing_else_of_it(clones, monkeypatch, tmp_path):
    config = tmp_path / "gitconfig"
    odd = 'a "b" \\ c; # d'
    for key, value in (("credential.https://x.y.helper", odd), ("http.proxy", "p"), ("core.hooksPath", "/evil")):
        clones[0].git("config", "--file", str(config), key, value)
    clones[0].git("config", "http.proxy", "the repository's own")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    settings = read_user_settings(LOGIN_KEYS)
    assert settings[-2:] == [("credential.https://x.y.helper", odd), ("http.proxy", "p")]
    with as_global_settings(settings) as environment:
        asked = {
            key: clones[0].run("config", key, environment=environment).out.decode().strip()
            for key in ("credential.https://x.y.helper", "http.proxy", "core.hooksPath")
        }
    assert asked == {
        "credential.https://x.y.helper": odd,
        "http.proxy": "the repository's own",
        "core.hooksPath": os.devnull,
    }


def test_a_branch_that_is_checked_out_does_not_move_under_its_user(clones, origin):
    one, two = clones
    sha = one.resolve("HEAD").sha
    for uid, repository in zip("ab", clones, strict=True):
        publish_one(repository, uid, sha=sha)
    push(two, "origin", branch=BRANCH)
    subprocess.run(["git", "checkout", "-q", BRANCH], cwd=one.root, check=True)
    with pytest.raises(CouldNot, match="is checked out"):
        push(one, "origin", branch=BRANCH)
    assert reports_at(origin) == {"runs/b.json"}


def test_a_remote_that_moves_at_every_attempt_is_given_up(clones, origin):
    one, _ = clones
    publish_one(one, "a")
    (origin.path / f"refs/heads/{BRANCH}.lock").write_text("")
    with pytest.raises(CouldNot, match=f"had moved at each of {ATTEMPTS} attempts to push: .*failed to update ref"):
        push(one, "origin", branch=BRANCH)


def test_a_fetch_that_fails_is_told(clones, origin, monkeypatch):
    """The other clone was first, and what it sent cannot be fetched."""
    one, two = clones
    publish_one(two, "b")
    tip = push(two, "origin", branch=BRANCH)
    publish_one(one, "a")
    (origin.path / "objects" / tip[:2] / tip[2:]).unlink()
    with pytest.raises(CouldNot, match=r"git fetch origin .* failed"):
        push(one, "origin", branch=BRANCH)
