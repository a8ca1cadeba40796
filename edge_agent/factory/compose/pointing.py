"""Puts words for a thing, a room or "here" into a phrasing, and says what they stand for.

Knows placeholders and how people refer; no values and no verbs.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from edge_agent.core.entity import Area, Attribute, Capability, Entity, Kind
from edge_agent.core.names import fold
from edge_agent.factory.compose.case import Miss
from edge_agent.factory.compose.fitting import NAMED_ONLY, SHADES
from edge_agent.factory.compose.scene import Scene
from edge_agent.factory.sentences.bank import Phrasing
from edge_agent.factory.sentences.refer import Apart, Reference, kind_phrases
from edge_agent.language.grammar import SHUTTING
from edge_agent.language.likeness import wordly
from edge_agent.language.vocabulary import groups_of
from edge_agent.language.wording import kind_words

_SEVERAL = frozenset({Kind.LIGHT, Kind.WINDOW, Kind.MIRROR, *SHADES})
"""Kinds that come in numbers: an unnamed one is written in the plural."""
_OF_ROOMS = frozenset({Attribute.TEMPERATURE, Attribute.CURRENT_TEMPERATURE, "humidity"})
"""What may be asked of a room."""
_SWITCHED = frozenset({Kind.LIGHT, Kind.SWITCH, Kind.OUTLET})
_POWER = frozenset({("power", "on"), ("power", "off")})
"""What "everything" can be told, and which kinds bring it to mind."""
_BARE = ("the {kinds}", "the {kinds}", "{kinds}", "my {kinds}", "our {kinds}")
_GROUPED = 0.25
"""How often a thing that has a group is spoken of by that."""
_PLACE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Pointed:
    """A sentence with its target, area or place put in, and what it is about."""

    text: str
    reference: Reference


class Pointer:
    """Refers to things of one home within a phrasing."""

    def __init__(self, scene: Scene) -> None:
        """Points at what is in a scene."""
        self._scene = scene
        self._groups = groups_of(scene.registry)

    def reference(
        self, phrasing: Phrasing, able: Sequence[Entity], *, plain: bool = False
    ) -> Reference:
        """Words for something that can do what a phrasing says.

        Args:
            phrasing: Has a target.
            able: The things that can do it.
            plain: Whether nothing is excepted.
        """
        scene, random, refer = self._scene, self._scene.random, self._scene.referrer
        if not able:
            raise Miss
        entity = random.choice(able)
        kind, area = entity.kind, scene.area_of(entity)
        many = "target:many" in phrasing.places
        roll = random.random()
        if kind in _SWITCHED and phrasing.do in _POWER and roll < 0.08 and is_counted(entity):
            return self._everything(area)
        if "target:one" not in phrasing.places and random.random() < _GROUPED:
            able_ids = {one.id for one in able}
            groups = [
                group
                for group in self._groups
                if entity.id in group.members and able_ids.issuperset(group.members)
            ]
            if groups:
                return refer.to_group(random.choice(groups))
        by_name = phrasing.named or "target:one" in phrasing.places or not is_counted(entity)
        if by_name or roll < 0.46:
            if many:
                raise Miss
            return refer.to_name(entity, area if random.random() < 0.3 else None)
        if roll < 0.54 and not many:
            same = [other for other in able if other.kind is kind]
            return refer.to_kind(kind, same, area, plural=random.random() >= 0.7)
        if roll < 0.64 and area is not None and not scene.is_car:
            return self._here(kind, area, many=many)
        if roll < 0.81 and area is not None:
            there = scene.of(kind, area)
            of_room = kind is Kind.LIGHT and phrasing.do is not None and not scene.is_car
            if of_room and roll < 0.67 and not many:
                return refer.to_room(area, there)
            plural = many or len(there) > 1 or random.random() < 0.2
            every = self._every(len(there)) if plural else None
            return refer.to_place(kind, there, area, plural=plural, every=every)
        floor = scene.registry.floors.get(area.floor) if area is not None and area.floor else None
        if roll < 0.86 and floor is not None:
            on = {one.id for one in scene.registry.areas.values() if one.floor == floor.id}
            there = [other for other in scene.of(kind) if other.area in on]
            every = self._every(len(there))
            return refer.to_place(kind, there, floor, plural=True, every=every)
        return self._all(kind, plain=plain, shut=phrasing.do in SHUTTING)

    def _every(self, count: int) -> str | None:
        """How all of some things are called, "each of the {kinds}"; None if by the noun alone."""
        random, manner = self._scene.random, self._scene.manner
        if random.random() < 0.55:
            return None
        return random.choice(manner.both if count == 2 and random.random() < 0.6 else manner.every)

    def _here(self, kind: Kind, area: Area, *, many: bool) -> Reference:
        """Write "all the lights in here"; the sentence must then be said there."""
        scene, random = self._scene, self._scene.random
        area = scene.speaker or area
        there = scene.of(kind, area)
        if not there:
            raise Miss
        plural = many or len(there) > 1 or random.random() < 0.3
        every = self._every(len(there)) if plural else None
        words = random.choice(scene.here)
        if random.random() < 0.06:
            there = scene.of(kind)  # nobody knows where the speaker is
        else:
            scene.speaker = area
        return scene.referrer.to_here(kind, there, words, plural=plural, every=every)

    def _everything(self, area: Area | None) -> Reference:
        """Write "everything", "everything in the house" or "everything in here"."""
        scene, random = self._scene, self._scene.random
        things = scene.unguarded()
        whole = scene.referrer.to_everything(things, area, scene.manner.everything)
        if area is not None and not scene.is_car and random.random() < 0.3:
            area = scene.speaker = scene.speaker or area
            ids = tuple(one.id for one in things if one.area == area.id)
            phrases = (f"everything in {fold(area.name)}",)
            words = random.choice(scene.here)
            noun = random.choice(scene.manner.everything)
            return replace(
                whole,
                text=f"{noun} {words}",
                entities=ids,
                phrases=phrases,
                apart=Apart(noun, words),
            )
        if whole.phrases == ("everything",) and random.random() < 0.4:
            words = random.choice(scene.whole)
            return replace(whole, text=f"{whole.text} {words}", apart=Apart(whole.text, words))
        return whole

    def _all(self, kind: Kind, *, plain: bool, shut: bool) -> Reference:
        """Write "all the lights", with an exception now and then.

        What secures the house is among them only where it is locked or shut.
        """
        scene, random, refer = self._scene, self._scene.random, self._scene.referrer
        free = [other for other in scene.of(kind) if shut or not other.security]
        if len(free) < 2:
            raise Miss
        placed = random.random() < 0.5
        if placed:
            forms = scene.manner.both if len(free) == 2 else scene.manner.every
            whole = refer.to_all(kind, free, _BARE if random.random() < 0.3 else forms)
            words = random.choice(scene.whole)
            whole = replace(whole, text=f"{whole.text} {words}", apart=Apart(whole.text, words))
        else:
            whole = refer.to_all(kind, free, scene.all)
        if random.random() < 0.3 and not plain:
            return refer.but(whole, self._part_of(free), scene.manner.except_)
        return whole

    def _part_of(self, members: Sequence[Entity]) -> Reference:
        random, refer = self._scene.random, self._scene.referrer
        entity = random.choice(members)
        area = self._scene.area_of(entity)
        if area is not None and random.random() < 0.4:
            there = [other for other in members if other.area == area.id]
            if len(there) < len(members):
                return refer.to_place(entity.kind, there, area, plural=len(there) > 1)
        return refer.to_name(entity, None)

    def point(
        self,
        text: str,
        able: Sequence[Entity],
        *,
        asked: Capability | None = None,
        named: bool = False,
        here: bool = False,
        several: bool = False,
    ) -> Pointed:
        """A sentence about one of some things, by its target or by where it is.

        Args:
            text: The sentence with its placeholders.
            able: What it may be about.
            asked: What is asked of it; None in a command.
            named: Whether the thing is written by its name, though the sentence has none.
            here: Whether it must be where the speaker is, unless the sentence says where.
            several: Whether a sentence that has no target means all of a kind.
        """
        entity = self._scene.random.choice(able)
        target = next((one for one in _places(text) if one.startswith("target")), None)
        if target is None:
            return self._implied(text, entity, asked, named=named, here=here, several=several)
        area = self._scene.area_of(entity)
        refer = self._scene.referrer
        one = target == "target:one" or area is None or not is_counted(entity)
        if not one and area is not None and self._scene.random.random() < 0.2:
            there = self._scene.of(entity.kind, area)
            reference = refer.to_place(entity.kind, there, area, plural=len(there) > 1)
        else:
            reference = refer.to_name(entity, None)
        return Pointed(self.place(put(text, reference)), reference)

    def _implied(
        self,
        text: str,
        entity: Entity,
        asked: Capability | None,
        *,
        named: bool,
        here: bool,
        several: bool,
    ) -> Pointed:
        """A sentence that names no thing, only a place or none: its kind is meant."""
        scene, random, refer = self._scene, self._scene.random, self._scene.referrer
        area = scene.area_of(entity)
        of_room = asked is not None and asked.attribute in _OF_ROOMS and area is not None
        if "{area}" in text and area is None:
            raise Miss
        said = "{area}" in text or (
            "{place}" in text and area is not None and random.random() < 0.6
        )
        there: Area | None = None
        if said and area is not None:
            words, known = refer.area_phrase(area) if "{area}" in text else refer.place_phrase(area)
            text = " ".join(text.replace("{area}", words).replace("{place}", words).split())
            prefix, there = f"{known} ", area
        else:
            at = area if here or random.random() < 0.7 else None
            text = self.here(text)
            prefix = f"{fold(at.name)} " if of_room and at is not None else ""
            scene.speaker = there = at
        if named or entity.kind in NAMED_ONLY:
            names = tuple(fold(name) for name in entity.names)
            return Pointed(text, Reference(text, (entity.id,), names, how="implied"))
        plural = several or entity.kind in _SEVERAL
        if there is not None and there.seat and not (said or several):
            # "It is stuffy" in a car is a wish for one's own window, "the windows" are all.
            nouns = {plural for _, plural in kind_words(entity.kind)}
            plural = not nouns.isdisjoint(wordly(text).split())
        phrases = kind_phrases(prefix, entity.kind, plural=plural)
        if of_room and prefix:
            phrases = (prefix.strip(), *phrases)
        ids = tuple(
            one.id for one in scene.of(entity.kind, None if several and not said else there)
        )
        return Pointed(text, Reference(text, ids, phrases, plural, "implied"))

    def point_at_several(self, text: str, able: Sequence[Entity]) -> Pointed:
        """A sentence about several things of a kind, everywhere or in one place."""
        scene, random, refer = self._scene, self._scene.random, self._scene.referrer
        entity = random.choice(able)
        if not is_counted(entity):
            raise Miss
        area, kind = scene.area_of(entity), entity.kind
        nouns = [plural for _, plural in kind_words(kind)]
        noun = nouns[0] if random.random() < 0.85 else random.choice(nouns)
        there, prefix, said = scene.of(kind), "", noun
        if area is not None and random.random() < 0.3 and "{place}" not in text:
            words, known = refer.place_phrase(area)
            there, prefix = scene.of(kind, area), f"{known} "
            said = f"{known} {noun}" if random.random() < 0.4 else f"{noun} {words}"
        elif area is not None and "{place}" in text and random.random() < 0.4:
            words, known = refer.place_phrase(area)
            there, prefix = scene.of(kind, area), f"{known} "
            text = text.replace("{place}", words)
        elif area is not None and random.random() < 0.25 and not scene.is_car:
            words = random.choice(scene.here)
            there, scene.speaker = scene.of(kind, area), area
            if "{place}" in text:
                text = text.replace("{place}", words)
            else:
                said = f"{noun} {words}"
        elif "{place}" in text and random.random() < 0.4:
            text = text.replace("{place}", random.choice(scene.whole))
        text = text.replace("{place}", "")
        for place in _places(text):
            if place == "target:plural":
                text = text.replace("{target:plural}", said)
            elif place.startswith("target"):
                words = f"the {said}" if random.random() < 0.7 else said
                text = text.replace(f"{{{place}}}", words)
        ids = tuple(one.id for one in there)
        phrases = (f"{prefix}{noun}", *(f"{prefix}{other}" for other in nouns))
        reference = Reference(said, ids, phrases, plural=True, how="plural")
        return Pointed(" ".join(text.split()), reference)

    def here(self, text: str) -> str:
        """A sentence whose places are "in here", or left out, and whose areas are any."""
        random = self._scene.random
        words = random.choice(self._scene.here) if random.random() < 0.55 else ""
        return self.place(text, words)

    def place(self, text: str, words: str = "") -> str:
        """A sentence with these words for its places, and any areas for its areas."""
        if "{area}" in text:
            area = self._scene.an_area()
            text = text.replace("{area}", self._scene.referrer.area_phrase(area)[0])
        return " ".join(text.replace("{place}", words).split())


def placed(text: str, apart: Apart, random: Random) -> str:
    """A sentence with a place before or after all of it: "in the kitchen, lights off"."""
    if random.random() < 0.5:
        return f"{text}{random.choice((' ', ' ', ', '))}{apart.place}"
    if not apart.name or random.random() < 0.65:
        return f"{apart.place}{random.choice((' ', ', '))}{text}"
    return f"{apart.name}{random.choice((': ', ', ', ' '))}{text}"


def put(text: str, reference: Reference) -> str:
    """A sentence with words for its target; a Miss where their number does not fit."""
    for place in _places(text):
        if place == "target:plural":
            bare = reference.text.removeprefix("the ").removeprefix("all ")
            text = text.replace("{target:plural}", bare)
        elif place.startswith("target"):
            if (place == "target:one" and reference.plural) or (
                place == "target:many" and not reference.plural
            ):
                raise Miss
            text = text.replace(f"{{{place}}}", reference.text)
    return text


def is_counted(entity: Entity) -> bool:
    """Whether people speak of such things by their kind, and not by name only."""
    return not (entity.diagnostic or entity.kind in NAMED_ONLY)


def _places(text: str) -> Sequence[str]:
    return _PLACE.findall(text)
