from datetime import timedelta

import pytest
from support.store import MIDNIGHT, MINUTE, add_run, finished, occurrence_of, schedule_of

from reconciler.model.run import RunStatus
from reconciler.store.errors import LeaseLost
from reconciler.store.records import Lease

LATER = MIDNIGHT + 2 * MINUTE


def take(store, owner, now=MIDNIGHT):
    return store.acquire_lease("loop", owner=owner, now=now, until=now + MINUTE)


def test_a_lease_is_held_until_its_time_is_over(store):
    lease = take(store, "me")
    assert lease == Lease(name="loop", owner="me", token=1, acquired_at=MIDNIGHT, until=MIDNIGHT + MINUTE)
    assert take(store, "you") is None
    assert store.lease("loop") == lease
    assert take(store, "you", MIDNIGHT + MINUTE - timedelta(milliseconds=1)) is None
    assert take(store, "you", MIDNIGHT + MINUTE).token == 2


def test_the_holder_prolongs_its_lease_under_the_same_token(store):
    take(store, "me")
    again = take(store, "me", MIDNIGHT + MINUTE / 2)
    assert (again.token, again.acquired_at, again.until) == (1, MIDNIGHT, MIDNIGHT + 1.5 * MINUTE)


def test_a_holder_that_comes_too_late_gets_a_new_token(store):
    take(store, "me")
    assert take(store, "me", LATER).token == 2


def test_s10_a_lease_from_a_clock_that_was_ahead_is_not_waited_for(store):
    take(store, "ahead", MIDNIGHT + timedelta(days=3650))
    assert take(store, "me").token == 2
    take(store, "a-bit-ahead", MIDNIGHT + 2 * MINUTE)
    assert take(store, "me") is None


def test_a_released_lease_is_free_and_its_token_never_falls(store):
    store.release_lease(take(store, "me"))
    assert store.lease("loop") is None
    assert take(store, "you").token == 2


def test_a_lease_that_was_taken_over_cannot_be_released_by_the_earlier_holder(store):
    mine = take(store, "me")
    yours = take(store, "you", LATER)
    store.release_lease(mine)
    assert store.lease("loop") == yours


def test_leases_of_other_names_are_free(store):
    take(store, "me")
    assert store.acquire_lease("apply", owner="you", now=MIDNIGHT, until=LATER) is not None
    assert store.lease("other") is None


def test_p15_a_thawed_holder_writes_nothing_once_another_has_the_lease(store):
    run = add_run(store, "a", 1)
    store.act_under(take(store, "me"))
    take(store, "you", LATER)
    for effect in (
        lambda: store.claim_runs("local", owner="me", now=LATER, limit=1),
        lambda: store.settle([], [occurrence_of("b", 3)], []),
        lambda: store.save_schedules([schedule_of("a", MIDNIGHT)]),
        lambda: store.finish_runs([finished(run)]),
        lambda: store.begin_pass(commit="c", tree_digest="t", now=LATER),
    ):
        with pytest.raises(LeaseLost, match="the lease 'loop' of me is over; it is now held by you"):
            effect()
    assert store.run(run.uid).status is RunStatus.CREATED
    assert (len(store.occurrences(limit=9)), store.schedules(), store.passes(9)) == (1, [], [])


def test_a_holder_acts_also_after_its_time_as_long_as_nobody_took_over(store):
    store.act_under(take(store, "me"))
    run = add_run(store, "a", 1)
    assert store.finish_runs([finished(run)]) == {run.uid}


def test_a_released_lease_lets_nothing_through_until_the_rule_is_lifted(store):
    lease = take(store, "me")
    store.act_under(lease)
    store.release_lease(lease)
    with pytest.raises(LeaseLost, match="held by nobody"):
        add_run(store, "a", 1)
    store.act_under(None)
    add_run(store, "a", 1)
