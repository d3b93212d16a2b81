"""The other kinds of object, and what all have in common: a canonical form and its digest."""

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from msgspec.structs import replace

from reconciler.model.job import Devices, FormPart, Job, Parameter, ScriptType, Task, Value
from reconciler.model.secret import MASK, SecretRef


class Kind(StrEnum):
    """Of an object. What has files of its own is in ``FILE_KINDS``; the settings of a target declare the others."""

    JOB = "job"
    COMPONENT = "component"
    TARGET = "target"
    RUN = "run"
    VARIABLE = "variable"

    @property
    def folder(self) -> str:
        return f"{self.value}s"


FILE_KINDS = (Kind.JOB, Kind.COMPONENT, Kind.TARGET, Kind.RUN)
"""Kinds of definition files; each has a folder."""


class Component(FormPart, frozen=True, kw_only=True):
    """A script with typed variables, by which jobs are made (Datto's word; seed 000)."""

    id: str
    name: str = ""
    description: str = ""
    category: str = ""
    os_type: str = ""
    uid: str | None = None
    variables: tuple[Parameter, ...] = ()
    script_type: ScriptType = ScriptType.AUTO
    script: str | None = None
    script_file: str | None = None
    timeout_seconds: int | None = None

    def as_task(self) -> Task:
        """Return the one step of a job that runs this component."""
        return Task(
            id=self.id,
            name=self.name,
            script=self.script,
            script_file=self.script_file,
            script_type=self.script_type,
            timeout_seconds=self.timeout_seconds,
        )


class Target(FormPart, frozen=True, kw_only=True):
    """One configured system that jobs are applied to; ``settings`` are its provider's own."""

    id: str
    provider: str
    settings: dict[str, Any] = {}
    variables: dict[str, str | int | float | bool | SecretRef] = {}


class OneOff(FormPart, frozen=True, kw_only=True):
    """A run asked for once, by a file in ``runs/``. Empty ``targets``: those of the job."""

    id: str
    job: str
    targets: tuple[str, ...] = ()
    devices: Devices | None = None
    variables: dict[str, Value] = {}
    not_before: datetime | None = None
    not_after: datetime | None = None
    reason: str = ""


class Variable(FormPart, frozen=True, kw_only=True):
    """A value that a target keeps for whatever it runs. ``id`` says where: ``account/NAME``, ``site/SITE/NAME``.

    ``masked``: nobody can read it there; then ``value`` is a reference, and ``fingerprint`` stands for what that stood
    for when it was written (``fingerprint_of``).  ``protect`` is as in a job.  Live forms have ``MASK`` as the value
    of what is masked.
    """

    id: str
    name: str
    site: str = ""
    value: str | SecretRef = ""
    masked: bool = False
    fingerprint: str = ""
    protect: bool = False

    def as_live(self) -> "Variable":
        """Return the variable as its target shows it: what only we know of it is gone."""
        return replace(self, value=MASK if self.masked else self.value, fingerprint="", protect=False)


Form = Job | Component | Target | OneOff | Variable
FORM_TYPES: dict[Kind, type[Form]] = {
    Kind.JOB: Job,
    Kind.COMPONENT: Component,
    Kind.TARGET: Target,
    Kind.RUN: OneOff,
    Kind.VARIABLE: Variable,
}


def encode_form(form: Form) -> bytes:
    """Return the canonical JSON of ``form``: keys in a fixed order, no defaults; equal forms give equal bytes."""
    return msgspec.json.encode(form, order="deterministic")


def decode_form(kind: Kind, data: bytes) -> Form:
    """Read what ``encode_form`` wrote."""
    return msgspec.json.decode(data, type=FORM_TYPES[kind])


def digest_form(form: Form) -> str:
    """Return the SHA-256 of the canonical form in hex: the definition digest of plans and reports."""
    return digest_encoded(encode_form(form))


def digest_encoded(data: bytes) -> str:
    """Return the digest of the form that ``encode_form`` wrote as ``data``."""
    return hashlib.sha256(data).hexdigest()
