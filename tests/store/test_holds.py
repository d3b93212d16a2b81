from msgspec.structs import replace
from support.store import MIDNIGHT, MINUTE

from reconciler.model.inventory import Hold

HOLD = Hold(root_id="a", job_id="a", at=MIDNIGHT, until=None, reason="repair", held_by="anna")


def test_a_hold_is_kept_until_it_is_replaced(store):
    store.set_hold(HOLD)
    store.set_hold(replace(HOLD, until=MIDNIGHT + MINUTE, reason="longer"))
    assert store.holds() == {"a": replace(HOLD, until=MIDNIGHT + MINUTE, reason="longer")}


def test_a_hold_ends_once_and_stays_known(store):
    store.set_hold(HOLD)
    assert store.end_hold("a", at=MIDNIGHT + MINUTE)
    assert not store.end_hold("a", at=MIDNIGHT + 2 * MINUTE)
    assert not store.end_hold("b", at=MIDNIGHT)
    assert store.holds() == {"a": replace(HOLD, until=MIDNIGHT + MINUTE)}
