"""Cancelling a run: at once where it has not begun, else by its target; whatever ends it first counts."""

from reconciler.model.errors import CouldNot
from reconciler.model.run import Run, RunStatus
from reconciler.runs.driver import Driver
from reconciler.runs.ending import finish
from reconciler.targets.protocol import Progress

BEFORE_START = "before_start"


def cancel_run(driver: Driver, run: Run) -> bool:
    """End ``run``, or note that its target is to end it, which driving does; False when it has ended already.

    Raises CouldNot where its target cannot end a run that is under way.
    """
    now = driver.clock()
    with driver.store.transaction():
        if driver.store.withdraw_run(run.uid, owner=driver.owner, now=now):
            news = Progress(status=RunStatus.CANCELLED, reason=BEFORE_START, ended_at=now)
            finish(driver, run, driver.form_of(run), news)
            return True
        if not driver.store.request_cancel(run.uid, at=now):
            return False
        target = driver.targets.get(run.target)
        if target is None:
            raise CouldNot(f"target {run.target} is not configured here", hint="See definitions/targets/.")
        if not target.capabilities.cancels:
            raise CouldNot(f"target {run.target} cannot end a run once it has begun", hint="Wait for its end.")
    return True
