import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable
from random import Random

import pytest

from edge_agent.mqtt.client import ConnectionEvent, MqttClient
from edge_agent.mqtt.inbox import Inbox
from edge_agent.mqtt.message import Lane, Message
from edge_agent.mqtt.settings import BrokerSettings


def wait_for(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until a condition holds; fails the test when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


class Agent:
    """An MqttClient with its inbox, and what it was told."""

    def __init__(self, url: str, client_id: str, **settings) -> None:
        settings = {"backoff_min": 0.05, "backoff_max": 0.2, **settings}
        self.events: list[ConnectionEvent] = []
        self.inbox = Inbox()
        self.status = f"status/{client_id}"
        self.client = MqttClient(
            BrokerSettings(client_id=client_id, url=url, **settings),
            inbox=self.inbox,
            will=(self.status, "offline"),
            birth=(self.status, "online"),
            on_change=self.events.append,
            clock=time.monotonic,
            random=Random(7),
        )

    def start(self, *, connect: bool = True):
        self.client.start()
        if connect:
            wait_for(lambda: self.client.connected)
        return self

    def take(self, *lanes: Lane, seconds: float = 10.0) -> Message:
        """Return the next message; fails the test when none comes."""
        return asyncio.run(asyncio.wait_for(self.inbox.get(*lanes), seconds))

    def wait_for_problem(self, words: str) -> None:
        wait_for(lambda: any(words in problem for problem in self.client.problems))

    def waiting(self) -> int:
        return sum(self.inbox.stats().depth.values())


@pytest.fixture
def agent():
    """Return a function that makes an Agent, which is stopped with the test."""
    agents: list[Agent] = []

    def make(url: str, client_id: str = "agent", **settings) -> Agent:
        agents.append(Agent(url, client_id, **settings))
        return agents[-1]

    yield make
    for one in agents:
        one.client.stop()


@pytest.fixture
def until():
    return wait_for


class FakeBroker:
    """A broker that answers as it is told; for what mosquitto cannot be made to do.

    `connack` gets the protocol level of a CONNECT and returns the packet to answer with, b"" to
    close the connection, or None to say nothing. `suback` is the reason code for every filter.
    """

    def __init__(self, connack: Callable[[int], bytes | None], suback: int = 0) -> None:
        self.levels: list[int] = []
        self._connack = connack
        self._suback = suback
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"mqtt://127.0.0.1:{self._server.getsockname()[1]}"
        self._sessions: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for session in self._sessions:
            with contextlib.suppress(OSError):
                session.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)

    def send(self, packet: bytes) -> None:
        """Send raw bytes to the newest session."""
        self._sessions[-1].sendall(packet)

    def _accept(self) -> None:
        while True:
            try:
                session, _ = self._server.accept()
            except OSError:
                return
            self._sessions.append(session)
            with session, contextlib.suppress(OSError, EOFError):
                self._serve(session)

    def _serve(self, session: socket.socket) -> None:
        level = 0
        while True:
            kind, body = _read_packet(session)
            if kind == 0x10:
                level = body[6]
                self.levels.append(level)
                answer = self._connack(level)
                if answer == b"":
                    return
                session.sendall(answer or b"")
            elif kind == 0x80:
                properties = b"\x00" if level == 5 else b""
                filters = _count_filters(body[2 + len(properties) :])
                codes = bytes([self._suback]) * filters
                answer = body[:2] + properties + codes
                session.sendall(bytes([0x90, len(answer)]) + answer)


def _read_packet(session: socket.socket) -> tuple[int, bytes]:
    def read(count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = session.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    kind, length, shift = read(1)[0], 0, 0
    while True:
        byte = read(1)[0]
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return kind & 0xF0, read(length)


def _count_filters(body: bytes) -> int:
    count = 0
    while body:
        body = body[2 + int.from_bytes(body[:2], "big") + 1 :]
        count += 1
    return count


@pytest.fixture
def fake_broker():
    """Return a function that starts a FakeBroker, which ends with the test."""
    brokers: list[FakeBroker] = []

    def start(connack: Callable[[int], bytes | None], suback: int = 0) -> FakeBroker:
        brokers.append(FakeBroker(connack, suback))
        return brokers[-1]

    yield start
    for broker in brokers:
        broker.close()
