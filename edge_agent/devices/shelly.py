"""Shelly devices as a translator: the first generation's topics, and the newer ones' RPC.

Follows https://shelly-api-docs.shelly.cloud. A device announces itself by what it reports. Newer
ones may report anywhere, so their topic prefixes are told; the older ones stay in one place.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from edge_agent.core.names import slug
from edge_agent.core.payload import decode_json
from edge_agent.core.registry import Changes
from edge_agent.devices.fields import Field
from edge_agent.devices.ha.catalogue import Catalogue
from edge_agent.devices.ha.discovery import Component
from edge_agent.devices.relay import relay
from edge_agent.errors import DeviceError

_OLD: Final = "shellies"
_OLD_TOPIC: Final = re.compile(rf"({_OLD}/[\w.-]{{1,64}})/(relay|roller)/(\d{{1,2}})", re.ASCII)
_OLD_ID: Final = re.compile(r"[\w.-]{1,64}", re.ASCII)
_STATUS: Final = re.compile(r"(switch|cover|light|temperature|humidity):(\d{1,3})", re.ASCII)
_OLD_RELAYS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("SHSW-1", "SHSW-L", "SHSW-PM", "SHEM", "SHEM-3", "SHAIR-1"), 1),
    **dict.fromkeys(("SHPLG-1", "SHPLG-S", "SHPLG-U1", "SHPLG2-1"), 1),
    **dict.fromkeys(("SHSW-21", "SHSW-25", "SHUNI-1"), 2),
    "SHSW-44": 4,
}
"""How many relays a model has, as it announces itself."""


class Shelly(Catalogue):
    """Listed devices of any generation, and every one of the first that reports."""

    name = "shelly"

    def __init__(
        self, prefixes: Mapping[str, str] | None = None, *, reserved: Sequence[str] = ()
    ) -> None:
        """Starts knowing nothing.

        Args:
            prefixes: Spoken names by topic prefix: `shellyplus1-a8032ab12345`, or
                `shellies/shelly1-B929CC` for the first generation.
            reserved: Topic prefixes that no device may be commanded on.
        """
        super().__init__((*reserved, "edge-agent/"))
        self._names = dict(prefixes or {})

    @property
    def discovery_filters(self) -> tuple[str, ...]:
        """What devices report: it says what they are."""
        return (
            f"{_OLD}/announce",
            f"{_OLD}/+/relay/+",
            f"{_OLD}/+/roller/+",
            *(f"{prefix}/status/+" for prefix in self._names),
        )

    def discover(self, topic: str, payload: bytes) -> Changes:
        """What a report changes: the first one of a component makes an entity."""
        try:
            return self.replace(dict(self._reported(topic, payload)))
        except DeviceError as error:
            return Changes(problems=(f"{topic}: {error}",))

    def _reported(self, topic: str, payload: bytes) -> Iterator[tuple[str, Sequence[Component]]]:
        """Sources, each the topic of one component, with that component."""
        if topic == f"{_OLD}/announce":
            yield from self._announced(decode_json(payload))
        elif (old := _OLD_TOPIC.fullmatch(topic)) is not None:
            prefix, part, number = old.groups()
            name = self._name(prefix, int(number))
            yield topic, (_old(prefix, part, int(number), name),) if payload else ()
        elif (known := self._split(topic)) is not None:
            prefix, part, number = known
            status = decode_json(payload) if payload else None
            if payload and not isinstance(status, dict):
                raise DeviceError("a status is a JSON object")
            name = self._name(prefix, number)
            yield topic, (_new(prefix, part, number, name, status),) if status else ()

    def _announced(self, device: Any) -> Iterator[tuple[str, Sequence[Component]]]:
        match device:
            case {"id": str(identifier), "model": str(model)} if _OLD_ID.fullmatch(identifier):
                prefix = f"{_OLD}/{identifier}"
                rolls = device.get("mode") == "roller"
                part, count = ("roller", 1) if rolls else ("relay", _OLD_RELAYS.get(model, 0))
                for number in range(count):
                    name = self._name(prefix, number)
                    yield f"{prefix}/{part}/{number}", (_old(prefix, part, number, name),)
            case _:
                raise DeviceError("an announcement is a JSON object with id and model")

    def _split(self, topic: str) -> tuple[str, str, int] | None:
        prefix, status, component = topic.rpartition("/status/")
        found = _STATUS.fullmatch(component)
        if not status or found is None or prefix not in self._names:
            return None
        return prefix, found[1], int(found[2])

    def _name(self, prefix: str, number: int) -> str:
        name = self._names.get(prefix) or prefix.removeprefix(f"{_OLD}/")
        return f"{name} {number + 1}" if 0 < number < 100 else name


def _component(
    prefix: str, platform: str, part: str, name: str, settings: Mapping[str, Any]
) -> Component:
    common = {
        "device": {"identifiers": [prefix], "name": name},
        "object_id": slug(f"{prefix.removeprefix(f'{_OLD}/')} {part}"),
        "unique_id": f"{prefix} {part}",
        "availability_topic": f"{prefix}/online",
        "payload_available": "true",
        "payload_not_available": "false",
    }
    return Component("", platform, part, {"name": None, **common, **settings})


def _old(prefix: str, part: str, number: int, name: str) -> Component:
    """A component of the first generation."""
    topic = f"{prefix}/{part}/{number}"
    if part == "relay":
        payloads = {"payload_on": "on", "payload_off": "off"}
        topics = {"command_topic": f"{topic}/command", "state_topic": topic}
        platform, settings = relay(name, topics | payloads)
        return _component(prefix, platform, str(number), name, settings)
    settings = {
        "command_topic": f"{topic}/command",
        "payload_open": "open",
        "payload_close": "close",
        "payload_stop": "stop",
        # What the roller itself reports is only which way it moves.
        "position_topic": f"{topic}/pos",
        "position_template": Field((), _calibrated, plain=True),
        "set_position_topic": f"{topic}/command/pos",
    }
    return _component(prefix, "cover", str(number), name, settings)


def _calibrated(position: str) -> str | None:
    return None if position.startswith("-") else position


def _new(prefix: str, part: str, number: int, name: str, status: Mapping[str, Any]) -> Component:
    """A component of the newer generations."""
    topic, rpc = f"{prefix}/status/{part}:{number}", f"{prefix}/rpc"
    settings: dict[str, Any] = {"command_topic": rpc, "state_topic": topic}
    platform, key = part, str(number)
    match part:
        case "switch":
            settings |= {
                "payload_on": _rpc("Switch.Set", id=number, on=True),
                "payload_off": _rpc("Switch.Set", id=number, on=False),
                "value_template": Field(("output",)),
                "state_on": "True",
                "state_off": "False",
            }
            platform, settings = relay(name, settings)
        case "light":
            settings |= {
                "schema": "template",
                "command_on_template": _LightSet(number),
                "command_off_template": _LightSet(number),
                "state_template": Field(("output",), _on_or_off),
                "brightness_template": Field(("brightness",), _of_255),
            }
        case "cover":
            settings |= {
                "payload_open": _rpc("Cover.Open", id=number),
                "payload_close": _rpc("Cover.Close", id=number),
                "payload_stop": _rpc("Cover.Stop", id=number),
                "value_template": Field(("state",)),
            }
            if status.get("pos_control") is True:
                settings |= {
                    "position_topic": topic,
                    "position_template": Field(("current_pos",)),
                    "set_position_topic": rpc,
                    "set_position_template": _GoToPosition(number),
                }
        case _:
            member, unit = {"temperature": ("tC", "°C"), "humidity": ("rh", "%")}[part]
            platform, key = "sensor", f"{part} {number}"
            settings = {"state_topic": topic, "value_template": Field((member,)), "name": part}
            settings |= {"device_class": part, "unit_of_measurement": unit}
    return _component(prefix, platform, key, name, settings)


def _rpc(method: str, **params: Any) -> str:
    request = {"id": 1, "src": "edge-agent", "method": method, "params": params}
    return json.dumps(request, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class _LightSet:
    """Writes the request that switches or dims a light."""

    number: int

    def render(self, **variables: Any) -> str:
        params: dict[str, Any] = {"id": self.number, "on": variables["state"] == "on"}
        if "brightness" in variables:
            params["brightness"] = max(1, round(variables["brightness"] * 100 / 255))
        return _rpc("Light.Set", **params)


@dataclass(frozen=True, slots=True)
class _GoToPosition:
    """Writes the request that moves a cover."""

    number: int

    def render(self, **variables: Any) -> str:
        return _rpc("Cover.GoToPosition", id=self.number, pos=variables["value"])


def _on_or_off(output: bool) -> str:
    return "on" if output is True else "off"


def _of_255(percent: float) -> float:
    return percent * 255 / 100
