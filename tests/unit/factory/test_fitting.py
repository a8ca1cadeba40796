"""Which phrasings are said of which things."""

from edge_agent.core.entity import ON_OFF, Attribute, Capability, Entity, Kind, Range
from edge_agent.factory.compose.fitting import can
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
