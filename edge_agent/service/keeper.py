"""Keeps the times: carries out what was put off when it is due, and tells what became of it.

Permission, interlocks and conditions are asked for again at that moment; what was missed for too
long is told and not done.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import structlog

from edge_agent.core.accept import Rejected
from edge_agent.core.command import Command
from edge_agent.core.entity import Attribute
from edge_agent.core.outcome import Outcome, Result, say_results, sentence
from edge_agent.core.policy import Decision, Policy, Verdict, decide, strictest
from edge_agent.core.registry import Registry
from edge_agent.service.devices import Devices
from edge_agent.service.executor import Executor
from edge_agent.service.later import unmet
from edge_agent.service.request import Request
from edge_agent.service.response import Reply, Status, calls_of, status_of
from edge_agent.service.timers import Item, Timer, Timers
from edge_agent.service.turn import EVENTS, Report

_LOG = structlog.get_logger()

_DISCOVERY_TIME = 15.0
"""Seconds after the start in which a device that is not known yet may still announce itself."""

_PATIENCE = 0.25
"""Seconds between two looks at what is due and cannot be done yet."""


class Announce(Protocol):
    """Publishes a response that nobody waits for."""

    def __call__(self, request: Request, reply: Reply) -> None:
        """The request stands for the timer: its id is the timer's."""
        ...


class Keeper:
    """The task that waits for due times."""

    def __init__(
        self,
        *,
        timers: Timers,
        devices: Devices,
        executor: Executor,
        policy: Callable[[], Policy],
        connected: Callable[[], bool],
        announce: Announce,
        report: Report,
        clock: Callable[[], float],
    ) -> None:
        """Keeps what it works with.

        Args:
            timers: What is put off.
            devices: What is known about the devices.
            executor: Sends commands.
            policy: The policy of the moment.
            connected: Whether the broker is there: without it nothing is due.
            announce: Publishes what became of a timer.
            report: Publishes events.
            clock: Monotonic seconds.
        """
        self._timers = timers
        self._devices = devices
        self._executor = executor
        self._policy = policy
        self._connected = connected
        self._announce = announce
        self._report = report
        self._clock = clock
        self._started = clock()

    async def run(self) -> None:
        """Carry out what falls due, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._timers.changed.clear()
                for work in self.take_due():
                    tasks.create_task(self.settle(work), name=f"timer {work.id}")
                # What is due and still there waits for the broker or for a device.
                wait = _PATIENCE if self._timers.due() else self._timers.until_next()
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._timers.changed.wait()

    def take_due(self) -> list[Timer]:
        """What is to be carried out now; it is no longer kept, so that it is done once.

        Without the broker nothing is taken: when it is back, what is late is told as late.
        """
        if not self._connected():
            return []
        taken = [timer for timer in self._timers.due() if self._is_ready(timer)]
        for timer in taken:
            self._timers.remove(timer.id)
        return taken

    def _is_ready(self, timer: Timer) -> bool:
        known = self._devices.registry.entities
        return (
            self._clock() - self._started > _DISCOVERY_TIME
            or self._timers.late(timer)
            or all(item.command.entity in known for item in timer.items)
        )

    async def settle(self, timer: Timer) -> None:
        """Carry out what was taken, and tell what became of it."""
        request = Request(timer.id, "", timer.origin, timer.conversation, self._clock())
        try:
            reply = await self._carry_out(timer, request)
        except Exception as error:
            _LOG.exception("timer.failed", timer=timer.id)
            said = f"I was to {timer.words}; something went wrong."
            reply = Reply(Status.ERROR, said, reason=repr(error))
        self._announce(request, reply)

    async def _carry_out(self, timer: Timer, request: Request) -> Reply:
        """Do what a timer asks for, if it may still be done."""
        extra = {"request": timer.request}
        if self._timers.late(timer):
            results = [
                Result(item.command, Outcome.REFUSED, "its time has passed") for item in timer.items
            ]
            self._tell(results, request)
            text = f"I could not {timer.words} when it was time, so I left it."
            calls = calls_of(results, self._devices.registry)
            return Reply(Status.REJECTED, text, calls, reason="missed", extra=extra)
        self._devices.expire()
        started = self._clock()
        said, wanted = self._decided(timer)
        results = await self._executor.execute(wanted, lambda: False) if wanted else []
        self._tell(results, request)
        return Reply(
            status_of(results),
            self._sentences(timer, said, results),
            calls_of(results, self._devices.registry),
            reason=next((result.reason for result in results if result.reason), None)
            or ("condition not met" if said and not results else None),
            act_ms=(self._clock() - started) * 1e3,
            extra=extra,
        )

    def _decided(self, timer: Timer) -> tuple[list[str], list[Command | Rejected]]:
        """Sentences about what is left out, and the commands that policy still allows."""
        said: list[str] = []
        wanted: list[Command | Rejected] = []
        for item in timer.items:
            clause = unmet(item.condition, self._devices) or self._left_off(item)
            if clause is not None:
                if clause not in said:
                    said.append(clause)
            else:
                wanted.append(self._permitted(item.command, timer))
        return said, wanted

    def _left_off(self, item: Item) -> str | None:
        """Why a level is not put back: setting it would switch on what was switched off since."""
        command = item.command
        power = self._devices.state.value(command.entity, Attribute.POWER)
        if item.undoes is None or command.attribute == Attribute.POWER or power != "off":
            return None
        return f"The {item.name} is off, so I left it as it is."

    def _permitted(self, command: Command, timer: Timer) -> Command | Rejected:
        registry = self._devices.registry
        decision = decide(command, timer.origin, registry, self._policy())
        asked = strictest([decision, Decision(timer.approved)]).verdict
        if decision.verdict is Verdict.DENY:
            reason = decision.reason
        elif asked is not timer.approved:
            reason = "by now that has to be confirmed first"
        elif not _possible(command, registry):
            reason = "it cannot do that any more"
        else:
            return command
        return Rejected(command.entity, command.attribute, reason, command.value)

    def _sentences(self, timer: Timer, said: list[str], results: list[Result]) -> str:
        """What is told: by its old name where a thing has gone since."""
        registry = self._devices.registry
        gone = [item.name for item in timer.items if item.command.entity not in registry.entities]
        left = [result for result in results if result.command.entity in registry.entities]
        told = [*said, say_results(left, registry)]
        told += [sentence(f"the {name} is not there any more") for name in dict.fromkeys(gone)]
        text = " ".join(part for part in told if part)
        fine = all(one.outcome in {Outcome.CONFIRMED, Outcome.SENT} for one in results)
        return text if fine and results else f"I was to {timer.words}. {text}"

    def _tell(self, results: list[Result], request: Request) -> None:
        for result in results:
            details = {"reason": result.reason} if result.reason else {}
            self._report(EVENTS[result.outcome], request, device=result.command.entity, **details)


def _possible(command: Command, registry: Registry) -> bool:
    """Whether a thing can still be set to a value: it may have announced itself anew since."""
    entity = registry.entities.get(command.entity)
    capability = entity.capability(command.attribute) if entity else None
    return capability is not None and capability.settable and command.value in capability.domain
