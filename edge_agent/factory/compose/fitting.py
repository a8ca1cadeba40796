"""Which phrasings fit which things of a home: what can be done, asked and tested there.

Knows no words: a phrasing is told by its placeholders, a thing by its capabilities.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from edge_agent.core.classes import CLASS_OF, CLASSES
from edge_agent.core.entity import Attribute, Capability, Choice, Entity, Kind, Range, Reading, Text
from edge_agent.factory.compose.case import Miss
from edge_agent.factory.sentences.bank import Bank, Phrasing

SHADES = (Kind.BLIND, Kind.CURTAIN, Kind.SHUTTER, Kind.SHADE)
"""Kinds that serve the same wish: "the sun is in my eyes"."""
NAMED_ONLY = frozenset(
    {Kind.SENSOR, Kind.TRACKER, Kind.BUTTON, Kind.NUMBER, Kind.SELECT, Kind.TEXT, Kind.SIGNAL}
)
"""Kinds that are spoken of by name only."""
_NUMERIC = frozenset({"{number}", "+", "-", "+{number}", "-{number}", "minimum", "maximum"})
_SKY = ("weather", "forecast", "rain", "outside", "outdoor", "wind", "sun")
"""Words in the name of a thing that may know the weather."""
_USUAL = 0.25
"""How often one of the usual phrasings is drawn by itself."""
_MOST_OPTIONS = 12
"""The daemon offers no more options of one thing to a question or a condition."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """Phrasings that mean the same, with the things of this home that they can be said of."""

    phrasings: Sequence[Phrasing]
    able: Sequence[Entity]


class Repertoire:
    """What of a bank can be said in one home."""

    def __init__(
        self, bank: Bank, by_kind: Mapping[Kind, Sequence[Entity]], *, of_car: bool = False
    ) -> None:
        """Sorts the phrasings by what they mean.

        Args:
            bank: The phrasings that may be used.
            by_kind: The things of the home.
            of_car: Whether it is a car, whose shades are pulled up to be closed.
        """
        self._by_kind = by_kind
        self._one_for_another = () if of_car else SHADES
        self._bank = bank
        self._missing: Sequence[Phrasing] | None = None
        self.commands = self._possible(bank, lambda one: one.do is not None)
        self.asks = self._possible(bank, lambda one: one.ask is not None)
        self.nothing: dict[str, list[Phrasing]] = defaultdict(list)
        """Sentences after which nothing may be done, by their class."""
        for phrasing in bank.phrasings:
            if phrasing.none is not None:
                self.nothing[phrasing.none].append(phrasing)
        # A hundred lamps are not spoken of a hundred times as often as the one lock.
        self._weights, self._ask_weights = (
            [len(one.phrasings) ** 0.5 * min(len(one.able), 4) ** 0.3 for one in meanings]
            for meanings in (self.commands, self.asks)
        )
        self._nothing_weights = [len(phrasings) ** 0.5 for phrasings in self.nothing.values()]

    def a_command(self, random: Random) -> Meaning:
        """A wish that something here can fulfil."""
        if not self.commands:
            raise Miss
        return random.choices(self.commands, self._weights)[0]

    def a_targeted_command(self, random: Random) -> tuple[Phrasing, Sequence[Entity]]:
        """A phrasing that names one thing or several, with those that can do it."""
        if not self.commands:
            raise Miss
        meaning = random.choice(self.commands)
        targeted = [one for one in meaning.phrasings if "target" in one.places]
        phrasing = a_phrasing(targeted or meaning.phrasings, random)
        if "target" not in phrasing.places:
            raise Miss
        return phrasing, meaning.able

    def a_question(self, random: Random) -> tuple[Phrasing, Sequence[Entity]]:
        """A phrasing that asks, with the things that it may be asked of."""
        if not self.asks:
            raise Miss
        meaning = random.choices(self.asks, self._ask_weights)[0]
        return a_phrasing(meaning.phrasings, random), meaning.able

    def a_missing_question(self, random: Random) -> Phrasing:
        """A phrasing that asks for a class of things of which there is none."""
        if self._missing is None:
            here = [entity for entities in self._by_kind.values() for entity in entities]
            gone = {
                attribute
                for one in CLASSES
                if not any(map(one.has, here))
                for attribute in (one.attribute, *one.also)
            }
            sky = any(word in name.casefold() for e in here for name in e.names for word in _SKY)
            self._missing = [
                one
                for group in self._bank.meanings
                if group[0].ask is not None
                and (
                    (not sky and "weather" in group[0].named)
                    or (group[0].value is not None and group[0].attribute in gone)
                )
                for one in group
                if one.places <= {"place", "area"}
            ]
        if not self._missing:
            raise Miss
        return random.choice(self._missing)

    def a_negative(self, random: Random) -> Phrasing:
        """A sentence after which nothing may be done."""
        if not self.nothing:
            raise Miss
        sort = random.choices(list(self.nothing), self._nothing_weights)[0]
        return random.choice(self.nothing[sort])

    def _possible(self, bank: Bank, wanted: Callable[[Phrasing], bool]) -> Sequence[Meaning]:
        found = []
        for phrasings in filter(lambda group: wanted(group[0]), bank.meanings):
            able = [entity for entity in self._of(phrasings[0]) if can(entity, phrasings[0])]
            if able:
                found.append(Meaning(phrasings, able))
        return found

    def _of(self, phrasing: Phrasing) -> Iterable[Entity]:
        kinds = phrasing.kinds
        shades = self._one_for_another
        if set(kinds) <= set(shades) and not any(self._by_kind.get(kind) for kind in kinds):
            kinds = shades
        for kind in kinds:
            for entity in self._by_kind.get(kind, ()):
                if phrasing.suits(entity.names):
                    yield entity


def a_phrasing(phrasings: Sequence[Phrasing], random: Random) -> Phrasing:
    """One of some phrasings; the few usual ones are drawn far above their number, as people do."""
    if random.random() < _USUAL and (usual := [one for one in phrasings if one.usual]):
        return random.choice(usual)
    return random.choice(phrasings)


def can(entity: Entity, phrasing: Phrasing) -> bool:
    """Whether a thing can do, or be asked, what a phrasing says."""
    if phrasing.lacks is not None and entity.capability(phrasing.lacks) is not None:
        return False
    if phrasing.do is None:
        return asked(entity, phrasing) is not None
    attribute, value = phrasing.do
    capability = entity.capability(attribute)
    if capability is None or not capability.settable:
        return False
    domain = capability.domain
    if value in _NUMERIC:
        return isinstance(domain, Range)
    if value == "{option}":
        return isinstance(domain, Choice)
    if value == "{text}":
        return isinstance(domain, Text)
    if value == "toggle":
        return attribute == Attribute.POWER
    if isinstance(domain, Range):
        number = literal(value)
        return number is not None and number in domain
    return isinstance(domain, Choice) and value in domain.options


def literal(value: str) -> float | None:
    """The number that the bank itself writes, where the words say it: "halfway" is 50."""
    try:
        return float(value)
    except ValueError:
        return None


def asked(entity: Entity, phrasing: Phrasing) -> Capability | None:
    """The capability that a question is about; None where the thing has no answer."""
    capability = readable(entity, phrasing.attribute or "")
    if capability is None:
        return None
    if phrasing.value is not None and not can_be(capability, phrasing.value):
        return None
    if phrasing.ask in {"above", "below"} and not isinstance(capability.domain, Range | Reading):
        return None
    return capability


def readable(entity: Entity, attribute: str) -> Capability | None:
    """The capability with this attribute, if its value is known."""
    capability = entity.capability(attribute)
    return capability if capability is not None and capability.readable else None


def can_be(capability: Capability, value: str) -> bool:
    """Whether it can be tested for a value, as the bank writes it."""
    if value == "{number}":
        return isinstance(capability.domain, Range | Reading)
    if value == "{option}":
        return isinstance(capability.domain, Choice)
    if isinstance(capability.domain, Choice):
        return value in capability.domain.options[:_MOST_OPTIONS]
    # Where somebody is, and how full a battery is, is asked in words that are no options.
    words = CLASS_OF.get(capability.attribute)
    return words is not None and value in words.states
