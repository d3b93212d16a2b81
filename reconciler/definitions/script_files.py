"""Scripts in files of their own: their text becomes part of the form, so that its digest covers it."""

from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from reconciler.definitions.checks.job import waiting_finding
from reconciler.definitions.checks.scripts import asks_for_input, check_script_path
from reconciler.definitions.checks.secrets import find_secret
from reconciler.definitions.document import Unreadable, make_problem
from reconciler.definitions.listing import REGULAR_MODES, path_for_people
from reconciler.definitions.source import decode, place, refuse_hidden, warn_of_unseen
from reconciler.definitions.suggest import did_you_mean, quote
from reconciler.model.desired import SourceFile, SourceTree
from reconciler.model.problem import Problem
from reconciler.model.provider import Finding

MAX_SCRIPT_BYTES = 1024 * 1024


class ScriptFiles:
    """The script files of a tree, read once each. ``problems`` are those inside of scripts, which are then
    ``broken``.
    """

    def __init__(self, tree: SourceTree, files: Mapping[str, SourceFile]) -> None:
        self._tree = tree
        self._files = files
        self._texts: dict[str, str | None] = {}
        self.problems: list[Problem] = []
        self.broken: set[str] = set()

    def read_all(self, paths: Iterable[str]) -> None:
        """Read these at once: one request to Git instead of many."""
        wanted = [path for path in dict.fromkeys(paths) if path in self._files and self._refusal(path) is None]
        for path, data in zip(wanted, self._tree.read([self._files[path] for path in wanted]), strict=True):
            text = self._read(path_for_people(self._files[path]), data)
            self._texts[path] = text
            if text is None:
                self.broken.add(path)

    def find(self, path: str, json_path: str, *, attended: bool) -> tuple[str | None, list[Finding]]:
        """Return the text of the script at ``path``, or None, and what is wrong with naming it at ``json_path``."""
        if any(check_script_path(path, json_path)):
            return None, []
        refusal = self._refusal(path)
        if refusal is not None:
            return None, [Finding(code=refusal[0], json_path=json_path, message=refusal[1], hint=refusal[2])]
        if path not in self._texts:
            self.read_all([path])
        text = self._texts[path]
        if text is not None and not attended and asks_for_input(text):
            return text, [waiting_finding(json_path)]
        return text, []

    def _refusal(self, path: str) -> tuple[str, str, str] | None:
        file = self._files.get(path)
        if file is None:
            near = did_you_mean(path, [name for name in self._files if "/" in name or "." in name])
            hint = "Its path is relative to the definitions folder, such as scripts/clean.sh."
            link = next((part for part in _parents(path) if part in self._files), None)
            if link is not None and self._files[link].mode == "120000":
                message = f"path must stay inside the repository: {quote(link)} is a symbolic link"
                return "PATH001", message, "Put the file itself there."
            return "PATH002", f"there is no file {quote(path)}{near}", hint
        if file.mode == "120000":
            message = f"path must stay inside the repository: {quote(path)} is a symbolic link"
            return "PATH001", message, "Put the file itself there."
        if file.mode not in REGULAR_MODES:
            return "PATH002", f"{quote(path)} is not a regular file", ""
        if file.size > MAX_SCRIPT_BYTES:
            size = f"{file.size / 1024 / 1024:.1f} MB"
            return "PATH003", f"script {quote(path)} has {size}, limit {MAX_SCRIPT_BYTES // 1024 // 1024} MB", ""
        return None

    def _read(self, path: str, data: bytes) -> str | None:
        try:
            text = decode(data.removeprefix(b"\xef\xbb\xbf"))
            # Windows scripts may end lines as they like; what hides code is refused all the same.
            refuse_hidden(text)
        except Unreadable as error:
            self.problems.append(replace(error.problem, path=path))
            return None
        self.problems += [replace(problem, path=path) for problem in warn_of_unseen(text)]
        offset = find_secret(text)
        if offset is not None:
            message = "the script holds what looks like a secret (value not shown)"
            hint = "Take it from an environment variable: env: {NAME: {secret: NAME}}."
            self.problems.append(
                replace(make_problem("SEC001", message, span=place(text, offset), hint=hint), path=path)
            )
            return None
        return text


def _parents(path: str) -> Iterator[str]:
    steps = path.split("/")
    for length in range(1, len(steps)):
        yield "/".join(steps[:length])
