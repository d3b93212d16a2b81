"""How long the starts of a job take, under a limit that all jobs of its target share."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from support.values import make_job

from reconciler.model.forms import OneOff
from reconciler.model.job import Devices, Rollout
from reconciler.model.pace import Pace
from reconciler.planning.fan_out import judge_fan_out, last_start_seconds, mark_fan_out
from reconciler.planning.judgement_values import Company, Known, Matched, Starts
from reconciler.planning.renderings.words import fan_out_words, length_words, write

PACE = Pace(100)
EVERYWHERE = Devices(all=True)
JOB = make_job("clean", devices=EVERYWHERE)
AT_TWO = Starts(words="daily", next_at=(datetime(2026, 3, 1, 2, tzinfo=UTC), datetime(2026, 3, 2, 2, tzinfo=UTC)))


@pytest.mark.parametrize(
    ("number", "fields", "seconds"),
    [
        pytest.param(0, {}, 0, id="none"),
        pytest.param(100, {}, 0, id="all-at-once"),
        pytest.param(101, {}, 60, id="one-too-many"),
        pytest.param(500, {}, 240, id="five-hundred"),
        pytest.param(500, {"batch": 50, "pause_seconds": 60}, 540, id="ten-small-batches-with-pauses"),
        pytest.param(500, {"batch": 250, "pause_seconds": 10}, 250, id="the-limit-holds-across-batches"),
        pytest.param(500, {"batch": 250, "pause_seconds": 90}, 330, id="a-long-pause-gives-the-limit-back"),
        pytest.param(100, {"ahead": 100}, 60, id="others-first"),
        pytest.param(1, {"ahead": 99}, 0, id="room-beside-others"),
    ],
)
def test_the_last_start_comes_after(number, fields, seconds):
    assert last_start_seconds(number, PACE, **fields) == seconds


def known(count, *others, shown=None, **fields):
    jobs = {job.id: job for job, _ in others}
    counts = {job.id: Matched(count=number) for job, number in others if number is not None}
    company = Company(count=shown or len(others), names=tuple(jobs), others=tuple(jobs))
    return Known(
        paces={"acme": PACE},
        match=lambda _target, job: counts.get(job.id, Matched(count=count) if job.id == "clean" else None),
        job_of=jobs.get,
        company=lambda _target, _id, _at: company,
        **fields,
    )


def words(job, known_, starts=AT_TWO):
    found = judge_fan_out("acme", job, starts, known_)
    return write(fan_out_words(found), str) if found is not None else None


def test_a_fan_out_says_how_long_it_takes_at_which_limit():
    assert words(JOB, known(500)) == "500 devices: about 4 min at 100 starts a minute"


def test_batches_and_their_pauses_are_told():
    job = replace(JOB, rollout=Rollout(batch_percent=10, pause_seconds=60))
    assert words(job, known(500)) == (
        "500 devices: about 9 min at 100 starts a minute, "
        "in 10 batches with 1 min between, beside the time of their runs"
    )


def test_jobs_of_the_same_instant_share_the_limit_equals_in_turn():
    other = make_job("other")
    assert words(JOB, known(100, (other, 300))) == (
        "100 devices: about 1 min at 100 starts a minute; 300 starts at the same time of other"
    )
    first = replace(other, priority=9)
    assert "about 3 min at" in words(JOB, known(100, (first, 300)))
    assert words(JOB, known(100, (replace(other, priority=1), 300))) is None


def test_jobs_of_which_nobody_knows_the_devices_are_told_as_that():
    other = make_job("other")
    assert words(JOB, known(500, (other, None))).endswith("a minute; later by what 1 more job starts then")
    assert words(JOB, known(500, (other, 7), shown=40)).endswith(" of other; later by what 39 more jobs start then")


@pytest.mark.parametrize(
    ("job", "known_"),
    [
        pytest.param(JOB, replace(known(500), paces={}), id="no-limit"),
        pytest.param(JOB, known(100), id="all-at-once"),
        pytest.param(JOB, known(0), id="nowhere"),
        pytest.param(replace(JOB, enabled=False), known(500), id="disabled"),
        pytest.param(replace(JOB, devices=Devices(all=True, max=400)), known(500), id="none-would-start"),
        pytest.param(make_job("unknown"), known(500), id="nobody-looked"),
    ],
)
def test_nothing_is_said_of(job, known_):
    assert words(job, known_) is None


def test_a_one_off_is_judged_on_its_own_devices():
    from reconciler.planning.judgement_values import run_by

    job = run_by(OneOff(id="once", job="clean", devices=Devices(sites=("Acme",))), {"clean": JOB}.get)
    assert job.devices == Devices(sites=("Acme",))
    assert run_by(OneOff(id="once", job="clean"), {"clean": JOB}.get).devices == EVERYWHERE
    assert run_by(OneOff(id="once", job="gone"), {}.get) is None


@pytest.mark.parametrize(
    ("job", "starts", "said"),
    [
        pytest.param(JOB, AT_TWO, [], id="in-time"),
        pytest.param(
            replace(JOB, expire_after_minutes=3),
            AT_TWO,
            ["cannot be started on all its devices before expireAfterMinutes; those that are left then expire"],
            id="expires",
        ),
        pytest.param(
            JOB,
            replace(AT_TWO, next_at=(AT_TWO.next_at[0], AT_TWO.next_at[0].replace(minute=3))),
            ["still starts on devices when its next start is due"],
            id="too-often",
        ),
        pytest.param(
            replace(JOB, expire_after_minutes=3, rollout=Rollout(batch_percent=20)), AT_TWO, [], id="batches-wait-anew"
        ),
    ],
)
def test_a_fan_out_that_does_not_fit_is_marked(job, starts, said):
    found = judge_fan_out("acme", job, starts, known(500))
    assert [mark.text for mark in mark_fan_out(found, job, starts)] == said


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (45, "45 s"), (240, "4 min"), (250.4, "4 min 10 s"), (7505, "2 h 5 min"), (3600, "1 h")],
)
def test_lengths_read_as_people_say_them(seconds, text):
    assert length_words(seconds) == text
