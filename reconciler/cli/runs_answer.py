"""`reconciler runs answer`: what a person says to a job that asks."""

import sys

import click

from reconciler.cli.completing import complete_run
from reconciler.cli.options import state_option, verb
from reconciler.cli.output import tell, warn
from reconciler.cli.report import find_run
from reconciler.cli.run_words import question_lines
from reconciler.cli.session import open_session
from reconciler.model.errors import CouldNot, UsageError
from reconciler.model.run import Question, Run
from reconciler.model.secret import Secret
from reconciler.model.text import escape_text
from reconciler.runs.driver import Driver

_MOST_CHARACTERS = 65_536


@verb(
    "answer",
    examples="""
    reconciler runs answer 0198a1c2          # shows the question, and asks for the answer
    reconciler runs answer 0198a1c2 sdb
    pass show vault | reconciler runs answer 0198a1c2 -
    """,
)
@click.argument("uid", shell_complete=complete_run)
@click.argument("text", required=False)
@state_option
def answer_command(*, directory: str | None, uid: str, text: str | None, state: str | None) -> int:
    """Answer the question that a run waits with; it goes on at once. TEXT - reads standard input.

    The answer to a secret question is typed without being shown, or read from standard input; it is kept nowhere.
    """
    with open_session(directory=directory, state=state) as session:
        session.collect()
        world = session.world_of_applied(session.applied_settings())
        run = find_run(session, uid)
        question = _open_question(world.driver, run)
        answer = _check(question, _read(run, question, text))
        assert run.handle is not None
        world.targets[run.target].answer(
            run.handle,
            Secret(answer) if question.is_secret else answer,
            question=question.key,
            by=session.requester,
        )
    tell(f"Answered: run {run.uid} of {run.job_id} goes on.")
    return 0


def _open_question(driver: Driver, run: Run) -> Question:
    """Return what the run asks now. Raises CouldNot where it asks nothing, or its target passes on no answers."""
    if run.status.is_ended:
        raise CouldNot(f"run {run.uid} of {run.job_id} has ended: {run.status.value}")
    target = driver.targets.get(run.target)
    if target is None:
        raise CouldNot(f"target {run.target} is not configured here", hint="See definitions/targets/.")
    if not target.capabilities.feedback:
        raise CouldNot(f"target {run.target} passes no answers on to runs")
    if run.question is None:
        hint = "See which runs wait: reconciler runs list --status waiting"
        raise CouldNot(f"run {run.uid} of {run.job_id} waits for no answer: it is {run.status.value}", hint=hint)
    return run.question


def _read(run: Run, question: Question, text: str | None) -> str:
    if text == "-":
        return _read_piped()
    if text is not None and question.is_secret:
        raise UsageError(
            "the question asks for a secret, which does not belong on a command line",
            hint=f"Leave it out to type it, or pipe it in: ... | reconciler runs answer {run.uid} -",
        )
    if text is not None:
        return text
    if not sys.stdin.isatty():
        raise UsageError("no answer is given", hint="Give it as TEXT, or as - to read it from standard input.")
    for line in question_lines(question):
        warn(escape_text(line))
    answer: str = click.prompt("Answer", hide_input=question.is_secret, default="", show_default=False, err=True)
    return answer


def _read_piped() -> str:
    data = sys.stdin.buffer.read(4 * _MOST_CHARACTERS + 1)
    try:
        return data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        # Not said in its words, which show the text.
        raise _not_text() from None


def _not_text() -> UsageError:
    return UsageError("the answer is not UTF-8 text", hint="Write it in UTF-8.")


def _check(question: Question, answer: str) -> str:
    if question.choices and answer not in question.choices:
        given = "the answer" if question.is_secret else f"`{escape_text(answer, limit=80)}`"
        raise UsageError(f"{given} is none of the choices", hint=f"Choose one of: {', '.join(question.choices)}")
    if any("\ud800" <= character <= "\udfff" for character in answer):
        raise _not_text()
    if len(answer) > _MOST_CHARACTERS:
        raise UsageError(f"an answer has at most {_MOST_CHARACTERS:,} characters")
    return answer
