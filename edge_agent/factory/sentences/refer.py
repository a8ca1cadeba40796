"""How people refer to things: a name, half a name, a kind in a room, "all the lights but one".

Gives the words and what they stand for; knows no verbs and no model.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from random import Random

from edge_agent.core.entity import Area, Entity, Floor, Group, Kind
from edge_agent.core.names import fold
from edge_agent.core.registry import Registry
from edge_agent.language.likeness import stem
from edge_agent.language.namesakes import plural_of
from edge_agent.language.synonyms import OTHER_WORDS
from edge_agent.language.wording import kind_words

_BARE = 0.35
_OWN = ("my", "our")
_ADVERBS = frozenset({"upstairs", "downstairs", "outside", "inside"})
_ZONES = ("driver", "passenger", "left", "right", "side")
"""How the places in a car end."""
_ON = ("floor", "patio", "terrace", "balcony", "porch", "deck", "left", "right", "side")
"""How places end that one is on, not in."""
_FAR = 0.15
"""How often somebody says which way it is to a room."""
_OVER = ("over", "over", "back", "there", "up", "down")
_WAYS = {
    "down": frozenset({"basement", "cellar", "garage"}),
    "up": frozenset({"attic", "loft"}),
    "out": frozenset("patio terrace balcony porch deck garden yard backyard shed driveway".split()),
}
_USUAL = 3
"""How many of the other nouns for a thing, which have the usual ones first, all people use."""
_LINKS = ("that are ", "that are ", "which are ", "we have ", "that you find ")
"""What may stand between a thing and where it is."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Words for something, and the target that they stand for."""

    text: str
    entities: tuple[str, ...]
    """What is meant; for several with one name, all of them."""
    phrases: tuple[str, ...]
    """How the output language may write it, best first."""
    plural: bool = False
    how: str = "name"
    """The way of referring, for reports."""
    excluded: tuple["Reference", ...] = ()
    apart: "Apart | None" = None
    """The same in two parts, which may stand apart in a sentence."""


@dataclass(frozen=True, slots=True)
class Apart:
    """A thing and its place: "in the kitchen turn off the light"."""

    noun: str
    place: str
    """With its preposition."""
    name: str = ""
    """The name of the place alone, where it has one: "kitchen: lights off"."""


@dataclass(frozen=True, slots=True)
class Synonyms:
    """Other nouns for kinds, other names for rooms, and other nouns for what names say."""

    kinds: Mapping[Kind, Sequence[str]]
    rooms: Mapping[str, Sequence[str]]
    things: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By a noun more particular than that of a kind: `tv`, `air conditioner`."""


class Referrer:
    """Refers to the things of one registry."""

    def __init__(self, registry: Registry, synonyms: Synonyms, random: Random) -> None:
        """Keeps what it draws from."""
        self._registry = registry
        self._synonyms = synonyms
        self._random = random
        self._words = {
            entity.id: [frozenset(map(stem, fold(name).split())) for name in entity.names]
            for entity in registry.entities.values()
        }
        self._nouns: dict[Kind, tuple[Sequence[tuple[str, str]], Sequence[str]]] = {}
        self._own_nouns: dict[str, AbstractSet[str]] = {}
        nouns = (noun for kind in Kind for pair in kind_words(kind) for noun in pair)
        rooms = (fold(name) for area in registry.areas.values() for name in area.names)
        self._general = {stem(word) for name in (*nouns, *rooms) for word in name.split()}

    def words(self) -> Iterable[frozenset[str]]:
        """The words of every name."""
        return (words for names in self._words.values() for words in names)

    def specific(self, name: str) -> set[str]:
        """The words of a name that are neither a kind's nor a room's of this home."""
        return {stem(word) for word in fold(name).split()} - self._general

    def to_name(self, entity: Entity, area: Area | None) -> Reference:
        """A reference to one entity by its name or a part of it."""
        random = self._random
        name = fold(random.choice(entity.names))
        own_area = self._registry.area_of(entity.id)
        apart: Apart | None = None
        room = fold(random.choice(own_area.names)) if own_area else ""
        namesakes = tuple(
            other.id
            for other in self._registry.entities.values()
            if name in {fold(known) for known in other.names}
        )
        phrases: list[str] = [fold(known) for known in entity.names]
        phrases.insert(0, name)
        entities: tuple[str, ...] = (entity.id,)
        how = "alias" if name != fold(entity.name) else "name"
        roll = random.random()
        if len(namesakes) > 1:
            if room and room not in name and not (area and own_area and area.id == own_area.id):
                if roll < 0.8:
                    (text, apart), how = self._in_room(name, room), "namesake"
                    phrases = [f"{room} {name}"]
                else:
                    text, entities, phrases = name, namesakes, [name]
            else:
                text, phrases = name, [name]
                entities = entities if area else namesakes
        elif roll < 0.10 and (rest := self._without_room(name, room)) is not None:
            (text, apart), how = self._in_room(rest, room, before=0.0), "partial"
        elif roll < 0.32 and (part := self._part(entity, name, room)) is not None:
            text, how = part, "partial"
        elif roll < 0.39 and room and not _shares(room, name):
            text, apart = self._in_room(name, room)
        elif roll < 0.47 and (other := self._other_noun(entity, name)) is not None:
            text, how = other, "synonym"
        else:
            text = name
        phrases = list(dict.fromkeys(phrases))
        if apart is not None:
            noun = self._articled(apart.noun)
            text, apart = f"{noun} {apart.place}", replace(apart, noun=noun)
        else:
            text = self._articled(text)
        return Reference(text, entities, tuple(phrases), how=how, apart=apart)

    def to_kind(
        self, kind: Kind, members: Sequence[Entity], area: Area | None, *, plural: bool
    ) -> Reference:
        """Write "the light": whatever of that kind is where the speaker is."""
        here = [entity for entity in members if area and entity.area == area.id] or list(members)
        noun = self.noun(kind, plural=plural)
        return Reference(
            self._articled(noun, own=0.15),
            tuple(entity.id for entity in here),
            kind_phrases("", kind, plural=plural),
            plural,
            "kind",
        )

    def to_here(
        self, kind: Kind, members: Sequence[Entity], words: str, *, plural: bool, every: str | None
    ) -> Reference:
        """Write "all the lights in here".

        Args:
            kind: What is meant.
            members: All of that kind where the speaker is.
            words: Where that is: "in here".
            plural: Whether several are spoken of.
            every: How all of them are called, "every {kind}"; None for "the lights".
        """
        noun = self._counted(kind, "", every, plural=plural)
        return Reference(
            f"{noun} {words}",
            tuple(entity.id for entity in members),
            kind_phrases("", kind, plural=plural),
            plural,
            "here",
            apart=Apart(noun, words),
        )

    def to_place(
        self,
        kind: Kind,
        members: Sequence[Entity],
        place: Area | Floor,
        *,
        plural: bool,
        every: str | None = None,
    ) -> Reference:
        """Write "the kitchen lights", with `every` "every light in the kitchen"."""
        said, known = self._place_name(place)
        random, roll = self._random, self._random.random()
        apart: Apart | None = None
        if isinstance(place, Floor) and said.endswith("stairs"):
            noun = self._counted(kind, "", every, plural=plural)
            apart = Apart(noun, said, said)
            text = random.choice((f"{noun} {said}", f"{said} {noun}"))
        elif roll < 0.42:
            text = self._counted(kind, f"{said} ", every, plural=plural)
        elif roll < 0.48:
            owner = said if said.endswith("s") else f"{said}'s"
            text = f"{self._the(said)}{owner} {self.noun(kind, plural=plural)}"
        else:
            noun = self._counted(kind, "", every, plural=plural)
            words = f"{self._preposition(said)}{self._the(said)}{said}"
            apart = Apart(noun, f"{self._way_to(said)}{words}", said)
            text = f"{noun} {random.choice(_LINKS) if roll > 0.93 else ''}{apart.place}"
            text = text if plural else text.replace(" are ", " is ")
        return Reference(
            text,
            tuple(entity.id for entity in members),
            kind_phrases(f"{known} ", kind, plural=plural),
            plural,
            "place",
            apart=apart,
        )

    def to_room(self, place: Area, lights: Sequence[Entity]) -> Reference:
        """Write "the kitchen", for its lights."""
        said, known = self._place_name(place)
        ids = tuple(entity.id for entity in lights)
        return Reference(self._articled(said), ids, (known,), True, "room")

    def to_everything(
        self, members: Sequence[Entity], area: Area | None, forms: Sequence[str]
    ) -> Reference:
        """Write "everything", or "everything in the kitchen"; never what secures the house."""
        text = self._random.choice(forms)
        if area is None or self._random.random() < 0.35:
            ids = tuple(entity.id for entity in members)
            return Reference(text, ids, ("everything",), True, "all")
        words, known = self.place_phrase(area)
        ids = tuple(entity.id for entity in members if entity.area == area.id)
        text = text if self._random.random() < 0.8 else "everything"
        phrases = (f"everything in {known}",)
        apart = Apart(text, words, known)
        return Reference(f"{text} {words}", ids, phrases, True, "all", apart=apart)

    def to_all(self, kind: Kind, members: Sequence[Entity], forms: Sequence[str]) -> Reference:
        """Write "all the lights"."""
        text = self._count(self._random.choice(forms), kind, "")
        ids = tuple(entity.id for entity in members)
        phrases = tuple(f"all {phrase}" for phrase in kind_phrases("", kind, plural=True))
        return Reference(text, ids, phrases, True, "all")

    def to_group(self, group: Group) -> Reference:
        """Write "the bedside lamps"."""
        name = fold(self._random.choice(group.names))
        roll = self._random.random()
        if name.endswith("s") and roll < 0.25:
            text = f"{'both' if len(group.members) == 2 else 'all'} {name}"
        elif name.endswith("s") and roll < 0.4:
            text = f"{'both' if len(group.members) == 2 else 'all'} the {name}"
        else:
            text = self._articled(name)
        return Reference(text, group.members, (name,), name.endswith("s"), "group")

    def but(self, whole: Reference, other: Reference, forms: Sequence[str]) -> Reference:
        """Write "... except the desk lamp"."""
        text = self._random.choice(forms).replace("{other}", other.text)
        return replace(
            whole, text=f"{whole.text} {text}", how="except", excluded=(other,), apart=None
        )

    def place_phrase(self, place: Area | Floor) -> tuple[str, str]:
        """Write "in the kitchen", and the name that the output language uses."""
        said, known = self._place_name(place)
        return f"{self._preposition(said)}{self._the(said)}{said}", known

    def area_phrase(self, place: Area | Floor) -> tuple[str, str]:
        """Write "the kitchen", and the name that the output language uses."""
        said, known = self._place_name(place)
        return f"{self._the(said)}{said}", known

    def _place_name(self, place: Area | Floor) -> tuple[str, str]:
        known = fold(self._random.choice(place.names))
        others = self._synonyms.rooms.get(known, ())
        names = {fold(name) for area in self._registry.areas.values() for name in area.names}
        free = [other for other in others if fold(other) not in names]
        if free and self._random.random() < 0.12:
            return fold(self._random.choice(free)), fold(place.name)
        return known, known

    def _in_room(self, noun: str, room: str, before: float = 0.4) -> tuple[str, Apart | None]:
        """A noun with its room before or, in two parts, after it."""
        if self._random.random() < before:
            return f"{room} {noun}", None
        words = f"{self._way_to(room)}{self._preposition(room)}{self._the(room)}{room}"
        return f"{noun} {words}", Apart(noun, words, room)

    def _preposition(self, place: str) -> str:
        if place in _ADVERBS:
            return ""
        if place in {"driver", "passenger"}:
            return "for "
        if place.endswith(_ON):
            return "on "
        return "at " if self._random.random() < 0.04 else "in "

    def _way_to(self, place: str) -> str:
        """The little word before "in the basement": down there, or over there."""
        if self._random.random() >= _FAR or place in _ADVERBS or place.endswith(_ZONES):
            return ""
        last = place.rsplit(maxsplit=1)[-1]
        way = next((way for way, places in _WAYS.items() if last in places), None)
        return f"{way or self._random.choice(_OVER)} "

    def _the(self, place: str) -> str:
        first = place.split(maxsplit=1)[0]
        if place in _ADVERBS or first.endswith(("'s", "s'")) or first in _OWN:
            return ""
        return "the " if self._random.random() < 0.9 else ""

    def _articled(self, text: str, own: float = 0.06) -> str:
        first = text.split(maxsplit=1)[0]
        roll = self._random.random()
        if first.endswith("'s") or first in {"the", "my", "our", "all", "every", "each"}:
            return text
        if roll < own:
            return f"{self._random.choice(_OWN)} {text}"
        return text if roll < own + _BARE else f"the {text}"

    def _counted(self, kind: Kind, place: str, every: str | None, *, plural: bool) -> str:
        """The noun of a kind, with a place before it, and how many of them are meant."""
        if every is not None:
            return self._count(every, kind, place)
        return self._articled(place + self.noun(kind, plural=plural), own=0.04 if place else 0.1)

    def _count(self, form: str, kind: Kind, place: str) -> str:
        form = form.replace("{kinds}", place + self.noun(kind, plural=True))
        return form.replace("{kind}", place + self.noun(kind, plural=False))

    def noun(self, kind: Kind, *, plural: bool) -> str:
        """A noun for a kind."""
        if kind not in self._nouns:
            self._nouns[kind] = self._nouns_for(kind)
        known, others = self._nouns[kind]
        nouns = [pair[plural] for pair in known]
        roll = self._random.random()
        if others and roll < 0.12:
            noun = self._random.choice(others)
            return plural_of(noun) if plural else noun
        return nouns[0] if roll < 0.85 else self._random.choice(nouns)

    def _nouns_for(self, kind: Kind) -> tuple[Sequence[tuple[str, str]], Sequence[str]]:
        """The nouns of a kind, and others, that stand for all that there are of it.

        Where one thermostat is called "air conditioner", nobody means another one by "the ac".
        """
        names = [
            {word for words in self._words[entity.id] for word in words}
            for entity in self._registry.entities.values()
            if entity.kind is kind
        ]

        def is_general(noun: str) -> bool:
            words = {stem(word) for word in noun.split()}
            words |= {stem(other) for word in words for other in OTHER_WORDS.get(word, ())}
            named = sum(not words.isdisjoint(one) for one in names)
            return named in {0, len(names)}

        first, *second = kind_words(kind)[:2]
        others = self._synonyms.kinds.get(kind, ())
        return (
            [first, *(pair for pair in second if is_general(pair[0]))],
            [noun for noun in others if is_general(noun)],
        )

    def spoken_of(self, text: str, able: Sequence[Entity]) -> Sequence[Entity]:
        """Those of some things that a sentence without their names speaks of: "put the ac on".

        None where it speaks of none of them more than of the others.
        """
        return [one for one in able if any(f" {noun} " in f" {text} " for noun in self._own(one))]

    def _own(self, entity: Entity) -> AbstractSet[str]:
        """The usual nouns for what an entity's names say it is, but for those of its kind."""
        if entity.id not in self._own_nouns:
            names = [f" {fold(name)}" for name in entity.names]
            families = ({noun, *more[:_USUAL]} for noun, more in self._synonyms.things.items())
            own = {
                noun
                for nouns in families
                if any(name.endswith(f" {one}") for name in names for one in nouns)
                for noun in nouns
            }
            general = {noun for pair in kind_words(entity.kind)[:2] for noun in pair}
            self._own_nouns[entity.id] = own - general
        return self._own_nouns[entity.id]

    def _other_noun(self, entity: Entity, name: str) -> str | None:
        """The name with another noun for its kind: "desk light" for the desk lamp."""
        for noun in sorted(self._synonyms.things, key=len, reverse=True):
            if f" {name}".endswith(f" {noun}"):
                other = name.removesuffix(noun) + self._random.choice(self._synonyms.things[noun])
                return other if self._is_free(entity, other) else None
        others = [fold(other) for other in self._synonyms.kinds.get(entity.kind, ())]
        nouns = [*others, *(noun for pair in kind_words(entity.kind) for noun in pair[:1])]
        for noun in sorted(nouns, key=len, reverse=True):
            if name.endswith(f" {noun}"):
                rest = name.removesuffix(noun)
                other = rest + self._random.choice([one for one in nouns if one != noun] or nouns)
                return other if self._is_free(entity, other) else None
        other = f"{name} {kind_words(entity.kind)[0][0]}"
        is_plain = kind_words(entity.kind)[0][0] not in name and self._is_free(entity, other)
        return other if is_plain else None

    def _without_room(self, name: str, room: str) -> str | None:
        """A name without its room, if that is still a name: "kitchen spot" is the spot there."""
        rest = name.removeprefix(f"{room} ") if room else name
        if rest == name or not self.specific(rest):
            return None
        return rest

    def _part(self, entity: Entity, name: str, room: str) -> str | None:
        """Some words of a name that are nobody else's; None where there are none."""
        words = name.split()
        if len(words) < 2:
            return None
        led = room and name.startswith(f"{room} ")
        candidates = [name.removeprefix(f"{room} ")] if led else []
        candidates += [
            " ".join(word for at, word in enumerate(words) if at != left)
            for left in range(len(words))
        ]
        self._random.shuffle(candidates)
        for part in candidates:
            if self.specific(part) and self._is_free(entity, part):
                return part
        return None

    def _is_free(self, entity: Entity, part: str) -> bool:
        """Whether no other thing has all of these words in a name."""
        wanted = frozenset(map(stem, part.split()))
        return not any(
            wanted <= words
            for other, names in self._words.items()
            if other != entity.id
            for words in names
        )


def kind_phrases(prefix: str, kind: Kind, *, plural: bool) -> tuple[str, ...]:
    """How the output language may write a kind, best first; in a place if the prefix names it."""
    return tuple(prefix + pair[form] for form in (plural, not plural) for pair in kind_words(kind))


def _shares(one: str, other: str) -> bool:
    return not set(map(stem, one.split())).isdisjoint(map(stem, other.split()))
