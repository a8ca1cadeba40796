"""The agent: takes requests one by one, understands them, acts, and answers each exactly once.

Three tasks share it: changes from devices, requests in their order, and what overtakes them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import msgspec
import structlog

from edge_agent.core.entity import Origin
from edge_agent.core.payload import decode_json
from edge_agent.errors import DeviceError, EdgeAgentError
from edge_agent.language.guards import is_stop
from edge_agent.mqtt.inbox import Inbox
from edge_agent.mqtt.message import Lane, Message, Subscription
from edge_agent.mqtt.topics import response_topic_allowed
from edge_agent.service.control import Control
from edge_agent.service.devices import Devices
from edge_agent.service.request import (
    RecentRequests,
    Request,
    RequestError,
    Seen,
    parse_request,
)
from edge_agent.service.response import Reply, Status
from edge_agent.service.topics import AgentTopics
from edge_agent.service.turn import Turn

_LOG = structlog.get_logger()

_SHORT = 1024
"""Bytes of the longest message that can overtake others."""


class Link(Protocol):
    """What the agent needs of the connection to the broker."""

    @property
    def connected(self) -> bool:
        """Whether publishes are taken."""
        ...

    def subscribe(self, table: "tuple[Subscription, ...]") -> None:
        """Make this the table of subscriptions."""
        ...

    def publish(
        self,
        topic: str,
        payload: bytes | str,
        *,
        qos: int = 1,
        retain: bool = False,
        expiry: int | None = None,
        correlation: bytes | None = None,
    ) -> bool:
        """Send now or never."""
        ...

    def deliver(self, topic: str, payload: bytes, *, correlation: bytes | None = None) -> None:
        """Send now, or when the broker is back."""
        ...


@dataclass(slots=True)
class Figures:
    """What health reports of the work done."""

    last_latency_ms: float | None = None
    answered: int = 0


class Agent:
    """The life of a request, from the inbox to the response."""

    def __init__(
        self,
        *,
        topics: AgentTopics,
        inbox: Inbox,
        link: Link,
        devices: Devices,
        turn: Turn,
        control: Control,
        response_prefixes: tuple[str, ...],
        request_timeout: float,
        clock: Callable[[], float],
    ) -> None:
        """Wires the agent; nothing runs yet."""
        self.figures = Figures()
        self._topics = topics
        self._inbox = inbox
        self._link = link
        self._devices = devices
        self._turn = turn
        self._control = control
        self._prefixes = response_prefixes
        self._request_timeout = request_timeout
        self._clock = clock
        self._recent = RecentRequests()
        self._called_off_at = float("-inf")
        self._one_by_one = asyncio.Lock()

    async def run(self) -> None:
        """Serve until cancelled."""
        self._subscribe()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._serve(self._take_changes), name="changes")
            tasks.create_task(self._serve(self._take_request), name="requests")
            tasks.create_task(self._serve(self._take_urgent), name="urgent")

    async def hear(self, request: Request) -> Reply:
        """The reply to a sentence that was heard here; it is published like every other."""
        if is_stop(request.text):
            self._called_off_at = request.received
            return await self._perform(request, lambda: self._called_off(request))
        async with self._one_by_one:
            return await self._perform(request, lambda: self._turn_of(request))

    def announce(self, request: Request, reply: Reply) -> None:
        """Publish what became of a thing that was put off, as the response to its own id."""
        self._respond(request, reply)

    def report(self, event: str, request: Request, /, **details: object) -> None:
        """Publish an event."""
        self._event(event, request, **details)

    async def _serve(self, take: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await take()
            except Exception:
                # One bad message must never end the daemon.
                _LOG.exception("agent.failed")

    async def _take_changes(self) -> None:
        messages = await self._inbox.get_many(Lane.DISCOVERY, Lane.STATE)
        if await self._devices.take(messages):
            self._subscribe()

    async def _take_request(self) -> None:
        message = await self._inbox.get(Lane.REQUEST)
        async with self._one_by_one:
            await self._answer(message)

    async def _take_urgent(self) -> None:
        message = await self._inbox.get(Lane.URGENT, Lane.REJECTED)
        if message.lane is Lane.REJECTED:
            await self._turn_away(message)
            return
        if calls_off(message):
            self._called_off_at = message.received
        await self._answer(message)

    def _subscribe(self) -> None:
        self._link.subscribe((*self._topics.subscriptions, *self._devices.subscriptions()))

    async def _answer(self, message: Message) -> None:
        reply_topic = self._reply_topic(message)
        try:
            request = self._parse(message, reply_topic)
        except RequestError as error:
            unread = self._unreadable(message, error.request_id, reply_topic)
            self._respond(unread, Reply(Status.ERROR, f"I could not read that: {error}."))
            return
        if (refusal := self._refusal(request, message)) is not None:
            if refusal.text:
                self._respond(request, refusal)
            return
        if message.topic == self._topics["control"]:
            await self._perform(request, lambda: self._control.perform(message.payload, request))
        elif is_stop(request.text):
            await self._perform(request, lambda: self._called_off(request))
        else:
            await self._perform(request, lambda: self._turn_of(request))

    async def _called_off(self, request: Request) -> Reply:
        return self._control.call_off(request)

    async def _turn_of(self, request: Request) -> Reply:
        return await self._turn.take(request, lambda: self._is_called_off(request), self._event)

    def _is_called_off(self, request: Request) -> bool:
        return request.received <= self._called_off_at

    async def _perform(self, request: Request, work: Callable[[], Awaitable[Reply]]) -> Reply:
        """Does what a request asks for, whatever comes of it, and answers it."""
        started = self._clock()
        self._event("heard", request, text=request.text)
        try:
            reply = await work()
        except EdgeAgentError as error:
            reply = Reply(Status.ERROR, f"That went wrong: {error}.", reason=str(error))
        except Exception as error:
            _LOG.exception("agent.turn_failed", request_id=request.id)
            reply = Reply(
                Status.ERROR, "Something went wrong; nothing more was done.", reason=repr(error)
            )
        if self._is_called_off(request) and reply.status is Status.ERROR:
            reply = replace(reply, status=Status.REJECTED, text="Cancelled.", reason="cancelled")
        self._respond(request, reply, queue_ms=(started - request.received) * 1e3)
        return reply

    def _parse(self, message: Message, reply_topic: str | None) -> Request:
        payload = message.payload
        if message.topic == self._topics["control"]:
            payload = _control_request(payload)
        return parse_request(
            payload,
            message.received,
            origin=Origin.COMMAND,
            expiry=message.expiry,
            reply_topic=reply_topic,
            correlation=message.correlation,
        )

    def _refusal(self, request: Request, message: Message) -> Reply | None:
        """Why a request must not even be looked at; an empty text is not answered at all."""
        seen = self._recent.meet(request)
        if seen is Seen.CLASHING:
            return Reply(Status.REJECTED, "This id belongs to another request.", reason="id clash")
        if seen is Seen.REPEATED:
            self._event("repeated", request)
            # A redelivery by the broker has its one answer already, or will have.
            said = "" if message.duplicate else "I had this request already."
            return Reply(Status.REJECTED, said, reason="repeated id")
        now = self._clock()
        if request.deadline is not None and now >= request.deadline:
            return Reply(Status.REJECTED, "That request has expired.", reason="expired")
        if now - request.received > self._request_timeout:
            return Reply(Status.REJECTED, "That request waited too long.", reason="expired")
        return None

    def _unreadable(self, message: Message, request_id: str, reply_topic: str | None) -> Request:
        return Request(
            id=request_id,
            text="",
            origin=Origin.COMMAND,
            conversation_id=request_id,
            received=message.received,
            reply_topic=reply_topic,
            correlation=message.correlation,
        )

    async def _turn_away(self, message: Message) -> None:
        reply_topic = self._reply_topic(message)
        try:
            request = self._parse(message, reply_topic)
        except RequestError as error:
            request = self._unreadable(message, error.request_id, reply_topic)
        if message.rejection == "busy":
            self._respond(
                request,
                Reply(Status.ERROR, "I am busy; please say that again in a moment.", reason="busy"),
            )
        else:
            self._respond(
                request,
                Reply(Status.ERROR, "That request is too large.", reason=message.rejection),
            )
        await asyncio.sleep(0)

    def _reply_topic(self, message: Message) -> str | None:
        topic = message.response_topic
        if (
            topic is None
            or self._topics.reserved(topic)
            or not response_topic_allowed(topic, self._prefixes)
            or self._devices.commands(topic)
        ):
            return None
        return topic

    def _respond(self, request: Request, reply: Reply, *, queue_ms: float = 0.0) -> None:
        total_ms = (self._clock() - request.received) * 1e3
        body: dict[str, Any] = {
            "id": request.id,
            "conversation_id": request.conversation_id,
            "status": reply.status,
            "text": reply.text,
            "calls": reply.calls,
            "confidence": round(reply.confidence, 4),
            "timing_ms": {
                "queue": round(queue_ms, 1),
                "understand": round(reply.understand_ms, 1),
                "act": round(reply.act_ms, 1),
                "total": round(total_ms, 1),
            },
            "model": self._turn.model_name,
        }
        if reply.reason is not None:
            body["reason"] = reply.reason
        body.update(reply.extra or {})
        self._link.deliver(
            request.reply_topic or self._topics["response"],
            msgspec.json.encode(body),
            correlation=request.correlation if request.reply_topic else None,
        )
        self.figures.last_latency_ms = total_ms
        self.figures.answered += 1
        self._event("answered", request, status=reply.status, reason=reply.reason)
        _LOG.info(
            "request.answered",
            request_id=request.id,
            status=reply.status.value,
            reason=reply.reason,
            confidence=round(reply.confidence, 3),
            latency_ms=round(total_ms),
        )

    def _event(self, event: str, request: Request, /, **details: object) -> None:
        body = {"event": event, "id": request.id, **details}
        self._link.publish(self._topics["event"], msgspec.json.encode(body), qos=0)


def urgent(message: Message) -> bool:
    """Whether a request overtakes the others: it calls us off, or is a hand on a button here."""
    return calls_off(message) or at_hand(message)


def calls_off(message: Message) -> bool:
    """Whether a request ends what is being done."""
    payload = message.payload
    if len(payload) > _SHORT:
        return False
    try:
        if not payload.lstrip().startswith(b"{"):
            return is_stop(payload.decode("utf-8"))
        document = decode_json(payload)
    except (DeviceError, UnicodeDecodeError):
        return False
    if not isinstance(document, Mapping):
        return False
    text = document.get("text")
    if document.get("op") == "cancel":
        return "timer" not in document  # that one is called off, and nothing else is
    return isinstance(text, str) and is_stop(text)


def at_hand(message: Message) -> bool:
    """Whether a control message is about the button or the switch of the microphone.

    Who speaks while something else is done must be heard at once, and never who has just muted it.
    Another way to be spoken to may have to be loaded, and waits for its turn.
    """
    if not message.topic.endswith("/control") or len(message.payload) > _SHORT:
        return False
    try:
        document = decode_json(message.payload)
    except DeviceError:
        return False
    if not isinstance(document, Mapping):
        return False
    return document.get("op") in ("listen", "voice") and "mode" not in document


def _control_request(payload: bytes) -> bytes:
    """A control payload as a request, so that ids, expiry and repeats are treated alike."""
    try:
        document = decode_json(payload)
    except DeviceError:
        document = None
    if not isinstance(document, dict):
        document = {}
    document["text"] = msgspec.json.encode(document.get("op", "?")).decode()
    return msgspec.json.encode(document)
