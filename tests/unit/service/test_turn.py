"""A sentence comes in, one reply goes out: permission, questions back, dry runs, outcomes."""

import pytest

from edge_agent.core.entity import Origin, Risk
from edge_agent.core.interlock import Control, Requirement, Rule
from edge_agent.core.policy import Policy, Verdict
from edge_agent.core.registry import Changes
from edge_agent.core.state import Availability
from edge_agent.language.confidence import Calibration
from edge_agent.language.dialogue import RECALL_TIME
from edge_agent.language.interpreter import Interpreter
from edge_agent.language.prompt import CANDIDATES, Mark
from edge_agent.service.executor import Interlocks
from edge_agent.service.request import Request
from edge_agent.service.response import Status
from edge_agent.service.worker import Loaded

ANSWERS = {
    "sofa lamp on": "turn on sofa lamp",
    "sofa lamp on please": "turn on sofa lamp",
    "unlock the front door": "unlock front door",
    "lock the front door": "lock front door",
    "open the garage door": "open garage door",
    "ceiling light on": "turn on ceiling light",
    "ceiling light on, the kitchen one": "turn on kitchen",
    "ceiling light on, kitchen": "turn on kitchen",
    "all lights off": "turn off all lights",
    "is the front door locked": "is front door locked",
    "is the front door unlocked": "is front door locked",
    "sofa lamp to 400": "set sofa lamp brightness to 400",
    "sofa lamp brighter": "increase sofa lamp brightness",
    "do not turn on the sofa lamp": "turn on sofa lamp",
    "heater on if the outdoor temperature is below 5": (
        "if outdoor temperature is below 5 then turn on heater"
    ),
    "sofa lamp on and front door unlocked": "turn on sofa lamp; unlock front door",
    "press the door bell": "press door bell",
    "heat the hall": "set hall thermostat mode to heat",
    "turn it off again": "turn off sofa lamp",
    "is the outdoor temperature below 5": "is outdoor temperature below 5",
    "heater off in 5 minutes": "turn off heater",
    "all lights but the desk lamp off": "turn off all lights except desk lamp",
}
ASKS = {Origin.COMMAND: dict.fromkeys(Risk, Verdict.CONFIRM)}
ASKS[Origin.VOICE] = ASKS[Origin.COMMAND]
UNLOCKED = [("set/lock.front/lock", "unlocked")]
LOCKS = ["set/lock.back/lock", "set/lock.front/lock"]


@pytest.fixture
def rig(make_rig):
    return make_rig(ANSWERS)


class Voice:
    """A speaker: every sentence is a turn of one conversation."""

    def __init__(self, rig):
        self.rig = rig
        self.events = []

    def __call__(self, text, *, conversation="voice", origin=Origin.VOICE, **more):
        request = Request(text, text, origin, conversation, self.rig.clock.now, **more)

        def report(event, _request, /, **details):
            self.events.append(event)

        async def play():
            return await self.rig.turn.take(request, lambda: False, report)

        return self.rig.run(play)


def test_command_is_carried_out_and_told(rig):
    voice = Voice(rig)
    reply = voice("sofa lamp on")
    assert (reply.status, reply.text) == (Status.OK, "The sofa lamp is on.")
    (call,) = reply.calls
    assert (call.device, call.name, call.action, call.params, call.outcome) == (
        "light.sofa", "sofa lamp", "turn_on", {}, "confirmed",
    )  # fmt: skip
    assert reply.confidence > 0.9
    assert voice.events == ["decided", "confirmed"]


def test_dead_device_is_an_error_and_never_ok(rig):
    rig.link.react = rig.ignore
    reply = Voice(rig)("sofa lamp on")
    assert (reply.status, reply.text) == (Status.ERROR, "No answer from the sofa lamp.")
    assert [call.outcome for call in reply.calls] == ["timeout"]


def test_device_without_feedback_is_told_as_sent(rig):
    reply = Voice(rig)("press the door bell")
    assert (reply.status, reply.calls[0].outcome) == (Status.OK, "sent")
    assert "does not report back" in reply.text


def test_value_out_of_range_is_rejected_and_nothing_is_sent(rig):
    reply = Voice(rig)("sofa lamp to 400")
    assert reply.status is Status.REJECTED
    assert "only 0 to 100 percent" in reply.text
    assert rig.link.to_devices == []


def test_nothing_here_can_do_that(rig):
    reply = Voice(rig)("make me a sandwich")
    assert (reply.status, reply.calls) == (Status.UNSUPPORTED, ())


@pytest.mark.parametrize("text", ["is the front door locked", "is the front door unlocked"])
def test_question_is_answered_and_moves_nothing(rig, text):
    rig.observe("lock.front", "lock", "locked")
    reply = Voice(rig)(text)
    assert (reply.status, reply.text) == (Status.OK, "Yes, the front door lock is locked.")
    assert reply.calls == ()
    assert rig.link.sent == []


def test_question_whose_answer_is_a_command_moves_nothing(make_rig):
    rig = make_rig({"is the front door unlocked": "unlock front door"})
    assert Voice(rig)("is the front door unlocked").status is Status.UNSUPPORTED
    assert rig.link.sent == []


def test_locking_never_asks_and_unlocking_by_voice_does(rig):
    voice = Voice(rig)
    assert voice("lock the front door").status is Status.OK
    rig.link.sent.clear()
    reply = voice("unlock the front door")
    assert (reply.status, reply.text) == (Status.CLARIFY, "Shall I unlock the front door lock?")
    assert rig.link.sent == []
    assert voice("yes").status is Status.OK
    assert rig.link.to_devices == UNLOCKED


def test_all_doors_are_locked_in_one_sentence_and_unlocked_in_none(make_rig):
    said = {"lock up": "lock all locks", "open up": "unlock locks"}
    rig = make_rig(said)
    voice = Voice(rig)
    assert voice("lock up").status is Status.OK
    assert sorted(topic for topic, _ in rig.link.to_devices) == LOCKS
    assert voice("open up").reason == "ambiguous target"
    assert len(rig.link.to_devices) == len(LOCKS)


def test_unlocking_by_command_acts_at_once(rig):
    assert Voice(rig)("unlock the front door", origin=Origin.COMMAND).status is Status.OK
    assert rig.link.to_devices == UNLOCKED


@pytest.mark.parametrize(
    "answer",
    ["no", "No, don't.", "what time is it", "is the front door locked", "sofa lamp on", "maybe"],
)
def test_anything_but_yes_leaves_it(rig, answer):
    voice = Voice(rig)
    voice("unlock the front door")
    voice(answer)
    assert voice("yes").status is not Status.OK
    assert not {topic for topic, _ in rig.link.to_devices} & {"set/lock.front/lock"}


def test_yes_counts_once_in_time_in_its_conversation_from_its_origin(rig):
    voice = Voice(rig)
    voice("unlock the front door")
    assert voice("yes", conversation="another").status is Status.UNSUPPORTED
    assert voice("yes", origin=Origin.COMMAND).status is Status.UNSUPPORTED
    voice("unlock the front door")
    rig.clock.now += 16
    assert voice("yes").status is Status.UNSUPPORTED
    assert rig.link.sent == []
    voice("unlock the front door")
    rig.clock.now += 14
    assert voice("yes").status is Status.OK
    assert voice("yes").status is Status.UNSUPPORTED
    assert rig.link.to_devices == UNLOCKED


def test_yes_without_a_question_does_nothing(rig):
    assert Voice(rig)("yes").status is Status.UNSUPPORTED
    assert rig.link.sent == []


@pytest.fixture
def pin_rig(make_rig):
    return make_rig(ANSWERS, policy=Policy(pin="2468"))


@pytest.mark.parametrize("pin", ["2468", " 2468 "])
def test_pin_opens_where_one_is_set(pin_rig, pin):
    voice = Voice(pin_rig)
    reply = voice("unlock the front door")
    assert reply.status is Status.CLARIFY
    assert "PIN" in reply.text
    assert voice(pin).status is Status.OK
    assert pin_rig.link.to_devices == UNLOCKED


def test_pin_may_come_with_the_command(pin_rig):
    assert Voice(pin_rig)("unlock the front door", pin="2468").status is Status.OK


def test_yes_alone_is_no_pin(pin_rig):
    voice = Voice(pin_rig)
    voice("unlock the front door")
    assert voice("yes").status is Status.CLARIFY
    assert pin_rig.link.sent == []


@pytest.mark.parametrize("pin", ["1234", "24680", "0", "\uff12\uff14\uff16\uff18"])
def test_wrong_pin_is_rejected_and_closes_the_question(pin_rig, pin):
    voice = Voice(pin_rig)
    voice("unlock the front door")
    reply = voice(pin)
    assert (reply.status, reply.reason) == (Status.REJECTED, "wrong PIN")
    assert voice("2468").status is Status.UNSUPPORTED
    assert pin_rig.link.sent == []


def test_five_wrong_pins_lock_out_even_the_right_one_for_a_while(pin_rig):
    voice = Voice(pin_rig)
    for wrong in range(5):
        assert voice("unlock the front door", pin=f"{wrong}").reason == "wrong PIN"
    assert "Too many wrong PINs" in voice("unlock the front door", pin="2468").text
    assert pin_rig.link.sent == []
    pin_rig.clock.now += 301
    assert voice("unlock the front door", pin="2468").status is Status.OK


def test_denied_entity_is_refused_with_the_whole_plan(make_rig):
    rig = make_rig(ANSWERS, policy=Policy(deny=("lock.*",)))
    reply = Voice(rig)("sofa lamp on and front door unlocked", origin=Origin.COMMAND)
    assert reply.status is Status.REJECTED
    assert "the configuration forbids it" in reply.text
    assert rig.link.sent == []


def test_one_risky_command_makes_the_whole_plan_ask(rig):
    voice = Voice(rig)
    reply = voice("sofa lamp on and front door unlocked")
    assert reply.text == "Shall I turn on the sofa lamp and unlock the front door lock?"
    assert rig.link.sent == []
    voice("yes")
    assert [topic for topic, _ in rig.link.to_devices] == [
        "set/light.sofa/power",
        "set/lock.front/lock",
    ]


def test_dry_run_publishes_nothing_and_says_what_it_would_do(rig):
    reply = Voice(rig)("sofa lamp on", dry_run=True)
    assert (reply.status, reply.text) == (Status.OK, "I would turn on the sofa lamp.")
    assert [call.outcome for call in reply.calls] == ["planned"]
    assert rig.link.sent == []


def test_yes_after_a_dry_run_does_nothing(rig):
    voice = Voice(rig)
    assert voice("unlock the front door", dry_run=True).status is Status.CLARIFY
    assert voice("yes").status is Status.UNSUPPORTED
    assert rig.link.sent == []


PARKED = Interlocks(
    (
        Rule(
            frozenset({Control("lock.front", "lock")}),
            ("unlocked",),
            (Requirement("speed", at_most=0, otherwise="the car is moving"),),
        ),
    ),
    {"speed": Control("sensor.outdoor", "temperature")},
)


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("origin", list(Origin))
def test_interlock_holds_for_every_origin_even_after_a_yes(make_rig, origin, dry_run):
    rig = make_rig(ANSWERS, interlocks=PARKED)
    rig.observe("sensor.outdoor", "temperature", 50.0)
    voice = Voice(rig)
    reply = voice("unlock the front door", origin=origin, dry_run=dry_run)
    if reply.status is Status.CLARIFY and not dry_run:
        reply = voice("yes", origin=origin)
    if reply.status is not Status.CLARIFY:
        assert (reply.status, reply.reason) == (Status.REJECTED, "the car is moving")
    assert rig.link.sent == []


def test_namesakes_are_asked_about_and_the_answer_picks(rig):
    voice = Voice(rig)
    reply = voice("ceiling light on")
    assert reply.status is Status.CLARIFY
    assert reply.text == "Which one: the Kitchen ceiling light or the Bedroom ceiling light?"
    assert rig.link.sent == []
    assert voice("the kitchen one").text == "The Kitchen ceiling light is on."
    assert rig.link.to_devices == [("set/light.kitchen/power", "on")]


@pytest.mark.parametrize("answer", ["all of them", "Both, please!"])
def test_all_of_them_is_an_answer_to_which_one(rig, answer):
    voice = Voice(rig)
    assert voice("ceiling light on").status is Status.CLARIFY
    assert voice(answer).status is Status.OK
    assert sorted(rig.link.to_devices) == [
        ("set/light.bedroom/power", "on"),
        ("set/light.kitchen/power", "on"),
    ]


def test_all_of_them_opens_no_doors(make_rig):
    rig = make_rig({"unlock the lock": "unlock lock", "all of them": "none"})
    voice = Voice(rig)
    assert voice("unlock the lock").status is Status.CLARIFY
    assert voice("all of them").status is Status.UNSUPPORTED
    assert rig.link.to_devices == []


def test_new_sentence_after_which_one_is_read_for_itself(rig):
    voice = Voice(rig)
    voice("ceiling light on")
    assert voice("sofa lamp on").text == "The sofa lamp is on."
    assert voice("kitchen").status is Status.UNSUPPORTED


def test_late_answer_to_which_one_is_a_new_sentence(rig):
    voice = Voice(rig)
    voice("ceiling light on")
    rig.clock.now += 31
    assert voice("kitchen").status is Status.UNSUPPORTED
    assert rig.link.sent == []


def test_unheeded_not_asks_before_it_acts(rig):
    voice = Voice(rig)
    reply = voice("do not turn on the sofa lamp", origin=Origin.COMMAND)
    assert (reply.status, reply.text) == (
        Status.CLARIFY,
        "I heard a not. Shall I turn on the sofa lamp?",
    )
    assert rig.link.sent == []


@pytest.mark.parametrize(
    ("logprob", "lamp", "lock"),
    [
        (-3.0, Status.OK, Status.OK),
        (-4.0, Status.OK, Status.CLARIFY),
        (-5.5, Status.CLARIFY, Status.CLARIFY),
        (-8.0, Status.UNSUPPORTED, Status.UNSUPPORTED),
    ],
)
def test_more_risk_needs_more_confidence(make_rig, logprob, lamp, lock):
    rig = make_rig(ANSWERS, logprob=logprob)
    voice = Voice(rig)
    assert voice("sofa lamp on", origin=Origin.COMMAND, conversation="a").status is lamp
    assert voice("unlock the front door", origin=Origin.COMMAND, conversation="b").status is lock


def test_yes_to_a_doubtful_reading_still_obeys_policy(make_rig):
    rig = make_rig(ANSWERS, logprob=-5.0, policy=Policy(pin="2468"))
    voice = Voice(rig)
    assert voice("unlock the front door").status is Status.CLARIFY
    assert "PIN" in voice("yes").text
    assert rig.link.sent == []


def test_yes_to_a_doubtful_reading_is_no_permission_yet(make_rig):
    rig = make_rig(ANSWERS, logprob=-5.0)
    voice = Voice(rig)
    assert voice("unlock the front door").reason == "not sure enough"
    assert voice("yes").reason == "that is a security action"
    assert rig.link.sent == []
    assert voice("yes").status is Status.OK


def test_condition_is_decided_by_what_was_observed(rig):
    voice = Voice(rig)
    text = "heater on if the outdoor temperature is below 5"
    reply = voice(text)
    assert reply.reason == "condition not met"
    assert "I do not know" in reply.text
    rig.observe("sensor.outdoor", "temperature", 9.0)
    assert voice(text).text == "The outdoor temperature is 9 degrees. So I did nothing."
    assert rig.link.sent == []
    rig.observe("sensor.outdoor", "temperature", 3.0)
    assert voice(text).text == "The heater is on."


def test_step_is_sent_as_an_absolute_value(rig):
    rig.observe("light.sofa", "brightness", 35.0)
    assert Voice(rig)("sofa lamp brighter").status is Status.OK
    assert rig.link.to_devices == [("set/light.sofa/brightness", "45.0")]


def test_expired_state_is_not_told_as_known(rig):
    rig.adapter.expiries["lock.front"] = 60.0
    rig.observe("lock.front", "lock", "locked")
    rig.clock.now += 61
    assert Voice(rig)("is the front door locked").text.startswith("I do not know")


def test_deadline_that_passes_while_it_is_read_is_kept(rig):
    rig.model.before = lambda _: setattr(rig.clock, "now", rig.clock.now + 10)
    reply = Voice(rig)("sofa lamp on", deadline=rig.clock.now + 5)
    assert (reply.status, reply.reason) == (Status.REJECTED, "expired")
    assert rig.link.sent == []


def test_all_lights_reach_every_light_and_name_what_failed(rig):
    rig.devices.state.observe(
        Availability("light.desk", available=False), rig.clock.now, retained=False
    )
    reply = Voice(rig)("all lights off")
    assert reply.status is Status.ERROR
    assert [call.outcome for call in reply.calls] == [
        "confirmed",
        "confirmed",
        "refused",
        "confirmed",
    ]
    assert "The desk lamp: it cannot be reached." in reply.text
    assert len(rig.link.to_devices) == 3


def test_device_that_vanishes_before_the_yes_is_not_commanded(rig):
    voice = Voice(rig)
    voice("unlock the front door")
    rig.adapter.home = rig.adapter.home.apply(Changes(remove=("lock.front",)))
    rig.devices.registry = rig.adapter.home
    reply = voice("yes")
    assert reply.status in {Status.REJECTED, Status.UNSUPPORTED}
    assert rig.link.sent == []


def test_question_with_a_number_is_answered_and_moves_nothing(rig):
    voice = Voice(rig)
    text = "is the outdoor temperature below 5"
    assert voice(text).text.startswith("I do not know")
    rig.observe("sensor.outdoor", "temperature", 3.0)
    assert voice(text).text == "Yes, the outdoor temperature is 3 degrees."
    rig.observe("sensor.outdoor", "temperature", 5.0)
    assert voice(text).text == "No, the outdoor temperature is 5 degrees."
    assert rig.link.sent == []


def test_exception_is_spared(rig):
    reply = Voice(rig)("all lights but the desk lamp off")
    assert reply.status is Status.OK
    assert {call.device for call in reply.calls} == {
        "light.kitchen",
        "light.sofa",
        "light.bedroom",
    }


AGAIN = "turn it off again"
OFF_AGAIN = [("set/light.sofa/power", "on"), ("set/light.sofa/power", "off")]


def test_it_is_what_was_done_just_before(rig):
    voice = Voice(rig)
    assert voice(AGAIN).status is Status.UNSUPPORTED
    voice("sofa lamp on")
    assert voice(AGAIN).text == "The sofa lamp is off."
    assert rig.link.to_devices == OFF_AGAIN


@pytest.mark.parametrize("between", ["conversation", "origin", "time", "called off"])
def test_it_is_nothing_for_others_or_too_late_or_after_a_stop(rig, between):
    voice = Voice(rig)
    voice("sofa lamp on")
    more = {}
    match between:
        case "conversation":
            more = {"conversation": "another"}
        case "origin":
            more = {"origin": Origin.COMMAND}
        case "time":
            rig.clock.now += RECALL_TIME + 1
        case _:
            rig.control.call_off(Request("1", "stop", Origin.VOICE, "voice", rig.clock.now))
    assert voice(AGAIN, **more).status is Status.UNSUPPORTED
    assert rig.link.to_devices == OFF_AGAIN[:1]


def test_it_is_what_a_question_left_alone(rig):
    voice = Voice(rig)
    voice("sofa lamp on")
    voice("is the outdoor temperature below 5")
    assert voice(AGAIN).status is Status.OK


def test_it_is_what_was_done_after_a_yes(make_rig):
    rig = make_rig(ANSWERS | {AGAIN: "turn off heater"})
    voice = Voice(rig)
    voice("sofa lamp on")
    voice("heater off in 5 minutes")
    assert voice(AGAIN).status is Status.UNSUPPORTED
    voice("heater off in 5 minutes")
    voice("yes")
    assert voice(AGAIN).text == "The heater is off."


def test_model_is_shown_what_was_done_just_before(make_rig, make_marked_model):
    model = make_marked_model(ANSWERS)
    surely = Calibration(5.0, 1.0, dict.fromkeys(Risk, 0.5), 0.2)
    rig = make_rig(load=lambda: Loaded("marked", "0" * 64, Interpreter(model, CANDIDATES, surely)))
    voice = Voice(rig)
    voice("sofa lamp on")
    voice(AGAIN)
    assert rig.link.to_devices == OFF_AGAIN
    first, second = model.prompts[-2:]
    assert Mark.BEFORE not in first
    assert f"{Mark.BEFORE} turn on sofa lamp{Mark.SAID} {AGAIN}{Mark.DO}" in second
    assert f"{Mark.NAME} sofa lamp, light in hall" in second


def test_of_several_hearings_the_first_that_makes_sense_is_taken(rig):
    reply = Voice(rig)("so far lamp on", readings=("sofa lamb on", "sofa lamp on"))
    assert (reply.status, reply.text) == (Status.OK, "The sofa lamp is on.")


def test_what_makes_sense_at_once_is_not_heard_otherwise(rig):
    Voice(rig)("sofa lamp on", readings=("lock the front door",))
    assert rig.link.to_devices == [("set/light.sofa/power", "on")]


def test_doubtful_hearing_gives_way_to_a_clear_one(rig):
    Voice(rig)("sofa lamp to 400", readings=("sofa lamp on",))
    assert rig.link.to_devices == []  # it was clear, though it cannot be done
    Voice(rig)("ceiling light on", readings=("sofa lamp on",))
    assert rig.link.to_devices == [("set/light.sofa/power", "on")]


@pytest.mark.parametrize(
    ("heard", "reading"),
    [
        ("don't turn on so far lamp", "sofa lamp on"),  # a "not" stays one
        ("is so far lamp on", "sofa lamp on"),  # a question stays one
        ("front door luck", "unlock the front door"),  # no door opens by a guess
    ],
)
def test_less_likely_hearing_changes_no_meaning_and_opens_no_door(rig, heard, reading):
    reply = Voice(rig)(heard, readings=(reading,))
    assert reply.status is Status.UNSUPPORTED
    assert rig.link.to_devices == []


def test_question_is_asked_again_about_what_was_heard_otherwise(rig):
    rig.observe("lock.front", "lock", "locked")
    reply = Voice(rig)("is the front door loft", readings=("is the front door locked",))
    assert reply.text == "Yes, the front door lock is locked."
