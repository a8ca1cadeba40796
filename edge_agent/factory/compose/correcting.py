"""Commands that are put right while they are said: another thing, another value, another action.

Knows what may be said wrong and what is meant in the end; not how one command is made.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from edge_agent.core.command import Step, Wanted
from edge_agent.core.entity import Entity
from edge_agent.factory.compose.case import Case, Miss
from edge_agent.factory.compose.clauses import Clause, Clauses, called_it
from edge_agent.factory.compose.fitting import Meaning, Repertoire, a_phrasing, can
from edge_agent.factory.compose.framing import Framing
from edge_agent.factory.compose.pointing import Pointer, is_counted
from edge_agent.factory.compose.resolving import Resolver
from edge_agent.factory.compose.scene import Scene
from edge_agent.factory.sentences.bank import Phrasing
from edge_agent.factory.sentences.refer import Reference, kind_phrases

WRONG = ("target", "value", "action")
"""What may be said wrong."""
_SHARES = (58, 26, 16)
"""Half of what comes about corrects targets, which fit less often."""
_TRIES = 16
_MARK = "\ue000"
"""Stands in a phrasing behind the word that will be taken back: nobody says it."""
_PLACES = (
    ("{a}", "{b} {noun}", False),
    ("{a}", "{b} {noun}", False),
    ("{a}", "the {noun} {in_b}", False),
    ("{a} {noun}", "{b} {noun}", True),
    ("{a} {noun}", "{b} one", True),
    ("{a} {noun}", "the one {in_b}", True),
    ("{a} {noun}", "{b}", True),
    ("the {noun} {in_a}", "{in_b}", True),
    ("the {noun} {in_a}", "{in_b}", True),
    ("the {noun} {in_a}", "{b}", True),
    ("{noun} {in_a}", "{in_b}", True),
    ("the {noun} {in_a}", "the one {in_b}", True),
    ("the {noun} {in_a}", "{b} one", True),
)
"""Two places of a noun that is said once or twice, and whether it is with the first."""
_OPPOSITE: Mapping[str, Sequence[str]] = {
    "on": ("off",),
    "off": ("on",),
    "open": ("closed",),
    "closed": ("open",),
    "locked": ("unlocked",),
    "unlocked": ("locked",),
    "+": ("-",),
    "-": ("+",),
    "+{number}": ("-{number}",),
    "-{number}": ("+{number}",),
    "minimum": ("maximum",),
    "maximum": ("minimum",),
    "playing": ("paused", "stopped"),
    "paused": ("playing", "stopped"),
    "stopped": ("playing", "paused"),
    "cleaning": ("docked", "paused"),
    "mowing": ("docked", "paused"),
    "docked": ("cleaning", "mowing"),
    "next": ("previous",),
    "previous": ("next",),
}
_MORE = {
    "up": ("down",),
    "brighter": ("darker", "dimmer"),
    "lighter": ("darker",),
    "warmer": ("cooler", "colder"),
    "hotter": ("cooler", "colder"),
    "louder": ("quieter", "softer"),
    "faster": ("slower",),
    "stronger": ("weaker",),
    "higher": ("lower",),
    "more": ("less",),
    "raise": ("lower",),
    "increase": ("decrease", "reduce", "lower"),
}
_LESS = {
    "down": ("up",),
    "darker": ("brighter", "lighter"),
    "dimmer": ("brighter",),
    "cooler": ("warmer",),
    "colder": ("warmer", "hotter"),
    "quieter": ("louder",),
    "softer": ("louder",),
    "slower": ("faster",),
    "weaker": ("stronger",),
    "lower": ("higher", "raise"),
    "less": ("more",),
    "decrease": ("increase", "raise"),
    "reduce": ("increase",),
}
_WORDS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "on": {"on": ("off",)},
    "off": {"off": ("on",)},
    "open": {"open": ("close", "shut"), "up": ("down",)},
    "closed": {"close": ("open",), "shut": ("open",), "closed": ("open",), "down": ("up",)},
    "locked": {"lock": ("unlock",), "locked": ("unlocked",)},
    "unlocked": {"unlock": ("lock",), "unlocked": ("locked",)},
    "+": _MORE,
    "-": _LESS,
    "+{number}": _MORE,
    "-{number}": _LESS,
    "minimum": {
        "minimum": ("maximum",),
        "min": ("max",),
        "lowest": ("highest",),
        "down": ("up",),
    },
    "maximum": {
        "maximum": ("minimum",),
        "max": ("min",),
        "highest": ("lowest",),
        "up": ("down",),
    },
    "next": {"next": ("previous",)},
    "previous": {"previous": ("next",)},
}
"""By value, the words that say it and those that say its opposite in the same sentence."""
_PLAIN = frozenset({"direct", "elliptical", "polite"})


class Corrections:
    """Composes commands that are corrected, for one home."""

    def __init__(
        self,
        scene: Scene,
        repertoire: Repertoire,
        pointer: Pointer,
        clauses: Clauses,
        resolver: Resolver,
        framing: Framing,
    ) -> None:
        """Composes them of these parts."""
        self._scene = scene
        self._repertoire = repertoire
        self._pointer = pointer
        self._clauses = clauses
        self._resolver = resolver
        self._framing = framing

    def corrected(self, wrong: str | None = None) -> Case:
        """A command whose speaker first says something wrong.

        Args:
            wrong: What is wrong, of `WRONG`; drawn where it is None.
        """
        ways = dict(zip(WRONG, (self.of_target, self.of_value, self.of_action), strict=True))
        make = ways[wrong or self._scene.random.choices(WRONG, _SHARES)[0]]
        for _ in range(_TRIES):
            self._scene.speaker = None
            try:
                return self._case(make())
            except Miss:
                continue
        raise Miss

    def _case(self, clause: Clause) -> Case:
        text = self._framing.framed([clause.text], [clause.phrasing.style])[0]
        area = self._scene.speaker_of(clause.targets[0])
        return self._resolver.commands([clause], text, area, how="corrected")

    def of_target(self) -> Clause:
        """Another thing: "the bedroom, no, the kitchen light"."""
        random, manner = self._scene.random, self._scene.manner
        phrasing, able = self._repertoire.a_targeted_command(random)
        whole = True
        if random.random() < 0.4:
            wrong, right, whole = self._in_places(phrasing, able)
        else:
            wrong, right = (self._pointer.reference(phrasing, able, plain=True) for _ in range(2))
        if set(wrong.entities) & set(right.entities):
            raise Miss
        if whole and random.random() < 0.35:
            first = self._clauses.filled(phrasing, able, wrong, single=True)
            if not self._clauses.takes(right, phrasing, first.wanted):
                raise Miss
            pattern = random.choice(manner.correct_after)
            return replace(
                first, text=_corrected(pattern, first.text, right.text), targets=(right,)
            )
        said = _corrected(random.choice(manner.correct), wrong.text, right.text)
        return self._clauses.filled(
            phrasing, able, replace(right, text=said, apart=None), single=True
        )

    def _in_places(
        self, phrasing: Phrasing, able: Sequence[Entity]
    ) -> tuple[Reference, Reference, bool]:
        """Things of a kind in two rooms, and whether the first is all said."""
        scene, random, refer = self._scene, self._scene.random, self._scene.referrer
        kind = random.choice(able).kind
        areas = {
            area.id: area
            for one in able
            if one.kind is kind and is_counted(one) and (area := scene.area_of(one)) is not None
        }
        if len(areas) < 2 or phrasing.named:
            raise Miss
        plural = random.random() < 0.5
        words: dict[str, str] = {"noun": refer.noun(kind, plural=plural)}
        found = []
        for letter, area in zip("ab", random.sample(list(areas.values()), 2), strict=True):
            there = tuple(one.id for one in scene.of(kind, area))
            words[letter], known = refer.area_phrase(area)
            # One room has one name in a sentence: "the {a} light" and "{in_a}" are never together.
            words[f"in_{letter}"], known_in = refer.place_phrase(area)
            phrases = tuple(
                phrase
                for name in dict.fromkeys((known, known_in))
                for phrase in kind_phrases(f"{name} ", kind, plural=plural)
            )
            found.append(Reference("", there, phrases, plural, "place"))
        first, second, whole = random.choice(_PLACES)
        wrong, right = (form.format(**words) for form in (first, second))
        if plural:
            right = " ".join("ones" if word == "one" else word for word in right.split())
        return replace(found[0], text=wrong), replace(found[1], text=right), whole

    def of_value(self) -> Clause:
        """Another value: "set it to twenty, no, twenty two"."""
        random, manner = self._scene.random, self._scene.manner
        if not self._valued:
            raise Miss
        meaning = random.choice(self._valued)
        phrasing = a_phrasing(meaning.phrasings, random)
        place = "{" + (phrasing.do or ("", ""))[1].split("{")[-1]
        marked = replace(phrasing, text=phrasing.text.replace(place, f"{place}{_MARK}", 1))
        clause = self._clauses.single(marked, meaning.able)
        entity = self._clauses.doer(phrasing, clause.targets[0])
        said, wanted = self._clauses.valued(place, phrasing, entity)
        if wanted == clause.wanted or clause.text.count(_MARK) != 1:
            raise Miss
        after = random.random() < 0.45
        patterns = manner.correct_value
        if after and not isinstance(wanted, Step) and place != "{text}" and random.random() < 0.5:
            patterns = manner.correct_setting
        pattern = random.choice(patterns)
        text = self._mended(clause.text, pattern, said, after=after)
        meant = wanted if pattern.startswith("{wrong}") else clause.wanted
        return replace(clause, text=text, wanted=meant, phrasing=phrasing)

    def of_action(self) -> Clause:
        """Another action: "open the blinds, sorry, close them"."""
        ways: Sequence[Callable[[], Clause]]
        ways = (self._word, self._undone, self._cut_off, self._otherwise, self._anything)
        return self._scene.random.choices(ways, (40, 25, 10, 10, 15))[0]()

    def _word(self) -> Clause:
        """One word for its opposite: "turn the light on, off i mean"."""
        random, manner = self._scene.random, self._scene.manner
        meaning = self._a_reversible()
        phrasing = a_phrasing(meaning.phrasings, random)
        attribute, value = phrasing.do or ("", "")
        words = _WORDS.get(value, {})
        said = phrasing.text.split()
        found = [at for at, word in enumerate(said) if word in words]
        turns = attribute == "power" or value not in {"on", "off"} or {*said} & {"turn", "switch"}
        if len(found) != 1 or phrasing.style not in _PLAIN or not turns:
            raise Miss
        at = found[0]
        right = random.choice(words[said[at]])
        said[at] += _MARK
        clause = self._clauses.single(replace(phrasing, text=" ".join(said)), meaning.able)
        opposite = replace(phrasing, do=(attribute, _OPPOSITE[value][0]))
        wanted = clause.wanted
        if isinstance(wanted, Step):
            meant: Wanted = Step(-wanted.direction, wanted.amount)
        else:
            _, meant = self._clauses.valued("", opposite, self._of(clause, opposite))
        pattern = random.choice(manner.correct_value)
        text = self._mended(clause.text, pattern, right, after=random.random() < 0.55)
        if not pattern.startswith("{wrong}"):
            return replace(clause, text=text, phrasing=phrasing)
        return replace(clause, text=text, wanted=meant, phrasing=opposite)

    def _undone(self) -> Clause:
        """The opposite in words of its own: "open the blinds, sorry, close them"."""
        meaning = self._a_reversible()
        first = self._clauses.single(
            a_phrasing(meaning.phrasings, self._scene.random), meaning.able
        )
        phrasing = self._opposite_of(first)
        reference = first.targets[0]
        right = called_it(reference)
        if reference.how != "implied" and self._scene.random.random() < 0.25:
            right = replace(reference, apart=None)
        return self._instead(first, phrasing, right, self._scene.manner.correct_command)

    def _cut_off(self) -> Clause:
        """The opposite before the first is all said: "open the, no, close the blinds"."""
        random = self._scene.random
        meaning = self._a_reversible()
        ahead = [one for one in meaning.phrasings if one.text.partition("{target}")[0].strip()]
        ahead = [one for one in ahead if "{target}" in one.text and one.style == "direct"]
        if not ahead:
            raise Miss
        first = self._clauses.single(random.choice(ahead), meaning.able)
        begun = random.choice(ahead).text.partition("{target}")[0].strip()
        if any(mark in begun for mark in "{,"):
            raise Miss
        begun += random.choice(("", "", " the", " the", " that", " my"))
        right = replace(first.targets[0], apart=None)
        phrasing = self._opposite_of(first)
        patterns = self._scene.manner.correct_command
        return self._instead(replace(first, text=begun), phrasing, right, patterns)

    def _otherwise(self) -> Clause:
        """Anything else for the same thing: "turn the lamp off, no, just dim it"."""
        clauses = self._clauses
        meaning = self._repertoire.a_command(self._scene.random)
        first = clauses.single(a_phrasing(meaning.phrasings, self._scene.random), meaning.able)
        other = replace(clauses.again(first), targets=first.targets)
        return self._replaced(first, other, self._scene.manner.correct_command)

    def _anything(self) -> Clause:
        """Anything else at all: "lights on, no wait, close the window instead"."""
        first, other = self._clauses.clause(plain=True), self._clauses.clause(plain=True)
        if len(other.targets) > 1 or len(first.targets) > 1:
            raise Miss
        if set(first.targets[0].entities) & set(other.targets[0].entities):
            raise Miss
        return self._replaced(first, other, self._scene.manner.correct_whole)

    def _instead(
        self, first: Clause, phrasing: Phrasing, right: Reference, patterns: Sequence[str]
    ) -> Clause:
        members = self._scene.members(right)
        other = self._clauses.filled(phrasing, members, right, single=True)
        other = replace(other, targets=first.targets)
        return self._replaced(first, other, patterns)

    def _replaced(self, first: Clause, other: Clause, patterns: Sequence[str]) -> Clause:
        if other.phrasing.style not in {"direct", "elliptical"}:
            raise Miss
        text = _corrected(self._scene.random.choice(patterns), first.text, other.text)
        return replace(
            other, text=text, phrasing=replace(other.phrasing, style=first.phrasing.style)
        )

    def _opposite_of(self, clause: Clause) -> Phrasing:
        """A direct command for the opposite, which the same thing can do."""
        random = self._scene.random
        attribute, value = clause.phrasing.do or ("", "")
        members = self._scene.members(clause.targets[0])
        wanted = [(attribute, other) for other in _OPPOSITE[value]]
        found = [
            one
            for meaning in self._repertoire.commands
            if meaning.phrasings[0].do in wanted and members[0].kind in meaning.phrasings[0].kinds
            for one in meaning.phrasings
            if one.style == "direct" and "target" in one.places and one.suits(members[0].names)
        ]
        if not found:
            raise Miss
        return random.choice(found)

    def _of(self, clause: Clause, phrasing: Phrasing) -> Entity:
        for entity in self._scene.members(clause.targets[0]):
            if can(entity, replace(phrasing, lacks=None)):
                return entity
        raise Miss

    def _mended(self, text: str, pattern: str, other: str, *, after: bool) -> str:
        """A text with what takes back its marked word put behind that, or behind it all."""
        _, _, fix = pattern.partition("}")
        fix = fix.replace("{right}", other).replace("{wrong}", other)
        plain = text.replace(_MARK, "")
        return f"{plain}{fix}" if after else text.replace(_MARK, fix)

    def _a_reversible(self) -> Meaning:
        if not self._reversible:
            raise Miss
        return self._scene.random.choice(self._reversible)

    @cached_property
    def _valued(self) -> Sequence[Meaning]:
        """The commands with a value that is said."""
        return [one for one in self._repertoire.commands if "{" in (one.phrasings[0].do or "  ")[1]]

    @cached_property
    def _reversible(self) -> Sequence[Meaning]:
        """The commands that have an opposite."""
        return [
            one
            for one in self._repertoire.commands
            if (one.phrasings[0].do or "  ")[1] in _OPPOSITE
        ]


def _corrected(pattern: str, wrong: str, right: str) -> str:
    return pattern.replace("{wrong}", wrong).replace("{right}", right)
