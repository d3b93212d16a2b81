"""Ways in which a request ends without its answer; they differ by what the caller does next."""

from datetime import datetime

from reconciler.model.errors import TargetRefused, TargetUnavailable


class NotCarriedOut(TargetUnavailable):
    """The request did not reach the service, or was turned away: it may be sent again, not before ``retry_at``."""

    def __init__(self, message: str, *, hint: str = "", retry_at: datetime | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_at = retry_at


class AnswerLost(TargetUnavailable):
    """Perhaps carried out: the answer did not come, or not whole."""


class Denied(TargetRefused):
    """The service knows who asks, and does not permit it."""


class NotFound(TargetRefused):
    """There is no such thing, or not yet."""


class Oversized(TargetRefused):
    """The answer is larger than what we take."""


class Rejected(TargetRefused):
    """The service refuses what the request says; ``code`` and ``details`` are its own, if it has any."""

    def __init__(self, message: str, *, status: int, code: str = "", details: object = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = details
