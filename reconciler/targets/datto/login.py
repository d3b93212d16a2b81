"""Logging in: a token for a pair of credentials, renewed before it ends, or once when it is refused."""

from base64 import b64encode
from collections.abc import Callable
from datetime import datetime, timedelta

from reconciler.model.errors import CouldNot, TargetRefused
from reconciler.model.instant import Clock
from reconciler.model.secret import Secret
from reconciler.targets.rest.client import Call, RestClient
from reconciler.targets.rest.errors import AnswerLost, NotCarriedOut

TOKEN_PATH = "/auth/oauth/token"  # noqa: S105 - a path
_PUBLIC_CLIENT = b64encode(b"public-client:public").decode()
_SHORT_LIFE = 3600
_RENEW_BEFORE = timedelta(minutes=1)
REFUSED_REST = timedelta(minutes=1)

CredentialSource = Callable[[], tuple[str, Secret]]
"""Returns key and secret when they are needed. Raises CouldNot where they are not there."""


class Login:
    def __init__(self, client: RestClient, credentials: CredentialSource, *, clock: Clock) -> None:
        self._client = client
        self._credentials = credentials
        self._clock = clock
        self._token: Secret | None = None
        self._until: datetime | None = None

    def header(self) -> dict[str, str]:
        """Return the header that says who asks. Raises NotCarriedOut where we cannot log in."""
        now = self._clock()
        if self._token is None or (self._until is not None and now >= self._until):
            self._grant(now)
        assert self._token is not None
        return {"Authorization": f"Bearer {self._token.reveal()}"}

    def forget(self) -> None:
        """The token was refused: the next request gets another."""
        self._token = None

    def _grant(self, now: datetime) -> None:
        try:
            key, secret = self._credentials()
        except CouldNot as error:
            raise NotCarriedOut(f"{self._client.name}: cannot log in: {error}", hint=error.hint) from None
        self._client.hide(secret)
        call = Call(
            method="POST",
            path=TOKEN_PATH,
            form={"grant_type": "password", "username": key, "password": secret.reveal()},
            headers={"Authorization": f"Basic {_PUBLIC_CLIENT}"},
        )
        try:
            answer = self._client.value(call, self._client.send(call))
        except AnswerLost as error:
            # Only the token is lost; what was to be sent with it was not.
            raise NotCarriedOut(f"cannot log in: {error}") from None
        except TargetRefused as error:
            why = f"cannot log in: {str(error).removeprefix(self._client.name + ': ')}"
            self._client.gate.close(REFUSED_REST, why)
            raise NotCarriedOut(
                f"{self._client.name}: {why}",
                hint="Check the API key and secret, and that API access is switched on: Setup > Global Settings.",
                retry_at=self._client.gate.closed_until,
            ) from None
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token:
            raise NotCarriedOut(f"{self._client.name}: cannot log in: the answer has no access_token")
        self._token = Secret(token)
        self._client.hide(self._token)
        life = answer.get("expires_in")
        seconds = float(life) if isinstance(life, int | float) and not isinstance(life, bool) else _SHORT_LIFE
        self._until = now + max(timedelta(seconds=seconds) - _RENEW_BEFORE, timedelta(seconds=seconds / 2))
