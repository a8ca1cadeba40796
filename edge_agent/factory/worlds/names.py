"""The bank of names: rooms, things, people, synonyms, and which split may see each of them.

Reads `bank/names/*.yaml`; knows no devices and no homes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from random import Random

import msgspec

from edge_agent.core.names import clean_name, fold
from edge_agent.errors import FactoryError
from edge_agent.factory.sentences.bank import Split
from edge_agent.factory.sentences.reading import read_bank

_NOVEL = 0.6
"""How often a part of a name in a held-out home is one that training never sees."""


@lru_cache(maxsize=200_000)
def split_of_name(name: str) -> Split:
    """The split of a name or a part of one: 80 / 5 / 15 percent, by a hash that never changes."""
    bucket = int.from_bytes(blake2b(fold(name).encode(), digest_size=4).digest()) % 100
    if bucket < 80:
        return Split.TRAIN
    return Split.CALIBRATE if bucket < 85 else Split.TEST


@dataclass(frozen=True, slots=True)
class Items:
    """Names or parts of names: the common ones are everybody's, the others have a split."""

    common: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    by_split: Mapping[Split, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, common: Iterable[str], others: Iterable[str]) -> "Items":
        """Sorted into splits."""
        kept = tuple(dict.fromkeys(others))
        by = {split: tuple(i for i in kept if split_of_name(i) is split) for split in Split}
        return cls(tuple(dict.fromkeys(common)), kept, by)

    def __bool__(self) -> bool:
        return bool(self.common or self.others)

    def pick(self, random: Random, split: Split, common: float = 0.0) -> str:
        """One that this split may see; empty where there is none.

        Args:
            random: What decides.
            split: Who asks.
            common: How often it is a common one.
        """
        if self.common and random.random() < common:
            return random.choice(self.common)
        novel = self.by_split.get(split, ())
        known = self.by_split.get(Split.TRAIN, ())
        if novel and (split is Split.TRAIN or random.random() < _NOVEL):
            return random.choice(novel)
        pool = known or self.common or novel
        return random.choice(pool) if pool else ""

    def pick_own(self, random: Random, split: Split) -> str:
        """One that no other split sees, for names that are used whole; empty if there is none."""
        pool = self.by_split.get(split, ())
        return random.choice(pool) if pool else ""


class _Thing(msgspec.Struct, forbid_unknown_fields=True):
    """How one sort of thing is named, as it is written."""

    common: list[str]
    heads: list[str] = []
    parts: list[str] = []
    brands: list[str] = []
    whole: list[str] = []
    foreign: list[str] = []
    shares: list[str] = []
    owned: bool = True
    roomed: bool = True
    series: bool = False


class _Room(msgspec.Struct, forbid_unknown_fields=True):
    common: list[str]
    names: list[str] = []
    foreign: list[str] = []
    groups: list[str] = []
    floors: list[int] = []
    owned: list[str] = []
    weight: float = 1.0
    devices: float = 1.0


class _Floor(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    level: int
    aliases: list[str] = []


class _Rooms(msgspec.Struct, forbid_unknown_fields=True):
    rooms: dict[str, _Room]
    storeys: list[list[_Floor]]
    variants: list[str]


class _People(msgspec.Struct, forbid_unknown_fields=True):
    common: list[str]
    names: list[str]
    families: list[str]


class _Words(msgspec.Struct, forbid_unknown_fields=True):
    sides: list[list[str]]
    spots: list[str]
    adjectives: list[str]
    collections: list[str]
    group_names: list[str]


class _Synonyms(msgspec.Struct, forbid_unknown_fields=True):
    kinds: dict[str, list[str]]
    rooms: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Thing:
    """How one sort of thing is named."""

    common: tuple[str, ...]
    """Names that stand in every split: `ceiling light`."""
    heads: tuple[str, ...]
    """Nouns that a part stands before: `lamp`."""
    parts: Items
    brands: Items
    whole: Items
    """Names by themselves: jokes, nicknames."""
    foreign: Items
    owned: bool
    """Whether it may be somebody's: `emma's lamp`."""
    roomed: bool
    """Whether its name may begin with the room."""
    series: bool
    """Whether there are often several alike: `spot 1`, `left blind`."""


@dataclass(frozen=True, slots=True)
class RoomSort:
    """One sort of room."""

    key: str
    names: Items
    foreign: Items
    groups: frozenset[str]
    """What devices ask for: its own key and words like `indoor`."""
    levels: tuple[int, ...]
    """The storeys where it may be; none for what is outdoors."""
    owned: tuple[str, ...]
    """Forms for a room of somebody: `{owner}'s room`."""
    weight: float
    """How often a home has one, against the others."""
    devices: float
    """How many devices it draws, against the others."""


@dataclass(frozen=True, slots=True)
class Storey:
    """A floor, with its height over the ground."""

    name: str
    level: int
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NameBank:
    """Everything that names are made of."""

    things: Mapping[str, Thing]
    rooms: Mapping[str, RoomSort]
    storeys: tuple[tuple[Storey, ...], ...]
    room_variants: tuple[str, ...]
    """Forms for one more room of a sort: `second {room}`."""
    people: Items
    families: Items
    sides: tuple[tuple[str, ...], ...]
    spots: Items
    adjectives: Items
    collections: Items
    group_names: Items
    synonyms: Mapping[str, tuple[str, ...]]
    """Other words for a kind or a more particular thing, by the kind's noun."""
    room_synonyms: Mapping[str, tuple[str, ...]]
    """Other words for a room, by its usual name."""


def load_names(path: Path) -> NameBank:
    """The names in a folder.

    Raises:
        FactoryError: A file cannot be used; the text names file and key.
    """
    rooms = read_bank(path / "rooms.yaml", _Rooms)
    people = read_bank(path / "people.yaml", _People)
    words = read_bank(path / "words.yaml", _Words)
    synonyms = read_bank(path / "synonyms.yaml", _Synonyms)
    return NameBank(
        things=_things(path),
        rooms={key: _room(path / "rooms.yaml", key, room) for key, room in rooms.rooms.items()},
        storeys=tuple(
            tuple(Storey(floor.name, floor.level, tuple(floor.aliases)) for floor in storey)
            for storey in rooms.storeys
        ),
        room_variants=tuple(rooms.variants),
        people=Items.of(people.common, people.names),
        families=Items.of((), people.families),
        sides=tuple(map(tuple, words.sides)),
        spots=Items.of((), words.spots),
        adjectives=Items.of((), words.adjectives),
        collections=Items.of((), words.collections),
        group_names=Items.of((), words.group_names),
        synonyms={kind: tuple(others) for kind, others in synonyms.kinds.items()},
        room_synonyms={room: tuple(others) for room, others in synonyms.rooms.items()},
    )


def _things(path: Path) -> dict[str, Thing]:
    raw: dict[str, tuple[Path, _Thing]] = {}
    for file in sorted(path.glob("things_*.yaml")):
        for key, thing in read_bank(file, dict[str, _Thing]).items():
            if key in raw:
                raise FactoryError(f"{file}: {key} is also in {raw[key][0].name}")
            raw[key] = file, thing
    if not raw:
        raise FactoryError(f"{path}: there is no things_*.yaml")
    return {key: _thing(*raw[key], key, raw) for key in raw}


def _thing(file: Path, thing: _Thing, key: str, others: Mapping[str, tuple[Path, _Thing]]) -> Thing:
    for other in thing.shares:
        if other not in others:
            raise FactoryError(f"{file}: {key}.shares: must be of {', '.join(sorted(others))}")
    family = [thing, *(others[other][1] for other in thing.shares)]

    def gathered(field: str) -> Sequence[str]:
        return [name for one in family for name in _checked(file, key, getattr(one, field))]

    return Thing(
        common=tuple(_checked(file, key, thing.common)),
        heads=tuple(_checked(file, key, thing.heads)),
        parts=Items.of((), gathered("parts")),
        brands=Items.of((), gathered("brands")),
        whole=Items.of((), gathered("whole")),
        foreign=Items.of((), gathered("foreign")),
        owned=thing.owned,
        roomed=thing.roomed,
        series=thing.series,
    )


def _checked(file: Path, key: str, names: Sequence[str]) -> Sequence[str]:
    for name in names:
        if clean_name(name) != name:
            raise FactoryError(f"{file}: {key}: {name!r} must be letters, digits, space, ' - .")
    return names


def _room(file: Path, key: str, room: _Room) -> RoomSort:
    _checked(file, f"rooms.{key}", [*room.common, *room.names, *room.foreign])
    return RoomSort(
        key,
        Items.of(room.common, room.names),
        Items.of((), room.foreign),
        frozenset({key, *room.groups}),
        tuple(room.floors),
        tuple(room.owned),
        room.weight,
        room.devices,
    )
