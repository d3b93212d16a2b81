"""git says which files of a folder are as they were noted: by an index of ours, whatever the user's own index holds."""

import os
import time

import pytest
from support.repo import make_repo

from reconciler.git import glance as glance_module
from reconciler.git.glance import Glance

HOUR = 3600
FILES = ("a", "jobs/b.yaml", "jobs/deep/c", "jobs/empty")


@pytest.fixture
def repo(tmp_path):
    repo = make_repo(tmp_path / "repo")
    for path in FILES:
        repo.write(f"defs/{path}", "" if path.endswith("empty") else path)
    (repo.path / "defs/link").symlink_to("a")
    settle(repo.path / "defs")
    return repo


def settle(folder):
    """Make files look as if nobody had written to them for an hour."""
    for path in folder.rglob("*"):
        os.utime(path, (time.time() - HOUR,) * 2, follow_symlinks=False)


def glance_of(repo):
    return Glance(repo.path / ".git/reconciler/glance", repo.path)


def keep(repo, *, without=(), shift=0):
    """Note the files under defs, but those ``without``; ``shift`` seconds of the time when the inode changed."""
    glance = glance_of(repo)
    root = repo.path / "defs"
    for path in [path for path in root.rglob("*") if path.is_symlink() or not path.is_dir()]:
        status = os.lstat(path)
        values = list(status)
        times = {"st_ctime_ns": status.st_ctime_ns + shift * 10**9, "st_mtime_ns": status.st_mtime_ns}
        name = os.fsdecode(os.fsencode(path.relative_to(root)))
        if name not in without:
            glance.note(name, os.stat_result(values, times))
    return glance.keep("defs")


def changed(repo):
    glance = glance_of(repo)
    glance.begin()
    try:
        found = glance.changed()
    finally:
        glance.close()
    return found and set(found)


def test_nothing_has_changed(repo):
    keep(repo)
    assert changed(repo) == []


@pytest.mark.parametrize(
    ("path", "change"),
    [
        pytest.param("a", lambda path: path.write_text("longer"), id="size"),
        pytest.param("jobs/b.yaml", lambda path: os.utime(path, (5, 5)), id="time"),
        pytest.param("jobs/empty", lambda path: path.write_text("x"), id="was-empty"),
        pytest.param("jobs/deep/c", lambda path: path.unlink(), id="gone"),
        pytest.param("a", lambda path: path.chmod(0o755), id="executable"),
        pytest.param("link", lambda path: (path.unlink(), path.symlink_to("b")), id="leads-elsewhere"),
        pytest.param("a", lambda path: (path.unlink(), path.symlink_to("link")), id="is-a-link-now"),
        pytest.param("a", lambda path: (path.unlink(), path.mkdir()), id="is-a-folder-now"),
        pytest.param("a", lambda path: (path.unlink(), os.mkfifo(path)), id="is-a-pipe-now"),
    ],
)
def test_what_is_not_as_it_was_is_named(repo, path, change):
    keep(repo)
    change(repo.path / "defs" / path)
    assert changed(repo) == {path}


def test_another_file_of_the_same_size_and_time_is_named(repo):
    keep(repo)
    path, other = repo.path / "defs/a", repo.path / "other"
    other.write_text("b")
    os.utime(other, ns=(path.stat().st_mtime_ns,) * 2)
    other.rename(path)
    assert changed(repo) == {"a"}


def test_a_change_that_shows_in_the_inode_alone_is_named(repo):
    keep(repo, shift=-1)
    assert changed(repo) == {*FILES, "link"}


def test_a_folder_behind_a_link_is_not_the_folder(repo):
    keep(repo)
    (repo.path / "defs/jobs").rename(repo.path / "moved")
    (repo.path / "defs/jobs").symlink_to("../moved")
    assert changed(repo) == {path for path in FILES if path.startswith("jobs/")}


def test_a_file_that_was_written_after_all_are_noted_is_named_whatever_else(repo):
    """As new as the index itself: git would have to read it, and is told of no content that it could find."""
    (repo.path / "defs/a").write_text("b")
    os.utime(repo.path / "defs/a", (time.time() + HOUR,) * 2)
    keep(repo)
    assert changed(repo) == {"a"}


def test_names_are_bytes(repo):
    names = {os.fsdecode(b"\xff.yaml"), "line\nbreak", "x" * 255, "\u00e9", "jobs"[::-1] + "-" * 9}
    for name in names:
        (repo.path / "defs" / name).write_text(name, errors="surrogateescape")
    settle(repo.path / "defs")
    keep(repo)
    assert changed(repo) == []
    for name in names:
        (repo.path / "defs" / name).unlink()
    assert changed(repo) == names


def test_neither_settings_nor_index_of_the_user_have_a_say(repo):
    marker = repo.path.parent / "ran"
    program = repo.path.parent / "program"
    program.write_text(f"#!/bin/sh\ntouch {marker}\n")
    program.chmod(0o755)
    repo.write(".gitattributes", "* filter=evil\n")
    repo.write("defs/.gitattributes", "* filter=evil text eol=crlf\n")
    repo.commit()
    settle(repo.path / "defs")
    keep(repo)
    repo.git("update-index", "--assume-unchanged", "defs/a")
    repo.git("update-index", "--skip-worktree", "defs/jobs/b.yaml")
    for setting in (
        *("filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "core.fsmonitor"),
        *("diff.external", "core.sshCommand", "core.pager"),
    ):
        repo.git("config", setting, str(program))
    for setting, value in (("core.checkStat", "minimal"), ("core.trustctime", "false"), ("core.fileMode", "false")):
        repo.git("config", setting, value)
    index = (repo.path / ".git/index").read_bytes()
    for path in ("a", "jobs/b.yaml"):
        (repo.path / "defs" / path).write_text("another text")
    (repo.path / "defs/jobs/deep/c").chmod(0o755)
    assert changed(repo) == {"a", "jobs/b.yaml", "jobs/deep/c"}
    assert not marker.exists()
    assert (repo.path / ".git/index").read_bytes() == index


def test_an_index_that_is_not_as_it_was_written_tells_nothing(repo):
    index = repo.path / ".git/reconciler/glance" / keep(repo)
    data = bytearray(index.read_bytes())
    data[-30] ^= 1
    index.write_bytes(data)
    assert changed(repo) is None


def test_only_the_last_index_is_kept(repo):
    first = keep(repo)
    second = keep(repo, without=("a",))
    assert first != second
    assert [path.name for path in (repo.path / ".git/reconciler/glance").glob("index*")] == [second]


@pytest.mark.parametrize("lost", ["current", "HEAD", "index"])
def test_where_something_is_lost_nothing_is_told(repo, lost):
    name = keep(repo)
    (repo.path / ".git/reconciler/glance" / (name if lost == "index" else lost)).unlink()
    assert changed(repo) is None


def test_without_the_folder_nothing_is_told(repo):
    keep(repo)
    (repo.path / "defs").rename(repo.path / "elsewhere")
    assert changed(repo) is None


def test_where_nothing_can_be_written_nothing_is_kept(repo):
    (repo.path / ".git/reconciler").write_text("in the way")
    assert keep(repo) == ""
    assert changed(repo) is None


MOUNTS = """\
22 1 0:20 / / rw - ext4 /dev/a rw
23 22 0:21 / /net rw shared:1 - nfs4 host:/x rw
24 23 0:22 / /net/with\\040space rw - ext4 /dev/b rw
25 22 0:23 / /netted rw - fuse.x x rw
"""


@pytest.mark.parametrize(
    ("folder", "expected"),
    [("/home/x", True), ("/net/x", False), ("/net/with space/x", True), ("/netted", False), ("/nettedx", True)],
)
def test_on_file_systems_that_may_not_date_folders_nothing_is_kept(tmp_path, monkeypatch, folder, expected):
    (tmp_path / "mounts").write_text(MOUNTS)
    monkeypatch.setattr(glance_module, "_MOUNTS", tmp_path / "mounts")
    assert Glance(tmp_path, glance_module.Path(folder)).can_keep("defs") is expected


def test_where_it_is_not_known_what_is_mounted_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(glance_module, "_MOUNTS", tmp_path / "none")
    assert not Glance(tmp_path, tmp_path).can_keep("defs")
