"""A simulated device: a pure state machine that answers commands as a real one does.

Time comes in as an argument; it knows no broker and sends nothing itself.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from edge_agent.errors import DeviceError
from edge_agent.sim.accept import Accept, Values

HOLD = "$hold"
"""A change that stops a moving attribute where it is."""
NEXT = "$next"
PREVIOUS = "$previous"
"""Changes that step through the attribute's cycle (the titles of a playlist)."""

_REPORT_EVERY = 0.25  # seconds between two reports of a moving attribute


class Message(NamedTuple):
    """One publication."""

    topic: str
    payload: str
    retain: bool = True


@dataclass(frozen=True, slots=True)
class Motion:
    """How an attribute gets from one value to another: not at once."""

    seconds: float
    """For a word, the time of the change; for a number, that of the whole span."""
    span: float = 100.0
    via: Mapping[str, str] | None = None
    """For words: wanted word -> what is reported on the way (LOCKED -> LOCKING); others at once."""
    tells: str | None = None
    """For numbers: the attribute that follows in words."""
    words: tuple[str, str, str, str] = ("opening", "open", "closing", "closed")
    """Growing, at rest, shrinking, at rest at `closed`."""
    closed: float = 0.0


@dataclass(frozen=True, slots=True)
class _Move:
    start: Any
    target: Any
    began: float
    ends: float

    def at(self, now: float) -> float:
        """The number reached at `now`."""
        if now >= self.ends:
            return float(self.target)
        share = (now - self.began) / (self.ends - self.began)
        return float(self.start + (self.target - self.start) * share)


class Device:
    """One physical device with all its topics.

    Args:
        device_id: The name by which a test or the demo speaks of it.
        discovery: Retained discovery topics and their payloads.
        commands: Topic -> what it accepts.
        reports: Topic -> the attribute it carries, or {JSON key: attribute}.
        values: The state at the start: every attribute that is reported.
        motions: Attributes that need time.
        cycles: Attributes that are stepped through their list.
        online: Retained messages when it comes up.
        offline: Retained messages when it goes away.
    """

    def __init__(
        self,
        device_id: str,
        *,
        discovery: Mapping[str, str] | None = None,
        commands: Mapping[str, Accept] | None = None,
        reports: Mapping[str, str | Mapping[str, str]] | None = None,
        values: Mapping[str, Any] | None = None,
        motions: Mapping[str, Motion] | None = None,
        cycles: Mapping[str, tuple[str, ...]] | None = None,
        online: Mapping[str, str] | None = None,
        offline: Mapping[str, str] | None = None,
    ) -> None:
        self.id = device_id
        self.discovery = dict(discovery or {})
        self.values: Values = dict(values or {})
        self._commands = dict(commands or {})
        self._reports = dict(reports or {})
        self._motions = dict(motions or {})
        self._cycles = dict(cycles or {})
        self._online = dict(online or {})
        self._offline = dict(offline or {})
        self._moves: dict[str, _Move] = {}
        self._next_report = 0.0
        for topic, report in self._reports.items():
            missing = set(_attributes(report)) - self.values.keys()
            if missing:
                raise DeviceError(f"{device_id}: {topic} reports {missing}, which has no value")

    @property
    def topics(self) -> tuple[str, ...]:
        """The command topics it listens to."""
        return tuple(self._commands)

    @property
    def due(self) -> float | None:
        """When it must be ticked next; None while nothing moves."""
        if not self._moves:
            return None
        return min(self._next_report, *(move.ends for move in self._moves.values()))

    def announce(self) -> list[Message]:
        """Discovery, availability and every state: what it publishes when it comes up."""
        found = [Message(topic, payload) for topic, payload in self.discovery.items()]
        return [*found, *self.come(), *self.report()]

    def come(self) -> list[Message]:
        """Its availability when it is there."""
        return [Message(topic, payload) for topic, payload in self._online.items()]

    def leave(self) -> list[Message]:
        """Its availability when it is gone: what its last will would say."""
        return [Message(topic, payload) for topic, payload in self._offline.items()]

    def forget(self) -> list[Message]:
        """Empty retained messages that remove it and its states from the broker."""
        return [Message(topic, "") for topic in (*self.discovery, *self._reports)]

    def report(self, attributes: Iterable[str] | None = None) -> list[Message]:
        """Its states: all of them, or those that carry one of `attributes`."""
        wanted = None if attributes is None else set(attributes)
        return [
            Message(topic, self._render(report))
            for topic, report in self._reports.items()
            if wanted is None or wanted & set(_attributes(report))
        ]

    def understand(self, topic: str, payload: str) -> Values | None:
        """The changes that a command asks for; None where a real device would ignore it."""
        accept = self._commands.get(topic)
        return None if accept is None else accept.read(payload, self.values)

    def handle(
        self, topic: str, payload: str, now: float, *, opposite: bool = False
    ) -> list[Message]:
        """The answers to a command: state reports, or nothing where it is not understood.

        With `opposite` it does the contrary of what was asked, and says so.
        """
        changes = self.understand(topic, payload)
        if changes is None:
            return []
        if opposite:
            changes = self._commands[topic].flip(changes)
        return self.put(changes, now)

    def put(self, changes: Mapping[str, Any], now: float) -> list[Message]:
        """Apply changes as a hand at the device would; the reports that follow."""
        touched: set[str] = set()
        for attribute, wanted in changes.items():
            if attribute in self._motions:
                touched |= self._start(attribute, wanted, now)
            else:
                self.values[attribute] = self._resolve(attribute, wanted)
                touched.add(attribute)
        return self.report(touched)

    def tick(self, now: float) -> list[Message]:
        """Let time pass: the reports of everything that moves."""
        touched: set[str] = set()
        for attribute, move in list(self._moves.items()):
            if now >= move.ends:
                touched |= self._finish(attribute, move.target)
            elif now >= self._next_report and self._motions[attribute].via is None:
                self.values[attribute] = round(move.at(now))
                touched.add(attribute)
        if now >= self._next_report:
            self._next_report = now + _REPORT_EVERY
        return self.report(touched) if touched else []

    def _start(self, attribute: str, wanted: Any, now: float) -> set[str]:
        motion = self._motions[attribute]
        running = self._moves.pop(attribute, None)
        if running is not None and motion.via is None:
            self.values[attribute] = round(running.at(now))
        start = self.values[attribute]
        if wanted in (HOLD, start):
            return self._finish(attribute, start)
        if motion.via is not None:
            seconds = motion.seconds if wanted in motion.via else 0.0
            self.values[attribute] = motion.via.get(wanted, start)
        else:
            seconds = motion.seconds * abs(wanted - start) / motion.span
            self._tell(motion, motion.words[0 if self._opens(motion, start, wanted) else 2])
        if seconds <= 0:
            return self._finish(attribute, wanted)
        self._moves[attribute] = _Move(start, wanted, now, now + seconds)
        self._next_report = now + _REPORT_EVERY
        return {attribute} | ({motion.tells} if motion.tells else set())

    def _finish(self, attribute: str, value: Any) -> set[str]:
        motion = self._motions[attribute]
        self._moves.pop(attribute, None)
        self.values[attribute] = value
        self._tell(motion, motion.words[3 if value == motion.closed else 1])
        return {attribute} | ({motion.tells} if motion.tells else set())

    def _tell(self, motion: Motion, word: str) -> None:
        if motion.tells is not None:
            self.values[motion.tells] = word

    @staticmethod
    def _opens(motion: Motion, start: float, wanted: float) -> bool:
        # Some shutters count backwards: their closed end is 100.
        return abs(wanted - motion.closed) > abs(start - motion.closed)

    def _resolve(self, attribute: str, wanted: Any) -> Any:
        if wanted == HOLD:
            return self.values[attribute]
        if wanted not in (NEXT, PREVIOUS):
            return wanted
        cycle = self._cycles[attribute]
        step = 1 if wanted == NEXT else -1
        return cycle[(cycle.index(self.values[attribute]) + step) % len(cycle)]

    def _render(self, report: str | Mapping[str, str]) -> str:
        if isinstance(report, str):
            return _text(self.values[report])
        shown = {key: self.values[attribute] for key, attribute in report.items()}
        return json.dumps(shown, separators=(",", ":"), ensure_ascii=False)


def _attributes(report: str | Mapping[str, str]) -> tuple[str, ...]:
    return (report,) if isinstance(report, str) else tuple(report.values())


def _text(value: Any) -> str:
    match value:
        case dict():
            return ",".join(f"{part:g}" for part in value.values())
        case list():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)
