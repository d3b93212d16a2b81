"""From forms as written to forms as they are applied: references followed, components unfolded, scripts read in."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from reconciler.definitions.checks.conditions import check_condition
from reconciler.definitions.checks.http import check_host
from reconciler.definitions.checks.job import check_component_system
from reconciler.definitions.checks.parameters import check_values, read_value, read_values
from reconciler.definitions.script_files import ScriptFiles
from reconciler.definitions.suggest import closest, did_you_mean, listed, quote
from reconciler.model.forms import Component, Kind, OneOff, Target
from reconciler.model.job import ComponentLink, Job, Parameter
from reconciler.model.problem import Severity
from reconciler.model.provider import Finding, ProviderRules

LOCAL = "local"
_VENDOR_FIELDS = ("datto", "psu", "keeper", "salt")
Findings = list[Finding]


def resolve_component(component: Component, scripts: ScriptFiles) -> tuple[Component, Findings]:
    """Return the component with its script's text and its defaults in their types."""
    findings: Findings = []
    changes: dict[str, Any] = {}
    if component.script_file is not None and component.script is None:
        text, findings = scripts.find(component.script_file, "scriptFile", attended=True)
        changes["script"] = text
    if any(variable.default is not None for variable in component.variables):
        changes["variables"] = tuple(_typed(variable) for variable in component.variables)
    return (replace(component, **changes) if changes else component), findings


def _typed(parameter: Parameter) -> Parameter:
    try:
        return replace(parameter, default=read_value(parameter.type, parameter.default))
    except ValueError:
        return parameter


class JobResolver:
    """Resolves jobs by what the other files declare."""

    def __init__(
        self,
        *,
        targets: Mapping[str, Target],
        known_targets: Collection[str],
        components: Mapping[str, Component],
        damaged: Callable[[Kind, str, str], bool],
        known_components: Collection[str],
        providers: Mapping[str, ProviderRules],
        default_targets: tuple[str, ...],
        scripts: ScriptFiles,
        folder: str,
    ) -> None:
        self._targets = targets
        self._known_targets = frozenset(known_targets)
        self._components = components
        self._is_damaged = damaged
        self._known_components = known_components
        self._providers = providers
        self._default_targets = default_targets
        self._scripts = scripts
        self._folder = folder
        self._vendor_providers = {rules.vendor_field: name for name, rules in providers.items() if rules.vendor_field}

    def resolve(self, job: Job, damaged: frozenset[str]) -> tuple[Job, Findings]:
        """Return the job as it is applied, and what is wrong with what it refers to."""
        findings: Findings = []
        changes: dict[str, Any] = {}
        if not job.targets:
            changes["targets"] = self._default_targets
        names = job.targets or self._default_targets
        if "targets" not in damaged:
            findings += self.check_targets(job.targets, "targets")
        if job.component is not None:
            changes |= self._unfold(job, damaged, findings)
        else:
            changes |= self._read_scripts(job, findings)
        if (expression := self._expression_of(job, names)) is not None:
            changes["condition"] = expression
        resolved = replace(job, **changes) if changes else job
        if {"parameters", "condition"} & changes.keys() and not damaged & {"condition", "parameters", "variables"}:
            findings += check_condition(resolved)
        if "targets" not in damaged:
            targets = [self._targets[name] for name in names if name in self._targets]
            findings += self._check_by_targets(resolved, targets, all_known=len(targets) == len(names), damaged=damaged)
        return resolved, findings

    def _expression_of(self, job: Job, names: Iterable[str]) -> str | None:
        """Return the text of ``{expression: TEXT}``, unless only agents of Keeper read it: to them it is their own."""
        condition = job.condition
        if not isinstance(condition, dict) or condition.keys() != {"expression"}:
            return None
        targets = [self._targets.get(name) for name in names]
        if all(target is not None and target.provider == "keeper" for target in targets):
            return None
        return condition["expression"] if isinstance(condition["expression"], str) else None

    def check_targets(self, names: Iterable[str], json_path: str) -> Findings:
        findings = []
        for index, name in enumerate(names):
            if name in self._known_targets:
                continue
            match = closest(name, self._known_targets)
            hint = f"{self._folder}/targets has: {listed(self._known_targets)}."
            if match:
                hint = f"Did you mean {match!r}?  {hint}"
            message = f"unknown target {quote(name)}"
            findings.append(Finding(code="REF003", json_path=f"{json_path}[{index}]", message=message, hint=hint))
        return findings

    def _unfold(self, job: Job, damaged: frozenset[str], findings: Findings) -> dict[str, Any]:
        """Return the component's script as the job's one task, its variables as the job's parameters."""
        assert job.component is not None
        component = self._components.get(job.component)
        if component is None:
            if job.component not in self._known_components and "component" not in damaged:
                message = f"component {quote(job.component)} is not defined"
                message += did_you_mean(job.component, self._known_components)
                hint = f"{self._folder}/components has: {listed(self._known_components) or 'nothing'}."
                findings.append(Finding(code="REF004", json_path="component", message=message, hint=hint))
            return {}
        own = {parameter.name for parameter in job.parameters}
        for variable in component.variables:
            if variable.name in own:
                message = f"parameter {quote(variable.name)} is also a variable of component {quote(component.id)}"
                findings.append(Finding(code="PARAM001", json_path="parameters", message=message))
        if "variables" not in damaged and not self._is_damaged(Kind.COMPONENT, component.id, "variables"):
            noun, owner = "component variable", f"component {quote(component.id)}"
            findings += check_values(job.variables, component.variables, "variables", noun=noun, owner=owner)
            findings += _missing(job, component)
        findings += check_component_system(job, component, damaged)
        parameters = (*component.variables, *job.parameters)
        tasks = (component.as_task(),) if component.script is not None else ()
        return {
            "tasks": tasks,
            "parameters": parameters,
            "variables": read_values(job.variables, component.variables),
            "component_link": ComponentLink(
                uid=component.uid or "", name=component.name or component.id, os_type=component.os_type
            ),
        }

    def _read_scripts(self, job: Job, findings: Findings) -> dict[str, Any]:
        if not any(task.script_file for task in job.tasks):
            return {}
        attended = job.schedule is None and not job.events
        tasks = []
        for index, task in enumerate(job.tasks):
            if task.script_file is None or task.script is not None:
                tasks.append(task)
                continue
            text, found = self._scripts.find(task.script_file, f"tasks[{index}].scriptFile", attended=attended)
            findings += found
            tasks.append(replace(task, script=text))
        return {"tasks": tuple(tasks)}

    def _check_by_targets(
        self, job: Job, targets: list[Target], *, all_known: bool, damaged: frozenset[str]
    ) -> Findings:
        """Return what the targets cannot express; the same finding of two targets is told once."""
        findings: dict[tuple[str, str, str], Finding] = {}
        for target in targets:
            rules = self._providers.get(target.provider)
            found = [
                *_check_here(job, target, damaged, self._components, rules),
                *(rules.check(job, target) if rules is not None else ()),
            ]
            for finding in found:
                if _is_by_settings(finding) and self._is_damaged(Kind.TARGET, target.id, "settings"):
                    continue
                shown = finding
                if job.component is not None and finding.json_path.startswith("tasks"):
                    shown = replace(finding, json_path="component")
                findings.setdefault((shown.code, shown.json_path, shown.message), shown)
        if all_known:
            findings |= {(f.code, f.json_path, f.message): f for f in self._check_vendor_fields(job, targets)}
        return list(findings.values())

    def check_elsewhere(self, one_off: OneOff, job: Job) -> Findings:
        """Return why the targets that only a one-off names cannot run its job."""
        findings = []
        sent = replace(job, devices=one_off.devices or job.devices)
        for index, name in enumerate(one_off.targets):
            target = self._targets.get(name)
            if target is None or name in job.targets:
                continue
            for finding in self._check_by_targets(sent, [target], all_known=False, damaged=frozenset()):
                if finding.severity is Severity.ERROR:
                    message = f"job {quote(job.id)} cannot run there: {finding.message}"
                    findings.append(replace(finding, json_path=f"targets[{index}]", message=message))
        return findings

    def _check_vendor_fields(self, job: Job, targets: list[Target]) -> Findings:
        findings = []
        given = {target.provider for target in targets}
        for name in _VENDOR_FIELDS:
            if getattr(job, name) and self._vendor_providers.get(name, name) not in given:
                message = f"`{name}` is for a {name} target, and this job has none"
                findings.append(Finding(code="REF007", json_path=name, message=message, hint="Remove it."))
        return findings


def _is_by_settings(finding: Finding) -> bool:
    """True for what a target's settings would allow if they were as they are meant."""
    return finding.code == "HTTP002" or finding.json_path.endswith("runAs")


def _check_here(
    job: Job,
    target: Target,
    damaged: frozenset[str],
    components: Mapping[str, Component],
    rules: ProviderRules | None,
) -> Findings:
    """Return what holds for targets of every provider."""
    findings = []
    selects = target.provider != LOCAL and (rules is None or rules.selects_devices)
    if selects and job.devices is None and "devices" not in damaged:
        message = f"devices is required: target {quote(target.id)} has more than one"
        hint = "Select by hostnames, sites, tags ..., or say all: true."
        findings.append(Finding(code="DEV003", json_path="devices", message=message, hint=hint))
    if target.provider == LOCAL and job.component is not None and job.component in components and not job.tasks:
        message = f"component {quote(job.component)} has no script, so target {quote(target.id)} cannot run it"
        findings.append(Finding(code="REF004", json_path="component", message=message, hint="Give it a script."))
    if isinstance(job.condition, dict) and target.provider != "keeper":
        message = f"a condition in Keeper's own form means nothing to target {quote(target.id)}"
        hint = "Write the condition as text (CEL)."
        findings.append(Finding(code="JOB003", json_path="condition", message=message, hint=hint))
    allowed = target.settings.get("allowedHosts", ())
    hosts = [host for host in allowed if isinstance(host, str)] if isinstance(allowed, list | tuple) else []
    has_own_list = "http" in target.settings  # its provider's rules look at each host then
    for index, task in enumerate(job.tasks):
        if task.http is not None and not has_own_list:
            findings += check_host(task.http.url, f"tasks[{index}].http.url", hosts, target.id)
        if task.keeper and target.provider != "keeper":
            name = next(iter(task.keeper))
            message = f"{name} is read by Keeper only"
            path = f"tasks[{index}].{name}"
            findings.append(Finding(code="KEEPER002", json_path=path, message=message, severity=Severity.INFORMATION))
    return findings


def _missing(job: Job, component: Component) -> Findings:
    """Return the required variables without a value, but for one that is there with its name misspelt.

    Who starts a job by hand gives them then.
    """
    if job.schedule is None and not job.events:
        return []
    findings = []
    names = [variable.name for variable in component.variables]
    meant = {closest(name, names) for name in job.variables if name not in names}
    for variable in component.variables:
        if variable.name in meant:
            continue
        if variable.required and variable.default is None and job.variables.get(variable.name) is None:
            message = f"component variable {quote(variable.name)} is required"
            what = f" ({variable.description})" if variable.description else ""
            hint = f"Give it in variables{quote(what)[1:-1]}."
            where = "variables" if job.variables else "component"
            findings.append(Finding(code="PARAM006", json_path=where, message=message, hint=hint))
    return findings


def check_one_off_job(one_off: OneOff, job: Job) -> Findings:
    """Return what is wrong with the values of a one-off for its job."""
    findings = list(
        check_values(one_off.variables, job.parameters, "variables", noun="parameter", owner=f"job {quote(job.id)}")
    )
    names = [parameter.name for parameter in job.parameters]
    meant = {closest(name, names) for name in one_off.variables if name not in names}
    for parameter in job.parameters:
        if parameter.name in meant:
            continue
        given = one_off.variables.get(parameter.name, job.variables.get(parameter.name, parameter.default))
        if parameter.required and given is None:
            message = f"parameter {quote(parameter.name)} of job {quote(job.id)} is required but has no value"
            where = "variables" if one_off.variables else "job"
            hint = f"Give it in variables: {{{parameter.name}: ...}}."
            findings.append(Finding(code="PARAM006", json_path=where, message=message, hint=hint))
    return findings


def check_startable(targets: Iterable[Target], providers: Mapping[str, ProviderRules]) -> Findings:
    """Return a finding for each target of a one-off that nobody can ask to run anything."""
    return [
        Finding(
            code="TGT003",
            json_path="",
            message=f"target {quote(target.id)} starts its jobs by itself, and cannot be asked to run one",
            hint="Name other targets in `targets`, or start the job there.",
        )
        for target in targets
        if target.provider in providers and not providers[target.provider].starts_runs
    ]
