"""The only language the model may speak: a token automaton built from what exists.

Every path through it is a command, a question or a refusal, and every leaf carries its meaning,
so nothing that was decoded has to be parsed. Knows tokens as numbers, and no tensors.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

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
    Step,
    Target,
    Toggle,
    Wanted,
)
from edge_agent.core.entity import Attribute, Capability, Choice, Range, Reading, Text
from edge_agent.core.registry import Registry
from edge_agent.errors import ModelError
from edge_agent.language.numbers import spell
from edge_agent.language.vocabulary import Spoken
from edge_agent.language.wording import (
    BARE_ATTRIBUTES,
    QUESTION_FORMS,
    REFUSAL,
    SEPARATOR,
    command_form,
)

VERSION = 1
"""Of the output language; a model that was made for another version is refused."""

MOST_ACTIONS = 4
"""Commands in one sentence."""

Leaf: TypeAlias = Action | Condition | Query | Refusal


class Encoder(Protocol):
    """Text to token ids, as the tokenizer does it."""

    def __call__(self, text: str, /) -> Sequence[int]:
        """The ids of a text; never a special token."""
        ...


class Node:
    """A state of the automaton. `edges` maps legal next tokens to states; empty is the end."""

    __slots__ = ("children", "leaf", "outcome")

    def __init__(self) -> None:
        """A state with no way on yet."""
        self.children: dict[int, Node] = {}
        self.leaf: Leaf | None = None
        self.outcome: Mapping[int, Node] = {}

    @property
    def edges(self) -> Mapping[int, "Node"]:
        """The legal next tokens and where they lead."""
        return {**self.outcome, **self.children} if self.outcome else self.children

    def put(self, tokens: Iterable[int], leaf: Leaf, outcome: Mapping[int, "Node"]) -> None:
        """Add a path that ends in a leaf, after which `outcome` says how it may go on.

        Where one phrase has several meanings the first one stays: a name goes before a place.
        """
        node = self
        for token in tokens:
            node = node.children.setdefault(token, Node())
        if node.leaf is None:
            node.leaf, node.outcome = leaf, outcome


@dataclass(frozen=True, slots=True)
class Slots:
    """What a sentence offers for the open places of the grammar."""

    targets: Sequence[Spoken]
    numbers: Sequence[float] = ()
    texts: Sequence[str] = ()
    """Spans of the sentence that may become a text, an item of a list say."""
    conditional: bool = False
    """Whether conditions are offered at all."""


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
    node = root
    for token in tokens:
        if token in node.children:
            node = node.children[token]
            continue
        match node.leaf:
            case Query() | Refusal():
                return node.leaf
            case Condition():
                condition = node.leaf
            case Action():
                actions.append(replace(node.leaf, condition=condition))
        node = node.outcome[token]
    if 0 < len(actions) <= MOST_ACTIONS:
        return Plan(tuple(actions))
    return Refusal("too many commands in one sentence" if actions else "nothing")


def compile_grammar(registry: Registry, slots: Slots, encode: Encoder, end: int) -> Grammar:
    """The automaton for one sentence; its size depends on the slots alone.

    Args:
        registry: The snapshot that the targets belong to.
        slots: The targets, numbers and texts that the sentence may use.
        encode: The tokenizer's encoder; every phrase is encoded with its leading space.
        end: The token that ends an output.

    Raises:
        ModelError: A question and a command would begin with the same token.
    """
    writer = _Writer(registry, slots)
    done = {end: Node()}
    actions, questions, conditions = Node(), Node(), Node()
    again = {**done, **_through(encode(SEPARATOR), actions)}
    for text, action in writer.actions():
        actions.put(encode(f" {text}"), action, again)
    for text, query in writer.questions():
        questions.put(encode(f" {text}"), query, done)
    questions.put(encode(f" {REFUSAL}"), Refusal(), done)
    if slots.conditional:
        then = _through(encode(" then"), actions)
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

    def __init__(self, registry: Registry, slots: Slots) -> None:
        self._slots = slots
        self._registry = registry

    def actions(self) -> Iterator[tuple[str, Action]]:
        """Commands: target by target, attribute by attribute."""
        for spoken in self._slots.targets:
            if spoken.question_only:
                continue
            for attribute, capabilities in self._capabilities(spoken).items():
                settable = {key: known for key, known in capabilities.items() if known.settable}
                # "lock the front door" means the lock, not the contact of the same name.
                target = replace(spoken.target, entities=tuple(settable))
                for text, wanted in self._values(attribute, list(settable.values())):
                    yield text.format(target=target.phrase), Action(target, attribute, wanted)

    def questions(self) -> Iterator[tuple[str, Query]]:
        """Questions about what is readable."""
        for spoken in self._slots.targets:
            phrase = spoken.target.phrase
            for attribute, capabilities in self._capabilities(spoken).items():
                found = {key: known for key, known in capabilities.items() if known.readable}
                if not found:
                    continue
                readable = list(found.values())
                target = Target(phrase, tuple(found), collective=True)
                yield self._open_question(phrase, attribute), Query(Ask.STATE, target, attribute)
                for option in _options(readable):
                    yield f"is {phrase} {option}", Query(Ask.STATE, target, attribute, option)
                    if spoken.plural:
                        for text, ask in _PLURAL_QUESTIONS:
                            query = Query(ask, target, attribute, option)
                            yield text.format(target=phrase, value=option), query

    def conditions(self) -> Iterator[tuple[str, Condition]]:
        """Tests on readable values, for "if ... then ..."."""
        for spoken in self._slots.targets:
            phrase = spoken.target.phrase
            for attribute, capabilities in self._capabilities(spoken).items():
                found = {key: known for key, known in capabilities.items() if known.readable}
                readable = list(found.values())
                target = replace(spoken.target, entities=tuple(found))
                for option in _options(readable):
                    test = Condition(target, attribute, Comparison.IS, option)
                    yield f"if {phrase} is {option}", test
                if any(isinstance(known.domain, Range | Reading) for known in readable):
                    name = phrase if attribute in phrase else f"{phrase} {attribute}"
                    for number in self._slots.numbers:
                        for comparison in (Comparison.ABOVE, Comparison.BELOW):
                            test = Condition(target, attribute, comparison, number)
                            yield f"if {name} is {comparison} {spell(number)}", test

    def _capabilities(self, spoken: Spoken) -> Mapping[str, Mapping[str, Capability]]:
        """Attribute -> entity id -> capability, for the members of a target."""
        found: dict[str, dict[str, Capability]] = {}
        kinds = set()
        for entity_id in spoken.target.entities:
            entity = self._registry.entities.get(entity_id)
            for capability in entity.capabilities if entity else ():
                found.setdefault(capability.attribute, {})[entity_id] = capability
            kinds.add(entity.kind if entity else None)
        if spoken.target.collective and len(kinds) > 1:
            # "everything" and rooms can be switched; nobody sets the position of everything.
            return {key: found[key] for key in _MIXED if key in found}
        # "is the radio on" asks for its power, though its mute is on or off as well.
        return dict(sorted(found.items(), key=lambda item: item[0] != Attribute.POWER))

    def _values(
        self, attribute: str, capabilities: Sequence[Capability]
    ) -> Iterator[tuple[str, Wanted]]:
        bare = attribute in BARE_ATTRIBUTES
        name = "{target}" if bare else f"{{target}} {attribute}"
        for option in _options(capabilities, most=_MOST_OPTIONS):
            yield command_form(attribute, option) or f"set {name} to {_plain(option)}", option
        if attribute == Attribute.POWER and capabilities:
            yield "toggle {target}", Toggle.TOGGLE
        if any(isinstance(known.domain, Range) for known in capabilities):
            for number in self._slots.numbers:
                yield f"set {name} to {spell(number)}", number
                yield f"increase {name} by {spell(number)}", Step(1, number)
                yield f"decrease {name} by {spell(number)}", Step(-1, number)
            yield f"increase {name}", Step(1)
            yield f"decrease {name}", Step(-1)
            for extreme in Extreme:
                yield f"set {name} to {extreme}", extreme
        if any(isinstance(known.domain, Text) for known in capabilities):
            for text in self._slots.texts:
                yield f"add {_plain(text)} to {{target}}", text

    def _open_question(self, phrase: str, attribute: str) -> str:
        form = QUESTION_FORMS.get(attribute)
        if form is None:
            # "what is outdoor temperature", not "what is outdoor temperature temperature"
            form = "what is {target}" if attribute in phrase else "what is {target} {attribute}"
        return form.format(target=phrase, attribute=attribute)


_MIXED = (Attribute.POWER, Attribute.TEMPERATURE, Attribute.CURRENT_TEMPERATURE, "humidity")
_MOST_OPTIONS = 40
_PLURAL_QUESTIONS = (
    ("which {target} are {value}", Ask.WHICH),
    ("how many {target} are {value}", Ask.COUNT),
    ("any {target} {value}", Ask.ANY),
)


def _options(capabilities: Sequence[Capability], *, most: int = 12) -> list[str]:
    options: dict[str, None] = {}
    for capability in capabilities:
        if isinstance(capability.domain, Choice):
            options.update(dict.fromkeys(capability.domain.options))
    return list(options)[:most]


def _plain(text: str) -> str:
    # Braces belong to the forms; values never bring their own.
    return text.replace("{", "").replace("}", "")
