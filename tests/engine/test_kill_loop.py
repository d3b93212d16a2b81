"""Kill -9 again and again while jobs log their own evidence: no double start, no lost outcome, no survivor."""

import os
import random
import signal
import time
from collections import Counter

import pytest
from support.engine import kill_supervisors, order, output_of, processes_with, shell, until, until_ended

from reconciler.model.run import RunStatus

SCRIPT = (
    "echo start {uid} >> {evidence}; echo begun; sleep {seconds}; echo done; echo end {uid} >> {evidence}; exit {code}"
)


def kill_once(engine, folder, rng, *, also_guardian):
    """SIGKILL the supervisor; sometimes after a stop, sometimes its guardian first, sometimes both."""
    victim = engine.supervisor_pid()
    way = rng.choice(["kill", "kill", "stop", *(["guardian", "both"] if also_guardian else [])])
    if way == "both":
        kill_supervisors(folder)
    elif victim is not None:
        if way == "stop":
            os.kill(victim, signal.SIGSTOP)
            time.sleep(0.02)  # What happens in this time is what is tried.
        for pid in processes_with(f"reconciler.engine.supervisor\0{folder}") if way == "guardian" else [victim]:
            if way != "guardian" or pid != victim:
                os.kill(pid, signal.SIGKILL)


def run_loop(engine, tmp_path, *, runs, kills, also_guardian):
    rng = random.Random(runs * 1000 + kills)
    folder, evidence = tmp_path / "engine", tmp_path / "evidence"
    codes = {f"run-{number}": rng.choice([0, 0, 0, 1, 7]) for number in range(runs)}
    uids = list(codes)
    for batch in range(kills):
        some = uids[batch * runs // kills : (batch + 1) * runs // kills]
        orders = [
            order(
                uid,
                shell(SCRIPT.format(uid=uid, evidence=evidence, seconds=rng.uniform(0.02, 0.4), code=codes[uid])),
                drain_seconds=0.05,
            )
            for uid in some
        ]
        engine.start(orders)
        time.sleep(rng.uniform(0, 0.15))  # When the blow falls is what is varied.
        kill_once(engine, folder, rng, also_guardian=also_guardian)
        engine.start(orders)
    progress = until_ended(engine, *uids)
    until(lambda: not processes_with(f"RECONCILER_OUTPUT={folder}"), what="the end of all children")
    return progress, Counter(evidence.read_text().splitlines()), codes


def check(engine, progress, facts, codes, *, rare):
    """All is as it should be; ``rare``: how many runs may have met the blow in the one moment that costs something.

    Between the mark and the program a start is lost, between reading and writing a piece of output is.
    """
    lost = {uid for uid, run in progress.items() if run.status is RunStatus.LOST}
    assert max(facts.values()) == 1, "something ran twice"
    assert len(lost) <= rare, {uid: progress[uid] for uid in lost}
    others = codes.keys() - lost
    assert {uid: progress[uid].tasks[0].exit_code for uid in others} == {uid: codes[uid] for uid in others}
    assert all(facts[f"start {uid}"] == facts[f"end {uid}"] == 1 for uid in others)
    output = {uid: output_of(engine, uid) for uid in others}
    assert set(output.values()) <= {b"begun\ndone\n", b"begun\n", b"done\n", b""}
    assert sum(text != b"begun\ndone\n" for text in output.values()) <= rare, output


def test_g1_g4_supervisors_are_killed_and_nothing_is_lost_or_started_twice(engine, tmp_path):
    progress, facts, codes = run_loop(engine, tmp_path, runs=40, kills=8, also_guardian=False)
    check(engine, progress, facts, codes, rare=2)


def test_g1_g4_guardians_are_killed_too_and_nothing_is_started_twice(engine, tmp_path):
    progress, facts, codes = run_loop(engine, tmp_path, runs=30, kills=6, also_guardian=True)
    lost = {uid for uid, run in progress.items() if run.status is RunStatus.LOST}
    assert max(facts.values()) == 1
    assert all(progress[uid].tasks[0].exit_code == codes[uid] for uid in codes.keys() - lost)


@pytest.mark.slow
def test_g1_g4_a_thousand_kills(engine, tmp_path):
    progress, facts, codes = run_loop(engine, tmp_path, runs=4000, kills=1000, also_guardian=False)
    check(engine, progress, facts, codes, rare=20)
