"""Fire times per second: ours beside croniter, cronsim and APScheduler's CronTrigger.

    python bench/fire_times.py [--rounds 5] [--fires 50] [--peers PYTHON]

1,000 cron expressions in the mix people write, spread over twelve time zones; each library gives the first fires of
each from the same instant.  Every library runs in a process of its own, one after the other, in turns; the figures are
medians over the rounds.  PYTHON is an interpreter that has the peers; without it they are installed into a
temporary virtual environment.
"""

# ruff: noqa: PLC0415 - each library is imported by its own process only

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

START = datetime(2026, 1, 1, tzinfo=UTC)
ZONES = (
    "UTC", "Europe/Berlin", "Europe/London", "Europe/Paris", "America/New_York", "America/Chicago",
    "America/Los_Angeles", "America/Sao_Paulo", "Asia/Tokyo", "Asia/Kolkata", "Australia/Sydney", "Australia/Lord_Howe",
)  # fmt: skip
PEERS = ("croniter", "cronsim", "apscheduler<4")
Next = Callable[[], object]
Mix = list[tuple[str, str]]


def make_mix(count: int) -> Mix:
    """Return (expression, zone) pairs; weekdays by name, since 0 is Monday for APScheduler."""
    rng = random.Random(2026)
    minute, hour = (lambda: rng.randrange(60)), (lambda: rng.randrange(24))
    forms: tuple[Callable[[], str], ...] = (
        lambda: f"*/{rng.choice((5, 10, 15, 20, 30))} * * * *",
        lambda: f"{minute()} * * * *",
        lambda: f"{minute()} {hour()} * * *",
        lambda: f"{minute()} {hour()} * * *",
        lambda: f"{minute()} {hour()},{hour()} * * *",
        lambda: f"{minute()} {hour()} * * {rng.choice(('mon', 'tue', 'sat', 'sun'))}",
        lambda: f"{minute()} {hour()} * * mon-fri",
        lambda: "*/15 8-17 * * mon-fri",
        lambda: f"{minute()} */{rng.choice((2, 3, 4, 6))} * * *",
        lambda: f"{minute()} {hour()} {rng.randint(1, 28)} * *",
        lambda: f"{minute()} {hour()} 1,15 * *",
        lambda: f"{minute()} {hour()} {rng.randint(1, 28)} {rng.randint(1, 12)} *",
    )
    return [(rng.choice(forms)(), rng.choice(ZONES)) for _ in range(count)]


def ours_iterated(expression: str, zone: str) -> Next:
    from reconciler.model.job import Schedule
    from reconciler.schedule.times import fire_times

    schedule = Schedule(cron_expression=expression, timezone=zone)
    until = START + timedelta(days=365 * 200)
    return fire_times(schedule, after=START, until=until, anchor=START).__next__


def ours_one_by_one(expression: str, zone: str) -> Next:
    from reconciler.model.job import Schedule
    from reconciler.schedule.times import next_fire

    schedule = Schedule(cron_expression=expression, timezone=zone)
    next_fire(schedule, after=START, anchor=START)  # reads the expression, as the peers do when one is made
    at: datetime | None = START

    def following() -> object:
        nonlocal at
        assert at is not None
        at = next_fire(schedule, after=at, anchor=START)
        return at

    return following


def with_croniter(expression: str, zone: str) -> Next:
    from croniter import croniter

    iterator = croniter(expression, START.astimezone(ZoneInfo(zone)), ret_type=datetime)
    return iterator.get_next  # type: ignore[no-any-return]


def with_cronsim(expression: str, zone: str) -> Next:
    from cronsim import CronSim

    return CronSim(expression, START.astimezone(ZoneInfo(zone))).__next__


def with_apscheduler(expression: str, zone: str) -> Next:
    from apscheduler.triggers.cron import CronTrigger

    trigger = CronTrigger.from_crontab(expression, timezone=ZoneInfo(zone))
    at: datetime | None = None
    now = START.astimezone(ZoneInfo(zone))

    def following() -> object:
        nonlocal at, now
        at = trigger.get_next_fire_time(at, now)
        now = at
        return at

    return following


CONTESTANTS: dict[str, tuple[str, Callable[[str, str], Next]]] = {
    "reconciler, iterated": ("reconciler", ours_iterated),
    "reconciler, one by one": ("reconciler", ours_one_by_one),
    "croniter": ("croniter", with_croniter),
    "cronsim": ("cronsim", with_cronsim),
    "APScheduler CronTrigger": ("apscheduler", with_apscheduler),
}


def measure(name: str, mix: Mix, fires: int) -> dict[str, object]:
    """Return seconds spent making 1,000 schedules, and giving their fires."""
    package, make = CONTESTANTS[name]
    make(*mix[0])  # imports and the first zone are not what is measured
    began = time.perf_counter()
    following = [make(*pair) for pair in mix]
    made = time.perf_counter()
    for give in following:
        for _ in range(fires):
            give()
    ended = time.perf_counter()
    return {"make": made - began, "fires": ended - made, "version": version(package)}


def run_round(name: str, python: str, args: argparse.Namespace) -> dict[str, float]:
    command = [python, __file__, "--one", name, "--fires", str(args.fires), "--expressions", str(args.expressions)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # type: ignore[no-any-return]


@contextmanager
def interpreter_with_peers(given: str | None) -> Iterator[str]:
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="bench-peers-") as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / "bin" / "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS, "tzdata"], check=True)
        yield python


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--fires", type=int, default=50)
    parser.add_argument("--expressions", type=int, default=1000)
    parser.add_argument("--peers", metavar="PYTHON")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.one, make_mix(args.expressions), args.fires)))
        return
    with interpreter_with_peers(args.peers) as peers:
        rounds = {name: [] for name in CONTESTANTS}  # type: dict[str, list[dict[str, float]]]
        for _ in range(args.rounds):
            for name, (package, _make) in CONTESTANTS.items():
                rounds[name].append(run_round(name, sys.executable if package == "reconciler" else peers, args))
    print_table(rounds, args)


def print_table(rounds: dict[str, list[dict[str, float]]], args: argparse.Namespace) -> None:
    total = args.expressions * args.fires
    rates = {name: total / statistics.median(r["fires"] for r in results) for name, results in rounds.items()}
    print(
        f"{args.expressions:,} expressions in {len(ZONES)} zones, {args.fires} fires each, "
        f"median of {args.rounds} rounds,"
    )
    print(f"Python {sys.version.split()[0]}; one round each in turn, every one in a process of its own.\n")
    print("| | version | fires per second | beside it, we are (iterated) | (one by one) | to make one |")
    print("|---|---|---:|---:|---:|---:|")
    for name, rate in rates.items():
        make = statistics.median(r["make"] for r in rounds[name]) / args.expressions * 1e6
        iterated, single = (rates[f"reconciler, {way}"] / rate for way in ("iterated", "one by one"))
        print(
            f"| {name} | {rounds[name][0]['version']} | {rate:,.0f} | {iterated:.1f}x | {single:.1f}x | {make:.0f} us |"
        )


if __name__ == "__main__":
    main()
