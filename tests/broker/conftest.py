import asyncio
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
