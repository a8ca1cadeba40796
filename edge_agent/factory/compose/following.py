"""Sentences that go on after a command: the same elsewhere, another value, a bit more of it.

Knows what was done just before; the output language has no "undo", so nothing is taken back.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from edge_agent.core.command import Extreme, Step, Toggle, Wanted
from edge_agent.core.entity import Area, Attribute, Choice, Entity, Floor, Kind, Range
from edge_agent.core.names import fold
from edge_agent.factory.compose.case import Case, Miss
from edge_agent.factory.compose.clauses import Clause, Clauses
from edge_agent.factory.compose.fitting import can
from edge_agent.factory.compose.framing import Framing
from edge_agent.factory.compose.pointing import Pointer, is_counted
from edge_agent.factory.compose.resolving import Resolver
from edge_agent.factory.compose.scene import Scene
from edge_agent.factory.sentences.bank import FollowUp, Phrasing
from edge_agent.factory.sentences.refer import Reference, kind_phrases
from edge_agent.language.interpreter import Before
from edge_agent.language.wording import kind_words

_TRIES = 16
"""Tries to find a second sentence that fits the first."""
_SHARES = {
    "same_action": 40,
    "same_target": 30,
    "another_value": 10,
    "more": 5,
    "less": 4,
    "back": 3,
    "further": 2,
    "opposite": 1,
    "again": 2,
    "other_one": 5,
    "all_of_them": 3,
    "here": 2,
}
"""How often each sort is tried; few commands leave room for some of them."""
_ALIKE, _TOGGLING = 5.0, 0.2
"""How much likelier another command is that changes the same, and one that toggles."""
_MAIN = {
    Kind.LIGHT: Attribute.BRIGHTNESS,
    Kind.FAN: Attribute.SPEED,
    Kind.MEDIA_PLAYER: Attribute.VOLUME,
}
"""What there is more of after something was turned on."""
_NUMBERS = frozenset({"{number}", "minimum", "maximum", "+", "-"})
"""Values after which a number is one to set, and not one to change by."""

_TOO = re.compile(r"^and\b|\b(?:too|also|as well|same)\b")
"""Says that what was done stays so."""


class FollowUps:
    """Composes follow-ups for one home."""

    def __init__(
        self,
        scene: Scene,
        pointer: Pointer,
        clauses: Clauses,
        resolver: Resolver,
        framing: Framing,
    ) -> None:
        """Composes them of these parts."""
        self._scene = scene
        self._pointer = pointer
        self._clauses = clauses
        self._resolver = resolver
        self._framing = framing
        self._entries = {
            sort: [one for one in scene.manner.follow_up if one.follow == sort] for sort in _SHARES
        }

    def follow_up(self) -> Case:
        """A sentence that refers to the command before it."""
        clause = self._clauses.clause()
        area = self._scene.speaker_of(clause.targets[0])
        first = self._resolver.commands([clause], clause.text, area)
        if first.commands != 1:
            raise Miss
        phrase = self._resolver.phrase(clause.targets[0], first.candidates)
        spoken = next(one for one in first.candidates.targets if one.target.phrase == phrase)
        before = Before(first.output, (spoken,))
        sorts = [sort for sort, entries in self._entries.items() if entries]
        weights = [_SHARES[sort] for sort in sorts]
        for _ in range(_TRIES):
            self._scene.speaker = None
            sort = self._scene.random.choices(sorts, weights)[0]
            try:
                follow = self._follow(sort, clause)
                text = self._framing.framed([follow.text], [follow.phrasing.style])[0]
                case = self._resolver.commands(
                    [follow], text, self._scene.speaker or area, before=before, how="follow-up"
                )
            except Miss:
                continue
            repeats = sort == "again" or isinstance(follow.wanted, Step | Toggle)
            if repeats or case.output != before.said:
                return case
        raise Miss

    def _follow(self, sort: str, clause: Clause) -> Clause:
        """A clause of a sort that can come after another one."""
        random, entries = self._scene.random, self._entries[sort]
        if sort == "same_target":
            return self._same_target(clause, entries)
        template = random.choice(random.choice(entries).say)
        match sort:
            case "same_action":
                return self._same_action(clause, template)
            case "another_value":
                return self._another_value(clause, template)
            case "other_one":
                return self._on(clause, template, self._other_one(clause, template))
            case "all_of_them":
                return self._on(clause, template, self._all(clause))
            case "here":
                return self._on(clause, template, self._here(clause))
            case _:
                return self._stepped(clause, template, sort)

    def _on(self, clause: Clause, template: str, new: Reference, text: str = "") -> Clause:
        """The command once more for another thing, said with a template."""
        old = clause.targets[0]
        if set(new.entities) == set(old.entities) or old.excluded:
            raise Miss
        text = text or self._pointer.here(template)
        phrasing = replace(clause.phrasing, style="follow-up")
        wanted = clause.wanted
        if "{number}" in text or "{option}" in text:
            entity = self._clauses.doer(phrasing, new)
            text, wanted, phrasing = self._with_value(text, clause, entity)
        elif not self._clauses.takes(new, phrasing, wanted):
            raise Miss
        return Clause(text, (new,), clause.attribute, wanted, phrasing)

    def _with_value(
        self, text: str, clause: Clause, entity: Entity
    ) -> tuple[str, Wanted, Phrasing]:
        """A template with a value of the same sort as the one before."""
        place = "{number}" if "{number}" in text else "{option}"
        value = (clause.phrasing.do or ("", ""))[1]
        capability = entity.capability(clause.attribute)
        domain = None if capability is None else capability.domain
        numeric = isinstance(domain, Range) and value in _NUMBERS and place == "{number}"
        chosen = isinstance(domain, Choice) and value == "{option}" == place
        if not numeric and not chosen:
            raise Miss
        phrasing = Phrasing(text, "follow-up", (entity.kind,), (clause.attribute, place))
        return *self._clauses.valued(text, phrasing, entity), phrasing

    def _same_action(self, clause: Clause, template: str) -> Clause:
        """The command once more, for another thing or in another place."""
        old = clause.targets[0]
        if "{target}" not in template:
            new, words, at = self._elsewhere(clause)
            text = template.replace("{area}", words).replace("{place}", at)
            return self._on(clause, template, new, text)
        kind = self._scene.members(old)[0].kind
        able = [one for one in self._scene.of(kind) if can(one, clause.phrasing)]
        new = self._pointer.reference(clause.phrasing, able, plain=True)
        return self._on(clause, template, new, template.replace("{target}", new.text))

    def _elsewhere(self, clause: Clause) -> tuple[Reference, str, str]:
        """Such a thing in another place, with the place's name and the words for being there."""
        scene, refer, old = self._scene, self._scene.referrer, clause.targets[0]
        kind = scene.members(old)[0].kind
        everything = old.phrases[0].startswith("everything")
        if not everything and not self._is_called_by_kind(old, kind):
            raise Miss
        place, there = self._another_place(clause, kind)
        words, known = refer.area_phrase(place)
        at, known_at = refer.place_phrase(place)
        names = dict.fromkeys((known, known_at, *map(fold, place.names)))
        if everything:
            areas = {place.id} if isinstance(place, Area) else self._areas_on(place)
            things = [one for one in scene.unguarded() if one.area in areas]
            phrases = tuple(f"everything in {name}" for name in names)
            there = things
        else:
            of_room = old.how == "room" and isinstance(place, Area)
            plural = old.plural if old.how in {"kind", "place", "here"} else len(there) > 1
            plural = plural or isinstance(place, Floor)
            phrases = tuple(names) if of_room else ()
            phrases += tuple(
                phrase for name in names for phrase in kind_phrases(f"{name} ", kind, plural=plural)
            )
        ids = tuple(one.id for one in there)
        return Reference(words, ids, phrases, True, "place"), words, at

    def _another_place(self, clause: Clause, kind: Kind) -> tuple[Area | Floor, Sequence[Entity]]:
        """A room or floor with none of what was commanded, and what of the kind is there."""
        scene, random = self._scene, self._scene.random
        members = scene.members(clause.targets[0])
        known = {one.area for one in members}
        able = [one for one in scene.of(kind) if can(one, clause.phrasing) and is_counted(one)]
        areas = {one.area for one in able if one.area is not None}
        floors = [
            floor
            for floor in scene.registry.floors.values()
            if areas & (on := self._areas_on(floor)) and not known & on
        ]
        if floors and random.random() < 0.25:
            floor = random.choice(floors)
            on = self._areas_on(floor)
            return floor, [one for one in scene.of(kind) if one.area in on]
        free = sorted(areas - known)
        if not free:
            raise Miss
        area = scene.registry.areas[random.choice(free)]
        return area, scene.of(kind, area)

    def _areas_on(self, floor: Floor) -> set[str | None]:
        return {one.id for one in self._scene.registry.areas.values() if one.floor == floor.id}

    def _is_called_by_kind(self, reference: Reference, kind: Kind) -> bool:
        """Whether "and the hall" means such a thing there: not after "turn on the moonbeam"."""
        if reference.how in {"kind", "place", "here", "room", "implied"}:
            return reference.how != "implied" or kind in _MAIN or kind is Kind.CLIMATE
        said = reference.phrases[0].split()
        return any(noun.split()[-1] == said[-1] for pair in kind_words(kind) for noun in pair)

    def _other_one(self, clause: Clause, template: str) -> Reference:
        """The second of two: by its name, or both where that name is not before the model."""
        scene, old = self._scene, clause.targets[0]
        entity = scene.members(old)[0]
        once = isinstance(clause.wanted, Toggle | Step) or entity.security
        both = len(scene.of(entity.kind)) == 2 and not once and _TOO.search(template) is not None
        pair = tuple(f"all {plural}" for _, plural in kind_words(entity.kind)) if both else ()
        for there in (scene.of(entity.kind, scene.area_of(entity)), scene.of(entity.kind)):
            others = [one for one in there if one.id != entity.id]
            if len(others) == 1 and len(old.entities) == 1 and can(others[0], clause.phrasing):
                names = tuple(map(fold, others[0].names))
                return Reference("", (others[0].id,), (*names, *pair))
        raise Miss

    def _all(self, clause: Clause) -> Reference:
        """All of the kind of which one or some were commanded."""
        scene, old = self._scene, clause.targets[0]
        kind = scene.members(old)[0].kind
        free = [one for one in scene.of(kind) if not one.security]
        idle = isinstance(clause.wanted, Toggle | Step)
        if (
            len(free) < 3
            or idle
            or old.how == "all"
            or not set(old.entities) < {e.id for e in free}
        ):
            raise Miss
        return scene.referrer.to_all(kind, free, ("all {kinds}",))

    def _here(self, clause: Clause) -> Reference:
        """Such a thing where the speaker is now."""
        scene, old = self._scene, clause.targets[0]
        kind = scene.members(old)[0].kind
        if scene.is_car or not self._is_called_by_kind(old, kind):
            raise Miss
        place, there = self._another_place(clause, kind)
        if not isinstance(place, Area):
            raise Miss
        scene.speaker = place
        ids = tuple(one.id for one in there)
        plural = old.plural or len(there) > 1
        return Reference("", ids, kind_phrases("", kind, plural=plural), plural, "here")

    def _another_value(self, clause: Clause, template: str) -> Clause:
        """The same for another value: "to 40 instead"."""
        reference = clause.targets[0]
        entity = self._clauses.doer(clause.phrasing, reference)
        text, wanted, phrasing = self._with_value(template, clause, entity)
        if wanted == clause.wanted:
            raise Miss
        return Clause(text, (reference,), clause.attribute, wanted, phrasing)

    def _stepped(self, clause: Clause, template: str, sort: str) -> Clause:
        """A bit more or less of what was just changed, or the same once again."""
        reference, wanted, attribute = clause.targets[0], clause.wanted, clause.attribute
        members = self._scene.members(reference)
        if sort == "again":
            repeated = isinstance(wanted, Step) and wanted.amount is None
            if not repeated and wanted not in {"next", "previous", "press"}:
                raise Miss
            do = (clause.phrasing.do or ("", ""))[1]
            return self._clauses.same_target((attribute, do), template, reference)
        if sort in {"further", "opposite"} and not isinstance(wanted, Step):
            raise Miss
        if wanted == "on" and members[0].kind in _MAIN and sort != "back":
            attribute, direction = _MAIN[members[0].kind], 1
        else:
            direction = self._direction(wanted, sort)
        sign = "+" if (direction > 0) == (sort in {"more", "further"}) else "-"
        return self._clauses.same_target((attribute, sign), template, reference)

    def _direction(self, wanted: Wanted, sort: str) -> int:
        """Which way it went: "a bit more" goes on so, "not that much" back."""
        if isinstance(wanted, Step):
            return 1 if sort == "less" else wanted.direction
        if isinstance(wanted, float | int):
            return 1
        lowest = wanted == Extreme.MINIMUM
        if not isinstance(wanted, Extreme) or sort == "more" or (lowest and sort == "less"):
            raise Miss  # there is no more than all of it
        return -1 if lowest else 1

    def _same_target(self, clause: Clause, entries: Sequence[FollowUp]) -> Clause:
        """Another command for the same thing, most likely for what was just changed."""
        random = self._scene.random
        deeds = [one.deed or ("", "") for one in entries]
        weights = [
            _ALIKE if attribute == clause.attribute else _TOGGLING if value == "toggle" else 1.0
            for attribute, value in deeds
        ]
        entry = random.choices(entries, weights)[0]
        template = random.choice(entry.say)
        follow = self._clauses.same_target(entry.deed or ("", ""), template, clause.targets[0])
        same = (follow.attribute, follow.wanted) == (clause.attribute, clause.wanted)
        if same and not isinstance(follow.wanted, Step) and clause.attribute != Attribute.COMMAND:
            raise Miss
        return follow
