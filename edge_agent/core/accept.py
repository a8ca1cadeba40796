"""Turns what was said into commands with absolute values, or says why that cannot be done.

This is the moment of acceptance: relative steps, toggles and extremes are resolved against the
state of this moment, so that a message delivered twice does no harm.
"""

from dataclasses import dataclass

from edge_agent.core.command import Action, Command, Condition, Extreme, Step, Toggle
from edge_agent.core.entity import Attribute, Capability, Choice, Range, Value, spoken_unit
from edge_agent.core.registry import Registry
from edge_agent.core.state import StateStore


@dataclass(frozen=True, slots=True)
class Rejected:
    """A command that this entity cannot carry out, and why."""

    entity: str
    attribute: str
    reason: str
    value: Value = ""
    """What was asked for, where it has a name of its own."""

    @property
    def command(self) -> Command:
        """The command that it would have been."""
        return Command(self.entity, self.attribute, self.value)


def accept(action: Action, registry: Registry, state: StateStore) -> list[Command | Rejected]:
    """The commands that an action comes down to, one for each entity of its target.

    A member of a collective target that lacks the attribute is passed over in silence; a number
    outside an entity's range is refused, never clamped.
    """
    accepted: list[Command | Rejected] = []
    for entity_id in action.target.entities:
        entity = registry.entities.get(entity_id)
        capability = entity.capability(action.attribute) if entity else None
        if entity is None or capability is None or not capability.settable:
            if not action.target.collective:
                reason = (entity.problem if entity else None) or "it cannot do that"
                accepted.append(Rejected(entity_id, action.attribute, reason))
            continue
        observed = state.value(entity_id, action.attribute)
        value = absolute(action.value, capability, observed)
        if isinstance(value, _Unresolved):
            accepted.append(Rejected(entity_id, action.attribute, value.reason))
        elif value not in capability.domain:
            said = f"{value:g}{spoken_unit(_unit(capability))}" if _is_number(value) else value
            reason = f"{said} is not possible, only {capability.domain.describe()}"
            accepted.append(Rejected(entity_id, action.attribute, reason, value))
        else:
            accepted.append(Command(entity_id, action.attribute, value))
    return accepted


@dataclass(frozen=True, slots=True)
class _Unresolved:
    reason: str


def absolute(
    wanted: Value | Step | Toggle | Extreme, capability: Capability, observed: Value | None
) -> Value | _Unresolved:
    """The value itself, whatever way it was said."""
    domain = capability.domain
    match wanted:
        case Toggle():
            if isinstance(domain, Choice) and len(domain.options) == 2 and observed is not None:
                return next(option for option in domain.options if option != observed)
            return _Unresolved("I do not know its present state")
        case Extreme():
            if isinstance(domain, Range):
                return _lowest(capability, domain) if wanted is Extreme.MINIMUM else domain.maximum
            return _Unresolved("it has no minimum or maximum")
        case Step():
            return _stepped(wanted, capability, observed)
        case _:
            return wanted


def _lowest(capability: Capability, domain: Range) -> float:
    """The end of a range; of what goes out at zero the least above it, as "dimmest" means."""
    if capability.attribute in {Attribute.BRIGHTNESS, Attribute.SPEED} and domain.minimum == 0:
        return max(domain.step, 1.0)
    return domain.minimum


def _stepped(step: Step, capability: Capability, observed: Value | None) -> Value | _Unresolved:
    domain = capability.domain
    if isinstance(domain, Choice) and observed in domain.options:
        # Ordered lists (off, low, medium, high) step by position.
        index = domain.options.index(str(observed)) + step.direction
        return domain.options[max(0, min(index, len(domain.options) - 1))]
    if not isinstance(domain, Range):
        return _Unresolved("it has no steps")
    if capability.attribute == Attribute.BRIGHTNESS and observed is None:
        observed = 0.0  # a lamp that is off reports no brightness
    if observed is None or isinstance(observed, str):
        return _Unresolved(f"I do not know its present {capability.attribute}")
    amount = step.amount
    if amount is None:
        amount = capability.step or max(domain.step, (domain.maximum - domain.minimum) / 10)
    value = observed + step.direction * amount
    if step.amount is not None and value not in domain:
        return value  # a spoken amount is refused with its range, never clamped
    # "a bit more" near the end of the range means the end of the range.
    return max(domain.minimum, min(value, domain.maximum))


def holds(condition: Condition, state: StateStore) -> bool | None:
    """Whether a condition is true now; None where a value it needs is unknown."""
    verdicts = []
    for entity_id in condition.target.entities:
        observed = state.get(entity_id, condition.attribute)
        if observed is None or observed.value is None or observed.stale:
            return None
        verdicts.append(condition.comparison.holds(observed.value, condition.value))
    return all(verdicts) if verdicts else None


def _is_number(value: Value) -> bool:
    return not isinstance(value, str)


def _unit(capability: Capability) -> str:
    return capability.domain.unit if isinstance(capability.domain, Range) else ""
