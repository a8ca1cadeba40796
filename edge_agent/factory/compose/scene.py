"""The home that is spoken in, as every part of the composer sees it. Knows no phrasings."""

import re
from collections import defaultdict
from collections.abc import Sequence
from random import Random

from edge_agent.core.entity import Area, Entity, Kind
from edge_agent.core.registry import Registry
from edge_agent.factory.compose.case import Miss
from edge_agent.factory.sentences.bank import Manner
from edge_agent.factory.sentences.refer import Reference, Referrer, Synonyms

_OF_CARS = "Vehicle."
"""How the ids of everything in a car begin."""
_IN_CAR = ("here", "in here", "in here", "in the car", "in this car")
_OF_HOMES = re.compile(r"\b(?:house|home|rooms?|place)\b")


class Scene:
    """One home with what is drawn from while it is talked of."""

    def __init__(
        self,
        registry: Registry,
        manner: Manner,
        synonyms: Synonyms,
        items: Sequence[str],
        random: Random,
    ) -> None:
        """Indexes the home.

        Args:
            registry: The home or car.
            manner: What is said around any sentence.
            synonyms: Other nouns for kinds and rooms.
            items: What people put on lists.
            random: What decides.
        """
        self.registry = registry
        self.manner = manner
        self.synonyms = synonyms
        self.items = items
        self.random = random
        self.referrer = Referrer(registry, synonyms, random)
        by_kind: dict[Kind, list[Entity]] = defaultdict(list)
        for entity in registry.entities.values():
            by_kind[entity.kind].append(entity)
        self.by_kind = dict(by_kind)
        self.is_car = all(one.startswith(_OF_CARS) for one in registry.entities)
        """Whether it is a car alone, without a home that it stands before."""
        self.whole: Sequence[str] = manner.in_car if self.is_car else manner.in_house
        """All of it: "in the whole house"."""
        self.all = [form for form in manner.all if not (self.is_car and _OF_HOMES.search(form))]
        """All of a kind."""
        self.here = _IN_CAR if self.is_car else manner.here
        """Where the speaker is."""
        self.speaker: Area | None = None
        """Where the next sentence must be said from to mean what it means; None: anywhere."""

    def of(self, kind: Kind, area: Area | None = None) -> Sequence[Entity]:
        """The things of a kind; where an area is given, only those in it."""
        found = self.by_kind.get(kind, ())
        return found if area is None else [one for one in found if one.area == area.id]

    def unguarded(self) -> Sequence[Entity]:
        """Everything that does not secure the home."""
        return [one for one in self.registry.entities.values() if not one.security]

    def members(self, reference: Reference) -> Sequence[Entity]:
        """The things that are referred to."""
        return [self.registry.entities[one] for one in reference.entities]

    def area_of(self, entity: Entity) -> Area | None:
        """Where a thing is."""
        return self.registry.area_of(entity.id)

    def an_area(self) -> Area:
        """Any area; a Miss where there is none."""
        if not self.registry.areas:
            raise Miss
        return self.random.choice(list(self.registry.areas.values()))

    def speaker_of(self, reference: Reference) -> Area | None:
        """Where the speaker is: often where the thing is, often unknown, else anywhere."""
        speaker, self.speaker = self.speaker, None
        if speaker is not None:
            return speaker
        roll = self.random.random()
        if roll < 0.55 or not self.registry.areas:
            return None
        if reference.how in {"kind", "implied"} or roll < 0.75:
            return self.registry.area_of(reference.entities[0]) if reference.entities else None
        return self.an_area()
