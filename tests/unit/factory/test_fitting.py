"""Which phrasings are said of which things."""

from random import Random

from edge_agent.core.entity import ON_OFF, Attribute, Capability, Entity, Kind, Range
from edge_agent.factory.compose.fitting import a_phrasing, can
from edge_agent.factory.sentences.bank import Phrasing

SPEED = Capability(Attribute.SPEED, Range(0, 100, 1, "%"), settable=True)
POWER = Capability(Attribute.POWER, ON_OFF, settable=True)
OFF_BY_SPEED = Phrasing(
    "turn off {target}", "direct", (Kind.FAN,), ("speed", "minimum"), lacks="power"
)


def test_a_phrasing_for_what_lacks_an_attribute_is_not_said_of_what_has_it() -> None:
    blower = Entity("blower", "driver fan", Kind.FAN, (SPEED,))
    switched = Entity("switched", "ceiling fan", Kind.FAN, (SPEED, POWER))
    assert can(blower, OFF_BY_SPEED)
    assert not can(switched, OFF_BY_SPEED)


def test_the_usual_phrasing_is_drawn_far_above_its_number() -> None:
    usual = Phrasing("turn {target} off", "direct", (Kind.LIGHT,), ("power", "off"))
    rare = [
        Phrasing(f"see to it that {{target}} is off {number}", "direct", (Kind.LIGHT,))
        for number in range(500)
    ]
    random = Random(1)
    drawn = [a_phrasing([usual, *rare], random) for _ in range(1000)]
    assert 150 < drawn.count(usual) < 400
    assert len(set(drawn)) > 300
    assert a_phrasing(rare, random) in rare
