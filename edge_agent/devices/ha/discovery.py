"""Home Assistant discovery messages, decoded: abbreviations and base topics are gone afterwards.

Both forms come out alike, as components with complete settings. Knows the envelope of a message,
not what a light or a lock is.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from edge_agent.core.payload import DISCOVERY_LIMIT, decode_json
from edge_agent.devices.ha import abbreviations
from edge_agent.errors import DeviceError

_MAX_KEYS: Final = 20_000  # of one message in the device form, which carries many components
_TOPIC: Final = re.compile(
    r"(?P<component>\w+)/(?:(?P<node>[a-zA-Z0-9_-]+)/)?(?P<object>[a-zA-Z0-9_-]+)/config",
    re.ASCII,
)
_BASE: Final = "~"
_SHARED: Final = (
    "availability",
    "availability_mode",
    "availability_template",
    "availability_topic",
    "command_topic",
    "device",
    "encoding",
    "origin",
    "payload_available",
    "payload_not_available",
    "qos",
    "state_topic",
)
_AVAILABILITY: Final = frozenset({"availability", "availability_topic"})
DEVICE_FORM: Final = "device"


@dataclass(frozen=True, slots=True)
class Address:
    """What a discovery topic says."""

    component: str
    """`light`, `switch`, ... or `device`."""
    object_id: str


@dataclass(frozen=True, slots=True)
class Component:
    """One component of a message."""

    key: str
    """Tells the components of one message apart; empty in the entity form."""
    platform: str
    object_id: str
    """The id to use where the settings name none."""
    settings: Mapping[str, Any] | None
    """Long keys, whole topics; None where the message removes the component."""
    aliases: tuple[str, ...] = ()
    """Clean names that it answers to besides its own."""
    mirrors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Topics by a state topic whose messages read like those of that topic."""


def parse_topic(prefix: str, topic: str) -> Address | None:
    """What a topic under the discovery prefix says; None for any other topic."""
    if not topic.startswith(f"{prefix}/"):
        return None
    match = _TOPIC.fullmatch(topic[len(prefix) + 1 :])
    return Address(match["component"], match["object"]) if match else None


def components(address: Address, payload: bytes) -> tuple[Component, ...]:
    """The components that a message with a payload describes or removes.

    Raises:
        DeviceError: The payload is no discovery message; the text says why.
    """
    message = decode_json(payload, limit=DISCOVERY_LIMIT, max_keys=_MAX_KEYS)
    if not isinstance(message, dict):
        raise DeviceError("a discovery message is a JSON object")
    if message.get("migrate_discovery"):
        return ()
    if address.component != DEVICE_FORM:
        settings = _expanded(message, str(message.get(_BASE, "")))
        return (Component("", address.component, address.object_id, settings),)
    return tuple(_of_device(address, message))


def _of_device(address: Address, message: dict[str, Any]) -> Iterator[Component]:
    base = message.get(_BASE, "")
    shared = _expanded(message, base)
    parts = shared.get("components")
    for key in ("device", "origin", "components"):
        if not isinstance(shared.get(key), dict):
            raise DeviceError(f"a device message needs an object under {key!r}")
    inherited = {key: shared[key] for key in _SHARED if key in shared}
    for key, part in parts.items() if isinstance(parts, dict) else ():
        if not isinstance(part, dict):
            raise DeviceError(f"component {key[:40]!r} is not an object")
        own = _expanded(part, part.get(_BASE, base))
        platform = own.pop("platform", None)
        if not isinstance(platform, str):
            raise DeviceError(f"component {key[:40]!r} needs a platform")
        own.pop("device", None)
        own.pop("origin", None)
        if own.keys() & _AVAILABILITY:
            # One way of availability replaces the other, for there may not be both.
            for shared_way in _AVAILABILITY & inherited.keys():
                own.setdefault(shared_way, None)
        settings = inherited | own if own else None
        yield Component(key, platform, f"{address.object_id}_{key}", settings)


def _expanded(settings: Mapping[str, Any], base: Any) -> dict[str, Any]:
    """Long keys first, then `~` in the topics (the documented order)."""
    named = _renamed(settings, abbreviations.ENTITY)
    for key, table in (("device", abbreviations.DEVICE), ("origin", abbreviations.ORIGIN)):
        if isinstance(named.get(key), dict):
            named[key] = _renamed(named[key], table)
    places = named.get("availability")
    if isinstance(places, dict):
        places = [places]
    if isinstance(places, list):
        named["availability"] = [
            _with_base(_renamed(place, abbreviations.ENTITY), base)
            for place in places
            if isinstance(place, dict)
        ]
    named.pop(_BASE, None)
    return _with_base(named, base)


def _renamed(settings: Mapping[str, Any], table: Mapping[str, str]) -> dict[str, Any]:
    renamed = {key: value for key, value in settings.items() if key not in table}
    for key, value in settings.items():
        if key in table:
            renamed.setdefault(table[key], value)
    return renamed


def _with_base(settings: dict[str, Any], base: Any) -> dict[str, Any]:
    if not isinstance(base, str) or not base:
        return settings
    return {
        key: _replaced(value, base) if key.endswith("topic") and isinstance(value, str) else value
        for key, value in settings.items()
    }


def _replaced(topic: str, base: str) -> str:
    if topic.startswith(_BASE):
        topic = base + topic[1:]
    if topic.endswith(_BASE):
        topic = topic[:-1] + base
    return topic
