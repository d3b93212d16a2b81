"""What is found across files: targets, then components, then jobs, then one-offs, each by those before it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from msgspec.structs import replace

from reconciler.definitions.document import make_problem
from reconciler.definitions.identity import find_clashes
from reconciler.definitions.items import Item, Places
from reconciler.definitions.listing import Listing
from reconciler.definitions.references import check_references, says_who_follows
from reconciler.definitions.resolve import LOCAL, JobResolver, check_one_off_job, check_startable, resolve_component
from reconciler.definitions.script_files import ScriptFiles
from reconciler.definitions.settings import SETTINGS_PATH
from reconciler.definitions.suggest import did_you_mean, listed, quote
from reconciler.definitions.targets import TargetChecks
from reconciler.model.desired import Declared, DesiredState, Loaded, SourceTree
from reconciler.model.forms import FILE_KINDS, Component, Kind, OneOff, Target, Variable, digest_form
from reconciler.model.job import Job, Schedule
from reconciler.model.problem import Problem, Severity
from reconciler.model.provider import Finding, ProviderRules
from reconciler.model.settings import Settings
from reconciler.schedule.checks import check_schedule_now, findings_hold_until

Key = tuple[Kind, str]
F = TypeVar("F", Job, Component, Target, OneOff)


class Loading:
    """One loading. ``waiting`` holds what has an error, or needs something that has; its applied form stays."""

    def __init__(
        self,
        tree: SourceTree,
        listing: Listing,
        items: Sequence[Item],
        *,
        settings: Settings,
        providers: Mapping[str, ProviderRules],
        now: datetime | None,
        known: Mapping[Kind, Collection[str]] = {},
    ) -> None:
        """``known`` are the ids of all files of a kind, where ``items`` are only some of them."""
        self._tree = tree
        self._listing = listing
        self._settings = settings
        self._providers = providers
        self._now = now
        self._places = Places(tree)
        self._problems: list[Problem] = list(listing.problems)
        self._waiting: set[Key] = set(listing.refused)
        self._items: dict[Kind, dict[str, Item]] = {kind: {} for kind in FILE_KINDS}
        self._scripts = ScriptFiles(tree, listing.others)
        self._all_known = known
        self._by_clock: dict[Schedule, tuple[list[Finding], datetime | None]] = {}
        self.until: dict[str, datetime] = {}
        """By path: until when the clock says nothing else about a job."""
        self._needs: dict[Key, list[Key]] = defaultdict(list)
        self._take(items)

    def _take(self, items: Sequence[Item]) -> None:
        for item in items:
            self._items[item.kind].setdefault(item.id, item)
            if item.checked.problems:
                self._problems += [replace(problem, path=item.path) for problem in item.checked.problems]
            if not item.checked.is_valid:
                self._waiting.add((item.kind, item.id))
                self._waiting |= {(item.kind, given) for given in item.checked.given_id}
        for item, first, finding in find_clashes(items):
            self._problems += self._places.problems(item, [finding], of_the_file=True)
            self._waiting |= {(item.kind, item.id), (first.kind, first.id)}

    def load(self, *, declare: bool) -> Loaded:
        self._scripts.read_all(self._script_files())
        targets = self._load_targets()
        components = self._load_components()
        resolver = self._resolver(targets, components)
        jobs = self._load_jobs(resolver)
        one_offs = self._load_one_offs(jobs, targets, resolver)
        self._check_jobs_together(one_offs)
        self._problems += self._scripts.problems
        self._spread_waiting()
        desired = DesiredState(unreadable=frozenset(self._waiting), complete=not self._waiting)
        if declare:
            desired = replace(
                desired,
                jobs=self._declare(Kind.JOB, jobs),
                components=self._declare(Kind.COMPONENT, components),
                targets=self._declare(Kind.TARGET, targets),
                one_offs=self._declare(Kind.RUN, one_offs),
            )
            desired = replace(desired, variables=dict(self._declare_variables(desired.targets.values())))
        problems = sorted(dict.fromkeys(self._problems), key=lambda problem: problem.sort_key)
        return Loaded(desired=desired, problems=tuple(problems), files=len(self._listing.candidates))

    def _tell(self, item: Item, findings: Sequence[Finding]) -> None:
        """Keep findings as problems; an error makes the item wait."""
        if not findings:
            return
        self._problems += self._places.problems(item, findings)
        if any(finding.severity is Severity.ERROR for finding in findings):
            self._waiting.add((item.kind, item.id))

    def _forms(self, kind: Kind, type_: type[F]) -> Iterator[tuple[Item, F]]:
        for item in self._items[kind].values():
            if isinstance(item.form, type_):
                yield item, item.form

    def _known(self, kind: Kind) -> Collection[str]:
        """The ids of all files of a kind, those with errors too."""
        if kind in self._all_known:
            return self._all_known[kind]
        return frozenset(self._items[kind]) | {id_ for other, id_ in self._waiting if other is kind}

    def _script_files(self) -> Iterator[str]:
        for _, component in self._forms(Kind.COMPONENT, Component):
            if component.script_file is not None:
                yield component.script_file
        for _, job in self._forms(Kind.JOB, Job):
            for task in job.tasks:
                if task.script_file is not None:
                    yield task.script_file

    def _load_targets(self) -> dict[str, Target]:
        checks = TargetChecks(self._providers)
        targets = {}
        for item, target in self._forms(Kind.TARGET, Target):
            found = [] if "provider" in item.checked.damaged_fields else checks.check(target)
            self._tell(item, found)
            if found or "provider" in item.checked.damaged_fields:
                continue  # whose it is nobody knows, so nothing can be said of its settings and its jobs
            targets[item.id] = target
            self._tell(item, checks.check_contents(target))
            if "settings" not in item.checked.damaged and not checks.accepts_settings(target):
                document = self._places.document(item)
                if document is not None:
                    told = {problem.json_path for problem in item.checked.problems}
                    problems = checks.settings_problems(target, document, item.checked.damaged)
                    self._problems += [
                        replace(problem, path=item.path) for problem in problems if problem.json_path not in told
                    ]
                    self._waiting.add((Kind.TARGET, item.id))
        for name, finding in checks.check_folders(targets):
            self._tell(self._items[Kind.TARGET][name], [finding])
        return targets

    def _damaged(self, kind: Kind, name: str, field: str) -> bool:
        """True where a field of another file has an error, so that what depends on it cannot be judged."""
        item = self._items[kind].get(name)
        if item is None:
            return False
        is_refused = kind is Kind.TARGET and (kind, name) in self._waiting and field == "settings"
        return is_refused or field in item.checked.damaged_fields

    def _load_components(self) -> dict[str, Component]:
        components = {}
        for item, component in self._forms(Kind.COMPONENT, Component):
            components[item.id], findings = resolve_component(component, self._scripts)
            self._tell(item, findings)
            self._need_script((Kind.COMPONENT, item.id), component.script_file)
        return components

    def _need_script(self, key: Key, script_file: str | None) -> None:
        if script_file is not None and script_file in self._scripts.broken:
            self._waiting.add(key)

    def _resolver(self, targets: Mapping[str, Target], components: Mapping[str, Component]) -> JobResolver:
        known_targets = {*self._known(Kind.TARGET), LOCAL}
        self._check_default_targets(known_targets)
        return JobResolver(
            targets={LOCAL: Target(id=LOCAL, provider=LOCAL), **targets},
            known_targets=known_targets,
            components=components,
            damaged=self._damaged,
            known_components=self._known(Kind.COMPONENT),
            providers=self._providers,
            default_targets=self._settings.default_targets,
            scripts=self._scripts,
            folder=self._tree.root,
        )

    def _load_jobs(self, resolver: JobResolver) -> dict[str, Job]:
        jobs = {}
        for item, job in self._forms(Kind.JOB, Job):
            resolved, findings = resolver.resolve(job, item.checked.damaged_fields)
            jobs[item.id] = resolved
            if resolved.schedule is not None and item.checked.is_valid:
                findings = [*findings, *self._check_clock(resolved.schedule, item)]
            self._tell(item, findings)
            self._note_needs(item, resolved)
        return jobs

    def _check_clock(self, schedule: Schedule, item: Item) -> list[Finding]:
        """Return what the clock has to say; many jobs share a schedule, and looking ahead takes its time."""
        if self._now is None:
            return []
        if schedule not in self._by_clock:
            self._by_clock[schedule] = (
                check_schedule_now(schedule, now=self._now),
                findings_hold_until(schedule, now=self._now),
            )
        findings, until = self._by_clock[schedule]
        if until is not None:
            self.until[item.candidate.file.path] = until
        return findings

    def _note_needs(self, item: Item, job: Job) -> None:
        needs = self._needs[Kind.JOB, item.id]
        needs += [(Kind.TARGET, name) for name in job.targets]
        if job.component is not None:
            needs.append((Kind.COMPONENT, job.component))
        if job.alternate_job_id is not None:
            needs.append((Kind.JOB, job.alternate_job_id))
        for task in job.tasks:
            self._need_script((Kind.JOB, item.id), task.script_file)

    def _check_default_targets(self, known: Collection[str]) -> None:
        for index, name in enumerate(self._settings.default_targets):
            if name in known:
                continue
            message = f"unknown target {quote(name)}{did_you_mean(name, known)}"
            hint = f"{self._tree.root}/targets has: {listed(known)}."
            problem = make_problem("REF003", message, path=("defaultTargets", index), hint=hint)
            self._problems.append(replace(problem, path=SETTINGS_PATH))
            self._waiting.add((Kind.TARGET, name))

    def _load_one_offs(
        self, jobs: Mapping[str, Job], targets: Mapping[str, Target], resolver: JobResolver
    ) -> dict[str, OneOff]:
        one_offs = {}
        known_jobs = self._known(Kind.JOB)
        known_targets = {*self._known(Kind.TARGET), LOCAL}
        for item, one_off in self._forms(Kind.RUN, OneOff):
            one_offs[item.id] = one_off
            findings = []
            for index, name in enumerate(one_off.targets):
                if name not in known_targets:
                    message = f"unknown target {quote(name)}{did_you_mean(name, known_targets)}"
                    hint = f"{self._tree.root}/targets has: {listed(known_targets)}."
                    findings.append(Finding(code="REF003", json_path=f"targets[{index}]", message=message, hint=hint))
            if "job" in item.checked.damaged_fields:
                pass
            elif one_off.job not in known_jobs:
                message = f"job {quote(one_off.job)} is not defined{did_you_mean(one_off.job, known_jobs)}"
                findings.append(Finding(code="REF008", json_path="job", message=message))
            else:
                if self._is_whole(one_off.job) and "variables" not in item.checked.damaged_fields:
                    findings += check_one_off_job(one_off, jobs[one_off.job])
                    findings += resolver.check_elsewhere(one_off, jobs[one_off.job])
                if one_off.job in jobs:
                    names = one_off.targets or jobs[one_off.job].targets
                    findings += check_startable([targets[name] for name in names if name in targets], self._providers)
            self._tell(item, findings)
            needs: list[Key] = [(Kind.TARGET, name) for name in one_off.targets]
            self._needs[Kind.RUN, item.id] = [*needs, (Kind.JOB, one_off.job)]
        return one_offs

    def _is_whole(self, job_id: str) -> bool:
        """True where all that says which parameters a job has is known."""
        if (Kind.JOB, job_id) in self._waiting:
            return False
        item = self._items[Kind.JOB].get(job_id)
        component = item.form.component if item is not None and isinstance(item.form, Job) else None
        return item is not None and (Kind.COMPONENT, component) not in self._waiting

    def _check_jobs_together(self, one_offs: Mapping[str, OneOff]) -> None:
        items = self._items[Kind.JOB]
        jobs = {
            item.id: job for item, job in self._forms(Kind.JOB, Job) if says_who_follows(item.checked.damaged_fields)
        }
        places = {
            job_id: job.targets or self._settings.default_targets
            for job_id, job in jobs.items()
            if "targets" not in items[job_id].checked.damaged_fields
        }
        for job_id, finding in check_references(jobs, one_offs, self._known(Kind.JOB), places=places):
            if items[job_id].checked.is_valid or finding.severity is Severity.ERROR:
                self._tell(items[job_id], [finding])

    def _spread_waiting(self) -> None:
        """Let wait what needs something that waits."""
        users: dict[Key, list[Key]] = defaultdict(list)
        for key, needs in self._needs.items():
            for need in needs:
                users[need].append(key)
        queue = list(self._waiting)
        while queue:
            for user in users[queue.pop()]:
                if user not in self._waiting:
                    self._waiting.add(user)
                    queue.append(user)

    def _declare_variables(
        self, targets: Iterable[Declared[Target]]
    ) -> Iterator[tuple[tuple[str, str], Declared[Variable]]]:
        for item in targets:
            rules = self._providers.get(item.form.provider)
            for form in rules.variables(item.form) if rules is not None and rules.variables is not None else ():
                declared = Declared(form=form, path=item.path, blob=item.blob, digest=digest_form(form), line=item.line)
                yield (item.form.id, form.id), declared

    def _declare(self, kind: Kind, forms: Mapping[str, F]) -> dict[str, Declared[F]]:
        declared = {}
        for id_, form in sorted(forms.items()):
            if (kind, id_) in self._waiting:
                continue
            item = self._items[kind][id_]
            file = item.candidate.file
            declared[id_] = Declared(
                form=form, path=file.path, blob=file.blob, digest=digest_form(form), line=item.checked.line
            )
        return declared
