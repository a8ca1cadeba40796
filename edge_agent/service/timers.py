"""What is to be done later: kept over a restart, listed, called off, and due at its time.

It knows the clocks and the store, but neither devices nor policy: whoever asks what is due
carries it out.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from edge_agent.core.command import Command, Condition
from edge_agent.core.entity import Origin
from edge_agent.core.policy import Verdict
from edge_agent.errors import EdgeAgentError
from edge_agent.service.clocks import Clocks
from edge_agent.service.store import Store

MOST = 64
"""Timers that may be pending at once."""
LATEST = 60.0
"""Seconds after its time when a thing is still done; later it is dropped and reported."""
RECALL_TIME = 60.0
"""Seconds for which "cancel that" may mean what was put off last."""

_MOST_CONVERSATIONS = 64
_VERSION = 1
_TICK = 1.0
"""Seconds after which the clocks are looked at again: the machine may have slept."""
_NOTICEABLE = 0.5
"""Seconds; how far a wall clock may drift before the estimates in the file are written anew."""


class TimerError(EdgeAgentError):
    """A timer that cannot be set; the text is the sentence for a person."""


class Item(msgspec.Struct, frozen=True):
    """One thing to do then, with its absolute value."""

    command: Command
    name: str
    """What the thing is called, should it be gone by then."""
    condition: Condition | None = None
    """Decided when it is due."""
    undoes: str | None = None
    """The attribute that was set for a while and is put back by this."""


class Timer(msgspec.Struct, frozen=True):
    """Things to do at one moment, as one request asked for them."""

    id: str
    """That of the request with a number behind it; also the id of the response it ends with."""
    request: str
    conversation: str
    origin: Origin
    items: tuple[Item, ...]
    approved: Verdict
    """The strictest question of policy that was answered when this was accepted."""
    words: str
    """`turn off the heater`."""
    due: float | None
    """Elapsed seconds of this run of the machine; None until the wall clock tells."""
    wall: float | None
    """Seconds since 1970: exact for a time of day, else what the due time comes to."""
    by_wall: bool = False
    """A time of day was said: the wall clock decides."""
    undoes: bool = False
    """Puts back what was done for a while."""


class _File(msgspec.Struct, frozen=True):
    version: int
    boot: str
    timers: tuple[Timer, ...]


@dataclass(frozen=True, slots=True)
class _Latest:
    timers: tuple[str, ...]
    origin: Origin
    until: float


class Timers:
    """Everything that is put off, in memory and in the store."""

    def __init__(self, clocks: Clocks, store: Store) -> None:
        """Takes up what the store has kept."""
        self.changed = asyncio.Event()
        """Set when something was added, for whoever waits for the next one."""
        self._clocks = clocks
        self._store = store
        self._timers: dict[str, Timer] = {}
        self._latest: OrderedDict[str, _Latest] = OrderedDict()
        self._restore()

    def __len__(self) -> int:
        """How many are pending."""
        return len(self._timers)

    @property
    def problems(self) -> list[str]:
        """Sentences about what would be lost, and about what waits for the clock."""
        problems = list(self._store.problems)
        if self._timers and not self._store.kept:
            problems.append(
                f"a restart would lose {count(len(self._timers))}: agent.state_dir is not set"
            )
        waiting = sum(timer.due is None for timer in self._timers.values())
        if waiting:
            problems.append(f"{count(waiting)} cannot be timed before the clock is synchronised")
        return problems

    def pending(self) -> list[Timer]:
        """All of them, the next one first and those of unknown time last."""
        if self._keep_time():
            self._save()
        return sorted(self._timers.values(), key=lambda one: (one.due is None, one.due or 0.0))

    def get(self, timer_id: str) -> Timer | None:
        """One that is pending."""
        return self._timers.get(timer_id)

    def free_id(self, request: str, taken: Iterable[str] = ()) -> str:
        """An id for another timer of a request."""
        used, number = {*self._timers, *taken}, 1
        while f"{request}.{number}" in used:
            number += 1
        return f"{request}.{number}"

    def add(self, timers: Sequence[Timer]) -> None:
        """Keep timers; the store has them before anything is said.

        Raises:
            TimerError: There are too many.
        """
        if len(self._timers) + len(timers) > MOST:
            raise TimerError(f"I have {count(len(self._timers))} already; cancel one first.")
        self._timers.update((timer.id, timer) for timer in timers)
        if timers:
            first = timers[0]
            self._latest.pop(first.conversation, None)
            self._latest[first.conversation] = _Latest(
                tuple(timer.id for timer in timers),
                first.origin,
                self._clocks.elapsed() + RECALL_TIME,
            )
            while len(self._latest) > _MOST_CONVERSATIONS:
                self._latest.popitem(last=False)
            self._keep_time()
            self._save()
            self.changed.set()

    def replace(self, timer: Timer) -> None:
        """Change what a timer does; one that does nothing any more is gone."""
        if timer.id not in self._timers:
            return
        if not timer.items:
            self.remove(timer.id)
            return
        self._timers[timer.id] = timer
        self._save()

    def remove(self, timer_id: str) -> Timer | None:
        """Take a timer away, before it is carried out or because it was called off."""
        timer = self._timers.pop(timer_id, None)
        if timer is not None:
            self._save()
        return timer

    def undoing(self, entity: str, attribute: str) -> Command | None:
        """What will put an attribute back that was set for a while."""
        for timer in self._timers.values():
            for item in timer.items:
                if (item.command.entity, item.undoes) == (entity, attribute):
                    return item.command
        return None

    def moved_on(self, conversation: str) -> None:
        """Something else was said: "cancel that" no longer means what was put off."""
        self._latest.pop(conversation, None)

    def call_off_latest(self, conversation: str, origin: Origin) -> list[Timer]:
        """Take away what the last sentence of a conversation put off, if it did."""
        latest = self._latest.get(conversation)
        if latest is None or latest.origin is not origin or self._clocks.elapsed() > latest.until:
            return []
        del self._latest[conversation]
        return [gone for one in latest.timers if (gone := self.remove(one)) is not None]

    def due(self) -> list[Timer]:
        """Those whose time has come, in order; also those whose time can never be known."""
        now = self._clocks.elapsed()
        return [
            timer
            for timer in self.pending()
            if (timer.wall is None if timer.due is None else timer.due <= now)
        ]

    def late(self, timer: Timer) -> bool:
        """Whether the time of a timer has passed for too long to still do it."""
        return timer.due is None or self._clocks.elapsed() - timer.due > LATEST

    def until_next(self) -> float:
        """Seconds to wait before looking again."""
        now = self._clocks.elapsed()
        dues = [timer.due - now for timer in self._timers.values() if timer.due is not None]
        return min(_TICK, max(0.0, min(dues, default=_TICK)))

    def _keep_time(self) -> bool:
        """Let times of day follow the wall clock, and find intervals of another run again.

        Returns:
            Whether what is kept would be misleading now.
        """
        if not self._timers or not self._clocks.synchronised():
            return False
        now, wall = self._clocks.elapsed(), self._clocks.wall()
        moved = False
        for timer in self._timers.values():
            if timer.wall is not None and (timer.by_wall or timer.due is None):
                due = now + timer.wall - wall
                moved = moved or timer.due is None
                self._timers[timer.id] = msgspec.structs.replace(timer, due=due)
            elif timer.due is not None:
                estimate = wall + timer.due - now
                if timer.wall is None or abs(estimate - timer.wall) > _NOTICEABLE:
                    moved = True
                    self._timers[timer.id] = msgspec.structs.replace(timer, wall=estimate)
        return moved

    def _restore(self) -> None:
        kept = self._store.load(_decode)
        if kept is None:
            return
        same = bool(kept.boot) and kept.boot == self._clocks.boot
        for timer in kept.timers[:MOST]:
            found = timer if same else msgspec.structs.replace(timer, due=None)
            self._timers[timer.id] = found

    def _save(self) -> None:
        file = _File(_VERSION, self._clocks.boot, tuple(self._timers.values()))
        self._store.save(msgspec.json.encode(file))


def _decode(document: bytes) -> _File:
    file = msgspec.json.decode(document, type=_File)  # its errors are ValueErrors
    if file.version != _VERSION:
        raise ValueError(f"its version is {file.version}, legal: {_VERSION}")
    return file


def count(number: int) -> str:
    """So many of them, in words."""
    return f"{number} delayed command{'' if number == 1 else 's'}"
