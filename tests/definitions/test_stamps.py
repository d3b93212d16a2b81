"""Files that may have changed are found by what the file system says of them."""

import os
import time

import pytest

from reconciler.definitions.known.stamps import Stamps
from reconciler.model.errors import CouldNot

NS = 1_000_000_000


@pytest.fixture
def root(tmp_path):
    (tmp_path / "defs/jobs").mkdir(parents=True)
    (tmp_path / "defs/jobs/a").write_text("one")
    (tmp_path / "defs/b").write_text("two")
    return tmp_path


def look(root, *, later=10):
    """Look at the files some seconds from now, when nothing about them is unsure any more."""
    return Stamps(root, root="defs", clock_ns=time.time_ns() + later * NS)


def changed(root, before, **options):
    pieces = before.pieces()
    found = look(root, **options).changed(pieces, pieces.get)
    return {path: file and file.mode for path, file in found.items()}


def test_nothing_has_changed(root):
    assert changed(root, look(root)) == {}


def test_what_is_new_gone_or_another_is_found(root):
    before = look(root)
    (root / "defs/b").unlink()
    (root / "defs/c").symlink_to("b")
    (root / "defs/jobs/a").chmod(0o755)
    (root / "defs/deep/er").mkdir(parents=True)
    (root / "defs/deep/er/d").write_text("")
    (root / "defs/.git").mkdir()
    (root / "defs/.git/e").write_text("")
    assert changed(root, before) == {
        "defs/b": None,
        "defs/c": "120000",
        "defs/jobs/a": "100755",
        "defs/deep/er/d": "100644",
    }


def test_a_folder_under_another_name_is_found(root):
    before = look(root)
    (root / "defs/jobs").rename(root / "defs/job")
    assert changed(root, before) == {"defs/jobs/a": None, "defs/job/a": "100644"}


def test_other_content_of_the_same_size_and_date_is_found(root):
    before = look(root)
    status = (root / "defs/b").stat()
    (root / "defs/b").write_text("too")
    os.utime(root / "defs/b", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert changed(root, before) == {"defs/b": "100644"}


def test_what_was_written_just_before_it_was_looked_at_is_looked_at_again(root):
    before = look(root, later=0)
    assert set(changed(root, before)) == {"defs/b", "defs/jobs/a"}
    assert set(changed(root, before, later=0)) == {"defs/b", "defs/jobs/a"}


def test_a_folder_that_is_not_there_has_no_files(tmp_path):
    assert look(tmp_path).paths_at("defs") == []


def test_a_file_where_the_folder_should_be_cannot_be_looked_at(tmp_path):
    (tmp_path / "defs").write_text("")
    with pytest.raises(CouldNot, match="Not a directory"):
        look(tmp_path)
