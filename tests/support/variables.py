"""Variables of targets: declared, applied, live."""

from typing import Any

from support.values import COMMIT, MIDNIGHT

from reconciler.model.desired import Declared, DesiredState
from reconciler.model.forms import Kind, Target, Variable, digest_form
from reconciler.model.inventory import Applied
from reconciler.model.live import LiveObject, LiveState
from reconciler.model.run import Origin
from reconciler.model.secret import SecretRef
from reconciler.planning.surroundings import SecretPrint, Surroundings, TargetView

PATH = "definitions/targets/acme.yaml"


def variable(name: str = "region", value: Any = "eu", *, site: str = "", **fields: Any) -> Variable:
    id_ = f"site/{site}/{name}" if site else f"account/{name}"
    return Variable(id=id_, name=name, site=site, value=value, masked=isinstance(value, SecretRef), **fields)


def masked(name: str = "db", secret: str = "DB", fingerprint: str = "", **fields: Any) -> Variable:
    return variable(name, SecretRef(secret), fingerprint=fingerprint, **fields)


def declare_variables(*variables: Variable, target: str = "acme", **fields: Any) -> DesiredState:
    file = Target(id=target, provider="datto")
    return DesiredState(
        targets={target: Declared(form=file, path=PATH, blob="b" * 40, digest=digest_form(file))},
        variables={
            (target, form.id): Declared(form=form, path=PATH, blob="b" * 40, digest=digest_form(form))
            for form in variables
        },
        **fields,
    )


def apply_variable(form: Variable, *, target: str = "acme") -> Applied:
    origin = Origin(commit=COMMIT, path=PATH, blob="b" * 40, digest=digest_form(form))
    return Applied(
        target=target,
        kind=Kind.VARIABLE,
        id=form.id,
        root_id=form.id,
        form=form,
        origin=origin,
        applied_at=MIDNIGHT,
    )


def normalise(form: Any) -> Any:
    return form.as_live() if isinstance(form, Variable) else form


def around(
    *forms: Variable, secrets: dict[str, str | SecretPrint] | None = None, target: str = "acme", **state: Any
) -> Surroundings:
    """Return the surroundings in which the target has ``forms``, and secrets by the id of what refers to them."""
    objects = {
        (Kind.VARIABLE, form.id): LiveObject(
            kind=Kind.VARIABLE, id=form.id, form=form.as_live(), version=digest_form(form.as_live())
        )
        for form in forms
    }
    view = TargetView(state=LiveState(objects=objects, **state), normalise=normalise, kinds=frozenset({Kind.VARIABLE}))
    prints = {
        (target, Kind.VARIABLE, id_): value if isinstance(value, SecretPrint) else SecretPrint(value)
        for id_, value in (secrets or {}).items()
    }
    return Surroundings(live={target: view}, secrets=prints)
