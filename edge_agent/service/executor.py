"""Carries out accepted commands and finds out what became of them.

A command is confirmed by an observation that is newer than its sending, and by nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from edge_agent.core.accept import Rejected
from edge_agent.core.command import Command
from edge_agent.core.entity import Attribute, Range, Value
from edge_agent.core.interlock import MAX_AGE, Control, Rule, check
from edge_agent.core.outcome import Outcome, Result, say_number, unit_of
from edge_agent.core.state import Observed
from edge_agent.errors import DeviceError, PlanError
from edge_agent.service.devices import Devices

COMMAND_EXPIRY = 5
"""Seconds after which the broker must drop a command that it could not deliver."""


_SUCCEEDED = (Outcome.CONFIRMED, Outcome.SENT)
_NOT_STARTED = "not pressed, since not all of the rest was taken"


class Publisher(Protocol):
    """What the executor needs of the link to the broker."""

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, expiry: int | None = None
    ) -> bool:
        """Send now or never; returns whether it was taken."""
        ...


@dataclass(frozen=True, slots=True)
class Interlocks:
    """The vehicle's rules and where their inputs come from."""

    rules: tuple[Rule, ...] = ()
    inputs: Mapping[str, Control] = field(default_factory=dict)
    max_age: float = MAX_AGE


class Executor:
    """Sends commands and waits for the devices."""

    def __init__(
        self,
        devices: Devices,
        publisher: Publisher,
        interlocks: Interlocks,
        clock: Callable[[], float],
        confirm_timeout: float,
        triggers: frozenset[str] = frozenset(),
    ) -> None:
        """Keeps what it works with; does nothing yet.

        Args:
            devices: What there is, and its state.
            publisher: The link to the broker.
            interlocks: What is forbidden at the moment.
            clock: Monotonic seconds.
            confirm_timeout: Seconds that a device has to report.
            triggers: Entities that set going what other commands choose.
        """
        self._devices = devices
        self._publisher = publisher
        self._interlocks = interlocks
        self._clock = clock
        self._confirm_timeout = confirm_timeout
        self._triggers = triggers

    def unsafe(self, command: Command) -> str | None:
        """Why an interlock forbids a command at this moment, or None."""
        return check(
            command,
            self._interlocks.rules,
            self._interlocks.inputs,
            self._devices.state,
            self._clock(),
            max_age=self._interlocks.max_age,
        )

    async def execute(
        self, commands: Sequence[Command | Rejected], cancelled: Callable[[], bool]
    ) -> list[Result]:
        """Send commands in order; wait until each has its outcome or time is up.

        A trigger after other commands is sent when these have succeeded, and only then.

        Args:
            commands: In the order they were said; rejected ones keep their place.
            cancelled: A true answer keeps what was not sent yet from being sent.

        Returns:
            A result for every command, in the same order.
        """
        if len(commands) > 1 and self._is_trigger(commands[-1]):
            chosen = await self.execute(commands[:-1], cancelled)
            if all(result.outcome in _SUCCEEDED for result in chosen):
                return [*chosen, *await self._send(commands[-1:], cancelled)]
            trigger = commands[-1]
            command = trigger.command if isinstance(trigger, Rejected) else trigger
            return [*chosen, Result(command, Outcome.REFUSED, _NOT_STARTED)]
        return await self._send(commands, cancelled)

    def _is_trigger(self, command: Command | Rejected) -> bool:
        return command.entity in self._triggers

    async def _send(
        self, commands: Sequence[Command | Rejected], cancelled: Callable[[], bool]
    ) -> list[Result]:
        results: list[Result | None] = []
        sent: dict[int, tuple[Command, float]] = {}
        for index, command in enumerate(commands):
            if isinstance(command, Rejected):
                results.append(Result(command.command, Outcome.REFUSED, command.reason))
                continue
            at = self._clock()
            problem = self._attempt(command, cancelled)
            if problem is not None:
                results.append(problem)
            elif not self._reports(command):
                results.append(Result(command, Outcome.SENT))
            else:
                results.append(None)
                sent[index] = (command, at)
        await self._devices.until(
            lambda: cancelled() or all(self._confirmed(*waiting) for waiting in sent.values()),
            self._confirm_timeout,
        )
        return [result or self._judge(*sent[index]) for index, result in enumerate(results)]

    def _attempt(self, command: Command, cancelled: Callable[[], bool]) -> Result | None:
        """Send a command; a result if it was not sent."""
        if cancelled():
            return Result(command, Outcome.REFUSED, "cancelled before it was sent")
        if (reason := self.unsafe(command)) is not None:
            return Result(command, Outcome.REFUSED, reason)
        if not self._devices.state.available(command.entity):
            return Result(command, Outcome.REFUSED, "it cannot be reached", fault=True)
        try:
            messages = self._devices.messages(command)
        except (DeviceError, PlanError) as error:
            return Result(command, Outcome.REFUSED, str(error))
        for number, message in enumerate(messages):
            if not self._publisher.publish(
                message.topic, message.payload, qos=1, expiry=COMMAND_EXPIRY
            ):
                what = "only a part" if number else "nothing"
                reason = f"the broker is away, so {what} was sent"
                return Result(command, Outcome.REFUSED, reason, fault=True)
        return None

    def _reports(self, command: Command) -> bool:
        entity = self._devices.registry.entities.get(command.entity)
        capability = entity.capability(command.attribute) if entity else None
        return capability is not None and capability.readable

    def _confirmed(self, command: Command, sent_at: float) -> bool:
        observed = self._since(command, sent_at)
        entity = self._devices.registry.entities.get(command.entity)
        capability = entity.capability(command.attribute) if entity else None
        return capability is not None and capability.matches(command.value, observed)

    def _since(self, command: Command, sent_at: float) -> Value | None:
        seen = self._devices.state.get(command.entity, command.attribute)
        return seen.value if seen is not None and _newer(seen, sent_at) else None

    def _judge(self, command: Command, sent_at: float) -> Result:
        if self._confirmed(command, sent_at):
            return Result(command, Outcome.CONFIRMED, self._on_its_way(command))
        shown = self._progress(command, sent_at)
        if shown:
            return Result(command, Outcome.TIMEOUT, shown, answered=True)
        last = self._devices.state.get(command.entity, command.attribute)
        if last is None or last.value is None:
            return Result(command, Outcome.TIMEOUT)
        return Result(
            command, Outcome.TIMEOUT, f"it was last seen {self._say(command, last.value)}"
        )

    def _on_its_way(self, command: Command) -> str:
        """A clause where "open" is true already, but not all the way."""
        if (command.attribute, command.value) != (Attribute.OPENING, "open"):
            return ""
        entity = self._devices.registry.entities.get(command.entity)
        position = entity.capability(Attribute.POSITION) if entity else None
        value = self._devices.state.value(command.entity, Attribute.POSITION)
        if position is None or not isinstance(position.domain, Range) or not _is_number(value):
            return ""
        if value is None or position.matches(position.domain.maximum, value):
            return ""
        return f"{say_number(value, position.domain.unit)} so far"

    def _progress(self, command: Command, sent_at: float) -> str:
        """What the device said since, though not what was wanted; empty where it was silent."""
        for attribute in (Attribute.POSITION, command.attribute):
            if command.attribute in {Attribute.OPENING, Attribute.POSITION, attribute}:
                moved = Command(command.entity, attribute, command.value)
                if (value := self._since(moved, sent_at)) is not None:
                    said = self._say(moved, value)
                    return f"it is {said}" if isinstance(value, str) else f"it is at {said} so far"
        seen = self._devices.state.get(command.entity, command.attribute)
        if command.attribute == Attribute.OPENING and seen is not None and _newer(seen, sent_at):
            return "it is on its way"  # neither open nor closed
        return ""

    def _say(self, command: Command, value: Value) -> str:
        entity = self._devices.registry.entities.get(command.entity)
        return say_number(value, unit_of(entity.capability(command.attribute) if entity else None))


def _is_number(value: Value | None) -> bool:
    return isinstance(value, float | int)


def _newer(seen: Observed, sent_at: float) -> bool:
    return not seen.retained and not seen.stale and seen.at >= sent_at
