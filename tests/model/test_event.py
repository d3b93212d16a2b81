"""What an event may hold, and how it tells itself from others."""

import pytest
from support.store import MIDNIGHT

from reconciler.model.errors import UsageError
from reconciler.model.event import MAX_BYTES, MAX_DEPTH, Event, check_event, read_event_data


def event_of(**fields):
    return Event(**({"id": "1", "type": "disk-full", "source": "command", "at": MIDNIGHT} | fields))


def nested(levels):
    data = {}
    for _ in range(levels - 1):
        data = {"in": data}
    return data


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        pytest.param({"type": ""}, "its name is empty", id="no-type"),
        pytest.param({"type": "a\nb"}, "its name is empty, or holds", id="two-lines"),
        pytest.param({"source": "\x1b[2J"}, "its source", id="escape"),
        pytest.param({"id": "\udc80"}, "its id", id="not-utf-8"),
        pytest.param({"id": "x" * 201}, "201 characters", id="long"),
        pytest.param({"device": " "}, "its device", id="blank"),
        pytest.param({"data": nested(MAX_DEPTH + 1)}, "nested deeper than 16", id="deep"),
        pytest.param({"data": {"a": "x" * MAX_BYTES}}, "65,544 bytes of JSON", id="large"),
        pytest.param({"data": {"a": "\udc80"}}, "cannot be written as JSON", id="data-not-utf-8"),
    ],
)
def test_an_event_beyond_the_limits_is_refused(fields, words):
    with pytest.raises(UsageError, match=words):
        check_event(event_of(**fields))


@pytest.mark.parametrize("data", [nested(MAX_DEPTH), {"a": [[1], {"b": None}]}, {}])
def test_an_event_within_the_limits_is_taken(data):
    assert check_event(event_of(data=data)).data == data


@pytest.mark.parametrize(
    "text",
    [b"", b"[1]", b"null", b'{"a": ', b'{"a": NaN}', b"\xff", b'{"a":' * 30000, b" " * (MAX_BYTES + 1)],
    ids=["empty", "list", "null", "cut", "nan", "not-utf-8", "deep", "large"],
)
def test_data_that_is_no_object_within_the_limits_is_refused(text):
    with pytest.raises(UsageError, match="event: its data"):
        read_event_data(text)


def test_events_of_different_sources_never_share_a_key():
    keys = {
        event_of(id=id_, source=source).trigger_key
        for id_ in ("1", "1@b", "1%40b")
        for source in ("command", "b", "b@b")
    }
    assert len(keys) == 9
    assert event_of().trigger_key == "event:1"
