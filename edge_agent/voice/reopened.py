"""A device that may be unplugged, as a source that never fails: it is opened until it works."""

import threading
from collections.abc import Callable
from typing import Protocol

from edge_agent.errors import VoiceError
from edge_agent.voice.ports import Samples, Source

_SHORTEST = 1.0
_LONGEST = 30.0
"""Seconds between attempts: the first, and the most after many failures."""


class Capture(Source, Protocol):
    """A source that counts what it lost."""

    @property
    def overflows(self) -> int:
        """How often sound was lost."""
        ...


class Reopened:
    """Reads from a device, and opens it anew whenever it fails, until it is closed.

    Args:
        open_source: Opens the device; raises VoiceError where it cannot.
        on_change: Told what is wrong when sound stops coming, again when the reason changes, and
            None when it comes again; called by the thread that reads.
        shortest: Seconds before the first new attempt; each failure doubles them.
        longest: The most seconds between two attempts.
    """

    def __init__(
        self,
        open_source: Callable[[], Capture],
        on_change: Callable[[str | None], None] = lambda _problem: None,
        *,
        shortest: float = _SHORTEST,
        longest: float = _LONGEST,
    ) -> None:
        self.problem: str | None = None
        """Why there is no sound; None where there is."""
        self._open = open_source
        self._on_change = on_change
        self._shortest = shortest
        self._longest = longest
        self._pause = shortest
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._renewing = False
        self._source: Capture | None = None
        self._lost_before = 0

    @property
    def overflows(self) -> int:
        """How often sound was lost since the start, over all devices."""
        with self._lock:
            return self._lost_before + (self._source.overflows if self._source else 0)

    def read(self) -> Samples | None:
        """The next block, however long its device is away; None at the end or once closed."""
        while not self._closing.is_set():
            try:
                block = self._opened().read()
            except VoiceError as error:
                self._drop()
                self._tell(str(error))
                self._closing.wait(self._pause)
                self._pause = min(2 * self._pause, self._longest)
                continue
            if block is not None:
                self._pause = self._shortest
                self._tell(None)
                return block
            if not self._renewed():
                return None
        return None

    def renew(self) -> None:
        """Open the device anew at once, from any thread.

        The list of devices can only be read while none is open: a speaker that is plugged in
        while the microphone listens is found only so.
        """
        with self._lock:
            if self._source is None:
                return  # that is under way anyhow
            self._renewing = True
            source = self._source
        source.close()

    def close(self) -> None:
        """Let go of the device for good; a `read` that waits returns None."""
        with self._lock:
            self._closing.set()
            source = self._source
        if source is not None:
            source.close()

    def _opened(self) -> Capture:
        if self._source is None:
            source = self._open()
            with self._lock:
                self._source = source
            if self._closing.is_set():  # while it was being opened: nobody else closes it
                source.close()
        return self._source  # only this thread ever changes it

    def _renewed(self) -> bool:
        """Whether the sound ended only to begin again."""
        with self._lock:
            renewing, self._renewing = self._renewing, False
        if renewing:
            self._drop()
        return renewing

    def _drop(self) -> None:
        with self._lock:
            source, self._source = self._source, None
            if source is None:
                return
            self._lost_before += source.overflows
            self._renewing = False
        source.close()

    def _tell(self, problem: str | None) -> None:
        if problem != self.problem:
            self.problem = problem
            self._on_change(problem)
