"""Archetypes: sorts of devices as their firmware announces them, made into entities once.

Every capability comes out of the daemon's own translator; a home then takes it under other names.
Reads `bank/devices/*.yaml`; knows no rooms and no people.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec

from edge_agent.core.entity import Entity
from edge_agent.core.names import clean_name, fold
from edge_agent.devices.homeassistant import HomeAssistant
from edge_agent.errors import FactoryError
from edge_agent.factory.sentences.bank import Split
from edge_agent.factory.sentences.reading import read_bank
from edge_agent.factory.worlds.names import split_of_name

EDITIONS: Final = 24
"""Variants of an archetype: other ranges, options and extra entities."""
_STAND_IN: Final = "zq"
"""A device name that no translator knows anything about."""
_TELLING: Final = frozenset(
    "awning awnings blind blinds curtain curtains garage garages gate gates shade shades shutter "
    "shutters door doors window windows opener unlock disarm alarm system list lists tasks todo "
    "to do shopping gas water main dehumidifier weather forecast calendar".split()
)
"""Words in a name by which a translator judges a device (what is security, what is a list)."""


class Pool(msgspec.Struct, forbid_unknown_fields=True):
    """Options that devices of one sort differ in."""

    of: list[str] = []
    """A device has some of these,"""
    always: list[str] = []
    """after these,"""
    few: int = 2
    many: int = 6
    """at least and at most."""
    sets: list[list[str]] = []
    """Or it has one of these lists as it stands."""
    amounts: list[str] = []
    """Some of these are said before each of them too: "a bit of soy milk"."""


class _Extra(msgspec.Struct, forbid_unknown_fields=True):
    payload: dict[str, Any]
    share: float = 0.5


class _Device(msgspec.Struct, forbid_unknown_fields=True):
    thing: str
    entities: dict[str, dict[str, Any]]
    weight: float = 1.0
    rooms: list[str] = []
    most: int = 1000
    extras: list[str] = []


class _File(msgspec.Struct, forbid_unknown_fields=True):
    devices: dict[str, _Device] = {}
    shared: dict[str, Any] = {}
    """Not read: a place for what the others refer to."""


class _Pools(msgspec.Struct, forbid_unknown_fields=True):
    pools: dict[str, Pool]
    extras: dict[str, _Extra]


class Signals(msgspec.Struct, forbid_unknown_fields=True):
    """One feature of a car: the signals of one thing at each of its places."""

    signals: list[dict[str, Any]]
    share: float = 0.5
    places: str = ""
    """Where it is: seats, front, rear, rows; empty for one of it in the whole car."""
    names: list[str] = []
    aliases: list[str] = []


class Cars(msgspec.Struct, forbid_unknown_fields=True):
    """What cars consist of."""

    features: dict[str, Signals]
    words: dict[str, list[str]]
    """Words for each zone, as they stand before a noun."""
    shared: dict[str, Any] = {}


class Appliance(msgspec.Struct, forbid_unknown_fields=True):
    """One sort of appliance that runs the daemon itself."""

    names: list[str]
    entities: dict[str, dict[str, Any]]
    least: int = 3
    """Entities it has at least."""
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Archetype:
    """One sort of device."""

    key: str
    thing: str
    entities: Mapping[str, Mapping[str, Any]]
    weight: float
    rooms: frozenset[str]
    most: int


@dataclass(frozen=True, slots=True)
class Part:
    """One entity of a device, with the part of its name that is its own."""

    entity: Entity
    own: str


@dataclass
class Archetypes:
    """All archetypes, and the entities that were already made of them."""

    devices: Mapping[str, Archetype]
    cars: Cars
    appliances: Mapping[str, Appliance]
    pools: Mapping[str, Pool]
    _made: dict[tuple[str, int, Split, str], tuple[Part, ...]] = field(default_factory=dict)

    def parts(self, random: Random, key: str, name: str, split: Split) -> tuple[Part, ...]:
        """The entities of one device of an archetype, in one of its editions.

        Args:
            random: Chooses the edition.
            key: The archetype.
            name: The device's name, for what it tells about the device.
            split: Whose options it may have.
        """
        edition = random.randrange(EDITIONS)
        masked = masked_name(name)
        known = self._made.get((key, edition, split, masked))
        if known is None:
            archetype = self.devices[key]
            variant = Random(f"{key} {edition} {split}")
            payloads = edition_of(variant, archetype.entities, self.pools, split)
            known = announced(key, masked, payloads)
            self._made[key, edition, split, masked] = known
        return known


def load_archetypes(path: Path) -> Archetypes:
    """The archetypes in a folder.

    Raises:
        FactoryError: A file cannot be used; the text names file and key.
    """
    pools = read_bank(path / "pools.yaml", _Pools)
    cars = read_bank(path / "cars.yaml", Cars)
    appliances = read_bank(path / "appliances.yaml", dict[str, Appliance])
    devices: dict[str, Archetype] = {}
    for file in sorted(path.glob("home_*.yaml")):
        for key, device in read_bank(file, _File).devices.items():
            if key in devices:
                raise FactoryError(f"{file}: {key} is given twice")
            devices[key] = _archetype(file, key, device, pools)
    if not devices:
        raise FactoryError(f"{path}: there is no home_*.yaml")
    return Archetypes(devices, cars, appliances, pools.pools)


def _archetype(file: Path, key: str, device: _Device, pools: _Pools) -> Archetype:
    entities = dict(device.entities)
    for name in device.extras:
        extra = pools.extras.get(name)
        if extra is None:
            legal = ", ".join(sorted(pools.extras))
            raise FactoryError(f"{file}: {key}.extras: {name} must be one of {legal}")
        entities[name] = {**extra.payload, "maybe": extra.share}
    for part, payload in entities.items():
        _check_pools(f"{file}: {key}.{part}", payload, pools)
    return Archetype(
        key, device.thing, entities, device.weight, frozenset(device.rooms), device.most
    )


def _check_pools(where: str, payload: Mapping[str, Any], pools: _Pools) -> None:
    for value in payload.values():
        if isinstance(value, str) and value.startswith("$") and value[1:] not in pools.pools:
            legal = ", ".join(sorted(pools.pools))
            raise FactoryError(f"{where}: {value} must be one of {legal}")


def edition_of(
    random: Random,
    entities: Mapping[str, Mapping[str, Any]],
    pools: Mapping[str, Pool],
    split: Split,
) -> dict[str, dict[str, Any]]:
    """The payloads of one edition.

    A payload's own keys besides those of discovery: `maybe` is how often the entity is there,
    `vary` a list of settings of which one joins it; `name` may be a list to choose from, and
    `$pool` stands for options.
    """
    found: dict[str, dict[str, Any]] = {}
    for part, written in entities.items():
        payload = dict(written)
        if random.random() >= payload.pop("maybe", 1.0):
            continue
        vary: Sequence[Mapping[str, Any]] = payload.pop("vary", ())
        if vary:
            payload |= random.choice(vary)
        for key, value in payload.items():
            if isinstance(value, str) and value.startswith("$"):
                payload[key] = options(random, pools[value[1:]], split)
        if isinstance(payload.get("name"), list):
            payload["name"] = random.choice(payload["name"])
        found[part] = payload
    return found


def options(random: Random, pool: Pool, split: Split) -> list[str]:
    """Options of one device; those of training do not all occur in test, and the reverse."""
    if pool.sets:
        return list(random.choice(pool.sets))
    allowed = pool.of
    if len(pool.of) > 12:
        legal = {Split.TRAIN} if split is Split.TRAIN else {Split.TRAIN, split}
        # What is one word, "americano" say, is too usual to be kept from anybody.
        allowed = [one for one in pool.of if " " not in one or split_of_name(one) in legal]
    count = min(len(allowed), random.randint(pool.few, pool.many))
    chosen = set(random.sample(allowed, count))
    found = [option for option in allowed if option in chosen]
    if pool.amounts:
        amounts = ["", *random.sample(pool.amounts, random.randint(1, min(5, len(pool.amounts))))]
        found = [f"{amount} {one}".strip() for one in found for amount in amounts]
    return [*pool.always, *found]


def announced(
    key: str, name: str | None, payloads: Mapping[str, Mapping[str, Any]]
) -> tuple[Part, ...]:
    """The entities that the daemon's own translator makes of a device's discovery message.

    Raises:
        FactoryError: The translator refuses it; the text says what it says.
    """
    device: dict[str, Any] = {"identifiers": ["x"], **({"name": name} if name else {})}
    # Neutral keys: the translator makes ids of them, and reads these as it reads names.
    components = {f"e{number}": payload for number, payload in enumerate(payloads.values())}
    message = {"device": device, "origin": {"name": "x"}, "components": components}
    topic = "homeassistant/device/x/config"
    found = HomeAssistant().discover(topic, json.dumps(message).encode())
    # A device that the translator knows but cannot set, as a lock that wants a code, is one too.
    known = tuple(f"{entity.id}:" for entity in found.upsert)
    refused = [problem for problem in found.problems if not problem.startswith(known)]
    if refused or not found.upsert:
        problem = "; ".join(refused) or "it has no entities"
        raise FactoryError(f"{key}: its discovery message is refused: {problem}")
    prefix = clean_name(name)
    parts: dict[str, Part] = {}
    for entity in found.upsert:
        part = Part(replace(entity, device=None), _own(entity.name, prefix))
        parts.setdefault(fold(part.own), part)  # of two with one name, the first
    return tuple(parts.values())


def _own(name: str, prefix: str) -> str:
    return name[len(prefix) :].strip() if fold(name).startswith(fold(prefix)) else name


def masked_name(name: str) -> str:
    """A name in which only those words are left that tell what the device is."""
    masked = re.sub(r"\w+", lambda word: _told(word[0]), name.lower())
    return re.sub(rf"{_STAND_IN}(?:\W+{_STAND_IN})+", _STAND_IN, masked)


def _told(word: str) -> str:
    return word if word in _TELLING else _STAND_IN
