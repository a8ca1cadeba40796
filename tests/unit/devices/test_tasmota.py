import json

import pytest

from edge_agent.core.command import Command
from edge_agent.core.entity import Kind, Risk
from edge_agent.devices.tasmota import Tasmota

MAC = "AABBCC000001"
TOPIC = f"tasmota/discovery/{MAC}/config"


def body(**others):
    config = {"mac": MAC, "t": "plug", "dn": "Plug", "tp": ["cmnd", "stat", "tele"], "rl": [1]}
    return json.dumps(config | others).encode()


def found(**others):
    adapter = Tasmota()
    changes = adapter.discover(TOPIC, body(**others))
    assert changes.upsert, changes.problems
    return adapter, changes.upsert


def test_an_empty_configuration_removes_the_device():
    adapter, _ = found()
    assert adapter.discover(TOPIC, b"").remove == ("switch.tasmota_aabbcc000001_1",)
    assert adapter.state_topics == adapter.command_topics == frozenset()


def test_a_relay_that_is_no_longer_there_is_gone():
    adapter, _ = found(rl=[1, 1])
    assert adapter.discover(TOPIC, body()).remove == ("switch.tasmota_aabbcc000001_2",)


@pytest.mark.parametrize(
    ("others", "key"),
    [
        ({"mac": "AABBCC000002"}, "mac"),
        ({"mac": "x"}, "mac"),
        ({"tp": ["cmnd"]}, "tp"),
        ({"tp": [1, 2, 3]}, "tp"),
        ({"rl": 1}, "rl"),
        ({"rl": [1] * 33}, "rl"),
        ({"t": 7}, "t must"),
        ({"t": "a/+/b"}, "wildcards"),
        ({"t": "", "ft": "tasmota/discovery/%prefix%/"}, "command_topic"),
        ({"ft": "edge-agent/hall/"}, "command_topic"),
    ],
)
def test_a_configuration_that_is_wrong_is_a_problem_that_names_the_key(others, key):
    adapter = Tasmota()
    changes = adapter.discover(TOPIC, body(**others))
    assert key in changes.problems[0]
    assert adapter.command_topics == frozenset()


@pytest.mark.parametrize(
    ("template", "topic"),
    [
        ("%prefix%/%topic%/", "cmnd/plug/POWER1"),
        ("%topic%/%prefix%", "plug/cmnd/POWER1"),
        ("home/%hostname%/%id%/%prefix%/", "home/host/000001/cmnd/POWER1"),
    ],
)
def test_the_full_topic_is_the_device_s_own(template, topic):
    adapter, _ = found(ft=template, hn="host")
    assert adapter.command_topics == {topic}


@pytest.mark.parametrize(
    ("device", "friendly", "relays", "names"),
    [
        ("Plug", [None], [1], [("Plug",)]),
        ("Plug", ["Tasmota"], [1], [("Plug",)]),
        ("Tasmota", ["Radio"], [1], [("Radio",)]),
        ("Kitchen", ["Kitchen Radio"], [1], [("Kitchen Radio",)]),
        ("Kitchen", ["Radio", None], [1, 1], [("Radio", "Kitchen Radio"), ("Kitchen 2",)]),
        ("Blind", [None], [3, 3], [("Blind",)]),
    ],
)
def test_the_friendly_name_is_spoken(device, friendly, relays, names):
    _, entities = found(dn=device, fn=friendly, rl=relays)
    assert [entity.names for entity in entities] == names


@pytest.mark.parametrize(
    ("subtype", "attributes"),
    [
        (0, {"power"}),
        (1, {"power", "brightness"}),
        (2, {"power", "brightness", "color temperature"}),
        (3, {"power", "brightness", "color"}),
        (4, {"power", "brightness", "color"}),
        (5, {"power", "brightness", "color", "color temperature"}),
    ],
)
def test_the_subtype_says_what_a_light_can_do(subtype, attributes):
    _, (light,) = found(rl=[2], lt_st=subtype)
    assert light.kind is Kind.LIGHT
    assert {capability.attribute for capability in light.capabilities} == attributes


def test_lights_that_are_single_channels_are_only_switched():
    _, lights = found(rl=[2, 2], lt_st=2, so={"68": 1})
    assert [[c.attribute for c in light.capabilities] for light in lights] == [["power"]] * 2


def test_a_relay_is_a_light_where_the_device_says_so():
    _, (light,) = found(so={"30": 1})
    assert light.kind is Kind.LIGHT


def test_a_colour_keeps_the_brightness_that_was_reported():
    adapter, (light,) = found(rl=[2], lt_st=3)
    red = Command(light.id, "color", "red")
    assert adapter.messages(red)[0].payload == b"0,100,100"
    adapter.observe("stat/plug/RESULT", b'{"POWER": "ON", "Dimmer": 30}')
    assert adapter.messages(red)[0].payload == b"0,100,30"
    adapter.observe("stat/plug/RESULT", b'{"POWER": "OFF"}')
    assert adapter.messages(red)[0].payload == b"0,100,30"


@pytest.mark.parametrize("names", [{"fn": ["Garage door"]}, {"dn": "Garage door", "fn": ["Relay"]}])
def test_a_relay_that_opens_a_garage_is_guarded(names):
    _, (switch,) = found(**names)
    assert switch.security
    assert switch.capability("power").risk_of("on") is Risk.SECURITY


def test_another_device_s_configuration_changes_nothing_here():
    adapter, _ = found()
    assert not adapter.discover("tasmota/discovery/AABBCC000001/sensors", b"{}")
    assert not adapter.discover("other/discovery/AABBCC000001/config", body())
