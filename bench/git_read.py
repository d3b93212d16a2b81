"""Reading blobs at a commit beside bare git and GitPython: ``python bench/git_read.py [--blobs N] [--rounds N]``.

One repository, one file for each blob, a hundred files to a folder, 1-2 KB each, in one pack.  Every reader gets the
same ids in the same order, throws the content away, and takes its turn in each round; the figures are medians.  Git
alone is measured twice: into /dev/null, which nobody reads, and through a pipe, the way any program reads it.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import git

from reconciler.git.repository import Repository
from reconciler.model.desired import SourceTree

ROOT = "definitions"
PORTION = 2_000
SLOW_SHARE = 10
"""Of the slow reader a tenth is measured."""


def make_repository(folder: Path, count: int) -> None:
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    importer = subprocess.Popen(["git", "-C", str(folder), "fast-import", "--quiet"], stdin=subprocess.PIPE)
    assert importer.stdin is not None
    importer.stdin.write(b"commit refs/heads/main\ncommitter b <b@b> 1700000000 +0000\ndata 1\nx\n")
    for number in range(count):
        data = f"name: Job {number}\ndescription: |\n".encode() + f"  Cleans {number * 7919} files.\n".encode() * 55
        path = f"{ROOT}/jobs/{number // 10_000}/{number // 100 % 100:02}/job-{number:06}.yaml"
        importer.stdin.write(f"M 644 inline {path}\ndata {len(data)}\n".encode() + data + b"\n")
    importer.stdin.close()
    if importer.wait():
        sys.exit("fast-import failed")


def seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def read_ours(tree: SourceTree) -> None:
    files = list(tree.files)
    for start in range(0, len(files), PORTION):
        tree.read(files[start : start + PORTION])


def read_with_git_unread(folder: Path, ids: Path) -> None:
    with ids.open("rb") as asked:
        subprocess.run(
            ["git", "-C", str(folder), "cat-file", "--batch"], stdin=asked, stdout=subprocess.DEVNULL, check=True
        )


def read_with_git(folder: Path, ids: Path) -> None:
    with (
        ids.open("rb") as asked,
        subprocess.Popen(
            ["git", "-C", str(folder), "cat-file", "--batch"], stdin=asked, stdout=subprocess.PIPE, bufsize=0
        ) as process,
    ):
        assert process.stdout is not None
        while os.read(process.stdout.fileno(), 1 << 18):
            pass


def read_with_gitpython(folder: Path, tree: SourceTree) -> None:
    with git.Repo(folder) as repo:
        for file in tree.files[::SLOW_SHARE]:
            repo.odb.stream(bytes.fromhex(file.blob)).read()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blobs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "repo")
        make_repository(folder, arguments.blobs)
        with Repository.open(folder) as repository:
            measure(repository, folder, arguments)


def measure(repository: Repository, folder: Path, arguments: argparse.Namespace) -> None:
    sha = repository.resolve("main").sha
    tree = repository.read_tree(sha, root=ROOT)
    ids = folder.parent / "ids"
    ids.write_text("".join(f"{file.blob}\n" for file in tree.files))
    slow = len(tree.files[::SLOW_SHARE]) / len(tree.files)
    readers: dict[str, tuple[Callable[[], object], float]] = {
        "git cat-file --batch > /dev/null, unread": (lambda: read_with_git_unread(folder, ids), 1.0),
        "git cat-file --batch, through a pipe": (lambda: read_with_git(folder, ids), 1.0),
        "reconciler": (lambda: read_ours(tree), 1.0),
        "GitPython data_stream": (lambda: read_with_gitpython(folder, tree), slow),
    }
    taken: dict[str, list[float]] = {name: [] for name in readers}
    listing: list[float] = []
    for _ in range(arguments.rounds):
        for name, (read, share) in readers.items():
            taken[name].append(seconds(read) / share)
        listing.append(seconds(lambda: repository.read_tree(sha, root=ROOT)))
    ours = statistics.median(taken["reconciler"])
    print(f"{len(tree.files):,} blobs, medians of {arguments.rounds} rounds")
    for name, times in taken.items():
        middle = statistics.median(times)
        print(f"  {name:42} {len(tree.files) / middle:>10,.0f} /s   reconciler is {middle / ours:5.2f}x")
    print(f"  listing them all with their sizes: {statistics.median(listing) * 1000:,.0f} ms")


if __name__ == "__main__":
    main()
