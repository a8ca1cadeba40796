"""Devices that fail: never "ok", and never a word about what was not seen."""

import pytest
from support import pick

from edge_agent.sim.world import Fault


@pytest.fixture
def hall(rig):
    return rig(*pick("kitchen_light", "zigbee_bridge", "desk_lamp", "front_door_lock"))


@pytest.mark.parametrize(
    "fault",
    [
        Fault(dead=True),
        Fault(drop=True),
        Fault(refuse=True),
        Fault(opposite=True),
        Fault(delay=(0.9, 0.9)),
    ],
    ids=["dead", "dropping", "refusing", "opposite", "late"],
)
def test_a_device_that_fails_is_never_said_to_obey(hall, fault):
    hall.world.put({"desk_lamp": {"state": "OFF"}, "front_door_lock": {"state": "UNLOCKED"}})
    hall.world.fault(fault)
    for text, claim in [("turn on desk lamp", "is on"), ("lock front door lock", "is locked")]:
        answer = hall.ask(text)
        assert answer["status"] == "error"
        assert [call["outcome"] for call in answer["calls"]] == ["timeout"]
        assert claim not in answer["text"]


def test_a_device_that_answers_in_time_is_confirmed(hall):
    hall.world.fault(Fault(delay=(0.3, 0.3)))
    answer = hall.ask("turn on desk lamp")
    assert (answer["status"], answer["text"]) == ("ok", "The Desk Lamp is on.")
    assert answer["timing_ms"]["act"] >= 300


def test_what_arrives_late_is_known_to_the_next_question(hall):
    hall.world.fault(Fault(delay=(0.8, 0.8)))
    assert hall.ask("turn on desk lamp")["status"] == "error"
    assert hall.world.wait(lambda world: world.state("desk_lamp")["state"] == "ON")
    hall.world.settle()
    assert hall.ask("is desk lamp on")["text"] == "Yes, the Desk Lamp is on."


def test_a_device_that_is_away_gets_no_message(hall):
    hall.world.leave("kitchen_light")
    hall.world.settle()
    answer = hall.ask("turn on kitchen light")
    assert answer["status"] == "error"
    assert [call["outcome"] for call in answer["calls"]] == ["refused"]
    assert "cannot be reached" in answer["text"]
    assert hall.sent() == []
    hall.world.come("kitchen_light")
    hall.world.settle()
    assert hall.ask("turn on kitchen light")["status"] == "ok"


def test_one_failure_of_two_is_told_apart(hall):
    hall.world.fault(Fault(dead=True), "desk_lamp")
    answer = hall.ask("turn on kitchen light; turn on desk lamp")
    assert answer["status"] == "error"
    assert [call["outcome"] for call in answer["calls"]] == ["confirmed", "timeout"]
    assert "The Kitchen Light is on." in answer["text"]
    assert "Desk Lamp is on" not in answer["text"]


def test_an_old_state_proves_nothing(hall):
    hall.world.put({"desk_lamp": {"state": "ON"}})
    hall.world.settle()
    hall.world.fault(Fault(dead=True), "desk_lamp")
    answer = hall.ask("turn on desk lamp")
    assert answer["status"] == "error"
    assert [call["outcome"] for call in answer["calls"]] == ["timeout"]
