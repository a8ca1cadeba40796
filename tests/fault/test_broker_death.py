"""A broker that is killed: nothing is lost silently, nothing acts late."""

import json
import random
import re

import pytest
from kill_broker import trial
from support import pick, wait_for


@pytest.fixture
def hall(rig):
    return rig(
        *pick("kitchen_light", "zigbee_bridge", "desk_lamp"), settings=("mqtt.backoff_max=0.2",)
    )


def back(hall) -> None:
    wait_for(
        lambda: hall.agent.app.link.connected and hall.world.connected and hall.tap.subscribed, 10
    )


def published(mosquitto) -> int:
    """How many responses the broker has had from the agent."""
    return len(re.findall(r"Received PUBLISH from edge-agent-hall .*hall/response", mosquitto.log))


def test_five_deaths_lose_no_accepted_command_and_make_no_ghost(mosquitto):
    tally = trial(mosquitto, 5, random.Random(7), backoff_max=0.5)
    assert tally.recovered == tally.kills == 5
    assert tally.accepted > 10
    assert tally.ghosts == []
    assert tally.false_ok == []
    assert (tally.given_up, tally.twice) == (0, 0)


def test_what_was_accepted_is_answered_when_the_broker_is_back(mosquitto, hall):
    hall.model.gate.clear()
    hall.tap.publish(hall.topic("command"), '{"id": "r1", "text": "turn on desk lamp"}')
    assert hall.model.reading.wait(5)
    mosquitto.kill()
    wait_for(lambda: not hall.agent.app.link.connected)
    hall.model.gate.set()
    wait_for(lambda: hall.agent.app.agent.figures.answered == 1)
    assert published(mosquitto) == 0
    mosquitto.start()
    back(hall)
    # The broker's log is the witness: the tap may be back later than the answer.
    wait_for(lambda: published(mosquitto) == 1)
    hall.ask("is desk lamp on")
    assert published(mosquitto) == 2
    assert len(hall.answers("r1")) <= 1
    assert hall.agent.app.link.undelivered == 0
    assert hall.sent() == []


def test_a_command_whose_device_was_cut_off_is_not_sent_later(mosquitto, hall):
    hall.model.gate.clear()
    hall.tap.publish(hall.topic("command"), '{"id": "r1", "text": "turn on desk lamp"}')
    assert hall.model.reading.wait(5)
    mosquitto.restart()
    back(hall)
    mosquitto.kill()
    wait_for(lambda: not hall.agent.app.link.connected)
    hall.model.gate.set()
    wait_for(lambda: hall.agent.app.agent.figures.answered == 1)
    mosquitto.start()
    back(hall)
    hall.ask("is desk lamp on")
    assert hall.sent() == []


def test_what_was_seen_before_a_reconnect_is_said_as_a_memory(mosquitto, hall):
    hall.world.put({"desk_lamp": {"state": "ON"}})
    hall.world.settle()
    assert hall.ask("is desk lamp on")["text"] == "Yes, the Desk Lamp is on."
    hall.world.remove("kitchen_light")
    hall.world.stop()
    mosquitto.restart()
    wait_for(lambda: hall.agent.app.link.connected and hall.tap.subscribed, 10)
    assert "last seen" in hall.ask("is desk lamp on")["text"]


def test_status_and_health_are_published_again(mosquitto, hall):
    mosquitto.restart()
    back(hall)
    hall.tap.wait(lambda: hall.tap.on(hall.topic("health")), 3)
    retained = {"status": hall.topic("status"), "health": hall.topic("health")}
    late = type(hall.tap)(hall.url, "late")
    with late:
        assert late.wait(lambda: late.on(retained["status"]) and late.on(retained["health"]), 3)
    assert late.on(retained["status"])[-1].payload == b"online"
    assert late.on(retained["status"])[-1].retain
    assert json.loads(late.on(retained["health"])[-1].payload)["degraded"] == []
