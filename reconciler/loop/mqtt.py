"""Events from an MQTT broker: ``[events.mqtt]`` of reconciler.toml; needs ``pip install 'reconciler[mqtt]'``.

A message is acknowledged once its event is durable, and the session outlives the connection: what was published at
QoS 1 while nobody listened comes later, and what was not acknowledged comes again.  An event is taken once by its
source, the topic, and its id, which is the message's own where it has one.  A retained message tells of a state, not
of something that happens now: it is passed over.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from reconciler.model.errors import CouldNot, UsageError
from reconciler.model.event import MAX_BYTES, Event, check_event
from reconciler.model.instant import Clock, NewUid
from reconciler.model.secret import Secret
from reconciler.model.settings import MqttSettings
from reconciler.model.text import escape_text

AT_ONCE = 500
_MOST_WAITING = 2000
_LONGEST_PAUSE_SECONDS = 120
_KEEP_ALIVE_SECONDS = 30
_RESERVED = ("id", "type", "device")


class MqttInbox:
    """Listens from when it is made until it is closed; ``wake`` is called, in another thread, when something came.

    ``client_id`` names the session at the broker.  Raises CouldNot where the library is missing.
    """

    def __init__(
        self,
        settings: MqttSettings,
        *,
        password: Secret | None,
        client_id: str,
        clock: Clock,
        new_uid: NewUid,
        tell: Callable[[str], None],
        wake: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._new_uid = new_uid
        self._tell = tell
        self._wake = wake
        self._where = f"mqtt: {settings.host}:{settings.used_port}"
        self._is_closing = False
        self._lock = threading.Condition()
        self._waiting: deque[tuple[Event | None, int, int]] = deque()
        self._taken: list[tuple[Event | None, int, int]] = []
        self._client = self._make_client(client_id, password)
        # Returns at once; a broker that is not there is tried again, after 1 s at first and then ever more seldom.
        self._client.connect_async(settings.host, settings.used_port, keepalive=_KEEP_ALIVE_SECONDS)
        self._client.loop_start()

    def take(self) -> Sequence[Event]:
        with self._lock:
            while self._waiting and len(self._taken) < AT_ONCE:
                self._taken.append(self._waiting.popleft())
            self._lock.notify()
        events = [event for event, _, _ in self._taken if event is not None]
        if not events:
            self.done()  # at most what can never be an event
        return events

    def done(self) -> None:
        for _, message_id, quality in self._taken:
            self._client.ack(message_id, quality)
        self._taken.clear()

    def close(self) -> None:
        with self._lock:
            self._is_closing = True
            self._lock.notify()
        self._client.disconnect()
        self._client.loop_stop()

    def _make_client(self, client_id: str, password: Secret | None) -> Any:
        try:
            from paho.mqtt import client as paho  # noqa: PLC0415 - an extra, and serve alone needs it
            from paho.mqtt import enums  # noqa: PLC0415
        except ImportError:
            hint = "Install it: pip install 'reconciler[mqtt]'"
            raise CouldNot(f"{self._where}: the library for MQTT is not installed", hint=hint) from None
        client = paho.Client(
            enums.CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=False,
            protocol=paho.MQTTv311,
            manual_ack=True,
        )
        if self._settings.username:
            client.username_pw_set(self._settings.username, password.reveal() if password is not None else None)
        if self._settings.tls:
            try:
                client.tls_set(ca_certs=self._settings.ca_file or None)
            except OSError as error:
                reason = f"{self._where}: cannot read {self._settings.ca_file}: {error.strerror or error}"
                raise CouldNot(reason, hint="Check caFile in [events.mqtt].") from None
        client.reconnect_delay_set(min_delay=1, max_delay=_LONGEST_PAUSE_SECONDS)
        client.on_connect = self._connected
        client.on_connect_fail = lambda *_: self._tell(f"{self._where} does not answer; it is tried again")
        client.on_disconnect = self._disconnected
        client.on_message = self._came
        return client

    def _connected(self, client: Any, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._tell(f"{self._where} refuses: {escape_text(str(reason))}; it is tried again")
            return
        client.subscribe([(topic, 1) for topic in self._settings.topics])
        self._tell(f"{self._where}: listening to {', '.join(self._settings.topics)}")

    def _disconnected(self, _client: Any, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if not self._is_closing:
            self._tell(f"{self._where}: the connection is lost ({escape_text(str(reason))}); it is tried again")

    def _came(self, _client: Any, _userdata: Any, message: Any) -> None:
        event = None
        if not message.retain:
            try:
                event = event_of(message.topic, message.payload, now=self._clock(), new_uid=self._new_uid)
            except UsageError as error:
                self._tell(f"{self._where}: {escape_text(message.topic, limit=200)}: {error}; it is passed over")
        with self._lock:
            # Nobody takes them: then the broker has to keep the rest.
            self._lock.wait_for(lambda: len(self._waiting) < _MOST_WAITING or self._is_closing)
            self._waiting.append((event, message.mid, message.qos))
        self._wake()


def event_of(topic: str, payload: bytes, *, now: Any, new_uid: NewUid) -> Event:
    """Return the event that a message tells of. Raises UsageError where it cannot be one.

    Of a JSON object ``type``, ``id`` and ``device`` are the event's own, ``data`` is its data, or else all other
    fields are; the type of any other is the last level of its topic, and its data is ``{text: ...}``.
    """
    if len(payload) > MAX_BYTES:
        raise UsageError(f"a message of {len(payload):,} bytes, and {MAX_BYTES:,} are allowed")
    fields = _fields(payload)
    given = {name: value for name in _RESERVED if isinstance(value := fields.get(name), str) and value}
    data = fields.get("data")
    if not isinstance(data, dict):
        data = {name: value for name, value in fields.items() if name not in given}
    return check_event(
        Event(
            id=given.get("id") or new_uid(),
            type=given.get("type") or topic.rpartition("/")[2] or topic,
            source=f"mqtt:{topic}",
            at=now,
            device=given.get("device", ""),
            data=data,
        )
    )


def _fields(payload: bytes) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(payload) if payload else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        document = payload.decode("utf-8", "backslashreplace")
    return document if isinstance(document, dict) else {"text": document}
