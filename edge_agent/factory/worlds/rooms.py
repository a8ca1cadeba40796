"""Invents the rooms and floors of one home.

Knows how rooms are called and where they lie; not what stands in them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from edge_agent.core.entity import Area, Floor
from edge_agent.core.names import clean_name, fold, slug
from edge_agent.factory.worlds.names import NameBank, RoomSort, Storey
from edge_agent.factory.worlds.naming import Namer

_TRIES = 6


@dataclass(frozen=True, slots=True)
class Room:
    """A room and what sort it is."""

    sort: RoomSort
    area: Area


@dataclass(frozen=True, slots=True)
class Plan:
    """The rooms of a home."""

    rooms: tuple[Room, ...]
    floors: tuple[Floor, ...]


def invent_rooms(namer: Namer, count: int) -> Plan:
    """As many rooms as are asked for, with floors in most bigger homes."""
    random, names = namer.random, namer.names
    storeys: Sequence[Storey] = ()
    if count >= 3 and random.random() < 0.2 + 0.04 * count:
        storeys = random.choice(names.storeys)
    wordy = random.random() ** 2 * 0.7 if random.random() < 0.6 else 0.0
    rooms: list[Room] = []
    taken: set[str] = set()
    for sort in _sorts(random, names, count):
        name = _named(namer, sort, taken)
        taken.update((fold(name), slug(name)))
        level = _level(random, sort, storeys)
        floor = slug(level.name) if level else None
        rooms.append(Room(sort, Area(slug(name), name, floor)))
    if wordy:
        rooms = [_with_aliases(namer, room, wordy, taken) for room in rooms]
    used = {room.area.floor for room in rooms}
    floors = tuple(
        Floor(slug(storey.name), clean_name(namer.manner.case(storey.name)), _some(random, storey))
        for storey in storeys
        if slug(storey.name) in used
    )
    return Plan(tuple(rooms), floors)


def _some(random: Random, storey: Storey) -> tuple[str, ...]:
    return tuple(alias for alias in storey.aliases if random.random() < 0.5)


def _sorts(random: Random, names: NameBank, count: int) -> list[RoomSort]:
    """Sorts of rooms by their weight; the more rooms there are, the rarer ones come up."""
    sorts = list(names.rooms.values())
    counts = dict.fromkeys((sort.key for sort in sorts), 0)
    found: list[RoomSort] = []
    while len(found) < count:
        weights = [sort.weight / (1 + 3 * counts[sort.key]) ** 1.5 for sort in sorts]
        (sort,) = random.choices(sorts, weights)
        counts[sort.key] += 1
        found.append(sort)
    return found


def _level(random: Random, sort: RoomSort, storeys: Sequence[Storey]) -> Storey | None:
    if not sort.levels or not storeys:
        return None
    fits = [storey for storey in storeys if storey.level in sort.levels]
    return random.choice(fits) if fits else None


def _named(namer: Namer, sort: RoomSort, taken: set[str]) -> str:
    random, names, manner = namer.random, namer.names, namer.manner
    name = ""
    for attempt in range(_TRIES * 4):
        if sort.owned and random.random() < 0.1 + manner.owners:
            name = random.choice(sort.owned).format(owner=namer.owner())
        elif random.random() < manner.foreign:
            name = sort.foreign.pick_own(random, namer.split)
        else:
            name = sort.names.pick(random, namer.split, common=0.55)
        if not name:
            continue
        if (attempt >= 2 and fold(name) in taken) or random.random() < 0.04:
            name = random.choice(names.room_variants).format(room=name, number=attempt + 2)
        name = clean_name(manner.case(name))
        if fold(name) not in taken and slug(name) not in taken:
            return name
    return clean_name(f"{name} {len(taken)}")


def _with_aliases(namer: Namer, room: Room, share: float, taken: set[str]) -> Room:
    random = namer.random
    found: list[str] = []
    while len(found) < 3 and random.random() < share:
        usual = namer.names.room_synonyms.get(fold(room.area.name), ())
        if usual and random.random() < 0.6:
            alias = random.choice(usual)
        else:
            alias = room.sort.names.pick(random, namer.split, common=0.4)
        alias = clean_name(namer.manner.case(alias))
        if not alias or fold(alias) in taken:
            share *= 0.7
            continue
        taken.add(fold(alias))
        found.append(alias)
    return replace(room, area=replace(room.area, aliases=tuple(found))) if found else room
