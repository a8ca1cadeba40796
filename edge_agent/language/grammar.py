"""The only language the model may speak: a token automaton built from what exists.

Every path through it is a command, a question or a refusal, and every leaf carries its meaning,
so nothing that was decoded has to be parsed. Knows tokens as numbers, and no tensors.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

from edge_agent.core.classes import CLASS_OF, ThingClass
from edge_agent.core.command import (
    Action,
    Ask,
    Comparison,
    Condition,
    Extreme,
    Meaning,
    Plan,
    Query,
    Refusal,
    Schedule,
    Step,
    Target,
    Toggle,
    Wanted,
)
from edge_agent.core.entity import Attribute, Value
from edge_agent.errors import ModelError
from edge_agent.language.abilities import Abilities, Ability, Members
from edge_agent.language.spoken import Spoken
from edge_agent.language.times import Time
from edge_agent.language.wording import (
    EXCEPT,
    REFUSAL,
    SEPARATOR,
    THEN,
    write_command,
    write_condition,
    write_question,
)

VERSION = 2
"""Of the output language; a model that was made for another version is refused."""

MOST_ACTIONS = 8
"""Commands in one sentence."""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """What a collective action passes over."""

    target: Target


Leaf: TypeAlias = Action | Condition | Query | Refusal | Exclusion | Schedule


class Encoder(Protocol):
    """Text to token ids, as the tokenizer does it."""

    def __call__(self, text: str, /) -> Sequence[int]:
        """The ids of a text; never a special token."""
        ...


class Node:
    """A state of the automaton. `edges` maps legal next tokens to states; empty is the end.

    States come to be when they are looked at: a decode walks few of the thousands of paths.
    """

    __slots__ = ("_children", "_edges", "_waiting", "leaf", "outcome")

    def __init__(self) -> None:
        """A state with no way on yet."""
        self.leaf: Leaf | None = None
        self.outcome: Mapping[int, Node] = {}
        self._children: dict[int, Node] = {}
        self._waiting: list[tuple[Sequence[int], int, Leaf, Mapping[int, Node]]] = []
        self._edges: Mapping[int, Node] | None = None

    @property
    def children(self) -> dict[int, "Node"]:
        """The tokens that go on with a phrase, and where they lead."""
        for tokens, at, leaf, outcome in self._waiting:
            child = self._children.get(tokens[at])
            if child is None:
                child = self._children[tokens[at]] = Node()
            child.put(tokens, leaf, outcome, at + 1)
        self._waiting.clear()
        return self._children

    @property
    def edges(self) -> Mapping[int, "Node"]:
        """The legal next tokens and where they lead; asked for when the automaton is complete."""
        if not self.outcome:
            return self.children
        if self._edges is None:
            self._edges = _union(self.children, self.outcome)
        return self._edges

    def put(
        self, tokens: Sequence[int], leaf: Leaf, outcome: Mapping[int, "Node"], at: int = 0
    ) -> None:
        """Add a path that ends in a leaf, after which `outcome` says how it may go on.

        Where one phrase has several meanings the first one stays: a name goes before a place.

        Args:
            tokens: The path.
            leaf: What it means.
            outcome: The states after it.
            at: How many of the tokens lead to this state.
        """
        if at < len(tokens):
            self._waiting.append((tokens, at, leaf, outcome))
        elif self.leaf is None:
            self.leaf, self.outcome = leaf, outcome


class _Either(Node):
    """Two states at once: after "heater" an "in" begins a time, or goes on to "heater in shed"."""

    __slots__ = ("_parts",)

    def __init__(self, one: Node, other: Node) -> None:
        super().__init__()
        self._parts = one, other

    @property
    def edges(self) -> Mapping[int, Node]:
        if self._edges is None:
            one, other = self._parts
            self._edges = _union(one.edges, other.edges)
        return self._edges


def _union(one: Mapping[int, Node], other: Mapping[int, Node]) -> Mapping[int, Node]:
    both = {**other, **one}
    for token in one.keys() & other.keys():
        if one[token] is not other[token]:
            both[token] = _Either(one[token], other[token])
    return both


@dataclass(frozen=True, slots=True)
class Slots:
    """What a sentence offers for the open places of the grammar."""

    targets: Sequence[Spoken]
    numbers: Sequence[float] = ()
    texts: Sequence[str] = ()
    """Spans of the sentence that may become a text, an item of a list say."""
    times: Sequence[Time] = ()
    conditional: bool = False
    """Whether conditions are offered at all."""
    exceptional: bool = False
    """Whether exceptions ("all ... except ...") are offered at all."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """The automaton of one sentence in one registry snapshot."""

    commands: Node
    """Root for sentences that may act; questions and the refusal can be reached too."""
    questions: Node
    """Root for questions; no path from here reaches an action."""


def meaning(root: Node, tokens: Sequence[int]) -> Meaning:
    """What a finished path means.

    Args:
        root: The root that the path was decoded from.
        tokens: The tokens of the path with its end token.
    """
    actions: list[Action] = []
    condition: Condition | None = None
    for leaf in _leaves(root, tokens) or ():
        match leaf:
            case Query() | Refusal():
                return leaf
            case Condition():
                condition = leaf
            case Action():
                actions.append(replace(leaf, condition=condition))
            case Exclusion(target) if actions:
                actions[-1] = replace(actions[-1], target=_without(actions[-1].target, target))
            case Schedule() if actions:
                actions[-1] = replace(actions[-1], schedule=leaf)
    if any(not action.target.entities for action in actions):
        return Refusal("nothing is left after the exceptions")
    if 0 < len(actions) <= MOST_ACTIONS:
        return Plan(tuple(actions))
    return Refusal("too many commands in one sentence" if actions else "nothing")


def _leaves(root: Node, tokens: Sequence[int]) -> Sequence[Leaf] | None:
    """The leaves that a path passes, None where it is none; a name goes on as long as it can."""
    node, passed = root, list[Leaf]()
    for at, token in enumerate(tokens):
        longer, over = node.children.get(token), node.outcome.get(token)
        if longer is not None and over is not None:
            rest = _leaves(longer, tokens[at + 1 :])
            if rest is not None:
                return [*passed, *rest]
            longer = None
        if longer is not None:
            node = longer
        elif over is not None and node.leaf is not None:
            passed.append(node.leaf)
            node = over
        else:
            return None
    return None if node.edges else passed


def compile_grammar(abilities: Abilities, slots: Slots, encode: Encoder, end: int) -> Grammar:
    """The automaton for one sentence; its size depends on the slots alone.

    Args:
        abilities: Of the snapshot that the targets belong to.
        slots: The targets, numbers and texts that the sentence may use.
        encode: The tokenizer's encoder; every phrase is encoded with its leading space.
        end: The token that ends an output.

    Raises:
        ModelError: A question and a command would begin with the same token.
    """
    writer = _Writer(abilities, slots)
    done = {end: Node()}
    actions, questions, conditions = Node(), Node(), Node()
    again = {**done, **_through(encode(SEPARATOR), actions)}
    timed, excluded = Node(), Node()
    for time in slots.times:
        timed.put(encode(f" {time.phrase}"), time.schedule, again)
    then_or_timed = {**again, **timed.children}
    then_or_except = dict(then_or_timed)
    if slots.exceptional:
        then_or_except |= _through(encode(f" {EXCEPT}"), excluded)
        for target in _widest(one for one in slots.targets if one.of is None):
            excluded.put(encode(f" {target.phrase}"), Exclusion(target), then_or_except)
    for text, action in writer.actions():
        outcome = then_or_except if action.target.collective else then_or_timed
        actions.put(encode(f" {text}"), action, outcome)
    for text, query in writer.questions():
        questions.put(encode(f" {text}"), query, done)
    questions.put(encode(f" {REFUSAL}"), Refusal(), done)
    if slots.conditional:
        then = _through(encode(f" {THEN}"), actions)
        for text, condition in writer.conditions():
            conditions.put(encode(f" {text}"), condition, then)
    commands = Node()
    # The three parts begin with different words, so their first tokens do not meet.
    for part in (questions, conditions, actions):
        if not commands.children.keys().isdisjoint(part.children):
            raise ModelError("this tokenizer cannot tell the first words of the grammar apart")
        commands.children.update(part.children)
    return Grammar(commands, questions)


def _through(tokens: Sequence[int], goal: Node) -> Mapping[int, Node]:
    edges: Mapping[int, Node] = {tokens[-1]: goal}
    for token in reversed(tokens[:-1]):
        node = Node()
        node.children.update(edges)
        edges = {token: node}
    return edges


class _Writer:
    """Writes out every phrase that the slots allow, with its meaning."""

    def __init__(self, abilities: Abilities, slots: Slots) -> None:
        self._abilities = abilities
        self._slots = slots

    def actions(self) -> Iterator[tuple[str, Action]]:
        """Commands: target by target, attribute by attribute."""
        # "Lock the doors" means all of them, "unlock the doors" one, which is to be asked.
        for spoken in sorted(self._slots.targets, key=lambda one: not one.secured):
            if spoken.question_only and not spoken.secured:
                continue
            entities = spoken.everywhere if spoken.secured else ()
            for attribute, ability in self._of(spoken, entities).items():
                # "lock the front door" means the lock, not the contact of the same name.
                target = replace(spoken.target, entities=ability.settable.entities)
                for wanted in self._values(attribute, ability.settable):
                    if spoken.secured and (attribute, wanted) not in SHUTTING:
                        continue
                    text = write_command(target.phrase, attribute, wanted)
                    yield text, Action(target, attribute, wanted)

    def questions(self) -> Iterator[tuple[str, Query]]:
        """Questions about what is readable."""
        for spoken in self._slots.targets:
            if spoken.of is not None:
                yield from self._of_class(spoken.target, spoken.of)
                continue
            phrase = spoken.target.phrase
            wide = self._of(spoken, spoken.everywhere) if spoken.everywhere else {}
            for attribute, ability in self._of(spoken).items():
                readable = ability.readable
                if not readable.entities:
                    continue
                near = Target(phrase, readable.entities, collective=True)
                ids = wide[attribute].readable.entities if attribute in wide else ()
                far = replace(near, entities=ids) if ids else near
                for ask, value, comparison in self._asked(spoken, attribute, readable):
                    text = write_question(phrase, attribute, ask, value, comparison)
                    target = near if ask is Ask.STATE else far
                    yield text, Query(ask, target, attribute, value, comparison)

    def _of_class(self, target: Target, one: ThingClass) -> Iterator[tuple[str, Query]]:
        """What may be asked about all things of a class."""
        for ask in (Ask.ANY, Ask.WHICH, Ask.COUNT, Ask.STATE):
            for state in one.states:
                text = write_question(target.phrase, one.attribute, ask, state)
                yield text, Query(ask, target, one.attribute, state)

    def _asked(
        self, spoken: Spoken, attribute: str, readable: Members
    ) -> Iterator[tuple[Ask, Value | None, Comparison]]:
        """What may be asked about the members of a target that have an attribute."""
        yield Ask.STATE, None, Comparison.IS
        for option in readable.options[:_MOST_ASKED]:
            yield Ask.STATE, option, Comparison.IS
            if spoken.plural:
                for ask in (Ask.WHICH, Ask.COUNT, Ask.ANY):
                    yield ask, option, Comparison.IS
        if attribute in _WORDED and not readable.options:
            # Where somebody is has no closed list; whether that is at home can be asked.
            for option in CLASS_OF[attribute].states:
                yield Ask.STATE, option, Comparison.IS
        if readable.numeric:
            for number in self._slots.numbers:
                yield Ask.STATE, number, Comparison.ABOVE
                yield Ask.STATE, number, Comparison.BELOW

    def conditions(self) -> Iterator[tuple[str, Condition]]:
        """Tests on readable values, for "if ... then ..."."""
        for spoken in self._slots.targets:
            if spoken.of is not None:
                continue
            phrase = spoken.target.phrase
            for attribute, ability in self._of(spoken).items():
                readable = ability.readable
                target = replace(spoken.target, entities=readable.entities)
                tests: list[tuple[Comparison, Value]] = [
                    (Comparison.IS, option) for option in readable.options[:_MOST_ASKED]
                ]
                if readable.numeric:
                    for number in self._slots.numbers:
                        tests += [(Comparison.ABOVE, number), (Comparison.BELOW, number)]
                for comparison, value in tests:
                    text = write_condition(phrase, attribute, comparison, value)
                    yield text, Condition(target, attribute, comparison, value)

    def _of(self, spoken: Spoken, entities: tuple[str, ...] = ()) -> Mapping[str, Ability]:
        """By attribute, what these things, or those of a target, can do."""
        target = spoken.target
        return self._abilities.of(entities or target.entities, collective=target.collective)

    def _values(self, attribute: str, settable: Members) -> Iterator[Wanted]:
        yield from settable.options[:_MOST_OPTIONS]
        if attribute == Attribute.POWER and settable.entities:
            yield Toggle.TOGGLE
        if settable.ranged:
            for number in self._slots.numbers:
                yield from (number, Step(1, number), Step(-1, number))
            yield from (Step(1), Step(-1), *Extreme)
        if settable.texts:
            yield from self._slots.texts


SHUTTING = frozenset({(Attribute.LOCK, "locked"), (Attribute.OPENING, "closed")})
"""What lets nobody in, and may be done to everything at once."""
_WORDED = frozenset({Attribute.LOCATION, "battery"})
"""What has no list of words, though it is asked about with two: home and away, low and normal."""
_MOST_OPTIONS, _MOST_ASKED = 40, 12


def _widest(targets: Iterable[Spoken]) -> Iterable[Target]:
    """By phrase all that it may stand for: an exception must not miss what somebody meant."""
    found: dict[str, Target] = {}
    for spoken in targets:
        target = spoken.target
        known = found.get(target.phrase)
        entities = dict.fromkeys((*(known.entities if known else ()), *target.entities))
        found[target.phrase] = replace(target, entities=tuple(entities))
    return found.values()


def _without(target: Target, excluded: Target) -> Target:
    left = tuple(entity for entity in target.entities if entity not in excluded.entities)
    return replace(target, phrase=f"{target.phrase} {EXCEPT} {excluded.phrase}", entities=left)
