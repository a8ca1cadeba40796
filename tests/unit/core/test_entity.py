import pytest

from edge_agent.core.entity import Capability, Choice, Kind, Range, Reading, Risk, Text, spoken_unit


@pytest.mark.parametrize(
    ("domain", "wanted", "near", "far"),
    [
        (Range(0, 100, unit="%"), 50.0, 51.0, 52.1),
        (Range(2000, 6500, unit="K"), 2700.0, 2703.0, 2800.0),
        (Range(5, 30, step=0.5, unit="°C"), 21.0, 21.25, 21.5),
        (Range(0, 100), 40.0, 40.5, 41.0),
    ],
)
def test_number_confirms_within_the_tolerance_of_its_unit(domain, wanted, near, far):
    capability = Capability("x", domain)
    assert capability.matches(wanted, near)
    assert not capability.matches(wanted, far)
    assert not capability.matches(wanted, None)
    assert not capability.matches(wanted, float("nan"))


def test_word_confirms_only_itself():
    capability = Capability("power", Choice(("on", "off")))
    assert capability.matches("on", "on")
    assert not capability.matches("on", "off")
    assert not capability.matches("on", 1.0)
    assert not capability.matches(1.0, "1")


def test_risk_belongs_to_the_direction():
    lock = Capability("lock", Choice(("locked", "unlocked")), guarded=frozenset({"unlocked"}))
    assert lock.risk_of("unlocked") is Risk.SECURITY
    assert lock.risk_of("locked") is Risk.COMFORT
    door = Capability("position", Range(0, 100), guarded=frozenset({"open"}))
    assert door.risk_of(1) is Risk.SECURITY
    assert door.risk_of(0) is Risk.COMFORT
    alarm = Capability("mode", Choice(("home", "away")), guarded=frozenset({"*"}))
    assert alarm.risk_of("home") is Risk.SECURITY
    siren = Capability("power", Choice(("on", "off")), risk=Risk.CAUTION)
    assert siren.risk_of("off") is Risk.CAUTION


@pytest.mark.parametrize(
    ("domain", "inside", "outside"),
    [
        (Choice(("on", "off")), ["on", "off"], ["On", "", 1.0]),
        (Range(0, 10), [0, 10, 5.5], [-0.1, 10.1, float("nan"), float("inf"), "5"]),
        (Text(3), ["a", "abc"], ["", "abcd", 1.0]),
        (Reading("W"), [], [0, 1.0, "x"]),
    ],
)
def test_domain_contains_its_legal_values_and_no_others(domain, inside, outside):
    assert all(value in domain for value in inside)
    assert not any(value in domain for value in outside)
    assert domain.describe()


def test_units_and_plurals_as_they_are_spoken():
    assert spoken_unit("%") == " percent"
    assert spoken_unit("") == ""
    assert spoken_unit("bar") == " bar"
    assert Kind.SWITCH.plural == "switches"
    assert Kind.GARAGE_DOOR.plural == "garage doors"
