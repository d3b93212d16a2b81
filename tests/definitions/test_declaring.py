"""What is asked for of a known state is declared as a whole reading declares it."""

import random

import pytest
from support.definitions import NOW, PROVIDERS, tree_of

from reconciler.definitions.known import index as index_module
from reconciler.definitions.known.affected import TooMuch
from reconciler.definitions.known.declaring import KnownDefinitions
from reconciler.definitions.known.index import open_index
from reconciler.definitions.known.recheck import Changed, KnownState, keep_state, recheck
from reconciler.definitions.known.shelf import Shelf
from reconciler.definitions.load import load_definitions
from reconciler.definitions.settings import read_settings
from reconciler.model.forms import Kind

OWNER = b"0123456789abcdef"
JOBS = tuple(f"j{number}" for number in range(8))
FLEET = "id: fleet\nprovider: datto\nsettings: {platform: merlot}\n"
RULES = {"settings": read_settings(None)[0], "providers": PROVIDERS, "now": NOW}


class Files:
    """Valid files that change at random."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.files = {"targets/fleet.yaml": FLEET, "scripts/a.sh": "echo\n"}
        for number in range(3):
            self.files[f"components/c{number}.yaml"] = self.component(number)
        for name in JOBS:
            self.files[f"jobs/{name}.yaml"] = self.job(name)

    def component(self, number):
        source = self.chance.choice(["script: echo", "script: date", "scriptFile: scripts/a.sh"])
        return f"id: c{number}\nscriptType: bash\n{source}\n"

    def job(self, name):
        chance = self.chance
        lines = [f"id: {name}"]
        if chance.random() < 0.3:
            lines.append(f"previousId: gone-{name}")
        if chance.random() < 0.3:
            lines += ["targets: [fleet, local]", "devices: {all: true}"]
        elif name > "j0" and f"jobs/{JOBS[JOBS.index(name) - 1]}.yaml" in self.files and chance.random() < 0.2:
            lines.append(f"alternateJobId: {JOBS[JOBS.index(name) - 1]}")
        lines.append(
            chance.choice(
                [
                    f"component: c{chance.randrange(3)}",
                    "tasks: [{id: t, scriptFile: scripts/a.sh}]",
                    f"tasks: [{{id: t, command: x{chance.randrange(3)}}}]",
                ]
            )
        )
        return "\n".join(lines) + "\n"

    def change(self):
        chance, name = self.chance, self.chance.choice(JOBS)
        match chance.randrange(6):
            case 0:
                self.files["scripts/a.sh"] = f"echo {chance.random()}\n"
            case 1:
                number = chance.randrange(3)
                self.files[f"components/c{number}.yaml"] = self.component(number)
            case 2:
                self.files.pop(f"jobs/{name}.yaml", None)
            case 3 if f"jobs/{name}.yaml" in self.files:
                self.files["runs/once.yaml"] = f"id: once\njob: {name}\n"
            case _:
                self.files[f"jobs/{name}.yaml"] = self.job(name)


def declared(desired):
    return {
        (kind, id_): item
        for kind, items in ((Kind.JOB, desired.jobs), (Kind.COMPONENT, desired.components))
        for id_, item in items.items()
    }


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(index_module, "_SHARE", 2)


class Reader:
    """Reads state after state, and knows the one before."""

    def __init__(self, path):
        self.path = path
        self.before = None

    def read(self, files):
        """Return what a whole reading finds, and what is known without one; None where there is nothing to know by."""
        tree = tree_of(files)
        whole = load_definitions(tree, **RULES)
        if self.before is None or (known := self._know(tree)) is None:
            with_shelf = Shelf(self.path, owner=OWNER)
            state = KnownState(tree=tree.digest, settings=None)
            load_definitions(
                tree, declare=False, keep=lambda found: keep_state(with_shelf, state, tree, found, now=NOW), **RULES
            )
            known = None
        self.before = tree
        return whole, known

    def _know(self, tree):
        shelf = Shelf(self.path, owner=OWNER)
        index = open_index(shelf)
        old, new = ({file.path: file for file in each.files} for each in (self.before, tree))
        files = {path: new.get(path) for path in old.keys() | new.keys() if old.get(path) != new.get(path)}
        changed = Changed(tree=tree.digest, settings=None, files=files, read=tree.read)
        loaded = recheck(index, changed, **RULES)
        if loaded is None or loaded.has_errors:
            return None
        return KnownDefinitions(
            index,
            loaded,
            settings=RULES["settings"],
            providers=PROVIDERS,
            read=tree.read,
            diff=lambda _: files,
            close=shelf.close,
        )


@pytest.mark.parametrize("seed", range(10))
def test_what_is_asked_for_is_declared_as_by_a_whole_reading(tmp_path, seed):
    files, reader = Files(seed), Reader(tmp_path / "known")
    before, answered = None, 0
    for _ in range(25):
        files.change()
        whole, known = reader.read(files.files)
        if known is not None:
            answered += 1
            everything = declared(whole.desired)
            some = known.declare(files.chance.sample(sorted(everything), min(2, len(everything))))
            assert declared(some).items() <= everything.items()
            assert (some.targets, some.one_offs) == (whole.desired.targets, whole.desired.one_offs)
            expected = {}
            for item in whole.desired.jobs.values():
                for target in item.form.targets:
                    expected[target] = expected.get(target, 0) + 1
            assert known.jobs == expected
            assert known.components == (3, 3)
            old, new = declared(before), declared(whole.desired)
            assert {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)} <= known.changed_since("")
        before = whole.desired if not whole.has_errors else None
        if before is None:
            reader.before = None
    assert answered > 5


def test_nothing_else_is_read(tmp_path):
    reader = Reader(tmp_path / "known")
    files = {f"jobs/j{number}.yaml": f"id: j{number}\ntasks: [{{id: t, command: x}}]\n" for number in range(200)}
    reader.read(files)
    asked = []
    _, known = reader.read(files | {"jobs/j7.yaml": files["jobs/j7.yaml"] + "priority: 2\n"})
    read = known._read
    known._read = lambda wanted: asked.extend(file.path for file in wanted) or read(wanted)
    assert set(known.declare([(Kind.JOB, "j7"), (Kind.JOB, "j8"), (Kind.JOB, "gone")]).jobs) == {"j7", "j8"}
    assert set(asked) == {"definitions/jobs/j7.yaml", "definitions/jobs/j8.yaml"}


def test_a_changed_target_takes_a_whole_reading(tmp_path):
    reader = Reader(tmp_path / "known")
    files = Files(0).files
    reader.read(files)
    _, known = reader.read(files)
    known._diff = lambda _: ["definitions/targets/fleet.yaml"]
    with pytest.raises(TooMuch):
        known.changed_since("")
