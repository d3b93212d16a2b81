"""A token of a GitHub App for one repository, which may set statuses and nothing else, and ends after an hour.

Source: GitHub, "Generating a JSON Web Token (JWT) for a GitHub App" and "Create an installation access token".
"""

from datetime import datetime, timedelta

from msgspec import Struct

from reconciler.model.errors import CouldNot
from reconciler.model.secret import Secret
from reconciler.reports.forge.github import HEADERS
from reconciler.reports.forge.wire import Wire, open_client, segment

_LIFE = timedelta(minutes=9)
_SKEW = timedelta(minutes=1)
"""The clock of GitHub may be behind ours."""


class _Installation(Struct):
    id: int


class _Token(Struct):
    token: str


def installation_token(address: str, *, app: str, key: Secret, repository: str, now: datetime) -> Secret:
    """Return the token of the App's installation in ``repository``; ``key`` is its private key, in PEM."""
    owner, _, name = repository.partition("/")
    with open_client(address, token=_assertion(app, key, now)) as client:
        wire = Wire(client, name="GitHub", headers=HEADERS, sleep=_never, patience_seconds=0)
        found = wire.get(f"repos/{segment(owner)}/{segment(name)}/installation", _Installation)
        body = {"repositories": [name], "permissions": {"statuses": "write"}}
        return Secret(wire.send("POST", f"app/installations/{found.id}/access_tokens", body, _Token).token)


def _assertion(app: str, key: Secret, now: datetime) -> Secret:
    try:
        import jwt  # noqa: PLC0415 - cryptography takes long to load, and is there only where it was asked for
    except ImportError:
        raise CouldNot(
            "a GitHub App needs the package PyJWT", hint="Install it: pip install 'reconciler[github-app]'"
        ) from None
    claims = {"iat": int((now - _SKEW).timestamp()), "exp": int((now + _LIFE).timestamp()), "iss": app}
    try:
        return Secret(jwt.encode(claims, key.reveal(), algorithm="RS256"))
    except (ValueError, TypeError, NotImplementedError, jwt.PyJWTError):
        # What it says may repeat a part of the key.
        raise CouldNot("the key of the GitHub App is no private key in PEM") from None


def _never(_seconds: float) -> None:
    raise AssertionError("without patience nothing waits")
