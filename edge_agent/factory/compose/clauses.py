"""One command within a sentence: a phrasing with its targets and its value put in.

Knows what was said and meant; not how the output language writes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge_agent.core.command import Extreme, Step, Toggle, Wanted
from edge_agent.core.entity import Choice, Entity, Range
from edge_agent.core.names import fold
from edge_agent.factory.compose.case import Miss
from edge_agent.factory.compose.fitting import Repertoire, a_phrasing, can, literal
from edge_agent.factory.compose.framing import Framing
from edge_agent.factory.compose.pointing import Pointer, placed, put
from edge_agent.factory.compose.scene import Scene
from edge_agent.factory.sentences.bank import Phrasing
from edge_agent.factory.sentences.refer import Reference
from edge_agent.factory.sentences.values import likely_amount, likely_number, say_number, say_option
from edge_agent.language.numbers import numbers_in

_MOVED = 0.4
"""How often a place that can stand apart from its thing does."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One command within a sentence, before its targets are looked up."""

    text: str
    targets: tuple[Reference, ...]
    attribute: str
    wanted: Wanted
    phrasing: Phrasing
    time: str | None = None
    """When it is to be done, as the output language writes it."""


class Clauses:
    """Makes clauses for one home."""

    def __init__(
        self, scene: Scene, repertoire: Repertoire, pointer: Pointer, framing: Framing
    ) -> None:
        """Makes them of what can be said there."""
        self._framing = framing
        self._scene = scene
        self._repertoire = repertoire
        self._pointer = pointer

    def clause(self, *, plain: bool = False) -> Clause:
        """Any command.

        Args:
            plain: Whether it will be a part of a longer sentence: then it excepts nothing and
                seldom beats about the bush.
        """
        random = self._scene.random
        meaning = self._repertoire.a_command(random)
        phrasing = a_phrasing(meaning.phrasings, random)
        if plain and phrasing.style == "indirect":
            phrasing = a_phrasing(meaning.phrasings, random)
        if any(place.startswith("target") for place in phrasing.places):
            phrasing = self._framing.stated(phrasing)
            reference = self._pointer.reference(phrasing, meaning.able, plain=plain)
            return self.filled(phrasing, meaning.able, reference)
        return self._implied(phrasing, meaning.able)

    def single(self, phrasing: Phrasing, able: Sequence[Entity]) -> Clause:
        """A command in the words of a phrasing, for one target that excepts nothing."""
        if any(place.startswith("target") for place in phrasing.places):
            reference = self._pointer.reference(phrasing, able, plain=True)
            return self.filled(phrasing, able, reference, single=True)
        return self._implied(phrasing, able)

    def filled(
        self,
        phrasing: Phrasing,
        able: Sequence[Entity],
        reference: Reference,
        *,
        single: bool = False,
    ) -> Clause:
        """A phrasing with its reference, place and value put in.

        Args:
            phrasing: Has a target.
            able: What can do it.
            reference: What does it.
            single: Whether nothing else does it; else, now and then, another thing does as well.
        """
        random = self._scene.random
        entity = self.doer(phrasing, reference)
        text, wanted = self.valued(phrasing.text, phrasing, entity)
        targets: tuple[Reference, ...] = (reference,)
        said = reference
        if (
            not single
            and "target:one" not in phrasing.places
            and not reference.excluded
            and random.random() < 0.07
        ):
            other = self._pointer.reference(phrasing, able, plain=True)
            apart = set(other.entities).isdisjoint(reference.entities)
            if apart and self.takes(other, phrasing, wanted):
                targets = (reference, other)
                link = random.choice((" and ", " and ", " and also ", ", "))
                both = f"{reference.text}{link}{other.text}"
                said = replace(reference, text=both, plural=True, apart=None)
        if said is reference and said.apart is not None and random.random() < _MOVED:
            # The place that a phrasing has of its own is said once.
            text = put(text.replace("{place}", ""), replace(said, text=said.apart.noun))
            text = placed(text, said.apart, random)
        text = self._pointer.place(put(text, said))
        return Clause(text, targets, _attribute(phrasing), wanted, phrasing)

    def _implied(self, phrasing: Phrasing, able: Sequence[Entity]) -> Clause:
        """A phrasing that names no device: its kind, here or in a room that it says."""
        random = self._scene.random
        spoken_of = self._scene.referrer.spoken_of(phrasing.text, able)
        able = spoken_of or able
        named = bool(phrasing.named or spoken_of) and not phrasing.several
        entity = random.choice(able)
        # "My back is cold" means the speaker's seat, and the driver's where nobody said who speaks.
        unclear = named and len(able) > 1
        driver = next((one for one in able if "driver" in fold(one.name)), None)
        if unclear and driver is not None and random.random() < 0.4:
            entity, unclear = driver, False
        if unclear and any(one is not entity and one.area == entity.area for one in able):
            raise Miss  # nobody could tell which of them is meant
        text, wanted = self.valued(phrasing.text, phrasing, entity)
        pointed = self._pointer.point(
            text, [entity], named=named, here=unclear, several=phrasing.several
        )
        reference = replace(pointed.reference, how="implied")
        return Clause(pointed.text, (reference,), _attribute(phrasing), wanted, phrasing)

    def again(self, clause: Clause) -> Clause:
        """Another command for the same thing, which is called "it"."""
        return self.again_of(clause.targets[0], done=clause.phrasing.do)

    def again_of(self, reference: Reference, done: tuple[str, str] | None = None) -> Clause:
        """A command for a thing that was named already, other than what was done to it."""
        random, members = self._scene.random, self._scene.members(reference)
        others = [
            meaning.phrasings
            for meaning in self._repertoire.commands
            if _could(members, meaning.phrasings[0]) and meaning.phrasings[0].do != done
        ]
        if not others:
            raise Miss
        targeted = [one for one in random.choice(others) if "target" in one.places]
        if not targeted:
            raise Miss
        return self.filled(random.choice(targeted), members, called_it(reference), single=True)

    def same_target(self, do: tuple[str, str], template: str, reference: Reference) -> Clause:
        """Another command for a thing that the sentence does not name again."""
        kind = self._scene.members(reference)[0].kind
        phrasing = Phrasing(template, "follow-up", (kind,), do)
        entity = self.doer(phrasing, reference)
        text, wanted = self.valued(template, phrasing, entity)
        return Clause(self._pointer.here(text), (reference,), do[0], wanted, phrasing)

    def valued(self, text: str, phrasing: Phrasing, entity: Entity) -> tuple[str, Wanted]:
        """A sentence with a value put in that a thing can take, and the value."""
        random = self._scene.random
        if phrasing.do is None:
            raise Miss
        attribute, value = phrasing.do
        capability = entity.capability(attribute)
        if capability is None:
            raise Miss
        match value:
            case "{number}":
                number = likely_number(capability, random)
                if number is None:
                    raise Miss
                return text.replace("{number}", say_number(number, capability, random)), number
            case "+{number}" | "-{number}":
                amount = likely_amount(capability, random)
                if amount is None:
                    raise Miss
                said = text.replace("{number}", say_number(amount, capability, random))
                return said, Step(1 if value[0] == "+" else -1, amount)
            case "{option}":
                if not isinstance(capability.domain, Choice):
                    raise Miss
                option = random.choice(capability.domain.options)
                return text.replace("{option}", say_option(option)), option
            case "{text}":
                item = random.choice(self._scene.items)
                return text.replace("{text}", item), item
            case "+" | "-":
                return text, Step(1 if value == "+" else -1)
            case "minimum" | "maximum":
                return text, Extreme(value)
            case "toggle":
                return text, Toggle.TOGGLE
            case _ if isinstance(capability.domain, Range):
                number = literal(value)
                if number is None or number not in numbers_in(text):
                    raise Miss  # the grammar offers no number that was not said
                return text, number
            case _:
                return text, value

    def doer(self, phrasing: Phrasing, reference: Reference) -> Entity:
        """The first of the things referred to that can do it; a Miss where none can."""
        for entity in self._scene.members(reference):
            if can(entity, phrasing):
                return entity
        raise Miss

    def takes(self, reference: Reference, phrasing: Phrasing, wanted: Wanted) -> bool:
        """Whether a value that was found for one thing is legal for others as well."""
        if isinstance(wanted, Step | Extreme | Toggle):
            return True
        found = [one.capability(_attribute(phrasing)) for one in self._scene.members(reference)]
        return all(capability is None or wanted in capability.domain for capability in found)


def called_it(reference: Reference) -> Reference:
    """A thing that was named already, as "it"."""
    pronoun = "them" if reference.plural else "it"
    return replace(reference, text=pronoun, how="corrected", apart=None)


def _could(members: Sequence[Entity], phrasing: Phrasing) -> bool:
    return any(
        one.kind in phrasing.kinds and phrasing.suits(one.names) and can(one, phrasing)
        for one in members
    )


def _attribute(phrasing: Phrasing) -> str:
    return phrasing.do[0] if phrasing.do is not None else ""
