"""Resolving the alert that started a run, once the run has done what the alert asked for."""

from msgspec.structs import replace

from reconciler.model.errors import TargetRefused
from reconciler.model.job import Job
from reconciler.model.run import Run, RunStatus
from reconciler.targets.protocol import LiveTarget, Progress, ResolvesAlerts


def resolve_alert(target: LiveTarget, run: Run, job: Job, news: Progress) -> Progress:
    """Resolve the alert of a run that completed, before its end is recorded: doing it twice is the same as once.

    Return ``news``, with a warning where the target refuses.  Raises TargetUnavailable: the end waits for it then.
    """
    if not job.resolve_alert_on_success or news.status is not RunStatus.COMPLETED:
        return news
    if not isinstance(target, ResolvesAlerts) or run.event.get("type") not in target.event_types:
        return news
    try:
        target.resolve_alert(str(run.event.get("id", "")))
    except TargetRefused as error:
        first, *others = news.tasks
        warned = replace(first, warnings=(*first.warnings, f"its alert was not resolved: {error}"))
        return replace(news, tasks=(warned, *others))
    return news
