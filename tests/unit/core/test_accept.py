import pytest

from edge_agent.core.accept import Rejected, accept, holds
from edge_agent.core.command import (
    Action,
    Command,
    Comparison,
    Condition,
    Extreme,
    Step,
    Target,
    Toggle,
)
from edge_agent.core.entity import Attribute, Capability, Choice, Entity, Kind, Range, Text
from edge_agent.core.registry import Changes, Registry
from edge_agent.core.state import Observation, StateStore

POWER = Capability("power", Choice(("on", "off")))
LAMP = Entity(
    "lamp",
    "lamp",
    Kind.LIGHT,
    (
        POWER,
        Capability("brightness", Range(0, 100, unit="%")),
        Capability("color temperature", Range(2000, 6500, unit="K"), step=500),
    ),
)
HEATING = Entity(
    "heating",
    "heating",
    Kind.CLIMATE,
    (
        Capability("temperature", Range(5, 30, step=0.5, unit="°C"), step=1),
        Capability("fan mode", Choice(("low", "medium", "high"))),
        Capability("current temperature", Range(-50, 50), settable=False),
    ),
)
LIST = Entity("list", "list", Kind.LIST, (Capability("text", Text(10)),))
BROKEN = Entity("broken", "broken", Kind.LIGHT, (), problem="its template fails")
HOME = Registry().apply(Changes(upsert=(LAMP, HEATING, LIST, BROKEN)))


def state(**values):
    store = StateStore()
    for key, value in values.items():
        entity, _, attribute = key.partition("__")
        store.observe(
            Observation(entity, attribute.replace("_", " "), value), now=1.0, retained=False
        )
    return store


def one(entity, attribute, wanted, store=None):
    action = Action(Target(entity, (entity,)), attribute, wanted)
    (result,) = accept(action, HOME, store or StateStore())
    return result.value if isinstance(result, Command) else result


@pytest.mark.parametrize(
    ("entity", "attribute", "wanted", "known", "value"),
    [
        ("lamp", "power", "on", {}, "on"),
        ("lamp", "brightness", 0, {}, 0),
        ("lamp", "brightness", 100, {}, 100),
        ("lamp", "power", Toggle.TOGGLE, {"lamp__power": "on"}, "off"),
        ("lamp", "power", Toggle.TOGGLE, {"lamp__power": "off"}, "on"),
        ("lamp", "brightness", Extreme.MAXIMUM, {}, 100),
        ("heating", "temperature", Extreme.MINIMUM, {}, 5),
        ("lamp", "brightness", Extreme.MINIMUM, {}, 1),
        ("lamp", "brightness", Step(1), {"lamp__brightness": 40.0}, 50.0),
        ("lamp", "brightness", Step(-1, 15), {"lamp__brightness": 40.0}, 25.0),
        ("lamp", "brightness", Step(1), {}, 10.0),  # a lamp that is off reports no brightness
        ("heating", "temperature", Step(1), {"heating__temperature": 20.0}, 21.0),
        ("lamp", "color temperature", Step(-1), {"lamp__color_temperature": 3000.0}, 2500.0),
        ("heating", "fan mode", Step(1), {"heating__fan_mode": "low"}, "medium"),
        ("list", "text", "milk", {}, "milk"),
    ],
)
def test_every_way_to_say_a_value_becomes_the_value_itself(entity, attribute, wanted, known, value):
    assert one(entity, attribute, wanted, state(**known)) == value


@pytest.mark.parametrize(
    ("at", "direction", "value"),
    [(95.0, 1, 100.0), (100.0, 1, 100.0), (5.0, -1, 0.0), (0.0, -1, 0.0)],
)
def test_a_bit_more_near_the_end_means_the_end(at, direction, value):
    assert one("lamp", "brightness", Step(direction), state(lamp__brightness=at)) == value


@pytest.mark.parametrize(
    ("at", "direction", "value"), [("high", 1, "high"), ("low", -1, "low"), ("high", -1, "medium")]
)
def test_steps_stay_inside_an_ordered_list(at, direction, value):
    assert one("heating", "fan mode", Step(direction), state(heating__fan_mode=at)) == value


@pytest.mark.parametrize(
    ("entity", "attribute", "wanted", "known", "said"),
    [
        ("lamp", "brightness", 101, {}, "101 percent is not possible, only 0 to 100 percent"),
        ("lamp", "brightness", -1, {}, "only 0 to 100 percent"),
        ("lamp", "brightness", float("nan"), {}, "nan percent is not possible"),
        ("lamp", "brightness", float("inf"), {}, "inf percent is not possible"),
        ("lamp", "brightness", Step(1, 80), {"lamp__brightness": 40.0}, "120 percent is not"),
        ("heating", "temperature", 30.5, {}, "30.5 degrees is not possible, only 5 to 30 degrees"),
        ("lamp", "power", "blue", {}, "blue is not possible, only on, off"),
        ("lamp", "power", 1, {}, "1 is not possible, only on, off"),
        ("lamp", "brightness", "on", {}, "on is not possible"),
        ("list", "text", "", {}, "only up to 10 characters"),
        ("list", "text", "x" * 11, {}, "only up to 10 characters"),
        ("lamp", "power", Toggle.TOGGLE, {}, "I do not know its present state"),
        ("lamp", "brightness", Toggle.TOGGLE, {"lamp__brightness": 1.0}, "I do not know"),
        ("heating", "temperature", Step(1), {}, "I do not know its present temperature"),
        ("heating", "fan mode", Step(1), {}, "it has no steps"),
        ("list", "text", Step(1), {}, "it has no steps"),
        ("lamp", "power", Extreme.MAXIMUM, {}, "it has no minimum or maximum"),
        ("heating", "current temperature", 20, {}, "it cannot do that"),
        ("lamp", "volume", 20, {}, "it cannot do that"),
        ("nobody", "power", "on", {}, "it cannot do that"),
        ("broken", "power", "on", {}, "its template fails"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(entity, attribute, wanted, known, said):
    refused = one(entity, attribute, wanted, state(**known))
    assert isinstance(refused, Rejected)
    assert (refused.entity, refused.attribute) == (entity, attribute)
    assert said in refused.reason


def test_collective_target_passes_over_members_that_cannot():
    everything = Target("everything", ("lamp", "heating", "nobody", "broken"), collective=True)
    assert accept(Action(everything, "power", "off"), HOME, StateStore()) == [
        Command("lamp", "power", "off")
    ]


def test_collective_target_still_refuses_a_value_out_of_range():
    lamps = Target("lamps", ("lamp",), collective=True)
    (refused,) = accept(Action(lamps, "brightness", 400), HOME, StateStore())
    assert isinstance(refused, Rejected)


def test_acceptance_decides_once_whatever_happens_to_the_state_later():
    store = state(lamp__power="on")
    (command,) = accept(Action(Target("lamp", ("lamp",)), "power", Toggle.TOGGLE), HOME, store)
    store.observe(Observation("lamp", "power", "off"), now=2.0, retained=False)
    assert command == Command("lamp", "power", "off")


def condition(comparison, value, entities=("heating",), attribute="temperature"):
    return Condition(Target("it", entities), attribute, comparison, value)


@pytest.mark.parametrize(
    ("comparison", "value", "true"),
    [
        (Comparison.ABOVE, 20, True),
        (Comparison.ABOVE, 21, False),
        (Comparison.BELOW, 22, True),
        (Comparison.BELOW, 21, False),
        (Comparison.IS, 21.0, True),
        (Comparison.IS_NOT, 21.0, False),
        (Comparison.IS_NOT, 20.0, True),
        (Comparison.ABOVE, "cold", False),
    ],
)
def test_condition_compares_the_observed_value(comparison, value, true):
    assert holds(condition(comparison, value), state(heating__temperature=21.0)) is true


def test_condition_on_unknown_or_stale_values_is_undecided():
    unknown = condition(Comparison.IS_NOT, 20.0)
    assert holds(unknown, StateStore()) is None
    assert holds(unknown, state(heating__temperature=None)) is None
    store = state(heating__temperature=21.0)
    store.mark_stale()
    assert holds(unknown, store) is None
    assert holds(condition(Comparison.IS, 1, ()), store) is None


def test_condition_on_several_needs_all_of_them():
    both = condition(Comparison.IS, "on", ("lamp", "list"), Attribute.POWER)
    assert holds(both, state(lamp__power="on", list__power="on")) is True
    assert holds(both, state(lamp__power="on", list__power="off")) is False
    assert holds(both, state(lamp__power="on")) is None
