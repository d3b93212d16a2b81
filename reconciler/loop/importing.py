"""Taking over the jobs that a target holds: definitions for them, and the inventory's word that they are ours."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from reconciler.definitions.ids import is_id, make_id
from reconciler.definitions.load import load_definitions
from reconciler.definitions.overlay import with_files
from reconciler.definitions.writing import definition_text
from reconciler.loop.desired import CommitState
from reconciler.loop.lease import applying
from reconciler.loop.ownership import hold_targets
from reconciler.loop.surroundings import look_around
from reconciler.loop.world import World
from reconciler.model.change import Action, Change
from reconciler.model.desired import Declared
from reconciler.model.errors import CouldNot, TargetRefused, TargetUnavailable
from reconciler.model.forms import Kind, digest_form
from reconciler.model.inventory import NOT_COMMITTED, Applied
from reconciler.model.job import Job
from reconciler.model.live import LiveObject
from reconciler.model.problem import Problem, Severity
from reconciler.model.provider import ProviderRules
from reconciler.model.run import Origin
from reconciler.planning.diff import diff_live
from reconciler.planning.plan import make_plan
from reconciler.targets.protocol import LiveTarget
from reconciler.targets.registry import provider_rules


class Import(Struct, frozen=True, kw_only=True):
    """A job to be taken over: ``live`` as the target has it, ``declared`` as the file at its path will say."""

    live: LiveObject
    declared: Declared[Job]
    data: bytes
    notes: tuple[str, ...] = ()


class Importing(Struct, frozen=True, kw_only=True):
    """What an import comes to. ``refused`` says why jobs cannot be declared, ``left`` why others need not be, by id.

    ``foreign`` says why objects cannot be managed at all.  Not ``is_complete``: the target may hold more.
    """

    target: str
    is_complete: bool = True
    items: tuple[Import, ...] = ()
    refused: dict[str, str] = {}
    left: Mapping[str, str] = {}
    foreign: Mapping[str, str] = {}


def prepare_import(world: World, source: CommitState, name: str, *, folder: str, renames: bool) -> Importing:
    """Return what importing from the target ``name`` comes to; reads only.

    ``source`` are the saved files, without errors.  ``folder`` is where definitions go, relative to the repository's
    root.  ``renames``: a job whose id cannot be declared gets another, at the target too.
    """
    target = world.targets[name]
    state = target.read()
    applied = {item.id for item in world.store.inventory(name) if item.kind is Kind.JOB}
    provider = provider_rules()[source.loaded.desired.targets[name].form.provider]
    left, refused, drafts = dict[str, str](), dict[str, str](), dict[str, _Draft]()
    declared = {job_id.casefold() for job_id in source.loaded.desired.jobs}
    taken = declared | {id_.casefold() for kind, id_ in (*state.objects, *state.foreign) if kind is Kind.JOB}
    for (kind, live_id), live in sorted(state.objects.items()):
        if reason := _why_left(source, name, kind, live_id, applied):
            left[live_id] = reason
            continue
        is_free = live_id.casefold() not in declared and _may_be_id(live_id, provider, source, name)
        job_id = live_id if is_free else make_id(live_id, taken=taken)
        if job_id != live_id and not renames:
            refused[live_id] = f"its id cannot be declared here; --rename gives it the id {job_id}, at the target too"
            continue
        taken.add(job_id.casefold())
        draft = _draft(live, job_id, name, provider, folder)
        if os.path.lexists(world.repository.root / draft.path):
            refused[live_id] = f"{draft.path} is there already, and is not overwritten"
        else:
            drafts[draft.path] = draft
    items, wrong = _check(source, target, drafts)
    return Importing(
        target=name,
        is_complete=state.complete,
        items=items,
        refused=dict(sorted((refused | wrong).items())),
        left=left,
        foreign={id_: why for (_, id_), why in sorted(state.foreign.items())},
    )


class _Draft(Struct, frozen=True, kw_only=True):
    live: LiveObject
    form: Job
    path: str
    data: bytes
    notes: tuple[str, ...]


def _why_left(source: CommitState, target: str, kind: Kind, live_id: str, applied: set[str]) -> str:
    """Return why there is nothing to do for an object, or nothing."""
    if kind is not Kind.JOB:
        return f"a {kind.value} is not imported"
    declared = source.loaded.desired.jobs.get(live_id)
    if declared is not None and target in declared.form.targets:
        return "it is declared already" + ("" if live_id in applied else "; the next apply adopts it")
    if declared is not None:
        return f"{declared.path} declares a job of that id for other targets; add {target} to its targets"
    return "it was made from here, and is no longer declared: restore its file instead" if live_id in applied else ""


def _may_be_id(live_id: str, provider: ProviderRules, source: CommitState, target: str) -> bool:
    """Return whether a job of that id could be declared: in general, and for this target."""
    if not is_id(live_id):
        return False
    findings = provider.check(Job(id=live_id), source.loaded.desired.targets[target].form)
    return not any(finding.json_path == "id" for finding in findings)


def _draft(live: LiveObject, job_id: str, target: str, provider: ProviderRules, folder: str) -> _Draft:
    assert isinstance(live.form, Job)
    changes: dict[str, Any] = {"id": job_id, "targets": (target,)}
    notes = [f"its id was {live.id}; it is renamed at the target"] if job_id != live.id else []
    beyond = dict(live.unmanaged)
    vendor = {path: beyond.pop(path) for path in live.unmanaged if _is_at_root(path) and provider.vendor_field}
    if vendor:
        changes[provider.vendor_field] = getattr(live.form, provider.vendor_field) | vendor
        notes.append(f"what only this vendor knows stands in {provider.vendor_field}: {', '.join(sorted(vendor))}")
    if beyond:
        notes.append(f"has more than definitions can say, which is left as it is: {', '.join(sorted(beyond))}")
    form = replace(live.form, **changes)
    path = str(PurePosixPath(folder) / f"{job_id}.yaml")
    return _Draft(live=live, form=form, path=path, data=definition_text(Kind.JOB, form), notes=tuple(notes))


def _is_at_root(path: str) -> bool:
    return "." not in path and "[" not in path


def _check(
    source: CommitState, target: LiveTarget, drafts: Mapping[str, _Draft]
) -> tuple[tuple[Import, ...], dict[str, str]]:
    """Return the drafts that are valid together with all that is declared, and why others are not, by live id."""
    good, wrong = dict(drafts), dict[str, str]()
    while good:
        tree = with_files(source.tree, {path: draft.data for path, draft in good.items()})
        loaded = load_definitions(tree, settings=source.settings, providers=provider_rules())
        declared = {item.path: item for item in loaded.desired.jobs.values()}
        errors = {path: next(_errors(loaded.problems, path), "") for path in good}
        if not any(errors.values()):
            errors = {path: _difference(target, draft, declared.get(path)) for path, draft in good.items()}
        if not any(errors.values()):
            return tuple(
                Import(live=draft.live, declared=declared[path], data=draft.data, notes=draft.notes)
                for path, draft in good.items()
            ), wrong
        wrong |= {good[path].live.id: error for path, error in errors.items() if error}
        good = {path: draft for path, draft in good.items() if not errors[path]}
    return (), wrong


def _errors(problems: Sequence[Problem], path: str) -> Iterator[str]:
    for problem in problems:
        if problem.path == path and problem.severity is Severity.ERROR:
            yield f"{problem.code} {problem.json_path}: {problem.message}"


def _difference(target: LiveTarget, draft: _Draft, declared: Declared[Job] | None) -> str:
    """Return in what the definition says something else than the target has, or nothing."""
    if declared is None:
        return "it needs something that is invalid"
    fields = diff_live(target.normalise(declared.form), target.normalise(draft.form))
    return f"a definition cannot say its {fields[0].json_path}" if fields else ""


def carry_out(world: World, importing: Importing, read: Callable[[], CommitState]) -> Mapping[str, str]:
    """Write the definitions and take the jobs over, one after the other; return why some failed, by id.

    ``read`` returns the saved files.  Raises CouldNot where the next plan would still have something to do, and
    Displaced where another state reconciles the target.
    """
    failures: dict[str, str] = {}
    with applying(world):
        hold_targets(world, [importing.target], take_over=False, now=world.clock())
        for item in importing.items:
            try:
                _take_over(world, importing.target, item)
            except (TargetRefused, TargetUnavailable) as error:
                failures[item.live.id] = str(error)
        _refuse_leftovers(world, importing, read())
    return failures


def _take_over(world: World, target: str, item: Import) -> None:
    path = world.repository.root / item.declared.path
    _write_new(path, item.data)
    form = item.declared.form
    assert isinstance(item.live.form, Job)
    is_renamed = form.id != item.live.id
    change = Change(
        action=Action.MOVE if is_renamed else Action.ADOPT,
        kind=Kind.JOB,
        id=form.id,
        root_id=form.id,
        target=target,
        before=item.live.form if is_renamed else None,
        after=form,
        live=item.live.form,
        live_version=item.live.version,
        path=item.declared.path,
        digest=item.declared.digest,
    )
    try:
        world.targets[target].apply(change)
    except BaseException:
        path.unlink()
        raise
    world.store.record_applied([_applied(world, target, item.declared, NOT_COMMITTED)], [])


def _write_new(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError:
        raise TargetRefused(f"{path} is there by now, and is not overwritten") from None
    except OSError as error:
        raise CouldNot(f"cannot write {path}: {error.strerror}", hint="Check the permissions.") from None


def _applied(world: World, target: str, declared: Declared[Job], commit: str, changed_in: str = "") -> Applied:
    return Applied(
        target=target,
        kind=Kind.JOB,
        id=declared.form.id,
        root_id=declared.form.id,
        form=declared.form,
        origin=Origin(
            repository=world.repository.name,
            commit=commit,
            path=declared.path,
            blob=declared.blob,
            digest=digest_form(declared.form),
            changed_in=changed_in,
        ),
        applied_at=world.clock(),
    )


def _refuse_leftovers(world: World, importing: Importing, source: CommitState) -> None:
    """Raise CouldNot where a plan of the saved files would still change what was taken over."""
    taken = {item.id for item in world.store.inventory(importing.target)}
    plan = make_plan(
        source.loaded.desired,
        world.store.inventory(),
        settled_one_offs=world.store.settled_one_offs(),
        commit="",
        tree_digest=source.tree_digest,
        around=look_around(world, now=world.clock()),
    )
    ids = {item.declared.form.id for item in importing.items} & taken
    left = [change for change in plan.changes if change.target == importing.target and change.id in ids]
    if left:
        words = ", ".join(f"{change.action.value} {change.id}" for change in left)
        raise CouldNot(
            f"target {importing.target}: after the import a plan would still {words}",
            hint="Something changed meanwhile: reconciler plan --worktree",
        )


def settle_imports(world: World, source: CommitState) -> None:
    """Let what was imported stand at ``source`` from now on, where that commit declares it as it was taken over."""
    found = []
    for item in world.store.applied_from(NOT_COMMITTED):
        declared = source.loaded.desired.jobs.get(item.id)
        if declared is None or item.target not in declared.form.targets:
            continue
        if (declared.digest, declared.path) == (item.origin.digest, item.origin.path):
            found.append((item, declared))
    if not found:
        return
    changed_in = world.repository.last_changed(source.commit, {declared.path for _, declared in found})
    items = [
        replace(
            _applied(world, item.target, declared, source.commit, changed_in.get(declared.path, "")),
            root_id=item.root_id,
            applied_at=item.applied_at,
        )
        for item, declared in found
    ]
    world.store.record_applied(items, [])
