"""Discovery is checked here by rules of its own, not by the agent's translators."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.errors import DeviceError
from edge_agent.sim.crowd import many
from edge_agent.sim.device import Device
from edge_agent.sim.home import home_from, load_home

TOPIC = re.compile(r"homeassistant/(\w+)/(?:[a-zA-Z0-9_-]+/)?([a-zA-Z0-9_-]+)/config")
LONG = {
    "avty_t": "availability_topic",
    "cmd_t": "command_topic",
    "cmps": "components",
    "dev": "device",
    "ids": "identifiers",
    "o": "origin",
    "p": "platform",
    "sa": "suggested_area",
    "stat_t": "state_topic",
    "uniq_id": "unique_id",
    "bri_cmd_t": "brightness_command_topic",
    "mode_cmd_t": "mode_command_topic",
    "temp_cmd_t": "temperature_command_topic",
    "hum_cmd_t": "target_humidity_command_topic",
    "fx_list": "effect_list",
}
REQUIRED = {
    "binary_sensor": {"state_topic"},
    "button": {"command_topic"},
    "climate": {"mode_command_topic", "temperature_command_topic"},
    "cover": {"command_topic"},
    "device_tracker": {"state_topic"},
    "fan": {"command_topic"},
    "humidifier": {"command_topic", "target_humidity_command_topic"},
    "lawn_mower": {"activity_state_topic", "start_mowing_command_topic", "dock_command_topic"},
    "light": {"command_topic"},
    "lock": {"command_topic"},
    "media_player": {"command_topic", "state_topic"},
    "number": {"command_topic", "min", "max"},
    "scene": {"command_topic", "payload_on"},
    "select": {"command_topic", "options"},
    "sensor": {"state_topic"},
    "siren": {"command_topic"},
    "switch": {"command_topic"},
    "text": {"command_topic"},
    "vacuum": {"command_topic", "state_topic"},
    "valve": {"command_topic"},
    "water_heater": {"mode_command_topic", "temperature_command_topic"},
}

COMMANDS = {
    # id: (topic, payload, attribute, value) - one for every component and every dialect
    "living_room_ceiling": (
        "zigbee2mqtt/living_room_ceiling/set",
        '{"brightness":254}',
        "brightness",
        254,
    ),
    "floor_lamp": (
        "zigbee2mqtt/floor_lamp/set",
        '{"color":{"h":240,"s":100}}',
        "color",
        {"h": 240, "s": 100},
    ),
    "tv_backlight": (
        "tv-backlight/light/strip/command",
        '{"effect":"Rainbow"}',
        "effect",
        "Rainbow",
    ),
    "living_room_curtains": (
        "zigbee2mqtt/living_room_curtains/set",
        '{"position": 30 }',
        "position",
        30,
    ),
    "living_room_thermostat": (
        "zigbee2mqtt/living_room_thermostat/set/system_mode",
        "off",
        "running",
        "idle",
    ),
    "tv_plug": ("cmnd/tv/POWER", "ON", "power", "ON"),
    "living_room_speaker": ("media/living_room/volume/set", "55", "volume", 55),
    "kitchen_light": ("kitchen-light/brightness/command", "40", "brightness", 40),
    "counter_lights": ("cmnd/counter/Color2", "255,0,0", "rgb", {"r": 255, "g": 0, "b": 0}),
    "dishwasher": ("appliances/dishwasher/start", "PRESS", "remaining", 95),
    "extractor_hood": ("hood/fan/speed/command", "3", "power", "ON"),
    "shopping_list": ("lists/shopping/add", "bread", "items", ["milk", "eggs", "bread"]),
    "water_valve": ("zigbee2mqtt/water_valve/set", "OFF", "state", "OFF"),
    "bedroom_ceiling": ("home/bedroom/ceiling/ct/set", "250", "ct", 250),
    "bedroom_blinds": ("home/bedroom/blinds/tilt/set", "10", "tilt", 10),
    "bedroom_fan": (
        "home/bedroom/fan/oscillation/set",
        "oscillate_on",
        "oscillation",
        "oscillate_on",
    ),
    "bedroom_humidifier": ("home/bedroom/humidifier/target/set", "55", "target", 55),
    "bedroom_ac": ("bedroom-ac/climate/mode/command", "cool", "action", "cooling"),
    "kids_shutter": ("shellies/kids-shutter/roller/0/command", "close", "state", "closed"),
    "kids_heater": ("home/kids/heater/power/set", "ON", "mode", "heat"),
    "boiler": ("home/boiler/target/set", "60", "target", 60),
    "desk_lamp": ("home/office/desk_lamp/set", '{"color_temp":2700}', "color_temp", 2700),
    "standing_desk": ("desk/button/stand/command", "PRESS", "height", 112),
    "air_purifier": ("zigbee2mqtt/air_purifier/set", '{"mode": "turbo"}', "state", "ON"),
    "front_door_lock": ("zigbee2mqtt/front_door_lock/set", "UNLOCK", "state", "UNLOCK"),
    "back_door": ("home/back_door/lock/set", "UNLOCK", "lock", "UNLOCKED"),
    "siren": ("home/siren/set", '{"state":"ON","tone":"fire"}', "tone", "fire"),
    "vacuum": ("valetudo/robot/command", "start", "state", "cleaning"),
    "scenes": ("home/scenes/set", "movie_night", "last", "movie_night"),
    "house_mode": ("home/mode/set", "away", "mode", "away"),
    "garage_door": ("garage-door/cover/door/command", "OPEN", "state", "open"),
    "car_charger": ("evse/current/set", "10", "current", 10),
    "sprinkler": ("home/sprinkler/set", "100", "state", "open"),
    "lawn_mower": ("home/mower/command", "start", "activity", "mowing"),
    "garden_lights": ("zigbee2mqtt/garden/lights/set", '{"state": "ON"}', "state", "ON"),
}


HOME = load_home()

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(10**400)
KEYS = st.sampled_from(["state", "brightness", "color", "color_temp", "position", "h", "s", "x"])
OBJECTS = st.dictionaries(KEYS, SCALARS | st.dictionaries(KEYS, SCALARS))


def long_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {LONG.get(key, key): long_keys(inner) for key, inner in value.items()}
    return [long_keys(inner) for inner in value] if isinstance(value, list) else value


def entities(device: Device) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Component, its own config, and the config with what it shares."""
    for topic, payload in device.discovery.items():
        match = TOPIC.fullmatch(topic)
        assert match, topic
        config = long_keys(json.loads(payload))
        if match[1] != "device":
            yield match[1], config, config
            continue
        assert config["device"]
        assert config["origin"]["name"]
        assert config["components"]
        shared = {key: value for key, value in config.items() if key != "components"}
        for part in config["components"].values():
            yield part["platform"], part, {**shared, **part}


def test_home_has_every_component_in_eight_rooms_or_more():
    found = [entity for device in load_home() for entity in entities(device)]
    assert {component for component, _, _ in found} == REQUIRED.keys()
    assert len({whole["device"].get("suggested_area") for _, _, whole in found} - {None}) >= 8
    assert len(found) >= 60


@pytest.mark.parametrize("device", HOME, ids=lambda device: device.id)
def test_discovery_is_complete_and_true_to_the_device(device: Device):
    reported = {message.topic for message in (*device.report(), *device.come())}
    reported.add("zigbee2mqtt/bridge/state")
    for component, own, whole in entities(device):
        assert REQUIRED[component] <= whole.keys()
        assert whole["device"]["identifiers"]
        assert whole["device"]["name"]
        assert own["unique_id"]
        base = own.get("~", "")
        for key, value in own.items():
            if not key.endswith(("_topic", "_t")) or not isinstance(value, str):
                continue
            command = "command" in key or "cmd_t" in key or key.startswith("set_")
            known = device.topics if command else reported
            assert value.replace("~", base) in known, (component, key)


def test_unique_ids_and_command_topics_are_unique():
    devices = [*load_home(), *many(1000)]
    ids = [own["unique_id"] for device in devices for _, own, _ in entities(device)]
    topics = [topic for device in devices for topic in device.topics]
    assert len(ids) == len(set(ids))
    assert len(topics) == len(set(topics))


@pytest.mark.parametrize("device_id", COMMANDS)
def test_command_reaches_its_state(device_id: str):
    topic, payload, attribute, wanted = COMMANDS[device_id]
    device = copy.deepcopy(next(device for device in HOME if device.id == device_id))
    assert device.values[attribute] != wanted
    answers = device.handle(topic, payload, 0.0)
    while device.due is not None:
        answers = device.tick(device.due) or answers
    assert device.values[attribute] == wanted
    assert answers or device_id == "scenes"


@pytest.mark.parametrize("device", HOME, ids=lambda device: device.id)
def test_nonsense_is_ignored(device: Device):
    device = copy.deepcopy(device)
    before = dict(device.values)
    for topic in device.topics:
        for payload in ("", "null", "{}", "[1]", "99999", "-1", "{{ value }}", '{"x":1}', "\x00"):
            if device.id != "shopping_list" or payload == "":
                assert device.handle(topic, payload, 0.0) == []
    assert device.values == before


@given(
    payload=st.text() | st.recursive(SCALARS, st.lists).map(json.dumps) | OBJECTS.map(json.dumps)
)
def test_no_payload_breaks_a_device(payload: str):
    for device in HOME:
        for topic in device.topics:
            changes = device.understand(topic, payload)
            assert changes is None or changes.keys() <= device.values.keys()


def test_pace_zero_is_immediate():
    door = next(device for device in load_home(pace=0) if device.id == "garage_door")
    assert door.handle("garage-door/cover/door/command", "OPEN", 0.0)[0].payload == "open"
    assert door.due is None


def test_words_of_the_table_are_no_booleans():
    lamp = next(device for device in load_home() if device.id == "hallway_light")
    assert lamp.values == {"power": "OFF"}


def test_many_makes_distinct_names_and_the_same_ones_each_time():
    names = [whole["device"]["name"] for device in many(1500) for _, _, whole in entities(device)]
    assert len(set(names)) == 1500
    assert [device.id for device in many(20)] == [device.id for device in many(1500)][:20]


def test_broken_table_names_the_device():
    with pytest.raises(DeviceError, match="lamp: style must be one of"):
        home_from("styles: {}\ndevices: {lamp: {style: none}}")
    table = "styles: {s: {online: {}, offline: {}}}\ndevices: {lamp: {style: s, commands: {t: {}}}}"
    with pytest.raises(DeviceError, match=r"lamp t: .* none of words, json, append, set"):
        home_from(table)
