import json

import pytest

from edge_agent.core.command import Command
from edge_agent.core.entity import Attribute, Risk
from edge_agent.core.registry import Registry
from edge_agent.core.state import Availability, Observation
from edge_agent.devices.homeassistant import HomeAssistant
from edge_agent.errors import DeviceError

LAMP = "homeassistant/light/lamp/config"


def body(**settings):
    return json.dumps({"name": "Lamp", "command_topic": "lamp/set", **settings}).encode()


def found(component="light", **settings):
    adapter = HomeAssistant()
    changes = adapter.discover(f"homeassistant/{component}/thing/config", body(**settings))
    assert changes.upsert, changes.problems
    return adapter, changes.upsert[0]


def test_an_update_changes_the_entity_and_its_topics():
    adapter = HomeAssistant()
    adapter.discover(LAMP, body(state_topic="old"))
    changes = adapter.discover(LAMP, body(name="Reading lamp", state_topic="new"))
    assert [entity.name for entity in changes.upsert] == ["Reading lamp"]
    assert adapter.state_topics == {"new"}


def test_the_same_message_twice_changes_nothing():
    adapter = HomeAssistant()
    adapter.discover(LAMP, body())
    assert not adapter.discover(LAMP, body())


def test_an_empty_payload_removes_entity_and_topics():
    adapter = HomeAssistant()
    adapter.discover(LAMP, body(state_topic="lamp"))
    assert adapter.discover(LAMP, b"").remove == ("light.lamp",)
    assert adapter.state_topics == adapter.command_topics == frozenset()
    assert "light.lamp" not in {entity.id for entity in adapter.known().upsert}
    assert adapter.known().upsert == ()


def test_a_damaged_update_keeps_what_was_there():
    adapter = HomeAssistant()
    adapter.discover(LAMP, body())
    changes = adapter.discover(LAMP, body(command_topic="lamp/#"))
    assert not changes
    assert "light.lamp" in {entity.id for entity in adapter.known().upsert}


def test_a_damaged_command_topic_is_a_problem():
    adapter = HomeAssistant()
    changes = adapter.discover(LAMP, body(command_topic=7))
    assert "command_topic" in changes.problems[0]


@pytest.mark.parametrize("topic", ["a/+/b", "a/#", "a\x00b", "x" * 600, "", 5, "a\nb"])
def test_a_topic_that_is_none_is_never_published_to(topic):
    adapter = HomeAssistant()
    changes = adapter.discover(LAMP, body(command_topic=topic, state_topic="fine"))
    assert changes.problems
    assert adapter.command_topics == frozenset()
    assert not any(c.settable for entity in changes.upsert for c in entity.capabilities)


@pytest.mark.parametrize(
    "topic",
    ["edge-agent/hall/control", "homeassistant/light/x/config", "$SYS/x"],
)
def test_no_device_is_commanded_on_our_own_topics(topic):
    adapter = HomeAssistant()
    changes = adapter.discover(LAMP, body(command_topic=topic, state_topic="lamp"))
    assert "command_topic may not be" in changes.problems[0]
    assert adapter.command_topics == frozenset()


def test_two_topics_with_one_object_id_get_two_ids():
    adapter = HomeAssistant()
    first = adapter.discover(LAMP, body(object_id="desk", unique_id="a"))
    second = adapter.discover(
        "homeassistant/light/other/config", body(object_id="desk", unique_id="b")
    )
    assert first.upsert[0].id == "light.desk"
    assert second.upsert[0].id == "light.b"


def test_a_unique_id_cannot_be_taken_by_another_topic():
    adapter = HomeAssistant()
    adapter.discover(LAMP, body(unique_id="a"))
    thief = adapter.discover(
        "homeassistant/light/other/config", body(unique_id="a", command_topic="evil")
    )
    assert "unique_id" in thief.problems[0]
    assert adapter.command_topics == {"lamp/set"}


def test_a_unique_id_moves_to_the_device_form_when_it_migrates():
    adapter = HomeAssistant()
    adapter.discover(LAMP, body(unique_id="a"))
    assert not adapter.discover(LAMP, b'{"migrate_discovery": true}')
    device = {"dev": {"ids": "d", "name": "Desk"}, "o": {"name": "x"}}
    parts = {"lamp": {"p": "light", "name": None, "unique_id": "a", "cmd_t": "desk/set"}}
    changes = adapter.discover(
        "homeassistant/device/d/config", json.dumps(device | {"cmps": parts}).encode()
    )
    assert [entity.name for entity in changes.upsert] == ["Desk"]
    assert adapter.command_topics == {"desk/set"}
    assert not adapter.discover(LAMP, b"")


def test_a_component_is_removed_by_its_platform_alone():
    adapter = HomeAssistant()
    topic = "homeassistant/device/d/config"
    device = {"dev": {"ids": "d", "name": "Desk"}, "o": {"name": "x"}}
    lamp = {"p": "light", "unique_id": "a", "cmd_t": "desk/set"}
    plug = {"p": "switch", "unique_id": "b", "cmd_t": "desk/plug"}
    send = lambda **parts: adapter.discover(  # noqa: E731 - shorter than it is long
        topic, json.dumps(device | {"cmps": parts}).encode()
    )
    assert len(send(lamp=lamp, plug=plug).upsert) == 2
    assert not send(lamp=lamp)
    assert send(lamp=lamp, plug={"p": "switch"}).remove == ("switch.b",)
    assert adapter.discover(topic, b"").remove == ("light.a",)


def test_the_base_topic_stands_for_itself_at_either_end_of_topics_only():
    adapter, _ = found(
        **{"~": "base", "state_topic": "~/state", "command_topic": "set/~", "payload_on": "~"}
    )
    assert adapter.state_topics == {"base/state"}
    (message,) = adapter.messages(Command("light.thing", "power", "on"))
    assert (message.topic, message.payload) == ("set/base", b"~")


@pytest.mark.parametrize(
    ("mode", "said", "expected"),
    [
        ("all", [True, False], False),
        ("all", [True, True], True),
        ("any", [False, True], True),
        ("any", [False, False], False),
        ("latest", [False, True], True),
        ("latest", [True, False], False),
    ],
)
def test_availability_of_several_topics(mode, said, expected):
    adapter, _ = found(availability=[{"topic": "a"}, {"t": "b"}], availability_mode=mode)
    changes = [
        adapter.observe(topic, b"online" if up else b"offline")
        for topic, up in zip("ab", said, strict=True)
    ]
    assert changes[-1] == (Availability("light.thing", expected),)


def test_what_lets_somebody_in_is_guarded_and_never_in_all():
    for component, settings, attribute, value in [
        ("lock", {}, Attribute.LOCK, "unlocked"),
        ("cover", {"device_class": "garage"}, Attribute.OPENING, "open"),
        ("cover", {"device_class": "gate"}, Attribute.OPENING, "open"),
        ("cover", {"device_class": "door"}, Attribute.OPENING, "open"),
        ("cover", {"name": "Garage door"}, Attribute.OPENING, "open"),
        ("valve", {"device_class": "gas"}, Attribute.OPENING, "open"),
        ("valve", {"device_class": "water"}, Attribute.OPENING, "open"),
        ("alarm_control_panel", {"state_topic": "s"}, Attribute.MODE, "disarmed"),
        ("switch", {"name": "Gate opener"}, Attribute.POWER, "on"),
        ("button", {"name": "Unlock"}, Attribute.COMMAND, "press"),
    ]:
        _, entity = found(component, **settings)
        assert entity.security, component
        assert entity.capability(attribute).risk_of(value) is Risk.SECURITY, component


@pytest.mark.parametrize("attribute", [Attribute.OPENING, Attribute.POSITION])
def test_closing_a_garage_door_needs_no_confirmation(attribute):
    _, entity = found(
        "cover", device_class="garage", set_position_topic="p/set", position_topic="p"
    )
    closed = "closed" if attribute is Attribute.OPENING else 0.0
    assert entity.capability(attribute).risk_of(closed) is Risk.COMFORT
    assert entity.capability(Attribute.POSITION).risk_of(30.0) is Risk.SECURITY


def test_a_blind_is_comfort_and_in_all():
    _, entity = found("cover", device_class="blind")
    assert not entity.security
    assert entity.capability(Attribute.OPENING).risk_of("open") is Risk.COMFORT


@pytest.mark.parametrize("component", ["climate", "water_heater"])
def test_heating_carries_caution(component):
    _, entity = found(component, temperature_command_topic="t/set")
    assert entity.capability(Attribute.TEMPERATURE).risk is Risk.CAUTION


def test_without_a_state_topic_nothing_is_confirmed():
    _, entity = found("switch")
    assert not entity.capability(Attribute.POWER).readable
    _, entity = found("switch", state_topic="s")
    assert entity.capability(Attribute.POWER).readable


@pytest.mark.parametrize("key", ["value_template", "command_template"])
def test_a_damaged_template_leaves_the_entity_read_only_and_says_so(key):
    adapter, entity = found("switch", state_topic="s", **{key: "{{ ''.__class__ }}"})
    assert key in entity.problem
    assert not any(capability.settable for capability in entity.capabilities)
    assert adapter.command_topics == frozenset()
    with pytest.raises(DeviceError, match=key):
        adapter.messages(Command(entity.id, "power", "on"))


def test_a_template_that_fails_on_a_message_makes_the_value_unknown():
    adapter, entity = found("switch", state_topic="s", value_template="{{ value_json.a.b.c }}")
    assert adapter.observe("s", b'{"a": 1}') == (Observation(entity.id, "power", None),)


def test_a_value_outside_the_range_is_refused_with_the_legal_ones():
    adapter, entity = found("number", min=1, max=5)
    with pytest.raises(DeviceError, match="1 to 5"):
        adapter.messages(Command(entity.id, "value", 6.0))
    with pytest.raises(DeviceError, match="it can set value"):
        adapter.messages(Command(entity.id, "power", "on"))
    with pytest.raises(DeviceError, match="not known"):
        adapter.messages(Command("light.nobody", "power", "on"))


@pytest.mark.parametrize("state", [b"opening", b"closing"])
def test_a_moving_cover_confirms_nothing(state):
    adapter, entity = found("cover", state_topic="s")
    (said,) = adapter.observe("s", state)
    assert said.value is None
    assert not entity.capability(Attribute.OPENING).matches("open", said.value)


@pytest.mark.parametrize(
    ("scale", "modes"), [(255, ["rgb"]), (254, ["xy"]), (100, ["hs"]), (1000, ["rgbww"])]
)
def test_a_lamp_that_echoes_its_command_confirms_it(scale, modes):
    adapter, entity = found(
        schema="json",
        state_topic="s",
        brightness_scale=scale,
        supported_color_modes=[*modes, "color_temp"],
    )
    wanted = [("brightness", float(p)) for p in range(101)]
    wanted += [("color temperature", float(k)) for k in range(2000, 6536, 97)]
    wanted += [("color", name) for name in entity.capability("color").domain.options]
    for attribute, value in wanted:
        (message,) = adapter.messages(Command(entity.id, attribute, value))
        said = {c.attribute: c.value for c in adapter.observe("s", message.payload)}
        assert entity.capability(attribute).matches(value, said[attribute]), (attribute, value)


@pytest.mark.parametrize(("low", "high"), [(1, 3), (1, 100), (4, 10), (0, 255)])
def test_a_fan_that_echoes_its_speed_confirms_it(low, high):
    adapter, entity = found(
        "fan",
        percentage_command_topic="p/set",
        percentage_state_topic="p",
        speed_range_min=low,
        speed_range_max=high,
    )
    slowest = 100 / (high - low + 1)
    with pytest.raises(DeviceError):
        adapter.messages(Command(entity.id, "speed", 0.4 * slowest))
    for percent in range(max(1, round(slowest)), 101):
        (message,) = adapter.messages(Command(entity.id, "speed", float(percent)))
        assert low <= int(message.payload) <= high
        (said,) = adapter.observe("p", message.payload)
        assert entity.capability("speed").matches(float(percent), said.value), percent


def test_the_area_of_a_device_comes_with_its_entity():
    device = {"identifiers": ["x"], "name": "Ball", "suggested_area": "Living Room"}
    adapter, entity = found(name=None, device=device)
    assert (entity.name, entity.area) == ("Ball", "living_room")
    registry = Registry().apply(adapter.known())
    assert registry.area_named("living room").name == "Living Room"


@pytest.mark.parametrize(
    ("device", "name", "spoken"),
    [
        ("Kitchen", "Lamp", "Kitchen Lamp"),
        ("Kitchen", "Kitchen Lamp", "Kitchen Lamp"),
        ("Kitchen", None, "Kitchen"),
        ("Kitchen", "", "Kitchen"),
        (None, "Lamp", "Lamp"),
        ("Küche\u202e", "Lampe_1", "Küche Lampe 1"),
    ],
)
def test_the_spoken_name(device, name, spoken):
    _, entity = found(name=name, device={"identifiers": "x", "name": device})
    assert entity.name == spoken


@pytest.mark.parametrize("name", ["", "\u200b\u202e", "{{}}", "///", "🙂", 5])
def test_a_name_that_cannot_be_spoken_is_a_problem_and_no_entity(name):
    adapter = HomeAssistant()
    changes = adapter.discover(LAMP, body(name=name))
    assert not changes
    assert "spoken" in changes.problems[0]


def test_a_player_is_made_of_separate_entities_whatever_their_order():
    device = {"identifiers": ["amp"], "name": "Amp"}
    parts = [
        ("number", "volume", {"name": "Volume", "min": 0, "max": 10}),
        ("switch", "mute", {"name": "Mute"}),
        ("button", "play", {"name": "Play"}),
    ]
    for order in (parts, parts[::-1]):
        adapter, registry = HomeAssistant(), Registry()
        for component, key, settings in order:
            payload = body(device=device, command_topic=f"amp/{key}", unique_id=key, **settings)
            changes = adapter.discover(f"homeassistant/{component}/{key}/config", payload)
            registry = registry.apply(changes)
        assert list(registry.entities) == ["media_player.amp"]
        registry = registry.apply(adapter.discover("homeassistant/number/volume/config", b""))
        assert set(registry.entities) == {"switch.mute", "button.play"}


def test_a_state_expires_after_the_time_that_the_device_gives():
    adapter, entity = found("sensor", state_topic="s", expire_after=90)
    assert adapter.expiry(entity.id) == 90
    adapter, entity = found("sensor", state_topic="s")
    assert adapter.expiry(entity.id) is None


def test_topics_outside_of_discovery_are_ignored():
    adapter = HomeAssistant()
    for topic in ("homeassistant/status", "other/light/x/config", "homeassistant/light/a b/config"):
        assert not adapter.discover(topic, body()).problems
    assert adapter.observe("nobody/asked", b"ON") == ()


def test_a_lock_that_wants_a_code_can_only_be_read():
    adapter, entity = found("lock", state_topic="s", code_format="^\\d+$")
    assert "code" in entity.problem
    assert adapter.command_topics == frozenset()
    assert adapter.observe("s", b"LOCKED") == (Observation(entity.id, "lock", "locked"),)


def test_an_alarm_with_a_code_can_be_armed_but_not_disarmed():
    adapter, entity = found(
        "alarm_control_panel", state_topic="s", code="1234", code_arm_required=False
    )
    assert "disarmed" not in entity.capability(Attribute.MODE).domain
    assert adapter.messages(Command(entity.id, "mode", "armed away"))[0].payload == b"ARM_AWAY"


@pytest.mark.parametrize(
    ("component", "attribute", "settings"),
    [
        (
            "light",
            "brightness",
            {"brightness_command_topic": "b", "brightness_state_topic": "s",
             "state_value_template": "{{ value_json.on }}",
             "brightness_value_template": "{{ value_json.level }}"},
        ),
        (
            "fan",
            "speed",
            {"percentage_command_topic": "p", "percentage_state_topic": "s",
             "state_value_template": "{{ value_json.on }}",
             "percentage_value_template": "{{ value_json.level }}"},
        ),
    ],
)  # fmt: skip
def test_nothing_percent_is_off_and_confirmed_by_it(component, attribute, settings):
    adapter, entity = found(component, state_topic="s", **settings)
    (message,) = adapter.messages(Command(entity.id, attribute, 0.0))
    assert message.payload == b"OFF"
    said = {c.attribute: c.value for c in adapter.observe("s", b'{"on": "OFF", "level": 50}')}
    assert entity.capability(attribute).matches(0.0, said[attribute])


def test_a_level_comes_back_with_the_power_in_whatever_order_they_are_reported():
    adapter, entity = found(
        "light", state_topic="s", brightness_command_topic="b", brightness_state_topic="b/s"
    )

    def said(topic, payload):
        return {change.attribute: change.value for change in adapter.observe(topic, payload)}

    assert said("b/s", b"128") == {"brightness": 50}
    assert said("s", b"OFF") == {"power": "off", "brightness": 0}
    assert said("b/s", b"255") == {"brightness": 0}
    assert said("s", b"ON") == {"power": "on", "brightness": 100}
    assert entity.capability("brightness").matches(100.0, 100.0)


def test_none_is_a_preset_and_not_the_unknown():
    adapter, entity = found(
        "climate",
        preset_modes=["eco"],
        preset_mode_command_topic="p/set",
        preset_mode_state_topic="p",
    )
    assert adapter.observe("p", b"none") == (Observation(entity.id, "preset", "none"),)
