"""Commits made to do harm: what they hold is listed or refused, and never followed, run or read."""

import pytest

from reconciler.git import objects
from reconciler.git.repository import Repository
from reconciler.model.errors import CouldNot, DefinitionsInvalid


def commit_tree(repo, *lines):
    """Commit a tree as `git mktree` takes it, whatever Git would think of it; return the commit id."""
    tree = repo.git("mktree", "--missing", "-z", data=b"".join(line + b"\0" for line in lines))
    return repo.git("commit-tree", "-m", "crafted", tree)


def raw_tree(repo, *entries):
    data = b"".join(mode + b" " + name + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries)
    return repo.git("hash-object", "-t", "tree", "--literally", "-w", "--stdin", data=data)


def blob(repo, data):
    return repo.git("hash-object", "-w", "--stdin", data=data)


def under_definitions(repo, *entries):
    return commit_tree(repo, b"040000 tree " + raw_tree(repo, *entries).encode() + b"\tdefinitions")


def test_links_and_submodules_are_listed_with_their_mode(repo, opened):
    oid = blob(repo, b"../../etc/passwd")
    entries = ((b"120000", b"link.yaml", oid), (b"100775", b"odd.yaml", oid), (b"160000", b"sub", "5" * 40))
    tree = opened.read_tree(under_definitions(repo, *entries), root="definitions")
    assert [(file.mode, file.path, file.size) for file in tree.files] == [
        ("120000", "definitions/link.yaml", 16),
        ("100755", "definitions/odd.yaml", 16),
        ("160000", "definitions/sub", 0),
    ]


@pytest.mark.parametrize(
    ("mode", "words"), [(b"120000", "a symbolic link"), (b"160000", "a submodule"), (b"100644", "a file")]
)
def test_definitions_that_are_no_folder_are_refused(repo, opened, mode, words):
    is_submodule = mode == b"160000"
    what = b"commit " + b"5" * 40 if is_submodule else b"blob " + blob(repo, b"elsewhere").encode()
    sha = commit_tree(repo, mode + b" " + what + b"\tdefinitions")
    with pytest.raises(DefinitionsInvalid, match=f"definitions is {words} at {sha[:12]}, not a folder"):
        opened.read_tree(sha, root="definitions")


def test_settings_behind_a_link_are_refused(repo, opened):
    sha = commit_tree(repo, b"120000 blob " + blob(repo, b"/etc/passwd").encode() + b"\treconciler.toml")
    with pytest.raises(DefinitionsInvalid, match="is a symbolic link at"):
        opened.read_tree(sha, root="definitions")
    assert opened.read_file(sha, "reconciler.toml") is None


def test_a_link_on_the_way_to_a_file_is_not_followed(repo, opened):
    repo.write("real/a.yaml", "secret")
    (repo.path / "definitions/alias").symlink_to("../real")
    assert opened.read_file(repo.commit(), "definitions/alias/a.yaml") is None


def test_a_path_that_is_not_utf8_shows_its_bytes(repo, opened):
    sha = under_definitions(repo, (b"100644", b"job-\xff\n.yaml", blob(repo, b"x")))
    tree = opened.read_tree(sha, root="definitions")
    assert tree.files[0].path == "definitions/job-\\xff\n.yaml"
    assert tree.read(list(tree.files)) == [b"x"]


@pytest.mark.parametrize("name", [b"..", b".", b".git", b".GIT"])
def test_an_entry_that_leads_elsewhere_is_refused(repo, opened, name):
    sha = under_definitions(repo, (b"100644", name, blob(repo, b"x")))
    with pytest.raises(DefinitionsInvalid, match="the commit has an entry named"):
        opened.read_tree(sha, root="definitions")
    with pytest.raises(DefinitionsInvalid, match="the commit has an entry named"):
        opened.diff_trees(repo.git("rev-parse", "HEAD"), sha, root="definitions")


def test_a_name_with_a_slash_cannot_climb(repo, opened):
    sha = under_definitions(repo, (b"100644", b"a/../../x", blob(repo, b"x")))
    with pytest.raises(DefinitionsInvalid, match=r"an entry named '\.\.' in definitions/a/../../x"):
        opened.read_tree(sha, root="definitions")


def test_a_path_of_four_thousand_bytes_is_a_path(repo, opened):
    folder = "/".join(["d" * 200] * 20)
    oid = blob(repo, b"x")
    repo.git("update-index", "--add", "--cacheinfo", f"100644,{oid},definitions/{folder}/a.yaml")
    sha = repo.git("commit-tree", "-m", "deep", repo.git("write-tree"))
    tree = opened.read_tree(sha, root="definitions")
    assert f"definitions/{folder}/a.yaml" in [file.path for file in tree.files]


def test_filters_and_lfs_pointers_are_plain_text(repo, opened, tmp_path):
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"1" * 64 + b"\nsize 12345\n"
    repo.write(".gitattributes", "*.yaml filter=evil diff=evil\n")
    repo.write("definitions/jobs/big.yaml", pointer)
    sha = repo.commit()
    evil_filters(repo, tmp_path)
    tree = opened.read_tree(sha, root="definitions")
    assert pointer in tree.read(list(tree.files))
    assert not (tmp_path / "ran").exists()


def test_the_work_tree_is_compared_without_starting_filters(repo, opened, tmp_path):
    repo.write(".gitattributes", "*.yaml filter=evil diff=evil\n")
    repo.commit()
    evil_filters(repo, tmp_path)
    repo.write("definitions/jobs/clean.yaml", "name: Edited\n")
    assert opened.changed_files("definitions") == 1
    assert not (tmp_path / "ran").exists()


def evil_filters(repo, tmp_path):
    command = f"touch {tmp_path}/ran; cat"
    for key in (
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "diff.evil.textconv",
        "diff.external",
    ):
        repo.git("config", key, command)
    repo.git("config", "filter.evil.required", "true")


def test_nothing_in_the_commit_or_the_clone_is_started(repo, tmp_path):
    """Hooks, fsmonitor, pagers, editors, ssh commands and aliases of the clone: none runs while we read."""
    command = f"touch {tmp_path}/ran"
    for name in ("post-index-change", "reference-transaction", "post-checkout", "fsmonitor-watchman", "pre-auto-gc"):
        hook = repo.path / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\n{command}\n")
        hook.chmod(0o755)
    for key in (
        "core.fsmonitor",
        "core.pager",
        "core.editor",
        "core.sshCommand",
        "core.askPass",
        "alias.log",
        "gpg.program",
    ):
        repo.git("config", key, command if key != "alias.log" else f"!{command}")
    repo.git("config", "log.showSignature", "true")
    repo.write(".git-config-in-tree", "[core]\n\tfsmonitor = evil\n")
    sha = repo.git("commit-tree", "-m", "x", "HEAD^{tree}", "-p", "HEAD")
    (tmp_path / "ran").unlink(missing_ok=True)
    with Repository.open(repo.path) as repository:
        tree = repository.read_tree(sha, root="definitions")
        tree.read(list(tree.files))
        repository.changed_files("definitions")
        repository.last_changed(sha, ["definitions/jobs/clean.yaml"])
        repository.first_added(sha, ["definitions/jobs/clean.yaml"])
        repository.diff_trees(sha, sha, root="definitions")
        assert repository.name == "repo"
    assert not (tmp_path / "ran").exists()


def test_a_huge_blob_is_seen_by_its_header_and_not_read(repo, opened, monkeypatch):
    repo.write("definitions/huge.yaml", b"x" * 300_000)
    tree = opened.read_tree(repo.commit(), root="definitions")
    monkeypatch.setattr(objects, "MAX_OBJECT_BYTES", 200_000)
    huge = next(file for file in tree.files if file.size == 300_000)
    with pytest.raises(CouldNot, match="has 300,000 bytes, more than"):
        tree.read([huge])
    with pytest.raises(CouldNot, match="has 300,000 bytes, more than"):
        opened.read_file(tree.commit, "definitions/huge.yaml")
    assert opened.read_file(tree.commit, "definitions/jobs/clean.yaml") == b"name: Clean\n"


def test_a_replaced_object_is_read_as_it_was(repo, opened):
    before = repo.git("rev-parse", "HEAD")
    repo.write("definitions/jobs/clean.yaml", "name: Other\n")
    repo.git("replace", before, repo.commit())
    assert opened.read_file(before, "definitions/jobs/clean.yaml") == b"name: Clean\n"
