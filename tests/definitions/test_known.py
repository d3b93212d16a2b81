"""A validation that knows the last one tells the same as one that reads everything."""

import random
from datetime import timedelta

import pytest
from support.definitions import JOB, NOW, PROVIDERS, tree_of

from reconciler.definitions.known import index as index_module
from reconciler.definitions.known import shelf as shelf_module
from reconciler.definitions.known.index import open_index
from reconciler.definitions.known.recheck import Changed, KnownState, keep_state, recheck
from reconciler.definitions.known.shelf import Damaged, Shelf
from reconciler.definitions.load import load_definitions
from reconciler.definitions.settings import read_settings

OWNER = b"0123456789abcdef"
IDS = ("a", "b", "c", "B", "dd", "\u0430")
SCHEDULES = (
    "{intervalMinutes: 30}",
    "{runAt: '2026-01-10T11:59:30Z'}",
    "{runAt: '2026-01-10T12:00:30Z'}",
    "{runAt: '2026-02-01T00:00:00Z'}",
    "{cronExpression: '30 2 * * *', timezone: Europe/Berlin}",
    "{cronExpression: '15 1 * * *', timezone: America/Havana, endAt: '2026-03-01T00:00:00Z'}",
    "{cronExpression: '0 0 29 2 *'}",
    "{cronExpression: '0 12 */30 2 1', timezone: Europe/Paris}",
    "{calendar: [{daysOfWeek: [7], time: '02:30'}], timezone: Australia/Lord_Howe}",
    "{cronExpression: '0 25 * * *'}",
)

TARGETS = ("id: fleet\nprovider: datto\nsettings: {platform: merlot}\n", "id: fleet\nprovider: x\n")
SCRIPTS = ("echo\n", "read x\n", "\x00", "AKIA" + "Q" * 16)


class World:
    """Files that change at random; what was known of them before is in a file at ``path``."""

    def __init__(self, seed, path):
        self.chance = random.Random(seed)
        self.path = path
        self.files = {}
        self.modes = {}
        self.settings = None
        self.now = NOW
        self.known = None
        self.rechecked = 0

    def change(self):
        chance = self.chance
        match chance.randrange(12):
            case 0 if self.files:
                path = chance.choice(sorted(self.files))
                del self.files[path]
                self.modes.pop(path, None)
            case 1 if self.files:
                self.modes[chance.choice(sorted(self.files))] = chance.choice(["100644", "100755", "120000", "160000"])
            case 2:
                self.now += chance.choice([timedelta(seconds=40), timedelta(hours=5), timedelta(days=60)])
            case 3 if chance.random() < 0.3:
                self.settings = chance.choice([None, b'defaultTargets = ["fleet"]\n', b"[limits]\nfiles = 9\n"])
            case 4 if chance.random() < 0.3:
                text = chance.choice(
                    ["id: fleet\nprovider: datto\nsettings: {platform: merlot}\n", "id: fleet\nprovider: x\n"]
                )
                self.files["targets/fleet.yaml"] = text
            case 5:
                self.files[f"scripts/{chance.choice('ab')}.sh"] = chance.choice(
                    ["echo\n", "read x\n", "\x00", "AKIA" + "Q" * 16]
                )
            case 6 if len(self.files) > 1:
                one, other = chance.sample(sorted(self.files), 2)
                self.files[one], self.files[other] = self.files[other], self.files[one]
            case 7:
                self.files[chance.choice(["job/a.yaml", "x.yaml", "other/b.json"])] = "{}"
            case 8:
                self.files[f"components/{chance.choice(IDS)}.yaml"] = self.component()
            case 9:
                self.files[f"runs/{chance.choice(IDS)}.yaml"] = self.one_off()
            case _:
                folder = "deep/" if chance.random() < 0.05 else ""
                self.files[f"jobs/{folder}{chance.choice(IDS)}.yaml"] = self.job()

    def id(self):
        return self.chance.choice(IDS)

    def job(self):
        chance = self.chance
        lines = [f"id: {self.id()}"]
        optional = (
            f"alternateJobId: {self.id()}",
            f"previousId: {self.id()}",
            f"schedule: {chance.choice(SCHEDULES)}",
            "targets: [fleet]",
            "parameters: [{name: p, required: true}]",
            "unknown: x",
            "devices: {all: true}",
        )
        lines += [line for line in optional if chance.random() < 0.35]
        if chance.random() < 0.3:
            lines += [f"component: {self.id()}", chance.choice(["variables: {v: '1'}", "labels: {a: b}"])]
        elif chance.random() < 0.4:
            lines.append(f"tasks: [{{id: t, scriptFile: scripts/{chance.choice('abc')}.sh}}]")
        else:
            lines.append("tasks: [{id: t, command: x}]")
        return "\n".join(lines) + "\n"

    def component(self):
        source = self.chance.choice(["script: echo", "scriptFile: scripts/a.sh", "scriptFile: scripts/c.sh"])
        required = self.chance.choice(["true", "false"])
        return f"id: {self.id()}\nvariables: [{{name: v, required: {required}}}]\nscriptType: bash\n{source}\n"

    def one_off(self):
        variables = self.chance.choice(["{p: '1'}", "{v: '1'}", "{}"])
        return f"id: {self.id()}\njob: {self.id()}\nvariables: {variables}\n"

    def check(self):
        """Compare what is told with and without what is known, and keep it for the next time."""
        settings, problems = read_settings(self.settings)
        assert not problems
        tree = tree_of(self.files, modes=self.modes, settings=self.settings)
        rules = {"settings": settings, "providers": PROVIDERS, "now": self.now}
        expected = load_definitions(tree, declare=False, **rules)
        shelf = Shelf(self.path, owner=OWNER)
        told = self.recheck(shelf, tree, rules)
        if told is None:
            state = KnownState(tree=str(self.chance.random()), settings=self.settings)
            told = load_definitions(
                tree, declare=False, keep=lambda found: keep_state(shelf, state, tree, found, now=self.now), **rules
            )
        else:
            self.rechecked += 1
        shelf.close()
        self.known = {file.path: file for file in tree.files}
        assert told.problems == expected.problems
        assert told.files == expected.files

    def recheck(self, shelf, tree, rules):
        try:
            index = open_index(shelf)
            if index is None:
                return None
            now = {file.path: file for file in tree.files}
            files = {
                path: now.get(path) for path in now.keys() | self.known.keys() if now.get(path) != self.known.get(path)
            }
            changed = Changed(tree=str(self.chance.random()), settings=tree.settings, files=files, read=tree.read)
            return recheck(index, changed, **rules)
        except Damaged:
            return None


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(index_module, "_SHARE", 2)


@pytest.mark.parametrize("seed", range(12))
def test_any_change_leads_to_what_reading_everything_tells(tmp_path, seed):
    world = World(seed, tmp_path / "known")
    for _ in range(25):
        for _ in range(world.chance.choice([1, 1, 2, 5])):
            world.change()
        world.check()


def test_nothing_is_read_but_what_changed_and_what_that_touches(tmp_path):
    world = World(0, tmp_path / "known")
    world.files = {f"jobs/j{number}.yaml": JOB.replace("id: a", f"id: j{number}") for number in range(200)}
    world.check()
    world.files["jobs/j7.yaml"] += "alternateJobId: j9\n"
    tree = tree_of(world.files)
    asked = []

    def read(files):
        asked.extend(file.path for file in files)
        return tree.read(files)

    with_index = open_index(Shelf(world.path, owner=OWNER))
    changed = Changed(
        tree="new",
        settings=None,
        files={file.path: file for file in tree.files if file.path.endswith("j7.yaml")},
        read=read,
    )
    settings, _ = read_settings(None)
    told = recheck(with_index, changed, settings=settings, providers=PROVIDERS, now=NOW)
    assert told.files == 200
    assert sorted(set(asked)) == ["definitions/jobs/j7.yaml", "definitions/jobs/j9.yaml"]


def test_an_alternate_that_leaves_a_target_is_told_at_the_job_that_names_it(tmp_path):
    world = World(0, tmp_path / "known")
    world.files = {f"jobs/j{number}.yaml": JOB.replace("id: a", f"id: j{number}") for number in range(20)}
    world.files["jobs/j7.yaml"] += "condition: device.os == 'linux'\nalternateJobId: j9\n"
    world.check()
    world.files["targets/fleet.yaml"] = TARGETS[0]
    world.check()
    world.files["jobs/j9.yaml"] += "targets: [fleet]\ndevices: {all: true}\n"
    world.check()
    assert world.rechecked == 1


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_file_is_noticed(tmp_path, seed):
    world = World(seed, tmp_path / "known")
    for _ in range(12):
        world.change()
    world.check()
    chance, data = random.Random(seed), bytearray(world.path.read_bytes())
    if seed % 2:
        del data[chance.randrange(len(data)) :]
    else:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    world.path.write_bytes(data)
    for _ in range(3):
        world.change()
        world.check()


def test_a_clock_that_goes_back_makes_everything_be_judged_anew(tmp_path):
    world = World(0, tmp_path / "known")
    world.files = {"jobs/a.yaml": JOB}
    world.check()
    world.now -= timedelta(seconds=1)
    world.check()
    assert world.rechecked == 0


class TestShelf:
    def open(self, tmp_path, owner=OWNER):
        return Shelf(tmp_path / "folder" / "shelf", owner=owner)

    def test_what_is_put_is_there_the_next_time(self, tmp_path):
        self.open(tmp_path).put({"a": b"1", "b": b"2"})
        self.open(tmp_path).put({"b": b"", "c": b"3"})
        shelf = self.open(tmp_path)
        assert {name: shelf.get(name) for name in "abc"} == {"a": b"1", "b": None, "c": b"3"}
        assert set(shelf.names()) == {"a", "c"}

    def test_nothing_is_there_for_another_owner(self, tmp_path):
        self.open(tmp_path).put({"a": b"1"})
        other = self.open(tmp_path, owner=bytes(16))
        assert other.get("a") is None
        other.put({"b": b"2"})
        assert set(self.open(tmp_path, owner=bytes(16)).names()) == {"b"}

    def test_of_two_that_write_the_second_writes_nothing(self, tmp_path):
        self.open(tmp_path).put({"a": b"0"})
        one, two = self.open(tmp_path), self.open(tmp_path)
        one.put({"a": b"1"})
        two.put({"a": b"2", "b": b"2"})
        assert self.open(tmp_path).get("a") == b"1"
        assert self.open(tmp_path).get("b") is None
        assert two.get("a") == b"0"

    def test_what_was_only_half_written_is_not_seen(self, tmp_path):
        self.open(tmp_path).put({"a": b"1"})
        path = tmp_path / "folder" / "shelf"
        head = path.read_bytes()[:40]
        self.open(tmp_path).put({"a": b"2"})
        path.write_bytes(head + path.read_bytes()[40:])
        assert self.open(tmp_path).get("a") == b"1"

    def test_the_file_does_not_grow_for_ever(self, tmp_path, monkeypatch):
        monkeypatch.setattr(shelf_module, "_SPARE_BYTES", 1000)
        for number in range(100):
            self.open(tmp_path).put({"a": bytes([number + 1]) * 100})
        assert (tmp_path / "folder" / "shelf").stat().st_size < 2000
        assert self.open(tmp_path).get("a") == bytes([100]) * 100

    def test_where_nothing_can_be_written_nothing_happens(self, tmp_path):
        (tmp_path / "folder").write_text("in the way")
        self.open(tmp_path).put({"a": b"1"})
        assert self.open(tmp_path).get("a") is None
