"""What became of each command, and the sentences that are said about it.

The only author of answers: every sentence is built from results and observed state, so nothing
can be claimed that was not seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from edge_agent.core.command import Command, Comparison, Condition
from edge_agent.core.entity import Attribute, Capability, Range, Reading, Value, spoken_unit
from edge_agent.core.registry import Registry


class Outcome(StrEnum):
    """The end of one command, as the contract names it."""

    CONFIRMED = "confirmed"
    SENT = "sent"
    TIMEOUT = "timeout"
    REFUSED = "refused"
    PLANNED = "planned"


@dataclass(frozen=True, slots=True)
class Result:
    """One command and what became of it."""

    command: Command
    outcome: Outcome
    reason: str = ""
    """A clause for a person, set where it was refused or timed out."""
    observed: Value | None = None
    """What the device said last, where it said something else than was wanted."""
    answered: bool = False
    """It timed out, but the device has said something since: it moves, or it went elsewhere."""
    fault: bool = False
    """Refused for a technical reason, the device or the broker being away, and not by a rule."""


def action_of(command: Command) -> tuple[str, dict[str, Value]]:
    """The action and parameters of a command as responses name them.

    The names are those of Home Assistant's services where there is one.
    """
    attribute, value = command.attribute, command.value
    match attribute, value:
        case Attribute.POWER, "on" | "off":
            return f"turn_{value}", {}
        case Attribute.OPENING, "open" | "closed":
            return ("open" if value == "open" else "close"), {}
        case Attribute.LOCK, "locked" | "unlocked":
            return ("lock" if value == "locked" else "unlock"), {}
        case Attribute.MUTE, "on" | "off":
            return ("mute" if value == "on" else "unmute"), {}
        case Attribute.PLAYBACK, str():
            return {"playing": "play", "paused": "pause"}.get(value, "stop"), {}
        case Attribute.ACTIVITY, str():
            verb = _ACTIVITY_VERBS.get(value, value)
            return verb.replace(" ", "_"), {}
        case Attribute.COMMAND, str():
            return value.replace(" ", "_"), {}
        case _:
            key = attribute.replace(" ", "_")
            return f"set_{key}", {key: value}


_ACTIVITY_VERBS = {
    "cleaning": "start",
    "mowing": "start",
    "paused": "pause",
    "idle": "stop",
    "docked": "return_to_base",
    "returning": "return_to_base",
}

_IMPERATIVES = {
    "turn_on": "turn on {name}",
    "turn_off": "turn off {name}",
    "start": "start {name}",
    "return_to_base": "send {name} home",
    "press": "press {name}",
    "activate": "activate {name}",
    "next": "skip to the next on {name}",
    "previous": "go back on {name}",
}

_MOST_NAMED = 4
"""Commands that are named one by one before they are counted."""

_DONE = {
    "turn_on": "{name} is on",
    "turn_off": "{name} is off",
    "open": "{name} is open",
    "close": "{name} is closed",
    "lock": "{name} is locked",
    "unlock": "{name} is unlocked",
    "mute": "{name} is muted",
    "unmute": "{name} is not muted",
    "play": "{name} is playing",
    "pause": "{name} is paused",
    "stop": "{name} stopped",
    "start": "{name} is running",
    "return_to_base": "{name} is on its way home",
}


def say_number(value: Value, unit: str = "") -> str:
    """A value with its unit as it is spoken: `21.5 degrees`."""
    if isinstance(value, str):
        return value
    text = f"{value:.2f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"
    return text + spoken_unit(unit)


def unit_of(capability: Capability | None) -> str:
    """The unit of a capability, empty where it has none."""
    if capability is not None and isinstance(capability.domain, Range | Reading):
        return capability.domain.unit
    return ""


def imperative(command: Command, registry: Registry) -> str:
    """What a command would do, as a clause: `unlock the front door`."""
    name = _the(registry.spoken_name(command.entity))
    action, params = action_of(command)
    if not params:
        return _IMPERATIVES.get(action, action.replace("_", " ") + " {name}").format(name=name)
    if command.attribute == Attribute.TEXT:
        return f"add {command.value} to {name}"
    return f"set {_aspect(name, command)} to {_value(command, registry)}"


def clauses(commands: Sequence[Command], registry: Registry) -> str:
    """What several commands would do: `turn on the heater and turn off the fan`."""
    found = list(dict.fromkeys(imperative(command, registry) for command in commands))
    if len(found) > _MOST_NAMED:
        found = [*found[: _MOST_NAMED - 1], f"do {len(found) - _MOST_NAMED + 1} more things"]
    if len(found) < 2:
        return "".join(found)
    return ", ".join(found[:-1]) + " and " + found[-1]


def say_planned(when: str, what: str, *, only_said: bool = False) -> str:
    """The sentence about what is put off: "In 10 minutes I'll turn off the heater.".

    Args:
        when: `in 10 minutes`, `at 7:30`.
        what: The clauses.
        only_said: It is not going to be done; somebody wants to know what would be.
    """
    who = "I would" if only_said else "I'll"
    return sentence(f"{when} {who} {what}")


def say_condition(condition: Condition, registry: Registry) -> str:
    """A condition as a clause: `if the outdoor temperature is below 5 degrees`."""
    target, attribute = condition.target, condition.attribute
    entity = registry.entities.get(target.entities[0]) if target.entities else None
    capability = entity.capability(attribute) if entity else None
    plain = isinstance(condition.value, str) or attribute in target.phrase
    what = target.phrase if plain else f"{target.phrase} {attribute}"
    compared = "" if condition.comparison is Comparison.IS else condition.comparison.value
    value = say_number(condition.value, unit_of(capability))
    return f"if {_the(what)} is {compared.removeprefix('is ')} {value}".replace("  ", " ")


def say_results(results: Sequence[Result], registry: Registry) -> str:
    """One sentence or more about what happened, in the order of execution."""
    names_by_clause: dict[str, list[str]] = {}
    for result in results:
        names_by_clause.setdefault(_clause(result, registry), []).append(
            _the(registry.spoken_name(result.command.entity))
        )
    sentences = []
    for clause, names in names_by_clause.items():
        text = _pluralise(clause) if len(names) > 1 else clause
        sentences.append(sentence(text.replace("{name}", join(names))))
    return " ".join(sentences)


def _clause(result: Result, registry: Registry) -> str:
    command = result.command
    value = _value(command, registry)
    action, params = action_of(command)
    match result.outcome:
        case Outcome.CONFIRMED if action == "open" and result.reason:
            return f"{{name}} is opening, {result.reason}"
        case Outcome.CONFIRMED if not params and action in _DONE:
            return _DONE[action]
        case Outcome.CONFIRMED if command.attribute == Attribute.TEXT:
            return f"{value} is on {{name}}"
        case Outcome.CONFIRMED:
            return f"{_aspect('{name}', command)} is {value}"
        case Outcome.SENT if action == "press":
            return "I pressed {name}, which does not report back"
        case Outcome.SENT:
            what = action.replace("_", " ") + (f" {value}" if params else "")
            return f"I sent {what} to {{name}}, which does not report back"
        case Outcome.PLANNED:
            return f"I would {imperative(command, registry)}"
        case Outcome.TIMEOUT if result.answered:
            return f"{{name}} is not there yet; {result.reason}"
        case Outcome.TIMEOUT:
            return "no answer from {name}" + (f"; {result.reason}" if result.reason else "")
        case Outcome.REFUSED:
            return "{name}: " + (result.reason or "that is not allowed")


def _aspect(name: str, command: Command) -> str:
    """What of a thing is set; that of a selector is the thing itself."""
    return name if command.attribute in _UNNAMED else f"{name} {command.attribute}"


_UNNAMED = frozenset({Attribute.OPTION, Attribute.VALUE})


def _pluralise(predicate: str) -> str:
    return predicate.replace("{name} is ", "{name} are ", 1)


def _value(command: Command, registry: Registry) -> str:
    entity = registry.entities.get(command.entity)
    unit = unit_of(entity.capability(command.attribute) if entity else None)
    return say_number(command.value, unit)


def _the(name: str) -> str:
    return f"the {name}"


def join(items: Sequence[str]) -> str:
    """Names as they are listed in a sentence."""
    unique = list(dict.fromkeys(items))
    if len(unique) > 6:
        unique = [*unique[:5], f"{len(unique) - 5} more"]
    if len(unique) < 2:
        return "".join(unique)
    return ", ".join(unique[:-1]) + " and " + unique[-1]


def sentence(text: str) -> str:
    """A clause as a sentence: capital letter, full stop."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")
