"""Publishing reports of runs beside other ways to do it: ``python bench/publish.py [--reports N] [--there N]``.

A batch of reports (2 KB each) goes onto the branch and into the notes of its commit, as `reconcile` does it; with none
published before, and with many.  The others get a few reports one by one, as their users do; figures are medians.
"""

import argparse
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import git

from reconciler.git.report_branch import publish
from reconciler.git.repository import Repository
from reconciler.model.run import Device, Origin, Run, RunStatus, StreamSummary, TaskResult, Trigger, TriggerKind
from reconciler.reports.build import build_report, encode_report
from reconciler.reports.figures import one_line
from reconciler.reports.publish import report_path

START = datetime(2026, 1, 1, tzinfo=UTC)
COMMITS = 50
ONE_BY_ONE = 20
Item = tuple[str, bytes, str]


def make_repository(folder: Path) -> list[str]:
    """Make a repository with a few commits; return their ids, oldest first."""
    with git.Repo.init(folder, initial_branch="main") as repo:
        author = git.Actor("Ada", "ada@example.com")
        return [repo.index.commit(f"Change {n}", author=author, committer=author).hexsha for n in range(COMMITS)]


def make_items(first: int, count: int, commit: str) -> list[Item]:
    """Return (path, document, line of the note) of runs that ended two a second, beginning with number ``first``."""
    return [make_item(number, commit) for number in range(first, first + count)]


def make_item(number: int, commit: str) -> Item:
    at = START + timedelta(seconds=number / 2)
    run = Run(
        uid=f"0198{number:08x}-7000-8000-{number * 2654435761 % 2**48:012x}",
        occurrence_id="o",
        root_id="clear-temp-files",
        job_id="clear-temp-files",
        target="local",
        device=Device(uid="web-1", hostname="web-1"),
        trigger=Trigger(TriggerKind.SCHEDULE, f"schedule:{at.isoformat()}"),
        scheduled_for=at,
        due_at=at,
        created_at=at,
        started_at=at,
        ended_at=at + timedelta(seconds=1),
        origin=Origin(commit=commit, path="definitions/jobs/clear-temp-files.yaml", blob=commit, digest="d" * 64),
        status=RunStatus.COMPLETED,
    )
    stream = StreamSummary(400, "a" * 64, f"line of output of run {number}\n" * 12)
    task = TaskResult(id="clean", status=RunStatus.COMPLETED, exit_code=0, stdout=stream)
    report = build_report(run, [task], parameters={"days": 30}, host="runner", tzdata="2026.1")
    return report_path(run.uid, at), encode_report(report), one_line(report)


def publish_items(repository: Repository, items: list[Item], commit: str) -> None:
    files = [(path, data) for path, data, _ in items]
    notes = {commit: "\n".join(line for _, _, line in items)}
    publish(repository, files, branch="reconciler-reports", message="Report runs", notes=notes, now=START)


def seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


class Branch:
    """A repository with ``there`` reports published, and batches to publish next."""

    def __init__(self, folder: Path, *, there: int, batch: int) -> None:
        self._commits = make_repository(folder)
        self._repository = Repository.open(folder)
        self._batch = batch
        self._next = 0
        for number, first in enumerate(range(0, there, batch * 5)):
            self._publish(min(batch * 5, there - first), self._commits[number % COMMITS])

    def publish_batch(self) -> float:
        return self._publish(self._batch, self._commits[-1])

    def close(self) -> None:
        self._repository.close()

    def _publish(self, count: int, commit: str) -> float:
        items = make_items(self._next, count, commit)
        self._next += count
        return seconds(lambda: publish_items(self._repository, items, commit))


def measure_index_commit(folder: Path) -> float:
    """Return reports a second by GitPython: write the file, add it to the index, commit."""
    commits = make_repository(folder)
    items = make_items(0, ONE_BY_ONE, commits[-1])

    def work() -> None:
        with git.Repo(folder) as repo:
            author = git.Actor("Ada", "ada@example.com")
            for path, data, _ in items:
                file = folder / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
                repo.index.add([path])
                repo.index.commit("Report", author=author, committer=author)

    return ONE_BY_ONE / seconds(work)


def measure_notes(folder: Path) -> float:
    """Return lines a second by ``git notes append``, notes alone."""
    commits = make_repository(folder)
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]

    def work() -> None:
        for number in range(ONE_BY_ONE):
            command = ["git", *identity, "notes", "append", "-m", f"line {number}", commits[-1]]
            subprocess.run(command, cwd=folder, check=True)

    return ONE_BY_ONE / seconds(work)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reports", type=int, default=1_000)
    parser.add_argument("--there", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print(f"publishing {arguments.reports:,} reports with their notes, medians of {arguments.rounds} rounds")
    with tempfile.TemporaryDirectory() as name:
        sizes = (0, arguments.there)
        branches = [Branch(Path(name, str(there)), there=there, batch=arguments.reports) for there in sizes]
        # In turns, so that what else the machine does falls on both; the first round makes branch and notes.
        rounds = [[branch.publish_batch() for branch in branches] for _ in range(arguments.rounds + 1)][1:]
        middles = [statistics.median(times) for times in zip(*rounds, strict=True)]
        for there, middle in zip(sizes, middles, strict=True):
            rate = arguments.reports / middle
            print(f"  reconciler, {there:>7,} there: {rate:>8,.0f} /s   {middle * 1000:,.0f} ms")
        print(f"  growth from 0 to {arguments.there:,}: {middles[1] / middles[0]:.2f}x")
        for branch in branches:
            branch.close()
        print(f"  GitPython index.commit, one by one: {measure_index_commit(Path(name, 'index')):,.0f} /s")
        print(f"  git notes append, one by one: {measure_notes(Path(name, 'notes')):,.0f} /s")


if __name__ == "__main__":
    main()
