"""Where an answer goes: with MQTT 5 where the requester wants it, if it may want that."""

import json

import pytest
from support import pick

LIGHT = "zigbee2mqtt/kitchen_light/set"


@pytest.fixture
def hall(rig):
    return rig(
        *pick("kitchen_light", "zigbee_bridge"),
        settings=("mqtt.response_prefixes=[edge-agent/, replies/]",),
    )


def request(hall, response_topic: str, correlation: bytes | None = b"\x00\xff42") -> None:
    body = json.dumps({"id": "r1", "text": "is kitchen light on"})
    hall.tap.publish(
        hall.topic("command"), body, response_topic=response_topic, correlation=correlation
    )


@pytest.mark.parametrize("topic", ["replies/me", "replies", "edge-agent/me/answers"])
def test_the_answer_goes_where_it_is_wanted_with_its_correlation(hall, topic):
    request(hall, topic)
    assert hall.tap.wait(lambda: hall.tap.on(topic))
    (heard,) = hall.tap.on(topic)
    assert (heard.body["id"], heard.body["status"]) == ("r1", "ok")
    assert heard.correlation == b"\x00\xff42"
    hall.ask("is kitchen light on")
    assert hall.answers("r1") == []


@pytest.mark.parametrize(
    "topic",
    [
        LIGHT,
        "repliesx/me",
        "homeassistant/light/x/config",
        "edge-agent/hall/command",
        "edge-agent/hall/control",
        "edge-agent/hall/status",
        "$SYS/x",
        "vss/Vehicle/Body/Trunk/Rear/IsOpen/set",
    ],
)
def test_an_answer_never_goes_anywhere_else(hall, topic):
    before = len(hall.tap.on(topic))
    request(hall, topic)
    assert hall.answer("r1")["status"] == "ok"
    assert hall.tap.on(hall.topic("response"))[0].correlation is None
    hall.ask("is kitchen light on")
    own = {hall.topic("command"): 2}  # the two requests themselves
    assert len(hall.tap.on(topic)) - before == own.get(topic, 0)
    assert hall.sent() == []


def test_an_answer_never_moves_a_device_whatever_the_prefixes_allow(rig):
    hall = rig(
        *pick("kitchen_light", "zigbee_bridge"),
        settings=("mqtt.response_prefixes=[kitchen-light/]",),
    )
    hall.ask("turn on kitchen light")
    (topic,) = {entry.topic for entry in hall.world.log}
    request(hall, topic)
    assert hall.answer("r1")["status"] == "ok"
    assert [body for body in hall.tap.on(topic) if b"conversation_id" in body.payload] == []
