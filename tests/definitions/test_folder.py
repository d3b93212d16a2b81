"""The files of a work tree, as Git would name them."""

import os
import subprocess

import pytest

from reconciler.definitions.folder import blob_id, read_folder
from reconciler.model.errors import CouldNot


def write(root, files):
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def test_files_are_listed_by_path_with_mode_size_and_git_s_blob_id(tmp_path):
    write(tmp_path, {"definitions/jobs/b/x.yaml": b"hello\n", "definitions/a.sh": b"#!", "elsewhere.yaml": b""})
    (tmp_path / "definitions/a.sh").chmod(0o755)
    tree = read_folder(tmp_path, root="definitions")
    assert [(file.path, file.mode, file.size) for file in tree.files] == [
        ("definitions/a.sh", "100755", 2),
        ("definitions/jobs/b/x.yaml", "100644", 6),
    ]
    assert tree.files[1].blob == "ce013625030ba8dba906f756967f9e9ca394464a"
    assert tree.read(list(tree.files)) == [b"#!", b"hello\n"]
    assert tree.commit == ""


def test_a_blob_id_is_git_s(tmp_path):
    write(tmp_path, {"x": b"\x00\xff" * 1000})
    done = subprocess.run(["git", "hash-object", "x"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert blob_id(b"\x00\xff" * 1000) == done.stdout.strip()


def test_the_digest_stands_for_files_and_settings(tmp_path):
    write(tmp_path, {"definitions/jobs/a.yaml": b"a"})
    digests = [read_folder(tmp_path, root="definitions").digest]
    write(tmp_path, {"other": b"x"})
    assert read_folder(tmp_path, root="definitions").digest == digests[0]
    for name in ("definitions/jobs/a.yaml", "definitions/jobs/b.yaml", "reconciler.toml"):
        write(tmp_path, {name: b"changed"})
        digests.append(read_folder(tmp_path, root="definitions").digest)
    assert len(set(digests)) == 4


def test_links_are_listed_and_not_followed(tmp_path):
    write(tmp_path, {"definitions/jobs/a.yaml": b"a", "outside/secret.yaml": b"s"})
    (tmp_path / "definitions/jobs/link.yaml").symlink_to(tmp_path / "outside/secret.yaml")
    (tmp_path / "definitions/folder").symlink_to(tmp_path / "outside")
    modes = {file.path: file.mode for file in read_folder(tmp_path, root="definitions").files}
    assert modes == {
        "definitions/folder": "120000",
        "definitions/jobs/a.yaml": "100644",
        "definitions/jobs/link.yaml": "120000",
    }


def test_a_pipe_is_never_opened(tmp_path):
    (tmp_path / "definitions/jobs").mkdir(parents=True)
    os.mkfifo(tmp_path / "definitions/jobs/a.yaml")
    [file] = read_folder(tmp_path, root="definitions").files
    assert file.mode == "000000"


def test_a_missing_folder_has_no_files(tmp_path):
    assert read_folder(tmp_path, root="definitions").files == ()


def test_settings_come_along(tmp_path):
    write(tmp_path, {"reconciler.toml": b"x"})
    assert read_folder(tmp_path, root="definitions").settings == b"x"


def test_a_large_file_has_its_blob_id_too(tmp_path):
    data = b"x" * (5 << 20)
    write(tmp_path, {"definitions/jobs/a.yaml": data})
    [file] = read_folder(tmp_path, root="definitions").files
    assert (file.blob, file.size) == (blob_id(data), len(data))


def test_a_file_that_went_away_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("reconciler.definitions.folder._KEPT_BYTES", 0)
    write(tmp_path, {"definitions/jobs/a.yaml": b"a"})
    tree = read_folder(tmp_path, root="definitions")
    (tmp_path / "definitions/jobs/a.yaml").unlink()
    with pytest.raises(CouldNot, match="No such file"):
        tree.read(list(tree.files))


def test_a_name_that_is_no_utf_8_is_kept(tmp_path):
    write(tmp_path, {"definitions/jobs/a.yaml": b"a"})
    path = tmp_path / "definitions/jobs/a.yaml"
    path.rename(path.with_name("\udcff.yaml"))
    [file] = read_folder(tmp_path, root="definitions").files
    assert file.path == "definitions/jobs/\udcff.yaml"
    assert read_folder(tmp_path, root="definitions").read([file]) == [b"a"]


def test_a_file_that_changes_while_it_is_read_is_never_taken_for_what_it_was(tmp_path, monkeypatch):
    """What is kept of a file is kept under the id of its content."""
    write(tmp_path, {"definitions/jobs/a.yaml": b"before"})
    tree = read_folder(tmp_path, root="definitions")
    monkeypatch.setattr("reconciler.definitions.folder._KEPT_BYTES", 3)
    forgetful = read_folder(tmp_path, root="definitions")
    write(tmp_path, {"definitions/jobs/a.yaml": b"after!"})
    assert tree.read(list(tree.files)) == [b"before"]
    with pytest.raises(CouldNot, match="changed while it was read"):
        forgetful.read(list(forgetful.files))
