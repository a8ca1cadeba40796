import asyncio
import json

import pytest

from edge_agent.core.command import Command
from edge_agent.core.entity import Kind, Risk
from edge_agent.core.registry import Registry
from edge_agent.core.state import Availability
from edge_agent.devices.homeassistant import HomeAssistant
from edge_agent.devices.zigbee2mqtt import Zigbee2Mqtt
from edge_agent.errors import PlanError
from edge_agent.mqtt.message import Lane, Message
from edge_agent.service.devices import Devices

LIST = "zigbee2mqtt/bridge/devices"
IEEE = "0x00158d0000000001"
STATE = {"type": "binary", "name": "state", "property": "state", "access": 7} | {
    "value_on": "ON",
    "value_off": "OFF",
}
SWITCH = {"type": "switch", "features": [STATE]}
TWIN = {
    "device": {"identifiers": [f"zigbee2mqtt_{IEEE}"], "name": "Lamp"},
    "name": None,
    "default_entity_id": "switch.lamp",
    "unique_id": f"{IEEE}_switch_zigbee2mqtt",
    "command_topic": "zigbee2mqtt/Lamp/set",
    "state_topic": "zigbee2mqtt/Lamp",
    "value_template": "{{ value_json.state }}",
}


def device(*exposes, name="Lamp", ieee=IEEE, **others):
    definition = {"description": others.pop("description", ""), "exposes": list(exposes)}
    return {"ieee_address": ieee, "friendly_name": name, "definition": definition, **others}


def body(*devices):
    return json.dumps(devices).encode()


def found(*exposes, **others):
    adapter = Zigbee2Mqtt()
    changes = adapter.discover(LIST, body(device(*exposes, **others)))
    return adapter, changes


def only(*exposes, **others):
    adapter, changes = found(*exposes, **others)
    assert len(changes.upsert) == 1, changes
    return adapter, changes.upsert[0]


def test_a_device_that_is_no_longer_listed_is_gone():
    adapter, _ = found(SWITCH)
    assert adapter.discover(LIST, b"[]").remove == ("switch.lamp",)
    assert adapter.state_topics == adapter.command_topics == frozenset()
    assert "switch.lamp" not in {entity.id for entity in adapter.known().upsert}


def test_a_renamed_device_is_commanded_under_its_new_name():
    adapter, _ = found(SWITCH)
    changes = adapter.discover(LIST, body(device(SWITCH, name="Kitchen/Pump")))
    assert changes.remove == ("switch.lamp",)
    assert changes.upsert[0].name == "Kitchen Pump"
    assert adapter.command_topics == {"zigbee2mqtt/Kitchen/Pump/set"}


def test_two_devices_may_change_names():
    adapter = Zigbee2Mqtt()
    adapter.discover(LIST, body(device(SWITCH, name="A"), device(SWITCH, name="B", ieee="0x2")))
    adapter.discover(LIST, body(device(SWITCH, name="B"), device(SWITCH, name="A", ieee="0x2")))
    assert {e.id: e.device for e in adapter.known().upsert} == {
        "switch.a": "zigbee2mqtt_0x2",
        "switch.b": f"zigbee2mqtt_{IEEE}",
    }


def test_the_same_list_again_changes_nothing_and_forgets_nothing():
    adapter, _ = found(SWITCH)
    adapter.observe("zigbee2mqtt/bridge/state", b'{"state": "offline"}')
    assert not adapter.discover(LIST, body(device(SWITCH)))
    said = adapter.observe("zigbee2mqtt/Lamp/availability", b'{"state": "online"}')
    assert said == (Availability("switch.lamp", available=False),)


@pytest.mark.parametrize("payload", [b"{", b'"x"', b"7", b"\xff", b"[" * 40, b" " * 2_000_000])
def test_a_damaged_list_is_a_problem_and_keeps_what_was_there(payload):
    adapter, _ = found(SWITCH)
    changes = adapter.discover(LIST, payload)
    assert LIST in changes.problems[0]
    assert not changes
    assert "switch.lamp" in {entity.id for entity in adapter.known().upsert}


def test_a_damaged_device_costs_no_other():
    adapter = Zigbee2Mqtt()
    bad = {"type": "light", "features": [{**STATE, "access": 7}], "endpoint": ["l1"]}
    many = [{"type": "text", "name": f"t{n}", "property": f"t{n}"} for n in range(300)]
    changes = adapter.discover(
        LIST,
        body(
            {"ieee_address": 7},
            "x",
            device(*many, name="Many", ieee="0x3"),
            device(bad, name="Bad", ieee="0x4"),
            device(SWITCH),
        ),
    )
    assert "Many" in changes.problems[0]
    assert "switch.lamp" in {entity.id for entity in adapter.known().upsert}


def test_the_second_device_of_one_name_is_refused():
    adapter = Zigbee2Mqtt()
    changes = adapter.discover(LIST, body(device(SWITCH), device(SWITCH, ieee="0x2")))
    assert [e.device for e in changes.upsert] == [f"zigbee2mqtt_{IEEE}"]
    assert changes.problems == ("zigbee2mqtt/Lamp: another device has the same name",)


@pytest.mark.parametrize("name", ["bridge/request/permit_join", "a/+/b", "#", "x" * 600, "a\nb"])
def test_no_device_is_commanded_on_the_bridge_or_on_a_wildcard(name):
    adapter, changes = found(SWITCH, name=name)
    assert adapter.command_topics == frozenset()
    assert changes.problems


@pytest.mark.parametrize(
    ("access", "readable", "settable"), [(1, True, False), (2, False, True), (7, True, True)]
)
def test_access_says_what_can_be_read_and_set(access, readable, settable):
    enum = {"type": "enum", "name": "mode", "property": "mode", "values": ["a", "b"]}
    _, entity = only({**enum, "access": access})
    assert entity.kind is (Kind.SELECT if settable else Kind.SENSOR)
    assert [(c.readable, c.settable) for c in entity.capabilities] == [(readable, settable)]


def test_what_a_device_has_besides_itself_is_reached_by_its_full_name_only():
    lock = {"type": "binary", "name": "child_lock", "property": "child_lock", "access": 7}
    power = {"type": "numeric", "name": "power", "property": "power", "access": 1}
    _, changes = found(SWITCH, lock, power)
    assert {e.id: e.diagnostic for e in changes.upsert} == {
        "switch.lamp": False,
        "switch.lamp_child_lock": True,
        "sensor.lamp_power": False,
    }
    _, alone = only(lock)
    assert not alone.diagnostic


def test_ranges_are_the_device_s_own():
    numeric = {"type": "numeric", "name": "timeout", "property": "timeout", "access": 7}
    _, entity = only({**numeric, "value_min": 5, "value_max": 90, "unit": "s"})
    assert entity.capabilities[0].domain.describe() == "5 to 90 seconds"


def test_a_number_without_a_range_can_only_be_read():
    numeric = {"type": "numeric", "name": "timeout", "property": "timeout", "access": 7}
    _, entity = only(numeric)
    assert not entity.capabilities[0].settable


@pytest.mark.parametrize(
    ("name", "description", "kind", "guarded"),
    [
        ("Main valve", "", Kind.VALVE, True),
        ("Under the sink", "Gas valve", Kind.VALVE, True),
        ("Bath", "Thermostatic radiator valve", Kind.SWITCH, False),
        ("Garage door", "Relay", Kind.SWITCH, True),
        ("Lamp", "Relay", Kind.SWITCH, False),
    ],
)
def test_a_relay_that_lets_something_out_or_in_is_guarded(name, description, kind, guarded):
    _, entity = only(SWITCH, name=name, description=description)
    assert (entity.kind, entity.security) == (kind, guarded)
    value = "open" if kind is Kind.VALVE else "on"
    assert (entity.capabilities[0].risk_of(value) is Risk.SECURITY) is guarded


@pytest.mark.parametrize("listed_first", [True, False])
def test_a_group_can_do_what_all_of_its_members_can(listed_first):
    brightness = {"type": "numeric", "name": "brightness", "property": "brightness", "access": 7}
    dimmable = {"type": "light", "features": [STATE, {**brightness, "value_max": 254}]}
    plain = {"type": "light", "features": [STATE]}
    group = {"id": 3, "friendly_name": "All", "members": [{"ieee_address": IEEE}]}
    group["members"].append({"ieee_address": "0x2"})
    devices = body(device(dimmable, name="A"), device(plain, name="B", ieee="0x2"))
    messages = [(LIST, devices), ("zigbee2mqtt/bridge/groups", body(group))]
    adapter = Zigbee2Mqtt()
    for message in messages if listed_first else reversed(messages):
        adapter.discover(*message)
    entities = {entity.id: entity for entity in adapter.known().upsert}
    assert [c.attribute for c in entities["light.all"].capabilities] == ["power"]
    assert len(entities["light.a"].capabilities) == 2


def heard(topic, payload, lane=Lane.DISCOVERY):
    return Message(topic, payload, True, 1, lane, 0.0)


TOLD = [
    heard(LIST, body(device(SWITCH))),
    heard("homeassistant/switch/twin/config", json.dumps(TWIN).encode()),
]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("together", [True, False])
def test_a_device_that_comes_both_ways_is_there_once(order, together):
    bridge, discovery = Zigbee2Mqtt(), HomeAssistant()
    devices = Devices(Registry(), [bridge, discovery], lambda: 0.0)
    messages = [TOLD[index] for index in order]
    for batch in [messages] if together else [[message] for message in messages]:
        asyncio.run(devices.take(batch))
    assert list(devices.registry.entities) == ["switch.lamp"]
    command = Command("switch.lamp", "power", "on")
    assert devices.messages(command) == bridge.messages(command)
    asyncio.run(devices.take([heard(LIST, b"[]")]))
    assert devices.messages(command) == discovery.messages(command)
    asyncio.run(devices.take([heard("homeassistant/switch/twin/config", b"")]))
    assert not devices.registry.entities
    with pytest.raises(PlanError):
        devices.messages(command)


def test_another_device_with_the_same_id_is_a_problem_and_no_mixture():
    other = {**TWIN, "device": {"identifiers": "esp", "name": "Lamp"}, "unique_id": "esp"}
    other |= {"state_topic": "esp", "value_template": "{{ value }}"}
    devices = Devices(Registry(), [Zigbee2Mqtt(), HomeAssistant()], lambda: 0.0)
    payload = json.dumps(other).encode()
    asyncio.run(devices.take([TOLD[0], heard("homeassistant/switch/esp/config", payload)]))
    assert devices.problems == ["switch.lamp of homeassistant is left out: zigbee2mqtt has that id"]
    asyncio.run(devices.take([heard("esp", b"ON", Lane.STATE)]))
    assert devices.state.get("switch.lamp", "power") is None
    asyncio.run(devices.take([heard("zigbee2mqtt/Lamp", b'{"state": "ON"}', Lane.STATE)]))
    assert devices.state.value("switch.lamp", "power") == "on"
