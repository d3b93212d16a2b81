"""What a person reads of a run by hand, in each case and both dialects: look at what differs before you write it anew.

The clock is the test's: whatever waits moves it.
"""

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from fakes.datto.seed import SeedWorld
from fakes.datto.server import serving
from fakes.datto.things import Behaviour, variable
from fakes.datto.world import World
from support.cli import make_project, quiet_environment
from support.datto import TARGET
from support.values import ManualClock

COMPONENT = """id: clear-temp
name: Clear Temp Files
variables:
- {name: days, type: number, defaultValue: 7, description: Delete files older than X days}
- {name: path, type: string, defaultValue: 'C:\\Windows\\Temp'}
"""
BACKUP = """id: backup
name: Backup Script
variables:
- {name: BACKUP_PATH, type: string, required: true, description: Destination path for backups}
- {name: RETENTION_DAYS, type: number, required: true, description: Number of days to retain}
- {name: COMPRESSION, type: boolean, defaultValue: true, description: Enable compression}
"""
SCANNING = "Scanning temporary directories...\n"
BEHAVIOURS = {
    "completed": Behaviour(
        stdout=SCANNING
        + "Found 156 files older than 30 days\nDeleting files...\nSuccessfully deleted 156 files (2.3 GB freed)\n",
        run_seconds=45,
    ),
    "failed": Behaviour(
        "Failure",
        stdout=SCANNING + "Error: Access denied to C:\\Temp\\locked.file\n",
        stderr="ERROR: Could not delete locked file\nProcess exited with code 1\n",
        run_seconds=12,
    ),
    "long": Behaviour(run_seconds=7200),
    "timeout": Behaviour("Expired", stdout="Step 1 complete...\nStep 2 complete...\n", run_seconds=300),
}
ON_DC01 = ("--device", "ACME-DC01")
GIVEN = ("--variables", "days=30,path=C:\\Temp")
AT_ACME = ("--target", "acme", "--component")
CASES = {
    "queued": ("clean", *ON_DC01, *GIVEN),
    "running": ("long", *ON_DC01, "--wait=60"),
    "completed": ("clean", *ON_DC01, *GIVEN, "--wait=600"),
    "failed": ("failed", *ON_DC01, "--wait=600"),
    "timed-out-here": ("long", *ON_DC01, "--wait=7000"),
    "timed-out-there": ("timeout", *ON_DC01, "--wait=7000"),
    "offline-queued": ("clean", "--device", "ACME-PC07"),
    "offline-skipped": ("skips", "--device", "ACME-PC07", "--wait=60"),
    "offline-failed": ("fails", "--device", "ACME-PC07", "--wait=60"),
    "offline-waited-for": ("clean", "--device", "ACME-PC07", "--wait=60"),
    "offline-component": (*AT_ACME, "Clear Temp Files", "--device", "ACME-PC07"),
    "component-unknown-here": (*AT_ACME, "Clear Tempp", *ON_DC01),
    "component-unknown-there": ("misspelt", *ON_DC01, "--wait=60"),
    "component-completed": (*AT_ACME, "Clear Temp Files", *ON_DC01, *GIVEN, "--wait=600"),
    "missing-variable-of-a-job": ("backup", *ON_DC01),
    "missing-variable-of-a-component": (*AT_ACME, "Backup Script", *ON_DC01),
    "several-devices": ("clean", "--device", "DC01"),
    "device-unknown": ("clean", "--device", "UNKNOWN-PC"),
    "permission-denied": ("clean", *ON_DC01, "--wait=60"),
}


def definition(job_id, component, *more):
    fields = (f"id: {job_id}", "targets: [acme]", f"component: {component}", "devices: {all: true}", *more)
    return "\n".join(fields) + "\n"


JOBS = {
    "clean": definition("clean", "clear-temp"),
    "long": definition("long", "long", "timeoutSeconds: 300"),
    "failed": definition("failed", "failed"),
    "timeout": definition("timeout", "timeout"),
    "skips": definition("skips", "clear-temp", "onOffline: skip"),
    "fails": definition("fails", "clear-temp", "onOffline: fail"),
    "misspelt": definition("misspelt", "misspelt"),
    "backup": definition("backup", "backup"),
}
NAMES = {"long": "Long Running Script", "failed": "Failing Script", "timeout": "Slow Script"}


def fill(world):
    acme, tech = world.add_site("Acme Corporation"), world.add_site("TechStart Inc")
    for hostname, site in (("ACME-DC01", acme), ("ACME-DC011", acme), ("TECHSTART-DC01", tech)):
        world.add_device(hostname, site=site)
    world.add_device("ACME-PC07", site=acme, online=False, last_seen=world.clock() - timedelta(hours=2))
    days = [variable("days", default="7"), variable("path", default="C:\\Windows\\Temp")]
    world.add_component("Clear Temp Files", behaviour=BEHAVIOURS["completed"], variables=days)
    for name, title in NAMES.items():
        world.add_component(title, behaviour=BEHAVIOURS[name])
    for title in ("Clear Browser Cache", "Disk Cleanup", "Backup Script"):
        world.add_component(title)


@pytest.fixture(params=["real", "seed"])
def dialect(request):
    return request.param


@pytest.fixture
def account(dialect):
    clock = ManualClock()
    world = (SeedWorld if dialect == "seed" else World)(clock)
    fill(world)
    return world


@pytest.fixture
def acme(tmp_path, capfd, monkeypatch, account, dialect):
    def pause(seconds):
        account.clock.now += timedelta(seconds=max(seconds, 0.5))

    quiet_environment(monkeypatch)
    monkeypatch.setattr("reconciler.cli.session.utc_now", account.clock)
    monkeypatch.setattr("reconciler.cli.session.time", SimpleNamespace(sleep=pause))
    monkeypatch.setenv("DATTO_API_KEY", "api-key")
    monkeypatch.setenv("DATTO_API_SECRET", "s3cr3t-of-the-account")
    project = make_project(tmp_path / "repo", capfd)
    with serving(account) as url:
        settings = f"settings: {{apiUrl: {url}, dialect: {dialect}}}\n"
        project.repo.write("definitions/targets/acme.yaml", TARGET[: TARGET.index("settings:")] + settings)
        project.repo.write("definitions/components/clear-temp.yaml", COMPONENT)
        project.repo.write("definitions/components/backup.yaml", BACKUP)
        project.repo.write("definitions/components/misspelt.yaml", "id: misspelt\nname: Clear Temp Filess\n")
        for name, title in NAMES.items():
            project.repo.write(f"definitions/components/{name}.yaml", f"id: {name}\nname: {title}\n")
        for name, text in JOBS.items():
            project.repo.write(f"definitions/jobs/{name}.yaml", text)
        project.repo.commit("Add jobs for the fleet")
        applied = project.call("apply")
        assert applied.code == 0, applied.err
        yield project
    project.clean_up()


@pytest.mark.parametrize("case", CASES)
def test_what_a_person_reads(acme, account, dialect, case, golden):
    if case == "permission-denied":
        account.rights["api-key"] = {"read"}
    answer = acme.call("run", *CASES[case])
    called = f"$ reconciler run {' '.join(CASES[case])}"
    told = f"{called}\n{answer.out}-- told beside it, exit code {answer.code}\n{answer.err}"
    told = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", "RUN-UID", told)
    golden(re.sub(r"(Commit: +)[0-9a-f]{12}", r"\1COMMIT", told), f"{dialect}/{case}.txt")
