"""A plan, a pass and an apply after ten changed files: ``python bench/plan.py [--many N] [--rounds N]``.

A repository of definition files of 1-2 KB on the local target, whole process.  Its first commit is applied, the second
changes ten files.  Beside it stand ``git diff-tree`` of the two commits and a Python that only imports what is needed,
SQLAlchemy among it.  Cold: nothing is kept of an earlier reading.  All take their turn in each round; figures are
medians.  The clones are bare, but for the last line of a table: Git then looks at each file of the work tree, so that
the plan can say how many differ, which takes as long as the ``git status`` above it.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from validate import CHANGED, DIFF, PYTHON, git, make_repository, medians, seconds

IMPORTS = "import click, msgspec, yaml, jsonschema_rs, zoneinfo, subprocess, sqlalchemy, sqlalchemy.dialects.sqlite"
STATUS = ("git", "--no-optional-locks", "status", "--porcelain")
FIRST, SECOND = "HEAD~1", "HEAD"


class Clone:
    """A repository whose first commit is applied, with all that is kept of that."""

    def __init__(self, folder: Path, count: int) -> None:
        make_repository(folder, count)
        git(folder, "config", "core.bare", "true")
        self.place = folder / ".git"
        self._root = folder
        self._kept = self.place / "reconciler" / "known-commits"
        self.first_apply = self.run("apply", "--ref", FIRST)
        self._known = self._kept.read_bytes() if self._kept.exists() else b""

    def run(self, *arguments: str) -> float:
        return seconds(PYTHON, "-m", "reconciler", *arguments, cwd=self.place)

    def forget(self) -> None:
        """Know what was known after the first apply, and nothing of the second commit."""
        if self._known:
            self._kept.write_bytes(self._known)

    def plan(self, *options: str) -> float:
        self.forget()
        return self.run("plan", "--ref", SECOND, *options)

    def plan_from_base(self) -> float:
        return self.plan("--base", FIRST)

    def plan_cold(self) -> float:
        for name in ("known-commits", "verdicts"):
            (self.place / "reconciler" / name).unlink(missing_ok=True)
        return self.run("plan", "--ref", SECOND)

    def apply(self) -> float:
        """Apply the second commit, then the first again, so that the next round finds ten changed files too."""
        self.forget()
        taken = self.run("apply", "--ref", SECOND)
        self.run("apply", "--ref", FIRST)
        return taken

    def idle_pass(self) -> float:
        return self.run("reconcile", "--ref", FIRST, "--wait-seconds", "0")

    def diff(self) -> float:
        return seconds(*DIFF, cwd=self.place)

    def check_out(self) -> None:
        git(self._root, "config", "core.bare", "false")
        git(self._root, "reset", "--quiet", "--hard")
        self.place = self._root


def measure(folder: Path, counts: tuple[int, ...], rounds: int) -> None:
    clones = {count: Clone(folder / str(count), count) for count in counts}
    measures: dict[str, Callable[[], float]] = {
        "python with imports": lambda: seconds(PYTHON, "-c", IMPORTS, cwd=folder)
    }
    for count, clone in clones.items():
        measures[f"git diff-tree, {count:,}"] = clone.diff
        measures[f"plan, {count:,}"] = clone.plan
        measures[f"plan --base, {count:,}"] = clone.plan_from_base
        measures[f"reconcile, nothing new, {count:,}"] = clone.idle_pass
        measures[f"apply, {count:,}"] = clone.apply
    found = medians(measures, rounds)
    found |= medians({f"plan with nothing kept, {count:,}": clone.plan_cold for count, clone in clones.items()}, 1)
    found |= {f"first apply, {count:,}": clone.first_apply for count, clone in clones.items()}
    clone = clones[max(counts)]
    clone.check_out()
    seconds("git", "status", cwd=clone.place)
    name = f"work tree, {max(counts):,}"
    found |= medians({f"git status, {name}": lambda: seconds(*STATUS, cwd=clone.place)}, rounds)
    found |= medians({f"plan, {name}": clone.plan}, rounds)
    show(found, counts, rounds)


def show(found: dict[str, float], counts: tuple[int, ...], rounds: int) -> None:
    print(f"{CHANGED} files changed, whole process, medians of {rounds} rounds")
    floor = found["python with imports"]
    for name, taken in found.items():
        print(f"  {name:36} {taken * 1000:8,.0f} ms {taken / floor:8.1f}x python with imports")
    small, large = (f"{count:,}" for count in (min(counts), max(counts)))
    for what in ("plan", "plan --base", "reconcile, nothing new", "apply"):
        growth = found[f"{what}, {large}"] / found[f"{what}, {small}"]
        print(f"  {what}: {growth:.2f}x from {small} to {large}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--many", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        measure(Path(name), (1_000, arguments.many), arguments.rounds)


if __name__ == "__main__":
    main()
