"""The one comment of a pull request: found by its marker and its author, written when it says something else."""

from collections.abc import Callable

from reconciler.model.errors import TargetUnavailable
from reconciler.reports.forge.values import Comment, CommentForge

MARKER = "<!-- reconciler:plan -->"
_TRIES = 4
_PAUSE_SECONDS = 3.0


def write_comment(forge: CommentForge, number: int, body: str, *, sleep: Callable[[float], None]) -> Comment:
    """Make ``body``, which begins with the marker, the only comment of ours with it; return that comment.

    Whatever became of a call that was not answered is looked up before the next.  Two that write at once leave one
    comment.  Raises TargetUnavailable or TargetRefused.
    """
    for number_of_try in range(1, _TRIES + 1):
        try:
            return _write(forge, number, body)
        except TargetUnavailable:
            if number_of_try == _TRIES:
                raise
            sleep(_PAUSE_SECONDS * number_of_try)
    raise AssertionError("the last try returns or raises")


def _write(forge: CommentForge, number: int, body: str) -> Comment:
    ours = our_comments(forge, number)
    if not ours:
        forge.add_comment(number, body)
        ours = our_comments(forge, number)  # another writer may have found none either, and added its own
    if not ours:
        raise TargetUnavailable("the comment was written, but is not listed yet")
    first, *others = ours
    if not is_same(first.body, body):
        first = forge.edit_comment(number, first.id, body)
    for comment in others:
        forge.drop_comment(number, comment.id)
    return first


def our_comments(forge: CommentForge, number: int) -> list[Comment]:
    """Return our comments that begin with the marker, oldest first: a marker that somebody else copied is not ours."""
    author = forge.author()
    found = [item for item in forge.comments(number) if item.author == author and item.body.startswith(MARKER)]
    return sorted(found, key=lambda comment: comment.id)


def is_same(stored: str, body: str) -> bool:
    """A forge may end lines its own way, and cut what is empty at the end."""
    return _plain(stored) == _plain(body)


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").rstrip()
