"""Requests that must not act, or not twice."""

import json
import time

import pytest
from support import Tap, pick


def body(**keys) -> str:
    return json.dumps({"id": "r1", "text": "turn on kitchen light", **keys})


@pytest.fixture
def hall(rig):
    return rig(*pick("kitchen_light", "zigbee_bridge", "desk_lamp"))


def settle(hall) -> None:
    """Let everything before this be handled: requests are taken in their order."""
    hall.ask("is kitchen light on")


def test_a_retained_command_never_acts(mosquitto, rig):
    with Tap(mosquitto.url, "early") as early:
        early.publish("edge-agent/hall/command", body(), retain=True)
        hall = rig(*pick("kitchen_light", "zigbee_bridge"))
        settle(hall)
        early.publish("edge-agent/hall/command", b"", retain=True)
    assert hall.sent() == []
    assert hall.answers("r1") == []
    assert "turn on kitchen light" not in hall.model.heard


def test_a_retained_control_message_never_acts(mosquitto, rig):
    with Tap(mosquitto.url, "early") as early:
        early.publish("edge-agent/hall/control", '{"id": "c1", "op": "cancel"}', retain=True)
        hall = rig(*pick("kitchen_light", "zigbee_bridge"))
        settle(hall)
    assert hall.answers("c1") == []


def test_three_deliveries_have_one_effect_and_one_ok(hall):
    for _ in range(3):
        hall.tap.publish(hall.topic("command"), body())
    settle(hall)
    assert len(hall.sent("kitchen_light")) == 1
    statuses = [answer["status"] for answer in hall.answers("r1")]
    assert sorted(statuses) == ["ok", "rejected", "rejected"]


def test_reordered_duplicates_have_one_effect_each(hall):
    first = [
        json.dumps({"id": f"n{n}", "text": f"turn {word} kitchen light"})
        for n, word in enumerate(["on", "off", "on"])
    ]
    for index in (0, 1, 0, 2, 1, 2, 0):
        hall.tap.publish(hall.topic("command"), first[index])
    settle(hall)
    sent = [payload for _, payload in hall.sent("kitchen_light")]
    assert [word for payload in sent for word in ("OFF", "ON") if word in payload] == [
        "ON",
        "OFF",
        "ON",
    ]


def test_a_toggle_that_is_delivered_twice_toggles_once(hall):
    for _ in range(2):
        hall.tap.publish(hall.topic("command"), body(text="toggle kitchen light"))
    settle(hall)
    assert len(hall.sent("kitchen_light")) == 1


def test_the_id_of_another_request_is_rejected(hall):
    hall.tap.publish(hall.topic("command"), body())
    hall.answer("r1")
    hall.tap.publish(hall.topic("command"), body(text="turn on desk lamp"))
    hall.tap.wait(lambda: len(hall.answers("r1")) == 2)
    assert [answer["status"] for answer in hall.answers("r1")] == ["ok", "rejected"]
    assert hall.answers("r1")[1]["reason"] == "id clash"
    assert hall.sent("desk_lamp") == []


def test_a_request_that_expired_on_its_way_is_rejected(hall):
    hall.tap.publish(hall.topic("command"), body(expires_in=0))
    assert hall.answer("r1")["status"] == "rejected"
    assert hall.answers("r1")[0]["reason"] == "expired"
    assert hall.sent() == []


@pytest.mark.parametrize("way", ["expires_in", "message expiry"])
def test_a_request_that_expires_while_it_waits_is_rejected(hall, way):
    hall.model.gate.clear()
    hall.tap.publish(hall.topic("command"), "turn on desk lamp")
    assert hall.model.reading.wait(5)
    if way == "expires_in":
        hall.tap.publish(hall.topic("command"), body(expires_in=0.2))
    else:
        hall.tap.publish(hall.topic("command"), body(), expiry=1)
    time.sleep(3)  # the second begins when it has arrived, which takes a while on a busy machine
    hall.model.gate.set()
    assert hall.answer("r1")["reason"] == "expired"
    assert hall.answers("r1")[0]["status"] == "rejected"
    assert hall.sent("kitchen_light") == []


def test_a_request_that_expires_while_it_is_understood_is_rejected(hall):
    hall.model.gate.clear()
    hall.tap.publish(hall.topic("command"), body(expires_in=1))
    assert hall.model.reading.wait(5)
    time.sleep(1.5)
    hall.model.gate.set()
    assert hall.answer("r1")["reason"] == "expired"
    assert hall.sent() == []


def test_a_flood_is_turned_away_with_an_answer_to_each(hall):
    hall.model.gate.clear()
    ids = [f"f{n}" for n in range(60)]
    for request_id in ids:
        hall.tap.publish(hall.topic("command"), body(id=request_id))
    assert hall.model.reading.wait(5)
    hall.model.gate.set()
    for request_id in ids:
        hall.answer(request_id)
    answers = [hall.answers(request_id) for request_id in ids]
    assert [len(each) for each in answers] == [1] * 60
    busy = [each for (each,) in answers if each.get("reason") == "busy"]
    assert busy
    assert all(each["status"] == "error" for each in busy)
    assert len(hall.sent()) == 60 - len(busy)


NO_REQUESTS = [
    b"",
    b"   ",
    b"\xff\xfe",
    b"{",
    b"{}",
    b'{"text": 5}',
    b'{"text": ""}',
    b'{"text": "turn on kitchen light", "text": "turn off kitchen light"}',
    b'{"text": "turn on kitchen light", "expires_in": NaN}',
    b'{"text": "turn on kitchen light", "dry_run": "no"}',
    b'{"text": "turn on kitchen light", "language": "de"}',
    b'{"text":' + b"[" * 500 + b"]" * 500 + b"}",
    b"x" * 70_000,
    b'{"text": "' + b"x" * 70_000 + b'"}',
]


def test_what_is_no_request_gets_an_error_and_does_nothing(hall):
    for payload in NO_REQUESTS:
        hall.tap.forget()
        hall.tap.publish(hall.topic("command"), payload)
        assert hall.tap.wait(lambda: hall.tap.on(hall.topic("response"))), payload[:60]
        assert hall.tap.on(hall.topic("response"))[0].body["status"] == "error", payload[:60]
    assert hall.sent() == []
    assert hall.ask("turn on desk lamp")["status"] == "ok"


def test_a_dry_run_plans_and_sends_nothing(hall):
    answer = hall.ask("turn on kitchen light", dry_run=True)
    assert answer["status"] == "ok"
    assert [call["outcome"] for call in answer["calls"]] == ["planned"]
    assert answer["text"] == "I would turn on the Kitchen Light."
    assert hall.sent() == []
