"""Questions about what is in a home: its states, and how many things of a kind have one.

Where no thing is named, a class is asked about: "is there smoke anywhere" of all smoke sensors.
"""

from collections.abc import Sequence

from edge_agent.core.classes import CLASS_OF, ThingClass
from edge_agent.core.command import Ask, Comparison
from edge_agent.core.entity import Capability, Choice, Entity, Kind, Value
from edge_agent.core.names import fold
from edge_agent.factory.bank import Phrasing
from edge_agent.factory.compose.case import Case, Miss
from edge_agent.factory.compose.fitting import Repertoire, asked, can_be
from edge_agent.factory.compose.pointing import Pointed, Pointer
from edge_agent.factory.compose.resolving import Resolver
from edge_agent.factory.compose.scene import Scene
from edge_agent.factory.refer import Reference, kind_phrases
from edge_agent.factory.values import say_number, say_option, sensor_number
from edge_agent.language.vocabulary import Candidates
from edge_agent.language.wording import write_question

_SEVERAL = frozenset({Ask.COUNT, Ask.WHICH, Ask.ANY})
_BY_CLASS = frozenset({Kind.SENSOR, Kind.TRACKER})
"""Kinds that are no kind of thing by themselves; of several, their class is spoken of."""
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
        attribute, one = capability.attribute, self._class(phrasing, entity)
        if one is not None:
            attribute, value = one.attribute, one.state_of(attribute, value or "")
            ask = Ask(phrasing.ask) if phrasing.ask in _SEVERAL else Ask.ANY
            if phrasing.ask == "is" and (value != one.states[0] or "target:plural" in text):
                ask = Ask.STATE  # a room is empty where all of its sensors say so
            pointed = self._members(text, one, entity, local=phrasing.attribute in _LOCAL)
        elif phrasing.ask in _SEVERAL:
            ask = Ask(phrasing.ask)
            pointed = self._pointer.point_at_several(text, able)
        elif "target:plural" in phrasing.places:
            ask = Ask.STATE
            pointed = self._every(text, able)
        else:
            ask = Ask.STATE
            pointed = self._pointer.point(text, [entity], asked=capability)
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
