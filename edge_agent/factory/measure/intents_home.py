"""The home that Home Assistant's intent tests are said in, as the daemon would discover it.

Reads the tests' `_fixtures.yaml` and announces every entity to the real discovery adapter. It does
not know the sentences.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import yaml

from edge_agent.core.entity import Area, Floor
from edge_agent.core.names import clean_name, fold, slug
from edge_agent.core.registry import Changes, Registry
from edge_agent.devices.homeassistant import HomeAssistant
from edge_agent.errors import FactoryError

FIXTURES = "_fixtures.yaml"
_OPTIONAL = re.compile(r"\[[^\]]*\]")

_COMMANDED: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "light": {
            "schema": "json",
            "brightness": True,
            "supported_color_modes": ["rgb"],
        },
        "switch": {},
        "fan": {"percentage_command_topic": "x/speed/set", "percentage_state_topic": "x/speed"},
        "cover": {"set_position_topic": "x/position/set", "position_topic": "x/position"},
        "lock": {},
        "climate": {
            "temperature_command_topic": "x/temperature/set",
            "temperature_state_topic": "x/temperature",
            "current_temperature_topic": "x/now",
            "mode_command_topic": "x/mode/set",
            "mode_state_topic": "x/mode",
            "modes": ["off", "heat"],
            "min_temp": 1,
            "max_temp": 90,
            "temp_step": 0.5,
        },
        "scene": {},
        "button": {},
        "text": {},
        "valve": {"reports_position": True},
        "vacuum": {"supported_features": ["start", "pause", "stop", "return_home", "status"]},
        "media_player": {
            "volume_command_topic": "x/volume/set",
            "volume_state_topic": "x/volume",
        },
    }
)
"""Settings of a plausible device by component, besides its topics."""
_MADE_OF: Mapping[str, str] = MappingProxyType(
    {"script": "scene", "todo": "text", "person": "device_tracker", "weather": "sensor"}
)
"""Domains that have no MQTT discovery, and what takes their place."""


class _Fixture(msgspec.Struct, frozen=True):
    """One entity as the tests write it; states are of no interest here."""

    name: str
    id: str = ""
    domain: str = ""
    area: str | None = None
    attributes: dict[str, Any] = {}


class _Place(msgspec.Struct, frozen=True):
    name: str
    id: str = ""
    floor: str | None = None


class Fixtures(msgspec.Struct, frozen=True):
    """The parts of a test file that describe a home."""

    floors: list[_Place] = []
    areas: list[_Place] = []
    entities: list[_Fixture] = []


@dataclass(frozen=True, slots=True)
class Thing:
    """An entity of the tests, and the one that was discovered for it."""

    entity: str
    """Its id in our registry."""
    names: tuple[str, ...]
    """Folded."""
    domain: str
    """As the tests call it."""
    device_class: str
    area: str | None
    """Folded name."""
    floor: str | None
    """Folded name."""


@dataclass(frozen=True, slots=True)
class Home:
    """The registry, and what the tests know of its entities."""

    registry: Registry
    things: tuple[Thing, ...]
    undiscovered: tuple[str, ...]
    """Names of what the adapter did not take."""


def read_fixtures(path: Path) -> Fixtures:
    """What a test file says about the home.

    Raises:
        FactoryError: It cannot be read; the text names it.
    """
    try:
        return msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), Fixtures)
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise FactoryError(f"{path}: {error}") from error


def build_home(fixtures: Iterable[Fixtures]) -> Home:
    """The home that several files describe together; names that come again are left out."""
    files = list(fixtures)
    floors = {place.id: place for file in files for place in file.floors}
    areas: dict[str, _Place] = {}
    for place in (place for file in files for place in file.areas):
        areas.setdefault(slug(place.name), place)
    known = {place.id: place for place in areas.values()}
    entities: dict[tuple[str, str, str], _Fixture] = {}
    for entity in (entity for file in files for entity in file.entities):
        entities.setdefault((entity.name, entity.domain, entity.id), entity)
    # Home Assistant has this list without being told.
    shopping = _Fixture("Shopping list", "todo.shopping_list")
    registry = Registry.configured(
        areas=[
            Area(
                key, clean_name(place.name), slug(floors[place.floor].name) if place.floor else None
            )
            for key, place in areas.items()
        ],
        floors=[Floor(slug(place.name), clean_name(place.name)) for place in floors.values()],
    )
    adapter, things, undiscovered = HomeAssistant(), [], []
    aliases: dict[str, tuple[str, ...]] = {}
    for number, entity in enumerate([*entities.values(), shopping]):
        area = known.get(entity.area or "")
        topic, payload = _announcement(entity, area, number)
        changes = adapter.discover(topic, json.dumps(payload).encode())
        registry = registry.apply(changes)
        if not changes.upsert:
            undiscovered.append(entity.name)
            continue
        found = changes.upsert[0].id
        if others := _names(entity.name)[1:]:
            aliases[found] = others
        floor = floors.get(area.floor or "") if area else None
        things.append(
            Thing(
                found,
                tuple(fold(name) for name in _names(entity.name)),
                _domain(entity),
                str(entity.attributes.get("device_class", "")),
                fold(area.name) if area else None,
                fold(floor.name) if floor else None,
            )
        )
    upsert = tuple(
        replace(entity, aliases=(*entity.aliases, *aliases[key]))
        for key, entity in registry.entities.items()
        if key in aliases
    )
    registry = registry.apply(Changes(upsert=upsert))
    return Home(registry, tuple(things), tuple(undiscovered))


def _names(written: str) -> tuple[str, ...]:
    """The spellings of a name with optional parts: `a[b]c` is `ac` or `abc`."""
    without = _OPTIONAL.sub("", written)
    whole = written.replace("[", "").replace("]", "")
    return tuple(dict.fromkeys(clean_name(name) for name in (without, whole)))


def _domain(entity: _Fixture) -> str:
    return entity.domain or entity.id.partition(".")[0]


def _announcement(entity: _Fixture, area: _Place | None, number: int) -> tuple[str, dict[str, Any]]:
    """The discovery message of a plausible device."""
    domain = _domain(entity)
    component = _MADE_OF.get(domain, domain)
    own = slug(entity.id.partition(".")[2] or f"{entity.name} {number}")
    base = f"home/{domain}/{own}"
    settings: dict[str, Any] = {
        "name": _names(entity.name)[0],
        "unique_id": f"{domain} {own}",
        "object_id": own,
        "state_topic": base,
        "device": {"identifiers": [f"{domain} {own}"]},
    }
    if area is not None:
        settings["device"]["suggested_area"] = clean_name(area.name)
    for key in ("device_class", "unit_of_measurement"):
        if key in entity.attributes:
            settings[key] = entity.attributes[key]
    if domain == "weather":
        settings["json_attributes_topic"] = f"{base}/attributes"
    if component in _COMMANDED:
        settings["command_topic"] = f"{base}/set"
        for key, value in _COMMANDED[component].items():
            topic = key.endswith("_topic")
            settings[key] = str(value).replace("x/", f"{base}/", 1) if topic else value
    # The topic's object id is where a to-do list and a weather station say what they are.
    return f"homeassistant/{component}/{domain}_{own}/config", settings
