"""Vehicle rules that hold for every origin: a table over speed, gear and parking brake.

A missing, stale or unreadable input is unsafe. Sources of the rules: contract section 4 and the
COVESA VSS paths they name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_agent.core.command import Command
from edge_agent.core.entity import Value
from edge_agent.core.state import StateStore

MAX_AGE = 2.0
"""Seconds after which an interlock input counts as stale."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """A signal that must be seen within bounds, or be one of the listed values."""

    signal: str
    """Name in the table of inputs: `speed`, `gear`, `parking_brake`."""
    at_most: float | None = None
    one_of: tuple[str, ...] = ()
    otherwise: str = ""
    """The clause that explains a refusal."""
    if_absent: "tuple[Requirement, ...]" = ()
    """What must hold instead in a vehicle that does not have this signal."""


@dataclass(frozen=True, slots=True)
class Control:
    """One attribute of one entity: what a rule restricts, or where an input is read."""

    entity: str
    attribute: str


@dataclass(frozen=True, slots=True)
class Rule:
    """Commands to these controls with these values need every requirement."""

    controls: frozenset[Control]
    values: tuple[str, ...]
    """Spoken values that are restricted; `*` is every value."""
    requirements: tuple[Requirement, ...]


def check(
    command: Command,
    rules: Sequence[Rule],
    inputs: Mapping[str, Control],
    state: StateStore,
    now: float,
    *,
    max_age: float = MAX_AGE,
) -> str | None:
    """Why a command is unsafe at this moment, or None. Asked again at every send."""
    for rule in rules:
        if not _applies(rule, command):
            continue
        for requirement in rule.requirements:
            if (reason := _unmet(requirement, inputs, state, now, max_age)) is not None:
                return reason
    return None


def _unmet(
    requirement: Requirement,
    inputs: Mapping[str, Control],
    state: StateStore,
    now: float,
    max_age: float,
) -> str | None:
    source = inputs.get(requirement.signal)
    if source is None and requirement.if_absent:
        reasons = (
            _unmet(instead, inputs, state, now, max_age) for instead in requirement.if_absent
        )
        return next((reason for reason in reasons if reason is not None), None)
    seen = state.fresh(source.entity, source.attribute, now, max_age) if source else None
    if seen is None:
        return f"the {requirement.signal.replace('_', ' ')} is not known"
    return None if _satisfied(requirement, seen) else requirement.otherwise


def _applies(rule: Rule, command: Command) -> bool:
    if Control(command.entity, command.attribute) not in rule.controls:
        return False
    return "*" in rule.values or str(command.value) in rule.values or _opens(rule, command)


def _opens(rule: Rule, command: Command) -> bool:
    # A position above closed is as open as the word.
    return "open" in rule.values and not isinstance(command.value, str) and command.value > 0


def _satisfied(requirement: Requirement, seen: Value) -> bool:
    listed, at_most = requirement.one_of, requirement.at_most
    # VSS gears are numbers, 126 is park; configs write them as words.
    if listed and (seen if isinstance(seen, str) else f"{seen:g}") not in listed:
        return False
    if at_most is None:
        return bool(listed)
    # NaN fails every comparison, as it must.
    return not isinstance(seen, str) and abs(seen) <= at_most
