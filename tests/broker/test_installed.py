"""The broker that measurements take."""

import os
import shutil
import socket

import pytest
from paho.mqtt import publish, subscribe

from edge_agent.errors import MqttError
from edge_agent.sim import mosquitto
from edge_agent.sim.broker import HOST, EmbeddedBroker
from edge_agent.sim.mosquitto import InstalledBroker, a_broker


def test_the_installed_one_carries_messages_until_it_ends() -> None:
    with a_broker() as broker:
        assert isinstance(broker, InstalledBroker)
        port = int(broker.url.rpartition(":")[2])
        publish.single("a/b", "c", retain=True, hostname=HOST, port=port)
        assert subscribe.simple("a/b", hostname=HOST, port=port).payload == b"c"
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((HOST, port), timeout=1)


def test_without_one_it_is_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    monkeypatch.setattr(mosquitto, "_PLACES", ())
    assert isinstance(a_broker(), EmbeddedBroker)


def test_one_that_does_not_start_is_told() -> None:
    program = shutil.which("false")
    assert program is not None
    with pytest.raises(MqttError, match="does not listen"), InstalledBroker(program):
        pass
