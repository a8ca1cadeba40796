"""How people refer to things: a name, half a name, a kind in a room, "all the lights but one".

Gives the words and what they stand for; knows no verbs and no model.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from edge_agent.core.entity import Area, Entity, Floor, Kind
from edge_agent.core.names import fold
from edge_agent.core.registry import Registry
from edge_agent.language.vocabulary import stem
from edge_agent.language.wording import kind_words

_BARE = 0.35
_OWN = ("my", "our")


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


@dataclass(frozen=True, slots=True)
class Synonyms:
    """Other nouns for kinds and other names for rooms."""

    kinds: Mapping[Kind, Sequence[str]]
    rooms: Mapping[str, Sequence[str]]


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
                    text, how = self._in_room(name, room), "namesake"
                    phrases = [f"{room} {name}"]
                else:
                    text, entities, phrases = name, namesakes, [name]
            else:
                text, phrases = name, [name]
                entities = entities if area else namesakes
        elif roll < 0.30 and (part := self._part(entity, name, room)) is not None:
            text, how = part, "partial"
        elif roll < 0.38 and room and not _shares(room, name):
            text = self._in_room(name, room)
        elif roll < 0.46 and (other := self._other_noun(entity, name)) is not None:
            text, how = other, "synonym"
        else:
            text = name
        return Reference(self._articled(text), entities, tuple(dict.fromkeys(phrases)), how=how)

    def to_kind(
        self, kind: Kind, members: Sequence[Entity], area: Area | None, *, plural: bool
    ) -> Reference:
        """Write "the light": whatever of that kind is where the speaker is."""
        here = [entity for entity in members if area and entity.area == area.id] or list(members)
        noun = self._noun(kind, plural=plural)
        return Reference(
            self._articled(noun, own=0.15),
            tuple(entity.id for entity in here),
            kind_phrases("", kind, plural=plural),
            plural,
            "kind",
        )

    def to_place(
        self, kind: Kind, members: Sequence[Entity], place: Area | Floor, *, plural: bool
    ) -> Reference:
        """Write "the kitchen lights"."""
        said, known = self._place_name(place)
        noun = self._noun(kind, plural=plural)
        random, roll = self._random, self._random.random()
        quantity = self._random.choice(("all ", "all the ", "all of the ", "every one of the "))
        if isinstance(place, Floor) and said.endswith("stairs"):
            text = random.choice((f"the {noun} {said}", f"{said} {noun}", f"the {said} {noun}"))
        elif roll < 0.5:
            text = self._articled(f"{said} {noun}")
        elif roll < 0.85:
            text = self._in_room(noun, said)
            text = f"the {text}" if random.random() < 0.8 else text
        else:
            text = f"{quantity}{said} {noun}" if plural else f"{said} {noun}"
        return Reference(
            text,
            tuple(entity.id for entity in members),
            kind_phrases(f"{known} ", kind, plural=plural),
            plural,
            "place",
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
        text = f"{text} {words}" if self._random.random() < 0.8 else f"everything {words}"
        return Reference(text, ids, (f"everything in {known}",), True, "all")

    def to_all(self, kind: Kind, members: Sequence[Entity], forms: Sequence[str]) -> Reference:
        """Write "all the lights"; never anything that secures the house."""
        form = self._random.choice(forms)
        text = form.replace("{kinds}", self._noun(kind, plural=True))
        text = text.replace("{kind}", self._noun(kind, plural=False))
        ids = tuple(entity.id for entity in members if not entity.security)
        phrases = tuple(f"all {phrase}" for phrase in kind_phrases("", kind, plural=True))
        return Reference(text, ids, phrases, True, "all")

    def but(self, whole: Reference, other: Reference, forms: Sequence[str]) -> Reference:
        """Write "... except the desk lamp"."""
        text = self._random.choice(forms).replace("{other}", other.text)
        return replace(whole, text=f"{whole.text} {text}", how="except", excluded=(other,))

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

    def _in_room(self, noun: str, room: str) -> str:
        if self._random.random() < 0.4:
            return f"{room} {noun}"
        return f"{noun} {self._preposition(room)}{self._the(room)}{room}"

    def _preposition(self, place: str) -> str:
        if place in {"upstairs", "downstairs", "outside", "inside"}:
            return ""
        if place.endswith(("floor", "patio", "terrace", "balcony", "porch", "deck", "side")):
            return "on "
        return "at " if self._random.random() < 0.04 else "in "

    def _the(self, place: str) -> str:
        first = place.split(maxsplit=1)[0]
        bare = {"upstairs", "downstairs", "outside", "inside"}
        if place in bare or first.endswith(("'s", "s'")) or first in _OWN:
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

    def _noun(self, kind: Kind, *, plural: bool) -> str:
        nouns = [pair[plural] for pair in kind_words(kind)[:2]]
        others = self._synonyms.kinds.get(kind, ())
        roll = self._random.random()
        if others and roll < 0.12:
            noun = self._random.choice(others)
            return _plural(noun) if plural else noun
        return nouns[0] if roll < 0.85 else self._random.choice(nouns)

    def _other_noun(self, entity: Entity, name: str) -> str | None:
        """The name with another noun for its kind: "desk light" for the desk lamp."""
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


def _plural(noun: str) -> str:
    if noun.endswith("s"):
        return noun
    return noun + ("es" if noun.endswith(("ch", "sh", "x")) else "s")
