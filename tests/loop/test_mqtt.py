"""Events from a real MQTT broker."""

import subprocess
import threading

import pytest
import trustme
from support import mqtt
from support.engine import until

from reconciler.loop.inbox import Mail
from reconciler.loop.mqtt import MqttInbox, event_of
from reconciler.model.errors import CouldNot, UsageError
from reconciler.model.instant import utc_now
from reconciler.model.secret import Secret
from reconciler.model.settings import EventSettings, MqttSettings
from reconciler.model.uids import new_uid


@pytest.fixture
def broker(tmp_path):
    with mqtt.broker(tmp_path) as made:
        yield made


@pytest.fixture
def mosquitto(tmp_path):
    with mqtt.broker(tmp_path, mqtt.mosquitto(tmp_path)) as made:
        yield made


@pytest.fixture
def listen():
    """Open an inbox at a broker; what it tells is in ``told``."""
    opened = []

    def opening(broker, *, password=None, until_told="listening", **fields):
        told, came = [], threading.Event()
        settings = MqttSettings(host="localhost", port=broker.port, topics=("alerts/#",), **fields)
        inbox = MqttInbox(
            settings,
            password=password,
            client_id="test",
            clock=utc_now,
            new_uid=new_uid,
            tell=told.append,
            wake=came.set,
        )
        opened.append(inbox)
        inbox.told, inbox.came = told, came
        until(lambda: any(until_told in words for words in told), what=until_told)
        return inbox

    yield opening
    for inbox in opened:
        inbox.close()


def take(inbox, number):
    """Return the next events, acknowledged."""
    events = []

    def took():
        events.extend(inbox.take())
        inbox.done()
        return len(events) >= number

    until(took, what=f"{number} events")
    return events


def test_a_message_becomes_an_event(broker, listen):
    inbox = listen(broker)
    broker.publish(("alerts/web-1/disk-full", {"id": "a1", "device": "web-1", "mount": "/var"}))
    (event,) = take(inbox, 1)
    assert (event.type, event.id, event.device) == ("disk-full", "a1", "web-1")
    assert (event.source, event.data) == ("mqtt:alerts/web-1/disk-full", {"mount": "/var"})


def test_a_broker_that_comes_back_is_found_again(broker, listen):
    inbox = listen(broker)
    broker.kill()
    until(lambda: any("connection is lost" in words for words in inbox.told))
    inbox.told.clear()
    broker.start()
    until(lambda: any("listening" in words for words in inbox.told))
    broker.publish(("alerts/x", {"id": "a1"}))
    assert [event.id for event in take(inbox, 1)] == ["a1"]


def test_a_storm_comes_whole_and_in_pieces(broker, listen):
    inbox = listen(broker)
    broker.publish(*((f"alerts/{number % 3}", {"id": str(number)}) for number in range(300)))
    assert {event.id for event in take(inbox, 300)} == set(map(str, range(300)))


def test_what_cannot_be_an_event_is_told_and_harms_nobody(broker, listen):
    inbox = listen(broker)
    broker.publish(("alerts/x", b"x" * 70_000), ("alerts/x", {"type": "bad\nname"}), ("alerts/x", {"id": "good"}))
    assert [event.id for event in take(inbox, 1)] == ["good"]
    assert sum("passed over" in words for words in inbox.told) == 2


def test_a_retained_message_is_no_event(broker, listen):
    broker.publish(("alerts/x", {"id": "old"}), retain=True)
    inbox = listen(broker)
    broker.publish(("alerts/x", {"id": "new"}))
    assert [event.id for event in take(inbox, 1)] == ["new"]


@pytest.mark.mosquitto
def test_what_was_not_kept_comes_again_after_a_restart(mosquitto, listen):
    first = listen(mosquitto)
    mosquitto.publish(("alerts/x", {"id": "a1"}))
    until(first.take, what="the event")
    first.close()
    again = listen(mosquitto)
    assert [event.id for event in take(again, 1)] == ["a1"]


@pytest.mark.mosquitto
def test_what_was_published_while_nobody_listened_comes_later(mosquitto, listen):
    listen(mosquitto).close()
    mosquitto.publish(("alerts/x", {"id": "a1"}), ("alerts/x", {"id": "a2"}))
    assert sorted(event.id for event in take(listen(mosquitto), 2)) == ["a1", "a2"]


@pytest.mark.mosquitto
def test_with_tls_and_a_password_it_listens_and_with_a_wrong_one_it_says_why(tmp_path, listen):
    authority = trustme.CA()
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    subprocess.run(["mosquitto_passwd", "-b", "-c", tmp_path / "passwords", "ops", "right-one"], check=True)
    lines = [f"certfile {tmp_path}/server.pem", f"keyfile {tmp_path}/server.pem", f"password_file {tmp_path}/passwords"]
    with mqtt.broker(tmp_path, mqtt.mosquitto(tmp_path, *lines)) as broker:
        who = {"tls": True, "ca_file": str(tmp_path / "ca.pem"), "username": "ops"}
        inbox = listen(broker, password=Secret("right-one"), **who)
        login = mqtt.Login("ops", "right-one", tmp_path / "ca.pem")
        broker.publish(("alerts/x", {"id": "a1"}), login=login)
        assert [event.id for event in take(inbox, 1)] == ["a1"]
        inbox.close()
        refused = listen(broker, password=Secret("wrong-one"), until_told="refuses: Not authorized", **who)
        assert not any("wrong-one" in words for words in refused.told)


@pytest.mark.parametrize(
    ("payload", "type_", "data"),
    [
        pytest.param(b'{"type": "t", "data": {"a": 1}, "b": 2}', "t", {"a": 1}, id="data"),
        pytest.param(b'{"a": 1}', "last", {"a": 1}, id="fields"),
        pytest.param(b"plain", "last", {"text": "plain"}, id="text"),
        pytest.param(b"[1, 2]", "last", {"text": [1, 2]}, id="list"),
        pytest.param(b"", "last", {}, id="empty"),
        pytest.param(b"\xff\x00", "last", {"text": "\\xff\x00"}, id="bytes"),
        pytest.param(b'{"id": 7, "type": null}', "last", {"id": 7, "type": None}, id="fields-of-another-kind"),
        pytest.param(b"[" * 5000, "last", {"text": "[" * 5000}, id="nested-without-end"),
    ],
)
def test_what_an_event_is_made_of(payload, type_, data):
    event = event_of("some/last", payload, now=utc_now(), new_uid=lambda: "new")
    assert (event.id, event.type, event.data) == ("new", type_, data)


def test_a_message_that_is_too_large_is_refused():
    with pytest.raises(UsageError, match="65,536 are allowed"):
        event_of("a", b"x" * 70_000, now=utc_now(), new_uid=new_uid)


class TestMail:
    class Inbox:
        def __init__(self):
            self.events, self.is_open = ["event"], True

        def take(self):
            return self.events

        def done(self):
            self.events = []

        def close(self):
            self.is_open = False

    HERE = EventSettings(mqtt=MqttSettings(host="here"))

    def test_an_event_that_could_not_be_kept_is_not_acknowledged(self):
        inbox = self.Inbox()
        mail = Mail(lambda settings: inbox)
        mail.follow(self.HERE)

        def fail(events):
            raise CouldNot("the disk is full")

        with pytest.raises(CouldNot):
            mail.deliver(fail)
        kept = []
        assert mail.deliver(kept.extend)
        assert (kept, mail.deliver(kept.extend)) == (["event"], False)

    def test_it_listens_anew_when_the_settings_change_and_only_then(self):
        opened = []
        mail = Mail(lambda settings: opened.append(self.Inbox()) or opened[-1])
        mail.follow(self.HERE)
        mail.follow(self.HERE)
        assert len(opened) == 1
        mail.follow(EventSettings(mqtt=MqttSettings(host="there")))
        assert [inbox.is_open for inbox in opened] == [False, True]
