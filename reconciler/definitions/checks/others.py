"""What is wrong or odd in a target or a one-off by itself."""

from collections.abc import Iterator

from reconciler.definitions.checks.characters import check_value_characters
from reconciler.definitions.checks.job import check_devices
from reconciler.definitions.checks.secrets import check_named_values
from reconciler.model.forms import OneOff, Target
from reconciler.model.provider import Finding


def check_target(target: Target) -> Iterator[Finding]:
    yield from check_named_values(target.variables, "variables")
    yield from check_value_characters(target.variables, "variables")
    yield from check_named_values(target.settings, "settings")


def check_one_off(one_off: OneOff) -> Iterator[Finding]:
    yield from check_named_values(one_off.variables, "variables")
    yield from check_value_characters(one_off.variables, "variables")
    if one_off.devices is not None:
        yield from check_devices(one_off.devices)
    if one_off.not_before and one_off.not_after and one_off.not_after <= one_off.not_before:
        yield Finding(code="TIME011", json_path="notAfter", message="notAfter is not after notBefore")
