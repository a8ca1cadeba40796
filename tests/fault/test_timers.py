"""Delayed commands on a real broker: in time, over a restart, called off, refused."""

import time

import pytest
from support import Rig, pick

DEVICES = ("kitchen_light", "zigbee_bridge", "desk_lamp")


def test_it_is_done_in_time_and_told(rig):
    hall = rig(*pick(*DEVICES))
    said_at = time.monotonic()
    answer = hall.ask("turn on kitchen light in 2 seconds")
    assert (answer["status"], answer["calls"][0]["outcome"]) == ("ok", "planned")
    assert answer["text"] == "In 2 seconds I'll turn on the Kitchen Light."
    assert [shown["text"] for shown in hall.control("timers")["timers"]] == [
        "turn on the Kitchen Light"
    ]
    assert hall.sent() == []
    done = hall.answer(f"{answer['id']}.1")
    assert 2 <= time.monotonic() - said_at < 4
    assert (done["status"], done["request"]) == ("ok", answer["id"])
    assert len(hall.sent("kitchen_light")) == 1
    assert hall.control("timers")["timers"] == []
    # The last event follows the answer; by now another answer has come after it.
    assert hall.events(done["id"]) == ["confirmed", "answered"]


@pytest.mark.parametrize("how", ["by its id", "cancel that"])
def test_what_is_called_off_is_not_done(rig, how):
    hall = rig(*pick(*DEVICES))
    answer = hall.ask("turn on kitchen light in 1 second", conversation_id="sofa")
    if how == "cancel that":
        reply = hall.ask(how, conversation_id="sofa")
    else:
        reply = hall.control("cancel", timer=f"{answer['id']}.1")
    assert reply["text"] == "Okay, I won't turn on the Kitchen Light."
    time.sleep(1.3)
    assert hall.sent() == []


def test_it_outlives_the_daemon(mosquitto, tmp_path):
    kept = (f"agent.state_dir={tmp_path}",)
    with Rig(mosquitto.url, [*pick(*DEVICES)], kept) as before:
        answer = before.ask("turn on kitchen light in 3 seconds")
    with Rig(mosquitto.url, [*pick(*DEVICES)], kept) as after:
        done = after.answer(f"{answer['id']}.1")
        assert (done["status"], len(after.sent("kitchen_light"))) == ("ok", 1)
