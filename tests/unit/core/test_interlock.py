"""The whole table: speed x gear, and everything that may be wrong with an input."""

import itertools
import math

import pytest

from edge_agent.core.command import Command
from edge_agent.core.interlock import Control, Requirement, Rule, check
from edge_agent.core.state import Observation, StateStore

TRUNK = Control("trunk", "opening")
SEAT = Control("seat", "position")
PARKED = (
    Requirement("speed", at_most=0, otherwise="the car is moving"),
    Requirement("gear", one_of=("P", "126"), otherwise="the car is not in park"),
)
RULES = (
    Rule(frozenset({TRUNK, Control("trunk", "position")}), ("open",), PARKED),
    Rule(frozenset({SEAT}), ("*",), PARKED[:1]),
)
INPUTS = {"speed": Control("Vehicle.Speed", "value"), "gear": Control("Gear", "value")}
NOW = 100.0
OPEN = Command("trunk", "opening", "open")

SPEEDS = [0.0, 1.0, 4.9, 5.0, 130.0, math.nan, math.inf, -3.0, "0", "fast", None]
GEARS = ["P", 126.0, "D", 0.0, -1.0, 1.0, "p", "", math.nan, None]


def seen(speed, gear, *, age=0.5, retained=False, stale=False):
    store = StateStore()
    for name, value in (("Vehicle.Speed", speed), ("Gear", gear)):
        store.observe(Observation(name, "value", value), now=NOW - age, retained=retained)
    if stale:
        store.mark_stale()
    return store


def unsafe(store, command=OPEN, rules=RULES, inputs=INPUTS):
    return check(command, rules, inputs, store, NOW)


@pytest.mark.parametrize(("speed", "gear"), list(itertools.product(SPEEDS, GEARS)))
def test_only_a_standing_car_in_park_opens_its_trunk(speed, gear):
    allowed = speed == 0.0 and gear in ("P", 126.0)
    assert (unsafe(seen(speed, gear)) is None) is allowed


@pytest.mark.parametrize("store", [{"age": 2.1}, {"retained": True}, {"stale": True}])
def test_input_that_is_not_fresh_is_unsafe(store):
    assert unsafe(seen(0.0, "P")) is None
    assert unsafe(seen(0.0, "P", **store)) == "the speed is not known"


def test_missing_input_is_unsafe():
    assert unsafe(StateStore()) == "the speed is not known"
    only_speed = StateStore()
    only_speed.observe(Observation("Vehicle.Speed", "value", 0.0), now=NOW, retained=False)
    assert unsafe(only_speed) == "the gear is not known"
    assert unsafe(seen(0.0, "P"), inputs={}) == "the speed is not known"


def test_refusal_says_which_rule_it_was():
    assert unsafe(seen(30.0, "P")) == "the car is moving"
    assert unsafe(seen(0.0, "D")) == "the car is not in park"


@pytest.mark.parametrize(
    "command",
    [
        OPEN,
        Command("trunk", "position", 1.0),
        Command("trunk", "position", 100),
        Command("seat", "position", 0),
        Command("seat", "position", "forward"),
    ],
)
def test_restricted_values_need_the_requirements(command):
    assert unsafe(seen(30.0, "D"), command) is not None
    assert unsafe(seen(0.0, "P"), command) is None


@pytest.mark.parametrize(
    "command",
    [
        Command("trunk", "opening", "closed"),
        Command("trunk", "position", 0),
        Command("lamp", "power", "on"),
        Command("trunk", "lock", "open"),
    ],
)
def test_other_commands_are_no_matter_of_the_rule(command):
    assert unsafe(StateStore(), command) is None


def test_requirement_without_a_bound_is_never_met():
    rule = Rule(frozenset({TRUNK}), ("open",), (Requirement("speed", otherwise="never"),))
    assert unsafe(seen(0.0, "P"), rules=(rule,)) == "never"


def test_requirement_with_both_bounds_needs_both():
    both = Requirement("speed", at_most=5, one_of=("3", "7"), otherwise="no")
    rule = Rule(frozenset({TRUNK}), ("open",), (both,))
    assert unsafe(seen(3.0, "P"), rules=(rule,)) is None
    assert unsafe(seen(7.0, "P"), rules=(rule,)) == "no"
    assert unsafe(seen(2.0, "P"), rules=(rule,)) == "no"


def test_every_rule_of_a_control_counts():
    late = Rule(frozenset({TRUNK}), ("open",), PARKED[1:])
    assert unsafe(seen(0.0, "D"), rules=(RULES[1], late)) == "the car is not in park"


BY_GEAR = Rule(
    frozenset({Control("door", "opening")}),
    ("open",),
    (
        Requirement(
            "gear",
            one_of=("P",),
            otherwise="not in park",
            if_absent=(
                Requirement("current_gear", one_of=("0",), otherwise="in gear"),
                Requirement("parking_brake", one_of=("true",), otherwise="no brake"),
            ),
        ),
    ),
)


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        ({"gear": "P"}, None),
        ({"gear": None, "current_gear": 0.0, "parking_brake": "true"}, "the gear is not known"),
        ({"gear": "D", "current_gear": 0.0, "parking_brake": "true"}, "not in park"),
        ({"current_gear": 0.0, "parking_brake": "true"}, None),
        ({"current_gear": 0.0, "parking_brake": "false"}, "no brake"),
        ({"current_gear": 1.0, "parking_brake": "true"}, "in gear"),
        ({"current_gear": 0.0}, "the parking brake is not known"),
        ({}, "the current gear is not known"),
    ],
)
def test_other_signals_stand_in_only_for_an_absent_one(seen, reason):
    state = StateStore()
    for name, value in seen.items():
        state.observe(Observation(name, "value", value), 10.0, retained=False)
    inputs = {name: Control(name, "value") for name in ("current_gear", "parking_brake")}
    if "gear" in seen:
        inputs["gear"] = Control("gear", "value")
    command = Command("door", "opening", "open")
    assert check(command, [BY_GEAR], inputs, state, 10.5) == reason
