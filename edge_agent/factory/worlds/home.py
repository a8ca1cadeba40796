"""Invents homes: rooms, the devices in them, their names, aliases and groups.

Knows no payloads: capabilities come ready from the archetypes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from random import Random

from edge_agent.core.entity import Entity, Group, Kind
from edge_agent.core.names import clean_name, fold, slug
from edge_agent.core.registry import Changes, Registry
from edge_agent.factory.sentences.bank import Split
from edge_agent.factory.worlds.archetypes import Archetype, Archetypes, Part
from edge_agent.factory.worlds.names import NameBank
from edge_agent.factory.worlds.naming import Namer, manner_of
from edge_agent.factory.worlds.rooms import Plan, Room, invent_rooms

_TRIES = 6
_ESSENTIAL = {
    "lock": 0.6,
    "door_lock": 0.3,
    "garage_door": 0.4,
    "gate": 0.12,
    "thermostat": 0.55,
    "radiator": 0.3,
    "ac": 0.4,
    "vacuum": 0.5,
    "mower": 0.15,
    "speaker": 0.5,
    "tv": 0.5,
    "list": 0.45,
    "scene": 0.4,
    "blind": 0.35,
    "curtain": 0.3,
    "fan": 0.3,
    "ceiling_fan": 0.2,
    "garden_valve": 0.15,
    "water_valve": 0.12,
    "humidifier": 0.15,
    "boiler": 0.15,
    "alarm": 0.15,
    "tracker": 0.3,
    "door_contact": 0.3,
    "window_contact": 0.3,
    "washer": 0.2,
    "coffee_machine": 0.2,
    "color_light": 0.4,
    "small_lamp": 0.5,
}
"""Archetypes that a home has by itself, and how often."""
_GROUPED = frozenset(
    {Kind.LIGHT, Kind.OUTLET, Kind.SWITCH, Kind.BLIND, Kind.SHUTTER, Kind.CURTAIN, Kind.FAN}
    | {Kind.MEDIA_PLAYER, Kind.CLIMATE, Kind.SHADE}
)


def invent_home(
    random: Random, names: NameBank, archetypes: Archetypes, *, devices: int, split: Split
) -> Registry:
    """A home as the daemon would know it.

    Args:
        random: Decides everything: the same state gives the same home.
        names: What things are called.
        archetypes: What things can do.
        devices: How many devices; some of them carry several entities.
        split: Whose names may be used.
    """
    namer = Namer(random, names, manner_of(random, names, split), split)
    count = max(1, round(devices ** random.uniform(0.45, 0.75) * random.uniform(0.7, 1.3)))
    plan = invent_rooms(namer, count)
    home = _Home(namer, archetypes, plan)
    home.equip(devices)
    while home.devices < devices:
        home.furnish(devices - home.devices)
    entities = tuple(home.entities.values())
    base = Registry.configured(
        areas=[room.area for room in plan.rooms] if home.has_areas else [],
        floors=plan.floors if home.has_areas else [],
        groups=_groups(namer, entities),
    )
    return base.apply(Changes(upsert=entities))


@dataclass
class _Home:
    """A home while it is furnished."""

    namer: Namer
    archetypes: Archetypes
    plan: Plan
    devices: int = 0
    entities: dict[str, Entity] = field(default_factory=dict)

    def __post_init__(self) -> None:
        random = self.namer.random
        self.has_areas = random.random() > 0.08
        self.stray = random.random() ** 3  # how many devices are in no area
        self.aliases = random.random() ** 3 * 0.6 if random.random() < 0.5 else 0.0
        self.alike = random.random() * 0.35
        self._taken: set[tuple[str, str]] = set()
        self._counts: dict[str, int] = {}
        self._slugs: set[str] = set()
        sorts = {room.sort.key: room.sort.groups for room in self.plan.rooms}
        self._choices = {key: _choices(self.archetypes, groups) for key, groups in sorts.items()}
        self._weights = [room.sort.devices * random.uniform(0.3, 1.7) for room in self.plan.rooms]

    def equip(self, most: int) -> None:
        """Add what people first make smart, at most as many devices as asked for."""
        random = self.namer.random
        wanted = [key for key, share in _ESSENTIAL.items() if random.random() < share]
        random.shuffle(wanted)
        for key in wanted[: max(1, most // 2)]:
            archetype = self.archetypes.devices[key]
            fitting = [
                room
                for room in self.plan.rooms
                if not archetype.rooms or archetype.rooms & room.sort.groups
            ]
            self._counts[key] = self._counts.get(key, 0) + 1
            self._place(archetype, random.choice(fitting or self.plan.rooms), 1)

    def furnish(self, most: int) -> None:
        """Add a device, or several alike, at most as many as asked for."""
        random = self.namer.random
        (room,) = random.choices(self.plan.rooms, self._weights)
        self._place(self._archetype(room), room, most)

    def _place(self, archetype: Archetype, room: Room, most: int) -> None:
        random = self.namer.random
        thing = self.namer.names.things[archetype.thing]
        count = 1
        if thing.series and most > 1 and random.random() < self.alike:
            count = min(most, archetype.most, random.choice((2, 2, 2, 3, 3, 4, 4, 5, 6, 8)))
        area = room.area.id if self.has_areas and random.random() > self.stray else None
        called = random.choice(room.area.names)
        base = self._name(archetype, called, area)
        for name in _series(self.namer, base, count):
            self._add(archetype, name, area)

    def _archetype(self, room: Room) -> Archetype:
        archetypes, weights = self._choices[room.sort.key]
        chosen = archetypes[0]
        for _ in range(20):
            (chosen,) = self.namer.random.choices(archetypes, cum_weights=weights)
            if self._counts.get(chosen.key, 0) < chosen.most:
                break
        self._counts[chosen.key] = self._counts.get(chosen.key, 0) + 1
        return chosen

    def _name(self, archetype: Archetype, room: str, area: str | None) -> str:
        """A name that is free in its area; one of the whole home mostly."""
        thing = self.namer.names.things[archetype.thing]
        name = ""
        for attempt in range(_TRIES):
            name = self.namer.name(thing, room, plain=0.45 if attempt < 2 else 0.1)
            if name and (fold(name), area or "") not in self._taken:
                return name
        number = 2
        while (fold(f"{name} {number}"), area or "") in self._taken:
            number += 1
        return f"{name} {number}"

    def _add(self, archetype: Archetype, name: str, area: str | None) -> None:
        namer = self.namer
        self._taken.add((fold(name), area or ""))
        parts = self.archetypes.parts(namer.random, archetype.key, name, namer.split)
        device = self._slug(name)
        prefix = clean_name(name)
        aliases = self._alias(archetype, area) if namer.random.random() < self.aliases else ()
        for part in parts:
            entity = part.entity
            full = _full(prefix, part)
            platform = entity.id.partition(".")[0]
            entity_id = f"{platform}.{device}" + (f"_{slug(part.own)}" if part.own else "")
            while entity_id in self.entities:
                entity_id += "_2"
            self.entities[entity_id] = replace(
                entity,
                id=entity_id,
                name=full,
                area=area,
                device=device,
                aliases=() if part.own else aliases,
            )
        self.devices += 1

    def _alias(self, archetype: Archetype, area: str | None) -> tuple[str, ...]:
        thing = self.namer.names.things[archetype.thing]
        count = self.namer.random.choice((1, 1, 1, 2, 2, 3))
        found = (self.namer.name(thing, None, plain=0.2) for _ in range(count))
        aliases = {fold(alias): alias for alias in found if alias}
        free = {
            key: alias for key, alias in aliases.items() if (key, area or "") not in self._taken
        }
        self._taken.update((key, area or "") for key in free)
        return tuple(free.values())

    def _slug(self, name: str) -> str:
        base = slug(name) or "device"
        found, number = base, 2
        while found in self._slugs:
            found, number = f"{base}_{number}", number + 1
        self._slugs.add(found)
        return found


def _full(prefix: str, part: Part) -> str:
    """The name of an entity of a device, by the rule of the daemon's translator."""
    if not part.own:
        return prefix
    if fold(part.own).startswith(fold(prefix)):
        return part.own
    return clean_name(f"{prefix} {part.own}")


def _choices(
    archetypes: Archetypes, groups: frozenset[str]
) -> tuple[Sequence[Archetype], Sequence[float]]:
    fits = [one for one in archetypes.devices.values() if not one.rooms or one.rooms & groups]
    return fits, list(accumulate(one.weight for one in fits))


def _series(namer: Namer, base: str, count: int) -> Sequence[str]:
    """Names for several alike: numbered, by sides, or by letters."""
    if count == 1:
        return [base]
    random, case = namer.random, namer.manner.case
    sides = [side for side in namer.names.sides if len(side) >= count]
    roll = random.random()
    if sides and roll < 0.5:
        chosen = random.choice(sides)[:count]
        if roll < 0.12:
            return [clean_name(case(f"{base} {side}")) for side in chosen]
        owner, _, rest = base.partition(" ")
        if rest and owner.endswith(("'s", "s'")):
            return [clean_name(case(f"{owner} {side} {rest}")) for side in chosen]
        return [clean_name(case(f"{side} {base}")) for side in chosen]
    if roll > 0.93:
        return [clean_name(f"{base} {letter}") for letter in "ABCDEFGH"[:count]]
    first = random.choice((1, 1, 1, 1, 2))
    return [clean_name(f"{base} {number}") for number in range(first, first + count)]


def _groups(namer: Namer, entities: Sequence[Entity]) -> Sequence[Group]:
    """Named groups of things of one kind, in some homes."""
    random, names = namer.random, namer.names
    if random.random() < 0.6 or len(entities) < 4:
        return ()
    found: dict[str, Group] = {}
    for _ in range(random.choice((1, 1, 1, 2, 2, 3))):
        kind = random.choice(entities).kind
        kind = kind if kind in _GROUPED else Kind.LIGHT
        alike = [one.id for one in entities if one.kind is kind and not one.security]
        if len(alike) < 2:
            continue
        members = random.sample(alike, random.randint(2, min(8, len(alike))))
        if random.random() < 0.75:
            noun = "lights" if kind is Kind.LIGHT else kind.plural
            name = f"{names.collections.pick(random, namer.split)} {noun}"
        else:
            name = names.group_names.pick(random, namer.split)
        name = clean_name(namer.manner.case(name))
        group = Group(slug(name), name, tuple(members))
        found.setdefault(group.id, group)
    return tuple(found.values())
