"""What a home or a car consists of: entities, what each can do, and where it stands.

Knows no topics, no clock and no sentences. A value is always in the units that a person speaks:
percent, degrees, kelvin, names.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Value: TypeAlias = str | float


class Risk(StrEnum):
    """How much harm a wrong command does; confidence thresholds and policy are set per class."""

    COMFORT = "comfort"
    CAUTION = "caution"
    SECURITY = "security"


class Origin(StrEnum):
    """Where a request came from; policy decides by it."""

    COMMAND = "command"
    VOICE = "voice"


class Kind(StrEnum):
    """What a thing is called; the value is the noun that people use for it."""

    LIGHT = "light"
    SWITCH = "switch"
    OUTLET = "outlet"
    BLIND = "blind"
    CURTAIN = "curtain"
    SHUTTER = "shutter"
    SHADE = "shade"
    AWNING = "awning"
    WINDOW = "window"
    DOOR = "door"
    GARAGE_DOOR = "garage door"
    GATE = "gate"
    TRUNK = "trunk"
    SUNROOF = "sunroof"
    LOCK = "lock"
    FAN = "fan"
    CLIMATE = "thermostat"
    VACUUM = "vacuum"
    LAWN_MOWER = "lawn mower"
    VALVE = "valve"
    HUMIDIFIER = "humidifier"
    DEHUMIDIFIER = "dehumidifier"
    WATER_HEATER = "water heater"
    SIREN = "siren"
    ALARM = "alarm"
    NUMBER = "setting"
    SELECT = "selector"
    BUTTON = "button"
    TEXT = "text"
    LIST = "list"
    SCENE = "scene"
    MEDIA_PLAYER = "speaker"
    SENSOR = "sensor"
    TRACKER = "tracker"
    SEAT = "seat"
    MIRROR = "mirror"
    WIPER = "wiper"
    STEERING_WHEEL = "steering wheel"
    DEFROSTER = "defroster"
    SIGNAL = "signal"

    @property
    def plural(self) -> str:
        """The noun for several of them."""
        return self.value + ("es" if self.value.endswith(("s", "ch", "sh")) else "s")


class Attribute(StrEnum):
    """The one list of what can be set or asked; sensors add their device class as a name."""

    POWER = "power"
    BRIGHTNESS = "brightness"
    COLOR = "color"
    COLOR_TEMPERATURE = "color temperature"
    EFFECT = "effect"
    OPENING = "opening"
    POSITION = "position"
    TILT = "tilt"
    LOCK = "lock"
    TEMPERATURE = "temperature"
    CURRENT_TEMPERATURE = "current temperature"
    MODE = "mode"
    FAN_MODE = "fan mode"
    PRESET = "preset"
    SWING = "swing"
    ACTION = "action"
    SPEED = "speed"
    OSCILLATION = "oscillation"
    DIRECTION = "direction"
    ACTIVITY = "activity"
    HUMIDITY = "humidity"
    CURRENT_HUMIDITY = "current humidity"
    PLAYBACK = "playback"
    VOLUME = "volume"
    MUTE = "mute"
    SOURCE = "source"
    TITLE = "title"
    TONE = "tone"
    VALUE = "value"
    OPTION = "option"
    TEXT = "text"
    ITEMS = "items"
    LOCATION = "location"
    COMMAND = "command"
    """Verbs that leave no state of their own: stop, press, activate, next, previous, locate."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A closed list of legal values."""

    options: tuple[str, ...]

    def __contains__(self, value: Value) -> bool:
        return value in self.options

    def describe(self) -> str:
        """The legal values in words."""
        return ", ".join(self.options)


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from minimum to maximum, in `unit`."""

    minimum: float
    maximum: float
    step: float = 1.0
    unit: str = ""

    def __contains__(self, value: Value) -> bool:
        return (
            not isinstance(value, str)
            and math.isfinite(value)
            and self.minimum <= value <= self.maximum
        )

    def describe(self) -> str:
        """The legal values in words."""
        return f"{self.minimum:g} to {self.maximum:g}{spoken_unit(self.unit)}"


@dataclass(frozen=True, slots=True)
class Text:
    """Free text; used for lists, notes and read-only words."""

    max_length: int = 255

    def __contains__(self, value: Value) -> bool:
        return isinstance(value, str) and 0 < len(value) <= self.max_length

    def describe(self) -> str:
        """The legal values in words."""
        return f"up to {self.max_length} characters"


@dataclass(frozen=True, slots=True)
class Reading:
    """A number that can only be read."""

    unit: str = ""

    def __contains__(self, value: Value) -> bool:
        return False

    def describe(self) -> str:
        """The legal values in words."""
        return "read only"


Domain: TypeAlias = Choice | Range | Text | Reading

ON_OFF = Choice(("on", "off"))


_REACHED = frozenset({("returning", "docked")})
"""Wanted and observed words of which the second proves the first: a robot at home has returned."""


@dataclass(frozen=True, slots=True)
class Capability:
    """One attribute of an entity: its legal values, and what is at stake when it is set."""

    attribute: str
    domain: Domain
    settable: bool = True
    readable: bool = True
    """False where the device never reports this attribute: outcomes are then `sent` at best."""
    risk: Risk = Risk.COMFORT
    guarded: frozenset[str] = frozenset()
    """Values that carry SECURITY risk whatever `risk` says (unlocked, open): safe the other way."""
    step: float | None = None
    """How much "a bit more" is, in the domain's unit; None: a tenth of the range."""

    def risk_of(self, value: Value) -> Risk:
        """The risk class of setting this attribute to `value`."""
        if "*" in self.guarded or str(value) in self.guarded:
            return Risk.SECURITY
        if self.guarded and not isinstance(value, str):
            # A guarded position: everything but fully closed lets somebody in.
            return Risk.SECURITY if value > 0 else self.risk
        return self.risk

    def tolerance(self) -> float:
        """How far an observed number may be from the wanted one and still confirm it."""
        match self.domain:
            case Range(unit="K"):
                return 60.0  # mireds are whole numbers: 2700 K comes back as 2703 K
            case Range(unit="%", step=step):
                return max(1.0, step / 2)  # 255 or 254 steps do not hit every percent
            case Range(step=step):
                return step / 2
            case _:
                return 0.0

    def matches(self, wanted: Value, observed: Value | None) -> bool:
        """Whether an observation proves that the wanted value was reached."""
        if isinstance(wanted, str) or isinstance(observed, str) or observed is None:
            return wanted == observed or (wanted, observed) in _REACHED
        return abs(wanted - observed) <= self.tolerance() + 1e-9


@dataclass(frozen=True, slots=True)
class Entity:
    """One thing that can be spoken of."""

    id: str
    name: str
    kind: Kind
    capabilities: tuple[Capability, ...]
    area: str | None = None
    """Id of its area, None where nobody said."""
    aliases: tuple[str, ...] = ()
    security: bool = False
    """Never part of "all ...": locks, garage doors, gates, doors, gas and water valves, alarms."""
    diagnostic: bool = False
    """Configuration or diagnostic entity: reachable by its full name only."""
    device: str | None = None
    """Id of the physical device, which may carry several entities."""
    problem: str | None = None
    """Why it can only be read, if it was found damaged (a template that fails, say)."""

    def capability(self, attribute: str) -> Capability | None:
        """The capability for an attribute, or None."""
        for capability in self.capabilities:
            if capability.attribute == attribute:
                return capability
        return None

    @property
    def names(self) -> tuple[str, ...]:
        """Every name it answers to, the spoken one first."""
        return (self.name, *self.aliases)


@dataclass(frozen=True, slots=True)
class Area:
    """A room of a home or a zone of a vehicle."""

    id: str
    name: str
    floor: str | None = None
    aliases: tuple[str, ...] = ()
    seat: bool = False
    """A place in a car: "the windows" are not only its own to who sits there."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every name it answers to, the spoken one first."""
        return (self.name, *self.aliases)


@dataclass(frozen=True, slots=True)
class Floor:
    """A storey; its areas point to it."""

    id: str
    name: str
    aliases: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every name it answers to, the spoken one first."""
        return (self.name, *self.aliases)


@dataclass(frozen=True, slots=True)
class Group:
    """Entities that are spoken of together under one name."""

    id: str
    name: str
    members: tuple[str, ...]
    aliases: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every name it answers to, the spoken one first."""
        return (self.name, *self.aliases)


_SPOKEN_UNITS = {
    "%": " percent",
    "°C": " degrees",
    "°F": " degrees Fahrenheit",
    "C": " degrees",
    "celsius": " degrees",
    "K": " kelvin",
    "W": " watts",
    "kW": " kilowatts",
    "kWh": " kilowatt hours",
    "Wh": " watt hours",
    "V": " volts",
    "A": " amperes",
    "lx": " lux",
    "km/h": " kilometres per hour",
    "km": " kilometres",
    "hPa": " hectopascals",
    "ppm": " parts per million",
    "min": " minutes",
    "s": " seconds",
    "h": " hours",
    "percent": " percent",
    "degrees": " degrees",
}


def spoken_unit(unit: str) -> str:
    """A unit as it is said after a number, with its leading space; empty for no unit."""
    if not unit:
        return ""
    return _SPOKEN_UNITS.get(unit, f" {unit}")
