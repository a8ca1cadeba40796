"""One turn of a conversation: from a sentence to the reply that is spoken.

Understanding comes from the worker, permission from policy, outcomes from the executor; this
file only puts them in order.
"""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from edge_agent.core.accept import Rejected
from edge_agent.core.answer import answer
from edge_agent.core.command import Command, Plan, Query, Refusal
from edge_agent.core.order import Menu
from edge_agent.core.outcome import Outcome, Result, say_results, sentence
from edge_agent.core.policy import Decision, Policy, Verdict, decide, strictest
from edge_agent.core.registry import Registry
from edge_agent.language.dialogue import (
    Confirm,
    Dialogue,
    Left,
    Question,
    Which,
    ambiguous,
    left_question,
    which_question,
)
from edge_agent.language.guards import UNTIMED, yes_or_no
from edge_agent.language.interpreter import Before, Reading, before_of
from edge_agent.service.devices import Devices
from edge_agent.service.executor import Executor
from edge_agent.service.later import (
    Accepted,
    Impossible,
    Later,
    Moment,
    planned,
    say_moments,
)
from edge_agent.service.reader import Reader
from edge_agent.service.request import Request
from edge_agent.service.response import Reply, Status, calls_of, status_of
from edge_agent.service.timers import TimerError
from edge_agent.service.worker import Worker

_MOST_WRONG_PINS = 5
_PIN_LOCKOUT = 300.0  # seconds
_NO_MENU = Menu()


class Report(Protocol):
    """Takes the events of a turn."""

    def __call__(self, event: str, request: Request, /, **details: object) -> None:
        """Something was heard, decided, executed, confirmed, refused or timed out."""
        ...


class Turn:
    """Understands, decides, acts and answers."""

    def __init__(
        self,
        *,
        worker: Worker,
        devices: Devices,
        executor: Executor,
        dialogue: Dialogue,
        later: Later,
        policy: Policy,
        default_area: str | None,
        clock: Callable[[], float],
        menu: Menu = _NO_MENU,
    ) -> None:
        """Keeps what it works with."""
        self.policy = policy
        self._worker = worker
        self._reader = Reader(worker, dialogue, clock)
        self._devices = devices
        self._executor = executor
        self._dialogue = dialogue
        self._later = later
        self._default_area = default_area
        self._clock = clock
        self._menu = menu
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
        self._later.timers.moved_on(request.conversation_id)
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
        reading, text = await self._reader.read(request, pending, registry, area, cancelled)
        understand_ms = (self._clock() - started) * 1e3
        report(
            "decided",
            request,
            meaning=reading.said,
            confidence=round(reading.confidence, 4),
            text=text,
            refused=isinstance(reading.meaning, Refusal),
        )
        request = replace(request, text=text)
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
            self._ask(request, Which(request.text, options, reading))
            return Reply(
                Status.CLARIFY, which_question(registry, options), reason="ambiguous target"
            )
        before = before_of(plan, reading.said)
        if left := self._menu.missing(plan):
            self._ask(request, Left(request.text, left))
            return Reply(
                Status.CLARIFY, left_question(registry, left), reason="the order is not whole"
            )
        plan = self._menu.complete(plan, registry)
        # A time that the plan keeps is no doubt; another one that was said is.
        untimed, doubt = reading.unheeded == UNTIMED, reading.unheeded
        if doubt is None and self._reader.is_sure(reading, plan, registry):
            self._remember(request, before)
            return await self._act(plan, request, cancelled, report)
        try:
            accepted = self._later.accept(plan)
        except Impossible as impossible:
            return self._impossible(impossible, request)
        if not accepted.commands:
            return await self._act(plan, request, cancelled, report)
        self._ask(request, Confirm(plan, before=before))
        question = f"Shall I {accepted.question(registry, now=untimed)}?"
        said = f"{sentence(doubt)} {question}" if doubt else question
        return Reply(Status.CLARIFY, said, reason=doubt or "not sure enough")

    def _remember(self, request: Request, before: Before) -> None:
        self._dialogue.remember(request.conversation_id, request.origin, before, self._clock())

    def _ask(self, request: Request, question: Question) -> None:
        if request.dry_run and isinstance(question, Confirm):
            return  # a yes must not carry out what was only to be looked at
        self._dialogue.ask(request.conversation_id, request.origin, question, self._clock())

    async def _act(
        self,
        plan: Plan,
        request: Request,
        cancelled: Callable[[], bool],
        report: Report,
        *,
        confirmed: bool = False,
    ) -> Reply:
        registry = self._devices.registry
        try:
            accepted = self._later.accept(plan)
        except Impossible as impossible:
            report("refused", request, reason=impossible.reason)
            return self._impossible(impossible, request)
        if not accepted.now and not accepted.moments:
            said = " ".join(accepted.unmet) or "There is nothing here that can do that."
            status = Status.OK if accepted.unmet else Status.UNSUPPORTED
            return Reply(status, said, reason="condition not met" if accepted.unmet else "nothing")
        decision = strictest(
            [
                decide(command, request.origin, registry, self.policy)
                for command in accepted.commands
            ]
        )
        if (reply := self._withheld(decision, plan, accepted, request, confirmed)) is not None:
            report("refused", request, reason=reply.reason)
            return reply
        started = self._clock()
        if request.dry_run:
            results = [self._plan_only(command) for command in accepted.now]
            return self._told(accepted, accepted.moments, results, request, report, started)
        if request.deadline is not None and started >= request.deadline:
            return Reply(Status.REJECTED, "That request has expired.", reason="expired")
        if cancelled():
            return Reply(Status.REJECTED, "Cancelled.", reason="cancelled")
        try:
            # Before anything is done: what is done for a while must end, whatever happens.
            kept = self._later.keep(accepted, request, decision.verdict)
        except TimerError as error:
            report("refused", request, reason="too many timers")
            return Reply(Status.REJECTED, str(error), reason="too many timers")
        results = await self._executor.execute(accepted.now, cancelled) if accepted.now else []
        moments = self._later.kept(accepted.moments, kept, results, cancelled=cancelled())
        return self._told(accepted, moments, results, request, report, started)

    def _told(
        self,
        accepted: Accepted,
        moments: Sequence[Moment],
        results: list[Result],
        request: Request,
        report: Report,
        started: float,
    ) -> Reply:
        """The reply about what became of a plan and about what is put off."""
        registry = self._devices.registry
        done = results
        results = results + [result for moment in moments for result in planned(moment.items)]
        for result in results:
            report(EVENTS[result.outcome], request, device=result.command.entity)
        said = [
            *accepted.unmet,
            say_results(done, registry),
            say_moments(moments, registry, only_said=request.dry_run),
        ]
        return Reply(
            status_of(results),
            " ".join(part for part in said if part),
            calls_of(results, registry),
            reason=next((result.reason for result in results if result.reason), None),
            act_ms=(self._clock() - started) * 1e3,
        )

    def _impossible(self, impossible: Impossible, request: Request) -> Reply:
        """The reply where a time cannot be kept; it may ask for something that can."""
        if impossible.instead is None:
            return Reply(Status.REJECTED, impossible.said, reason=impossible.reason)
        self._ask(request, Confirm(impossible.instead))
        return Reply(Status.CLARIFY, impossible.said, reason=impossible.reason)

    def _withheld(
        self,
        decision: Decision,
        plan: Plan,
        accepted: Accepted,
        request: Request,
        confirmed: bool,
    ) -> Reply | None:
        """The reply where policy does not let the plan through, or None."""
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
        question = f"Shall I {accepted.question(self._devices.registry)}?"
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


EVENTS = {
    Outcome.CONFIRMED: "confirmed",
    Outcome.SENT: "executed",
    Outcome.TIMEOUT: "timed out",
    Outcome.REFUSED: "refused",
    Outcome.PLANNED: "planned",
}


def _unreported(_event: str, _request: Request, /, **_details: object) -> None:
    """For what is approved by an operator, whose response says it all."""
