"""Control operations over the broker."""

import json

import pytest
from support import pick


@pytest.fixture
def hall(rig, tmp_path):
    config = tmp_path / "hall.yaml"
    config.write_text("extends: smart-home-hub.yaml\n")
    return rig(*pick("kitchen_light", "zigbee_bridge"), config=config)


def test_devices_lists_what_each_one_can_do(hall):
    answer = hall.control("devices")
    assert answer["status"] == "ok"
    (light,) = [known for known in answer["devices"] if known["name"] == "Kitchen Light"]
    assert light["kind"] == "light"
    assert light["area"] == "Kitchen"
    assert light["settable"]["power"] == "on, off"
    assert light["state"]["power"] in {"on", "off"}


def test_reload_takes_a_new_alias_at_once(hall):
    assert hall.ask("turn on cooking lamp")["status"] == "unsupported"
    hall.config.write_text(
        "extends: smart-home-hub.yaml\n"
        "home: {entities: {light.kitchen_light_main: {aliases: [cooking lamp]}}}\n"
    )
    assert hall.control("reload")["status"] == "ok"
    assert hall.ask("turn on cooking lamp")["status"] == "ok"


def test_a_reload_that_fails_names_the_place_and_changes_nothing(hall):
    hall.config.write_text("extends: smart-home-hub.yaml\nhome: {rooms: {}}\n")
    answer = hall.control("reload")
    assert answer["status"] == "error"
    assert "home" in answer["text"]
    assert "rooms" in answer["text"]
    assert hall.ask("turn on kitchen light")["status"] == "ok"


@pytest.mark.parametrize(
    "payload", ['{"id": "c1", "op": "selfdestruct"}', '{"id": "c1"}', '{"id": "c1", "op": 5}']
)
def test_an_unknown_operation_gets_the_legal_ones(hall, payload):
    hall.tap.publish(hall.topic("control"), payload)
    answer = hall.answer("c1")
    assert answer["status"] == "error"
    for legal in ("reload", "devices", "timers", "cancel", "approve"):
        assert legal in answer["text"]


@pytest.mark.parametrize("payload", [b"", b"reload", b"[]", b"{", b"\xff", b"null"])
def test_a_control_message_that_is_no_json_object_is_an_error(hall, payload):
    hall.tap.publish(hall.topic("control"), payload)
    assert hall.tap.wait(lambda: hall.tap.on(hall.topic("response")))
    assert hall.tap.on(hall.topic("response"))[0].body["status"] == "error"
    assert hall.ask("turn on kitchen light")["status"] == "ok"


def test_a_repeated_control_message_acts_once(hall):
    for _ in range(2):
        hall.tap.publish(hall.topic("control"), json.dumps({"id": "c1", "op": "devices"}))
    assert hall.tap.wait(lambda: len(hall.answers("c1")) == 2)
    assert [answer["status"] for answer in hall.answers("c1")] == ["ok", "rejected"]


def test_a_command_is_told_as_events(hall):
    answer = hall.ask("turn on kitchen light")
    hall.ask("is kitchen light on")
    assert hall.events(answer["id"]) == ["heard", "decided", "confirmed", "answered"]
