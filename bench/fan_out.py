"""A fan-out to many devices of a Datto RMM account at its real limits, beside the time that the limit itself takes.

The account is the tests' fake in this process, with the limits of the service: 100 quick jobs and 600 reads in 60
seconds, and a second's delay from nine tenths on. Time is simulated: a request takes 40 ms of it, one after the other,
which stands for the eight at once that are sent in earnest. Real are the state, the requests and the memory.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from fakes.datto.things import Behaviour
from support.datto import DattoRig, datto_job, datto_rig

from reconciler.model.pace import Pace
from reconciler.planning.fan_out import last_start_seconds


def measure(rig: DattoRig, devices: int) -> None:
    for number in range(devices):
        rig.world.add_device(f"PC-{number:05d}")
    rig.world.add_component("Clear Temp Files", behaviour=Behaviour(pickup_seconds=20, run_seconds=30))
    before, began, begin = resident(), rig.clock(), time.perf_counter()
    rig.request(datto_job())
    while len(rig.world.jobs) < devices:
        rig.turn(0.2)
    started = (rig.clock() - began).total_seconds()
    while rig.store.count_active():
        rig.turn(1)
    ended = (rig.clock() - began).total_seconds()
    real = time.perf_counter() - begin
    ideal = last_start_seconds(devices, Pace(100))
    made = Counter(job.name for job in rig.world.jobs)
    print(f"  all started after {started:,.0f} s; the limit itself takes {ideal:,.0f} s: {started / ideal - 1:+.1%}")
    print(f"  all ended and reported after {ended:,.0f} s of simulated time, {real:.1f} s of ours")
    print(f"  requests per run: {len(rig.world.requests) / devices:.2f}; over a limit: {rig.world.rates.refused}")
    most = rig.world.rates.operations["device-job-create"].most
    print(f"  most starts in any 60 s: {most}; made twice: {twice(made)}")
    print(
        f"  memory: {(resident() - before) / 1024:.1f} MiB more at the end than at the beginning, with the fake's own"
    )


def twice(made: Counter[str]) -> int:
    return sum(count > 1 for count in made.values())


def resident() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=500)
    arguments = parser.parse_args()
    print(f"a fan-out to {arguments.devices:,} devices, simulated time")
    with tempfile.TemporaryDirectory() as name, datto_rig(Path(name)) as rig:
        measure(rig, arguments.devices)


if __name__ == "__main__":
    main()
