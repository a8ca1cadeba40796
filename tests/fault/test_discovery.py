"""Devices that come, go, change their names or are hostile, while the daemon runs."""

import json
import random
import time

import pytest
from hostile import corpus, publish_hostile
from support import pick, wait_for

from edge_agent.sim.device import Device

HOME = ("kitchen_light", "zigbee_bridge", "desk_lamp", "front_door_lock", "living_room_thermostat")
SENTENCES = (
    "turn on the desk lamp",
    "lock the front door lock",
    "turn off kitchen light",
    "set thermostat temperature to 21",
    "is the front door lock locked",
    "open the pod bay doors",
)


def lamp(name: str, unique_id: str = "lamp_7") -> str:
    return json.dumps(
        {
            "name": None,
            "unique_id": unique_id,
            "device": {"identifiers": [unique_id], "name": name},
            "command_topic": "lamp7/set",
            "state_topic": "lamp7",
        }
    )


@pytest.fixture
def home(rig):
    return rig(*pick(*HOME))


def names(home) -> set[str]:
    return {entity.name for entity in home.agent.app.devices.registry.entities.values()}


def decisions(home) -> list[object]:
    return [
        (answer["status"], answer["text"], answer["calls"]) for answer in map(home.ask, SENTENCES)
    ]


def test_a_removed_device_cannot_be_commanded(home):
    assert home.ask("turn on desk lamp")["status"] == "ok"
    home.world.log.clear()
    home.world.remove("desk_lamp")
    wait_for(lambda: "Desk Lamp" not in names(home), 1)
    assert home.ask("turn on desk lamp")["status"] == "unsupported"
    assert home.sent() == []


def test_a_device_that_goes_while_its_command_is_understood_gets_nothing(home):
    home.model.gate.clear()
    home.tap.publish(home.topic("command"), '{"id": "r1", "text": "turn on desk lamp"}')
    assert home.model.reading.wait(5)
    topics = home.world._devices["desk_lamp"].topics
    home.world.remove("desk_lamp")
    wait_for(lambda: "Desk Lamp" not in names(home), 1)
    home.model.gate.set()
    answer = home.answer("r1")
    assert answer["status"] in {"rejected", "unsupported", "error"}
    assert "is on" not in answer["text"]
    assert [message for message in home.tap.heard if message.topic in topics] == []


def test_a_renamed_device_answers_to_its_new_name_alone(home):
    topic = "homeassistant/light/lamp_7/config"
    home.tap.publish(topic, lamp("Reading Corner"), retain=True)
    wait_for(lambda: "Reading Corner" in names(home), 1)
    home.tap.publish(topic, lamp("Sewing Table"), retain=True)
    wait_for(lambda: "Sewing Table" in names(home), 1)
    assert home.ask("turn on reading corner")["status"] == "unsupported"
    home.ask("turn on sewing table")
    sent = [message.payload for message in home.tap.on("lamp7/set")]
    assert sent == [b"ON"]


def test_a_new_device_is_known_within_a_second(home):
    home.world.add([Device("new", discovery={"homeassistant/light/new/config": lamp("Newcomer")})])
    wait_for(lambda: "Newcomer" in names(home), 1)
    assert home.ask("turn on newcomer")["calls"][0]["name"] == "Newcomer"


def test_a_thousand_devices_come_and_go(home):
    before = names(home)
    for number in range(1000):
        home.tap.send(
            f"homeassistant/light/storm{number}/config", lamp(f"storm {number}", f"s{number}")
        )
    wait_for(lambda: "storm 999" in names(home), 10)
    assert home.ask("turn on desk lamp")["status"] == "ok"
    for number in range(1000):
        home.tap.send(f"homeassistant/light/storm{number}/config", b"")
    wait_for(lambda: names(home) == before, 10)
    assert home.ask("turn on storm 7")["status"] == "unsupported"


def test_hostile_devices_change_no_decision_and_kill_nothing(home):
    calm = decisions(home)
    messages = corpus(random.Random(3))
    publish_hostile(home, messages)
    home.world.log.clear()
    home.tap.forget()
    assert decisions(home) == calm
    allowed = {topic for name in HOME for topic in home.world._devices[name].topics}
    strange = [
        message.topic
        for message in home.tap.heard
        if message.topic not in allowed and message.topic.startswith("hostile/")
    ]
    assert strange == []


def test_a_hostile_name_reaches_no_message_unwashed(home):
    publish_hostile(home, corpus(random.Random(3)))
    listed = home.control("devices")["devices"]
    for thing in listed:
        assert len(thing["name"]) <= 64
        assert thing["name"].isprintable()
        assert not set(thing["name"]) & set('<>{}[]"`$|\\')


def test_hostile_discovery_is_worked_off_quickly(home):
    started = time.monotonic()
    publish_hostile(home, corpus(random.Random(3)))
    answer = home.ask("turn on desk lamp")
    assert answer["status"] == "ok"
    assert time.monotonic() - started < 15
