"""The sentences that are spoken: golden, and never more than was seen."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.command import Command, Comparison, Condition, Target
from edge_agent.core.entity import Capability, Choice, Entity, Kind, Range
from edge_agent.core.outcome import (
    Outcome,
    Result,
    action_of,
    clauses,
    imperative,
    join,
    say_condition,
    say_number,
    say_planned,
    say_results,
    sentence,
)
from edge_agent.core.registry import Changes, Registry

CHOICE = Choice(())
CAPABILITIES = (
    Capability("temperature", Range(5, 30, unit="°C")),
    Capability("brightness", Range(0, 100, unit="%")),
)
HOME = Registry().apply(
    Changes(
        upsert=tuple(
            Entity(name.replace(" ", "_"), name, Kind.SWITCH, CAPABILITIES)
            for name in ("lamp", "front door", "blind", "heating", "radio", "robot")
        )
    )
)

ACTIONS = [
    (Command("lamp", "power", "on"), "turn_on", {}),
    (Command("lamp", "power", "off"), "turn_off", {}),
    (Command("blind", "opening", "open"), "open", {}),
    (Command("blind", "opening", "closed"), "close", {}),
    (Command("front_door", "lock", "locked"), "lock", {}),
    (Command("front_door", "lock", "unlocked"), "unlock", {}),
    (Command("radio", "mute", "on"), "mute", {}),
    (Command("radio", "mute", "off"), "unmute", {}),
    (Command("radio", "playback", "playing"), "play", {}),
    (Command("radio", "playback", "paused"), "pause", {}),
    (Command("radio", "playback", "stopped"), "stop", {}),
    (Command("robot", "activity", "cleaning"), "start", {}),
    (Command("robot", "activity", "docked"), "return_to_base", {}),
    (Command("robot", "activity", "returning"), "return_to_base", {}),
    (Command("robot", "activity", "idle"), "stop", {}),
    (Command("robot", "activity", "paused"), "pause", {}),
    (Command("robot", "command", "locate"), "locate", {}),
    (Command("radio", "command", "next"), "next", {}),
    (Command("heating", "temperature", 21.5), "set_temperature", {"temperature": 21.5}),
    (Command("lamp", "color temperature", 2700), "set_color_temperature", None),
    (Command("robot", "value", 3), "set_value", {"value": 3}),
]


@pytest.mark.parametrize(("command", "action", "params"), ACTIONS)
def test_action_is_named_as_home_assistant_names_it(command, action, params):
    if params is None:
        params = {action.removeprefix("set_"): command.value}
    assert action_of(command) == (action, params)


@pytest.mark.parametrize(
    ("command", "outcome", "more", "said"),
    [
        (ACTIONS[0][0], Outcome.CONFIRMED, {}, "The lamp is on."),
        (ACTIONS[3][0], Outcome.CONFIRMED, {}, "The blind is closed."),
        (
            ACTIONS[2][0],
            Outcome.CONFIRMED,
            {"reason": "30 percent so far"},
            "The blind is opening, 30 percent so far.",
        ),
        (ACTIONS[4][0], Outcome.CONFIRMED, {}, "The front door is locked."),
        (ACTIONS[10][0], Outcome.CONFIRMED, {}, "The radio stopped."),
        (ACTIONS[12][0], Outcome.CONFIRMED, {}, "The robot is on its way home."),
        (ACTIONS[18][0], Outcome.CONFIRMED, {}, "The heating temperature is 21.5 degrees."),
        (Command("roast", "option", "dark"), Outcome.CONFIRMED, {}, "The roast is dark."),
        (Command("list", "text", "milk"), Outcome.CONFIRMED, {}, "Milk is on the list."),
        (
            Command("bell", "command", "press"),
            Outcome.SENT,
            {},
            "I pressed the bell, which does not report back.",
        ),
        (
            ACTIONS[0][0],
            Outcome.SENT,
            {},
            "I sent turn on to the lamp, which does not report back.",
        ),
        (
            ACTIONS[18][0],
            Outcome.SENT,
            {},
            "I sent set temperature 21.5 degrees to the heating, which does not report back.",
        ),
        (ACTIONS[0][0], Outcome.PLANNED, {}, "I would turn on the lamp."),
        (
            ACTIONS[18][0],
            Outcome.PLANNED,
            {},
            "I would set the heating temperature to 21.5 degrees.",
        ),
        (ACTIONS[0][0], Outcome.TIMEOUT, {}, "No answer from the lamp."),
        (
            ACTIONS[0][0],
            Outcome.TIMEOUT,
            {"reason": "it was last seen off"},
            "No answer from the lamp; it was last seen off.",
        ),
        (
            ACTIONS[3][0],
            Outcome.TIMEOUT,
            {"reason": "it is at 40 percent so far", "answered": True},
            "The blind is not there yet; it is at 40 percent so far.",
        ),
        (ACTIONS[5][0], Outcome.REFUSED, {"reason": "the car is moving"}, None),
        (ACTIONS[5][0], Outcome.REFUSED, {}, "The front door: that is not allowed."),
    ],
)
def test_each_outcome_has_its_sentence(command, outcome, more, said):
    said = said or "The front door: the car is moving."
    assert say_results([Result(command, outcome, **more)], HOME) == said


DONE = re.compile(
    r"\b(?:is|are) (?:now )?(?:on|off|open|closed|locked|unlocked|muted|playing)\b|done|okay"
)


@pytest.mark.parametrize("command", [command for command, _, _ in ACTIONS])
@pytest.mark.parametrize(
    "outcome", [Outcome.TIMEOUT, Outcome.REFUSED, Outcome.SENT, Outcome.PLANNED]
)
def test_nothing_is_claimed_that_was_not_observed(command, outcome):
    said = say_results([Result(command, outcome)], HOME)
    assert not DONE.search(said.casefold())
    assert DONE.search(say_results([Result(ACTIONS[0][0], Outcome.CONFIRMED)], HOME).casefold())


def test_results_alike_share_one_sentence_and_keep_their_order():
    results = [
        Result(Command("lamp", "power", "off"), Outcome.CONFIRMED),
        Result(Command("blind", "opening", "closed"), Outcome.TIMEOUT),
        Result(Command("heating", "power", "off"), Outcome.CONFIRMED),
    ]
    assert say_results(results, HOME) == (
        "The lamp and the heating are off. No answer from the blind."
    )


def test_many_names_are_counted_not_listed():
    names = [f"the lamp {number}" for number in range(9)]
    assert join(names) == ("the lamp 0, the lamp 1, the lamp 2, the lamp 3, the lamp 4 and 4 more")
    assert join(names[:2]) == "the lamp 0 and the lamp 1"
    assert join([]) == ""


@pytest.mark.parametrize(
    ("command", "clause"),
    [
        (ACTIONS[5][0], "unlock the front door"),
        (ACTIONS[0][0], "turn on the lamp"),
        (ACTIONS[12][0], "send the robot home"),
        (ACTIONS[17][0], "skip to the next on the radio"),
        (Command("lamp", "brightness", 40), "set the lamp brightness to 40 percent"),
        (Command("gone", "power", "on"), "turn on the gone"),
        (Command("roast", "option", "dark"), "set the roast to dark"),
        (Command("list", "text", "milk"), "add milk to the list"),
    ],
)
def test_question_names_what_would_be_done(command, clause):
    assert imperative(command, HOME) == clause


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (21.0, "°C", "21 degrees"),
        (21.5, "°C", "21.5 degrees"),
        (0.333333, "", "0.33"),
        (-4.0, "°C", "-4 degrees"),
        (1_000_000.0, "W", "1000000 watts"),
        ("on", "%", "on"),
        (50, "%", "50 percent"),
    ],
)
def test_numbers_as_they_are_spoken(value, unit, said):
    assert say_number(value, unit) == said


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_any_number_can_be_said(value):
    assert say_number(value)


def test_name_with_braces_does_not_break_a_sentence():
    odd = Entity("odd", "{name} {0}", Kind.LIGHT, CAPABILITIES)
    home = HOME.apply(Changes(upsert=(odd,)))
    results = [Result(Command("odd", "power", "on"), outcome) for outcome in Outcome]
    assert "{0}" in say_results(results, home)


def test_sentence_ends_once():
    assert sentence("the lamp is on") == "The lamp is on."
    assert sentence("who is it?") == "Who is it?"
    assert sentence(" ") == "."


@pytest.mark.parametrize(
    ("lamps", "said"),
    [
        (0, ""),
        (1, "turn on the lamp1"),
        (2, "turn on the lamp1 and turn on the lamp2"),
        (4, "turn on the lamp1, turn on the lamp2, turn on the lamp3 and turn on the lamp4"),
        (9, "turn on the lamp1, turn on the lamp2, turn on the lamp3 and do 6 more things"),
    ],
)
def test_what_several_commands_would_do(lamps, said):
    commands = [Command(f"lamp{number}", "power", "on") for number in range(1, lamps + 1)]
    assert clauses(commands + commands, HOME) == said


def test_what_is_put_off_is_promised_and_never_claimed():
    assert say_planned("at 7:30", "turn on the lamp") == "At 7:30 I'll turn on the lamp."
    said = say_planned("in 1 hour", "turn on the lamp", only_said=True)
    assert said == "In 1 hour I would turn on the lamp."


@pytest.mark.parametrize(
    ("phrase", "attribute", "comparison", "value", "said"),
    [
        ("lamp", "power", "is", "on", "the lamp is on"),
        ("lamp", "power", "is not", "on", "the lamp is not on"),
        ("heating", "temperature", "below", 20.5, "the heating temperature is below 20.5 degrees"),
        ("lamp brightness", "brightness", "above", 30.0, "the lamp brightness is above 30 percent"),
    ],
)
def test_conditions_are_said_as_they_will_be_decided(phrase, attribute, comparison, value, said):
    target = Target(phrase, (phrase.split()[0],))
    assert (
        say_condition(Condition(target, attribute, Comparison(comparison), value), HOME)
        == f"if {said}"
    )
