"""Messages that must not be lost with a connection: kept until the broker has acknowledged them.

For answers, which are late but never wrong. Commands to devices do not belong here: one that
comes late is a ghost. Knows no connection, only receipts.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

KEEP: Final = 60.0
"""Seconds after which an answer is of no use any more."""
_MOST: Final = 256
_TRIES: Final = 5  # a letter that costs us the connection each time must not do so for long


class Receipt(Protocol):
    """What the broker's acknowledgement is read from."""

    def is_published(self) -> bool:
        """Whether the broker has acknowledged the message."""
        ...


@dataclass(frozen=True, slots=True)
class Letter:
    """A message with the answer's correlation data."""

    topic: str
    payload: bytes
    correlation: bytes | None = None


Send = Callable[[Letter], Receipt | None]
"""Hands a letter to the connection; None when it is not taken."""


@dataclass(slots=True)
class _Kept:
    letter: Letter
    until: float
    receipt: Receipt | None = None
    tries: int = 0


class Outbox:
    """At most 256 letters; a letter is given up when it is too old or when newer ones need room.

    Args:
        clock: Monotonic seconds.
        keep: Seconds after which a letter is given up.
        most: How many may wait.
    """

    def __init__(
        self, clock: Callable[[], float], *, keep: float = KEEP, most: int = _MOST
    ) -> None:
        self._clock = clock
        self._keep = keep
        self._most = most
        self._kept: deque[_Kept] = deque()
        self._lost = 0
        self._lock = threading.Lock()

    @property
    def lost(self) -> int:
        """How many letters were given up since the start."""
        with self._lock:
            self._tidy()
            return self._lost

    @property
    def waiting(self) -> int:
        """How many letters no broker has acknowledged yet."""
        with self._lock:
            self._tidy()
            return len(self._kept)

    def put(self, letter: Letter, send: Send) -> None:
        """Send a letter, now if the connection takes it and in the order of arrival otherwise."""
        with self._lock:
            self._tidy()
            if len(self._kept) >= self._most:
                self._kept.popleft()
                self._lost += 1
            self._kept.append(_Kept(letter, self._clock() + self._keep))
            self._send(send)

    def resend(self, send: Send) -> None:
        """Send everything that is not acknowledged over a new connection."""
        with self._lock:
            self._tidy()
            for kept in self._kept:
                kept.receipt = None
            self._drop(lambda kept: kept.tries >= _TRIES)
            self._send(send)

    def _send(self, send: Send) -> None:
        for kept in self._kept:
            if kept.receipt is None:
                kept.receipt = send(kept.letter)
                if kept.receipt is None:
                    return
                kept.tries += 1

    def _tidy(self) -> None:
        now = self._clock()
        self._kept = deque(kept for kept in self._kept if not _acknowledged(kept.receipt))
        self._drop(lambda kept: now >= kept.until)

    def _drop(self, useless: Callable[[_Kept], bool]) -> None:
        left = deque(kept for kept in self._kept if not useless(kept))
        self._lost += len(self._kept) - len(left)
        self._kept = left


def _acknowledged(receipt: Receipt | None) -> bool:
    try:
        return receipt is not None and receipt.is_published()
    except (ValueError, RuntimeError):
        return False  # paho raises for a message that it could not send
