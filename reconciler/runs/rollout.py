"""Batches of one occurrence: the next one starts when the one before has ended well enough, and not at once.

Runs of later batches exist from the beginning, held: what is to come can be seen, cancelled, and is reported.
"""

from collections.abc import Sequence
from datetime import timedelta

from reconciler.model.job import Rollout
from reconciler.model.run import Run, RunStatus, TaskResult
from reconciler.runs.batches import HELD
from reconciler.runs.driver import Driver
from reconciler.runs.ending import ended_record, finish_all, first_task
from reconciler.targets.protocol import LiveTarget, Progress

_FAILURES = frozenset({RunStatus.FAILED, RunStatus.TIMEOUT, RunStatus.LOST, RunStatus.UNKNOWN, RunStatus.EXPIRED})


def advance_rollouts(driver: Driver, target: LiveTarget) -> bool:
    """Release the next batch of each occurrence that waits for it, or end what may not start any more."""
    moved = False
    for occurrence_id in driver.store.held_occurrences(target.name, held=HELD):
        moved = _advance(driver, driver.store.runs_of_occurrence(occurrence_id)) or moved
    return moved


def _advance(driver: Driver, runs: Sequence[Run]) -> bool:
    held = [run for run in runs if run.start_after == HELD and run.status is RunStatus.CREATED]
    released = [run for run in runs if run.start_after != HELD]
    job = driver.form_of(held[0])
    rollout = job.rollout or Rollout()
    failures = sum(run.status in _FAILURES for run in released)
    if rollout.max_failures is not None and failures > rollout.max_failures:
        now = driver.clock()
        meaning = f"the rollout was stopped: {failures} of {len(released)} runs before it did not complete"
        task = TaskResult(id=first_task(job), status=RunStatus.SKIPPED, meaning=meaning, ended_at=now)
        news = Progress(status=RunStatus.SKIPPED, reason="rollout_stopped", ended_at=now, tasks=(task,))
        finish_all(driver, held, [ended_record(driver, run, job, news) for run in held])
        return True
    if not all(run.status.is_ended for run in released):
        return False
    ends = [run.ended_at for run in released if run.ended_at is not None]
    due_at = max(ends, default=driver.clock()) + timedelta(seconds=rollout.pause_seconds)
    batch = held[: rollout.batch_size(len(runs))]
    driver.store.release_batch([run.uid for run in batch], due_at=due_at)
    return True
