"""What a request means, with the question that it answers; of several hearings, which one."""

from collections.abc import Callable

from edge_agent.core.command import Plan, Query
from edge_agent.core.entity import Area, Risk
from edge_agent.core.registry import Registry
from edge_agent.language.dialogue import (
    Dialogue,
    Left,
    Question,
    Which,
    all_of,
    ambiguous,
    answers,
    settles,
)
from edge_agent.language.guards import is_question, means_all, unheeded
from edge_agent.language.interpreter import Reading, risk_of
from edge_agent.service.request import Request
from edge_agent.service.worker import Worker

_OTHERS = 2
"""Hearings beside the best that are looked at: each takes as long as a sentence does."""


class Reader:
    """Asks the worker as often as it takes."""

    def __init__(self, worker: Worker, dialogue: Dialogue, clock: Callable[[], float]) -> None:
        """Keeps what it works with."""
        self._worker = worker
        self._dialogue = dialogue
        self._clock = clock

    async def read(
        self,
        request: Request,
        pending: Question | None,
        registry: Registry,
        area: Area | None,
        cancelled: Callable[[], bool],
    ) -> tuple[Reading, str]:
        """What a request means, and the text that says all of it.

        Args:
            request: What somebody said.
            pending: The question that was open in its conversation.
            registry: The snapshot that it is decided against.
            area: Where the speaker is.
            cancelled: A true answer ends the decode.

        Raises:
            ModelError: There is no model, or the decode was cancelled or failed.
        """
        if (
            isinstance(pending, Which)
            and means_all(request.text)
            and (reading := all_of(pending, registry)) is not None
        ):
            return reading, pending.text
        if isinstance(pending, Which) and answers(request.text, pending, registry):
            text = f"{pending.text}, {request.text}"
            reading = await self._worker.read(
                text, registry, area, cancelled, among=pending.options
            )
            if isinstance(reading.meaning, Plan):
                return reading, text
        if isinstance(pending, Left):
            text = f"{pending.text}, {request.text}"
            reading = await self._worker.read(text, registry, area, cancelled)
            if isinstance(reading.meaning, Plan) and settles(reading.meaning, pending):
                return reading, text
        before = self._dialogue.before(request.conversation_id, request.origin, self._clock())
        first = await self._worker.read(request.text, registry, area, cancelled, before=before)
        if not self._is_clear(first, registry):
            for text in request.readings[:_OTHERS]:
                other = await self._worker.read(text, registry, area, cancelled, before=before)
                if self._is_clear(other, registry) and stands_for(other, request.text, registry):
                    return other, text
        return first, request.text

    def is_sure(self, reading: Reading, plan: Plan, registry: Registry) -> bool:
        """Whether what a reading came to is carried out without a question."""
        model, risk = self._worker.model, risk_of(plan, registry)
        return model is not None and model.interpreter.calibration.suffices(reading.evidence, risk)

    def _is_clear(self, reading: Reading, registry: Registry) -> bool:
        """Whether a reading would be acted on or answered as it is."""
        match reading.meaning:
            case Plan() as plan:
                doubtful = reading.unheeded is not None or bool(ambiguous(plan))
                return not doubtful and self.is_sure(reading, plan, registry)
            case meaning:
                return isinstance(meaning, Query)


def stands_for(reading: Reading, heard: str, registry: Registry) -> bool:
    """Whether what a less likely hearing means may be taken for what was said.

    What was heard as a question or with a "not" stays so, and what is not sure to have been said
    opens no door.
    """
    plan = reading.meaning
    if not isinstance(plan, Plan):
        return True
    if is_question(heard) or unheeded(heard, plan) is not None:
        return False
    return risk_of(plan, registry) is not Risk.SECURITY
