"""Which pull request this pipeline is for, and where its results go, as GitHub Actions and GitLab CI say.

Sources: GitHub "Variables reference" and the payload of `pull_request`; GitLab "Predefined CI/CD variables".
"""

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from reconciler.model.errors import CouldNot

_LARGEST_EVENT = 32 << 20
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")


class Asked(Struct, frozen=True, kw_only=True):
    """What a pipeline is asked to look at; 0 and empty where it does not say. ``base`` is where the branch left."""

    number: int = 0
    head: str = ""
    base: str = ""


def read_pipeline(environment: Mapping[str, str]) -> Asked:
    """Return what this pipeline is for. Raises CouldNot when what it says cannot be read."""
    if environment.get("GITLAB_CI"):
        return _checked(
            environment.get("CI_MERGE_REQUEST_IID", ""),
            environment.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") or environment.get("CI_COMMIT_SHA", ""),
            environment.get("CI_MERGE_REQUEST_DIFF_BASE_SHA", ""),
        )
    if environment.get("GITHUB_EVENT_NAME") == "pull_request" and environment.get("GITHUB_EVENT_PATH"):
        pull = _event(environment["GITHUB_EVENT_PATH"]).pull_request
        return _checked(str(pull.number), pull.head.sha, pull.base.sha)
    return Asked()


def append_line_file(path: str, values: Mapping[str, str]) -> None:
    """Add outputs to the file that GITHUB_OUTPUT names; values are numbers and words of ours, on one line."""
    lines = [f"{name}={value}\n" for name, value in values.items()]
    assert all(line.count("\n") == 1 for line in lines)
    _append(path, "".join(lines))


def append_summary(path: str, markdown: str) -> None:
    _append(path, markdown)


def _append(path: str, text: str) -> None:
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise CouldNot(f"cannot write {path}: {error.strerror}") from None


class _Commit(Struct):
    sha: str


class _Pull(Struct):
    number: int
    head: _Commit
    base: _Commit


class _Event(Struct):
    pull_request: _Pull


def _event(path: str) -> _Event:
    try:
        with Path(path).open("rb") as file:
            return msgspec.json.decode(file.read(_LARGEST_EVENT), type=_Event)
    except (OSError, msgspec.DecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not that of a pull request"
        raise CouldNot(f"cannot read the event in {path}: {why}") from None


def _checked(number: str, head: str, base: str) -> Asked:
    is_number = number.isascii() and number.isdigit() and len(number) < 10
    return Asked(
        number=int(number) if is_number else 0,
        head=head if _SHA.match(head) else "",
        base=base if _SHA.match(base) else "",
    )
