"""`python -m tests.fakes.datto`: the fake by hand, with an account to try things on."""

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path

from .faults import read_script
from .seed import SeedWorld
from .server import make_server
from .things import Behaviour, variable
from .world import World


def demo(world: World) -> World:
    """Fill an account: two sites, four devices of which one is offline, two components, two variables, an alert."""
    acme, tech = world.add_site("Acme Corporation"), world.add_site("TechStart Inc")
    world.add_device("ACME-DC01", site=acme, filters=("7",), udf={"udf1": "prod"})
    world.add_device("ACME-DC02", site=acme, filters=("7",))
    world.add_device("TECHSTART-DC01", site=tech)
    world.add_device("ACME-PC07", site=acme, online=False, last_seen=world.clock() - timedelta(hours=2))
    lines = "Scanning temporary directories...\nSuccessfully deleted 156 files (2.3 GB freed)\n[exit 0]\n"
    world.add_component(
        "Clear Temp Files",
        uid="c1d2e3f4-a5b6-7890-cdef-123456789abc",
        description="Clears Windows temp directories",
        behaviour=Behaviour(stdout=lines, pickup_seconds=1, run_seconds=2),
        variables=[variable("days", "string", "7", "Delete files older than X days")],
    )
    world.add_component(
        "Disk Cleanup",
        behaviour=Behaviour(
            "Failure", stdout="Checking...\n", stderr="access denied\n", pickup_seconds=1, run_seconds=1
        ),
    )
    world.add_variable("PatchWindow", "22:00-04:00")
    world.add_variable("BackupKey", "not-shown", masked=True, site=acme.uid)
    world.add_alert(world.devices[0])
    return world


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.datto", description="A fake Datto RMM account.")
    parser.add_argument("--port", type=int, default=8077)
    parser.add_argument("--dialect", choices=["real", "seed"], default="real")
    parser.add_argument("--faults", type=Path, help="A fault script: JSON, see faults.py.")
    arguments = parser.parse_args()
    made = SeedWorld if arguments.dialect == "seed" else World
    world = demo(made(lambda: datetime.now(UTC)))
    if arguments.faults:
        world.faults = read_script(arguments.faults.read_text(encoding="utf-8"))
    server = make_server(world, port=arguments.port, says=True)
    (key, secret), *_ = world.keys.items()
    print(f"settings: {{apiUrl: {world.base_url}}}", f"export DATTO_API_KEY={key} DATTO_API_SECRET={secret}", sep="\n")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
