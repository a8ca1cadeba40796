"""Bounded lanes from the network thread to the loop; a flood costs messages, never memory.

STATE and DISCOVERY keep the newest message of a topic and drop the oldest topic when full.
REQUEST is a queue that turns the newest away to REJECTED, where it waits for its answer "busy".
URGENT overtakes; when full it turns away too. REJECTED drops its oldest. Each drop is counted.
"""

import asyncio
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from edge_agent.core.payload import PACKET_LIMIT, STATE_LIMIT
from edge_agent.mqtt.message import Lane, Message

_OVERHEAD: Final = 500  # bytes a waiting message costs besides its payload, roughly


@dataclass(frozen=True, slots=True)
class InboxLimits:
    """How much may wait."""

    urgent: int = 16  # messages
    rejected: int = 64  # messages
    requests: int = 32  # messages
    discovery_topics: int = 4096
    discovery_bytes: int = 16 << 20
    state_topics: int = 8192
    state_bytes: int = 8 << 20


@dataclass(frozen=True, slots=True)
class InboxStats:
    """Counters since the start, and what waits now."""

    received: Mapping[Lane, int]
    dropped: Mapping[str, int]
    depth: Mapping[Lane, int]


class _Queue:
    """Messages in order of arrival, at most so many."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._messages: deque[Message] = deque()

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def full(self) -> bool:
        return len(self._messages) >= self._most

    def put(self, message: Message) -> None:
        self._messages.append(message)

    def pop(self) -> Message:
        return self._messages.popleft()


class _Newest:
    """The newest message of each topic; a topic keeps its place, so a busy one waits no longer."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._bytes = 0
        self._messages: dict[str, Message] = {}

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, message: Message) -> Counter[str]:
        """Take a message; returns what it cost, by reason."""
        dropped: Counter[str] = Counter()
        if (old := self._messages.get(message.topic)) is not None:
            self._bytes -= _size(old)
            dropped["superseded"] = 1
        self._messages[message.topic] = message
        self._bytes += _size(message)
        while len(self._messages) > self._most or self._bytes > self._most_bytes:
            self.pop()
            dropped[f"{message.lane} overflow"] += 1
        return dropped

    def pop(self) -> Message:
        message = self._messages.pop(next(iter(self._messages)))
        self._bytes -= _size(message)
        return message


def _size(message: Message) -> int:
    return len(message.payload) + _OVERHEAD


class Inbox:
    """Messages on their way into the loop.

    Args:
        urgent: Says of a request whether it overtakes the others; runs in the network thread.
        limits: How much may wait.
    """

    def __init__(
        self,
        *,
        urgent: Callable[[Message], bool] | None = None,
        limits: InboxLimits | None = None,
    ) -> None:
        limits = limits or InboxLimits()
        self._urgent = urgent or (lambda _: False)
        self._requests = _Queue(limits.requests)
        self._urgents = _Queue(limits.urgent)
        self._rejected = _Queue(limits.rejected)
        self._lanes: dict[Lane, _Queue | _Newest] = {
            Lane.URGENT: self._urgents,
            Lane.REJECTED: self._rejected,
            Lane.REQUEST: self._requests,
            Lane.DISCOVERY: _Newest(limits.discovery_topics, limits.discovery_bytes),
            Lane.STATE: _Newest(limits.state_topics, limits.state_bytes),
        }
        self._lock = threading.Lock()
        self._received: Counter[Lane] = Counter()
        self._dropped: Counter[str] = Counter()
        self._waiters: list[tuple[frozenset[Lane], asyncio.Future[None]]] = []
        self._waking = False
        self._changes_due = False

    def put(self, message: Message) -> None:
        """Let a message in, from any thread; what finds no room is dropped and counted."""
        request = message.lane is Lane.REQUEST
        limit = PACKET_LIMIT if message.lane is Lane.DISCOVERY else STATE_LIMIT
        fits = len(message.payload) <= limit
        urgent = request and fits and self._is_urgent(message)
        with self._lock:
            self._received[message.lane] += 1
            if request and message.retain:
                self._dropped["retained request"] += 1
            elif not fits:
                self._dropped["too large"] += 1
                if request:
                    self._reject(replace(message, payload=b""), "too large")
            elif request:
                self._put_request(message, urgent=urgent)
            else:
                lane = self._lanes[message.lane]
                assert isinstance(lane, _Newest)  # noqa: S101 - narrows the type
                self._dropped.update(lane.put(message))
                self._wake(message.lane)

    def count_drop(self, reason: str) -> None:
        """Count a message that was dropped before it came here."""
        with self._lock:
            self._dropped[reason] += 1

    async def get(self, *lanes: Lane) -> Message:
        """Return the next message of these lanes (of all, when none is named); waits for one.

        The most pressing lane goes first, but after a request a waiting discovery or state has
        its turn, so that one reader of everything starves neither.
        """
        return (await self.get_many(*lanes, most=1))[0]

    async def get_many(self, *lanes: Lane, most: int = 256) -> list[Message]:
        """Return what waits in these lanes, at least one message and at most `most`."""
        wanted = frozenset(lanes or Lane)
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0)  # under a flood there is always more: let the others run
        while True:
            with self._lock:
                if batch := self._take(wanted, most):
                    return batch
                waiter = loop.create_future()
                entry = (wanted, waiter)
                self._waiters.append(entry)
                self._waking = False  # a wake-up may have died with an earlier loop
            try:
                await waiter
            finally:
                with self._lock:
                    if entry in self._waiters:
                        self._waiters.remove(entry)

    def stats(self) -> InboxStats:
        """Return the counters, from any thread."""
        with self._lock:
            return InboxStats(
                received=dict(self._received),
                dropped=dict(self._dropped),
                depth={lane: len(queue) for lane, queue in self._lanes.items()},
            )

    def _is_urgent(self, message: Message) -> bool:
        try:
            return self._urgent(message)
        except Exception:
            return False  # a predicate that fails must not cost the message

    def _put_request(self, message: Message, *, urgent: bool) -> None:
        lane = Lane.URGENT if urgent else Lane.REQUEST
        queue = self._urgents if urgent else self._requests
        if queue.full:
            self._dropped["busy"] += 1
            self._reject(message, "busy")
        else:
            queue.put(replace(message, lane=lane))
            self._wake(lane)

    def _reject(self, message: Message, reason: str) -> None:
        if self._rejected.full:
            self._rejected.pop()
            self._dropped["rejected overflow"] += 1
        self._rejected.put(replace(message, lane=Lane.REJECTED, rejection=reason))
        self._wake(Lane.REJECTED)

    def _take(self, wanted: frozenset[Lane], most: int) -> list[Message]:
        order = [lane for lane in Lane if lane in wanted]
        if self._changes_due:
            order.sort(key=lambda lane: lane is Lane.REQUEST)
        batch: list[Message] = []
        for lane in order:
            queue = self._lanes[lane]
            while len(queue) and len(batch) < most:
                batch.append(queue.pop())
        if batch:
            self._changes_due = batch[-1].lane is Lane.REQUEST
        return batch

    def _wake(self, lane: Lane) -> None:
        """Wake the readers of a lane, once for all that comes before they run."""
        if self._waking:
            return
        for lanes, waiter in self._waiters:
            if lane in lanes:
                try:
                    waiter.get_loop().call_soon_threadsafe(self._release)
                except RuntimeError:
                    return  # the loop is closed: nobody reads any more
                self._waking = True
                return

    def _release(self) -> None:
        with self._lock:
            waiters, self._waiters = self._waiters, []
            self._waking = False
        for _, waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
