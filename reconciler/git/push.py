"""Sending branch and notes of reports to a remote, and taking in what others sent there: nobody's lines are lost.

The remote moves a ref only from where we saw it (no force, ever); when another clone was first, its work is fetched,
ours is put on top, and we send again.
"""

import re
from typing import TYPE_CHECKING

from reconciler.git.commits import parse_commit
from reconciler.git.fast_import import NewCommit, NewFile, RefMoved, import_commits
from reconciler.git.fetch import fetch_refs, seen_ref
from reconciler.git.locks import publishing_lock
from reconciler.git.names import check_branch, check_remote
from reconciler.git.network import Remote, open_remote
from reconciler.git.notes import merge_notes
from reconciler.git.report_branch import NOTES_REF, check_reports_branch, find_note, read_tips
from reconciler.git.trees import parse_changes, parse_listing
from reconciler.model.errors import CouldNot

if TYPE_CHECKING:
    from reconciler.git.repository import Repository

ATTEMPTS = 12
PUSH_SECONDS = 120.0
_OUR_PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
# What the remote answers when a ref was not where we saw it; everything else it refuses for good.
_MOVED = (
    *("(fetch first)", "(non-fast-forward)", "(stale info)", "(needs force)"),
    *("failed to update ref", "cannot lock ref", "incorrect old value", "reference already exists", "failed to lock"),
)


def push(repository: "Repository", remote: str, *, branch: str, seconds: float = PUSH_SECONDS) -> str:
    """Send ``branch`` and the notes to ``remote``; return the branch's commit that it has now.

    What other clones sent is taken in first, when there is such.  Raises CouldNot when the remote cannot be reached,
    says no, or has not answered after ``seconds`` in all; everything stays here for the next time.
    """
    refs = _refs(branch)
    with open_remote(repository, remote, for_push=True, seconds=seconds) as link:
        for _ in range(ATTEMPTS):
            tips = read_tips(repository, *refs)
            reason = _send(repository, link, tips)
            if not reason:
                return tips.get(refs[0], "")
            _take_in(repository, link, refs)
    raise CouldNot(
        f"{remote} ({link.public_url}) had moved at each of {ATTEMPTS} attempts to push: {reason}",
        hint="The reports stay here and are pushed by the next pass.",
    )


def needs_push(repository: "Repository", remote: str, *, branch: str) -> bool:
    """Whether branch or notes here differ from what ``remote`` had when we last saw it; asks nobody."""
    refs = _refs(branch)
    seen = {ref: seen_ref(check_remote(remote), ref) for ref in refs}
    tips = read_tips(repository, *refs, *seen.values())
    return any(ref in tips and tips.get(seen[ref]) != tips[ref] for ref in refs)


def _refs(branch: str) -> tuple[str, str]:
    return f"refs/heads/{check_branch(branch)}", NOTES_REF


def _send(repository: "Repository", link: Remote, tips: dict[str, str]) -> str:
    """Push ``tips``; return what the remote says when it has moved meanwhile. Raises CouldNot when it says no."""
    if not tips:
        return ""
    finished = link.run(
        "push", ["--porcelain", "--quiet", "--no-verify", "--no-signed"], [f"{sha}:{ref}" for ref, sha in tips.items()]
    )
    if finished.code == 0:
        _note_seen(repository, link.name, tips)
        return ""
    said = link.said(finished)
    refused = [line for line in said.splitlines() if line.startswith("!\t") or "error: " in line]
    failure = link.failure("push", finished)
    if any(words in line for line in refused for words in _MOVED):
        return str(failure)
    raise failure


def _take_in(repository: "Repository", link: Remote, refs: tuple[str, str]) -> None:
    """Fetch what the remote has and put our own on top of it."""
    finished = link.run("ls-remote", ["--refs"], refs)
    if finished.code:
        raise link.failure("ls-remote", finished)
    theirs = [ref for ref in refs if f"\t{ref}\n".encode() in finished.out]
    if not theirs:
        return
    fetch_refs(link, theirs)
    with publishing_lock(repository):
        _put_on_top(repository, {ref: seen_ref(link.name, ref) for ref in theirs})


def _put_on_top(repository: "Repository", seen_refs: dict[str, str]) -> None:
    """Bring each ref to hold what its counterpart of the remote holds, besides its own."""
    tips = read_tips(repository, *seen_refs, *seen_refs.values())
    merges: list[NewCommit] = []
    moves: list[str] = []
    for ref, seen in seen_refs.items():
        ours, theirs = tips.get(ref), tips.get(seen)
        if not ours or not theirs or _contains(repository, ours, theirs):
            continue
        if ref != NOTES_REF:
            check_reports_branch(repository, ref, theirs)
        if _contains(repository, theirs, ours):
            moves.append(f"update {ref} {theirs} {ours}\n")
        else:
            merges.append(_merge(repository, ref, ours=ours, theirs=theirs))
    try:
        # Where another process here has published meanwhile neither moves its ref: the next attempt looks again.
        repository.run("update-ref", "--stdin", data="".join(moves).encode())
        import_commits(repository, merges)
    except RefMoved:
        return


def _merge(repository: "Repository", ref: str, *, ours: str, theirs: str) -> NewCommit:
    """Return the commit on ``ref`` that has all that ``theirs`` has and what only ``ours`` has."""
    base = repository.run("merge-base", ours, theirs).out.decode().strip()
    added = _added_files(repository, base, ours)
    files = [_merged_note(repository, base, file, theirs) for file in added] if ref == NOTES_REF else added
    found = repository.objects.content(ours, "commit")
    assert found is not None
    commit = parse_commit(*found)
    return NewCommit(
        ref=ref,
        message="Take in the reports of another clone",
        at=commit.committed_at,
        parents=[theirs, ours],
        files=files,
    )


def _merged_note(repository: "Repository", base: str, file: NewFile, theirs: str) -> NewFile:
    sha = file.path.replace("/", "")
    path, their_text = find_note(repository, theirs, sha)
    _, base_text = find_note(repository, base or None, sha)
    our_text = repository.objects.contents([file.blob])[0].decode("utf-8", "replace")
    return NewFile(path, merge_notes(base=base_text, ours=our_text, theirs=their_text).encode())


def _added_files(repository: "Repository", base: str, ours: str) -> list[NewFile]:
    """Return what ``ours`` has that ``base`` had not, or had otherwise."""
    if base:
        raw = repository.git("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", base, ours)
        files = [NewFile(change.path, blob=change.new_blob) for change in parse_changes(raw) if change.new_blob]
    else:
        listing = parse_listing(repository.git("ls-tree", "-r", "-z", "--full-tree", ours), "")
        files = [NewFile(path, blob=oid) for _, oid, path in listing]
    return [file for file in files if _OUR_PATH.fullmatch(file.path)]


def _contains(repository: "Repository", tip: str, sha: str) -> bool:
    return repository.run("merge-base", "--is-ancestor", sha, tip).code == 0


def _note_seen(repository: "Repository", remote: str, tips: dict[str, str]) -> None:
    lines = [f"update {seen_ref(remote, ref)} {sha}\n" for ref, sha in tips.items()]
    repository.git("update-ref", "--stdin", data="".join(lines).encode())
