"""Sentences after which nothing may be done: chat, refusals, and wishes for what is not here.

Knows what is in a home only to name what is not.
"""

from collections.abc import Sequence

from edge_agent.core.entity import Kind
from edge_agent.core.names import fold
from edge_agent.factory.compose.case import Case, Miss
from edge_agent.factory.compose.clauses import Clauses
from edge_agent.factory.compose.fitting import NAMED_ONLY, Repertoire
from edge_agent.factory.compose.pointing import Pointer, put
from edge_agent.factory.compose.resolving import Resolver
from edge_agent.factory.compose.scene import Scene
from edge_agent.language.likeness import stem, wordly
from edge_agent.language.synonyms import LITTLE_WORDS, OTHER_WORDS
from edge_agent.language.wording import kind_words

_NUMBERS = (5, 10, 20, 21, 30, 50, 70, 80, 100)
_OPTIONS = ("red", "eco", "blue", "auto", "warm white")
_ASKED = 0.3
"""How much of what is absent is asked for, not commanded."""
_TRIES = 8
"""Tries to find something that a home does not have."""


class Negatives:
    """Composes sentences that a home must not act on."""

    def __init__(
        self,
        scene: Scene,
        repertoire: Repertoire,
        pointer: Pointer,
        clauses: Clauses,
        resolver: Resolver,
        strangers: Sequence[tuple[str, Kind]],
    ) -> None:
        """Composes them of these parts; `strangers` are names of things of other homes."""
        self._scene = scene
        self._repertoire = repertoire
        self._pointer = pointer
        self._clauses = clauses
        self._resolver = resolver
        self._strangers = strangers

    def nothing(self) -> Case:
        """A sentence of the bank that asks for nothing that can be done."""
        random, scene = self._scene.random, self._scene
        phrasing = self._repertoire.a_negative(random)
        text = phrasing.text
        if any(place.startswith("target") for place in phrasing.places):
            able = [entity for kind in phrasing.kinds for entity in scene.of(kind)]
            text = put(text, self._pointer.reference(phrasing, able, plain=True))
        text = self._pointer.here(text)
        if "number" in phrasing.places:
            text = text.replace("{number}", str(random.choice(_NUMBERS)))
        text = text.replace("{option}", random.choice(_OPTIONS))
        text = text.replace("{text}", random.choice(scene.items))
        return self._resolver.refusal(
            text, f"none {phrasing.none}", phrasing.style, dress=random.random() < 0.5
        )

    def absent(self) -> Case:
        """A command about something that is not here, or a question about what nothing knows."""
        random = self._scene.random
        if random.random() < _ASKED:
            return self._unknown()
        phrasing, able = self._repertoire.a_targeted_command(random)
        stranger = self._stranger(random.choice(able).kind)
        text = phrasing.text.replace("{target}", stranger)
        text, _ = self._clauses.valued(text, phrasing, random.choice(able))
        return self._resolver.refusal(self._pointer.here(text), "none absent", phrasing.style)

    def _unknown(self) -> Case:
        """A question to which nothing here has the answer: smoke, where nothing smells it."""
        phrasing = self._repertoire.a_missing_question(self._scene.random)
        known = {word for words in self._scene.referrer.words() for word in words}
        said = {stem(word) for word in wordly(phrasing.text).split()} - LITTLE_WORDS
        if not said.isdisjoint(known):
            raise Miss  # something may know it after all
        text = self._pointer.here(phrasing.text)
        return self._resolver.refusal(text, "none unknown", phrasing.style)

    def _stranger(self, kind: Kind) -> str:
        """Words for something of a kind that is not here."""
        known = {word for words in self._scene.referrer.words() for word in words}
        for _ in range(_TRIES):
            roll = self._scene.random.random()
            if (roll < 0.4 or kind is Kind.SCENE) and self._strangers:
                found = self._strange_name(kind, known)
            elif roll < 0.75:
                found = self._strange_room(kind, known)
            else:
                found = self._missing_kind(kind)
            if found is not None:
                return found
        raise Miss

    def _strange_name(self, kind: Kind, known: set[str]) -> str | None:
        """The name of a thing of another home, if no word of it is known here."""
        random = self._scene.random
        alike = [one for one in self._strangers if one[1] is kind]
        name, _ = random.choice(alike if alike and random.random() < 0.7 else self._strangers)
        words = self._scene.referrer.specific(name)
        related = {other for word in known for other in OTHER_WORDS.get(word, ())}
        if not words or not words.isdisjoint(known) or not words.isdisjoint(related):
            return None
        return f"the {name}" if random.random() < 0.6 else name

    def _strange_room(self, kind: Kind, known: set[str]) -> str | None:
        """Something in a room that is not here."""
        random, rooms = self._scene.random, self._scene.synonyms.rooms
        here = {fold(name) for area in self._scene.registry.areas.values() for name in area.names}
        room = random.choice(list(rooms))
        words = self._scene.referrer.specific(room)
        if not {room, *rooms[room]}.isdisjoint(here) or not words or not words.isdisjoint(known):
            return None
        noun = random.choice([singular for singular, _ in kind_words(kind)])
        return random.choice((f"the {room} {noun}", f"the {noun} in the {room}", f"{room} {noun}s"))

    def _missing_kind(self, kind: Kind) -> str | None:
        """A kind of thing that a room of this home has none of."""
        registry = self._scene.registry
        if not registry.areas:
            return None
        area = self._scene.an_area()
        if kind in NAMED_ONLY or self._scene.of(kind, area):
            return None
        noun = kind_words(kind)[0][0]
        first = fold(area.name).split()[0]
        near = any(
            noun in fold(name)
            for one in registry.entities.values()
            if one.area == area.id or first in fold(one.name)
            for name in one.names
        )
        return None if near else f"the {fold(area.name)} {noun}"
