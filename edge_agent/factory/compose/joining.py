"""Several commands in one sentence: chained, listed, or with what they share said once.

Knows how clauses are put together; not what is said around a sentence.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from edge_agent.core.entity import Area, Entity
from edge_agent.factory.compose.case import Miss
from edge_agent.factory.compose.clauses import Clause, Clauses
from edge_agent.factory.compose.fitting import Repertoire, a_phrasing
from edge_agent.factory.compose.framing import Framing
from edge_agent.factory.compose.pointing import Pointer, is_counted
from edge_agent.factory.compose.scene import Scene
from edge_agent.factory.sentences.bank import Phrasing
from edge_agent.factory.sentences.refer import Reference, kind_phrases
from edge_agent.language.grammar import MOST_ACTIONS

_COUNTS = ((2, 3, 4), (50, 32, 18))
"""How many commands a sentence holds, and how often; of long ones fewer fit a home."""
_GAPS = (", ", ", ", ", ", " ", " and ", " and ", " and ", ", and ", " but ", "; ", " then ", ". ")
"""What stands between "bedroom to 20" and "kitchen to 22"."""
_AHEAD = ("the {noun}", "the {noun}", "{noun}")
_PLACED = ("the {noun} {words}", "{noun} {words}", "the {known} {noun}", "{known} {noun}")
"""Things of a room that is named before them, or with them."""
_BOTH = (
    "{a} and {b}",
    "{a} and {b}",
    "{a} and {b}",
    "{a} and {b}",
    "both {a} and {b}",
    "both {a} and {b}",
    "{a} as well as {b}",
    "{a} and also {b}",
    "{a} plus {b}",
    "{a}, {b}",
    "{a} {b}",
    "{a} along with {b}",
    "{a} together with {b}",
    "{a} and {b} too",
    "{a} and {b} as well",
    "{a} & {b}",
    "{a}, and {b}",
    "{a} and, um, {b}",
    "{a} and then {b}",
    "not only {a} but also {b}",
)
_LISTS = (
    (", ", " and "),
    (", ", " and "),
    (", ", ", and "),
    (" and ", " and "),
    (", ", ", "),
    (" ", " "),
    (" ", " and "),
    (", ", " as well as "),
    (", ", " and also "),
    (" plus ", " plus "),
)
"""What stands between several things, and before the last of them."""
_THERE = (
    "the {noun} there",
    "the {noun} there",
    "the {noun} in there",
    "{noun} there",
    "its {noun}",
    "the {noun} in that room",
    "the {noun} in the same room",
    "that room's {noun}",
    "the {noun} there too",
    "the {noun} there as well",
    "also the {noun} there",
)
"""What is in a room that was just named."""
_SHARED = (
    "the {a} and {b} {noun}",
    "the {a} and {b} {noun}",
    "{a} and {b} {noun}",
    "{a} and {b} {noun}",
    "the {a} and the {b} {noun}",
    "the {noun} in the {a} and the {b}",
    "the {noun} in the {a} and {b}",
    "the {noun} in the {a} and in the {b}",
    "{noun} in {a} and {b}",
    "both the {a} and the {b} {noun}",
    "both the {a} and {b} {noun}",
    "both {a} and {b} {noun}",
    "the {noun} in both the {a} and the {b}",
    "the {a} as well as the {b} {noun}",
    "the {a} {noun} and the {b} one",
    "the {a} {noun} and the one in the {b}",
    "the {noun} in the {a} and also in the {b}",
    "{a} plus {b} {noun}",
    "{a} {b} {noun}",
    "the {a}, {b} {noun}",
    "the {a}'s and the {b}'s {noun}",
    "the {a} & {b} {noun}",
)
"""One noun for two rooms."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Several commands and the sentence that they are."""

    clauses: Sequence[Clause]
    text: str


class Joining:
    """Joins commands of one home."""

    def __init__(
        self,
        scene: Scene,
        repertoire: Repertoire,
        pointer: Pointer,
        clauses: Clauses,
        framing: Framing,
    ) -> None:
        """Joins what these make."""
        self._scene = scene
        self._repertoire = repertoire
        self._pointer = pointer
        self._clauses = clauses
        self._framing = framing
        self._ways: Sequence[Callable[[int], Joined]] = (
            self._chained,
            self._listed,
            self._gapped,
            self._shared,
            self._there,
        )

    def joined(self) -> Joined:
        """Two to four commands in one sentence; a Miss where they cannot be found."""
        random = self._scene.random
        count = random.choices(*_COUNTS)[0]
        found = random.choices(self._ways, (44, 20, 17, 10, 9))[0](count)
        if sum(len(clause.targets) for clause in found.clauses) > MOST_ACTIONS:
            raise Miss
        return found

    def _chained(self, count: int) -> Joined:
        """One command after the other, each with a verb of its own."""
        random, make = self._scene.random, self._clauses
        clauses = [make.clause(plain=True)]
        while len(clauses) < count:
            if random.random() < 0.22 and len(clauses[-1].targets) == 1:
                clauses.append(make.again(clauses[-1]))
            else:
                clauses.append(make.clause(plain=True))
        return self._chain(clauses)

    def _chain(self, clauses: Sequence[Clause]) -> Joined:
        styles = [clause.phrasing.style for clause in clauses]
        texts = self._framing.framed([clause.text for clause in clauses], styles)
        text = texts[0]
        for more, style in zip(texts[1:], styles[1:], strict=True):
            text += self._join(verbal=self._framing.is_verbal(more, style)) + more
        return Joined(clauses, text)

    def _join(self, *, verbal: bool) -> str:
        """What stands between two commands; "and could you" only before a verb."""
        random, manner = self._scene.random, self._scene.manner
        if random.random() < 0.7:
            return random.choice(manner.join_plain)
        join = random.choice(manner.join)
        return join if verbal or not join.endswith((" to ", " you ")) else " and "

    def _listed(self, count: int) -> Joined:
        """One verb for several things: "turn off the lamp, the fan and the heater"."""
        random = self._scene.random
        meaning = self._repertoire.a_command(random)
        phrasing = self._with_target(meaning.phrasings)
        references: list[Reference] = []
        known: set[str] = set()
        for _ in range(3 * count):
            one = self._pointer.reference(phrasing, meaning.able, plain=True)
            if known.isdisjoint(one.entities):
                references.append(one)
                known.update(one.entities)
            if len(references) == count:
                break
        if len(references) < 2:
            raise Miss
        return self._one_verb(phrasing, references, self._list(references))

    def _list(self, references: Sequence[Reference]) -> str:
        random = self._scene.random
        *first, last = (one.text for one in references)
        if len(first) == 1:
            return random.choice(_BOTH).replace("{a}", first[0]).replace("{b}", last)
        comma, end = random.choice(_LISTS)
        return f"{comma.join(first)}{end}{last}"

    def _shared(self, count: int) -> Joined:
        """One noun for several rooms: "the bedroom and kitchen lights"."""
        scene, random, refer = self._scene, self._scene.random, self._scene.referrer
        meaning = self._repertoire.a_command(random)
        phrasing = self._with_target(meaning.phrasings)
        if phrasing.named:
            raise Miss
        kind = random.choice(meaning.able).kind
        areas = {
            area.id: area
            for one in meaning.able
            if one.kind is kind and is_counted(one) and (area := scene.area_of(one)) is not None
        }
        count = min(count, 3, len(areas))
        if count < 2:
            raise Miss
        chosen = random.sample(list(areas.values()), count)
        plural = random.random() < 0.75
        names, references = [], []
        for area in chosen:
            words, known = refer.area_phrase(area)
            there = scene.of(kind, area)
            ids = tuple(one.id for one in there)
            names.append(words.removeprefix("the "))
            references.append(
                Reference(
                    words, ids, kind_phrases(f"{known} ", kind, plural=plural), plural, "place"
                )
            )
        first = f"{names[0]}, {names[1]}" if count == 3 else names[0]
        text = random.choice(_SHARED).replace("{a}", first).replace("{b}", names[-1])
        text = text.replace("{noun}", refer.noun(kind, plural=plural))
        text = text.replace(" one", " ones") if plural and text.endswith(" one") else text
        return self._one_verb(phrasing, references, text)

    def _one_verb(self, phrasing: Phrasing, references: Sequence[Reference], text: str) -> Joined:
        """A command with words for several things where it has room for one."""
        said = replace(references[0], text=text, plural=True, apart=None, how="several")
        clause = self._clauses.filled(phrasing, (), said, single=True)
        if not all(self._clauses.takes(one, phrasing, clause.wanted) for one in references):
            raise Miss
        return self._chain([replace(clause, targets=tuple(references))])

    def _gapped(self, count: int) -> Joined:
        """The verb only once, or not at all: "bedroom to 20, kitchen to 22"."""
        random = self._scene.random
        attributes = [one for one in self._short if len(self._short[one]) > 0]
        if not attributes:
            raise Miss
        attribute = random.choice(attributes)
        clauses: list[Clause] = []
        known: set[str] = set()
        for _ in range(3 * count):
            phrasing, able = random.choice(self._short[attribute])
            if not clauses and random.random() < 0.45:
                phrasing = self._long_for(phrasing)
            reference = self._pointer.reference(phrasing, able, plain=True)
            if not known.isdisjoint(reference.entities):
                continue
            known.update(reference.entities)
            clauses.append(self._clauses.filled(phrasing, able, reference, single=True))
            if len(clauses) == count:
                break
        if len(clauses) < 2:
            raise Miss
        styles = [clause.phrasing.style for clause in clauses]
        texts = self._framing.framed([clause.text for clause in clauses], styles)
        gap = random.choice(_GAPS)
        last = random.choice((gap, gap, " and ", ", and ", " and then "))
        return Joined(clauses, f"{gap.join(texts[:-1])}{last}{texts[-1]}")

    @cached_property
    def _short(self) -> dict[str, list[tuple[Phrasing, Sequence[Entity]]]]:
        """By attribute, the commands without a verb, "{target} to {number}", and what can do them.

        Only those of attributes that there are several things for.
        """
        found: dict[str, list[tuple[Phrasing, Sequence[Entity]]]] = defaultdict(list)
        things: dict[str, set[str]] = defaultdict(set)
        for meaning in self._repertoire.commands:
            for one in meaning.phrasings:
                if one.style == "elliptical" and one.do and one.text.startswith("{target}"):
                    found[one.do[0]].append((one, meaning.able))
                    things[one.do[0]].update(entity.id for entity in meaning.able)
        return {attribute: found[attribute] for attribute in found if len(things[attribute]) > 1}

    def _long_for(self, phrasing: Phrasing) -> Phrasing:
        """The same command with its verb."""
        alike = [
            one
            for meaning in self._repertoire.commands
            if meaning.phrasings[0].do == phrasing.do
            and meaning.phrasings[0].kinds == phrasing.kinds
            for one in meaning.phrasings
            if one.style == "direct" and "target" in one.places
        ]
        return a_phrasing(alike, self._scene.random) if alike else phrasing

    def _there(self, count: int) -> Joined:
        """Things of one room, which is named once: "... and close the blinds there"."""
        scene, random, refer = self._scene, self._scene.random, self._scene.referrer
        area = scene.an_area()
        here = [one for one in self._repertoire.commands if self._in(one.able, area)]
        random.shuffle(here)
        words, known = refer.place_phrase(area)
        ahead = random.random() < 0.3
        clauses: list[Clause] = []
        kinds: set[str] = set()
        for meaning in here:
            able = [one for one in self._in(meaning.able, area) if one.kind not in kinds]
            targeted = [one for one in meaning.phrasings if "target" in one.places]
            if not able or not targeted or targeted[0].named:
                continue
            kind = random.choice(able).kind
            there = scene.of(kind, area)
            plural = len(there) > 1
            form = random.choice(_AHEAD if ahead else _THERE if clauses else _PLACED)
            text = form.replace("{noun}", refer.noun(kind, plural=plural))
            text = text.replace("{words}", words).replace("{known}", known)
            ids = tuple(one.id for one in there)
            phrases = kind_phrases(f"{known} ", kind, plural=plural)
            reference = Reference(text, ids, phrases, plural, "place")
            kinds.add(kind)
            phrasing = a_phrasing(targeted, random)
            clauses.append(self._clauses.filled(phrasing, able, reference, single=True))
            if len(clauses) == count:
                break
        if len(clauses) < 2:
            raise Miss
        joined = self._chain(clauses)
        return replace(joined, text=f"{words} {joined.text}") if ahead else joined

    def _in(self, able: Sequence[Entity], area: Area) -> list[Entity]:
        return [one for one in able if one.area == area.id and is_counted(one)]

    def _with_target(self, phrasings: Sequence[Phrasing]) -> Phrasing:
        """One of some phrasings that has room for several things; a Miss where none has."""
        found = [one for one in phrasings if one.places & {"target", "target:many"}]
        if not found:
            raise Miss
        return a_phrasing(found, self._scene.random)
