"""What zigbee2mqtt says that a device exposes, as components with settings.

Follows https://www.zigbee2mqtt.io/guide/usage/exposes.html; ranges and legal values are the
device's own. Knows no topics but those of its device.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from edge_agent.core.names import slug
from edge_agent.devices.fields import Field, Member
from edge_agent.devices.ha.discovery import Component
from edge_agent.devices.relay import relay
from edge_agent.errors import DeviceError

_STATE, _SET = 1, 2  # bits of `access`
_MAX_EXPOSES: Final = 200
_ENDPOINT: Final = re.compile(r"\w{1,32}", re.ASCII)
_SKIPPED: Final = frozenset({"action"})  # what a remote control sends: over at once, never a state
_DIAGNOSTIC: Final = frozenset({"linkquality", "update_available"})
_OPENERS: Final = ("garage", "gate", "curtain", "blind", "shutter", "shade", "awning")

_BINARY_CLASSES: Final[Mapping[str, str]] = {
    "battery_low": "battery",
    "carbon_monoxide": "carbon_monoxide",
    "gas": "gas",
    "motion": "motion",
    "moving": "moving",
    "occupancy": "occupancy",
    "presence": "occupancy",
    "rain": "moisture",
    "smoke": "smoke",
    "tamper": "tamper",
    "vibration": "vibration",
    "water_leak": "moisture",
}
_SENSOR_CLASSES: Final[Mapping[str, str]] = {
    "ac_frequency": "frequency",
    "battery": "battery",
    "co2": "carbon_dioxide",
    "current": "current",
    "device_temperature": "temperature",
    "distance": "distance",
    "energy": "energy",
    "humidity": "humidity",
    "illuminance": "illuminance",
    "illuminance_lux": "illuminance",
    "local_temperature": "temperature",
    "pm10": "pm10",
    "pm25": "pm25",
    "power": "power",
    "pressure": "pressure",
    "soil_moisture": "moisture",
    "temperature": "temperature",
    "voc": "volatile_organic_compounds",
    "voltage": "voltage",
}
_FAN_SPEEDS: Final = ("low", "medium", "high")


@dataclass(frozen=True, slots=True)
class Thing:
    """A device or a group of zigbee2mqtt."""

    identifier: str
    """The device's identifier in Home Assistant's discovery: both ways lead to one device."""
    name: str
    """The friendly name as it is, slashes and all."""
    topic: str
    description: str
    shared: Mapping[str, Any]
    """Settings of every component: availability."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One value that is read or set: an expose, or a feature of a light, a lock, ..."""

    raw: Mapping[str, Any]
    name: str
    key: str
    """The member of the state that carries it: `state_left`."""
    readable: bool
    settable: bool

    def read(self, thing: Thing, topic: str, template: str, **how: Any) -> dict[str, Any]:
        """The settings for reading it, under these keys."""
        if not self.readable:
            return {}
        return {topic: thing.topic, template: Field((self.key,), **how)}

    def write(self, thing: Thing, topic: str, template: str) -> dict[str, Any]:
        """The settings for writing it, under these keys."""
        if not self.settable:
            return {}
        values = [*self.values, self.raw.get("value_on"), self.raw.get("value_off")]
        raw = tuple((str(value), value) for value in values if isinstance(value, (bool, int)))
        return {topic: f"{thing.topic}/set", template: Member(self.key, raw)}

    def both(self, thing: Thing, key: str = "", state: str = "") -> dict[str, Any]:
        """The settings for reading and writing it, under the usual keys after a prefix."""
        prefix = f"{key}_" if key else ""
        template = state or f"{prefix}value_template"
        return self.read(thing, f"{prefix}state_topic", template) | self.write(
            thing, f"{prefix}command_topic", f"{prefix}command_template"
        )

    def bounds(self, low: str, high: str) -> dict[str, Any]:
        """Its range, under these keys; nothing where it has none."""
        ends = {low: self.raw.get("value_min"), high: self.raw.get("value_max")}
        return {} if None in ends.values() else ends

    @property
    def values(self) -> list[Any]:
        """The legal values of an enum."""
        values = self.raw.get("values")
        return values if isinstance(values, list) else []


def components(thing: Thing, exposes: Any) -> tuple[Component, ...]:
    """The components of what a device exposes; what is not known here is left out.

    Raises:
        DeviceError: The exposes are no list, or too long a one.
    """
    if not isinstance(exposes, list) or len(exposes) > _MAX_EXPOSES:
        raise DeviceError(f"exposes must be a list of at most {_MAX_EXPOSES} objects")
    listed = [expose for expose in exposes if isinstance(expose, dict)]
    lights = [expose.get("endpoint") for expose in listed if expose.get("type") == "light"]
    effects = [expose for expose in listed if expose.get("name") == "effect"]
    # What a lamp or a thermostat has besides itself configures it; it is not spoken of by its kind.
    category = "config" if any(expose.get("type") in SPECIFIC for expose in listed) else None
    found: list[Component] = []
    for expose in listed:
        kind, endpoint = str(expose.get("type")), expose.get("endpoint")
        features = features_of(expose)
        if kind == "light":  # its effects are listed beside it
            features |= features_of(
                {"features": [effect for effect in effects if effect.get("endpoint") == endpoint]}
            )
        if kind in SPECIFIC:
            found.extend(SPECIFIC[kind](thing, expose, features))
        elif (feature := _feature(expose)) is not None and not (
            feature.name in _SKIPPED or (feature.name == "effect" and endpoint in lights)
        ):
            found.extend(_generic(thing, feature, kind, category))
    return tuple(found)


def _feature(raw: Mapping[str, Any]) -> Feature | None:
    name, key, access = raw.get("name"), raw.get("property"), raw.get("access", _STATE)
    if not (isinstance(name, str) and isinstance(key, str) and key and isinstance(access, int)):
        return None
    return Feature(raw, name, key, bool(access & _STATE), bool(access & _SET))


def features_of(expose: Mapping[str, Any]) -> dict[str, Feature]:
    """The features of a light, a lock, ... by name."""
    listed = expose.get("features")
    listed = listed if isinstance(listed, list) else []
    found = (_feature(raw) for raw in listed if isinstance(raw, dict))
    return {feature.name: feature for feature in found if feature is not None}


def _component(
    thing: Thing, platform: str, part: str, settings: Mapping[str, Any], name: str | None
) -> Component:
    """A component; `part` tells those of a device apart, `name` is what is spoken of it."""
    key = f"{platform} {part}".strip()
    who = {
        "device": {"identifiers": [thing.identifier], "name": thing.name},
        "name": name and name.replace("_", " "),
        "object_id": slug(f"{thing.name} {part}"[:96]),
        "unique_id": f"{thing.identifier}_{key}",
    }
    return Component(key, platform, part, {**thing.shared, **settings, **who})


def _specific(
    thing: Thing, platform: str, expose: Mapping[str, Any], settings: Mapping[str, Any]
) -> Iterator[Component]:
    """The one component of a specific expose, named after its endpoint where it has one."""
    endpoint = expose.get("endpoint")
    endpoint = endpoint if isinstance(endpoint, str) else None
    yield _component(thing, platform, endpoint or "", settings, endpoint)


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """Reads the members of one endpoint as if there were no other."""

    suffix: str

    def render(self, **variables: Any) -> str:
        state = variables.get("value_json")
        if not isinstance(state, dict):
            return ""
        length = len(self.suffix)
        return json.dumps(
            {key[:-length]: value for key, value in state.items() if key.endswith(self.suffix)}
        )


def _light(
    thing: Thing, expose: Mapping[str, Any], features: Mapping[str, Feature]
) -> Iterator[Component]:
    state = features.get("state")
    if state is None or not state.settable:
        return
    settings: dict[str, Any] = {"schema": "json", "command_topic": f"{thing.topic}/set"}
    if state.readable:
        settings["state_topic"] = thing.topic
    endpoint = expose.get("endpoint")
    if isinstance(endpoint, str) and _ENDPOINT.fullmatch(endpoint):
        settings["command_topic"] = f"{thing.topic}/{endpoint}/set"
        settings["value_template"] = _Endpoint(f"_{endpoint}")
    modes = [name.removeprefix("color_") for name in ("color_xy", "color_hs") if name in features]
    modes = modes[:1]
    if (temperature := features.get("color_temp")) is not None:
        modes.append("color_temp")
        settings |= temperature.bounds("min_mireds", "max_mireds")
    if (brightness := features.get("brightness")) is not None:
        modes.append("brightness")
        settings["brightness_scale"] = brightness.raw.get("value_max") or 254
    settings["supported_color_modes"] = modes or ["onoff"]
    if (effect := features.get("effect")) is not None and effect.settable:
        settings |= {"effect_list": effect.values, "reports_effect": effect.readable}
    yield from _specific(thing, "light", expose, settings)


def _on_off(state: Feature) -> dict[str, Any]:
    on, off = str(state.raw.get("value_on", "ON")), str(state.raw.get("value_off", "OFF"))
    return {"payload_on": on, "payload_off": off, "state_on": on, "state_off": off}


def _switch(
    thing: Thing, expose: Mapping[str, Any], features: Mapping[str, Feature]
) -> Iterator[Component]:
    if (state := features.get("state")) is not None:
        words = f"{thing.name} {thing.description}"
        platform, settings = relay(words, state.both(thing) | _on_off(state))
        yield from _specific(thing, platform, expose, settings)


def _lock(
    thing: Thing, expose: Mapping[str, Any], features: Mapping[str, Feature]
) -> Iterator[Component]:
    if (state := features.get("state")) is None:
        return
    if not state.key.startswith("state"):  # a child lock, say
        yield from _generic(thing, state, "binary", "config")
        return
    locked = str(state.raw.get("value_on", "LOCK"))
    unlocked = str(state.raw.get("value_off", "UNLOCK"))
    payloads = {"payload_lock": locked, "payload_unlock": unlocked}
    states = {"state_locked": locked, "state_unlocked": unlocked}
    yield from _specific(thing, "lock", expose, state.both(thing) | payloads | states)


def _cover(
    thing: Thing, expose: Mapping[str, Any], features: Mapping[str, Feature]
) -> Iterator[Component]:
    state, position, tilt = (features.get(name) for name in ("state", "position", "tilt"))
    settings: dict[str, Any] = {}
    if state is not None and state.settable:
        settings["command_topic"] = f"{thing.topic}/set"
        for key, word in (("open", "OPEN"), ("close", "CLOSE"), ("stop", "STOP")):
            offered = word in state.values or not state.values
            payload = json.dumps({state.key: word}, separators=(",", ":"))
            settings[f"payload_{key}"] = payload if offered else None
    if position is not None:
        settings |= position.read(thing, "position_topic", "position_template")
        settings |= position.write(thing, "set_position_topic", "set_position_template")
    # Some devices report the state that they were told to have; their position is where they are.
    if said := tuple(part.key for part in (position, state) if part is not None and part.readable):
        settings |= {"state_topic": thing.topic, "value_template": Field(said, _opening)}
    if tilt is not None:
        settings |= tilt.read(thing, "tilt_status_topic", "tilt_status_template")
        settings |= tilt.write(thing, "tilt_command_topic", "tilt_command_template")
        settings |= tilt.bounds("tilt_min", "tilt_max")
    named = any(word in thing.name.lower() for word in (*_OPENERS, "door", "window"))
    described = (word for word in _OPENERS if word in thing.description.lower())
    if not named and (device_class := next(described, None)):
        settings["device_class"] = device_class
    yield from _specific(thing, "cover", expose, settings)


def _opening(said: Any) -> str:
    if isinstance(said, (int, float)):
        return "open" if said else "closed"
    return {"OPEN": "open", "CLOSE": "closed", "STOP": "stopped"}[said]


def _fan(
    thing: Thing, expose: Mapping[str, Any], features: Mapping[str, Feature]
) -> Iterator[Component]:
    settings: dict[str, Any] = {}
    if (state := features.get("state")) is not None:
        settings |= state.both(thing, state="state_value_template") | _on_off(state)
    if (mode := features.get("mode")) is not None:
        settings |= mode.read(thing, "preset_mode_state_topic", "preset_mode_value_template")
        settings |= mode.write(thing, "preset_mode_command_topic", "preset_mode_command_template")
        settings["preset_modes"] = [value for value in mode.values if value != "off"]
    if (speed := features.get("speed")) is not None:
        settings |= speed.read(thing, "percentage_state_topic", "percentage_value_template")
        settings |= speed.write(thing, "percentage_command_topic", "percentage_command_template")
        settings |= speed.bounds("speed_range_min", "speed_range_max")
    elif mode is not None and set(_FAN_SPEEDS) <= {*map(str, mode.values)} and mode.settable:
        settings["percentage_command_topic"] = f"{thing.topic}/set"
        steps = tuple((number, word) for number, word in enumerate(_FAN_SPEEDS, start=1))
        settings["percentage_command_template"] = Member(mode.key, steps)
        settings |= {"speed_range_min": 1, "speed_range_max": len(_FAN_SPEEDS)}
        settings |= mode.read(
            thing, "percentage_state_topic", "percentage_value_template", make=_fan_step
        )
    yield from _specific(thing, "fan", expose, settings)


def _fan_step(mode: Any) -> int | None:
    return {"off": 0, "low": 1, "medium": 2, "high": 3}.get(mode)


def _climate(
    thing: Thing, expose: Mapping[str, Any], features: Mapping[str, Feature]
) -> Iterator[Component]:
    settings: dict[str, Any] = {}
    setpoints = ("occupied_heating", "current_heating", "occupied_cooling", "current_cooling")
    wanted = (features.get(f"{name}_setpoint") for name in setpoints)
    if (setpoint := next((found for found in wanted if found is not None), None)) is not None:
        settings |= setpoint.both(thing, "temperature", "temperature_state_template")
        settings |= setpoint.bounds("min_temp", "max_temp")
        settings |= {"temp_step": setpoint.raw.get("value_step", 1)}
        settings |= {"temperature_unit": setpoint.raw.get("unit", "C")}
    for name, key, options in (
        ("system_mode", "mode", "modes"),
        ("fan_mode", "fan_mode", "fan_modes"),
        ("swing_mode", "swing_mode", "swing_modes"),
    ):
        if (feature := features.get(name)) is not None:
            settings |= feature.both(thing, key, f"{key}_state_template")
            settings[options] = feature.values
    if (preset := features.get("preset")) is not None:
        settings |= preset.both(thing, "preset_mode", "preset_mode_value_template")
        settings["preset_modes"] = [value for value in preset.values if value != "none"]
    if (current := features.get("local_temperature")) is not None:
        settings |= current.read(thing, "current_temperature_topic", "current_temperature_template")
    if (action := features.get("running_state")) is not None:
        settings |= action.read(thing, "action_topic", "action_template")
    yield from _specific(thing, "climate", expose, settings)


_Specific = Callable[[Thing, Mapping[str, Any], Mapping[str, Feature]], Iterator[Component]]
SPECIFIC: Final[Mapping[str, _Specific]] = {
    "climate": _climate,
    "cover": _cover,
    "fan": _fan,
    "light": _light,
    "lock": _lock,
    "switch": _switch,
}
"""By type of expose; the other types are values on their own."""


def _generic(
    thing: Thing, feature: Feature, kind: str, category: str | None
) -> Iterator[Component]:
    """A value on its own: what can be set is a switch, a number, ...; all else is a sensor."""
    settings = feature.both(thing)
    match kind:
        case "binary" if feature.settable:
            platform, settings = relay(feature.name, settings | _on_off(feature))
        case "binary":
            platform = "binary_sensor"
            settings |= _on_off(feature) | {"device_class": _binary_class(thing, feature.name)}
        case "numeric" if feature.settable and feature.bounds("min", "max"):
            platform = "number"
            settings |= feature.bounds("min", "max") | {"step": feature.raw.get("value_step", 1)}
        case "numeric":
            platform = "sensor"
            settings |= {"device_class": _SENSOR_CLASSES.get(feature.name)}
            settings |= {"state_class": "measurement"}
        case "enum" if feature.settable and not feature.readable and len(feature.values) == 1:
            platform, settings = "button", settings | {"payload_press": str(feature.values[0])}
        case "enum" if feature.settable:
            platform, settings = "select", settings | {"options": feature.values}
        case "enum":
            platform, settings = "sensor", settings | {"device_class": "enum"}
            settings["options"] = feature.values
        case "text":
            platform = "text" if feature.settable else "sensor"
        case _:
            return  # composites and lists: nothing that a sentence could set
    if platform.endswith("sensor") and not feature.readable:
        return
    known = "diagnostic" if feature.name in _DIAGNOSTIC else feature.raw.get("category")
    settings["entity_category"] = known or (category if feature.settable else None)
    settings["unit_of_measurement"] = feature.raw.get("unit")
    yield _component(thing, platform, feature.key, settings, feature.key)


def _binary_class(thing: Thing, name: str) -> str | None:
    if name != "contact":
        return _BINARY_CLASSES.get(name)
    words = slug(thing.name).split("_")
    if "garage" in words:
        return "garage_door"
    return next((word for word in ("window", "door") if word in words), "opening")
