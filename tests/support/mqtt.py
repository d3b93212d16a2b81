"""Real MQTT brokers, each in a process of its own: it can be killed and started again at the same port.

One comes from PyPI, so it is there wherever tests are; Mosquitto keeps sessions, knows TLS and passwords.
"""

import getpass
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from paho.mqtt import client as paho
from support.engine import until

BROKER = """
import asyncio, json, logging, sys, warnings
warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
from amqtt.broker import Broker
async def serve():
    broker = Broker(json.loads(sys.argv[1]))
    await broker.start()
    await asyncio.Event().wait()
asyncio.run(serve())
"""
ANYBODY = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}


class Login(NamedTuple):
    username: str
    password: str
    ca_file: Path


class Broker:
    def __init__(self, folder: Path, make_command: Callable[[int], Sequence[str]]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self._command = make_command(self.port)
        self._log = folder / "broker.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        until(self._answers, what="the broker")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def publish(self, *messages: tuple[str, Any], retain: bool = False, login: Login | None = None) -> None:
        """Send messages at QoS 1 and return when the broker has them."""
        client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        if login is not None:
            client.username_pw_set(login.username, login.password)
            client.tls_set(ca_certs=str(login.ca_file))
        client.connect("localhost", self.port)
        client.loop_start()
        for topic, payload in messages:
            data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
            client.publish(topic, data, qos=1, retain=retain).wait_for_publish(30)
        client.disconnect()
        client.loop_stop()


def small_broker(port: int) -> Sequence[str]:
    listener = {"type": "tcp", "bind": f"127.0.0.1:{port}"}
    config = {"listeners": {"default": listener}, "plugins": ANYBODY}
    return [sys.executable, "-c", BROKER, json.dumps(config)]


def mosquitto(folder: Path, *lines: str) -> Callable[[int], Sequence[str]]:
    """``lines`` are of its configuration; without any it lets anybody in."""

    def make(port: int) -> Sequence[str]:
        path = folder / "mosquitto.conf"
        # Started by root it would become its own user, who may not read what belongs to the test.
        head = [f"listener {port} 127.0.0.1", f"user {getpass.getuser()}"]
        path.write_text("\n".join([*head, *(lines or ("allow_anonymous true",))]) + "\n")
        return [find_mosquitto() or "mosquitto", "-c", str(path)]

    return make


def find_mosquitto() -> str | None:
    return shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")


@contextmanager
def broker(folder: Path, make_command: Callable[[int], Sequence[str]] = small_broker) -> Iterator[Broker]:
    made = Broker(folder, make_command)
    try:
        yield made
    finally:
        made.kill()
