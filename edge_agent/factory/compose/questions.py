"""Questions about what is in a home: its states, and how many things of a kind have one.

Where no thing is named, a class is asked about: "is there smoke anywhere" of all smoke sensors.
"""

from collections.abc import Sequence
from dataclasses import replace

from edge_agent.core.classes import CLASS_OF, ThingClass, is_of_air
from edge_agent.core.command import Ask, Comparison
from edge_agent.core.entity import Capability, Choice, Entity, Kind, Value
from edge_agent.core.names import fold
from edge_agent.factory.compose.case import Case, Miss
from edge_agent.factory.compose.fitting import Repertoire, asked, can_be
from edge_agent.factory.compose.pointing import Pointed, Pointer
from edge_agent.factory.compose.resolving import Resolver
from edge_agent.factory.compose.scene import Scene
from edge_agent.factory.sentences.bank import Phrasing
from edge_agent.factory.sentences.refer import Reference, kind_phrases
from edge_agent.factory.sentences.values import say_number, say_option, sensor_number
from edge_agent.language.vocabulary import Candidates
from edge_agent.language.wording import write_question

_SEVERAL = frozenset({Ask.COUNT, Ask.WHICH, Ask.ANY})
_BY_CLASS = frozenset({Kind.SENSOR, Kind.TRACKER})
"""Kinds that are no kind of thing by themselves; of several, their class is spoken of."""
_MEASURES = frozenset({Kind.SENSOR, Kind.CLIMATE, Kind.HUMIDIFIER, Kind.DEHUMIDIFIER})
_OF_AIR = frozenset({"temperature", "humidity"})
_OUTSIDE = frozenset({"outside", "outdoor", "outdoors", "weather"})
_OUTDOOR_UNIT = frozenset(
    {"ac", "air", "conditioner", "conditioning", "heating", "heat", "pump", "split", "unit"}
)
_LOCAL = frozenset({"occupancy", "presence"})
"""What is asked of a room: "is anybody at home" asks for people, wherever they are."""
_COMPARISONS = {"above": Comparison.ABOVE, "below": Comparison.BELOW}


class Questions:
    """Composes questions for one home."""

    def __init__(
        self, scene: Scene, repertoire: Repertoire, pointer: Pointer, resolver: Resolver
    ) -> None:
        """Composes them of these parts."""
        self._scene = scene
        self._repertoire = repertoire
        self._pointer = pointer
        self._resolver = resolver

    def question(self) -> Case:
        """A question about something that is here."""
        scene, resolver = self._scene, self._resolver
        phrasing, able = self._repertoire.a_question(scene.random)
        entity = scene.random.choice(able)
        capability = asked(entity, phrasing)
        if capability is None:
            raise Miss
        text, value = self._valued(phrasing, capability)
        if "weather" in phrasing.named and phrasing.attribute == "value":
            weathers = [one for one in able if one.capability("wind speed")]
            if weathers != [entity]:
                raise Miss  # the wind of a weather station is not the weather
        if "outside" in phrasing.named and "target" not in text and not self._is_outdoors(entity):
            raise Miss
        attribute, one = capability.attribute, self._class(phrasing, entity)
        if one is not None:
            attribute, value = one.attribute, one.state_of(attribute, value or "")
            ask = Ask(phrasing.ask) if phrasing.ask in _SEVERAL else Ask.ANY
            if phrasing.ask == "is" and (value != one.states[0] or "target:plural" in text):
                ask = Ask.STATE  # a room is empty where all of its sensors say so
            pointed = self._members(text, one, entity, local=phrasing.attribute in _LOCAL)
        elif self._is_of_room(phrasing, entity):
            ask = Ask.STATE
            attribute, pointed = self._room(text, entity, attribute.removeprefix("current "))
        elif phrasing.ask in _SEVERAL:
            ask = Ask(phrasing.ask)
            pointed = self._pointer.point_at_several(text, able)
        elif "target:plural" in phrasing.places:
            ask = Ask.STATE
            pointed = self._every(text, able)
        else:
            ask = Ask.STATE
            named = bool(phrasing.named)
            pointed = self._pointer.point(text, [entity], asked=capability, named=named)
            boiler = entity.kind is Kind.WATER_HEATER
            if boiler or (entity.kind is Kind.CLIMATE and attribute == "temperature"):
                pointed = self._set(pointed, entity.kind)
        comparison = _COMPARISONS.get(phrasing.ask or "", Comparison.IS)

        def write(candidates: Candidates) -> str:
            phrase = resolver.phrase(pointed.reference, candidates, readable=True)
            return write_question(phrase, attribute, ask, value, comparison)

        return resolver.case(
            area=scene.speaker_of(pointed.reference),
            text=resolver.said(pointed.text, imperative=False),
            write=write,
            what=f"ask {phrasing.ask}",
            style=phrasing.style,
            how=pointed.reference.how,
        )

    def _class(self, phrasing: Phrasing, entity: Entity) -> ThingClass | None:
        """The class that is asked about; None where one thing is, or things of a kind."""
        one = CLASS_OF.get(phrasing.attribute or "")
        if one is None or not one.has(entity) or phrasing.value not in _words(one):
            return None
        targeted = any(place.startswith("target") for place in phrasing.places)
        if entity.kind not in _BY_CLASS:
            return one if len(phrasing.kinds) > 1 and not targeted else None
        plural = phrasing.ask in _SEVERAL or "target:plural" in phrasing.places
        return one if plural or not targeted else None

    def _members(self, text: str, one: ThingClass, entity: Entity, *, local: bool) -> Pointed:
        """A sentence about all things of a class, everywhere or in one place.

        Args:
            text: The sentence with its placeholders.
            one: The class.
            entity: One of its members, where the place is.
            local: Whether it means another class where no place is said: "is anybody here".
        """
        scene, random, refer = self._scene, self._scene.random, self._scene.referrer
        members = [e for e in scene.registry.entities.values() if one.has(e)]
        area, prefix, words = scene.area_of(entity), "", ""
        roll = random.random() * (0.65 if local else 1.0)
        if area is None and ("{area}" in text or (local and "{place}" in text)):
            raise Miss
        if "{area}" in text and area is not None:
            words, known = refer.area_phrase(area)
            text, prefix, words = text.replace("{area}", words), f"{known} ", ""
        elif "{place}" in text and area is not None and roll < 0.65:
            if roll < 0.15:
                words, prefix = random.choice(_HERE[:-1] if local else _HERE), f"{fold(area.name)} "
                scene.speaker = area
            else:
                words, known = refer.place_phrase(area)
                prefix = f"{known} "
        elif "{place}" in text:
            words = random.choice(_WHOLE)
        text = text.replace("{place}", words)
        noun = random.choice(_NOUNS.get(one.noun, (one.noun,)))
        text = text.replace("{target:plural}", noun)
        if "{target" in text:
            raise Miss
        there = [e for e in members if not prefix or (area is not None and e.area == area.id)]
        ids = tuple(member.id for member in there)
        phrase = f"{prefix}{one.noun}"
        return Pointed(" ".join(text.split()), Reference(noun, ids, (phrase,), True, "plural"))

    def _is_outdoors(self, entity: Entity) -> bool:
        """Whether it is the only thing here that can tell how warm or damp it is outside."""
        attribute = next(iter(_OF_AIR & {one.attribute for one in entity.capabilities}), "")
        outside = [
            one
            for one in self._scene.of(Kind.SENSOR)
            if one.capability(attribute)
            and not _OUTSIDE.isdisjoint(words := fold(one.name).split())
            and _OUTDOOR_UNIT.isdisjoint(words)
        ]
        return outside == [entity]

    def _set(self, pointed: Pointed, kind: Kind) -> Pointed:
        """A question for what a heating is set to: never that of its room, which is measured."""
        reference = pointed.reference
        rooms = {fold(name) for a in self._scene.registry.areas.values() for name in a.names}
        phrases = [phrase for phrase in reference.phrases if phrase not in rooms]
        if reference.how == "implied" and self._scene.speaker is not None:
            phrases += kind_phrases("", kind, plural=reference.plural)
        return replace(pointed, reference=replace(reference, phrases=tuple(phrases)))

    def _is_of_room(self, phrasing: Phrasing, entity: Entity) -> bool:
        """Whether a room is asked about: how warm or how damp it is there."""
        if any(place.startswith("target") for place in phrasing.places) or phrasing.named:
            return False
        if entity.kind not in _MEASURES:
            return False
        measured = (phrasing.attribute or "").startswith("current ")
        of_air = (phrasing.attribute or "").removeprefix("current ") in _OF_AIR
        if not of_air or not (measured or entity.kind is Kind.SENSOR):
            return False
        if not is_of_air(entity):
            raise Miss  # nobody asks the fridge how warm the kitchen is
        return True

    def _room(self, text: str, entity: Entity, attribute: str) -> tuple[str, Pointed]:
        """What is asked of a room, and the question: of the one where the speaker is, if none."""
        scene, random, refer = self._scene, self._scene.random, self._scene.referrer
        area = scene.area_of(entity)
        if area is None:
            raise Miss
        there = [e for e in scene.registry.entities.values() if e.area == area.id and is_of_air(e)]
        measured = f"current {attribute}"
        if any(e.capability(measured) for e in there if not e.diagnostic):
            attribute = measured
        ids = tuple(e.id for e in there if e.capability(attribute) and not e.diagnostic)
        if not ids:
            raise Miss
        if "{area}" in text or ("{place}" in text and random.random() < 0.5):
            words, known = refer.area_phrase(area)
            text = text.replace("{area}", words)
            if "{place}" in text:
                words, known = refer.place_phrase(area)
                text = text.replace("{place}", words)
        else:
            known, scene.speaker = fold(area.name), area
            text = text.replace("{place}", random.choice(_HERE_OR_NOT))
        reference = Reference(known, ids, (known,), how="implied")
        return attribute, Pointed(" ".join(text.split()), reference)

    def _every(self, text: str, able: Sequence[Entity]) -> Pointed:
        """A sentence about all things of a kind: in the whole home, unless a place is said."""
        pointed = self._pointer.point_at_several(text, able)
        reference = pointed.reference
        kind = self._scene.registry.entities[reference.entities[0]].kind
        if reference.phrases[0] not in kind_phrases("", kind, plural=True):
            return pointed
        whole = tuple(f"all {phrase}" for phrase in kind_phrases("", kind, plural=True))
        ids = tuple(one.id for one in self._scene.of(kind))
        return Pointed(pointed.text, Reference(reference.text, ids, whole, True, "plural"))

    def _valued(self, phrasing: Phrasing, capability: Capability) -> tuple[str, Value | None]:
        """A question with the value put in that it compares with, and that value."""
        random = self._scene.random
        text, value = phrasing.text, phrasing.value
        text = text.replace("{text}", random.choice(self._scene.items))
        number = None
        if "number" in phrasing.places:
            number = sensor_number(capability.attribute, random)
            text = text.replace("{number}", say_number(number, capability, random))
        if "option" in phrasing.places or value == "{option}":
            if not isinstance(capability.domain, Choice):
                raise Miss
            value = random.choice(capability.domain.options)
            text = text.replace("{option}", say_option(value))
        if value is not None and not can_be(capability, value):
            raise Miss
        return text, value if number is None else number


def _words(one: ThingClass) -> frozenset[str]:
    """Every word for a state of a class, its own and those of its members."""
    return frozenset((*one.states, *(word for words in one.also.values() for word in words)))


_HERE_OR_NOT = ("", "", "", "in here", "in here", "here", "in this room", "right now")
_HERE = ("in here", "in this room", "here")
_WHOLE = ("", "", "anywhere", "in the house", "at home", "somewhere", "in the whole house")
_NOUNS = {
    "batteries": ("batteries", "batteries", "sensors", "devices", "sensor batteries"),
    "smoke sensors": ("smoke detectors", "smoke alarms", "smoke sensors", "detectors"),
    "carbon monoxide sensors": ("carbon monoxide detectors", "co alarms", "co detectors"),
    "gas sensors": ("gas detectors", "gas sensors", "gas alarms"),
    "heat sensors": ("heat detectors", "heat sensors", "heat alarms"),
    "leak sensors": ("leak sensors", "water sensors", "leak detectors", "flood sensors"),
    "motion sensors": ("motion sensors", "motion detectors", "presence sensors", "pirs"),
    "vibration sensors": ("vibration sensors", "shock sensors"),
    "sound sensors": ("sound sensors", "noise sensors"),
    "problems": ("devices", "sensors", "things"),
    "machines": ("machines", "appliances", "devices"),
    "cables": ("cables", "chargers", "plugs"),
    "connections": ("devices", "connections", "sensors"),
    "updates": ("devices", "sensors", "gadgets"),
    "people": ("people", "of us", "family members", "persons"),
    "openings": ("doors or windows", "doors and windows", "openings"),
    "things": ("things", "devices"),
}
"""What people call the members of a class."""
