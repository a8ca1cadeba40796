"""Classes of things that people ask about together: "is there smoke anywhere", "who is home".

A class has one noun and two states, whatever device class each of its members announces. Knows no
registry and no sentence.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from edge_agent.core.entity import Attribute, Choice, Entity, Kind, Reading, Value

_SENSORS: Final = frozenset({Kind.SENSOR})
_OPENINGS: Final = frozenset(
    {Kind.SENSOR, Kind.DOOR, Kind.WINDOW, Kind.GARAGE_DOOR, Kind.GATE, Kind.SUNROOF, Kind.TRUNK}
)
_NO_SWITCHES: Final = frozenset(
    {Kind.SENSOR, Kind.TRACKER, Kind.BUTTON, Kind.NUMBER, Kind.SELECT, Kind.TEXT, Kind.SIGNAL}
)
_SWITCHED: Final = frozenset(Kind) - _NO_SWITCHES

LOW_BATTERY: Final = 20.0
"""Percent below which a battery that reports its charge counts as low."""

_NO_PERSON: Final = frozenset(
    "backpack bag bike boat camper car cat collar dog drone horse key keys laptop luggage "
    "motorcycle purse scooter suitcase tablet tractor trailer truck van wallet".split()
)
"""Words in the name of a tracker that is nobody's: "who is home" does not ask for the car."""


@dataclass(frozen=True, slots=True)
class ThingClass:
    """Things that are asked about together."""

    noun: str
    """In the plural, as the output language writes it."""
    attribute: str
    states: tuple[str, str]
    """What is asked for, and its opposite."""
    kinds: frozenset[Kind] = _SENSORS
    also: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    """Other attributes that answer the same question: their words, as the class has them."""
    diagnostic: bool = True
    """Whether diagnostic entities count: most batteries are that."""

    def has(self, entity: Entity) -> bool:
        """Whether an entity is one of these."""
        if self.attribute == Attribute.LOCATION:
            named = frozenset(entity.name.casefold().split())
            return named.isdisjoint(_NO_PERSON) and self.attribute_of(entity) is not None
        return self.attribute_of(entity) is not None

    def attribute_of(self, entity: Entity) -> str | None:
        """The attribute of an entity that answers for this class; None where it has none."""
        if entity.kind not in self.kinds or (entity.diagnostic and not self.diagnostic):
            return None
        for attribute in (self.attribute, *self.also):
            capability = entity.capability(attribute)
            if capability is None or not capability.readable:
                continue
            if attribute == Attribute.LOCATION:
                return attribute
            charge = attribute == "battery" and isinstance(capability.domain, Reading)
            if charge or isinstance(capability.domain, Choice):
                return attribute
        return None

    def state_of(self, attribute: str, value: Value) -> Value:
        """An observed value in the words of the class: 12 percent is `low`, `work` is `away`."""
        if attribute == Attribute.LOCATION:
            return "home" if value == "home" else "away"
        if attribute == "battery" and not isinstance(value, str):
            return "low" if value < LOW_BATTERY else "normal"
        return self.also.get(attribute, {}).get(str(value), value)


_MOTION: Final = MappingProxyType(
    {
        "occupancy": MappingProxyType({}),
        "presence": MappingProxyType({"home": "detected", "away": "clear"}),
    }
)
_FOUND: Final = ("detected", "clear")

CLASSES: Final = (
    ThingClass("batteries", "battery", ("low", "normal")),
    ThingClass("chargers", "battery charging", ("charging", "not charging")),
    ThingClass("smoke sensors", "smoke", _FOUND),
    ThingClass("carbon monoxide sensors", "carbon monoxide", _FOUND),
    ThingClass("gas sensors", "gas", _FOUND),
    ThingClass("heat sensors", "heat", ("hot", "normal")),
    ThingClass("frost sensors", "cold", ("cold", "normal")),
    ThingClass("leak sensors", "moisture", ("wet", "dry")),
    ThingClass("motion sensors", "motion", _FOUND, also=_MOTION),
    ThingClass("moving sensors", "moving", ("moving", "still")),
    ThingClass("vibration sensors", "vibration", _FOUND),
    ThingClass("sound sensors", "sound", _FOUND),
    ThingClass("daylight sensors", "light", _FOUND),
    ThingClass("tamper sensors", "tamper", _FOUND),
    ThingClass("safety sensors", "safety", ("unsafe", "safe")),
    ThingClass("problems", "problem", ("problem", "fine")),
    ThingClass("machines", "running", ("running", "not running")),
    ThingClass("cables", "plug", ("plugged in", "unplugged")),
    ThingClass("connections", "connectivity", ("connected", "disconnected")),
    ThingClass("updates", "update", ("available", "up to date")),
    ThingClass("people", Attribute.LOCATION, ("home", "away"), frozenset({Kind.TRACKER})),
    ThingClass("openings", Attribute.OPENING, ("open", "closed"), _OPENINGS, diagnostic=False),
    ThingClass("things", Attribute.POWER, ("on", "off"), _SWITCHED, diagnostic=False),
)
"""Every class, in the order in which they are offered."""

CLASS_OF: Final[Mapping[str, ThingClass]] = MappingProxyType(
    {attribute: one for one in CLASSES for attribute in (one.attribute, *one.also)}
)
"""By attribute, the class whose question it answers."""

_NO_AIR: Final = frozenset(
    "aquarium barrel bath battery boiler brew chip coffee cpu core device dishwasher drum dryer "
    "engine freezer fridge flow fuel grill inside kettle meat oven pool pond pot probe "
    "refrigerator return server setpoint soil spa tank target terrarium tub washer wash washing "
    "water wine".split()
)
"""Words in the name of what measures something else than the air of a room."""


def is_of_air(entity: Entity) -> bool:
    """Whether what a thing measures is likely to be the air around it."""
    return _NO_AIR.isdisjoint(entity.name.casefold().split()) and entity.kind in _AIR


_AIR: Final = frozenset({Kind.SENSOR, Kind.CLIMATE, Kind.HUMIDIFIER, Kind.DEHUMIDIFIER, Kind.FAN})
