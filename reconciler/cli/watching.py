"""Runs as one waits for them: how far each is, and what it writes, on standard error."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from reconciler.cli.following import NewOutput, output_so_far
from reconciler.cli.output import tell
from reconciler.cli.run_words import BAR_WIDTH, component_title, progress_line, question_lines
from reconciler.cli.volume import is_quiet
from reconciler.loop.world import World
from reconciler.model.job import Job
from reconciler.model.run import OutputRecord, Run, RunStatus, TaskResult
from reconciler.model.text import escape_text
from reconciler.targets.protocol import Note

_DOING = {"question": "Waiting for an answer...", "child": "Waiting for another run..."}


class Watch:
    """Tells what is new of ``runs`` each time it is called; lines on a terminal stand above a bar, else in order."""

    def __init__(self, world: World, runs: Sequence[Run]) -> None:
        self._views = [_View(world, run, is_alone=len(runs) == 1) for run in runs]
        self._bar = _TerminalBar() if sys.stderr.isatty() and not is_quiet() else None

    def __call__(self) -> None:
        for view in self._views:
            self._say(view.news())
            if view.step and view.step != view.told_step:
                view.told_step = view.step
                if self._bar is not None:
                    self._bar.show(*view.step)
                else:
                    tell(progress_line(*view.step))

    def close(self) -> None:
        """Say what the runs wrote last, and take the bar away."""
        self()
        for view in self._views:
            self._say(view.rest())
        if self._bar is not None:
            self._bar.close()

    def _say(self, lines: Iterable[str]) -> None:
        for line in lines:
            if self._bar is not None:
                self._bar.say(line)
            else:
                tell(line)

    @property
    def is_seen(self) -> bool:
        """Whether a person saw the output as it came, on the terminal on which the result is written."""
        has_bar = self._bar is not None and sys.stdout.isatty()
        return has_bar and all(view.is_announced for view in self._views)


class _View:
    """One run as it goes on."""

    def __init__(self, world: World, run: Run, *, is_alone: bool) -> None:
        self._world = world
        self._run = run
        self._form = world.driver.form_of(run)
        self._prefix = "" if is_alone else f"{run.job_id}@{run.device.hostname} "
        self._new_output = NewOutput()
        self._open_lines: dict[str, bytes] = {}
        self.is_announced = False
        # What had ended before is no news: the result tells of it.
        self._has_ended = run.status.is_ended
        self._told_question = ""
        self.step: tuple[float, str] | None = None
        self.told_step: tuple[float, str] | None = None

    def news(self) -> list[str]:
        """Return the lines that are new; ``step`` is then how far the run is."""
        run = self._world.store.run(self._run.uid)
        if run is None or run.handle is None or run.status is RunStatus.QUEUED or self._has_ended:
            return []
        lines = [] if self.is_announced else self._announcement(run)
        self.is_announced = True
        self._has_ended = run.status.is_ended
        target = self._world.targets.get(run.target)
        for record in self._new_output.take(output_so_far(self._world.store, target, run)):
            lines += self._whole_lines(record)
        lines += self._question(run)
        self.step = step_of(self._form, self._tasks(run), run, note=self._note(run))
        return lines

    def _question(self, run: Run) -> list[str]:
        """Return what the run asks, once."""
        if run.question is None or run.question.key == self._told_question:
            return []
        self._told_question = run.question.key
        lines = ["", *question_lines(run.question), f"To answer:    reconciler runs answer {run.uid}", ""]
        return [escape_text(line) for line in lines]

    def rest(self) -> list[str]:
        """Return what was written without a line end behind it."""
        return [self._shown(task, data) for task, data in self._open_lines.items() if data]

    def _tasks(self, run: Run) -> tuple[TaskResult, ...]:
        if run.status.is_ended:
            return self._world.store.tasks(run.uid)
        progress = self._world.driver.latest.get(run.uid)
        return progress.tasks if progress is not None else ()

    def _note(self, run: Run) -> Note | None:
        progress = self._world.driver.latest.get(run.uid)
        return progress.note if progress is not None else None

    def _announcement(self, run: Run) -> list[str]:
        started = f"{run.started_at:%Y-%m-%d %H:%M:%S} UTC" if run.started_at else "-"
        what = "Component" if self._form.component else "Job"
        facts = ((what, component_title(self._form)), ("Started At", started), ("Status", "Running"))
        lines = [f"Running job on {run.device.hostname}...", ""]
        return [escape_text(line) for line in [*lines, *(f"{name + ':':<13} {value}" for name, value in facts), ""]]

    def _whole_lines(self, record: OutputRecord) -> list[str]:
        *whole, rest = (self._open_lines.get(record.task_id, b"") + record.data).split(b"\n")
        self._open_lines[record.task_id] = rest
        return [self._shown(record.task_id, line) for line in whole]

    def _shown(self, task_id: str, data: bytes) -> str:
        task = f"{task_id} | " if len(self._form.tasks) > 1 else ""
        return escape_text(f"{self._prefix}{task}{data.decode('utf-8', errors='backslashreplace')}")


def step_of(form: Job, tasks: Sequence[TaskResult], run: Run, *, note: Note | None) -> tuple[float, str]:
    """Return how much of the tasks is done, and what is being done; of one that does not say, it is half."""
    if run.status.is_ended:
        return 1.0, "Ended"
    total = max(1, len(form.tasks))
    # All may have ended while the end of the run is not durable yet.
    ended = min(sum(task.ended_at is not None for task in tasks), total - 1)
    part = (ended + (note.percent / 100 if note else 0.5)) / total
    current = form.tasks[ended] if form.tasks else None
    doing = _DOING.get(run.reason) or (note.text if note else "") or "Executing..."
    words = f"{current.id} ({ended + 1} of {total}): {doing}" if current and total > 1 else doing
    return part, words


class _TerminalBar:
    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns: tuple[Any, ...] = (
            BarColumn(BAR_WIDTH),
            TextColumn("{task.percentage:.0f}% - {task.description}", markup=False),
            TimeElapsedColumn(),
        )
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task("Waiting...", total=1.0)
        self._progress.start()

    def say(self, line: str) -> None:
        self._progress.console.print(line, markup=False, highlight=False)

    def show(self, done: float, words: str) -> None:
        self._progress.update(self._task, completed=done, description=words)

    def close(self) -> None:
        self._progress.stop()
