"""What a sentence names, and which of it its plan is about.

Knows the names of one registry snapshot; what was said about them is the guards' part.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from edge_agent.core.command import Plan, Target
from edge_agent.core.entity import Choice
from edge_agent.core.names import fold
from edge_agent.core.registry import Registry
from edge_agent.language.corrections import (
    instead_of,
    is_put_right,
    may_take_back,
    takes_back,
    without_unsaid,
)
from edge_agent.language.likeness import stem, wordly
from edge_agent.language.numbers import numbers_at, numbers_in
from edge_agent.language.spoken import Spoken
from edge_agent.language.synonyms import LITTLE_WORDS
from edge_agent.language.wording import EXCEPT, kind_words

_VERBS = frozenset({"switch", "lock", "light", "back"})
"""Nouns that are more often something else: "switch on the lamp" names no switch."""
_DEEDS = frozenset({"heating", "cooling", "vacuum", "shade", "fan", "water", "mute", "lights"})
"""The same of words that are verbs before a thing: "shade the windows"."""
_WHOLE = frozenset({"house", "home", "car", "vehicle", "place", "room", "flat", "apartment"})
"""Words that say that everything is meant, though a room may have that name."""
_DETERMINER = r"(?:the|my|our|your|this|that|these|those|a|an|every|each|all|both)"
_PLACE = r"(?:in|on|at|of|for|with|to|over|inside|from|by|around|across|throughout|near)"
_DETERMINED = re.compile(rf"\b{_DETERMINER} $")
_THROWN = re.compile(r"\b(?:throw|flip|hit) (?:the|a) $")
_OBJECT = re.compile(r" (?:the|my|our|that|this|it|them|everything)\b")
_PLACED = re.compile(rf"\b{_PLACE}(?: {_DETERMINER})* $")
_LISTED = re.compile(rf"\b(?:and|plus|also|then|n|&)(?: {_DETERMINER})* $")

_NOT = (
    r"(?<!but )(?<!do )(?<!is )(?<!are )(?<!must )(?<!should )(?<!did )(?<!can )(?<!'s )"
    r"\b(?:not|instead of|rather than|never ?mind|forget(?: about)?|did i say)"
)
"""Rules out what is said next, and no deed."""
_ONLY = r"(?:\b(?:and|but|just|only|please) )*"
_PASSED = frozenset(
    "the my our that this those these i in on at of for to over by one ones with"
    " no wait sorry mean meant actually rather better instead uh um er oh".split()
)
_NO_NAMES = LITTLE_WORDS | frozenset(
    "up back full all hot start stop play lock unlock shade mute cool heat dim power pause skip"
    " send run slide".split()
)
"""Behind "no, ..." the first are passed over, and the others name nothing."""
_SMALL = frozenset("all the and in of on one ones everything here at".split())
_MAY_DENY = re.compile(r"\b(?:not|than|of|never ?mind|forget|leave|keep|do ?n'?t|did i say)\b")
_NOT_THE_NUMBER = re.compile(
    r"(?:\band )?\b(?:not|instead of|rather than|did i say) (?:(?:to|at|by|about) )?$"
)


@dataclass(frozen=True, slots=True)
class Mentions:
    """The names that a sentence may hold, apart by whether its plan is about them."""

    names: tuple[str, ...]
    """All names of the things in the plan, longest first."""
    words: frozenset[str]
    """Stems of everything that tells where they are and what they are."""
    places: tuple[str, ...]
    others: tuple[str, ...]
    """Phrases for what the plan is not about, longest first."""
    choices: tuple[str, ...] = ()
    """Other values of what the plan sets: "broil", where it sets a program to "pizza"."""

    @classmethod
    def of(cls, plan: Plan, targets: Sequence[Spoken], registry: Registry) -> Self:
        """The names that matter to a sentence with these targets and this plan."""
        planned = {entity for target in _targets(plan) for entity in target.entities}
        phrases = {part for one in _targets(plan) for part in one.phrase.split(f" {EXCEPT} ")}
        names, places, nouns = set(phrases), set[str](), set[str]()
        for entity_id in planned:
            if (entity := registry.entities.get(entity_id)) is None:
                continue
            names.update(map(fold, entity.names))
            if area := registry.area_of(entity_id):
                places.update(map(fold, area.names))
                floor = registry.floors.get(area.floor) if area.floor else None
                places.update(map(fold, floor.names if floor else ()))
            nouns.update(noun for pair in kind_words(entity.kind) for noun in pair)
        meant: dict[str, set[str]] = defaultdict(set)
        for spoken in targets:
            if spoken.of is None:  # a class is asked about only: "people" are no part of an order
                meant[spoken.target.phrase].update(spoken.target.entities)
        said = {word for name in names for word in name.split()} | _written(plan)
        others = (
            phrase
            for phrase, entities in meant.items()
            if planned.isdisjoint(entities) and not said >= {*phrase.split()}
        )
        words = frozenset(stem(word) for name in (*names, *places, *nouns) for word in name.split())
        choices = _longest(_choices(plan, registry))
        return cls(_longest(names), words, tuple(places), _longest(others), choices)

    def plain(self, bare: str) -> str:
        """A sentence without the names of what is meant: a name may be "sunset" or "prevent".

        A thing may also call itself "lamp in 7 minutes" or "do not": a name with such words stays,
        so that it hides none of the sentence's own.
        """
        for name in _within(self.names, wordly(bare)):
            if len(name) > 3 and _SAYINGS.isdisjoint(name.split()):
                bare = _named(name).sub("thing", bare)
        return bare

    @property
    def numbers(self) -> frozenset[float]:
        """The numbers that belong to names: "lamp 2", "the second floor 2"."""
        return frozenset(
            number for name in (*self.names, *self.places) for number in numbers_in(name)
        )

    @property
    def other_words(self) -> frozenset[str]:
        """Stems of what the plan is not about, and of the values that it does not set."""
        words = " ".join((*self.others, *self.choices)).split()
        return frozenset(map(stem, words))

    def meant(self, bare: str, used: Iterable[float]) -> str:
        """A sentence without what it takes back or rules out, but for the things' names.

        Nothing is taken back but what the plan is not about, and only for what it is about.

        Args:
            bare: The sentence as the guards compare it.
            used: The numbers of the plan.
        """
        bare = self._without_ruled_out(without_unsaid(bare))
        bare = self._without_taken_back(bare)
        return _without_numbers(bare, {*used, *self.numbers})

    def _without_ruled_out(self, bare: str) -> str:
        """A sentence without what it rules out: "not the hall", "leave the hall on", "not heat"."""
        if not _MAY_DENY.search(bare):
            return bare
        for choice in self.choices:
            bare = re.sub(rf"(?:\band )?{_NOT} {_pattern(choice)}(?!\w)", " ", bare)
        words = [(word, stem(word)) for word in wordly(bare).split()]
        known = {stem(word) for phrase in self.others for word in phrase.split()} - self.words
        others = [word for word, stemmed in words if stemmed in known and word not in _SMALL]
        if not others:
            return bare
        other = rf"(?:{'|'.join(map(re.escape, others))})(?!\w)"
        about = "|".join(re.escape(word) for word, stemmed in words if stemmed in self.words) or "-"
        thing = rf"(?:(?:{_PLACE}|{_DETERMINER}|all|{about}) )*?{other}(?: {other})*"
        ruled_out = re.compile(
            rf"(?:\band )?{_NOT} {thing}(?! (?:on|off|open|closed)\b)"
            r"(?:[\s,]+(?:but|i mean)(?!\w))?,?"
        )
        alone = re.compile(
            rf"{_ONLY}\b(?:leave|keep) {thing}(?: (?:{about}))* (?:on|off|open|closed|shut|locked"
            r"|unlocked|running|playing|alone|be|as (?:it|they) (?:is|are)|as is|how it is"
            r"|the way it is)\b"
            rf"|{_ONLY}\b(?:do ?n'?t|do not) (?:touch|change|bother with) {thing}"
        )
        for pattern in (ruled_out, alone):
            cut = pattern.sub(" ", bare)
            bare = cut if self._is_about(cut) else bare
        return bare

    def _without_taken_back(self, bare: str) -> str:
        """A sentence without the things for which something of the plan is meant instead."""
        said = wordly(bare)
        others = _within(self.others, said)
        if not others or not may_take_back(bare):
            return bare
        meant = [one.span() for one in _WORD.finditer(bare) if stem(one[0]) in self.words]
        every = _longest((*_within(self.names, said), *others))
        for found in re.finditer(rf"(?<!\w)(?:{'|'.join(map(_pattern, every))})(?!\w)", bare):
            thing = found.span()
            if " ".join(wordly(found[0]).split()) in others and any(
                takes_back(bare, thing, word) for word in meant if word[0] >= thing[1]
            ):
                bare = _blanked(bare, *thing)
        return bare

    def _is_about(self, bare: str) -> bool:
        """Whether a part of a sentence names what the plan is about."""
        return not self.words.isdisjoint(map(stem, wordly(bare).split()))

    def put_right(self, bare: str) -> str | None:
        """A word for another thing that is meant instead of the plan's, or None."""
        if not may_take_back(bare):
            return None
        known = {stem(word) for phrase in self.others for word in phrase.split()} - self.words
        for at in instead_of(bare):
            words = (one[0] for one in _WORD.finditer(bare, at))
            named = next((one for one in words if one not in _PASSED), "")
            if stem(named) in known and named not in _NO_NAMES and named.isalpha():
                return named
        return None

    def left_out(self, bare: str) -> str | None:
        """Something that is named and plays no part in the plan, or None.

        Of "turn on the hall light and open the awning", half must not be done as if it were all.
        """
        said = wordly(bare)
        others = frozenset(_within(self.others, said))
        if not others:
            return None
        every = _longest((*_within(self.names, said), *others))
        for found in re.finditer(rf"(?<= )(?:{'|'.join(map(re.escape, every))})(?= )", said):
            before, after = said[: found.start()], said[found.end() :]
            if found[0] in others and self._counts(found[0], before, after):
                return found[0]
        return None

    def _counts(self, phrase: str, before: str, after: str) -> bool:
        """Whether a phrase names a thing of its own."""
        if phrase in _VERBS and (_THROWN.search(before) or not _DETERMINED.search(before)):
            return False
        if phrase in _DEEDS and _OBJECT.match(after):
            return False
        placed = _PLACED.search(before) is not None
        if phrase in _WHOLE and placed:
            return False
        if _LISTED.search(before) or not self.words >= {stem(word) for word in phrase.split()}:
            return True
        # "The heater in the kitchen" and "the kitchen heater" say where it is.
        beside = (*before.split()[-1:], *after.split()[:1])
        return not placed and self.words.isdisjoint(map(stem, beside))


def _without_numbers(bare: str, used: Collection[float]) -> str:
    """A sentence without the numbers that it takes back for one that is used, or rules out."""
    found = list(numbers_at(bare))
    meant = [span for number, span in found if number in used]
    for number, span in found:
        if number in used:
            continue
        if ruled_out := _NOT_THE_NUMBER.search(bare, 0, span[0]):
            bare = _blanked(bare, ruled_out.start(), span[1])
        elif any(takes_back(bare, span, other) for other in meant if other[0] >= span[1]):
            bare = _blanked(bare, *span)
    return bare


def puts_right(bare: str, used: Collection[float]) -> bool:
    """Whether a number that is used was taken back for another, be it a mere "one"."""
    found = list(numbers_at(bare))
    meant = [span for number, span in found if number not in used and is_put_right(bare, span)]
    return any(
        takes_back(bare, span, other)
        for number, span in found
        for other in meant
        if number in used and other[0] >= span[1]
    )


def _blanked(bare: str, start: int, end: int) -> str:
    """A sentence with spaces in place of a part, so that all others stay where they are."""
    return f"{bare[:start]}{' ' * (end - start)}{bare[end:]}"


_WORD = re.compile(r"[^\W_]+(?:['.-][^\W_]+)*")
_SAYINGS = frozenset(
    "in at for after before by until till if when whenever unless once while as not don't do never"
    " no none nothing except but without every".split()
)


def _targets(plan: Plan) -> Iterator[Target]:
    for action in plan.actions:
        yield action.target
        if action.condition is not None:
            yield action.condition.target


def _choices(plan: Plan, registry: Registry) -> Iterator[str]:
    for action in plan.actions:
        for entity_id in action.target.entities:
            entity = registry.entities.get(entity_id)
            capability = entity.capability(action.attribute) if entity else None
            if capability is not None and isinstance(capability.domain, Choice):
                yield from {*map(fold, capability.domain.options)} - {str(action.value)}


def _written(plan: Plan) -> set[str]:
    """The words of the values and attributes of a plan."""
    found: set[str] = set()
    for action in plan.actions:
        for part in (action, action.condition):
            if part is not None:
                found.update((*str(part.value).split(), *part.attribute.split()))
    return found


def _longest(phrases: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(phrases, key=lambda phrase: (-len(phrase), phrase)))


def _within(phrases: Iterable[str], said: str) -> Sequence[str]:
    return [phrase for phrase in phrases if f" {phrase} " in said]


def _pattern(phrase: str) -> str:
    return r"[\s-]+".join(map(re.escape, phrase.split()))


def _named(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){_pattern(name)}(?!\w)")
