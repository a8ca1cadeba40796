"""Discovery as the projects document it: every message parses, every command is byte-equal."""

import json
from pathlib import Path

import pytest

from edge_agent.core.command import Command
from edge_agent.core.registry import Registry
from edge_agent.core.state import Availability
from edge_agent.devices.homeassistant import HomeAssistant
from edge_agent.devices.shelly import Shelly
from edge_agent.devices.tasmota import Tasmota
from edge_agent.devices.zigbee2mqtt import Zigbee2Mqtt

ADAPTERS = {
    "homeassistant": HomeAssistant,
    "shelly": Shelly,
    "tasmota": Tasmota,
    "zigbee2mqtt": Zigbee2Mqtt,
}
GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))


def payload(value):
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


@pytest.fixture(params=GOLDEN, ids=lambda path: path.stem)
def capture(request):
    return json.loads(request.param.read_text())


@pytest.fixture
def adapter(capture):
    found = ADAPTERS[capture.get("adapter", "homeassistant")](**capture.get("options", {}))
    registry = Registry()
    for message in capture["messages"]:
        changes = found.discover(message["topic"], payload(message["payload"]))
        registry = registry.apply(changes)
        assert all("code" in problem for problem in changes.problems), changes.problems
    found.registry = registry
    return found


def test_every_entity_is_found_with_its_spoken_name(adapter, capture):
    found = {e.id: [e.name, e.kind.value] for e in adapter.registry.entities.values()}
    assert found == capture["entities"]


def test_every_state_is_read(adapter, capture):
    for topic, body, expected in capture["states"]:
        assert topic in adapter.state_topics
        said = {}
        for change in adapter.observe(topic, payload(body)):
            if isinstance(change, Availability):
                said[change.entity, "available"] = change.available
            else:
                said[change.entity, change.attribute] = change.value
        for entity, attribute, value in expected:
            assert said.get((entity, attribute), "nothing said") == value, (topic, attribute)
        assert expected or not said


def test_every_command_is_byte_equal(adapter, capture):
    for entity, attribute, value, expected in capture["commands"]:
        messages = adapter.messages(Command(entity, attribute, value))
        assert [[m.topic, m.payload.decode()] for m in messages] == expected, (entity, attribute)
        assert {m.topic for m in messages} <= adapter.command_topics


def test_every_command_is_confirmed_by_what_it_set(adapter, capture):
    """A device that echoes its command in its own state format confirms it."""
    for entity, attribute, value, _ in capture["commands"]:
        capability = adapter.registry.entities[entity].capability(attribute)
        assert value in capability.domain
        assert capability.matches(value, value)
