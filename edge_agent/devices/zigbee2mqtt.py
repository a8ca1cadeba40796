"""zigbee2mqtt as a translator: the bridge's own list of devices in, entities out, and back.

Follows https://www.zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html. A friendly name may
contain slashes, so topics are made from names and never taken apart.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from edge_agent.core.payload import PACKET_LIMIT, decode_json
from edge_agent.core.registry import Changes
from edge_agent.devices.fields import Field
from edge_agent.devices.ha.catalogue import Catalogue
from edge_agent.devices.ha.discovery import Component
from edge_agent.devices.zigbee2mqtt_exposes import Thing, components
from edge_agent.devices.zigbee2mqtt_groups import common
from edge_agent.errors import DeviceError

_MAX_KEYS: Final = 100_000
_DAMAGED: Final = (AttributeError, LookupError, TypeError, ValueError, RecursionError)


class Zigbee2Mqtt(Catalogue):
    """Everything that one bridge lists."""

    name = "zigbee2mqtt"

    def __init__(
        self, base: str = "zigbee2mqtt", *, reserved: Sequence[str] = ("edge-agent/",)
    ) -> None:
        """Starts knowing nothing.

        Args:
            base: The bridge's base topic.
            reserved: Topic prefixes that no device may be commanded on, besides the bridge's own.
        """
        super().__init__((*reserved, f"{base}/bridge/"))
        self._base = base
        self._devices: dict[str, tuple[Thing, list[Any]]] = {}  # with their exposes, by address
        self._groups: list[Any] = []

    @property
    def discovery_filters(self) -> tuple[str, ...]:
        """The lists of devices and of groups."""
        return (f"{self._base}/bridge/devices", f"{self._base}/bridge/groups")

    def discover(self, topic: str, payload: bytes) -> Changes:
        """What a list changes: it is complete, so what it does not name is gone."""
        if topic not in self.discovery_filters:
            return Changes()
        try:
            listed = _listed(payload)
        except DeviceError as error:
            return Changes(problems=(f"{topic}: {error}",))
        if topic.endswith("/devices"):
            self._devices = dict(self._read_devices(listed))
        else:
            self._groups = listed
        return self._told_anew()

    def _told_anew(self) -> Changes:
        told: dict[str, Sequence[Component]] = dict.fromkeys(self.sources, ())
        problems: list[str] = []
        names: set[str] = set()
        for thing, exposes in (*self._devices.values(), *self._read_groups()):
            if thing.name in names:
                problems.append(f"{thing.topic}: another device has the same name")
                continue
            names.add(thing.name)
            try:
                told[thing.identifier] = components(thing, exposes)
            except DeviceError as error:
                problems.append(f"{thing.topic}: {error}")
            except _DAMAGED as error:
                problems.append(f"{thing.topic}: it cannot be read ({type(error).__name__})")
        changes = self.replace(told)
        return replace(changes, problems=(*problems, *changes.problems))

    def _read_devices(self, listed: Iterable[Any]) -> Iterator[tuple[str, tuple[Thing, list[Any]]]]:
        """The devices that can be used, by address: the bridge itself is none of them."""
        for entry in listed:
            match entry:
                case {"type": "Coordinator"} | {"disabled": True}:
                    continue
                case {
                    "ieee_address": str(address),
                    "friendly_name": str(name),
                    "definition": {"exposes": list(exposes)} as definition,
                } if name:
                    described = str(definition.get("description") or "")
                    thing = self._thing(f"{self.name}_{address}", name, described)
                    yield address, (thing, exposes)

    def _read_groups(self) -> Iterator[tuple[Thing, list[Any]]]:
        """The groups, as able as all of their members together."""
        # The identifiers that the bridge gives them in Home Assistant's discovery.
        encoded = "".join(str(ord(char)) for char in self._base)
        for entry in self._groups:
            match entry:
                case {"id": int(number), "friendly_name": str(name), "members": list(members)}:
                    able = [
                        self._devices[member["ieee_address"]][1]
                        for member in members
                        if isinstance(member, dict) and member.get("ieee_address") in self._devices
                    ]
                    if name and able:
                        thing = self._thing(f"{self.name}_{encoded}_{number}", name, "")
                        yield thing, list(common(able))

    def _thing(self, identifier: str, name: str, description: str) -> Thing:
        topic = f"{self._base}/{name}"
        places = (f"{self._base}/bridge/state", f"{topic}/availability")
        # Older bridges say "online" where newer ones say {"state": "online"}.
        state = Field(("state",), plain=True)
        shared = {
            "availability": [{"topic": place, "value_template": state} for place in places],
            "availability_mode": "all",
        }
        return Thing(identifier, name, topic, description, shared)


def _listed(payload: bytes) -> list[Any]:
    """The entries of a list; none for an empty payload.

    Raises:
        DeviceError: It is no list.
    """
    listed = decode_json(payload, limit=PACKET_LIMIT, max_keys=_MAX_KEYS) if payload else []
    if not isinstance(listed, list):
        raise DeviceError("it must be a JSON list")
    return listed
