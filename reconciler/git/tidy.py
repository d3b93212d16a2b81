"""Keeping the object database in shape: publishing adds objects, and the commands that make Git tidy may be rare."""

from typing import TYPE_CHECKING

from reconciler.git.user_settings import TIDYING_KEYS, as_global_settings, read_user_settings

if TYPE_CHECKING:
    from reconciler.git.repository import Repository

# Git's own measure (gc.auto 6700, gc.autoPackLimit 50), looked at as Git does: one folder of 256 stands for all.
_LOOSE_IN_ONE_FOLDER = 27
_PACKS = 50


def tidy_objects(repository: "Repository") -> bool:
    """Let Git tidy when there are many loose objects or packs, by the user's own rules; return whether it was asked.

    It is `git gc --auto`, which `git fetch` and `git commit` start too: it goes on beside us, and whether it succeeds
    changes nothing for us.
    """
    objects = repository.common_dir / "objects"
    loose = sum(1 for _ in (objects / "17").glob("*")) if (objects / "17").is_dir() else 0
    packs = sum(1 for _ in (objects / "pack").glob("*.pack"))
    if loose <= _LOOSE_IN_ONE_FOLDER and packs <= _PACKS:
        return False
    with as_global_settings(read_user_settings(TIDYING_KEYS)) as environment:
        repository.run("gc", "--auto", "--quiet", environment=environment)
    return True
