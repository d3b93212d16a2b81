"""What ends a call. The classes differ by what the caller does next; cli/exits.py turns them into exit codes."""

from collections.abc import Sequence

from reconciler.model.problem import Problem


class ReconcilerError(Exception):
    """Base of all our errors: ``str`` says where, what and why; ``hint`` says what to do, or is empty."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(ReconcilerError):
    """The call is wrong: mend the arguments."""


class CouldNot(ReconcilerError):
    """The network, a login, a file or another program said no: mend that, or try later."""


class TargetUnavailable(CouldNot):
    """A target did not answer, or asked us to wait: try later."""


class TargetRefused(CouldNot):
    """A target understood and said no: trying again changes nothing."""


class DefinitionsInvalid(ReconcilerError):
    """Definitions have problems: mend the files."""

    def __init__(self, message: str, *, problems: Sequence[Problem] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.problems = tuple(problems)


class GuardRefused(ReconcilerError):
    """A guard held us back: look, then allow it by name."""


class StalePlan(ReconcilerError):
    """Definitions or live state moved since the plan was made: plan again."""


class InternalError(ReconcilerError):
    """Our own mistake: report it."""
