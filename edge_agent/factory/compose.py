"""Makes sentences for one home with what they mean: commands, questions, and what must do nothing.

Every case is written with the daemon's own vocabulary and output language, so what is learnt is
what will be asked. Knows phrasings and registries; no tokens, no tensors.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TypeVar

from edge_agent.core.command import Ask, Comparison, Extreme, Step, Toggle, Wanted, When
from edge_agent.core.entity import (
    Area,
    Attribute,
    Capability,
    Choice,
    Entity,
    Kind,
    Range,
    Reading,
    Text,
)
from edge_agent.core.names import fold
from edge_agent.core.registry import Registry
from edge_agent.errors import FactoryError
from edge_agent.factory.bank import Bank, Phrasing
from edge_agent.factory.noise import dressed, noisy
from edge_agent.factory.refer import Reference, Referrer, Synonyms
from edge_agent.factory.values import (
    likely_amount,
    likely_number,
    say_clock,
    say_duration,
    say_number,
    say_option,
    time_phrase,
)
from edge_agent.language.guards import is_conditional, is_exception, is_question
from edge_agent.language.interpreter import Before
from edge_agent.language.numbers import numbers_in
from edge_agent.language.prompt import MOST_CHARACTERS, Context
from edge_agent.language.synonyms import OTHER_WORDS
from edge_agent.language.vocabulary import Candidates, Spoken, Vocabulary
from edge_agent.language.wording import (
    EXCEPT,
    REFUSAL,
    SEPARATOR,
    THEN,
    kind_words,
    write_command,
    write_condition,
    write_question,
)

_FAMILY = (Kind.BLIND, Kind.CURTAIN, Kind.SHUTTER, Kind.SHADE)
"""Kinds that serve the same wish: "the sun is in my eyes"."""
_FOLLOWS = 12
"""Tries to find a second sentence that fits the first."""
_SEVERAL = frozenset({Kind.LIGHT, Kind.WINDOW, Kind.MIRROR, *_FAMILY})
"""Kinds that come in numbers: an unnamed one is written in the plural."""
_BOTH_WAYS = frozenset({"on", "off", "open", "closed"})
_NAMED_ONLY = frozenset(
    {Kind.SENSOR, Kind.TRACKER, Kind.BUTTON, Kind.NUMBER, Kind.SELECT, Kind.TEXT, Kind.SIGNAL}
)
"""Kinds that are spoken of by name only."""
_MIXED = frozenset({Attribute.TEMPERATURE, Attribute.CURRENT_TEMPERATURE, "humidity"})
"""What may be asked of a room."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Case:
    """A sentence in a home, and what it means there."""

    text: str
    output: str
    """In the output language."""
    area: Area | None
    before: Before | None
    context: Context
    candidates: Candidates
    what: str
    """What is meant, as the bank calls it: `power=on`, `ask state`, `none report`."""
    style: str
    how: str
    """How the thing is referred to."""
    commands: int
    """How many commands it holds."""


@dataclass(frozen=True, slots=True)
class _Clause:
    """One command within a sentence, before its targets are looked up."""

    text: str
    targets: tuple[Reference, ...]
    attribute: str
    wanted: Wanted
    phrasing: Phrasing
    when: When | None = None


class Miss(Exception):  # noqa: N818 - not an error: the sentence does not fit this home
    """A sentence that this home, or the daemon's own search, has no place for."""


class Composer:
    """Composes cases for one registry."""

    def __init__(
        self,
        registry: Registry,
        bank: Bank,
        synonyms: Synonyms,
        items: Sequence[str],
        strangers: Sequence[str],
        random: Random,
    ) -> None:
        """Indexes the registry.

        Args:
            registry: The home or car.
            bank: The phrasings that may be used.
            synonyms: Other nouns for kinds and rooms.
            items: What people put on lists.
            strangers: Names of things of other homes.
            random: What decides.
        """
        self._registry = registry
        self._vocabulary = Vocabulary(registry)
        self._manner = bank.manner
        self._items = items
        self._strangers = strangers
        self._random = random
        self._referrer = Referrer(registry, synonyms, random)
        self._synonyms = synonyms
        self._by_kind: dict[Kind, list[Entity]] = defaultdict(list)
        for entity in registry.entities.values():
            self._by_kind[entity.kind].append(entity)
        self._commands = self._possible(bank, lambda one: one.do is not None)
        self._asks = self._possible(bank, lambda one: one.ask is not None)
        self._nothing: dict[str, list[Phrasing]] = defaultdict(list)
        for phrasing in bank.phrasings:
            if phrasing.none is not None:
                self._nothing[phrasing.none].append(phrasing)

    def _possible(
        self, bank: Bank, wanted: Callable[[Phrasing], bool]
    ) -> list[tuple[list[Phrasing], list[Entity]]]:
        """Phrasings that mean the same, with the entities that can do it."""
        groups: dict[object, list[Phrasing]] = defaultdict(list)
        for one in bank.phrasings:
            if wanted(one):
                key = (one.do, one.ask, one.attribute, one.value, one.kinds, one.named)
                groups[key].append(one)
        found = []
        for phrasings in groups.values():
            able = [entity for entity in self._of(phrasings[0]) if _can(entity, phrasings[0])]
            if able:
                found.append((phrasings, able))
        return found

    def _of(self, phrasing: Phrasing) -> Iterable[Entity]:
        kinds = phrasing.kinds
        if set(kinds) <= set(_FAMILY) and not any(self._by_kind[kind] for kind in kinds):
            kinds = _FAMILY
        for kind in kinds:
            for entity in self._by_kind[kind]:
                if phrasing.suits(entity.names):
                    yield entity

    # What a case is made of

    def command(self) -> Case:
        """One command."""
        clause = self._clause()
        return self._case([clause], clause.text, self._maybe_area(clause.targets))

    def several(self) -> Case:
        """Two to four commands."""
        random = self._random
        clauses = [self._clause(plain=True)]
        for _ in range(random.choice((1, 1, 1, 1, 2, 2, 3))):
            if random.random() < 0.25 and len(clauses[-1].targets) == 1:
                clauses.append(self._again(clauses[-1]))
            else:
                clauses.append(self._clause(plain=True))
        text = clauses[0].text
        for clause in clauses[1:]:
            text += random.choice(self._manner.join) + clause.text
        return self._case(clauses, text, self._maybe_area(clauses[0].targets))

    def timed(self) -> Case:
        """A command for later, or for a while."""
        random = self._random
        clause = self._clause(plain=True)
        switches = clause.wanted in _BOTH_WAYS
        when = random.choice(
            (When.IN, When.IN, When.AT, When.FOR) if switches else (When.IN, When.AT)
        )
        if when is When.AT:
            said = random.choice(self._manner.at).replace("{time}", say_clock(random))
        else:
            forms = self._manner.delay if when is When.IN else self._manner.for_
            if when is When.FOR and clause.wanted != "on":
                forms = [form for form in forms if " off" not in form]
            said = random.choice(forms).replace("{duration}", say_duration(random)[0])
        text = f"{said} {clause.text}" if random.random() < 0.3 else f"{clause.text} {said}"
        clause = replace(clause, when=when)
        return self._case([clause], text, self._maybe_area(clause.targets))

    def conditional(self) -> Case:
        """A command that depends on something."""
        random = self._random
        entry = random.choice(self._manner.if_)
        attribute, comparison, value = _test(entry.test)
        able = [
            (entity, capability)
            for kind in entry.of
            for entity in self._by_kind[Kind(kind)]
            for capability in (_readable(entity, attribute),)
            if capability is not None and _tests(capability, value)
        ]
        if not able:
            raise Miss
        entity, capability = random.choice(able)
        template = random.choice(entry.say)
        reference, template = self._pointed(template, [entity], None)
        number = _sensor_number(attribute, random)
        if value == "{number}":
            template = template.replace("{number}", say_number(number, capability, random))
        clause = self._clause(plain=True)
        swap = random.random() < 0.4
        text = (
            f"{clause.text} {template}"
            if swap
            else f"{template}{random.choice((' ', ', ', ' then '))}{clause.text}"
        )

        def condition(candidates: Candidates) -> str:
            phrase = self._phrase(reference, candidates.targets, readable=True)
            tested = number if value == "{number}" else value
            written = write_condition(phrase, capability.attribute, comparison, tested)
            return f"{written} {THEN} "

        return self._case([clause], text, self._maybe_area(clause.targets), condition=condition)

    def corrected(self) -> Case:
        """A command whose speaker first names the wrong thing."""
        random = self._random
        phrasings, able = self._any(self._commands)
        phrasing = random.choice([one for one in phrasings if "target" in one.places] or phrasings)
        if "target" not in phrasing.places or len(able) < 2:
            raise Miss
        wrong, right = (self._reference(phrasing, able, plain=True) for _ in range(2))
        if set(wrong.entities) & set(right.entities):
            raise Miss
        pattern = random.choice(self._manner.correct)
        said = pattern.replace("{wrong}", wrong.text).replace("{right}", right.text)
        clause = self._filled(phrasing, able, replace(right, text=said, how="corrected"))
        return self._case([clause], clause.text, None)

    def follow_up(self) -> Case:
        """A sentence that refers to the command before it."""
        random = self._random
        first = self.command()
        if first.output == REFUSAL or first.commands != 1:
            raise Miss
        clause = self._last[0]
        reference = clause.targets[0]
        phrase = self._phrase(reference, first.candidates.targets)
        spoken = next(one for one in first.candidates.targets if one.target.phrase == phrase)
        before = Before(first.output, (spoken,))
        for _ in range(_FOLLOWS):
            entry = random.choice(self._manner.follow_up)
            template = random.choice(entry.say)
            try:
                if entry.follow == "same_action":
                    follow = self._same_action(clause, template)
                else:
                    follow = self._same_target(entry.do or "", template, reference)
            except Miss:
                continue
            break
        else:
            raise Miss
        return self._case([follow], follow.text, first.area, before=before, how="follow-up")

    def cancelled(self) -> Case:
        """A command that is called off before it ends."""
        clause = self._clause()
        text = clause.text + self._random.choice(self._manner.cancel)
        return self._refusal(text, "none cancelled", clause.phrasing.style)

    def question(self) -> Case:
        """A question about something that is here."""
        random = self._random
        phrasings, able = self._any(self._asks)
        phrasing = random.choice(phrasings)
        text, number = phrasing.text, None
        entity = random.choice(able)
        capability = _asked(entity, phrasing)
        if capability is None:
            raise Miss
        if "number" in phrasing.places:
            number = _sensor_number(capability.attribute, random)
            text = text.replace("{number}", say_number(number, capability, random))
        value: str | float | None = phrasing.value
        if "option" in phrasing.places or value == "{option}":
            if not isinstance(capability.domain, Choice):
                raise Miss
            value = random.choice(capability.domain.options)
            text = text.replace("{option}", say_option(value))
        if isinstance(value, str) and not _tests(capability, value):
            raise Miss
        several = phrasing.ask in {"count", "which", "any"}
        if several:
            reference, text = self._plural_pointed(text, able)
        else:
            reference, text = self._pointed(text, [entity], capability)
        ask = Ask(phrasing.ask or "") if several else Ask.STATE
        comparison = {"above": Comparison.ABOVE, "below": Comparison.BELOW}.get(
            phrasing.ask or "", Comparison.IS
        )
        if number is not None:
            value = number

        def write(candidates: Candidates) -> str:
            phrase = self._phrase(reference, candidates.targets, readable=True)
            return write_question(phrase, capability.attribute, ask, value, comparison)

        area = self._area_for(reference)
        return self._finish(
            self._said(text, imperative=False),
            area,
            write,
            f"ask {phrasing.ask}",
            phrasing.style,
            reference.how,
            0,
        )

    def nothing(self) -> Case:
        """A sentence of the bank after which nothing may be done."""
        random = self._random
        kinds = list(self._nothing)
        weights = [len(self._nothing[kind]) ** 0.5 for kind in kinds]
        phrasing = random.choice(self._nothing[random.choices(kinds, weights)[0]])
        text = phrasing.text
        if any(place.startswith("target") for place in phrasing.places):
            able = [entity for kind in phrasing.kinds for entity in self._by_kind[kind]]
            if not able:
                raise Miss
            reference = self._reference(phrasing, able, plain=True)
            text = self._put(text, reference)
        text = self._place(text, None)
        if "number" in phrasing.places:
            text = text.replace(
                "{number}", str(random.choice((5, 10, 20, 21, 30, 50, 70, 80, 100)))
            )
        text = text.replace("{option}", random.choice(("red", "eco", "blue", "auto", "warm white")))
        text = text.replace("{text}", random.choice(self._items))
        return self._refusal(
            text, f"none {phrasing.none}", phrasing.style, dress=random.random() < 0.5
        )

    def absent(self) -> Case:
        """A command about something that is not here."""
        random = self._random
        phrasings, able = self._any(self._commands)
        phrasing = random.choice([one for one in phrasings if "target" in one.places] or phrasings)
        if "target" not in phrasing.places:
            raise Miss
        stranger = self._stranger(random.choice(able).kind)
        text = phrasing.text.replace("{target}", stranger)
        text = self._values(text, phrasing, random.choice(able))[0]
        return self._refusal(self._place(text, None), "none absent", phrasing.style)

    # Parts

    def _any(self, choices: Sequence[_T]) -> _T:
        if not choices:
            raise Miss
        return self._random.choice(choices)

    def _clause(self, *, plain: bool = False) -> _Clause:
        random = self._random
        weights = self._weights
        phrasings, able = random.choices(self._commands, weights)[0]
        phrasing = random.choice(phrasings)
        if plain and phrasing.style == "indirect":
            phrasing = random.choice(phrasings)
        places = phrasing.places
        if any(place.startswith("target") for place in places):
            return self._filled(phrasing, able, self._reference(phrasing, able, plain=plain))
        return self._implied(phrasing, able)

    @property
    def _weights(self) -> list[float]:
        if not self._commands:
            raise Miss
        return [(len(phrasings) * len(able)) ** 0.4 for phrasings, able in self._commands]

    def _filled(self, phrasing: Phrasing, able: Sequence[Entity], reference: Reference) -> _Clause:
        """A phrasing with its reference, place and values put in."""
        members = [self._registry.entities[one] for one in reference.entities]
        entity = next((one for one in members if _can(one, phrasing)), None)
        if entity is None:
            raise Miss
        text, wanted = self._values(phrasing.text, phrasing, entity)
        targets: tuple[Reference, ...] = (reference,)
        put = reference
        if (
            "target:one" not in phrasing.places
            and not reference.excluded
            and reference.how != "corrected"
            and self._random.random() < 0.07
        ):
            other = self._reference(phrasing, able, plain=True)
            if set(other.entities).isdisjoint(reference.entities) and self._takes(
                other, phrasing, wanted
            ):
                targets = (reference, other)
                link = self._random.choice((" and ", " and ", " and also ", ", "))
                both = f"{reference.text}{link}{other.text}"
                put = replace(reference, text=both, plural=True)
        text = self._place(self._put(text, put), None, may_say=False)
        return _Clause(text, targets, phrasing.do[0] if phrasing.do else "", wanted, phrasing)

    def _takes(self, reference: Reference, phrasing: Phrasing, wanted: Wanted) -> bool:
        """Whether a value that was found for one thing is legal for others as well."""
        if phrasing.do is None or isinstance(wanted, Step | Extreme | Toggle):
            return True
        found = (
            self._registry.entities[one].capability(phrasing.do[0]) for one in reference.entities
        )
        return all(capability is None or wanted in capability.domain for capability in found)

    def _implied(self, phrasing: Phrasing, able: Sequence[Entity]) -> _Clause:
        """A phrasing that names no device: its kind, here or in a room that it says."""
        entity = self._random.choice(able)
        # "My back is cold" means the speaker's seat, and the driver's where nobody said who speaks.
        unclear = bool(phrasing.named) and len(able) > 1
        driver = next((one for one in able if "driver" in fold(one.name)), None)
        if unclear and driver is not None and self._random.random() < 0.4:
            entity, unclear = driver, False
        text, wanted = self._values(phrasing.text, phrasing, entity)
        reference, text = self._pointed(
            text, [entity], None, named=bool(phrasing.named), here=unclear
        )
        reference = replace(reference, how="implied")
        return _Clause(text, (reference,), phrasing.do[0] if phrasing.do else "", wanted, phrasing)

    def _again(self, clause: _Clause) -> _Clause:
        """Another command for the same thing, which is called "it"."""
        reference = clause.targets[0]
        members = [self._registry.entities[one] for one in reference.entities]
        able = [
            (phrasing, members)
            for phrasings, _ in self._commands
            for phrasing in phrasings[:1]
            if any(_can(one, phrasing) and one.kind in phrasing.kinds for one in members)
            and phrasing.do != clause.phrasing.do
        ]
        if not able:
            raise Miss
        chosen = self._random.choice(able)[0]
        group = next(phrasings for phrasings, _ in self._commands if phrasings[0] is chosen)
        with_target = [one for one in group if "target" in one.places]
        if not with_target:
            raise Miss
        pronoun = "them" if reference.plural else "it"
        return self._filled(
            self._random.choice(with_target),
            members,
            replace(reference, text=pronoun, how="corrected"),
        )

    def _same_action(self, clause: _Clause, template: str) -> _Clause:
        """The command once more, for another thing."""
        reference = clause.targets[0]
        kind = self._kind_of(reference)
        others = [one for one in self._by_kind[kind] if _can(one, clause.phrasing)]
        new = self._reference(clause.phrasing, others, plain=True)
        if set(new.entities) == set(reference.entities) or "{target}" not in template:
            raise Miss
        return replace(clause, text=template.replace("{target}", new.text), targets=(new,))

    def _same_target(self, do: str, template: str, reference: Reference) -> _Clause:
        attribute, _, value = do.partition("=")
        kind = self._kind_of(reference)
        phrasing = Phrasing(template, "follow-up", (kind,), (attribute, value))
        members = [self._registry.entities[one] for one in reference.entities]
        entity = next((one for one in members if _can(one, phrasing)), None)
        if entity is None:
            raise Miss
        text, wanted = self._values(template, phrasing, entity)
        return _Clause(self._place(text, None), (reference,), attribute, wanted, phrasing)

    def _reference(self, phrasing: Phrasing, able: Sequence[Entity], *, plain: bool) -> Reference:
        """Words for something that can do it."""
        random, refer = self._random, self._referrer
        if not able:
            raise Miss
        entity = random.choice(able)
        kind = entity.kind
        places = phrasing.places
        one, many = "target:one" in places, "target:many" in places
        same = [other for other in able if other.kind is kind]
        area = self._registry.area_of(entity.id)
        roll = random.random()
        counted = not (entity.diagnostic or kind in _NAMED_ONLY or phrasing.named)
        if one or not counted or roll < 0.52:
            if many:
                raise Miss
            reference = refer.to_name(entity, area if random.random() < 0.3 else None)
            if reference is None:
                raise Miss
            return reference
        if roll < 0.62 and not many:
            lone = random.random() < 0.7
            return refer.to_kind(kind, same, area, plural=not lone)
        if roll < 0.82 and area is not None:
            members = [other for other in self._by_kind[kind] if other.area == area.id]
            if kind is Kind.LIGHT and roll < 0.64 and phrasing.do is not None and not many:
                return refer.to_room(area, members)
            return refer.to_place(
                kind, members, area, plural=many or len(members) > 1 or random.random() < 0.2
            )
        floor = self._registry.floors.get(area.floor) if area is not None and area.floor else None
        if roll < 0.88 and floor is not None:
            on = {one.id for one in self._registry.areas.values() if one.floor == floor.id}
            members = [other for other in self._by_kind[kind] if other.area in on]
            return refer.to_place(kind, members, floor, plural=True)
        free = [other for other in self._by_kind[kind] if not other.security]
        if len(free) < 2:
            raise Miss
        whole = refer.to_all(kind, free, self._manner.all)
        if random.random() < 0.3 and not plain and (other := self._part_of(free)) is not None:
            whole = refer.but(whole, other, self._manner.except_)
        return whole

    def _part_of(self, members: Sequence[Entity]) -> Reference | None:
        entity = self._random.choice(members)
        area = self._registry.area_of(entity.id)
        if area is not None and self._random.random() < 0.4:
            there = [other for other in members if other.area == area.id]
            if len(there) < len(members):
                return self._referrer.to_place(entity.kind, there, area, plural=len(there) > 1)
        return self._referrer.to_name(entity, None)

    def _pointed(
        self,
        text: str,
        able: Sequence[Entity],
        asked: Capability | None,
        *,
        named: bool = False,
        here: bool = False,
    ) -> tuple[Reference, str]:
        """A sentence with its target, area or place put in, and what it is about."""
        random, refer = self._random, self._referrer
        entity = random.choice(able)
        area = self._registry.area_of(entity.id)
        target = next((p for p in _places(text) if p.startswith("target")), None)
        if target is not None:
            counted = not (entity.diagnostic or entity.kind in _NAMED_ONLY)
            if counted and area is not None and target != "target:one" and random.random() < 0.2:
                there = [one for one in self._by_kind[entity.kind] if one.area == area.id]
                reference: Reference | None = refer.to_place(
                    entity.kind, there, area, plural=len(there) > 1
                )
            else:
                reference = refer.to_name(entity, None)
            if reference is None:
                raise Miss
            return reference, self._place(self._put(text, reference), None, may_say=False)
        of_room = asked is not None and asked.attribute in _MIXED and area is not None
        if "{area}" in text and area is None:
            raise Miss
        said = "{area}" in text or (
            "{place}" in text and area is not None and random.random() < 0.6
        )
        plural = entity.kind in _SEVERAL
        if said and area is not None:
            words, known = refer.area_phrase(area) if "{area}" in text else refer.place_phrase(area)
            text = text.replace("{area}", words).replace("{place}", words)
            prefix = f"{known} "
        else:
            at = area if here or random.random() < 0.7 else None
            text = self._place(text, at)
            prefix = f"{fold(at.name)} " if of_room and at is not None else ""
            self._speaker = at
        if named or entity.kind in _NAMED_ONLY:
            names = tuple(fold(name) for name in entity.names)
            return Reference(text, (entity.id,), names, how="implied"), " ".join(text.split())
        there = [
            one
            for one in self._by_kind[entity.kind]
            if area is None or not (said or self._speaker) or one.area == area.id
        ]
        phrases = [
            f"{prefix}{pair[number]}"
            for number in (plural, not plural)
            for pair in kind_words(entity.kind)
        ]
        if of_room and prefix:
            phrases.insert(0, prefix.strip())
        ids = tuple(one.id for one in there)
        return Reference(text, ids, tuple(phrases), plural, "implied"), " ".join(text.split())

    def _plural_pointed(self, text: str, able: Sequence[Entity]) -> tuple[Reference, str]:
        """A sentence about several things of a kind, everywhere or in one place."""
        random, refer = self._random, self._referrer
        entity = random.choice(able)
        if entity.diagnostic or entity.kind in _NAMED_ONLY:
            raise Miss
        area, kind = self._registry.area_of(entity.id), entity.kind
        nouns = [pair[1] for pair in kind_words(kind)]
        noun = nouns[0] if random.random() < 0.85 else random.choice(nouns)
        there, prefix = self._by_kind[kind], ""
        said = noun
        if area is not None and random.random() < 0.3 and "{place}" not in text:
            words, known = refer.place_phrase(area)
            there = [one for one in there if one.area == area.id]
            prefix, said = f"{known} ", f"{noun} {words}"
            if random.random() < 0.4:
                said = f"{known} {noun}"
        elif area is not None and "{place}" in text and random.random() < 0.4:
            words, known = refer.place_phrase(area)
            there = [one for one in there if one.area == area.id]
            text, prefix = text.replace("{place}", words), f"{known} "
        text = text.replace("{place}", "")
        for place in _places(text):
            if place == "target:plural":
                text = text.replace("{target:plural}", said)
            elif place.startswith("target"):
                text = text.replace(
                    f"{{{place}}}", f"the {said}" if random.random() < 0.7 else said
                )
        ids = tuple(one.id for one in there)
        phrases = (f"{prefix}{noun}", *(f"{prefix}{other}" for other in nouns))
        return Reference(said, ids, phrases, plural=True, how="plural"), " ".join(text.split())

    def _put(self, text: str, reference: Reference) -> str:
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

    def _place(self, text: str, here: Area | None, *, may_say: bool = True) -> str:
        """A sentence whose places are "in here", or left out."""
        del here
        words = self._random.choice(("in here", "here", "", "", "in this room")) if may_say else ""
        if "{area}" in text:
            if not self._registry.areas:
                raise Miss
            area = self._random.choice(list(self._registry.areas.values()))
            text = text.replace("{area}", self._referrer.area_phrase(area)[0])
        return " ".join(text.replace("{place}", words).split())

    def _values(self, text: str, phrasing: Phrasing, entity: Entity) -> tuple[str, Wanted]:
        """A sentence with its value put in, and the value."""
        random = self._random
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
                item = random.choice(self._items)
                return text.replace("{text}", item), item
            case "+" | "-":
                return text, Step(1 if value == "+" else -1)
            case "minimum" | "maximum":
                return text, Extreme(value)
            case "toggle":
                return text, Toggle.TOGGLE
            case _ if isinstance(capability.domain, Range):
                number = _literal(value)
                if number is None or number not in numbers_in(text):
                    raise Miss  # the grammar offers no number that was not said
                return text, number
            case _:
                return text, value

    def _stranger(self, kind: Kind) -> str:
        """Words for something that is not here."""
        random = self._random
        known = {word for words in self._referrer.words() for word in words}
        here = {fold(name) for area in self._registry.areas.values() for name in area.names}
        for _ in range(8):
            roll = random.random()
            if roll < 0.4 and self._strangers:
                name = random.choice(self._strangers)
                words = self._referrer.specific(name)
                if words and words.isdisjoint(known) and words.isdisjoint(self._other_words(known)):
                    return f"the {name}" if random.random() < 0.6 else name
            elif roll < 0.75:
                room = random.choice(list(self._synonyms.rooms))
                names = {room, *self._synonyms.rooms[room]}
                words = self._referrer.specific(room)
                if names.isdisjoint(here) and words and words.isdisjoint(known):
                    noun = random.choice([pair[0] for pair in kind_words(kind)])
                    return random.choice(
                        (f"the {room} {noun}", f"the {noun} in the {room}", f"{room} {noun}s")
                    )
            elif (areas := list(self._registry.areas.values())) and self._by_kind:
                area = random.choice(areas)
                there = {
                    one.kind for one in self._registry.entities.values() if one.area == area.id
                }
                if kind not in there and kind not in _NAMED_ONLY:
                    noun = kind_words(kind)[0][0]
                    near = any(
                        noun in fold(name)
                        for one in self._registry.entities.values()
                        if one.area == area.id or fold(area.name).split()[0] in fold(one.name)
                        for name in one.names
                    )
                    if not near:
                        return f"the {fold(area.name)} {noun}"
        raise Miss

    def _other_words(self, known: set[str]) -> set[str]:
        return {other for word in known for other in OTHER_WORDS.get(word, ())}

    def _kind_of(self, reference: Reference) -> Kind:
        return self._registry.entities[reference.entities[0]].kind

    def _maybe_area(self, references: Sequence[Reference]) -> Area | None:
        return self._area_for(references[0])

    def _area_for(self, reference: Reference) -> Area | None:
        """Where the speaker is: often where the thing is, often unknown, else anywhere."""
        speaker, self._speaker = self._speaker, None
        if speaker is not None:
            return speaker
        random, areas = self._random, list(self._registry.areas.values())
        roll = random.random()
        if roll < 0.55 or not areas:
            return None
        if reference.how in {"kind", "implied"} or roll < 0.75:
            return self._registry.area_of(reference.entities[0]) if reference.entities else None
        return random.choice(areas)

    # From clauses to a case

    _speaker: Area | None = None
    _last: Sequence[_Clause] = ()

    def _said(self, text: str, *, imperative: bool) -> str:
        text = dressed(" ".join(text.split()), self._manner, self._random, imperative=imperative)
        return noisy(text, self._manner, self._random)[:MOST_CHARACTERS]

    def _case(
        self,
        clauses: Sequence[_Clause],
        text: str,
        area: Area | None,
        *,
        before: Before | None = None,
        condition: Callable[[Candidates], str] | None = None,
        how: str | None = None,
    ) -> Case:
        self._last = clauses
        first = clauses[0].phrasing
        imperative = first.style == "direct" and not first.text.startswith("{")
        text = self._said(text, imperative=imperative)
        if is_question(text) or (condition is not None and not is_conditional(text)):
            raise Miss

        def write(candidates: Candidates) -> str:
            written = [
                self._write(clause, target, text, candidates)
                for clause in clauses
                for target in clause.targets
            ]
            prefix = condition(candidates) if condition is not None else ""
            return prefix + f"{SEPARATOR} ".join(dict.fromkeys(written))

        commands = sum(len(clause.targets) for clause in clauses)
        what = "conditional" if condition else "timed" if clauses[0].when else "several"
        if commands == 1 and what == "several":
            what = f"{first.do[0]}={first.do[1]}" if first.do else ""
        how = how or clauses[0].targets[0].how
        return self._finish(text, area, write, what, first.style, how, commands, before)

    def _write(self, clause: _Clause, target: Reference, text: str, candidates: Candidates) -> str:
        phrase = self._phrase(target, candidates.targets)
        written = write_command(phrase, clause.attribute, clause.wanted)
        for other in target.excluded:
            if not is_exception(text):
                raise Miss
            written += f" {EXCEPT} {self._phrase(other, candidates.targets)}"
        if clause.when is not None:
            time = time_phrase(text, clause.when)
            if time is None:
                raise Miss
            written += f" {time}"
        return written

    def _phrase(
        self, reference: Reference, targets: Sequence[Spoken], *, readable: bool = False
    ) -> str:
        """How the grammar writes a target; a Miss where the search did not find it."""
        offered = {one.target.phrase: one for one in targets if readable or not one.question_only}
        wanted = set(reference.entities)
        for phrase in reference.phrases:
            if phrase in offered and wanted & set(offered[phrase].target.entities):
                return phrase
        if reference.how not in {"kind", "place", "all", "room", "implied", "plural"}:
            for one in targets:
                if set(one.target.entities) == wanted and not one.question_only:
                    return one.target.phrase
        raise Miss

    def _refusal(self, text: str, what: str, style: str, *, dress: bool = True) -> Case:
        said = self._said(text, imperative=False) if dress else " ".join(text.split())
        area = self._random.choice([None, *self._registry.areas.values()])
        area = area if self._random.random() < 0.5 else None
        return self._finish(said, area, lambda _: REFUSAL, what, style, "none", 0)

    def _finish(
        self,
        text: str,
        area: Area | None,
        write: Callable[[Candidates], str],
        what: str,
        style: str,
        how: str,
        commands: int,
        before: Before | None = None,
    ) -> Case:
        vocabulary = self._vocabulary
        candidates = vocabulary.candidates(text, area, also=before.targets if before else ())
        context = Context(
            vocabulary.kinds,
            [vocabulary.describe(named) for named in candidates.names],
            fold(area.name) if area else None,
            before.said if before else None,
        )
        output = write(candidates)
        return Case(text, output, area, before, context, candidates, what, style, how, commands)


def _can(entity: Entity, phrasing: Phrasing) -> bool:
    """Whether a thing can do, or be asked, what a phrasing says."""
    if phrasing.do is None:
        return _asked(entity, phrasing) is not None
    attribute, value = phrasing.do
    capability = entity.capability(attribute)
    if capability is None or not capability.settable:
        return False
    domain = capability.domain
    if value in {"{number}", "+", "-", "+{number}", "-{number}", "minimum", "maximum"}:
        return isinstance(domain, Range)
    if value == "{option}":
        return isinstance(domain, Choice)
    if value == "{text}":
        return isinstance(domain, Text)
    if value == "toggle":
        return attribute == Attribute.POWER
    if isinstance(domain, Range):
        number = _literal(value)
        return number is not None and number in domain
    return isinstance(domain, Choice) and value in domain.options


def _literal(value: str) -> float | None:
    """The number that the bank itself writes, where the words say it: "halfway" is 50."""
    try:
        return float(value)
    except ValueError:
        return None


def _asked(entity: Entity, phrasing: Phrasing) -> Capability | None:
    """The capability that a question is about; of a heating, what it measures."""
    attribute = phrasing.attribute or ""
    capability = _readable(entity, attribute)
    if capability is None:
        return None
    if phrasing.value is not None and not _tests(capability, phrasing.value):
        return None
    if phrasing.ask in {"above", "below"} and not isinstance(capability.domain, Range | Reading):
        return None
    return capability


def _readable(entity: Entity, attribute: str) -> Capability | None:
    capability = entity.capability(attribute)
    return capability if capability is not None and capability.readable else None


def _tests(capability: Capability, value: str) -> bool:
    if value == "{number}":
        return isinstance(capability.domain, Range | Reading)
    if value == "{option}":
        return isinstance(capability.domain, Choice)
    return isinstance(capability.domain, Choice) and value in capability.domain.options[:12]


def _test(written: str) -> tuple[str, Comparison, str]:
    """The parts of a condition of the bank."""
    for sign, comparison in (
        (">", Comparison.ABOVE),
        ("<", Comparison.BELOW),
        ("=", Comparison.IS),
    ):
        attribute, found, value = written.partition(sign)
        if found:
            return attribute, comparison, value
    raise FactoryError(f"manner.yaml: if: {written!r}; legal: attribute=value, >{{number}}, <...")


def _sensor_number(attribute: str, random: Random) -> float:
    low, high = _USUAL.get(attribute, (10, 90))
    return float(random.randint(low, high))


_USUAL: Mapping[str, tuple[int, int]] = {
    "temperature": (-5, 35),
    "current temperature": (10, 30),
    "humidity": (20, 90),
    "battery": (5, 95),
    "power": (5, 2500),
    "illuminance": (5, 900),
}


def _places(text: str) -> Sequence[str]:
    return re.findall(r"\{([^{}]*)\}", text)
