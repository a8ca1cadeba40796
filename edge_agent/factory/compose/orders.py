"""Orders that fill several settings of one machine at once: "a large latte with two sugars".

Knows slots by how the names of settings end; not what a machine makes.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from edge_agent.core.entity import Attribute, Capability, Choice, Entity, Kind, Range
from edge_agent.core.names import fold
from edge_agent.factory.compose.case import Case, Miss
from edge_agent.factory.compose.clauses import Clause
from edge_agent.factory.compose.resolving import Resolver
from edge_agent.factory.compose.scene import Scene
from edge_agent.factory.sentences.bank import Phrasing
from edge_agent.factory.sentences.orders import SLOT, Orders
from edge_agent.factory.sentences.refer import Reference
from edge_agent.factory.sentences.values import likely_number, say_number, say_option
from edge_agent.language.grammar import MOST_ACTIONS

_ORDERED = 0.5
_MENU, _WHOLE, _CORRECTED = 0.7, 0.9, 0.03
_WITHOUT, _AFTERTHOUGHT = 0.15, 0.05
_TWICE = re.compile(r"\b(\w+) \1\b")
_ONE = re.compile(r"\b(one|1) (shot|sugar|cup|serving)s\b")
_AN = re.compile(r"\ba (?=[aeiou])")
_VESSEL = re.compile(r"\b(cup|mug|pot|demitasse) (?=\{drink\})")
"""A cup of coffee, but a large coffee."""
_UNSAID = frozenset({"none", "off", "black", "splash", "half", "plain", "normal", "regular"})
"""Options that nobody says before a noun; those that begin with `no` or `a` neither."""


class Ordering:
    """Composes orders for the one machine of a scene, where it has settings enough."""

    def __init__(self, scene: Scene, orders: Orders, resolver: Resolver) -> None:
        """Keeps what can be ordered here."""
        self._random = scene.random
        self._resolver = resolver
        # In a house nobody's "size" is the coffee machine's: an order has one machine before it.
        alone = not scene.registry.areas
        self._slots = _slots(scene, orders.slots) if alone else {}
        self._templates = [
            text for text in orders.say if self._slots.keys() >= set(SLOT.findall(text))
        ]
        self._menu = menu = orders.menu
        self._main = next((slot for slot in menu.main if slot in self._slots), None)
        self._extras = [slot for slot in self._slots if slot in {*menu.before, *menu.after}]

    def or_else(self, another: Callable[[], Case]) -> Case:
        """An order as often as not, where one can be given, or another sentence."""
        wanted = self._templates and self._random.random() < _ORDERED
        return self.order() if wanted else another()

    def order(self) -> Case:
        """One order; a Miss where what was drawn cannot be said."""
        if self._main and self._extras and self._menu.openers and self._random.random() < _MENU:
            return self._assembled(self._main)
        text = self._random.choice(self._templates)
        clauses = []
        for slot in SLOT.findall(text):
            said, clause = self._filled(self._slots[slot])
            if isinstance(clause.wanted, str):  # two sugars, but a bit of honey
                text = text.replace(f"}} {self._menu.counted.get(slot)}", "}")
            if slot == "size":
                text = _VESSEL.sub(r"\1 of ", text.replace("{size}", said))
            text = text.replace(f"{{{slot}}}", said)
            clauses.append(clause)
        text = _AN.sub("an ", _ONE.sub(r"\1 \2", _TWICE.sub(r"\1", text)))
        return self._resolver.commands(clauses, text, None)

    def _assembled(self, main: str) -> Case:
        """An order of some of what a menu has, put together as people do."""
        random, menu = self._random, self._menu
        whole = not menu.partial or random.random() < _WHOLE
        share = random.choice((0.3, 0.5, 0.8))
        extras = [slot for slot in self._extras if random.random() < share]
        extras = random.sample(extras or self._extras[:1], min(len(extras) or 1, MOST_ACTIONS - 1))
        ahead = [
            slot
            for slot in sorted(extras, key=[*menu.before, *extras].index)
            if slot in menu.before and (slot not in menu.after or random.random() < 0.6)
        ]
        if random.random() < 0.25:
            random.shuffle(ahead)
        behind = [slot for slot in extras if slot not in ahead]
        clauses: list[Clause] = []

        def said(slot: str) -> str:
            words, clause = self._filled(self._slots[slot])
            clauses.append(clause)
            return self._correcting(slot, self._with_noun(slot, words))

        text = " ".join([*map(said, ahead), *([said(main)] if whole else [])])
        if text and whole:
            text = random.choice(menu.articles) + text
        for number, slot in enumerate(behind):
            link = random.choice(menu.ands if number else menu.withs)
            text += (link if text or "with" in link else "") + said(slot)
        if text and whole:
            if random.random() < _WITHOUT:
                text += self._without(extras, clauses)
            elif random.random() < _AFTERTHOUGHT:
                text += self._afterthought([*ahead, main, *behind], clauses)
        around = random.choice(menu.openers if whole else menu.partial)
        text = _AN.sub("an ", _ONE.sub(r"\1 \2", around.replace("{order}", text.strip(" ,"))))
        return self._resolver.commands(clauses, text, None)

    def _without(self, said: Sequence[str], clauses: list[Clause]) -> str:
        """Add "no sugar": nothing is set then, unless the machine has an option for that."""
        random, menu = self._random, self._menu
        left = [slot for slot in menu.unwanted if slot in self._slots and slot not in said]
        if not left:
            raise Miss
        slot = random.choice(left)
        noun, entity = menu.unwanted[slot], self._slots[slot]
        domain = _setting(entity).domain
        options = domain.options if isinstance(domain, Choice) else ()
        none = next((one for one in options if one in {"none", f"no {noun}"}), None)
        if none is not None:
            clauses.append(_clause(entity, noun, none))
        return random.choice(menu.withouts) + noun

    def _afterthought(self, said: Sequence[str], clauses: list[Clause]) -> str:
        """Add "actually make that medium": an option of a slot that was said already."""
        at = self._random.randrange(len(said))
        words, clause = self._filled(self._slots[said[at]])
        if clause.wanted == clauses[at].wanted:
            raise Miss
        clauses[at] = clause
        return self._random.choice(self._menu.afterthoughts) + words

    def _with_noun(self, slot: str, words: str) -> str:
        domain = _setting(self._slots[slot]).domain
        if not isinstance(domain, Choice):
            return f"{words} {self._menu.counted.get(slot, '')}".strip()
        noun = self._menu.nouns.get(slot, "")
        named = any(noun in say_option(option) for option in domain.options)
        return words if named else f"{words} {noun}"

    def _correcting(self, slot: str, words: str) -> str:
        """Now and then another option slips out first."""
        domain = _setting(self._slots[slot]).domain
        if self._random.random() >= _CORRECTED or not isinstance(domain, Choice):
            return words
        wrong = self._with_noun(slot, say_option(self._random.choice(domain.options)))
        if wrong == words:
            return words
        return f"{wrong}{self._random.choice(self._menu.corrections)}{words}"

    def _filled(self, entity: Entity) -> tuple[str, Clause]:
        """What is said for one setting, and its command."""
        wanted: str | float | None
        capability = _setting(entity)
        if isinstance(capability.domain, Choice):
            wanted = self._random.choice(capability.domain.options)
            said = say_option(wanted)
            if said in _UNSAID or said == "a little" or said.startswith("no "):
                raise Miss
        else:
            wanted = likely_number(capability, self._random)
            if not wanted:
                raise Miss
            said = say_number(wanted, capability, self._random)
        return said, _clause(entity, said, wanted)


_ATTRIBUTES = (Attribute.OPTION, Attribute.VALUE)


def _setting(entity: Entity) -> Capability:
    """What is set of a setting."""
    return next(one for one in entity.capabilities if one.attribute in _ATTRIBUTES)


def _clause(entity: Entity, said: str, wanted: str | float) -> Clause:
    attribute = _setting(entity).attribute
    names = tuple(fold(name) for name in entity.names)
    reference = Reference(said, (entity.id,), names, how="order")
    phrasing = Phrasing(said, "order", (entity.kind,), (attribute, "{option}"))
    return Clause(said, (reference,), attribute, wanted, phrasing)


def _slots(scene: Scene, named: Mapping[str, Sequence[str]]) -> Mapping[str, Entity]:
    """The setting that fills each slot; where two could, nobody knows which one is meant."""
    settings = [
        entity
        for kind in (Kind.SELECT, Kind.NUMBER)
        for entity in scene.of(kind)
        if any(
            one.settable and one.attribute in _ATTRIBUTES and isinstance(one.domain, Choice | Range)
            for one in entity.capabilities
        )
    ]
    found = {
        slot: [
            entity
            for entity in settings
            if any(f" {fold(name)}".endswith(f" {end}") for name in entity.names for end in ends)
        ]
        for slot, ends in named.items()
    }
    return {slot: entities[0] for slot, entities in found.items() if len(entities) == 1}
