""" "Stop" overtakes whatever runs."""

import json

import pytest
from support import pick


@pytest.fixture
def hall(rig):
    hall = rig(*pick("kitchen_light", "zigbee_bridge", "desk_lamp"))
    hall.model.gate.clear()
    return hall


def begin(hall, *texts: str) -> None:
    """Let the model read the first sentence, with the others waiting behind it."""
    for number, text in enumerate(texts):
        request = json.dumps({"id": f"r{number}", "text": text})
        hall.tap.publish(hall.topic("command"), request)
    assert hall.model.reading.wait(5)


@pytest.mark.parametrize("word", ["stop", "Stop!", "cancel", "never mind"])
def test_stop_ends_a_decode_that_runs(hall, word):
    begin(hall, "turn on kitchen light")
    assert hall.ask(word)["status"] == "ok"
    answer = hall.answer("r0")
    assert (answer["status"], answer["reason"]) == ("rejected", "cancelled")
    hall.model.gate.set()
    assert hall.ask("turn on desk lamp")["status"] == "ok"
    assert hall.sent("kitchen_light") == []
    assert len(hall.answers("r0")) == 1


def test_stop_calls_off_what_waits_too(hall):
    begin(hall, "turn on kitchen light", "turn on desk lamp", "turn off kitchen light")
    hall.ask("stop")
    hall.model.gate.set()
    for request_id in ("r0", "r1", "r2"):
        assert hall.answer(request_id)["status"] == "rejected"
        assert len(hall.answers(request_id)) == 1
    assert hall.sent() == []


def test_the_control_operation_cancel_does_the_same(hall):
    begin(hall, "turn on kitchen light")
    assert hall.control("cancel")["status"] == "ok"
    assert hall.answer("r0")["status"] == "rejected"
    assert hall.sent() == []


def test_a_question_is_called_off_as_well(hall):
    begin(hall, "is kitchen light on")
    hall.ask("stop")
    assert hall.answer("r0")["status"] == "rejected"


def test_stopping_a_device_is_a_command_and_not_a_stop(rig):
    hall = rig(*pick("living_room_speaker", "zigbee_bridge"))
    answer = hall.ask("stop living room speaker")
    assert [call["action"] for call in answer["calls"]] == ["stop"]
