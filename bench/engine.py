"""The local engine: 500 no-op runs beside `xargs -P2 -n1 true`, start lag, and memory at 1 GB of output.

    python bench/engine.py [--rounds 9] [--runs 500] [--megabytes 1024]

Every run is accepted and ended durably (fsync) in the engine's journal, and followed by a client in a process of its
own.  Both sides run in turns; the figures are medians over the rounds, and the ratio is the median of the rounds'.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from reconciler.engine.client import Engine
from reconciler.engine.order import RunOrder, TaskOrder
from reconciler.model.instant import utc_now

ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
WRITER = "import os\npiece = b'x' * 65535 + b'\\n'\nfor _ in range({megabytes} * 16): os.write(1, piece)"


def order(uid: str, *argv: str) -> RunOrder:
    return RunOrder(uid=uid, tasks=(TaskOrder(id="task", argv=argv, env=ENV),))


def until_ended(engine: Engine, uids: list[str]) -> None:
    pending = uids
    while pending:
        progress = engine.follow(pending)
        pending = [uid for uid in pending if not progress[uid].status.is_ended]
        if pending:
            engine.wait(10, pending)


def time_engine(engine: Engine, round_number: int, runs: int) -> float:
    uids = [f"round-{round_number}-{number}" for number in range(runs)]
    orders = [order(uid, "true") for uid in uids]
    began = time.perf_counter()
    engine.start(orders)
    until_ended(engine, uids)
    seconds = time.perf_counter() - began
    engine.forget(uids)
    return seconds


def time_xargs(runs: int) -> float:
    numbers = "\n".join(map(str, range(runs))).encode()
    began = time.perf_counter()
    subprocess.run(["xargs", "-P2", "-n1", "true"], input=numbers, check=True)
    return time.perf_counter() - began


def peak_memory(pid: int | None) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def show_throughput(engine: Engine, *, rounds: int, runs: int) -> None:
    time_engine(engine, -1, runs)
    times = [(time_engine(engine, number, runs), time_xargs(runs)) for number in range(rounds)]
    ours, theirs = (statistics.median(runs / seconds for seconds in side) for side in zip(*times, strict=True))
    ratio = statistics.median(xargs / engine for engine, xargs in times)
    show(f"{runs} no-op runs, durable", f"{ours:.0f}/s", f"xargs -P2 -n1 true: {theirs:.0f}/s", f"{ratio:.2f}x")


def show_output(engine: Engine, *, megabytes: int) -> None:
    idle = peak_memory(engine.supervisor_pid())
    began = time.perf_counter()
    engine.start([order("much", sys.executable, "-c", WRITER.format(megabytes=megabytes))])
    lags = []
    while not engine.follow(["much"])["much"].status.is_ended:
        uid = f"beside-{len(lags)}"
        started = time.perf_counter()
        engine.start([order(uid, "true")])
        until_ended(engine, [uid])
        lags.append(time.perf_counter() - started)
        engine.wait(0.02, ["much"])
    seconds = time.perf_counter() - began
    peak = peak_memory(engine.supervisor_pid())
    show(f"{megabytes} MiB of output", f"{megabytes / seconds:.0f} MiB/s", "", "")
    show("peak RSS of the supervisor at that", f"{peak:.0f} MiB", f"idle: {idle:.0f} MiB", "")
    show("a no-op run meanwhile, median", f"{statistics.median(lags) * 1000:.1f} ms", "", "")
    show("a no-op run meanwhile, worst", f"{max(lags) * 1000:.1f} ms", "", "")


def show_start(folder: Path) -> None:
    times = []
    for number in range(5):
        engine = Engine(folder / f"start-{number}", clock=utc_now, idle_seconds=0.1)
        began = time.perf_counter()
        engine.follow(["nobody"])
        times.append(time.perf_counter() - began)
        engine.close()
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    ours, theirs = statistics.median(times), time.perf_counter() - began
    show("a supervisor up and answering", f"{ours * 1000:.0f} ms", f"python -c pass: {theirs * 1000:.0f} ms",
         f"{ours / theirs:.1f}x")  # fmt: skip


def show(*cells: str) -> None:
    print("|", " | ".join(cells), "|", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--megabytes", type=int, default=1024)
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} CPUs, load average {os.getloadavg()[0]:.1f} before.\n")
    show("what", "engine", "beside", "ratio")
    show("---", "---", "---", "---")
    with tempfile.TemporaryDirectory() as name:
        engine = Engine(Path(name) / "engine", clock=utc_now, idle_seconds=5)
        show_start(Path(name))
        show_throughput(engine, rounds=arguments.rounds, runs=arguments.runs)
        show_output(engine, megabytes=arguments.megabytes)
        pid = engine.supervisor_pid()
        engine.close()
        if pid is not None:
            os.kill(pid, 15)
            while Path(f"/proc/{pid}").exists():
                time.sleep(0.01)


if __name__ == "__main__":
    main()
