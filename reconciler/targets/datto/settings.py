"""Settings of a Datto RMM target, and the names that the vendor's own tools use for its credentials."""

from enum import StrEnum

import msgspec
from msgspec import Struct

from reconciler.model.forms import Target
from reconciler.model.secret import SecretRef

PROVIDER = "datto"
PLATFORMS = ("pinotage", "merlot", "concord", "vidal", "zinfandel", "syrah")
KEY_VARIABLE = "DATTO_API_KEY"
SECRET_VARIABLE = "DATTO_API_SECRET"  # noqa: S105 - the name of a variable
PLATFORM_VARIABLE = "DATTO_PLATFORM"


class Dialect(StrEnum):
    """``REAL`` is what the service speaks; ``SEED`` the simpler one of some descriptions of it."""

    REAL = "real"
    SEED = "seed"


class Credentials(Struct, frozen=True, kw_only=True, rename="camel"):
    api_key: SecretRef
    api_secret: SecretRef


class DattoSettings(Struct, frozen=True, kw_only=True, rename="camel"):
    """``execute`` are credentials that start jobs and change things, where others only read."""

    platform: str = ""
    api_url: str = ""
    dialect: Dialect = Dialect.REAL
    api_key: SecretRef | None = None
    api_secret: SecretRef | None = None
    execute: Credentials | None = None
    tag_fields: tuple[str, ...] = ()
    job_starts_per_minute: int = 100
    reads_per_minute: int = 600
    max_runs: int = 10_000


def datto_settings(target: Target) -> DattoSettings:
    """Return the settings of ``target``; validation has told what is wrong with them, and then the defaults stand."""
    try:
        return msgspec.convert(target.settings, DattoSettings)
    except msgspec.ValidationError:
        return DattoSettings()


def base_url(settings: DattoSettings, platform: str = "") -> str | None:
    """Return the address of the service, or None where neither the settings nor ``platform`` name it."""
    if settings.api_url:
        return settings.api_url.rstrip("/").removesuffix("/api")
    name = settings.platform or platform
    return f"https://{name.lower()}-api.centrastage.net" if name.lower() in PLATFORMS else None
