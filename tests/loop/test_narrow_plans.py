"""A plan that is made from little is, to the byte, the one that is made from everything."""

import random
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest
from msgspec.structs import replace
from support.driving import rig
from support.dying import Deathly, Killed, dying
from support.repo import make_repo
from support.world import Stage, make_world

from reconciler.cli.reading import read_narrowly
from reconciler.definitions.known import index as index_module
from reconciler.definitions.known import recheck as recheck_module
from reconciler.git.repository import Repository
from reconciler.loop import footing as footing_module
from reconciler.loop.compare import compare_commits
from reconciler.loop.desired import read_commit
from reconciler.loop.footing import read_footing, retains
from reconciler.loop.judging import known_of_commits, known_of_state
from reconciler.loop.one_offs import start_one_offs
from reconciler.loop.reconcile import apply_commit, plan_commit, reconcile
from reconciler.model.forms import Kind
from reconciler.model.inventory import Hold
from reconciler.model.job import Job, Task
from reconciler.model.settings import PruneSettings
from reconciler.planning.judgement import judge_plan
from reconciler.planning.renderings.document import plan_document, render_json
from reconciler.store.store import Store
from reconciler.targets.fake import FakeTarget

JOBS = tuple(f"j{number}" for number in range(10))
COMPONENTS = ("c0", "c1", "c2")


@pytest.fixture(autouse=True)
def small_numbers(monkeypatch):
    monkeypatch.setattr(index_module, "_SHARE", 2)
    monkeypatch.setattr(recheck_module, "MOST", 10_000)


class Site:
    """Definitions, people, targets and a clock, all of which change at random."""

    def __init__(self, folder, made, seed):
        self.chance = random.Random(seed)
        self.repo = make_repo(folder / "repo")
        self.made = made
        self.repository = Repository.open(self.repo.path)
        self.held = FakeTarget("held", clock=made.clock, holds=True)
        world = make_world(self.repository, made, prune=PruneSettings(grace_hours=self.chance.choice([0, 3])))
        self.world = replace(world, targets={"local": made.target, "held": self.held})
        self.places = {}
        self.narrow = self.compared = 0
        self.write("targets/held.yaml", "id: held\nprovider: local\n")
        self.write("scripts/a.sh", "echo\n")
        for name in COMPONENTS:
            self.write_component(name)
        for name in JOBS[:7]:
            self.write_job(name)

    def write(self, path, text):
        self.repo.write(f"definitions/{path}", text)

    def remove(self, path):
        (self.repo.path / "definitions" / path).unlink(missing_ok=True)

    def write_component(self, name):
        source = self.chance.choice(["script: echo", "script: date", "scriptFile: scripts/a.sh"])
        self.write(f"components/{name}.yaml", f"id: {name}\nscriptType: bash\n{source}\n")

    def write_job(self, name, *more):
        chance = self.chance
        lines = [f"id: {name}", *more]
        options = (
            "enabled: false",
            "protect: true",
            "retention: {maxRuns: 3}",
            "schedule: {intervalMinutes: 30}",
            "schedule: {cronExpression: '15 3 * * *'}",
            "schedule: {runAt: '2026-03-01T12:00:00Z'}",
            "targets: [held]",
            "targets: [held, local]",
            f"alternateJobId: {chance.choice(JOBS)}",
            f"previousId: {chance.choice(JOBS)}",
            f"# {chance.random()}",
        )
        for line in options:
            field = line.partition(":")[0]
            if chance.random() < 0.15 and not any(other.startswith(f"{field}:") for other in lines):
                lines.append(line)
        tasks = ("tasks: [{id: t, scriptFile: scripts/a.sh}]", f"tasks: [{{id: t, command: x{chance.randrange(3)}}}]")
        lines.append(chance.choice([f"component: {chance.choice(COMPONENTS)}", *tasks]))
        place = f"jobs/{chance.choice(['', '', 'deep/'])}{name}.yaml"
        self.remove_job(name)
        self.write(place, "\n".join(lines) + "\n")
        self.places[name] = place

    def write_run(self, name, job):
        self.write(f"runs/{name}.yaml", f"id: {name}\njob: {job}\nreason: because {self.chance.random()}\n")

    def remove_job(self, name):
        if name in self.places:
            self.remove(self.places.pop(name))

    def change_files(self):
        chance, name = self.chance, self.chance.choice(JOBS)
        match chance.randrange(16):
            case 0:
                self.write("scripts/a.sh", f"echo {chance.random()}\n")
            case 1:
                self.write_component(chance.choice(COMPONENTS))
            case 2 | 3:
                self.remove_job(name)
            case 4 | 5 if self.places:
                old = chance.choice(sorted(self.places))
                self.remove_job(old)
                self.write_job(name, f"previousId: {old}")
            case 6:
                self.write_run(chance.choice("rst"), name)
            case 7:
                self.remove(f"runs/{chance.choice('rst')}.yaml")
            case 8 if chance.random() < 0.3:
                self.write(f"jobs/{name}.json", "{")
            case 9 if chance.random() < 0.3:
                self.write("targets/spare.yaml", f"id: spare\nprovider: local\n# {chance.random()}\n")
            case 10 if chance.random() < 0.2:
                self.write("../reconciler.toml", f"# {chance.random()}\n")
            case _:
                self.write_job(name)

    def mend(self):
        """Let most commits be valid: with errors everything is read anyway."""
        for path in (self.repo.path / "definitions/runs").glob("*.yaml"):
            if not any(f"job: {name}\n" in path.read_text() for name in self.places):
                self.write_run(path.stem, self.chance.choice(sorted(self.places)))
        for path in (self.repo.path / "definitions/jobs").glob("*.json"):
            path.unlink()
        for name, place in self.places.items():
            path = self.repo.path / "definitions" / place
            lines = path.read_text().splitlines()
            gone = ("alternateJobId", "previousId")
            kept = [line for line in lines if not line.startswith(gone) or self.may_say(name, line, lines)]
            path.write_text("\n".join(kept))

    def may_say(self, name, line, lines):
        field, _, other = line.partition(": ")
        if field == "previousId":
            return other not in self.places
        if other not in self.places or other >= name or any(line.startswith("targets") for line in lines):
            return False
        return "targets: [held]" not in (self.repo.path / "definitions" / self.places[other]).read_text()

    def do_something(self):
        """Let a person, a target or time do something."""
        chance, now = self.chance, self.made.clock()
        name = chance.choice(JOBS)
        match chance.randrange(9):
            case 0:
                until = chance.choice([None, now + timedelta(hours=2)])
                hold = Hold(root_id=name, job_id=name, at=now, until=until, reason="x", held_by="ada")
                self.made.store.set_hold(hold)
            case 1:
                self.made.store.end_hold(name, at=now)
            case 2 if (Kind.JOB, name) in self.held.read().objects:
                self.held.edit(name, owner=str(chance.random()))
            case 3:
                odd = chance.choice([name, name, f"{name}~odd", "~", f"{name}~9"])
                self.held.put(Job(id=odd, tasks=(Task(id="t", command="by hand"),)))
            case 4 if (Kind.JOB, name) in self.held.read().objects:
                self.held.drop(name)
            case 5:
                self.held.unlisted = {name} if chance.random() < 0.5 else set()
            case _:
                self.made.clock.now += timedelta(hours=chance.choice([0, 1, 4]))

    def compare(self):
        """Plan in both ways; return the narrow source, and the plan."""
        commit, now = self.repo.git("rev-parse", "HEAD"), self.made.clock()
        narrow = read_narrowly(self.repository, commit, now=now)
        planned = plan_commit(self.world, narrow)
        whole = plan_commit(self.world, read_commit(self.repository, commit, now=now))
        assert self.told(planned, now) == self.told(whole, now)
        assert planned.plan == whole.plan
        self.compare_with(self.chance.choice(self.repo.git("rev-list", "HEAD").split()[:4]), narrow, whole.source)
        assert planned.problems == whole.problems
        assert (narrow.jobs, narrow.job_count) == (whole.source.jobs, whole.source.job_count)
        self.narrow += planned.footing is not None
        if (footing := read_footing(self.made.store, narrow.settings)) is not None:
            assert footing.counts == self.made.store.count_objects()
            assert footing.retaining >= any(retains(item.form) for item in self.made.store.inventory())
        return narrow, planned.plan

    def compare_with(self, base, narrow, whole):
        """Compare the commits in both ways."""
        now = self.made.clock()
        before = read_narrowly(self.repository, base, now=now)
        planned = compare_commits(before, narrow, now=now)
        expected = compare_commits(read_commit(self.repository, base, now=now), whole, now=now)
        assert (planned.plan, planned.problems) == (expected.plan, expected.problems)
        facts = [judge_plan(each.plan, now=now, known=known_of_commits(each)) for each in (planned, expected)]
        assert facts[0] == facts[1]
        self.compared += planned.is_part
        if before.known is not None:
            before.known.close()

    def told(self, planned, now):
        facts = judge_plan(planned.plan, now=now, known=known_of_state(self.world, planned, is_root=False))
        return render_json(plan_document(planned.plan, facts, now=now))

    def apply(self, narrow, plan):
        chance = self.chance
        if chance.random() < 0.4:
            self.held.refuses = {*chance.sample(JOBS, 3)}
        self.held.unreachable = chance.random() < 0.1
        deletes = plan.digest if not self.held.unreachable else None
        with suppress(Killed), dying(self.made.store, Deathly(chance.choice([None, chance.randint(1, 12)]))):
            apply_commit(self.world, narrow, allowed_deletes=deletes)
        self.held.refuses, self.held.unreachable = set(), False
        if chance.random() < 0.5:
            start_one_offs(self.world, plan.changes, commit=narrow.commit, now=self.made.clock())


@contextmanager
def site(folder, seed=0):
    with rig(folder) as made:
        made_site = Site(folder, made, seed)
        yield made_site
        made_site.repository.close()


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happened_both_ways_lead_to_one_plan(tmp_path, seed):
    with site(tmp_path, seed) as here:
        for _ in range(14):
            for _ in range(here.chance.choice([0, 1, 2, 4])):
                here.change_files()
            for _ in range(here.chance.choice([0, 0, 1, 3])):
                here.do_something()
            if here.chance.random() < 0.9:
                here.mend()
            here.repo.commit()
            narrow, plan = here.compare()
            if here.chance.random() < 0.7:
                here.apply(narrow, plan)
                here.compare()
            if narrow.known is not None:
                narrow.known.close()
        assert here.narrow >= 2
        assert here.compared >= 2


@contextmanager
def stage_of(folder, numbers):
    """Yield a stage with some jobs, all applied and known."""
    made = Stage(folder)
    for number in numbers:
        made.repo.write(f"definitions/jobs/j{number}.yaml", JOB.format(number))
    made.repo.commit()
    reconcile(made.world, read_head(made))
    yield made
    made.close()


JOB = "id: j{}\nschedule: {{intervalMinutes: 30}}\ntasks: [{{id: t, command: x}}]\n"


def read_head(stage):
    return read_narrowly(stage.repository, stage.repo.git("rev-parse", "HEAD"), now=stage.clock())


def refuse(*_):
    raise AssertionError("everything is read")


def test_a_pass_reads_what_changed_and_a_one_off_asks_for_but_not_all_that_is_applied(tmp_path, monkeypatch):
    with stage_of(tmp_path, range(40)) as stage:
        for name in ("inventory", "schedules", "receipts", "has_retired"):
            whole = getattr(Store, name)
            monkeypatch.setattr(Store, name, lambda *given, whole=whole: whole(*given) if given[1:] else refuse())
        stage.repo.write("definitions/jobs/j7.yaml", JOB.format(7) + "priority: 9\n")
        stage.repo.write("definitions/runs/once.yaml", "id: once\njob: j8\nnotAfter: '2099-01-01T00:00:00Z'\n")
        stage.repo.commit()
        source = read_head(stage)
        result = reconcile(stage.world, source)
        assert [(change.action.value, change.id) for change in result.planned.plan.changes] == [
            ("update", "j7"),
            ("one-off", "once"),
        ]
        assert [run.job_id for run in result.runs] == ["j8"]
        again = read_head(stage)
        monkeypatch.setattr(source.known, "_read", refuse)
        assert reconcile(stage.world, again).planned.plan.changes == ()
        assert "_whole" not in again.__dict__


def test_what_is_applied_otherwise_takes_the_whole_way(tmp_path):
    with stage_of(tmp_path, range(3)) as stage:
        assert plan_commit(stage.world, read_head(stage)).footing is not None
        stage.rig.store.record_deleted("local", Kind.JOB, "j1")
        planned = plan_commit(stage.world, read_head(stage))
        assert planned.footing is None
        assert [change.id for change in planned.plan.changes] == ["j1"]


def test_other_settings_and_another_program_take_the_whole_way(tmp_path, monkeypatch):
    with stage_of(tmp_path, range(3)) as stage:
        monkeypatch.setattr(footing_module, "_program", lambda: b"newer")
        assert plan_commit(stage.world, read_head(stage)).footing is None
        monkeypatch.undo()
        assert plan_commit(stage.world, read_head(stage)).footing is not None
        stage.repo.write("reconciler.toml", "[prune]\ngraceHours = 1\n")
        stage.repo.commit()
        assert plan_commit(stage.world, read_head(stage)).footing is None
