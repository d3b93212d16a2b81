"""What a run is told of its event: tokens and one variable."""

import json
from datetime import UTC, datetime

import pytest

from reconciler.model.errors import TargetRefused
from reconciler.targets.local.event_values import event_json, event_text

EVENT = {
    "id": "e1",
    "type": "disk-full",
    "source": "monitor",
    "device": "web01",
    "at": datetime(2026, 3, 1, tzinfo=UTC),
    "data": {"free": 3, "id": "own", "ok": True, "disk": {"name": "/var"}, "list": [1, "a"], "nul": "a\0b"},
    "depth": 1,
}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("id", "e1"),
        ("data.id", "own"),
        ("at", "2026-03-01T00:00:00.000Z"),
        ("free", "3"),
        ("ok", "true"),
        ("disk.name", "/var"),
        ("disk", '{"name":"/var"}'),
        ("list", '[1,"a"]'),
        ("missing", ""),
        ("disk.name.deeper", ""),
        ("depth", ""),
    ],
)
def test_a_token_stands_for_a_field_or_for_data(name, expected):
    assert event_text(EVENT, name) == expected


def test_without_an_event_a_token_is_empty():
    assert event_text({}, "free") == ""


def test_what_no_argument_can_hold_is_refused():
    with pytest.raises(TargetRefused, match="nul holds a NUL"):
        event_text(EVENT, "nul")


def test_the_variable_holds_the_whole_event():
    told = json.loads(event_json(EVENT))
    assert set(told) == {"id", "type", "source", "device", "at", "data"}
    assert told["data"] == EVENT["data"]
