"""From a job and its values to what the engine is asked to run: argv and environment, never a shell line."""

import shlex
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path, PurePosixPath

from msgspec.structs import replace

from reconciler.engine.http_wire import DEFAULT_SECONDS
from reconciler.engine.order import SCRIPT_FILE, RunLimits, RunOrder, TaskOrder, late_token
from reconciler.model.errors import TargetRefused
from reconciler.model.instant import format_instant
from reconciler.model.job import ExecutionType, ScriptType, Task, value_text
from reconciler.model.secret import Secret, SecretRef
from reconciler.model.settings import EngineSettings
from reconciler.model.tokens import fill_tokens
from reconciler.targets.local.accounts import account_environment
from reconciler.targets.local.event_values import event_json, event_text
from reconciler.targets.local.http_order import ARGV, HttpSettings, http_environment
from reconciler.targets.protocol import ParameterValue, StartOrder, attempt_handle, latest_start

ALLOWED_ENVIRONMENT = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR")
"""All that a run gets of the environment of reconciler itself."""

_PROGRAM = "reconciler"
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

KEEPER_API_BASE_URL = "https://127.0.0.1:6889"
"""Where a Keeper agent on this machine answers (Keeper, HTTP reference: Settings:KestrelHttpsPort)."""

_INTERPRETERS = {
    ScriptType.BASH: (("bash",), ".sh"),
    ScriptType.PYTHON: (("python3",), ".py"),
    ScriptType.POWERSHELL: (("pwsh", "-NoProfile", "-NonInteractive", "-File"), ".ps1"),
}
_TYPE_BY_ENDING = {
    ".sh": ScriptType.BASH,
    ".bash": ScriptType.BASH,
    ".py": ScriptType.PYTHON,
    ".ps1": ScriptType.POWERSHELL,
}

_INTERPRETER_VARIABLES = ("PYTHONPATH", "SSL_CERT_FILE", "SSL_CERT_DIR")
_HTTP_MARGIN_SECONDS = 10
_NOWHERE = HttpSettings()

ValueOf = Callable[[str], str]


def make_order(
    order: StartOrder,
    *,
    settings: EngineSettings,
    environment: Mapping[str, str],
    http: HttpSettings = _NOWHERE,
    accounts: Sequence[str] = (),
) -> RunOrder:
    """Return the engine's order for a run. Raises TargetRefused for a job that cannot be started as it is."""
    plain = {name: environment[name] for name in ALLOWED_ENVIRONMENT if name in environment}
    plain["PATH"] = _with_program(plain.get("PATH", DEFAULT_PATH))
    base = plain | _run_environment(order) | {name: _revealed(value) for name, value in order.values.items()}
    # Parameters are not for the interpreter that makes requests, whatever their names mean to it.
    requesting = plain | {name: environment[name] for name in _INTERPRETER_VARIABLES if name in environment}
    value_of = _value_lookup(order)
    return RunOrder(
        uid=attempt_handle(order.run),
        tasks=tuple(
            _http_order(task, order, requesting, value_of, http)
            if task.http is not None
            else _with_account(task, order, _task_order(task, order, base, value_of), accounts)
            for task in order.job.tasks
        ),
        timeout_seconds=order.job.timeout_seconds,
        output_bytes=0 if order.job.discard_output else settings.output_bytes,
        grace_seconds=settings.grace_seconds,
        masks=tuple(secret.reveal() for secret in order.secrets.values()),
        limits=_limits(settings),
        priority=order.run.priority,
        machine_runs=settings.max_runs,
        start_before=_microseconds(latest_start(order.run, order.job)),
    )


@cache
def _with_program(path: str) -> str:
    """Return ``path`` with the folder of `reconciler` itself behind it, where a task would not find that command."""
    folder = str(Path(sys.executable).parent)
    is_needed = shutil.which(_PROGRAM, path=path) is None and shutil.which(_PROGRAM, path=folder) is not None
    return f"{path}:{folder}" if is_needed else path


def _run_environment(order: StartOrder) -> dict[str, str]:
    run, job = order.run, order.job
    variables = {
        "RECONCILER_RUN_UID": run.uid,
        "RECONCILER_ATTEMPT": str(run.attempt),
        "RECONCILER_JOB_ID": job.id,
        "RECONCILER_TARGET": run.target,
        "RECONCILER_DEVICE": run.device.hostname,
        "RECONCILER_COMMIT": run.origin.commit,
        "RECONCILER_SCHEDULED_FOR": format_instant(run.scheduled_for),
        "RECONCILER_TRIGGER": run.trigger.kind.value,
    }
    if run.event:
        variables["RECONCILER_EVENT"] = event_json(run.event)
    if job.mqtt_topics:
        # Keeper sets these two only for a job with MQTT topics (Keeper, custom job guide).
        variables |= {"KEEPER_JOB_ID": job.id, "KEEPER_JOB_NAME": job.title}
    return variables


def _value_lookup(order: StartOrder) -> ValueOf:
    run, job = order.run, order.job
    known = {
        "run.uid": run.uid,
        "run.scheduledFor": format_instant(run.scheduled_for),
        "run.attempt": str(run.attempt),
        "run.trigger": run.trigger.kind.value,
        "job.id": job.id,
        "job.name": job.title,
        "commit": run.origin.commit,
        "target": run.target,
        "device.uid": run.device.uid,
        "device.hostname": run.device.hostname,
        "device.site": run.device.site,
        "KeeperApiBaseUrl": KEEPER_API_BASE_URL,
    } | {name: _revealed(value) for name, value in order.values.items()}
    parameters = {parameter.name for parameter in job.parameters}

    def value_of(name: str) -> str:
        if name in known:
            return known[name]
        if name in parameters:
            return ""  # declared, optional, and nobody gave it a value
        if name.startswith("tasks."):
            return late_token(name)
        if name.startswith("event."):
            return event_text(run.event, name.removeprefix("event."))
        return f"{{{name}}}"  # validation let it stand as braces of another language

    return value_of


def _revealed(value: ParameterValue) -> str:
    return value.reveal() if isinstance(value, Secret) else value_text(value)


def _task_order(task: Task, order: StartOrder, base: Mapping[str, str], value_of: ValueOf) -> TaskOrder:
    arguments = [fill_tokens(argument, value_of) for argument in split_arguments(task)]
    own = {name: _environment_value(value, order, value_of) for name, value in task.env.items()}
    program, suffix = _find_program(task)
    return TaskOrder(
        id=task.id,
        argv=(*program, *arguments),
        script=task.script,
        script_suffix=suffix,
        env={**base, **own, "RECONCILER_TASK_ID": task.id},
        cwd=fill_tokens(task.working_directory, value_of) if task.working_directory else None,
        timeout_seconds=task.timeout_seconds,
        continue_on_failure=task.continue_on_failure,
        success_exit_codes=task.success_exit_codes,
    )


def _with_account(task: Task, order: StartOrder, made: TaskOrder, accounts: Sequence[str]) -> TaskOrder:
    """Return the task's order for the account that task or job name; its own ``env`` wins over the account's."""
    name = task.run_as or order.job.run_as
    if name is None:
        return made
    account, environment = account_environment(name, task.execution_type, allowed=accounts)
    foreign = {key for key in ("TMPDIR", *environment) if key not in task.env and key not in order.values}
    kept = {key: value for key, value in made.env.items() if key not in foreign}
    is_elevated = task.execution_type is ExecutionType.USER_ELEVATED
    return replace(made, env={**environment, **kept}, account=account, is_elevated=is_elevated)


def _microseconds(instant: datetime) -> int:
    return round(instant.timestamp() * 1_000_000)


def _limits(settings: EngineSettings) -> RunLimits:
    return RunLimits(
        memory_bytes=None if settings.memory_mb is None else settings.memory_mb << 20,
        open_files=settings.open_files,
        processes=settings.processes,
    )


def _http_order(
    task: Task, order: StartOrder, environment: Mapping[str, str], value_of: ValueOf, http: HttpSettings
) -> TaskOrder:
    return TaskOrder(
        id=task.id,
        argv=ARGV,
        env={**environment, **http_environment(task, value_of, settings=http, secrets=order.secrets)},
        timeout_seconds=(task.timeout_seconds or DEFAULT_SECONDS) + _HTTP_MARGIN_SECONDS,
        continue_on_failure=task.continue_on_failure,
    )


def _find_program(task: Task) -> tuple[tuple[str, ...], str]:
    """Return what stands before the task's own arguments, and the ending of its script's file."""
    if task.script is not None:
        interpreter, suffix = find_interpreter(task)
        return (*interpreter, SCRIPT_FILE), suffix
    # Keeper's form gives both: the path is where the program is, the command only its name.
    program = task.executable_path or task.command
    if not program:
        hint = "Give command, executablePath, script or scriptFile."
        raise TargetRefused(f"task {task.id} names no program", hint=hint)
    return (program,), ""


def _environment_value(value: str | SecretRef, order: StartOrder, value_of: ValueOf) -> str:
    if isinstance(value, SecretRef):
        return order.secrets[value.secret].reveal()
    return fill_tokens(value, value_of)


def split_arguments(task: Task) -> tuple[str, ...]:
    """Return the arguments as a list; Keeper's one text is split as a POSIX shell splits, before tokens are filled.

    Raises TargetRefused for a quotation that is never closed.
    """
    if not isinstance(task.arguments, str):
        return task.arguments
    try:
        return tuple(shlex.split(task.arguments))
    except ValueError as error:
        raise TargetRefused(
            f"task {task.id}: cannot split its arguments: {error}", hint="Write them as a list."
        ) from None


def find_interpreter(task: Task) -> tuple[tuple[str, ...], str]:
    """Return what runs the task's script, and the ending of the script's file.

    `auto` goes by the first line (``#!``), then by the ending of ``scriptFile``, and else is bash.
    """
    assert task.script is not None
    first_line = task.script.partition("\n")[0]
    if task.script_type is ScriptType.AUTO and first_line.startswith("#!"):
        return tuple(first_line[2:].split()) or ("bash",), ""
    ending = PurePosixPath(task.script_file or "").suffix.lower()
    chosen = task.script_type
    if chosen is ScriptType.AUTO:
        chosen = _TYPE_BY_ENDING.get(ending, ScriptType.BASH)
    if chosen not in _INTERPRETERS:
        raise TargetRefused(
            f"task {task.id}: {chosen.value} scripts do not run on this machine", hint="Use bash or python."
        )
    return _INTERPRETERS[chosen]
