"""The engine as a task sees it that it runs: where to ask, and asking until there is an answer."""

import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from reconciler.engine.wire import URL_SCHEME, encode_message, socket_address, take_message
from reconciler.engine.work import TOKEN_VARIABLE, URL_VARIABLE
from reconciler.model.errors import CouldNot, UsageError

PATIENCE_SECONDS = 300.0
"""For a supervisor to come back; one that was killed is there again within milliseconds, if its guardian lives."""

_PAUSE_SECONDS = 0.05


class RunLink(NamedTuple):
    """Where the task's run can ask, and what it shows for it."""

    path: str
    token: str

    def request(
        self,
        what: str,
        *,
        key: str,
        patience_seconds: float = PATIENCE_SECONDS,
        seconds_after_acceptance: float | None = None,
        accepted: Callable[[], object] = lambda: None,
        **fields: Any,
    ) -> dict[str, Any] | None:
        """Ask for ``what`` until it is answered, also a supervisor that comes after this one; return the answer.

        ``key`` makes it the same request however often it is made.  ``accepted`` is called once it is durable.  None:
        it is, and ``seconds_after_acceptance`` went by.  Raises CouldNot.
        """
        message = encode_message({"do": what, "token": self.token, "key": key, **fields})
        give_up_at = time.monotonic() + patience_seconds
        conversation = _Conversation(accepted, seconds_after_acceptance)
        while True:
            try:
                answer = conversation.hold(self.path, message)
            except TimeoutError:
                return None
            except OSError as error:
                if conversation.has_heard:
                    give_up_at = time.monotonic() + patience_seconds
                    conversation.has_heard = False
                if time.monotonic() > give_up_at:
                    hint = "The run goes on without an answer."
                    raise CouldNot(f"the engine does not answer: {error.strerror or error}", hint=hint) from error
                time.sleep(_PAUSE_SECONDS)
                continue
            if "error" in answer:
                raise CouldNot(f"the engine did not understand: {answer['error']}")
            if "refused" in answer:
                raise CouldNot(f"the engine refused: {answer['refused']}")
            return answer


class _Conversation:
    def __init__(self, accepted: Callable[[], object], seconds_after_acceptance: float | None) -> None:
        self._accepted = accepted
        self._seconds = seconds_after_acceptance
        self._was_accepted = False
        self.has_heard = False

    def hold(self, path: str, message: bytes) -> dict[str, Any]:
        """Return the answer of the supervisor that listens at ``path``. Raises OSError, TimeoutError among them."""
        folder_fd = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
                peer.connect(socket_address(os.path.dirname(path), folder_fd))
                peer.sendall(message)
                return self._listen(peer)
        finally:
            os.close(folder_fd)

    def _listen(self, peer: socket.socket) -> dict[str, Any]:
        incoming = bytearray()
        while True:
            while (answer := take_message(incoming)) is not None:
                self.has_heard = True
                if "accepted" not in answer:
                    return answer
                peer.settimeout(self._seconds)
                if not self._was_accepted:
                    self._was_accepted = True
                    self._accepted()
            data = peer.recv(1 << 18)
            if not data:
                raise ConnectionResetError("it closed the connection")
            incoming += data


def inside_run(environment: Mapping[str, str]) -> RunLink | None:
    """Return how the run asks in which we are; None outside of a run."""
    url, token = environment.get(URL_VARIABLE, ""), environment.get(TOKEN_VARIABLE, "")
    if not url or not token:
        return None
    if not url.startswith(URL_SCHEME):
        raise UsageError(f"{URL_VARIABLE} does not begin with {URL_SCHEME}", hint="It is set by the engine alone.")
    return RunLink(url.removeprefix(URL_SCHEME), token)
