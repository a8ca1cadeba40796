"""What a conversation is waiting for: an answer to a question that was asked back.

Time comes in as monotonic seconds. A pending question is answered once, by the same kind of
speaker, in time, or not at all.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from edge_agent.core.command import Plan
from edge_agent.core.entity import Origin
from edge_agent.core.names import fold
from edge_agent.core.registry import Registry
from edge_agent.language.interpreter import Before, Reading
from edge_agent.language.likeness import stem

ANSWER_TIME = 30.0
"""Seconds to answer "which one?"."""
CONFIRM_TIME = 15.0
"""Seconds to confirm a risky action."""
RECALL_TIME = 60.0
"""Seconds for which "it" may mean what was done last."""

_MOST_CONVERSATIONS = 64
_MOST_OPTIONS = 6
_LONGEST_ANSWER = 6  # words; a longer sentence is a new one


@dataclass(frozen=True, slots=True)
class Confirm:
    """A pending "shall I ...?": yes carries the plan out."""

    plan: Plan
    needs_pin: bool = False
    approved: bool = False
    """Policy is satisfied by the yes; false where only the understanding was in doubt."""
    before: Before | None = None
    """What a yes leaves for the next sentence to refer to; None where that is known already."""


@dataclass(frozen=True, slots=True)
class Which:
    """A pending "which one?": the answer picks among the options."""

    text: str
    """The sentence that was ambiguous."""
    options: tuple[str, ...]
    """Entity ids."""
    reading: Reading
    """What it was taken to mean."""


@dataclass(frozen=True, slots=True)
class Left:
    """A pending "which drink would you like?": the answer says what an order left out."""

    text: str
    """The order as it was said."""
    slots: tuple[str, ...]
    """Entity ids of what was left out."""


Question: TypeAlias = Confirm | Which | Left


@dataclass(frozen=True, slots=True)
class _Pending:
    question: Question
    origin: Origin
    until: float


@dataclass(frozen=True, slots=True)
class _Done:
    before: Before
    origin: Origin
    until: float


class Dialogue:
    """The open question and the last command of each conversation."""

    def __init__(self) -> None:
        """Nothing is pending, nothing was done."""
        self._pending: OrderedDict[str, _Pending] = OrderedDict()
        self._done: OrderedDict[str, _Done] = OrderedDict()

    def remember(self, conversation: str, origin: Origin, before: Before, now: float) -> None:
        """Keep what was done, for a sentence that refers to it."""
        self._done.pop(conversation, None)
        self._done[conversation] = _Done(before, origin, now + RECALL_TIME)
        while len(self._done) > _MOST_CONVERSATIONS:
            self._done.popitem(last=False)

    def before(self, conversation: str, origin: Origin, now: float) -> Before | None:
        """What the same kind of speaker did last in a conversation, if it was a moment ago."""
        done = self._done.get(conversation)
        if done is None or done.origin is not origin or now > done.until:
            return None
        return done.before

    def ask(self, conversation: str, origin: Origin, question: Question, now: float) -> None:
        """Wait for an answer in this conversation."""
        time = CONFIRM_TIME if isinstance(question, Confirm) else ANSWER_TIME
        self._pending[conversation] = _Pending(question, origin, now + time)
        while len(self._pending) > _MOST_CONVERSATIONS:
            self._pending.popitem(last=False)

    def take(self, conversation: str, origin: Origin, now: float) -> Question | None:
        """The open question of a conversation, which is closed by this."""
        pending = self._pending.pop(conversation, None)
        if pending is None or pending.origin is not origin or now > pending.until:
            return None
        return pending.question

    def clear(self) -> None:
        """Forget every question and every "it": somebody called us off."""
        self._pending.clear()
        self._done.clear()


def which_question(registry: Registry, options: Sequence[str]) -> str:
    """The sentence that asks for one of several entities."""
    names = list(dict.fromkeys(registry.spoken_name(option) for option in options))
    if len(names) > _MOST_OPTIONS:
        return f"Which one? There are {len(names)}, {names[0]} and {names[1]} among them."
    if len(names) < 2:
        return f"There are several called {''.join(names)}. In which room?"
    listed = ", ".join(f"the {name}" for name in names[:-1])
    return f"Which one: {listed} or the {names[-1]}?"


def left_question(registry: Registry, slots: Sequence[str]) -> str:
    """The sentence that asks for what an order left out, one thing at a time."""
    return f"Which {registry.spoken_name(slots[0])} would you like?"


def answers(text: str, question: Which, registry: Registry) -> bool:
    """Whether a sentence may answer "which one?": it is short and names an option or its room."""
    words = {stem(word) for word in fold(text).split()}
    if len(words) > _LONGEST_ANSWER:
        return False
    known = [
        stem(word)
        for option in question.options
        if (entity := registry.entities.get(option)) is not None
        for name in (*entity.names, *_area_names(registry, option))
        for word in fold(name).split()
    ]
    return not words.isdisjoint(known)


def _area_names(registry: Registry, entity: str) -> Sequence[str]:
    area = registry.area_of(entity)
    return area.names if area else ()


def settles(plan: Plan, question: Left) -> bool:
    """Whether a plan says anything that an order left out."""
    return any(not set(question.slots).isdisjoint(one.target.entities) for one in plan.actions)


def all_of(question: Which, registry: Registry) -> Reading | None:
    """What was asked about, done to all the options; None where one keeps somebody in or out."""
    plan = question.reading.meaning
    known = [registry.entities.get(option) for option in question.options]
    if not isinstance(plan, Plan) or any(one is None or one.security for one in known):
        return None
    actions = [
        replace(action, target=replace(action.target, collective=True))
        if action.target.entities == question.options
        else action
        for action in plan.actions
    ]
    return replace(question.reading, meaning=Plan(tuple(actions)))


def ambiguous(plan: Plan) -> tuple[str, ...]:
    """The entities of the first target that stands for more than was meant; empty if none."""
    for action in plan.actions:
        target = action.target
        if len(target.entities) > 1 and not target.collective:
            return target.entities
    return ()
