"""Sensors, binary sensors and trackers of Home Assistant's discovery: all of them read only."""

from collections.abc import Mapping
from typing import Final

from edge_agent.core.entity import Attribute, Choice, Kind, Reading, Text, Value
from edge_agent.core.names import clean_name
from edge_agent.core.payload import decode_json
from edge_agent.devices.ha.binding import UNKNOWN, Draft, Readings, lookup
from edge_agent.devices.ha.simple import clean_unit
from edge_agent.devices.values import Words, finite, spoken
from edge_agent.errors import DeviceError

_TEXT_CLASSES: Final = frozenset({"date", "enum", "timestamp"})

_BINARY: Final[Mapping[str, tuple[str, str]]] = {
    "battery": ("low", "normal"),
    "battery_charging": ("charging", "not charging"),
    "carbon_monoxide": ("detected", "clear"),
    "cold": ("cold", "normal"),
    "connectivity": ("connected", "disconnected"),
    "gas": ("detected", "clear"),
    "heat": ("hot", "normal"),
    "light": ("detected", "clear"),
    "moisture": ("wet", "dry"),
    "motion": ("detected", "clear"),
    "moving": ("moving", "still"),
    "occupancy": ("detected", "clear"),
    "plug": ("plugged in", "unplugged"),
    "presence": ("home", "away"),
    "problem": ("problem", "fine"),
    "running": ("running", "not running"),
    "safety": ("unsafe", "safe"),
    "smoke": ("detected", "clear"),
    "sound": ("detected", "clear"),
    "tamper": ("detected", "clear"),
    "update": ("available", "up to date"),
    "vibration": ("detected", "clear"),
}
_OPENINGS: Final[Mapping[str, Kind]] = {
    "door": Kind.DOOR,
    "garage_door": Kind.GARAGE_DOOR,
    "opening": Kind.SENSOR,
    "window": Kind.WINDOW,
}
_WEATHER: Final[Mapping[str, str]] = {
    "temperature": "°C",
    "humidity": "%",
    "pressure": "hPa",
    "wind_speed": "km/h",
}
_CALENDAR: Final = ("message", "summary", "start_time", "location")


def sensor(draft: Draft) -> None:
    """Fill in a sensor; its attribute is named after its device class, if that is a quantity."""
    settings = draft.settings
    draft.kind = Kind.SENSOR
    device_class = settings.text("device_class")
    plain = device_class in _TEXT_CLASSES
    attribute = (not plain and spoken(device_class)) or str(Attribute.VALUE)
    unit = clean_unit(settings)
    options = Words(settings.strings("options"))
    numeric = not plain and (unit or "state_class" in settings)

    def reading(text: str) -> Value | None:
        if numeric or (device_class and not plain):
            return finite(text)
        try:
            return finite(text)
        except DeviceError:
            return spoken(text) or None

    def state(text: str) -> Value | None:
        return spoken(text) or None

    if options or plain:
        domain: Choice | Text | Reading = Choice(options.words) if options else Text()
        readable = draft.read_one(attribute, "state_topic", "value_template", state)
    else:
        domain = Reading(unit) if numeric or device_class else Text()
        readable = draft.read_one(attribute, "state_topic", "value_template", reading)
    if not readable:
        raise DeviceError("state_topic is missing")
    draft.add(attribute, domain, None, readable=True)
    _attributes(draft)


def _attributes(draft: Draft) -> None:
    """Weather and calendars carry what one asks for in their JSON attributes."""
    words = {*draft.words.split()}
    if words & {"weather", "forecast"}:
        domains: dict[str, Reading | Text] = {key: Reading(unit) for key, unit in _WEATHER.items()}
    elif "calendar" in words:
        domains = {key: Text() for key in _CALENDAR}
    else:
        return

    def parse(text: str) -> Readings:
        attributes = decode_json(text.encode())
        if not isinstance(attributes, dict):
            return {}
        found: dict[str, Value | None] = {}
        for key, domain in domains.items():
            value = attributes.get(key)
            if value is not None:
                number = isinstance(domain, Reading)
                found[spoken(key)] = finite(value) if number else clean_name(str(value)) or None
        return found

    names = tuple(spoken(key) for key in domains)
    readable = draft.read("json_attributes_topic", "json_attributes_template", names, parse)
    for name, domain in zip(names, domains.values(), strict=True):
        draft.add(name, domain, None, readable=readable)


def binary_sensor(draft: Draft) -> None:
    """Fill in a binary sensor; its device class gives the words for on and off."""
    settings = draft.settings
    device_class = settings.text("device_class")
    if device_class in _OPENINGS:
        draft.kind = _OPENINGS[device_class]
        attribute, words = str(Attribute.OPENING), ("open", "closed")
    elif device_class == "lock":
        attribute, words = str(Attribute.LOCK), ("unlocked", "locked")
    elif device_class in _BINARY:
        attribute, words = spoken(device_class), _BINARY[device_class]
    else:
        attribute, words = str(Attribute.POWER), ("on", "off")
    states: dict[str | None, Value | None] = {
        settings.payload("payload_on", "ON"): words[0],
        settings.payload("payload_off", "OFF"): words[1],
    }
    readable = draft.read_one(attribute, "state_topic", "value_template", lookup(states))
    if not readable:
        raise DeviceError("state_topic is missing")
    draft.add(attribute, Choice(words), None, readable=True)


def device_tracker(draft: Draft) -> None:
    """Fill in a tracker: home, away, or the name of a zone."""
    settings = draft.settings
    draft.kind = Kind.TRACKER
    known = {
        settings.payload("payload_home", "home"): "home",
        settings.payload("payload_not_home", "not_home"): "away",
    }
    reset = settings.text("payload_reset", "None")

    def parse(text: str) -> Value | None:
        if text == reset or text in UNKNOWN:
            return None
        return known.get(text) or clean_name(text) or None

    readable = draft.read_one(Attribute.LOCATION, "state_topic", "value_template", parse)
    draft.add(Attribute.LOCATION, Text(), None, readable=readable)
