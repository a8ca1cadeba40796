"""What is put off: said at once, done in time, undone, called off, refused and told."""

import asyncio
import itertools
from dataclasses import replace

import pytest
from msgspec.structs import replace as replace_in

from edge_agent.core.command import Command
from edge_agent.core.entity import Origin, Range, Risk
from edge_agent.core.interlock import Control, Requirement, Rule
from edge_agent.core.policy import Policy, Verdict
from edge_agent.core.registry import Changes
from edge_agent.core.state import Availability
from edge_agent.service.executor import Interlocks
from edge_agent.service.request import Request
from edge_agent.service.store import Disk, Store
from edge_agent.service.timers import LATEST, MOST, RECALL_TIME

ANSWERS = {
    "heater off in 10 minutes": "turn off heater in 10 minutes",
    "heater off in 5 minutes": "turn off heater",
    "heater off in 10 minutes, tomorrow": "turn off heater in 10 minutes",
    "do not turn the heater off in 10 minutes": "turn off heater in 10 minutes",
    "heater off at 7:30": "turn off heater at 7:30",
    "heater off at 23:15": "turn off heater at 23:15",
    "heater on for 2 hours": "turn on heater for 2 hours",
    "heater on for 3 hours": "turn on heater for 3 hours",
    "heater on by one and off by two": "turn on heater at 1:00; turn off heater at 2:00",
    "heater on, off in 10 minutes": "turn on heater; turn off heater in 10 minutes",
    "heater and fan off in 10 minutes": (
        "turn off heater in 10 minutes; turn off bedroom fan in 10 minutes"
    ),
    "unlock the front door in 10 minutes": "unlock front door in 10 minutes",
    "unlock the front door for 10 minutes": "unlock front door for 10 minutes",
    "lock the front door for 10 minutes": "lock front door for 10 minutes",
    "press the door bell for 10 minutes": "press door bell for 10 minutes",
    "ceiling light on in 10 minutes": "turn on ceiling light in 10 minutes",
    "ceiling light on in 10 minutes, kitchen": "turn on kitchen ceiling light in 10 minutes",
    "sofa lamp to 400 in 10 minutes": "set sofa lamp brightness to 400 in 10 minutes",
    "sofa lamp brighter in 10 minutes": "increase sofa lamp brightness in 10 minutes",
    "sofa lamp to 80 for 10 minutes": "set sofa lamp brightness to 80 for 10 minutes",
    "sofa lamp brighter for 10 minutes": "increase sofa lamp brightness for 10 minutes",
    "all lights on for 10 minutes": "turn on all lights for 10 minutes",
    "if the outdoor temperature is below 5 heater on in 10 minutes": (
        "if outdoor temperature is below 5 then turn on heater in 10 minutes"
    ),
    "heater off": "turn off heater",
}
HEATER_OFF = [("set/switch.heater/power", "off")]
HEATER_ON = [("set/switch.heater/power", "on")]
IDS = itertools.count()


@pytest.fixture
def rig(make_rig):
    return make_rig(ANSWERS)


def say(rig, text, *, origin=Origin.VOICE, conversation="sofa", **more):
    """The response to a sentence, through the agent."""
    request = Request(f"r{next(IDS)}", text, origin, conversation, rig.clock.now, **more)

    async def play():
        await rig.agent.hear(request)
        return (await rig.answer()).body

    return rig.run(play)


def control(rig, **body):
    async def play():
        rig.say({"id": f"c{next(IDS)}", **body}, name="control")
        return (await rig.answer()).body

    return rig.run(play)


def outcomes(reply):
    return [(call["device"], call["action"], call["outcome"]) for call in reply["calls"]]


@pytest.mark.parametrize("origin", list(Origin))
@pytest.mark.parametrize(
    ("text", "told", "seconds", "sent"),
    [
        (
            "heater off in 10 minutes",
            "In 10 minutes I'll turn off the heater.",
            600,
            HEATER_OFF,
        ),
        ("heater off at 23:15", "At 23:15 I'll turn off the heater.", 3.25 * 3600, HEATER_OFF),
        (
            "heater off at 7:30",
            "At 7:30 tomorrow I'll turn off the heater.",
            11.5 * 3600,
            HEATER_OFF,
        ),
        (
            "heater and fan off in 10 minutes",
            "In 10 minutes I'll turn off the heater and turn off the bedroom fan.",
            600,
            [*HEATER_OFF, ("set/fan.bedroom/power", "off")],
        ),
    ],
)
def test_it_is_said_at_once_and_done_in_time(rig, origin, text, told, seconds, sent):
    reply = say(rig, text, origin=origin)
    assert (reply["status"], reply["text"]) == ("ok", told)
    assert {call["outcome"] for call in reply["calls"]} == {"planned"}
    assert rig.later(seconds - 1) == []
    assert rig.link.to_devices == []
    (done,) = rig.later(1)
    assert done["id"] == f"{reply['id']}.1"
    assert (done["request"], done["conversation_id"]) == (reply["id"], "sofa")
    assert done["status"] == "ok"
    assert done["text"].startswith("The heater ")
    assert rig.link.to_devices == sent
    assert rig.link.events[-2:] == ["confirmed", "answered"]
    assert rig.later(3600) == []


def test_two_times_in_one_sentence_are_kept_apart(rig):
    reply = say(rig, "heater on by one and off by two")
    assert reply["text"] == (
        "At 1:00 tomorrow I'll turn on the heater. At 2:00 tomorrow I'll turn off the heater."
    )
    assert [shown["in_seconds"] for shown in control(rig, op="timers")["timers"]] == [18000, 21600]
    (on,) = rig.later(5 * 3600)
    (off,) = rig.later(3600)
    assert [on["id"], off["id"]] == [f"{reply['id']}.1", f"{reply['id']}.2"]
    assert rig.link.to_devices == HEATER_ON + HEATER_OFF


def test_what_is_for_now_is_done_now(rig):
    reply = say(rig, "heater on, off in 10 minutes")
    assert reply["text"] == "The heater is on. In 10 minutes I'll turn off the heater."
    assert [call["outcome"] for call in reply["calls"]] == ["confirmed", "planned"]
    assert rig.link.to_devices == HEATER_ON
    rig.later(600)
    assert rig.link.to_devices == HEATER_ON + HEATER_OFF


def test_dry_run_says_what_it_would_do_and_keeps_nothing(rig):
    rig.observe("switch.heater", "power", "off")
    reply = say(rig, "heater off in 10 minutes", dry_run=True)
    assert reply["text"] == "In 10 minutes I would turn off the heater."
    reply = say(rig, "heater on for 2 hours", dry_run=True)
    assert reply["text"] == "I would turn on the heater. In 2 hours I would turn off the heater."
    assert {call["outcome"] for call in reply["calls"]} == {"planned"}
    assert len(rig.timers) == 0
    assert rig.link.to_devices == []


def test_jumps_of_the_wall_clock_do_not_move_an_interval(rig):
    say(rig, "heater off in 10 minutes")
    rig.later(300)
    for jump in (3600, -7200, 10 * 365 * 86400):
        rig.time.wall += jump
        assert rig.later(99) == []
    assert len(rig.later(3)) == 1


def test_a_time_of_day_follows_the_wall_clock_while_it_is_right(rig):
    say(rig, "heater off at 23:15")
    rig.later(60)
    rig.time.wall += 3600
    assert rig.later(2.25 * 3600 - 61) == []
    assert len(rig.later(1)) == 1


def test_a_time_of_day_goes_on_by_the_last_right_clock(rig):
    say(rig, "heater off at 23:15")
    rig.later(60)
    rig.time.synchronised = False
    rig.time.wall -= 86400
    assert rig.later(3.25 * 3600 - 61) == []
    assert len(rig.later(1)) == 1


def test_without_a_right_clock_a_time_of_day_is_refused_and_an_interval_is_not(rig):
    rig.time.synchronised = False
    reply = say(rig, "heater off at 7:30")
    assert (reply["status"], reply["reason"]) == ("rejected", "the clock is not synchronised")
    assert "what time it is" in reply["text"]
    assert say(rig, "heater off in 10 minutes")["status"] == "ok"
    assert [shown["due"] for shown in control(rig, op="timers")["timers"]] == [None]


def test_what_is_for_a_while_goes_back_to_what_was_observed(rig):
    rig.observe("switch.heater", "power", "off")
    reply = say(rig, "heater on for 2 hours")
    assert reply["text"] == "The heater is on. In 2 hours I'll turn off the heater."
    assert outcomes(reply) == [
        ("switch.heater", "turn_on", "confirmed"),
        ("switch.heater", "turn_off", "planned"),
    ]
    assert rig.later(7199) == []
    (done,) = rig.later(1)
    assert done["text"] == "The heater is off."
    assert rig.link.to_devices == HEATER_ON + HEATER_OFF


def test_for_longer_goes_back_once_to_what_was_before_both(rig):
    rig.observe("switch.heater", "power", "off")
    say(rig, "heater on for 2 hours")
    rig.later(3600)
    assert say(rig, "heater on for 3 hours")["text"].endswith(
        "In 3 hours I'll turn off the heater."
    )
    assert len(rig.timers) == 1
    assert rig.later(3600) == []
    assert len(rig.later(7200)) == 1


def test_for_longer_that_is_refused_leaves_what_was_said_before(rig):
    rig.observe("switch.heater", "power", "off")
    say(rig, "heater on for 2 hours")
    gone = Availability("switch.heater", available=False)
    rig.devices.state.observe(gone, rig.clock.now, retained=False)
    assert say(rig, "heater on for 3 hours")["status"] == "error"
    back = Availability("switch.heater", available=True)
    rig.devices.state.observe(back, rig.clock.now, retained=False)
    assert len(rig.later(7200)) == 1
    assert rig.link.to_devices == HEATER_ON + HEATER_OFF


def test_a_level_goes_back_and_a_lamp_that_was_off_goes_off(rig):
    rig.observe("light.sofa", "power", "on")
    rig.observe("light.sofa", "brightness", 30.0)
    reply = say(rig, "sofa lamp brighter for 10 minutes")
    assert reply["text"].endswith("In 10 minutes I'll set the sofa lamp brightness to 30 percent.")
    rig.later(600)
    rig.observe("light.sofa", "power", "off")
    reply = say(rig, "sofa lamp to 80 for 10 minutes")
    assert reply["text"].endswith("In 10 minutes I'll turn off the sofa lamp.")


def test_a_level_is_not_put_back_on_a_lamp_that_was_switched_off_since(rig):
    rig.observe("light.sofa", "power", "on")
    rig.observe("light.sofa", "brightness", 30.0)
    say(rig, "sofa lamp to 80 for 10 minutes")
    sent = list(rig.link.to_devices)
    rig.observe("light.sofa", "power", "off")
    (left,) = rig.later(600)
    assert left["text"].endswith("The sofa lamp is off, so I left it as it is.")
    assert rig.link.to_devices == sent


def test_of_several_those_go_back_that_were_changed(rig):
    for light, power in (("sofa", "on"), ("desk", "off"), ("kitchen", "off"), ("bedroom", "off")):
        rig.observe(f"light.{light}", "power", power)
    reply = say(rig, "all lights on for 10 minutes")
    planned = {call["device"] for call in reply["calls"] if call["outcome"] == "planned"}
    assert planned == {"light.desk", "light.kitchen", "light.bedroom"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("heater on for 2 hours", "the value before is not known"),
        ("press the door bell for 10 minutes", "the value before is not known"),
        ("unlock the front door for 10 minutes", "not for a while: that is a security action"),
        ("lock the front door for 10 minutes", "not for a while: that is a security action"),
    ],
)
@pytest.mark.parametrize("stale", [True, False])
@pytest.mark.parametrize("origin", list(Origin))
def test_what_cannot_be_undone_is_not_done(rig, text, reason, stale, origin):
    rig.observe("lock.front", "lock", "unlocked" if text.startswith("lock") else "locked")
    if stale:
        rig.observe("switch.heater", "power", "off")
        rig.devices.connection_lost()
        rig.observe("lock.front", "lock", "unlocked" if text.startswith("lock") else "locked")
    reply = say(rig, text, origin=origin)
    assert (reply["status"], reply["reason"]) == ("rejected", reason)
    assert (rig.link.to_devices, len(rig.timers)) == ([], 0)


def test_what_is_so_already_is_asked_about(rig):
    rig.observe("switch.heater", "power", "on")
    reply = say(rig, "heater on for 2 hours")
    assert reply["status"] == "clarify"
    assert reply["text"] == "The heater is on. Shall I turn off the heater in 2 hours?"
    assert say(rig, "yes")["text"] == "In 2 hours I'll turn off the heater."
    rig.observe("light.sofa", "brightness", 80.0)
    reply = say(rig, "sofa lamp to 80 for 10 minutes")
    assert (reply["status"], reply["reason"]) == ("rejected", "there is nothing to undo")
    assert rig.link.to_devices == []


@pytest.mark.parametrize("fault", ["silent", "away"])
def test_a_thing_that_may_have_happened_is_undone_and_a_refused_one_is_not(rig, fault):
    rig.observe("switch.heater", "power", "off")
    if fault == "away":
        gone = Availability("switch.heater", available=False)
        rig.devices.state.observe(gone, rig.clock.now, retained=False)
    rig.link.react = rig.ignore
    reply = say(rig, "heater on for 2 hours")
    assert reply["status"] == "error"
    assert len(rig.timers) == (fault == "silent")
    assert ("In 2 hours" in reply["text"]) == (fault == "silent")


def test_steps_are_decided_when_they_are_accepted(rig):
    rig.observe("light.sofa", "brightness", 35.0)
    say(rig, "sofa lamp brighter in 10 minutes")
    rig.observe("light.sofa", "brightness", 90.0)
    rig.later(600)
    assert rig.link.to_devices == [("set/light.sofa/brightness", "45.0")]


def test_what_cannot_be_done_is_refused_now(rig):
    reply = say(rig, "sofa lamp to 400 in 10 minutes")
    assert (reply["status"], outcomes(reply)[0][2]) == ("rejected", "refused")
    assert len(rig.timers) == 0


def test_a_condition_is_decided_when_it_is_due(rig):
    text = "if the outdoor temperature is below 5 heater on in 10 minutes"
    rig.observe("sensor.outdoor", "temperature", 9.0)
    reply = say(rig, text)
    assert reply["text"] == (
        "In 10 minutes I'll turn on the heater if the outdoor temperature is below 5 degrees."
    )
    (unmet,) = rig.later(600)
    assert (unmet["status"], unmet["reason"]) == ("ok", "condition not met")
    assert unmet["text"].endswith("The outdoor temperature is 9 degrees. So I did nothing.")
    assert rig.link.to_devices == []
    say(rig, text)
    rig.observe("sensor.outdoor", "temperature", 3.0)
    assert rig.later(600)[0]["text"] == "The heater is on."


def test_which_one_is_asked_before_when(rig):
    assert say(rig, "ceiling light on in 10 minutes")["reason"] == "ambiguous target"
    reply = say(rig, "kitchen")
    assert reply["text"] == "In 10 minutes I'll turn on the Kitchen ceiling light."


@pytest.mark.parametrize(
    ("text", "question"),
    [
        (
            "heater off in 5 minutes",
            "I did not understand the time. Shall I turn off the heater now?",
        ),
        (
            "heater off in 10 minutes, tomorrow",
            "I did not understand the time. Shall I turn off the heater in 10 minutes?",
        ),
        (
            "do not turn the heater off in 10 minutes",
            "I heard a not. Shall I turn off the heater in 10 minutes?",
        ),
    ],
)
def test_what_the_plan_leaves_out_is_asked_about(rig, text, question):
    reply = say(rig, text)
    assert (reply["status"], reply["text"]) == ("clarify", question)
    assert (rig.link.to_devices, len(rig.timers)) == ([], 0)
    assert say(rig, "yes")["status"] == "ok"


# Permission: asked for when it is accepted, and again when it is due


def test_unlocking_later_needs_the_same_permission_as_now(rig):
    reply = say(rig, "unlock the front door in 10 minutes")
    assert (reply["status"], reply["reason"]) == ("clarify", "that is a security action")
    assert reply["text"] == "Shall I unlock the front door lock in 10 minutes?"
    assert len(rig.timers) == 0
    assert say(rig, "yes")["text"] == "In 10 minutes I'll unlock the front door lock."
    rig.later(600)
    assert rig.link.to_devices == [("set/lock.front/lock", "unlocked")]


def test_unlocking_later_needs_the_pin(make_rig):
    rig = make_rig(ANSWERS, policy=Policy(pin="2468"))
    text = "unlock the front door in 10 minutes"
    assert "PIN" in say(rig, text)["text"]
    assert say(rig, "1111")["reason"] == "wrong PIN"
    assert len(rig.timers) == 0
    assert say(rig, text, pin="2468")["status"] == "ok"
    assert rig.later(600)[0]["status"] == "ok"


def test_denied_entity_is_not_put_off(make_rig):
    rig = make_rig(ANSWERS, policy=Policy(deny=("switch.*",)))
    assert say(rig, "heater off in 10 minutes")["reason"] == "the configuration forbids it"
    assert len(rig.timers) == 0


ASKS = {origin: dict.fromkeys(Risk, Verdict.CONFIRM) for origin in Origin}


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (Policy(deny=("switch.*",)), "the configuration forbids it"),
        (Policy(ASKS), "by now that has to be confirmed first"),
    ],
)
def test_policy_that_became_stricter_is_obeyed_and_told(rig, policy, reason):
    say(rig, "heater off in 10 minutes")
    rig.turn.policy = policy
    (told,) = rig.later(600)
    assert (told["status"], told["reason"]) == ("rejected", reason)
    assert told["text"].startswith("I was to turn off the heater. The heater: ")
    assert rig.link.to_devices == []
    assert rig.link.events[-2:] == ["refused", "answered"]


DRIVING = Interlocks(
    (
        Rule(
            frozenset({Control("switch.heater", "power")}),
            ("*",),
            (Requirement("speed", at_most=0, otherwise="the car is moving"),),
        ),
    ),
    {"speed": Control("sensor.outdoor", "temperature")},
)


@pytest.mark.parametrize(
    ("speed", "age", "reason"),
    [
        (0.0, 0.0, None),
        (0.0, 1.9, None),
        (0.0, 2.1, "the speed is not known"),
        (50.0, 0.0, "the car is moving"),
        (None, 0.0, "the speed is not known"),
    ],
)
def test_interlocks_hold_when_it_is_due(make_rig, speed, age, reason):
    rig = make_rig(ANSWERS, interlocks=DRIVING)
    rig.observe("sensor.outdoor", "temperature", 0.0)
    assert say(rig, "heater off in 10 minutes")["status"] == "ok"
    rig.time.pass_(600 - age)
    if speed is not None:
        rig.observe("sensor.outdoor", "temperature", speed)
    (told,) = rig.later(age)
    assert told.get("reason") == reason
    assert rig.link.to_devices == ([] if reason else HEATER_OFF)


def test_device_that_is_gone_by_then_is_refused_and_told(rig):
    say(rig, "heater and fan off in 10 minutes")
    rig.devices.registry = rig.devices.registry.apply(Changes(remove=("switch.heater",)))
    (told,) = rig.later(600)
    assert told["status"] == "rejected"
    assert "The heater is not there any more." in told["text"]
    assert outcomes(told)[0] == ("switch.heater", "turn_off", "refused")
    assert rig.link.to_devices == [("set/fan.bedroom/power", "off")]


def test_device_that_cannot_do_it_any_more_is_told(rig):
    rig.observe("light.sofa", "brightness", 35.0)
    say(rig, "sofa lamp brighter in 10 minutes")
    lamp = rig.devices.registry.entities["light.sofa"]
    dull = replace(lamp, capabilities=lamp.capabilities[:1])
    rig.devices.registry = rig.devices.registry.apply(Changes(upsert=(dull,)))
    (told,) = rig.later(600)
    assert (told["status"], rig.link.to_devices) == ("rejected", [])
    small = replace(lamp.capabilities[1], domain=Range(0, 40))
    rig.devices.registry = rig.devices.registry.apply(
        Changes(upsert=(replace(lamp, capabilities=(small,)),))
    )
    say(rig, "heater off in 10 minutes")
    timer = rig.timers.pending()[0]
    item = replace_in(timer.items[0], command=Command("light.sofa", "brightness", 45.0))
    rig.timers.replace(replace_in(timer, items=(item,)))
    (told,) = rig.later(600)
    assert (told["reason"], rig.link.to_devices) == ("it cannot do that any more", [])


def test_device_that_is_out_of_reach_by_then_is_told(rig):
    say(rig, "heater off in 10 minutes")
    gone = Availability("switch.heater", available=False)
    rig.devices.state.observe(gone, rig.clock.now, retained=False)
    (told,) = rig.later(600)
    assert told["status"] == "error"
    assert told["text"] == "I was to turn off the heater. The heater: it cannot be reached."


def test_what_was_missed_for_too_long_is_told_and_never_done(rig):
    say(rig, "heater off in 10 minutes")
    (told,) = rig.later(600 + LATEST + 1)
    assert (told["status"], told["reason"]) == ("rejected", "missed")
    assert told["text"] == "I could not turn off the heater when it was time, so I left it."
    assert (rig.link.to_devices, len(rig.timers)) == ([], 0)


@pytest.mark.parametrize(("away", "sent"), [(LATEST - 1, HEATER_OFF), (LATEST + 1, [])])
def test_without_the_broker_it_waits_a_little(rig, away, sent):
    say(rig, "heater off in 10 minutes")
    rig.link.connected = False
    assert rig.later(600) == []
    rig.time.pass_(away)
    rig.link.connected = True
    assert len(rig.later(0)) == 1
    assert rig.link.to_devices == sent


# Listed and called off


def test_timers_are_listed_in_words(rig):
    reply = say(rig, "heater off at 7:30")
    say(rig, "heater off in 10 minutes")
    listed = control(rig, op="timers")
    assert listed["text"] == "There are 2 delayed commands."
    assert listed["timers"][1] == {
        "id": f"{reply['id']}.1",
        "text": "turn off the heater",
        "due": "2026-03-03T07:30:00+00:00",
        "in_seconds": 41400.0,
        "conversation_id": "sofa",
    }
    assert listed["timers"][0]["in_seconds"] == 600.0


def test_one_timer_is_cancelled_by_its_id(rig):
    first = say(rig, "heater off in 10 minutes")["id"]
    say(rig, "heater on, off in 10 minutes")
    assert control(rig, op="cancel", timer=f"{first}.1")["text"] == (
        "Okay, I won't turn off the heater."
    )
    assert len(rig.timers) == 1
    assert len(rig.later(600)) == 1
    unknown = control(rig, op="cancel", timer=f"{first}.1")
    assert unknown["status"] == "error"
    assert "none are pending" in unknown["text"]


@pytest.mark.parametrize("timer", [None, 5, ["r1.1"], {}])
def test_cancelling_a_timer_that_is_none_cancels_nothing(rig, timer):
    say(rig, "heater off in 10 minutes")
    assert control(rig, op="cancel", timer=timer)["status"] == "error"
    assert len(rig.timers) == 1


def test_cancel_without_a_timer_leaves_them_and_says_so(rig):
    say(rig, "heater off in 10 minutes")
    assert control(rig, op="cancel")["text"] == "Okay, cancelled. 1 delayed command stays."
    assert len(rig.timers) == 1


@pytest.mark.parametrize("words", ["cancel that", "never mind", "stop"])
def test_cancel_that_calls_off_what_was_put_off_just_before(rig, words):
    say(rig, "heater off at 7:30")
    say(rig, "heater on by one and off by two")
    assert say(rig, words)["text"] == "Okay, I won't turn on the heater and turn off the heater."
    assert len(rig.timers) == 1


def test_cancel_that_while_the_device_is_waited_for_promises_nothing(make_rig):
    rig = make_rig(ANSWERS, confirm_timeout=2.0)
    rig.link.react = rig.ignore

    async def play():
        rig.say({"id": "a", "text": "heater on, off in 10 minutes", "conversation_id": "sofa"})
        while len(rig.timers) == 0:
            await asyncio.sleep(0.001)
        rig.clock.now += 1
        stop = {"id": "b", "text": "cancel that", "conversation_id": "sofa"}
        rig.say(stop)
        rig.report("state/light.sofa/power", "on")  # whatever happens wakes who waits
        return sorted([(await rig.answer()).body for _ in range(2)], key=lambda one: one["id"])

    first, second = rig.run(play)
    assert "In 10 minutes" not in first["text"]
    assert second["text"] == "Okay, I won't turn off the heater."
    assert len(rig.timers) == 0


@pytest.mark.parametrize("between", ["conversation", "origin", "time", "sentence"])
def test_cancel_that_means_nothing_else(rig, between):
    say(rig, "heater off in 10 minutes")
    more = {}
    match between:
        case "conversation":
            more = {"conversation": "another"}
        case "origin":
            more = {"origin": Origin.COMMAND}
        case "time":
            rig.time.pass_(RECALL_TIME + 1)
        case _:
            say(rig, "heater off")
    assert say(rig, "cancel that", **more)["text"] == "Okay, cancelled."
    assert len(rig.timers) == 1


def test_there_is_a_limit_and_nothing_is_done_beyond_it(rig):
    say(rig, "heater off in 10 minutes")
    (one,) = rig.timers.pending()
    rig.timers.add([replace_in(one, id=f"more.{number}") for number in range(1, MOST)])
    rig.observe("switch.heater", "power", "off")
    reply = say(rig, "heater on for 2 hours")
    assert (reply["status"], reply["reason"]) == ("rejected", "too many timers")
    assert reply["text"] == "I have 64 delayed commands already; cancel one first."
    assert rig.link.to_devices == []


def test_a_request_that_is_repeated_is_put_off_once(rig):
    async def play():
        rig.say({"id": "a", "text": "heater off in 10 minutes"})
        first = (await rig.answer()).body
        rig.say({"id": "a", "text": "heater off in 10 minutes"})
        return first, (await rig.answer()).body

    first, second = rig.run(play)
    assert (first["status"], second["status"]) == ("ok", "rejected")
    assert len(rig.timers) == 1


# Over a restart


@pytest.fixture
def restarted(make_rig, tmp_path):
    """Return a function: the machine `seconds` later, in this run of it or in another one."""

    def start(seconds=0.0, *, boot="one", before=None, synchronised=True, **more):
        now = 1000.0 if before is None else before.clock.now + seconds
        wall = {} if before is None else {"wall": before.time.wall + seconds}
        again = make_rig(
            ANSWERS, state=tmp_path, boot=boot, now=now if boot == "one" else 5.0, **wall, **more
        )
        again.time.synchronised = synchronised
        return again

    return start


@pytest.mark.parametrize("boot", ["one", "two"])
@pytest.mark.parametrize("text", ["heater off in 10 minutes", "heater off at 23:15"])
def test_timers_survive_a_restart(restarted, boot, text):
    rig = restarted()
    before = say(rig, text)
    seconds = 600 if "in" in text else 3.25 * 3600
    again = restarted(100, boot=boot, before=rig)
    assert again.later(seconds - 101) == []
    (done,) = again.later(1)
    assert done["id"] == f"{before['id']}.1"
    assert again.link.to_devices == HEATER_OFF
    assert len(restarted(700, boot=boot, before=rig).timers) == 0


@pytest.mark.parametrize("boot", ["one", "two"])
def test_what_was_due_while_it_was_off_is_told_and_not_done(restarted, boot):
    rig = restarted()
    say(rig, "heater off in 10 minutes")
    again = restarted(600 + LATEST + 1, boot=boot, before=rig)
    (told,) = again.later(0)
    assert (told["reason"], again.link.to_devices) == ("missed", [])


def test_after_a_power_cut_timers_wait_for_a_right_clock(restarted):
    rig = restarted()
    say(rig, "heater off in 10 minutes")
    again = restarted(-3600, boot="two", before=rig, synchronised=False)
    assert again.later(700) == []
    assert again.timers.problems == [
        "1 delayed command cannot be timed before the clock is synchronised"
    ]
    again.time.wall = rig.time.wall + 599
    again.time.synchronised = True
    assert again.later(0) == []
    assert again.later(1)[0]["status"] == "ok"


def test_an_interval_that_nothing_can_tell_any_more_is_told(restarted):
    rig = restarted(synchronised=False)
    say(rig, "heater off in 10 minutes")
    again = restarted(1, boot="two", before=rig)
    (told,) = again.later(0)
    assert (told["reason"], again.link.to_devices) == ("missed", [])


def test_after_a_start_it_waits_for_a_device_to_announce_itself(restarted, home):
    rig = restarted()
    say(rig, "heater off in 10 minutes")
    again = restarted(600, before=rig)
    known = again.devices.registry
    again.devices.registry = known.apply(Changes(remove=("switch.heater",)))
    assert again.later(1) == []
    again.devices.registry = known
    assert len(again.later(1)) == 1
    assert again.link.to_devices == HEATER_OFF


def test_values_and_conditions_come_back_as_they_were(restarted):
    rig = restarted()
    rig.observe("light.sofa", "brightness", 35.0)
    say(rig, "sofa lamp brighter in 10 minutes")
    say(rig, "if the outdoor temperature is below 5 heater on in 10 minutes")
    again = restarted(1, before=rig)
    assert again.timers.pending() == rig.timers.pending()
    assert again.timers.pending()[0].items[0].command == Command("light.sofa", "brightness", 45.0)


@pytest.mark.parametrize(
    "document",
    [b"", b"null", b"[]", b"{}", b'{"version": 9, "boot": "", "timers": []}', b"\xff", b"[" * 5000],
)
def test_a_file_of_another_kind_is_told_and_forgotten(restarted, tmp_path, document):
    Store(tmp_path, "timers.json", Disk()).save(document)
    rig = restarted()
    assert len(rig.timers) == 0
    assert "is damaged" in rig.timers.problems[0]


def test_without_a_place_to_keep_them_health_says_what_would_be_lost(rig):
    assert rig.timers.problems == []
    say(rig, "heater off in 10 minutes")
    assert rig.timers.problems == [
        "a restart would lose 1 delayed command: agent.state_dir is not set"
    ]
