"""What both dialects say of jobs and components, in our terms."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from msgspec import Struct

from reconciler.model.run import RunStatus
from reconciler.targets.datto.handle import JobRef


class LiveVariable(Struct, frozen=True, kw_only=True):
    name: str
    type: str = ""
    default: str = ""
    description: str = ""


class LiveComponent(Struct, frozen=True, kw_only=True):
    """A component as the account has it; ``variables`` are its inputs."""

    uid: str
    name: str
    description: str = ""
    category: str = ""
    variables: tuple[LiveVariable, ...] = ()


class Standing(Struct, frozen=True, kw_only=True):
    """How a job stands on its device. ``word`` is the service's own; ``status`` None: we do not know that word.

    ``has_stdout`` and ``has_stderr`` say that there is something to fetch; ``texts`` are those that came along.
    """

    word: str
    status: RunStatus | None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    warnings: tuple[str, ...] = ()
    has_stdout: bool = False
    has_stderr: bool = False
    texts: tuple[str, str] | None = None


class Dialect(Protocol):
    """One way of speaking with the service. ``promises_exit_code``: an end without one is an unknown outcome."""

    promises_exit_code: bool

    def components(self) -> Sequence[LiveComponent]: ...

    def start(self, device_uid: str, component_uid: str, *, name: str, values: Mapping[str, str]) -> str:
        """Start the component and return the job's uid. Raises AnswerLost where it may run."""
        ...

    def look(self, ref: JobRef) -> Standing:
        """Return how the job stands. Raises NotFound where the service has nothing of it, or not yet."""
        ...

    def output(self, ref: JobRef, standing: Standing) -> tuple[str, str]:
        """Return what the job has written: stdout, stderr."""
        ...

    def jobs_since(self, since: datetime) -> Sequence[tuple[str, JobRef]]:
        """Return the jobs that were started since then, each with its name."""
        ...


def text_of(value: Any) -> str:
    return value if isinstance(value, str) else ""


def as_list(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list; what is none of either is nothing."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
