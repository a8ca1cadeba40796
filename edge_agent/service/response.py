"""What goes out: the one final response to a request, and the events on the way."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from edge_agent.core.entity import Value
from edge_agent.core.outcome import Outcome, Result, action_of
from edge_agent.core.registry import Registry


class Status(StrEnum):
    """How a request ended, as the contract names it."""

    OK = "ok"
    CLARIFY = "clarify"
    REJECTED = "rejected"
    UNSUPPORTED = "unsupported"
    ERROR = "error"


class Call(msgspec.Struct, frozen=True):
    """One thing that was done, or was to be done."""

    device: str
    name: str
    action: str
    params: dict[str, Value]
    outcome: str


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer before it is addressed."""

    status: Status
    text: str
    calls: tuple[Call, ...] = ()
    reason: str | None = None
    confidence: float = 0.0
    understand_ms: float = 0.0
    act_ms: float = 0.0
    extra: dict[str, Any] | None = None
    """Further keys, of control operations."""


def calls_of(results: Sequence[Result], registry: Registry) -> tuple[Call, ...]:
    """Results as the contract lists them, in order of execution."""
    calls = []
    for result in results:
        action, params = action_of(result.command)
        name = registry.spoken_name(result.command.entity)
        calls.append(Call(result.command.entity, name, action, params, result.outcome.value))
    return tuple(calls)


def status_of(results: Sequence[Result]) -> Status:
    """The status that a list of results comes down to; anything unproven is no `ok`."""
    if any(result.outcome is Outcome.TIMEOUT or result.fault for result in results):
        return Status.ERROR
    if any(result.outcome is Outcome.REFUSED for result in results):
        return Status.REJECTED
    return Status.OK
