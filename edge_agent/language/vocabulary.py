"""Everything that can be spoken of in one registry snapshot, and which of it a sentence may mean.

A sentence is decoded against a bounded number of targets, chosen by likeness to its words, so the
work does not grow with the home. Choosing here only narrows; the model decides among them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from edge_agent.core.classes import CLASS_OF, CLASSES
from edge_agent.core.command import Target
from edge_agent.core.entity import Area, Attribute, Choice, Entity, Floor, Group, Kind
from edge_agent.core.names import fold
from edge_agent.core.registry import Registry
from edge_agent.language.abilities import Abilities
from edge_agent.language.likeness import Name, NameIndex, stem, wordly
from edge_agent.language.namesakes import named_alike
from edge_agent.language.spoken import (
    Spoken,
    class_target,
    kind_targets,
    merged,
    names_of,
    nouns_said,
)
from edge_agent.language.synonyms import CLASS_WORDS, LITTLE_WORDS, hints
from edge_agent.language.wording import kind_words

NAMES = 10
"""How many names, areas and floors together a sentence is decoded against, at most."""

_MOST_CLASSES = 2
"""How many classes of things are shown to the model, at most."""

_HERE_WORDS = frozenset({"here", "room"})
"""Words with which a speaker asks for what is in the same room."""

_CHOSEN = {Attribute.OPTION, Attribute.SOURCE, Attribute.EFFECT, Attribute.PRESET}
_UNCOUNTED = {Kind.SENSOR, Kind.TRACKER, Kind.BUTTON, Kind.NUMBER, Kind.SELECT, Kind.TEXT}
"""Kinds that are spoken of by name only: "all buttons" is nobody's wish."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a sentence may be about."""

    names: tuple[Spoken | Area | Floor, ...]
    """The names and places most like the sentence, best first."""
    targets: tuple[Spoken, ...]
    """Everything that the grammar offers: those names, kinds, and kinds in those places."""


class Vocabulary:
    """The names and places of one registry snapshot, indexed by word."""

    def __init__(self, registry: Registry) -> None:
        """Indexes the snapshot: linear in the number of names, no model involved."""
        self.registry = registry
        self.abilities = Abilities(registry)
        self._named: list[Spoken | Area | Floor] = []
        self._by_kind: dict[Kind, list[Entity]] = defaultdict(list)
        by_name: dict[str, list[Entity]] = defaultdict(list)
        for entity in registry.entities.values():
            for name in names_of(entity):
                by_name[name].append(entity)
            if _is_counted(entity):
                self._by_kind[entity.kind].append(entity)
        for name, entities in (by_name | self._told_apart(by_name)).items():
            ids = tuple(dict.fromkeys(entity.id for entity in entities))
            self._named.append(Spoken(Target(name, ids), tuple(name.split())))
        members: dict[str, list[Entity]] = defaultdict(list)
        for entity in registry.entities.values():
            for known in entity.capabilities:
                one = CLASS_OF.get(known.attribute)
                if one is not None and one.has(entity) and entity not in members[one.noun][-1:]:
                    members[one.noun].append(entity)
        self._classes = [(one, members[one.noun]) for one in CLASSES if members[one.noun]]
        for group in groups_of(registry):
            self._named.extend(self._group(group))
        self._named.extend(registry.areas.values())
        self._named.extend(registry.floors.values())
        self._index = NameIndex([self._indexed(named) for named in self._named])
        self.kinds = tuple(
            kind_words(kind)[0][0]
            for kind in Kind
            if kind in {entity.kind for entity in registry.entities.values()}
        )
        """The nouns of the kinds that are here, in the order of `Kind`."""

    def candidates(
        self,
        text: str,
        area: Area | None,
        *,
        most: int = NAMES,
        also: Sequence[Spoken] = (),
    ) -> Candidates:
        """What a sentence said in `area` is decoded against.

        Names are those most like the sentence, after those of `also`, which it may refer to
        without a name; kinds ("the light", "all blinds") are always there, with the areas and
        floors that the sentence mentions.
        """
        referred = {spoken.target.phrase for spoken in also}
        ranked = [
            *also,
            *(
                named
                for named in self._most_like(text, area, most)
                if not isinstance(named, Spoken) or named.target.phrase not in referred
            ),
        ][:most]
        mentioned = [named for named in ranked if isinstance(named, Area)]
        floors = [named for named in ranked if isinstance(named, Floor)]
        named = [self._nearest(spoken, area) for spoken in ranked if isinstance(spoken, Spoken)]
        found: dict[tuple[str, bool], Spoken] = {}
        said = {stem(word) for word in fold(text).split()}
        places = [place for place in ranked if not isinstance(place, Spoken)]
        if area is not None and area not in places and not said.isdisjoint(_HERE_WORDS):
            places.append(area)
            mentioned.append(area)
        classes = self._called(said, places)
        for spoken in (
            *named,
            *(spoken for place in mentioned for spoken in self._in_area(place, said)),
            # "How warm is it" asks for the room where the speaker is.
            *(self._room(area) if area is not None and area not in mentioned else ()),
            *(spoken for floor in floors for spoken in self._on_floor(floor, said)),
            *self._kinds(area, said),
            *self._whole(),
            *(spoken for one in classes for spoken in one),
        ):
            key = (spoken.target.phrase, spoken.question_only)
            known = found.setdefault(key, spoken)
            # Whoever is called "Thermostat" is meant by it, whatever else is one.
            if known is not spoken and known not in named:
                found[key] = merged(known, spoken)
        # Who says "the back door" does not mean any door.
        full = [phrase for one in named if (phrase := f" {one.target.phrase} ") in wordly(text)]
        targets = tuple(
            spoken
            for spoken in found.values()
            if spoken in named or not any(f" {spoken.target.phrase} " in name for name in full)
        )
        shown = [one[0] for one in classes[:_MOST_CLASSES]]
        return Candidates((*ranked[: most - len(shown)], *shown), targets)

    def _most_like(
        self, text: str, area: Area | None, most: int
    ) -> Iterable[Spoken | Area | Floor]:
        where = None if area is None else area.id
        return (self._named[number] for number in self._index.ranked(text, where, most))

    def _indexed(self, named: Spoken | Area | Floor) -> Name:
        words = _words_of(named)
        if not isinstance(named, Spoken):
            return Name(words, (), named, {named.id} if isinstance(named, Area) else set())
        ids = named.target.entities
        known = (self.registry.entities.get(one) for one in ids)
        areas = {one.area for one in known if one is not None and one.area is not None}
        return Name(words, tuple(self._hints(named)), ids, areas)

    def describe(self, named: Spoken | Area | Floor) -> str:
        """A name as the model is shown it: `desk lamp, light in study`, `kitchen, room`."""
        if not isinstance(named, Spoken):
            return f"{fold(named.name)}, {'room' if isinstance(named, Area) else 'floor'}"
        phrase = named.target.phrase
        if named.target.collective:
            return f"{phrase}, group"
        entities = [
            self.registry.entities[entity_id]
            for entity_id in named.target.entities[:4]
            if entity_id in self.registry.entities
        ]
        nouns = dict.fromkeys(kind_words(entity.kind)[0][0] for entity in entities)
        kinds = " ".join(noun for noun in nouns if f" {noun} " not in f" {phrase} ")
        areas = {area.id: fold(area.name) for one in entities if (area := self._area(one))}
        where = next(iter(areas.values())) if len(areas) == 1 else ""
        place = f" in {where}" if where and where not in phrase else ""
        return f"{phrase},{' ' if kinds else ''}{kinds}{place}" if kinds or place else phrase

    def _area(self, entity: Entity) -> Area | None:
        return self.registry.areas.get(entity.area) if entity.area else None

    def _hints(self, named: Spoken) -> Iterable[str]:
        """Words not in a name that make it likely all the same: its kind, room and options."""
        if named.target.collective:
            return
        for entity_id in named.target.entities:
            entity = self.registry.entities[entity_id]
            yield from hints(entity.kind)
            yield from _option_words(entity)
            for area in map(fold, self._areal(entity_id)):
                yield from area.split()

    def named(self, ids: Iterable[str]) -> tuple[Spoken, ...]:
        """The targets for exactly these entities, for the answer to "which one?"."""
        return tuple(
            Spoken(Target(fold(phrase), (entity_id,)), tuple(fold(phrase).split()))
            for entity_id in ids
            for phrase in {self.registry.spoken_name(entity_id), *self._areal(entity_id)}
        )

    def _told_apart(self, by_name: Mapping[str, list[Entity]]) -> dict[str, list[Entity]]:
        """Namesakes by their name with the room in front: "kitchen ceiling light"."""
        found: dict[str, list[Entity]] = defaultdict(list)
        for name, namesakes in by_name.items():
            for entity in namesakes if len(namesakes) > 1 else ():
                for area in map(fold, self._areal(entity.id)):
                    if area not in name and f"{area} {name}" not in by_name:
                        found[f"{area} {name}"].append(entity)
        return found

    def _areal(self, entity_id: str) -> Iterable[str]:
        area = self.registry.area_of(entity_id)
        return area.names if area else ()

    def _nearest(self, spoken: Spoken, area: Area | None) -> Spoken:
        """Of several things with one name, those where the speaker is."""
        target = spoken.target
        if area is None or target.collective or len(target.entities) < 2:
            return spoken
        here = tuple(
            entity
            for entity in target.entities
            if (known := self.registry.entities.get(entity)) and known.area == area.id
        )
        return replace(spoken, target=replace(target, entities=here)) if here else spoken

    def _called(self, said: set[str], places: Sequence[Area | Floor]) -> list[list[Spoken]]:
        """The classes that a sentence brings to mind, each where it is asked for and everywhere.

        Those with most words in common come first, and of one class what is in a place.
        """
        called = [one for one in self._classes if not said.isdisjoint(_CLASS_STEMS[one[0].noun])]
        called.sort(key=lambda one: -len(said & _CLASS_STEMS[one[0].noun]))
        found = []
        for one, members in called:
            spoken = []
            for place in places:
                areas = self._areas_in(place)
                if there := [member for member in members if member.area in areas]:
                    spoken += [class_target(f"{fold(name)} ", one, there) for name in place.names]
            found.append([*spoken, class_target("", one, members)])
        return found

    def _areas_in(self, place: Area | Floor) -> set[str]:
        if isinstance(place, Area):
            return {place.id}
        return {area.id for area in self.registry.areas.values() if area.floor == place.id}

    def _group(self, group: Group) -> Iterable[Spoken]:
        members = tuple(member for member in group.members if member in self.registry.entities)
        for name in group.names:
            phrase = fold(name)
            yield Spoken(Target(phrase, members, collective=True), tuple(phrase.split()))

    def _in_area(self, area: Area, said: set[str]) -> Iterable[Spoken]:
        for kind, entities in self._by_kind.items():
            members = [entity for entity in entities if entity.area == area.id]
            if members:
                for name in area.names:
                    yield from kind_targets(f"{fold(name)} ", kind, members, said)
        lights = [entity.id for entity in self._by_kind[Kind.LIGHT] if entity.area == area.id]
        for name in area.names:
            phrase = fold(name)
            words = tuple(phrase.split())
            if lights:
                yield Spoken(Target(phrase, tuple(lights), collective=True), words)
            yield self._everything(phrase, {area.id})
        yield from self._room(area)

    def _room(self, area: Area) -> Iterable[Spoken]:
        """A room by its bare name, for "how warm is the kitchen"."""
        everything = [
            entity.id
            for entity in self.registry.entities.values()
            if entity.area == area.id and not entity.diagnostic
        ]
        for phrase in map(fold, area.names):
            target = Target(phrase, tuple(everything), collective=True)
            yield Spoken(target, tuple(phrase.split()), question_only=True)

    def _on_floor(self, floor: Floor, said: set[str]) -> Iterable[Spoken]:
        areas = self._areas_in(floor)
        for kind, entities in self._by_kind.items():
            members = [entity for entity in entities if entity.area in areas]
            if members:
                for name in floor.names:
                    yield from kind_targets(f"{fold(name)} ", kind, members, said)
        for name in floor.names:
            yield self._everything(fold(name), areas)

    def _everything(self, place: str, areas: AbstractSet[str]) -> Spoken:
        phrase = f"everything in {place}"
        members = tuple(
            entity.id
            for entities in self._by_kind.values()
            for entity in entities
            if entity.area in areas and not entity.security
        )
        return Spoken(Target(phrase, members, collective=True), tuple(phrase.split()))

    def _kinds(self, area: Area | None, said: set[str]) -> Iterable[Spoken]:
        for kind, entities in self._by_kind.items():
            here = [entity for entity in entities if area and entity.area == area.id]
            near = kind_targets(
                "", kind, here or entities, said, decided=bool(here), anywhere=area is None
            )
            if area is not None and area.seat:
                every = kind_targets("", kind, entities, said, decided=False, anywhere=True)
                near = (
                    *(one for one in near if not one.plural),
                    *(one for one in every if one.plural),
                )
            for spoken in near:
                # Who asks which windows are open means the house, unless it is asked of here.
                wide = here and spoken.plural and said.isdisjoint(_HERE_WORDS)
                ids = tuple(entity.id for entity in entities) if wide else ()
                yield replace(spoken, everywhere=ids)
            free = [entity for entity in entities if not entity.security]
            for _, plural in nouns_said(kind, said):
                phrase = f"all {plural}"
                if len(free) < len(entities):
                    # Nothing opens all locks at once.
                    target = Target(phrase, tuple(e.id for e in entities), collective=True)
                    words = tuple(phrase.split())
                    yield Spoken(target, words, question_only=True, secured=True)
                if free:
                    target = Target(phrase, tuple(e.id for e in free), collective=True)
                    yield Spoken(target, tuple(phrase.split()))

    def _whole(self) -> Iterable[Spoken]:
        ids = tuple(
            entity.id
            for entities in self._by_kind.values()
            for entity in entities
            if not entity.security
        )
        if ids:
            yield Spoken(Target("everything", ids, collective=True), ("everything",))


def _is_counted(entity: Entity) -> bool:
    """Whether such things are spoken of by their kind, too, and in numbers."""
    return not entity.diagnostic and entity.kind not in _UNCOUNTED


def groups_of(registry: Registry) -> Sequence[Group]:
    """What is spoken of together: the groups of a home, and what is named alike in it."""
    taken = {fold(name) for one in registry.entities.values() for name in one.names}
    alike = named_alike(filter(_is_counted, registry.entities.values()))
    return (*registry.groups.values(), *(one for one in alike if one.name not in taken))


def _option_words(entity: Entity) -> Iterable[str]:
    """The words of what somebody may choose: "switch to bluetooth" is about the source."""
    for known in entity.capabilities:
        if known.settable and known.attribute in _CHOSEN and isinstance(known.domain, Choice):
            for option in known.domain.options:
                yield from (word for word in fold(option).split() if word not in LITTLE_WORDS)


def _words_of(named: Spoken | Area | Floor) -> tuple[str, ...]:
    if isinstance(named, Spoken):
        return named.words
    return tuple(word for name in named.names for word in fold(name).split())


_CLASS_STEMS = {noun: frozenset(map(stem, words)) for noun, words in CLASS_WORDS.items()}
"""`CLASS_WORDS` as sentences are compared."""
