"""`reconciler devices`: the devices of a target, or of a job."""

from typing import Any

import click

from reconciler.cli.completing import complete_job, complete_target
from reconciler.cli.exits import ExitCode
from reconciler.cli.options import format_option, secrets_option, state_option, verb
from reconciler.cli.output import echo_json, echo_table, instant_text, tell, warn
from reconciler.cli.session import Session, open_session
from reconciler.loop.desired import CommitState
from reconciler.model.errors import CouldNot, UsageError
from reconciler.model.instant import ago
from reconciler.model.job import Devices, Job
from reconciler.model.run import Device
from reconciler.model.systems import SYSTEMS, keeps_off, systems_of
from reconciler.planning.fan_out import judge_fan_out
from reconciler.planning.judgement_values import Known, Matched
from reconciler.planning.renderings.words import fan_out_words, write
from reconciler.targets.protocol import LiveTarget, Paced


@verb(
    "devices",
    examples="""
    reconciler devices
    reconciler devices --target acme --hostname "ACME-*"
    reconciler devices --target acme --job clean
    """,
)
@click.option(
    "--target",
    metavar="NAME",
    shell_complete=complete_target,
    default="local",
    show_default=True,
    help="The target to ask.",
)
@click.option(
    "--job",
    metavar="ID",
    shell_complete=complete_job,
    help="Only those on which this job, as it is declared at HEAD, would run.",
)
@click.option("--hostname", "hostnames", multiple=True, metavar="GLOB", help="Only these; may be repeated.")
@click.option("--site", "sites", multiple=True, metavar="NAME", help="Only of this site; may be repeated.")
@format_option("text", "json")
@state_option
@secrets_option
def command(
    *,
    directory: str | None,
    target: str,
    job: str | None,
    hostnames: tuple[str, ...],
    sites: tuple[str, ...],
    format_: str,
    state: str | None,
    secrets: str | None,
) -> int:
    """List the devices that a target has, or those on which a job would run. Starts nothing.

    The exit code is 1 where the target's list is not whole.
    """
    if job is not None and (hostnames or sites):
        raise UsageError("--job excludes --hostname and --site: it selects its own", hint="Give --job alone.")
    with open_session(directory=directory, state=state, secrets=secrets) as session:
        source = session.read_commit()
        live = find_target(session.world(source).targets, target)
        form = _declared(source, job) if job is not None else None
        selector = Devices(hostnames=hostnames, sites=sites, all=not (hostnames or sites))
        if form is not None:
            selector = form.devices or Devices(all=True)
        listing = live.devices(selector)
        shown = tuple(device for device in listing.devices if form is None or not keeps_off(form, device.os))
        if format_ == "json":
            echo_json({"devices": [_document(device) for device in shown], "complete": listing.complete})
        else:
            _echo(session, shown)
        if not listing.complete:
            raise CouldNot(f"the list of {target} is not whole: nothing would be started by it", hint="Try again.")
        if form is not None:
            _tell_of_job(form, live, len(listing.devices), len(shown))
    return ExitCode.DONE


def _declared(source: CommitState, job: str) -> Job:
    declared = source.loaded.desired.jobs.get(job)
    if declared is None:
        raise UsageError(f"no job `{job}` is declared at HEAD", hint="See: reconciler validate")
    return declared.form


def _tell_of_job(job: Job, live: LiveTarget, selected: int, number: int) -> None:
    """Say which devices it leaves out, whether it would start at all, and how long that takes."""
    if selected > number:
        only = " and ".join(SYSTEMS[system] for system in SYSTEMS if system in systems_of(job)) or "no system"
        tell(f"{job.id} is for {only}: {selected - number} more are selected, and left out")
    if job.devices is not None and job.devices.max is not None and selected > job.devices.max:
        warn(f"{job.id} would not start: devices.max is {job.devices.max}, and {selected} match")
    if isinstance(live, Paced):
        known = Known(paces={live.name: live.pace()}, match=lambda _target, _job: Matched(count=number))
        if (fan_out := judge_fan_out(live.name, job, None, known)) is not None:
            tell(f"starting {job.id} on {write(fan_out_words(fan_out), str)}")


def find_target(targets: Any, name: str) -> LiveTarget:
    if name not in targets:
        known = ", ".join(sorted(targets))
        raise UsageError(f"unknown target {name}", hint=f"There is: {known}.")
    found: LiveTarget = targets[name]
    return found


def _echo(session: Session, devices: tuple[Device, ...]) -> None:
    now = session.clock()
    states = {True: "online", False: "offline", None: "-"}
    rows = [
        (
            device.hostname,
            device.site or "-",
            device.os or "-",
            states[device.online],
            ago(device.last_seen, now) if device.last_seen else "-",
            device.uid,
        )
        for device in devices
    ]
    echo_table(("HOSTNAME", "SITE", "OS", "STATUS", "LAST SEEN", "UID"), rows)
    click.echo(f"{len(devices)} devices")


def _document(device: Device) -> dict[str, Any]:
    return {
        "uid": device.uid,
        "hostname": device.hostname,
        "site": device.site,
        "os": device.os,
        "tags": list(device.tags),
        "online": device.online,
        "lastSeen": instant_text(device.last_seen),
    }
