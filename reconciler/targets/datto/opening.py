"""Opening a Datto RMM target: from settings and environment to credentials and an address."""

from reconciler.model.errors import CouldNot, UsageError
from reconciler.model.forms import Target
from reconciler.model.secret import Secret, SecretRef
from reconciler.targets.datto.login import CredentialSource
from reconciler.targets.datto.settings import (
    KEY_VARIABLE,
    PLATFORM_VARIABLE,
    PLATFORMS,
    SECRET_VARIABLE,
    base_url,
    datto_settings,
)
from reconciler.targets.datto.target import DattoTarget
from reconciler.targets.datto.variables import declared_variables
from reconciler.targets.opening import Opening
from reconciler.targets.rest.client import check_url

THREADS = 8
"""How many starts are under way at once: one after the other, they would take longer than the limits make them."""


def open_target(target: Target, opening: Opening) -> DattoTarget:
    """Return the target; its credentials are looked for when the first request is made, not before."""
    settings = datto_settings(target)
    url = base_url(settings, opening.environment.get(PLATFORM_VARIABLE, ""))
    if url is None:
        hint = f"Say settings.platform: one of {', '.join(PLATFORMS)}; or settings.apiUrl; or set {PLATFORM_VARIABLE}."
        raise UsageError(f"target {target.id}: it is not known where its account is", hint=hint)
    if (wrong := check_url(url)) is not None:
        raise UsageError(f"target {target.id}: settings.apiUrl {wrong}")
    reading = _source(target, opening, settings.api_key, settings.api_secret)
    executing = settings.execute
    return DattoTarget(
        target.id,
        base_url=url,
        settings=settings,
        read_credentials=reading,
        run_credentials=_source(target, opening, executing.api_key, executing.api_secret) if executing else reading,
        clock=opening.clock,
        pause=opening.pause,
        variables=declared_variables(target),
        reveal=lambda name: opening.reveal(name, target.id),
        threads=THREADS,
    )


def _source(target: Target, opening: Opening, key: SecretRef | None, secret: SecretRef | None) -> CredentialSource:
    def reveal(reference: SecretRef | None, variable: str) -> Secret:
        if reference is not None:
            return opening.reveal(reference.secret, target.id)
        if not opening.environment.get(variable):
            hint = f"Set {KEY_VARIABLE} and {SECRET_VARIABLE}, or name secrets in settings: apiKey, apiSecret."
            raise CouldNot(f"the environment variable {variable} is not set", hint=hint)
        return Secret(opening.environment[variable])

    return lambda: (reveal(key, KEY_VARIABLE).reveal(), reveal(secret, SECRET_VARIABLE))
