"""Which change of a job brought what: the commits that changed its file, each with how its runs went."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from msgspec import Struct

from reconciler.model.run import Run, RunStatus
from reconciler.store.records import RunCount


class BlamedCommit(Struct, frozen=True, kw_only=True):
    """One commit that changed the job; ``at`` is None where this clone's branch does not hold it (any more).

    ``runs`` counts the kept runs of the form that it brought, by status.
    """

    sha: str
    at: datetime | None = None
    author: str = ""
    subject: str = ""
    runs: dict[RunStatus, int] = {}


class Blame(Struct, frozen=True, kw_only=True):
    """The commits, newest first; and since when the job fails: the first bad run after the last that completed."""

    job_id: str
    commits: tuple[BlamedCommit, ...]
    last_good: Run | None = None
    first_bad: Run | None = None

    @property
    def suspect(self) -> str:
        """The commit since which it fails; empty where it does not, or where it failed without a change."""
        if self.first_bad is None:
            return ""
        brought_by = change_of(self.first_bad)
        return "" if self.last_good is not None and change_of(self.last_good) == brought_by else brought_by


def change_of(run: Run) -> str:
    """Return the commit that brought the form that ran, as far as this clone's history tells."""
    return run.origin.changed_in or run.origin.commit


def make_blame(
    job_id: str,
    history: Sequence[BlamedCommit],
    counts: Iterable[RunCount],
    *,
    last_good: Run | None,
    first_bad: Run | None,
) -> Blame:
    """Put the runs beside the commits of ``history``; runs of commits that are not in it come last."""
    runs: defaultdict[str, dict[RunStatus, int]] = defaultdict(dict)
    for count in counts:
        of_change = runs[count.changed_in or count.commit]
        of_change[count.status] = of_change.get(count.status, 0) + count.number
    commits = [
        BlamedCommit(
            sha=commit.sha, at=commit.at, author=commit.author, subject=commit.subject, runs=runs.pop(commit.sha, {})
        )
        for commit in history
    ]
    commits += [BlamedCommit(sha=sha, runs=of_change) for sha, of_change in sorted(runs.items())]
    return Blame(job_id=job_id, commits=tuple(commits), last_good=last_good, first_bad=first_bad)


def runs_words(runs: dict[RunStatus, int]) -> str:
    """Return ``12 completed, 3 failed``, or ``no runs``."""
    return ", ".join(f"{runs[status]:,} {status.value}" for status in RunStatus if runs.get(status)) or "no runs"


def verdict_lines(blame: Blame) -> Iterator[str]:
    """Yield what the runs say: since which change the job fails, or that it does not."""
    good, bad = blame.last_good, blame.first_bad
    if bad is None:
        yield "It does not fail: no run went wrong after the last that completed." if good else "No run has ended yet."
        return
    words = f"{bad.status.value} on {_moment(bad)}, run {bad.uid}"
    if blame.suspect:
        yield f"Fails since {blame.suspect[:12]}: first {words}."
    else:
        yield f"Fails since {_moment(bad)}, and not since a change of its file: first {words}."
    yield (
        f"Last completed: {_moment(good)}, run {good.uid}, with {change_of(good)[:12]}."
        if good
        else ("No kept run of it ever completed.")
    )


def _moment(run: Run) -> str:
    at = run.started_at or run.ended_at or run.created_at
    return f"{at:%Y-%m-%d %H:%M} UTC"
