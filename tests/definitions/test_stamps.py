"""Files that may have changed are found by what the file system says of them, with a glance before or without."""

import contextlib
import itertools
import os
import random
import shutil
import time
from contextlib import contextmanager

import pytest

from reconciler.definitions.folder import list_paths
from reconciler.definitions.known.shelf import Damaged
from reconciler.definitions.known.stamps import Stamps
from reconciler.git.glance import Glance
from reconciler.model.errors import CouldNot

NS = 1_000_000_000
HOUR = 3600


@pytest.fixture
def root(tmp_path):
    (tmp_path / "defs/jobs").mkdir(parents=True)
    (tmp_path / "defs/jobs/a").write_text("one")
    (tmp_path / "defs/b").write_text("two")
    settle(tmp_path / "defs")
    return tmp_path


SECONDS = itertools.count()


def settle(folder):
    """Make everything look as if nobody had written to it for an hour; each time is another second."""
    at = time.time() - HOUR + next(SECONDS)
    for path in [*folder.rglob("*"), folder]:
        os.utime(path, (at, at), follow_symlinks=False)


class Looker:
    """Looks at files again and again; ``pieces`` are what it keeps. ``looked_at`` are the folders of the last time."""

    def __init__(self, root, monkeypatch, *, glances):
        self.root = root
        self.glances = glances
        self.looked_at = []
        # Wherever the tests run: what that file system does is tried here.
        monkeypatch.setattr("reconciler.git.glance._file_system_of", lambda folder: "ext4")
        scan = os.scandir
        monkeypatch.setattr(os, "scandir", lambda path: self.looked_at.append(str(path)) or scan(path))

    @contextmanager
    def stamps(self, later=10, **options):
        """Look some seconds from now, when nothing about the files is unsure any more."""
        self.looked_at.clear()
        glance = Glance(self.root / "glance", self.root)
        glance.begin()
        with contextlib.closing(glance):
            clock_ns = time.time_ns() + later * NS
            yield Stamps(self.root, root="defs", clock_ns=clock_ns, glance=glance if self.glances else None, **options)

    def keep(self, **options):
        with self.stamps(**options) as stamps:
            self.pieces = dict(stamps.pieces())
        return self

    def changed(self, **options):
        with self.stamps(**options) as stamps:
            seen = stamps.changed(list(self.pieces), self.pieces.get)
        self.pieces = {name: data for name, data in {**self.pieces, **seen.pieces}.items() if data}
        return {path: file and file.mode for path, file in seen.files.items()}


@pytest.fixture(params=[True, False], ids=["glance", "walk"])
def looker(root, monkeypatch, request):
    return Looker(root, monkeypatch, glances=request.param)


@pytest.fixture
def glancer(root, monkeypatch):
    return Looker(root, monkeypatch, glances=True)


def test_nothing_has_changed(looker):
    assert looker.keep().changed() == {}
    assert looker.changed() == {}


def test_what_is_new_gone_or_another_is_found(root, looker):
    looker.keep()
    (root / "defs/b").unlink()
    (root / "defs/c").symlink_to("b")
    (root / "defs/jobs/a").chmod(0o755)
    (root / "defs/deep/er").mkdir(parents=True)
    (root / "defs/deep/er/d").write_text("")
    (root / "defs/.git").mkdir()
    (root / "defs/.git/e").write_text("")
    assert looker.changed() == {
        "defs/b": None,
        "defs/c": "120000",
        "defs/jobs/a": "100755",
        "defs/deep/er/d": "100644",
    }
    assert looker.changed() == {}


def test_a_folder_under_another_name_is_found(root, looker):
    looker.keep()
    (root / "defs/jobs").rename(root / "defs/job")
    assert looker.changed() == {"defs/jobs/a": None, "defs/job/a": "100644"}


def test_a_folder_that_is_a_link_now_is_gone(root, looker):
    (root / "defs/jobs/deep").mkdir()
    (root / "defs/jobs/deep/c").write_text("")
    looker.keep()
    (root / "defs/jobs").rename(root / "jobs")
    (root / "defs/jobs").symlink_to("../jobs")
    assert looker.changed() == {"defs/jobs": "120000", "defs/jobs/a": None, "defs/jobs/deep/c": None}


def test_other_content_of_the_same_size_and_date_is_found(root, looker):
    looker.keep()
    status = (root / "defs/b").stat()
    (root / "defs/new").write_text("too")
    (root / "defs/new").rename(root / "defs/b")
    os.utime(root / "defs/b", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert looker.changed() == {"defs/b": "100644"}


def test_without_a_glance_even_the_same_second_is_told_from_another(root, monkeypatch):
    looker = Looker(root, monkeypatch, glances=False).keep()
    status = (root / "defs/b").stat()
    (root / "defs/b").write_text("too")
    os.utime(root / "defs/b", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert looker.changed() == {"defs/b": "100644"}


def test_what_was_written_just_before_it_was_looked_at_is_looked_at_again(looker):
    looker.keep(later=0)
    assert set(looker.changed()) == {"defs/b", "defs/jobs/a"}
    assert set(looker.changed(later=0)) == {"defs/b", "defs/jobs/a"}


def test_a_folder_that_is_not_there_has_no_files(tmp_path, monkeypatch):
    assert Looker(tmp_path, monkeypatch, glances=True).keep().changed() == {}


def test_a_file_where_the_folder_should_be_cannot_be_looked_at(tmp_path, monkeypatch):
    (tmp_path / "defs").write_text("")
    with pytest.raises(CouldNot, match="Not a directory"):
        Looker(tmp_path, monkeypatch, glances=True).keep()


class TestAGlance:
    def test_only_where_something_is_not_as_it_was_is_a_folder_looked_at(self, root, glancer):
        glancer.keep()
        assert glancer.changed() == {}
        assert glancer.looked_at == []
        (root / "defs/jobs/a").write_text("another")
        assert glancer.changed() == {"defs/jobs/a": "100644"}
        assert set(glancer.looked_at) == {str(root / "defs/jobs")}

    def test_what_the_index_does_not_have_is_looked_at_each_time(self, root, glancer):
        glancer.keep()
        (root / "defs/new").write_text("x")
        assert glancer.changed() == {"defs/new": "100644"}
        assert glancer.changed() == {}
        (root / "defs/new").write_text("another")
        assert glancer.changed() == {"defs/new": "100644"}

    def test_what_cannot_be_compared_is_looked_at_each_time(self, root, glancer):
        os.mkfifo(root / "defs/pipe")
        glancer.keep()
        (root / "defs/pipe").unlink()
        (root / "defs/pipe").write_text("")
        assert glancer.changed() == {"defs/pipe": "100644"}

    def test_what_is_needed_is_made_ready_while_the_glance_goes_on(self, root, glancer, monkeypatch):
        glancer.keep()
        monkeypatch.setattr(Glance, "is_under_way", True)
        done = []
        with glancer.stamps(meanwhile=lambda: done.append(1)) as stamps:
            stamps.changed(list(glancer.pieces), glancer.pieces.get)
        assert done == [1]

    def test_too_much_to_look_at_leads_to_a_new_index(self, root, glancer, monkeypatch):
        glancer.keep()
        (root / "defs/new").write_text("x")
        settle(root / "defs")
        monkeypatch.setattr("reconciler.definitions.known.stamps._MOST_LOOKED_AT", 0)
        glancer.changed()
        assert "glanced" not in glancer.pieces
        assert glancer.changed() == {}
        assert glancer.changed() == {}
        assert glancer.looked_at == []

    @pytest.mark.parametrize("lost", ["current", "HEAD"])
    def test_where_nothing_is_told_everything_is_looked_at(self, root, glancer, lost):
        glancer.keep()
        (root / "glance" / lost).unlink()
        (root / "defs/b").write_text("another")
        assert glancer.changed() == {"defs/b": "100644"}
        assert set(glancer.looked_at) >= {str(root / "defs"), str(root / "defs/jobs")}

    def test_with_the_index_of_other_stamps_everything_is_looked_at(self, root, glancer):
        older = dict(glancer.keep().pieces)
        (root / "defs/b").write_text("another")
        glancer.keep()
        glancer.pieces = older
        assert glancer.changed() == {"defs/b": "100644"}

    def test_a_damaged_piece_is_noticed(self, glancer):
        glancer.keep().pieces["glanced"] = b"\xc1"
        with pytest.raises(Damaged):
            glancer.changed()


def mutate(chance, root):
    """Change something at random: names, content, kinds and places of files and folders."""
    everything = sorted(root.rglob("*"))
    files = [path for path in everything if path.is_symlink() or not path.is_dir()]
    folders = [root, *[path for path in everything if path.is_dir() and not path.is_symlink()]]
    folder, name = chance.choice(folders), chance.choice(["a", "b", "c", "d", "e.yaml", ".git"])
    new = folder / name
    match chance.randrange(10):
        case 0 if files:
            chance.choice(files).unlink()
        case 1 if not os.path.lexists(new):
            new.mkdir()
        case 2 if len(folders) > 1:
            shutil.rmtree(chance.choice(folders[1:]))
        case 3 if len(folders) > 1 and not os.path.lexists(new):
            other = chance.choice(folders[1:])
            if not new.is_relative_to(other):
                other.rename(new)
        case 4 if files and not new.is_dir():
            chance.choice(files).replace(new)
        case 5 if not os.path.lexists(new):
            new.symlink_to(chance.choice(["a", "..", "/etc"]))
        case 6 if files:
            file = chance.choice(files)
            if not file.is_symlink():
                file.chmod(0o755)
        case 7:
            settle(folder)
        case _ if not new.is_dir() and not new.is_symlink():
            new.write_text("x" * chance.randrange(9))


@pytest.mark.parametrize("seed", range(8))
def test_a_glance_finds_all_that_a_look_at_everything_finds(root, monkeypatch, seed):
    chance = random.Random(seed)
    for folder in ("p", "p/q", "r", "jobs/s"):
        (root / "defs" / folder).mkdir()
        (root / "defs" / folder / "a").write_text("")
    settle(root / "defs")
    glancing = Looker(root, monkeypatch, glances=True).keep()
    walking = Looker(root, monkeypatch, glances=False).keep()
    for _ in range(25):
        for _ in range(chance.choice([0, 1, 1, 3])):
            mutate(chance, root / "defs")
        assert glancing.changed() == walking.changed()
        assert "glanced" in glancing.pieces


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (".", {"ops/defs/a", "ops/defs/jobs/b", "ops/defs/link"}),
        ("ops", {"ops/defs/a", "ops/defs/jobs/b", "ops/defs/link"}),
        ("ops/defs/jobs", {"ops/defs/jobs/b"}),
        ("ops/defs/jobs/b", {"ops/defs/jobs/b"}),
        ("ops/defs/link", {"ops/defs/link"}),
        ("ops/defs/none", set()),
        ("ops/defs/.git/x", set()),
        ("ops/other", set()),
        ("op", set()),
    ],
)
def test_files_are_listed_at_or_under_a_path(tmp_path, path, expected):
    for name in ("ops/defs/a", "ops/defs/jobs/b", "ops/defs/.git/x", "ops/other"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "ops/defs/link").symlink_to("jobs")
    assert set(list_paths(tmp_path, path, root="ops/defs")) == expected
