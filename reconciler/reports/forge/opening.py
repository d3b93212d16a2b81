"""Opening a forge's API from what the environment says: that of a workflow, of a pipeline, or of an operator.

Neither the address nor the token comes from the repository: what is merged cannot send a token elsewhere.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum

from reconciler.model.errors import UsageError
from reconciler.model.instant import utc_now
from reconciler.model.secret import Secret
from reconciler.model.settings import StatusSettings
from reconciler.reports.forge import github, gitlab
from reconciler.reports.forge.github import GitHub
from reconciler.reports.forge.github_app import installation_token
from reconciler.reports.forge.gitlab import GitLab
from reconciler.reports.forge.values import StatusForge
from reconciler.reports.forge.wire import Wire, open_client

PATIENCE_SECONDS = 120.0

Sleep = Callable[[float], None]


class ForgeName(StrEnum):
    GITHUB = "github"
    GITLAB = "gitlab"


_TOKENS = {
    ForgeName.GITHUB: ("GITHUB_TOKEN", "GH_TOKEN"),
    ForgeName.GITLAB: ("RECONCILER_GITLAB_TOKEN", "GITLAB_TOKEN"),
}
_REPOSITORIES = {ForgeName.GITHUB: "GITHUB_REPOSITORY", ForgeName.GITLAB: "CI_PROJECT_ID"}


def forge_of(environment: Mapping[str, str]) -> ForgeName:
    """Return the forge whose pipeline this is; GitHub where it is none."""
    return ForgeName.GITLAB if environment.get("GITLAB_CI") else ForgeName.GITHUB


def repository_of(forge: ForgeName, environment: Mapping[str, str], given: str = "") -> str:
    """Return the repository's name: the given one, else that of the pipeline. Raises UsageError."""
    name = given or environment.get(_REPOSITORIES[forge], "")
    if not name:
        raise UsageError(
            "the repository is not named", hint=f"Give --repository, or set {_REPOSITORIES[forge]} in the environment."
        )
    if forge is ForgeName.GITHUB and len([part for part in name.split("/") if part.strip(".")]) != 2:
        raise UsageError(f"the repository must be OWNER/NAME, found {name!r}")
    return name


def token_of(forge: ForgeName, environment: Mapping[str, str]) -> Secret:
    """Return the forge's token in the environment. Raises UsageError where there is none."""
    for name in _TOKENS[forge]:
        if environment.get(name):
            return Secret(environment[name])
    raise UsageError(f"there is no token for {forge.value}", hint=f"Set {_TOKENS[forge][0]} in the environment.")


def url_of_check(environment: Mapping[str, str]) -> str:
    """Return where the pipeline that this is shows itself, or nothing."""
    if environment.get("CI_PIPELINE_URL"):
        return environment["CI_PIPELINE_URL"]
    parts = [environment.get(name, "") for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")]
    return f"{parts[0]}/{parts[1]}/actions/runs/{parts[2]}" if all(parts) else ""


@contextmanager
def open_status_forge(
    settings: StatusSettings, secret: Callable[[str], Secret], *, environment: Mapping[str, str]
) -> Iterator[StatusForge]:
    """Open the forge that ``[reports.status]`` names; ``secret`` gives what the operator allows.

    It is asked once, and nothing waits: a pass goes on.  Raises UsageError or CouldNot.
    """
    forge = ForgeName(settings.provider or ForgeName.GITHUB)
    repository = repository_of(forge, environment, settings.repository)
    token = secret(settings.token) if settings.token else token_of(forge, environment)
    if forge is ForgeName.GITLAB:
        with open_gitlab(repository, token=token, environment=environment, patience_seconds=0) as gitlab_api:
            yield gitlab_api
        return
    if settings.app:
        address = environment.get("GITHUB_API_URL") or github.API
        token = installation_token(address, app=settings.app, key=token, repository=repository, now=utc_now())
    with open_github(repository, token=token, environment=environment, patience_seconds=0) as github_api:
        yield github_api


@contextmanager
def open_github(
    repository: str,
    *,
    token: Secret,
    environment: Mapping[str, str],
    author: str = github.WORKFLOW_AUTHOR,
    patience_seconds: float = PATIENCE_SECONDS,
    sleep: Sleep = time.sleep,
) -> Iterator[GitHub]:
    with open_client(environment.get("GITHUB_API_URL") or github.API, token=token) as client:
        wire = Wire(client, name="GitHub", headers=github.HEADERS, sleep=sleep, patience_seconds=patience_seconds)
        yield GitHub(wire, repository, author=author)


@contextmanager
def open_gitlab(
    project: str,
    *,
    token: Secret,
    environment: Mapping[str, str],
    patience_seconds: float = PATIENCE_SECONDS,
    sleep: Sleep = time.sleep,
) -> Iterator[GitLab]:
    address = environment.get("CI_API_V4_URL") or gitlab.API
    with open_client(address, token=token, scheme="", header="PRIVATE-TOKEN") as client:
        yield GitLab(Wire(client, name="GitLab", sleep=sleep, patience_seconds=patience_seconds), project)
