"""What a person calls the things behind VSS paths, and what can be done with them.

A table of paths: thing, noun, kind and attribute. Where the table ends, the words of the path
make the name. Knows no topics and no payloads.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from edge_agent.core.entity import Attribute, Kind

ZONES: Final[Mapping[str, tuple[str, ...]]] = {
    "Driver": ("driver side",),
    "Passenger": ("passenger side",),
    "Rear Left": ("back left",),
    "Rear Right": ("back right",),
    "Row1": ("front", "front row"),
    "Row2": ("rear", "back", "back row"),
}
"""The zones of the contract and the other words for them."""


_PLACE: Final = (
    r"(?:(?:Row\d+|Driver|DriverSide|Left|Middle|Center|Passenger|PassengerSide|Right)\.){0,2}"
)


@dataclass(frozen=True, slots=True)
class Thing:
    """What one signal belongs to."""

    id: str
    """A path: of the signal, or of the branch whose signals make one thing."""
    name: str
    """The spoken name with its zone."""
    kind: Kind
    attribute: str
    zone: str | None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: re.Pattern[str]
    noun: str
    kind: Kind
    attribute: str
    grouped: bool
    """Whether the branch, and not the signal, is the thing."""
    aliases: tuple[str, ...]


def _rule(
    pattern: str,
    noun: str,
    kind: Kind,
    attribute: str = Attribute.VALUE,
    *aliases: str,
    grouped: bool = False,
) -> _Rule:
    expression = re.escape(f"Vehicle.{pattern}").replace("@\\.", _PLACE)
    return _Rule(re.compile(expression), noun, kind, attribute, grouped, aliases)


_RULES: Final = (
    _rule("Cabin.Door.@.IsOpen", "door", Kind.DOOR, Attribute.OPENING, grouped=True),
    _rule("Cabin.Door.@.IsLocked", "door", Kind.DOOR, Attribute.LOCK, grouped=True),
    _rule("Cabin.Door.@.IsChildLockActive", "child lock", Kind.LOCK, Attribute.POWER),
    _rule("Cabin.Door.@.Window.Position", "window", Kind.WINDOW, Attribute.POSITION, grouped=True),
    _rule("Cabin.Door.@.Window.IsOpen", "window", Kind.WINDOW, Attribute.OPENING, grouped=True),
    _rule("Cabin.Door.@.Window.Switch", "window", Kind.WINDOW, Attribute.COMMAND, grouped=True),
    _rule("Cabin.Door.@.Shade.Position", "shade", Kind.SHADE, Attribute.POSITION, grouped=True),
    _rule("Cabin.Door.@.Shade.Switch", "shade", Kind.SHADE, Attribute.COMMAND, grouped=True),
    _rule("Cabin.RearShade.Position", "rear shade", Kind.SHADE, Attribute.POSITION, grouped=True),
    _rule("Cabin.RearShade.Switch", "rear shade", Kind.SHADE, Attribute.COMMAND, grouped=True),
    _rule("Cabin.Sunroof.Position", "sunroof", Kind.SUNROOF, Attribute.POSITION, grouped=True),
    _rule("Cabin.Sunroof.Switch", "sunroof", Kind.SUNROOF, Attribute.COMMAND, grouped=True),
    _rule(
        "Cabin.Sunroof.Shade.Position",
        "sunroof shade",
        Kind.SHADE,
        Attribute.POSITION,
        grouped=True,
    ),
    _rule(
        "Cabin.Sunroof.Shade.Switch", "sunroof shade", Kind.SHADE, Attribute.COMMAND, grouped=True
    ),
    _rule("Body.Trunk.Rear.IsOpen", "trunk", Kind.TRUNK, Attribute.OPENING, "boot", grouped=True),
    _rule("Body.Trunk.Rear.IsLocked", "trunk", Kind.TRUNK, Attribute.LOCK, "boot", grouped=True),
    _rule("Body.Trunk.Rear.Position", "trunk", Kind.TRUNK, Attribute.POSITION, grouped=True),
    _rule("Body.Trunk.Front.IsOpen", "front trunk", Kind.TRUNK, Attribute.OPENING, grouped=True),
    _rule("Body.Trunk.Front.IsLocked", "front trunk", Kind.TRUNK, Attribute.LOCK, grouped=True),
    _rule("Body.Hood.IsOpen", "hood", Kind.DOOR, Attribute.OPENING, "bonnet"),
    _rule("Cabin.Seat.@.HeatingCooling", "seat heating", Kind.SEAT),
    _rule("Cabin.Seat.@.Heating", "seat heating", Kind.SEAT),
    _rule("Cabin.Seat.@.Massage.Level", "seat massage", Kind.SEAT),
    _rule("Cabin.Seat.@.MassageLevel", "seat massage", Kind.SEAT),
    _rule("Cabin.Seat.@.Position", "seat position", Kind.SEAT),
    _rule("Cabin.Seat.@.Height", "seat height", Kind.SEAT),
    _rule("Chassis.SteeringWheel.HeatingCooling", "steering wheel heating", Kind.STEERING_WHEEL),
    _rule("Cabin.HVAC.Station.@.Temperature", "temperature", Kind.CLIMATE, Attribute.TEMPERATURE),
    _rule("Cabin.HVAC.Station.@.FanSpeed", "fan", Kind.FAN, Attribute.SPEED),
    _rule(
        "Cabin.HVAC.Station.@.AirDistribution", "air distribution", Kind.SELECT, Attribute.OPTION
    ),
    _rule(
        "Cabin.HVAC.IsAirConditioningActive",
        "air conditioning",
        Kind.CLIMATE,
        Attribute.POWER,
        "AC",
    ),
    _rule(
        "Cabin.HVAC.IsFrontDefrosterActive",
        "front window defroster",
        Kind.DEFROSTER,
        Attribute.POWER,
        "front defroster",
        "windshield defroster",
    ),
    _rule(
        "Cabin.HVAC.IsRearDefrosterActive",
        "rear window defroster",
        Kind.DEFROSTER,
        Attribute.POWER,
        "rear defroster",
    ),
    _rule("Cabin.HVAC.IsRecirculationActive", "air recirculation", Kind.SWITCH, Attribute.POWER),
    _rule("Cabin.HVAC.AmbientAirTemperature", "cabin temperature", Kind.SENSOR),
    _rule("Exterior.AirTemperature", "outside temperature", Kind.SENSOR),
    _rule(
        "Cabin.Light.AmbientLight.@.IsLightOn",
        "ambient light",
        Kind.LIGHT,
        Attribute.POWER,
        grouped=True,
    ),
    _rule(
        "Cabin.Light.AmbientLight.@.Intensity",
        "ambient light",
        Kind.LIGHT,
        Attribute.BRIGHTNESS,
        grouped=True,
    ),
    _rule(
        "Cabin.Light.AmbientLight.@.Color",
        "ambient light",
        Kind.LIGHT,
        Attribute.COLOR,
        grouped=True,
    ),
    _rule("Cabin.Light.IsDomeOn", "dome light", Kind.LIGHT, Attribute.POWER, "interior light"),
    _rule("Cabin.Light.IsGloveBoxOn", "glove box light", Kind.LIGHT, Attribute.POWER),
    _rule(
        "Cabin.Light.Spotlight.@.IsLightOn",
        "reading light",
        Kind.LIGHT,
        Attribute.POWER,
        grouped=True,
    ),
    _rule(
        "Cabin.Light.Spotlight.@.Intensity",
        "reading light",
        Kind.LIGHT,
        Attribute.BRIGHTNESS,
        grouped=True,
    ),
    _rule(
        "Cabin.Infotainment.Media.Volume",
        "stereo",
        Kind.MEDIA_PLAYER,
        Attribute.VOLUME,
        "radio",
        "music",
        grouped=True,
    ),
    _rule(
        "Cabin.Infotainment.Media.Action",
        "stereo",
        Kind.MEDIA_PLAYER,
        Attribute.PLAYBACK,
        grouped=True,
    ),
    _rule("Cabin.Infotainment.Media.Played.Source", "media source", Kind.SELECT, Attribute.OPTION),
    _rule("Body.Lights.Hazard.IsSignaling", "hazard lights", Kind.SWITCH, Attribute.POWER),
    _rule("Body.Lights.Parking.IsOn", "parking lights", Kind.LIGHT, Attribute.POWER),
    _rule("Body.Lights.Fog.Front.IsOn", "front fog lights", Kind.LIGHT, Attribute.POWER),
    _rule("Body.Lights.Fog.Rear.IsOn", "rear fog lights", Kind.LIGHT, Attribute.POWER),
    _rule("Body.Lights.Beam.Low.IsOn", "low beam", Kind.LIGHT, Attribute.POWER, "headlights"),
    _rule("Body.Lights.Beam.High.IsOn", "high beam", Kind.LIGHT, Attribute.POWER),
    _rule("Body.Mirrors.@.IsFolded", "mirror", Kind.MIRROR, Attribute.OPTION),
    _rule("Body.Mirrors.@.IsHeatingOn", "mirror heating", Kind.MIRROR, Attribute.POWER),
    _rule("Body.Mirrors.@.Pan", "mirror pan", Kind.MIRROR),
    _rule("Body.Mirrors.@.Tilt", "mirror tilt", Kind.MIRROR),
    _rule("Body.Windshield.Front.Wiping.Mode", "front wipers", Kind.WIPER, Attribute.OPTION),
    _rule("Body.Windshield.Rear.Wiping.Mode", "rear wiper", Kind.WIPER, Attribute.OPTION),
    _rule(
        "Body.Windshield.Front.IsHeatingOn", "windshield heating", Kind.DEFROSTER, Attribute.POWER
    ),
    _rule(
        "Body.Windshield.Rear.IsHeatingOn", "rear window heating", Kind.DEFROSTER, Attribute.POWER
    ),
    _rule("Powertrain.TractionBattery.Charging.ChargeLimit", "charge limit", Kind.NUMBER),
    _rule("Powertrain.TractionBattery.StateOfCharge.Current", "battery level", Kind.SENSOR),
    _rule("Powertrain.Transmission.CurrentGear", "gear", Kind.SENSOR),
    _rule("Chassis.ParkingBrake.IsEngaged", "parking brake", Kind.SENSOR, "state"),
)

_ROW: Final = re.compile(r"Row(\d+)")
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z]+|[a-z]+|\d+")
_SIDES: Final = frozenset(
    {"Driver", "DriverSide", "Left", "Middle", "Passenger", "PassengerSide", "Right"}
)


def thing_of(path: str, driver: str) -> Thing:
    """The thing that a signal belongs to.

    Args:
        path: The signal's path.
        driver: The side where the driver sits, `left` or `right`.
    """
    zone = zone_of(path, driver)
    for rule in _RULES:
        if rule.pattern.fullmatch(path):
            thing = path.rpartition(".")[0] if rule.grouped else path
            name = f"{_prefix(zone)} {rule.noun}".strip()
            aliases = rule.aliases if zone is None else ()
            return Thing(thing, name, rule.kind, rule.attribute, zone, aliases)
    words = [_words(segment) for segment in path.split(".")[-2:]]
    name = " ".join(dict.fromkeys(words)).removeprefix("vehicle ")
    inside = path.startswith(("Vehicle.Cabin.", "Vehicle.Body."))
    return Thing(path, name, Kind.SIGNAL, Attribute.VALUE, zone if inside else None)


def zone_of(path: str, driver: str) -> str | None:
    """The zone of a path by its row and side, in trees of any VSS version."""
    segments = path.split(".")
    row = next((match[1] for part in segments if (match := _ROW.fullmatch(part))), None)
    side = next((part for part in segments if part in _SIDES), None)
    at_driver = side in {"Driver", "DriverSide"} or (side or "").lower() == driver
    match row, side:
        case "1" | None, "Driver" | "DriverSide" | "Passenger" | "PassengerSide" | "Left" | "Right":
            return "Driver" if at_driver else "Passenger"
        case _, "Driver" | "DriverSide" | "Passenger" | "PassengerSide" | "Left" | "Right":
            return "Rear Left" if at_driver == (driver == "left") else "Rear Right"
        case "1", _:
            return "Row1"
        case "2", _:
            return "Row2"
    return None


def _prefix(zone: str | None) -> str:
    return {None: "", "Row1": "front", "Row2": "rear"}.get(zone, (zone or "").lower())


def _words(segment: str) -> str:
    """`IsAirConditioningActive` -> `air conditioning`."""
    words = [word if word.isupper() else word.lower() for word in _WORDS.findall(segment)]
    if len(words) > 1 and words[0] == "is":
        del words[0]
    if len(words) > 1 and words[-1] in {"active", "on"}:
        del words[-1]
    return " ".join(words)
