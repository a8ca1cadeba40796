"""Tasmota's own discovery as a translator: relays, lights and shutters.

Follows https://tasmota.github.io/docs/Commands/ and what the firmware retains under
`tasmota/discovery`. A friendly name there is what its owner says to a speaker.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from edge_agent.core.names import clean_name, fold
from edge_agent.core.payload import DISCOVERY_LIMIT, decode_json
from edge_agent.core.registry import Changes
from edge_agent.devices.fields import Field
from edge_agent.devices.ha.catalogue import Catalogue
from edge_agent.devices.ha.discovery import Component
from edge_agent.devices.relay import relay
from edge_agent.devices.values import decimal
from edge_agent.errors import DeviceError

_RELAY, _LIGHT, _SHUTTER = 1, 2, 3  # kinds of relay, in `rl`
_DIMMED, _COLD_WARM, _RGB, _ALL_CHANNELS = 1, 2, 3, 5  # subtypes of light, in `lt_st`
_RESULT_BY_COMMAND, _ALL_ARE_LIGHTS, _CHANNELS, _NARROW_CT = "4", "30", "68", "82"  # in `so`
_UNNAMED: Final = re.compile(r"(Tasmota\d*)?")
_MAC: Final = re.compile(r"[0-9A-F]{12}")
_MAX_RELAYS: Final = 32


class Tasmota(Catalogue):
    """Every Tasmota device that retains its configuration under one prefix."""

    name = "tasmota"

    def __init__(
        self, prefix: str = "tasmota/discovery", *, reserved: Sequence[str] = ("edge-agent/",)
    ) -> None:
        """Starts knowing nothing.

        Args:
            prefix: Where devices retain their configuration.
            reserved: Topic prefixes that no device may be commanded on, besides that one.
        """
        super().__init__((*reserved, f"{prefix}/"))
        self._prefix = prefix

    @property
    def discovery_filters(self) -> tuple[str, ...]:
        """Configurations; the lists of sensors beside them are not read."""
        return (f"{self._prefix}/+/config",)

    def discover(self, topic: str, payload: bytes) -> Changes:
        """What a configuration changes; an empty one removes the device."""
        mac = topic.removeprefix(f"{self._prefix}/").removesuffix("/config")
        if topic != f"{self._prefix}/{mac}/config" or "/" in mac:
            return Changes()
        if not payload.strip():
            return self.replace({topic: ()})
        try:
            device = _Device(mac, decode_json(payload, limit=DISCOVERY_LIMIT))
            found = tuple(self._components(device))
        except DeviceError as error:
            return Changes(problems=(f"{topic}: {error}",))
        return self.replace({topic: found})

    def _components(self, device: "_Device") -> Iterator[Component]:
        shutters = 0
        for number, kind in enumerate(device.relays, start=1):
            name, aliases = device.named(number)
            if kind == _SHUTTER:
                shutters += 1
                if shutters % 2:  # two relays move one shutter
                    which = (shutters + 1) // 2
                    settings = _shutter(device, which)
                    yield device.component("cover", f"shutter_{which}", name, aliases, settings)
            elif kind == _LIGHT or (kind == _RELAY and device.option(_ALL_ARE_LIGHTS)):
                entity = f"light.tasmota_{device.mac.lower()}_{number}"
                settings = _light(device, number, kind, _Hsb(self, entity))
                yield device.component("light", str(number), name, aliases, settings)
            elif kind == _RELAY:
                words = " ".join((name, *aliases))
                platform, settings = relay(words, _power(device, number))
                yield device.component(platform, str(number), name, aliases, settings)


class _Device:
    """A device's configuration, checked."""

    def __init__(self, mac: str, config: Any) -> None:
        """Takes the MAC of the topic and the decoded configuration.

        Raises:
            DeviceError: It is none; the text names the key.
        """
        if not isinstance(config, dict):
            raise DeviceError("a configuration is a JSON object")
        self._config = config
        self.mac = self._text("mac", "")
        if self.mac != mac or not _MAC.fullmatch(mac):
            raise DeviceError("mac must be 12 hexadecimal digits, those of the topic")
        self.relays = self._list("rl")
        prefixes = self._list("tp")
        if len(prefixes) != 3 or not all(isinstance(prefix, str) for prefix in prefixes):
            raise DeviceError("tp must be a list of three topic prefixes")
        self.command, self.result, self.telemetry = map(self._topic, prefixes)
        states = self._list("state")
        self.off, self.on = map(str, states[:2] if len(states) >= 2 else ("OFF", "ON"))
        self.light_type = config.get("lt_st", 0)

    def option(self, number: str) -> bool:
        """One of the device's SetOptions."""
        options = self._config.get("so")
        return isinstance(options, dict) and options.get(number) == 1

    def inverted(self, shutter: int) -> bool:
        """Whether a shutter counts from open to closed."""
        options = self._list("sho")
        known = options[shutter - 1] if shutter <= len(options) else 0
        return isinstance(known, int) and bool(known & 1)

    def answers(self, command: str) -> str:
        """The topic on which the device answers a command."""
        return self.result + (command.upper() if self.option(_RESULT_BY_COMMAND) else "RESULT")

    def named(self, number: int) -> tuple[str, tuple[str, ...]]:
        """The spoken name of a relay, and its other names."""
        device = self._text("dn", "Tasmota")
        friendly = self._list("fn")
        own = friendly[number - 1] if number <= len(friendly) else None
        if isinstance(own, str) and not _UNNAMED.fullmatch(own):
            whole = clean_name(f"{device} {own}")
            known = fold(own).startswith(fold(device)) or _UNNAMED.fullmatch(device)
            return own, () if known else (whole,)
        used = sum(1 for kind in self.relays if kind) - self.relays.count(_SHUTTER) // 2
        return (device if used == 1 else f"{device} {number}"), ()

    def component(
        self,
        platform: str,
        part: str,
        name: str,
        aliases: tuple[str, ...],
        settings: Mapping[str, Any],
    ) -> Component:
        """A component with what all of the device's have in common."""
        common = {
            "device": {"identifiers": [f"tasmota_{self.mac}"], "name": name},
            "name": None,
            "object_id": f"tasmota_{self.mac.lower()}_{part}",
            "unique_id": f"{self.mac}_{part}",
            "availability_topic": f"{self.telemetry}LWT",
            "payload_available": self._text("onln", "Online"),
            "payload_not_available": self._text("ofln", "Offline"),
        }
        topics = {value for key, value in settings.items() if key.endswith("state_topic")}
        topics |= {settings["position_topic"]} if platform == "cover" else set()
        also = (f"{self.telemetry}{'SENSOR' if platform == 'cover' else 'STATE'}",)
        mirrors = dict.fromkeys(sorted(topics), also)
        return Component(
            f"{platform} {part}", platform, part, {**common, **settings}, aliases, mirrors
        )

    def _topic(self, prefix: str) -> str:
        topic = self._text("ft", "%prefix%/%topic%/")
        for key, text in (
            ("%prefix%", prefix),
            ("%topic%", self._text("t", "")),
            ("%hostname%", self._text("hn", "")),
            ("%id%", self.mac[-6:]),
        ):
            topic = topic.replace(key, text)
        return topic if topic.endswith("/") else f"{topic}/"

    def _text(self, key: str, default: str) -> str:
        value = self._config.get(key, default)
        if not isinstance(value, str) or len(value) > 256:
            raise DeviceError(f"{key} must be a text of at most 256 characters")
        return value

    def _list(self, key: str) -> list[Any]:
        value = self._config.get(key, [])
        if not isinstance(value, list) or len(value) > _MAX_RELAYS:
            raise DeviceError(f"{key} must be a list of at most {_MAX_RELAYS} items")
        return value


def _power(device: _Device, number: int) -> dict[str, Any]:
    # A device with one relay calls it POWER in what it reports.
    names = ("POWER1", "POWER") if number == 1 else (f"POWER{number}",)
    return {
        "command_topic": f"{device.command}POWER{number}",
        "state_topic": device.answers(f"POWER{number}"),
        "value_template": Field(names),
        "payload_on": device.on,
        "payload_off": device.off,
    }


def _light(device: _Device, number: int, kind: Any, hsb: "_Hsb") -> dict[str, Any]:
    settings = _power(device, number)
    subtype = device.light_type
    # Each channel is a light of its own there, and none of them is dimmed by "Dimmer".
    channels = device.option(_CHANNELS) or device.relays.count(_LIGHT) > 1
    if kind != _LIGHT or channels or not isinstance(subtype, int) or subtype < _DIMMED:
        return settings
    settings |= _value(device, "brightness", "Dimmer", Field(("Dimmer",)))
    settings["brightness_scale"] = 100
    if subtype in (_COLD_WARM, _ALL_CHANNELS):
        low, high = (200, 380) if device.option(_NARROW_CT) else (153, 500)
        settings |= _value(device, "color_temp", "CT", Field(("CT",)))
        settings |= {"min_mireds": low, "max_mireds": high}
    if subtype >= _RGB:
        settings |= _value(device, "hs", "HSBColor", Field(("HSBColor",), _hue_and_saturation))
        settings["hs_command_template"] = hsb
    return settings


def _value(device: _Device, key: str, command: str, field: Field) -> dict[str, Any]:
    return {
        f"{key}_command_topic": f"{device.command}{command}",
        f"{key}_state_topic": device.answers(command),
        f"{key}_value_template": field,
    }


def _hue_and_saturation(color: str) -> str:
    return ",".join(color.split(",")[:2])


@dataclass(frozen=True, slots=True)
class _Hsb:
    """Writes a colour at the brightness that the light has: the device takes all three at once."""

    lights: Catalogue
    entity: str

    def render(self, **variables: Any) -> str:
        level = self.lights.level(self.entity)
        return f"{variables['value']},{decimal(float(level)) if level else 100}"


def _shutter(device: _Device, which: int) -> dict[str, Any]:
    answers = device.answers(f"SHUTTERPOSITION{which}")
    inverted = device.inverted(which)
    name = (f"Shutter{which}",)
    return {
        "set_position_topic": f"{device.command}ShutterPosition{which}",
        "position_topic": answers,
        "position_template": Field(name, _position),
        "position_open": 0 if inverted else 100,
        "position_closed": 100 if inverted else 0,
        "state_topic": answers,
        "value_template": Field(name, _inverted_movement if inverted else _movement),
        "command_topic": f"{device.command}ShutterStop{which}",
        "payload_stop": "",
        "payload_open": None,  # by position, which says how far it got
        "payload_close": None,
    }


def _position(shutter: Mapping[str, Any]) -> Any:
    return shutter["Position"]


def _movement(shutter: Mapping[str, Any], closed: int = 0) -> str:
    if shutter.get("Direction", 0):
        return "opening" if shutter["Direction"] > 0 else "closing"
    return "closed" if shutter["Position"] == closed else "open"


def _inverted_movement(shutter: Mapping[str, Any]) -> str:
    return _movement(shutter, closed=100)
