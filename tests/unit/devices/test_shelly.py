import asyncio
import json

import pytest

from edge_agent.core.entity import Kind, Risk
from edge_agent.core.registry import Registry
from edge_agent.devices.shelly import Shelly
from edge_agent.mqtt.message import Lane, Message
from edge_agent.service.devices import Devices

STATUS = "shellyplus1-x/status/switch:0"


def listed(name="Hall"):
    return Shelly({"shellyplus1-x": name})


def announce(**device):
    return json.dumps({"id": "shelly1-1", "model": "SHSW-1", **device}).encode()


def test_the_first_report_makes_the_entity_and_says_its_state():
    devices = Devices(Registry(), [listed()], lambda: 0.0)
    message = Message(STATUS, b'{"id": 0, "output": true}', False, 0, Lane.DISCOVERY, 0.0)
    assert asyncio.run(devices.take([message]))
    assert devices.state.value("switch.shellyplus1_x_0", "power") == "on"


def test_a_later_report_changes_nothing_and_forgets_nothing():
    adapter = listed()
    adapter.discover(STATUS, b'{"output": false}')
    before = adapter.known()
    assert not adapter.discover(STATUS, b'{"output": true}')
    assert adapter.known() == before


def test_a_device_that_is_not_listed_is_not_known():
    adapter = listed()
    assert not adapter.discover("shellyplus1-y/status/switch:0", b'{"output": false}')
    assert adapter.command_topics == frozenset()


@pytest.mark.parametrize("payload", [b"on", b"[]", b"7", b"{", b"\xff"])
def test_a_damaged_status_is_a_problem(payload):
    changes = listed().discover(STATUS, payload)
    assert STATUS in changes.problems[0]
    assert not changes


@pytest.mark.parametrize("payload", [b"{}", b'{"id": "a/+", "model": "SHSW-1"}', b"[]", b"x"])
def test_a_damaged_announcement_is_a_problem(payload):
    changes = Shelly().discover("shellies/announce", payload)
    assert "shellies/announce" in changes.problems[0]


@pytest.mark.parametrize(
    ("device", "entities"),
    [
        ({}, ["switch.shelly1_1_0"]),
        ({"model": "SHSW-25", "mode": "relay"}, ["switch.shelly1_1_0", "switch.shelly1_1_1"]),
        ({"model": "SHSW-25", "mode": "roller"}, ["cover.shelly1_1_0"]),
        ({"model": "SHHT-1"}, []),
    ],
)
def test_an_announcement_says_what_the_device_moves(device, entities):
    changes = Shelly().discover("shellies/announce", announce(**device))
    assert [entity.id for entity in changes.upsert] == entities


def test_an_older_device_is_found_by_what_it_reports():
    changes = Shelly().discover("shellies/shelly1-1/relay/0", b"off")
    assert [entity.name for entity in changes.upsert] == ["shelly1-1"]


def test_its_own_commands_are_no_report():
    adapter = Shelly()
    for topic in ("shellies/shelly1-1/relay/0/command", "shellies/shelly1-1/roller/x"):
        assert not adapter.discover(topic, b"on")
    assert adapter.command_topics == frozenset()


def test_a_name_is_told_for_either_generation():
    adapter = Shelly({"shellies/shelly1-1": "Pump"})
    changes = adapter.discover("shellies/announce", announce())
    assert changes.upsert[0].name == "Pump"


def test_an_empty_report_removes_the_entity():
    adapter = listed()
    adapter.discover(STATUS, b'{"output": false}')
    assert adapter.discover(STATUS, b"").remove == ("switch.shellyplus1_x_0",)


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [("Garage door", Kind.SWITCH, "on"), ("Water valve", Kind.VALVE, "open")],
)
def test_what_opens_is_guarded(name, kind, value):
    entity = listed(name).discover(STATUS, b'{"output": false}').upsert[0]
    assert (entity.kind, entity.security) == (kind, True)
    assert entity.capabilities[0].risk_of(value) is Risk.SECURITY


def test_a_garage_on_a_cover_is_guarded():
    status = b'{"state": "closed", "pos_control": true, "current_pos": 0}'
    adapter = listed("Garage")
    (entity,) = adapter.discover("shellyplus1-x/status/cover:0", status).upsert
    assert entity.kind is Kind.GARAGE_DOOR
    assert entity.capability("position").risk_of(10) is Risk.SECURITY
