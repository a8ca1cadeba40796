"""What was understood: commands, questions, and the plans made of them.

A Command is entity + attribute + value. The model proposes Actions on a target that may stand
for several entities; code turns them into Commands with absolute values when they are accepted.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

from edge_agent.core.entity import Value


@dataclass(frozen=True, slots=True)
class Step:
    """A relative change; becomes an absolute value when the command is accepted."""

    direction: int
    """+1 or -1."""
    amount: float | None = None
    """In the attribute's unit; None is "a bit": the capability's own step."""


class Toggle(StrEnum):
    """The other one of two values; becomes an absolute value when the command is accepted."""

    TOGGLE = "toggle"


class Extreme(StrEnum):
    """The end of a range, whatever its number is on each device."""

    MINIMUM = "minimum"
    MAXIMUM = "maximum"


Wanted: TypeAlias = Value | Step | Toggle | Extreme


@dataclass(frozen=True, slots=True)
class Target:
    """The entities that a phrase stands for, in registry order."""

    phrase: str
    entities: tuple[str, ...]
    collective: bool = False
    """True for "the kitchen lights", "all blinds": a member that cannot is passed over."""


class Comparison(StrEnum):
    """How a condition or a question compares an observed value."""

    IS = "is"
    IS_NOT = "is not"
    ABOVE = "above"
    BELOW = "below"

    def holds(self, observed: Value, value: Value) -> bool:
        """Whether an observed value compares so with another; words are never above or below."""
        match self:
            case Comparison.IS:
                return observed == value
            case Comparison.IS_NOT:
                return observed != value
        if isinstance(observed, str) or isinstance(value, str):
            return False
        return observed > value if self is Comparison.ABOVE else observed < value


@dataclass(frozen=True, slots=True)
class Condition:
    """A test on an observed value; unknown or stale values make it undecidable, never true."""

    target: Target
    attribute: str
    comparison: Comparison
    value: Value


class When(StrEnum):
    """How a time that was said belongs to an action."""

    IN = "in"
    FOR = "for"
    """At once, and undone after that time."""
    AT = "at"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When an action is due."""

    when: When
    seconds: float
    """From acceptance; for AT since local midnight."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do, as it was said."""

    target: Target
    attribute: str
    value: Wanted
    condition: Condition | None = None
    schedule: Schedule | None = None
    """None is now."""


@dataclass(frozen=True, slots=True)
class Command:
    """One thing to do to one entity, with an absolute value: safe to send twice."""

    entity: str
    attribute: str
    value: Value


class Ask(StrEnum):
    """The kinds of question."""

    STATE = "state"
    COUNT = "count"
    WHICH = "which"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Query:
    """A question; nothing that is made from it can act."""

    ask: Ask
    target: Target
    attribute: str
    value: Value | None = None
    """For yes-no, count and which: the value that is asked about."""
    comparison: Comparison = Comparison.IS
    """How the observed value is compared with it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The model found nothing here that the sentence asks for."""

    reason: str = "nothing"


@dataclass(frozen=True, slots=True)
class Plan:
    """Actions in the order they were said."""

    actions: tuple[Action, ...]

    @property
    def scheduled(self) -> bool:
        """Whether any of it is due, or to be undone, at another time than now."""
        return any(action.schedule for action in self.actions)

    @property
    def unscheduled(self) -> "Plan":
        """The same things, at once."""
        return Plan(tuple(replace(action, schedule=None) for action in self.actions))


Meaning: TypeAlias = Plan | Query | Refusal
