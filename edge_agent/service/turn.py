"""One turn of a conversation: from a sentence to the reply that is spoken.

Understanding comes from the worker, permission from policy, outcomes from the executor; this
file only puts them in order.
"""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from edge_agent.core.accept import Rejected, accept, holds
from edge_agent.core.answer import answer
from edge_agent.core.command import Action, Ask, Command, Plan, Query, Refusal, When
from edge_agent.core.entity import Area
from edge_agent.core.outcome import Outcome, Result, imperative, say_results, sentence
from edge_agent.core.policy import Decision, Policy, Verdict, decide, strictest
from edge_agent.core.registry import Registry
from edge_agent.language.dialogue import (
    Confirm,
    Dialogue,
    Which,
    ambiguous,
    answers,
    which_question,
)
from edge_agent.language.guards import LATER, yes_or_no
from edge_agent.language.interpreter import Before, Reading, before_of, risk_of
from edge_agent.service.devices import Devices
from edge_agent.service.executor import Executor
from edge_agent.service.request import Request
from edge_agent.service.response import Reply, Status, calls_of, status_of
from edge_agent.service.worker import Worker

_MOST_WRONG_PINS = 5
_PIN_LOCKOUT = 300.0  # seconds
_MOST_NAMED = 4  # commands that a question back names one by one


class Report(Protocol):
    """Takes the events of a turn."""

    def __call__(self, event: str, request: Request, /, **details: object) -> None:
        """Something was heard, decided, executed, confirmed, refused or timed out."""
        ...


@dataclass(frozen=True, slots=True)
class _Accepted:
    commands: list[Command | Rejected]
    unmet: list[str]
    """Clauses about conditions that do not hold."""


class Turn:
    """Understands, decides, acts and answers."""

    def __init__(
        self,
        *,
        worker: Worker,
        devices: Devices,
        executor: Executor,
        dialogue: Dialogue,
        policy: Policy,
        default_area: str | None,
        clock: Callable[[], float],
    ) -> None:
        """Keeps what it works with."""
        self.policy = policy
        self._worker = worker
        self._devices = devices
        self._executor = executor
        self._dialogue = dialogue
        self._default_area = default_area
        self._clock = clock
        self._wrong_pins: list[float] = []

    @property
    def model_name(self) -> str:
        """The name of the model in use, empty while there is none."""
        return self._worker.model.name if self._worker.model else ""

    async def take(self, request: Request, cancelled: Callable[[], bool], report: Report) -> Reply:
        """The reply to a request.

        Raises:
            ModelError: There is no model, or the request was called off while it was read.
        """
        pending = self._dialogue.take(request.conversation_id, request.origin, self._clock())
        if isinstance(pending, Confirm):
            if pending.needs_pin and request.pin is None and request.text.strip().isdigit():
                request = replace(request, pin=request.text.strip(), text="yes")
            match yes_or_no(request.text):
                case True:
                    return await self._confirmed(
                        pending, request, cancelled, report, approved=pending.approved
                    )
                case False:
                    return Reply(Status.OK, "Okay, I leave it.", reason="declined")
        self._devices.expire()
        registry = self._devices.registry
        area = registry.area_named(request.area or self._default_area)
        started = self._clock()
        reading = await self._read(request, pending, registry, area, cancelled)
        understand_ms = (self._clock() - started) * 1e3
        report(
            "decided",
            request,
            meaning=reading.said,
            confidence=round(reading.confidence, 4),
            refused=isinstance(reading.meaning, Refusal),
        )
        reply = await self._follow(reading, request, registry, cancelled, report)
        return replace(reply, confidence=reading.confidence, understand_ms=understand_ms)

    async def approve(self, request: Request, cancelled: Callable[[], bool]) -> Reply:
        """Carry out what waits for approval in the request's conversation."""
        pending = self._dialogue.take(request.conversation_id, request.origin, self._clock())
        if not isinstance(pending, Confirm):
            return Reply(Status.ERROR, "Nothing waits for approval.", reason="nothing pending")
        return await self._confirmed(pending, request, cancelled, _unreported, approved=True)

    async def _confirmed(
        self,
        pending: Confirm,
        request: Request,
        cancelled: Callable[[], bool],
        report: Report,
        *,
        approved: bool,
    ) -> Reply:
        if pending.before is not None:
            self._remember(request, pending.before)
        return await self._act(pending.plan, request, cancelled, report, confirmed=approved)

    async def _read(
        self,
        request: Request,
        pending: Confirm | Which | None,
        registry: Registry,
        area: Area | None,
        cancelled: Callable[[], bool],
    ) -> Reading:
        if isinstance(pending, Which) and answers(request.text, pending, registry):
            text = f"{pending.text}, {request.text}"
            reading = await self._worker.read(
                text, registry, area, cancelled, among=pending.options
            )
            if isinstance(reading.meaning, Plan):
                return reading
        before = self._dialogue.before(request.conversation_id, request.origin, self._clock())
        return await self._worker.read(request.text, registry, area, cancelled, before=before)

    async def _follow(
        self,
        reading: Reading,
        request: Request,
        registry: Registry,
        cancelled: Callable[[], bool],
        report: Report,
    ) -> Reply:
        match reading.meaning:
            case Query() as query:
                return Reply(Status.OK, answer(query, registry, self._devices.state))
            case Refusal(reason):
                said = "I have nothing here that can do that."
                return Reply(Status.UNSUPPORTED, said, reason=reason)
            case plan:
                return await self._consider(plan, reading, request, registry, cancelled, report)

    async def _consider(
        self,
        plan: Plan,
        reading: Reading,
        request: Request,
        registry: Registry,
        cancelled: Callable[[], bool],
        report: Report,
    ) -> Reply:
        """Act on a plan that is clear and sure enough; ask back otherwise."""
        if options := ambiguous(plan):
            self._ask(request, Which(request.text, options))
            return Reply(
                Status.CLARIFY, which_question(registry, options), reason="ambiguous target"
            )
        doubt = reading.unheeded or (LATER if plan.scheduled else None)
        later = plan.scheduled or doubt == LATER
        now = _at_once(plan)
        if now is None:
            return _NOT_LATER
        plan = now
        before = before_of(plan, reading.said)
        if doubt is None and reading.confidence >= self._needed(plan, registry):
            self._remember(request, before)
            return await self._act(plan, request, cancelled, report)
        accepted = self._accept(plan, registry)
        commands = [command for command in accepted.commands if isinstance(command, Command)]
        if not commands:
            return await self._act(plan, request, cancelled, report)
        self._ask(request, Confirm(plan, before=before))
        question = f"Shall I {_clauses(commands, registry)}{' now' if later else ''}?"
        said = f"{sentence(doubt)} {question}" if doubt else question
        return Reply(Status.CLARIFY, said, reason=doubt or "not sure enough")

    def _remember(self, request: Request, before: Before) -> None:
        self._dialogue.remember(request.conversation_id, request.origin, before, self._clock())

    def _ask(self, request: Request, question: Confirm | Which) -> None:
        if request.dry_run and isinstance(question, Confirm):
            return  # a yes must not carry out what was only to be looked at
        self._dialogue.ask(request.conversation_id, request.origin, question, self._clock())

    def _needed(self, plan: Plan, registry: Registry) -> float:
        model = self._worker.model
        return model.interpreter.calibration.act[risk_of(plan, registry)] if model else 1.0

    def _accept(self, plan: Plan, registry: Registry) -> _Accepted:
        commands: list[Command | Rejected] = []
        unmet: list[str] = []
        for action in plan.actions:
            clause = self._unmet(action, registry)
            if clause is None:
                commands.extend(accept(action, registry, self._devices.state))
            elif clause not in unmet:
                unmet.append(clause)
        return _Accepted(commands, unmet)

    def _unmet(self, action: Action, registry: Registry) -> str | None:
        if action.condition is None:
            return None
        true = holds(action.condition, self._devices.state)
        if true:
            return None
        test = action.condition
        what = answer(
            Query(Ask.STATE, test.target, test.attribute),
            registry,
            self._devices.state,
        )
        return what if true is None else f"{what} So I did nothing."

    async def _act(
        self,
        plan: Plan,
        request: Request,
        cancelled: Callable[[], bool],
        report: Report,
        *,
        confirmed: bool = False,
    ) -> Reply:
        if plan.scheduled:
            return _NOT_LATER  # whoever asks: a thing for later is never done now
        registry = self._devices.registry
        accepted = self._accept(plan, registry)
        commands = [command for command in accepted.commands if isinstance(command, Command)]
        if not accepted.commands:
            said = " ".join(accepted.unmet) or "There is nothing here that can do that."
            status = Status.OK if accepted.unmet else Status.UNSUPPORTED
            return Reply(status, said, reason="condition not met" if accepted.unmet else "nothing")
        decision = strictest(
            [decide(command, request.origin, registry, self.policy) for command in commands]
        )
        if (reply := self._withheld(decision, plan, commands, request, confirmed)) is not None:
            report("refused", request, reason=reply.reason)
            return reply
        started = self._clock()
        if request.dry_run:
            results = [self._plan_only(command) for command in accepted.commands]
        else:
            if request.deadline is not None and started >= request.deadline:
                return Reply(Status.REJECTED, "That request has expired.", reason="expired")
            results = await self._executor.execute(accepted.commands, cancelled)
        for result in results:
            report(_EVENTS[result.outcome], request, device=result.command.entity)
        said = " ".join([*accepted.unmet, say_results(results, registry)])
        return Reply(
            status_of(results),
            said,
            calls_of(results, registry),
            reason=next((result.reason for result in results if result.reason), None),
            act_ms=(self._clock() - started) * 1e3,
        )

    def _withheld(
        self,
        decision: Decision,
        plan: Plan,
        commands: Sequence[Command],
        request: Request,
        confirmed: bool,
    ) -> Reply | None:
        """The reply where policy does not let the plan through, or None."""
        registry = self._devices.registry
        match decision.verdict:
            case Verdict.ALLOW:
                return None
            case Verdict.DENY:
                said = sentence(f"I must not do that: {decision.reason}")
                return Reply(Status.REJECTED, said, reason=decision.reason)
            case Verdict.CONFIRM if confirmed:
                return None
            case Verdict.PIN if request.pin is not None:
                return self._check_pin(request.pin)
        needs_pin = decision.verdict is Verdict.PIN
        self._ask(request, Confirm(plan, needs_pin=needs_pin, approved=True))
        question = f"Shall I {_clauses(commands, registry)}?"
        said = f"{question} Please give the PIN." if needs_pin else question
        return Reply(Status.CLARIFY, said, reason=decision.reason)

    def _check_pin(self, pin: str) -> Reply | None:
        now = self._clock()
        self._wrong_pins = [at for at in self._wrong_pins if now - at < _PIN_LOCKOUT]
        if len(self._wrong_pins) >= _MOST_WRONG_PINS:
            return Reply(Status.REJECTED, "Too many wrong PINs; try again later.", reason="PIN")
        # Compared in constant time: the time of an answer must not give the PIN away.
        if self.policy.pin is not None and hmac.compare_digest(
            pin.encode(), self.policy.pin.encode()
        ):
            return None
        self._wrong_pins.append(now)
        return Reply(Status.REJECTED, "That PIN is wrong.", reason="wrong PIN")

    def _plan_only(self, command: Command | Rejected) -> Result:
        if isinstance(command, Rejected):
            return Result(command.command, Outcome.REFUSED, command.reason)
        if (reason := self._executor.unsafe(command)) is not None:
            return Result(command, Outcome.REFUSED, reason)
        return Result(command, Outcome.PLANNED)


_NOT_LATER = Reply(Status.UNSUPPORTED, sentence(LATER), reason=LATER)


def _at_once(plan: Plan) -> Plan | None:
    """A plan for one later moment as a plan for now; None where that would be something else.

    What is for a while would not be undone, and what comes first would not be first.
    """
    schedules = {action.schedule for action in plan.actions}
    if len(schedules) > 1 or any(one and one.when is When.FOR for one in schedules):
        return None
    return Plan(tuple(replace(action, schedule=None) for action in plan.actions))


_EVENTS = {
    Outcome.CONFIRMED: "confirmed",
    Outcome.SENT: "executed",
    Outcome.TIMEOUT: "timed out",
    Outcome.REFUSED: "refused",
    Outcome.PLANNED: "planned",
}


def _clauses(commands: Sequence[Command], registry: Registry) -> str:
    clauses = list(dict.fromkeys(imperative(command, registry) for command in commands))
    if len(clauses) > _MOST_NAMED:
        clauses = [*clauses[: _MOST_NAMED - 1], f"do {len(clauses) - _MOST_NAMED + 1} more things"]
    if len(clauses) < 2:
        return "".join(clauses)
    return ", ".join(clauses[:-1]) + " and " + clauses[-1]


def _unreported(_event: str, _request: Request, /, **_details: object) -> None:
    """For what is approved by an operator, whose response says it all."""
