"""Publishing: reports onto a branch of their own, a line per run into the notes of its commit, in one stream."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reconciler.git.command import IDENTITY_EMAIL
from reconciler.git.commits import parse_commit
from reconciler.git.fast_import import NewCommit, NewFile, RefMoved, import_commits
from reconciler.git.locks import publishing_lock
from reconciler.git.names import check_branch, check_path, check_sha
from reconciler.git.notes import append_lines
from reconciler.git.tidy import tidy_objects
from reconciler.git.trees import parse_listing
from reconciler.model.errors import CouldNot

if TYPE_CHECKING:
    from reconciler.git.repository import Repository

NOTES_REF = "refs/notes/reconciler"
PINNED_REF = "refs/reconciler/pinned"
REPORTS_FOLDER = "runs"

_ATTEMPTS = 10
_MOST_MERGED = 15  # parents of one commit, as git fast-import advises


def publish(
    repository: "Repository",
    files: Sequence[tuple[str, bytes]],
    *,
    branch: str,
    message: str,
    notes: Mapping[str, str],
    now: datetime,
) -> str:
    """Add ``files`` (path, content) to ``branch`` in one commit; return its id.

    ``notes`` maps a commit to lines that are appended to its note (``git log --notes=reconciler``); a line that is
    there already is not repeated, so what was interrupted is simply published again.  Commits that get a note are kept
    from garbage collection, also when their branch is rewritten.  The cost does not depend on how much is published.
    Raises CouldNot when the branch is checked out, is not one of reports, or cannot be written.
    """
    ref = f"refs/heads/{check_branch(branch)}"
    new_files = [NewFile(check_path(path), data) for path, data in files]
    reason = ""
    with publishing_lock(repository):
        for _ in range(_ATTEMPTS):
            tips = read_tips(repository, ref, NOTES_REF, PINNED_REF)
            check_reports_branch(repository, ref, tips.get(ref))
            commits = [
                NewCommit(ref=ref, message=message, at=now, parents=_parents(tips.get(ref)), files=new_files),
                *_note_commits(repository, tips.get(NOTES_REF), notes, message, now),
                *_pin_commits(repository, tips.get(PINNED_REF), notes, now),
            ]
            try:
                commit = import_commits(repository, commits)[0]
            except RefMoved as error:
                reason = str(error)
                continue
            tidy_objects(repository)
            return commit
    raise CouldNot(
        f"{repository.root}: {ref} could not be moved in {_ATTEMPTS} attempts: {reason}",
        hint="The reports stay in the state database and are published by the next pass.  "
        "If it says the same again, and no git is at work here, remove the lock file that it names.",
    )


def read_tips(repository: "Repository", *refs: str) -> dict[str, str]:
    """Return the commits of those of ``refs`` that exist."""
    out = repository.git("for-each-ref", "--format=%(objectname) %(refname)", *refs).decode()
    tips = {ref: sha for sha, ref in (line.split(" ", 1) for line in out.splitlines())}
    return {ref: tips[ref] for ref in refs if ref in tips}


def read_reports(repository: "Repository", *, branch: str, since: datetime | None) -> tuple[str, list[bytes]]:
    """Return the tip of ``branch``, empty where there is none, and its reports of the hours from ``since`` on."""
    ref = f"refs/heads/{check_branch(branch)}"
    tip = read_tips(repository, ref).get(ref, "")
    if not tip or repository.objects.header(f"{tip}:{REPORTS_FOLDER}") is None:
        return tip, []
    listing = repository.git("ls-tree", "-r", "-z", "--full-tree", tip, "--", REPORTS_FOLDER)
    first = f"{REPORTS_FOLDER}/{since.astimezone(UTC):%Y/%m/%d/%H}" if since else ""
    oids = [oid for _, oid, path in parse_listing(listing, "") if path >= first]
    return tip, repository.objects.contents(oids) if oids else []


def check_reports_branch(repository: "Repository", ref: str, tip: str | None) -> None:
    """Raise CouldNot unless ``ref`` is a branch that reports may be added to: not checked out, and of reports."""
    checked_out = repository.git("for-each-ref", "--format=%(worktreepath)", ref).decode().strip()
    branch = ref.removeprefix("refs/heads/")
    if checked_out or _head_of(repository) == ref:
        raise CouldNot(
            f"branch {branch} is checked out in {checked_out or repository.root}: no report was published to it",
            hint="Switch to another branch there, or set another one: [reports] branch in reconciler.toml.",
        )
    found = repository.objects.content(tip, "commit") if tip else None
    if not found or parse_commit(*found).committer_email == IDENTITY_EMAIL:
        return
    if repository.objects.header(f"{tip}:{REPORTS_FOLDER}") is None:
        raise CouldNot(
            f"branch {branch} exists and is not a branch of reports: nothing was published",
            hint="Set another one: [reports] branch in reconciler.toml.",
        )


def find_note(repository: "Repository", tip: str | None, sha: str) -> tuple[str, str]:
    """Return the path of the note of commit ``sha`` at ``tip`` of the notes, and its text; new: "" and where to put it.

    Git spreads notes over folders as they become many; ours lie one folder deep from the start, which holds for some
    hundred thousand commits and needs no other note to be moved.
    """
    usual = f"{sha[:2]}/{sha[2:]}"
    for path in (usual, sha, f"{sha[:2]}/{sha[2:4]}/{sha[4:]}") if tip else ():
        found = repository.objects.content(f"{tip}:{path}", "blob")
        if found:
            return path, found[1].decode("utf-8", "replace")
    return usual, ""


def _note_commits(
    repository: "Repository", tip: str | None, notes: Mapping[str, str], message: str, now: datetime
) -> Iterator[NewCommit]:
    files = []
    for sha, text in notes.items():
        path, before = find_note(repository, tip, check_sha(sha))
        after = append_lines(before, text.split("\n"))
        if after != before:
            files.append(NewFile(path, after.encode()))
    if files:
        yield NewCommit(ref=NOTES_REF, message=message, at=now, parents=_parents(tip), files=files)


def _pin_commits(repository: "Repository", tip: str | None, shas: Iterable[str], now: datetime) -> Iterator[NewCommit]:
    """Yield the commit that has, as parents, the commits that reports name; its tree says which are kept already."""
    new = [sha for sha in shas if not _is_pinned(repository, tip, sha) and repository.has_commit(sha)]
    # The rest has its turn with the next report on them: a commit is rewritten away long after.
    new = new[:_MOST_MERGED]
    if new:
        files = [NewFile(f"{sha[:2]}/{sha[2:]}") for sha in new]
        parents = [*_parents(tip), *new]
        yield NewCommit(
            ref=PINNED_REF,
            message="Keep commits that reports name",
            at=now,
            parents=parents,
            files=files,
            is_empty_based=tip is None,
        )


def _is_pinned(repository: "Repository", tip: str | None, sha: str) -> bool:
    return tip is not None and repository.objects.header(f"{tip}:{sha[:2]}/{sha[2:]}") is not None


def _parents(tip: str | None) -> list[str]:
    return [tip] if tip else []


def _head_of(repository: "Repository") -> str:
    return repository.run("symbolic-ref", "--quiet", "HEAD").out.decode("utf-8", "replace").strip()
