import hashlib

import pytest

from reconciler.model.errors import CouldNot, InternalError, UsageError


def paths_of(tree):
    return [file.path for file in tree.files]


def test_a_tree_is_listed_and_read_without_the_work_tree(repo, opened):
    sha = repo.git("rev-parse", "HEAD")
    repo.write("definitions/jobs/clean.yaml", "edited, not committed")
    tree = opened.read_tree(sha, root="definitions")
    assert paths_of(tree) == ["definitions/jobs/clean.yaml"]
    assert tree.read(list(tree.files)) == [b"name: Clean\n"]
    assert tree.files[0].size == 12
    assert tree.files[0].blob == hashlib.sha1(b"blob 12\0name: Clean\n").hexdigest()
    assert (tree.commit, tree.root, tree.settings) == (sha, "definitions", b'definitions = "definitions"\n')


def test_content_comes_in_the_order_asked_for(repo, opened):
    for number in range(500):
        repo.write(f"definitions/jobs/job-{number:03}.yaml", f"{number}\n" * (number + 1))
    tree = opened.read_tree(repo.commit(), root="definitions")
    files = list(reversed(tree.files))
    assert [len(data) for data in tree.read(files)] == [file.size for file in files]


def test_bytes_are_not_touched(repo, opened):
    data = bytes(range(256)) * 5 + b"\r\n\n\0\n"
    repo.write("definitions/x.bin", data)
    repo.write(".gitattributes", "* text eol=crlf\n*.bin -text\n")
    tree = opened.read_tree(repo.commit(), root="definitions")
    assert tree.read([file for file in tree.files if file.path.endswith(".bin")]) == [data]
    assert tree.read([file for file in tree.files if file.path.endswith(".yaml")]) == [b"name: Clean\n"]


def test_a_folder_deep_down_may_be_the_root(repo, opened):
    repo.write("ops/prod/definitions/jobs/a.yaml", "x")
    tree = opened.read_tree(repo.commit(), root="ops/prod/definitions")
    assert paths_of(tree) == ["ops/prod/definitions/jobs/a.yaml"]


def test_a_folder_that_is_not_there_has_no_files(repo, opened):
    tree = opened.read_tree(repo.git("rev-parse", "HEAD"), root="elsewhere")
    assert tree.files == ()


def test_without_settings_there_are_none(repo, opened):
    repo.git("rm", "-q", "reconciler.toml")
    assert opened.read_tree(repo.commit(), root="definitions").settings is None


def test_the_digest_stands_for_definitions_and_settings_only(repo, opened):
    def digest():
        sha = repo.commit()
        assert opened.tree_digest(sha, root="definitions") == opened.read_tree(sha, root="definitions").digest
        return opened.tree_digest(sha, root="definitions")

    before = digest()
    repo.write("README.md", "hello")
    assert digest() == before
    repo.write("reconciler.toml", "")
    after_settings = digest()
    repo.write("definitions/jobs/clean.yaml", "name: Other\n")
    assert len({before, after_settings, digest()}) == 3


def test_one_file_is_read_by_its_path(repo, opened):
    sha = repo.git("rev-parse", "HEAD")
    assert opened.read_file(sha, "definitions/jobs/clean.yaml") == b"name: Clean\n"
    assert opened.read_file(sha, "definitions/jobs/no.yaml") is None
    assert opened.read_file(sha, "definitions/jobs") is None
    assert opened.read_file(sha, "reconciler.toml/x") is None
    with pytest.raises(UsageError):
        opened.read_file(sha, "definitions/../reconciler.toml")


def test_a_commit_that_is_not_here_is_not_an_empty_one(opened):
    with pytest.raises(CouldNot, match="is not in this clone"):
        opened.read_tree("1" * 40, root="definitions")


def test_what_changed_between_two_commits(repo, opened):
    repo.write("definitions/jobs/gone.yaml", "x")
    old = repo.commit()
    repo.git("rm", "-q", "definitions/jobs/gone.yaml")
    repo.write("definitions/jobs/clean.yaml", "name: Other\n")
    repo.write("definitions/jobs/new.yaml", "new\n")
    repo.write("reconciler.toml", "")
    repo.write("README.md", "not ours")
    new = repo.commit()
    changes = opened.diff_trees(old, new, root="definitions")
    assert [(change.status, change.path, change.mode) for change in changes] == [
        ("M", "definitions/jobs/clean.yaml", "100644"),
        ("D", "definitions/jobs/gone.yaml", ""),
        ("A", "definitions/jobs/new.yaml", "100644"),
        ("M", "reconciler.toml", "100644"),
    ]
    assert changes[1].new_blob == ""
    assert changes[2].old_blob == ""
    assert changes[0].new_blob == repo.git("rev-parse", f"{new}:definitions/jobs/clean.yaml")
    assert opened.diff_trees(old, old, root="definitions") == []


def test_with_a_commit_that_is_gone_there_is_nothing_to_compare(repo, opened):
    assert opened.diff_trees("1" * 40, repo.git("rev-parse", "HEAD"), root="definitions") is None


def test_only_regular_files_are_ever_read(repo, opened):
    (repo.path / "definitions/link.yaml").symlink_to("jobs/clean.yaml")
    tree = opened.read_tree(repo.commit(), root="definitions")
    with pytest.raises(InternalError, match="never read"):
        tree.read(list(tree.files))


@pytest.mark.parametrize("position", [3, 1190])
def test_a_damaged_object_among_many_is_named_and_the_rest_can_be_read(repo, opened, position):
    for number in range(1200):
        repo.write(f"definitions/jobs/job-{number:04}.yaml", f"{number}\n")
    tree = opened.read_tree(repo.commit(), root="definitions")
    files = [file for file in tree.files if "job-" in file.path]
    assert tree.read(files) == [f"{number}\n".encode() for number in range(1200)]
    oid = files[position].blob
    (repo.path / ".git/objects" / oid[:2] / oid[2:]).unlink()
    with pytest.raises(CouldNot, match=oid):
        tree.read(files)
    assert tree.read(files[100:1150])[-1] == b"1149\n"
