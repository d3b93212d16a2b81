"""Read a repository under an audit hook: each line printed is [kind, what] of something that was opened or started."""

import json
import sys
from pathlib import Path

from reconciler.git.repository import Repository

KINDS = {"subprocess.Popen": "start", "os.exec": "start", "os.posix_spawn": "start", "os.system": "start"}
KINDS |= {"socket.connect": "connect", "socket.getaddrinfo": "connect", "open": "open"}
IMPORTED = tuple(path for path in (sys.prefix, sys.base_prefix, str(Path(__file__).parents[2] / "reconciler")))

events: list[list[str]] = []


def note(event: str, arguments: tuple[object, ...]) -> None:
    kind = KINDS.get(event)
    if kind and not str(arguments[0]).startswith(IMPORTED) and isinstance(arguments[0], str | bytes | Path):
        events.append([kind, str(arguments[0])])


sys.addaudithook(note)
with Repository.open(Path(sys.argv[1])) as repository:
    commit = repository.resolve("HEAD")
    tree = repository.read_tree(commit.sha, root="definitions")
    tree.read(list(tree.files))
    repository.diff_trees(commit.sha, commit.sha, root="definitions")
    repository.last_changed(commit.sha, [file.path for file in tree.files])
    repository.changed_files("definitions")
print("\n".join(json.dumps(event) for event in events))
