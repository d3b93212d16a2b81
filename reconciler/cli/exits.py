"""Exit codes: one table, filled from the class of the error (DESIGN section 8)."""

from collections.abc import Iterable
from enum import IntEnum

from reconciler.model.errors import (
    CouldNot,
    DefinitionsInvalid,
    GuardRefused,
    InternalError,
    ReconcilerError,
    StalePlan,
    UsageError,
)
from reconciler.model.run import RunStatus


class ExitCode(IntEnum):
    DONE = 0
    COULD_NOT = 1
    CHANGES = 2
    INVALID = 3
    REFUSED = 4
    STALE = 5
    RUN_FAILED = 6
    RUN_UNKNOWN = 7
    USAGE = 64
    BUG = 70
    INTERRUPTED = 130


_ORDER = (
    ExitCode.BUG,
    ExitCode.INTERRUPTED,
    ExitCode.USAGE,
    ExitCode.INVALID,
    ExitCode.REFUSED,
    ExitCode.STALE,
    ExitCode.COULD_NOT,
    ExitCode.RUN_UNKNOWN,
    ExitCode.RUN_FAILED,
    ExitCode.CHANGES,
)

_BY_ERROR: tuple[tuple[type[ReconcilerError], ExitCode], ...] = (
    (UsageError, ExitCode.USAGE),
    (DefinitionsInvalid, ExitCode.INVALID),
    (GuardRefused, ExitCode.REFUSED),
    (StalePlan, ExitCode.STALE),
    (CouldNot, ExitCode.COULD_NOT),
    (InternalError, ExitCode.BUG),
)

_BY_STATUS = {
    RunStatus.FAILED: ExitCode.RUN_FAILED,
    RunStatus.CANCELLED: ExitCode.RUN_FAILED,
    RunStatus.LOST: ExitCode.RUN_FAILED,
    RunStatus.EXPIRED: ExitCode.RUN_FAILED,
    RunStatus.TIMEOUT: ExitCode.RUN_UNKNOWN,
    RunStatus.UNKNOWN: ExitCode.RUN_UNKNOWN,
}


def first_of(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the code that counts when several hold at once."""
    held = set(codes)
    return next((code for code in _ORDER if code in held), ExitCode.DONE)


def code_of_error(error: ReconcilerError) -> ExitCode:
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), ExitCode.BUG)


def code_of_status(status: RunStatus) -> ExitCode:
    """Return how a run that ended with ``status`` shows in the exit code; one under way counts as unknown."""
    return _BY_STATUS.get(status, ExitCode.DONE if status.is_ended else ExitCode.RUN_UNKNOWN)
