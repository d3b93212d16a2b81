"""Output of other systems, with the secrets of its job taken out before it is kept anywhere."""

import hashlib
from collections.abc import Sequence

from msgspec.structs import replace

from reconciler.engine.masks import Masker, mask_forms
from reconciler.model.errors import CouldNot
from reconciler.model.job import Job
from reconciler.model.run import OutputRecord, Stream, StreamSummary, TaskResult
from reconciler.runs.driver import Driver
from reconciler.targets.protocol import KeepsVariables, LiveTarget, Progress

_WITHHELD = "its output is not kept: the secrets that would be taken out of it are not there"


def mask_news(
    driver: Driver, target: LiveTarget, job: Job, news: Progress, *, output: Sequence[OutputRecord]
) -> tuple[Progress, tuple[OutputRecord, ...]]:
    """Return how a run ended and what it wrote, both without secrets. The local engine masks as it reads."""
    if target.capabilities.is_local:
        return news, tuple(output)
    try:
        secrets = [*driver.secrets.for_job(job, target.name).values()]
        if isinstance(target, KeepsVariables):
            secrets += target.hidden_values()  # any script of an account can write what the account hides
    except CouldNot:
        tasks = tuple(_silenced(task) for task in news.tasks)
        return replace(news, tasks=tasks), ()
    if not secrets:
        return news, tuple(output)
    forms = mask_forms(secret.reveal() for secret in secrets)
    masked = tuple(_masked_records(output, forms))
    tasks = tuple(
        replace(task, stdout=_summary(task.stdout, forms), stderr=_summary(task.stderr, forms)) for task in news.tasks
    )
    return replace(news, tasks=tasks), masked


def _masked_records(records: Sequence[OutputRecord], forms: list[bytes]) -> list[OutputRecord]:
    """Mask each stream as a whole: a secret may be cut by the end of a record."""
    maskers: dict[tuple[str, Stream], Masker] = {}
    shown = []
    for index, record in enumerate(records):
        key = (record.task_id, record.stream)
        data = maskers.setdefault(key, Masker(forms)).feed(record.data)
        if all((later.task_id, later.stream) != key for later in records[index + 1 :]):
            data += maskers[key].flush()
        shown.append(OutputRecord(record.task_id, record.stream, record.at, data))
    return shown


def _summary(stream: StreamSummary, forms: list[bytes]) -> StreamSummary:
    masker = Masker(forms)
    tail = masker.feed(stream.tail.encode()) + masker.flush()
    # The hash is of what is shown: one of the whole text would let a short secret be guessed.
    return StreamSummary(bytes=stream.bytes, sha256=hashlib.sha256(tail).hexdigest(), tail=tail.decode())


def _silenced(task: TaskResult) -> TaskResult:
    nothing = StreamSummary()
    return replace(task, stdout=nothing, stderr=nothing, warnings=(*task.warnings, _WITHHELD))
