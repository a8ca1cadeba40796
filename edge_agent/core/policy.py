"""Who may do what: decided in code, by origin, risk class and direction. The model has no say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from edge_agent.core.command import Command
from edge_agent.core.entity import Entity, Origin, Risk
from edge_agent.core.registry import Registry


class Verdict(StrEnum):
    """What policy says to a command, from the mildest to the strictest."""

    ALLOW = "allow"
    CONFIRM = "confirm"
    PIN = "pin"
    DENY = "deny"


_STRICTNESS = list(Verdict)


def _defaults() -> Mapping[Origin, Mapping[Risk, Verdict]]:
    allow_all = dict.fromkeys(Risk, Verdict.ALLOW)
    return {
        Origin.COMMAND: allow_all,
        Origin.VOICE: {**allow_all, Risk.SECURITY: Verdict.CONFIRM},
    }


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one device; contract section 4 gives the defaults."""

    verdicts: Mapping[Origin, Mapping[Risk, Verdict]] = field(default_factory=_defaults)
    pin: str | None = None
    """Asked for instead of a confirmation where it is set."""
    deny: tuple[str, ...] = ()
    """Entity ids, with * and ?, that are never commanded."""
    confirm: tuple[str, ...] = ()
    """Entity ids, with * and ?, that are always confirmed first."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict on one command with its reason, a clause for a person."""

    verdict: Verdict
    reason: str = ""


def decide(command: Command, origin: Origin, registry: Registry, policy: Policy) -> Decision:
    """Whether a command from this origin may be executed.

    Locking and closing never ask: risk is a property of attribute and value, not of the entity.
    """
    entity = registry.entities.get(command.entity)
    capability = entity.capability(command.attribute) if entity else None
    if entity is None or capability is None:
        return Decision(Verdict.DENY, "it is not there any more")
    if any(fnmatchcase(entity.id, pattern) for pattern in policy.deny):
        return Decision(Verdict.DENY, "the configuration forbids it")
    risk = capability.risk_of(command.value)
    verdict = policy.verdicts[origin][risk]
    if _needs_confirmation(entity, policy):
        verdict = max(verdict, Verdict.CONFIRM, key=_STRICTNESS.index)
    if verdict is Verdict.CONFIRM and risk is Risk.SECURITY and policy.pin:
        verdict = Verdict.PIN
    return Decision(verdict, f"that is a {risk} action" if verdict is not Verdict.ALLOW else "")


def strictest(decisions: list[Decision]) -> Decision:
    """The decision that a whole plan has to obey."""
    return max(
        decisions,
        key=lambda decision: _STRICTNESS.index(decision.verdict),
        default=Decision(Verdict.ALLOW),
    )


def _needs_confirmation(entity: Entity, policy: Policy) -> bool:
    return any(fnmatchcase(entity.id, pattern) for pattern in policy.confirm)
