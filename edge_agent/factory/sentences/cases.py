"""Endless cases from invented homes, cars and appliances, by a seed and a split.

Phrasings and names of one split are never seen by another. Knows no tokens.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import exp, log
from pathlib import Path
from random import Random

from edge_agent.core.entity import Kind
from edge_agent.core.names import fold
from edge_agent.core.registry import Registry
from edge_agent.errors import FactoryError
from edge_agent.factory.compose import Case, Composer, Miss
from edge_agent.factory.sentences.bank import BANK, Bank, Some, Split, load_bank
from edge_agent.factory.sentences.reading import read_bank
from edge_agent.factory.sentences.refer import Synonyms
from edge_agent.factory.worlds import (
    Archetypes,
    NameBank,
    invent_appliance,
    invent_car,
    invent_home,
    load_archetypes,
    load_names,
)

MIX: Mapping[str, float] = {
    "command": 0.31,
    "several": 0.19,
    "timed": 0.035,
    "conditional": 0.03,
    "corrected": 0.035,
    "follow_up": 0.04,
    "cancelled": 0.02,
    "question": 0.125,
    "nothing": 0.155,
    "absent": 0.06,
}
"""Shares of the sorts of sentence that a model learns from; their names are the composer's."""

WORLDS: Mapping[str, float] = {"home": 0.60, "car": 0.27, "appliance": 0.09, "home and car": 0.04}
"""Shares of the sorts of world."""
OWN = "own"
"""The sort of world that is given, not invented: the devices that a configuration lists."""

_A_WORLD = 30
"""Cases from one world before the next is invented."""
_STRANGERS = 3000
_TRIES = 12


@dataclass(frozen=True, slots=True)
class Source:
    """Everything that worlds and sentences are made from."""

    bank: Bank
    names: NameBank
    archetypes: Archetypes
    synonyms: Synonyms
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class World:
    """One invented registry."""

    sort: str
    registry: Registry
    devices: int
    """How many entities it has."""


@lru_cache(maxsize=1)
def load_source(directory: Path = BANK) -> Source:
    """The bank in a directory.

    Raises:
        FactoryError: A file is missing, wrong or empty; the text names it.
    """
    names = load_names(directory / "names")
    items = read_bank(directory / "items.yaml", Some)
    kinds = {kind: names.synonyms[kind.value] for kind in Kind if kind.value in names.synonyms}
    things = {noun: others for noun, others in names.synonyms.items() if noun not in set(Kind)}
    rooms = {fold(room): tuple(map(fold, others)) for room, others in names.room_synonyms.items()}
    return Source(
        load_bank(directory),
        names,
        load_archetypes(directory / "devices"),
        Synonyms(kinds, rooms, things),
        tuple(items),
    )


def invent(source: Source, random: Random, split: Split, sort: str, devices: int) -> World:
    """One world of a sort, which WORLDS lists; `devices` counts for homes alone."""
    match sort:
        case "home":
            registry = invent_home(
                random, source.names, source.archetypes, devices=devices, split=split
            )
        case "car":
            registry = invent_car(random, source.names, source.archetypes, split=split)
        case "home and car":
            home = invent(source, random, split, "home", devices).registry
            registry = invent_car(random, source.names, source.archetypes, split=split, home=home)
        case "appliance":
            registry = invent_appliance(random, source.names, source.archetypes, split=split)
        case _:
            raise FactoryError(f"world {sort!r}; legal: {', '.join(WORLDS)}")
    return World(sort, registry, len(registry.entities))


def cases(
    source: Source,
    split: Split,
    seed: int,
    *,
    worlds: Mapping[str, float] = WORLDS,
    mix: Mapping[str, float] = MIX,
    devices: int | None = None,
    a_world: int = _A_WORLD,
    own: Registry | None = None,
) -> Iterator[tuple[Case, World]]:
    """Cases without end.

    Args:
        source: What they are made from.
        split: Whose phrasings and names may be used.
        seed: The same seed gives the same cases.
        worlds: Shares of the sorts of world.
        mix: Shares of the sorts of sentence.
        devices: Devices of each home; drawn from 5 to 200 where it is None.
        a_world: Cases from one world.
        own: The world of the sort `own`, where `worlds` has a share for it.
    """
    random = Random(f"{split} {seed}")
    bank = source.bank.of(split)
    if not bank.phrasings:
        raise FactoryError(f"the bank has no phrasings in the split {split}")
    strangers: deque[tuple[str, Kind]] = deque(maxlen=_STRANGERS)
    while True:
        sort = random.choices(list(worlds), list(worlds.values()))[0]
        size = devices or round(exp(random.uniform(log(5), log(200))))
        if sort == OWN and own is not None:
            world = World(OWN, own, len(own.entities))
        else:
            world = invent(source, random, split, sort, size)
        composer = Composer(
            world.registry, bank, source.synonyms, source.items, tuple(strangers), random
        )
        for _ in range(a_world):
            case = _one(composer, random, mix)
            if case is not None:
                yield case, world
        names = [(fold(one.name), one.kind) for one in world.registry.entities.values()]
        strangers.extend(random.sample(names, min(8, len(names))))


def _one(composer: Composer, random: Random, mix: Mapping[str, float]) -> Case | None:
    sort = random.choices(list(mix), list(mix.values()))[0]
    for _ in range(_TRIES):
        try:
            return composer.compose(sort)
        except Miss:
            continue
    return None
