"""What a run asked a person, in words: the same in every rendering of a report."""

from collections.abc import Callable

from reconciler.model.report import ReportQuestion

_OUTCOMES = {"expired": "not answered in time,", "withdrawn": "withdrawn", "": "never answered"}


def question_words(question: ReportQuestion, quote: Callable[[str], str]) -> str:
    """Return the question with its choices, when it was asked, and its outcome: when, who answered, what.

    ``quote`` makes a word that is not ours safe to stand there.  A secret answer is not told.
    """
    choices = f" (one of {', '.join(map(quote, question.choices))})" if question.choices else ""
    asked = f"asked {_moment(question.asked_at)}: {quote(question.text)}{choices}"
    if question.outcome != "answered":
        at = f" {_moment(question.ended_at)}" if question.ended_at else ""
        return f"{asked}; {_OUTCOMES.get(question.outcome) or quote(question.outcome)}{at}"
    by = f" by {quote(question.answered_by)}" if question.answered_by else ""
    answer = "a secret" if question.is_secret else quote(question.answer)
    return f"{asked}; answered {_moment(question.ended_at)}{by}: {answer}"


def _moment(instant: str | None) -> str:
    return f"{instant[:19].replace('T', ' ')} UTC" if instant else "at an unknown time"
