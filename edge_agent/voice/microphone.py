"""A microphone as a source of sound."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from edge_agent.errors import VoiceError
from edge_agent.voice.audio import Audio, Direction, Opened
from edge_agent.voice.ports import RATE, Samples
from edge_agent.voice.resample import Frames, Resampler, mono

_KEPT_SECONDS = 6.0
"""Sound that waits for a slow reader: a long sentence being recognised. Older sound is dropped."""
_LOST_AFTER = 2.0
"""Seconds without any sound after which a device counts as gone; silence is sound too."""
_LOOK_EVERY = 0.25
"""Seconds between looks at a stream that is quiet."""


class Microphone:
    """Sound as it is heard, from `open` on."""

    def __init__(
        self,
        audio: Audio,
        device: str | int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        lost_after: float = _LOST_AFTER,
    ) -> None:
        """Opens nothing yet.

        Args:
            audio: The sound system.
            device: A part of the microphone's name, its index, or None for the default one.
            clock: Monotonic seconds.
            lost_after: Seconds without any sound after which the device counts as gone.
        """
        self._audio = audio
        self._wanted = device
        self._clock = clock
        self._lost_after = lost_after
        self._waiting: deque[Frames] = deque()
        self._arrived = threading.Condition()
        self._opened: Opened | None = None
        self._resampler = Resampler(RATE)
        self._most = 1
        self._overflows = 0
        self._last = 0.0
        self._closed = False

    @property
    def name(self) -> str:
        """The device, by its full name once it is open."""
        return self._opened.device.name if self._opened else str(self._wanted or "default")

    @property
    def rate(self) -> int:
        """Samples a second as the device gives them; 0 where it is not open."""
        return self._opened.rate if self._opened else 0

    @property
    def overflows(self) -> int:
        """How often sound was lost, because the machine or the reader was too slow."""
        return self._overflows

    def open(self) -> Self:
        """Start to listen.

        Raises:
            VoiceError: There is no such device, or it cannot be opened.
        """
        opened = self._audio.open(self._wanted, Direction.INPUT, self._hear)
        try:
            self._resampler = Resampler(opened.rate)
            self._most = max(1, round(_KEPT_SECONDS * opened.rate / opened.block))
            self._last = self._clock()
            self._opened = opened
            opened.stream.start()
        except self._audio.portaudio.PortAudioError as error:
            self._audio.close(opened.stream, lost=True)
            raise VoiceError(
                f"the microphone {opened.device.name!r} does not start: {error}"
            ) from error
        except VoiceError:
            self._audio.close(opened.stream)
            raise
        return self

    def read(self) -> Samples | None:
        """The next block, as soon as there is one; None once it is closed.

        Raises:
            VoiceError: The device is gone; the text names it and what there is instead.
        """
        while (frames := self._next()) is not None:
            samples = self._resampler.feed(mono(frames))
            if samples.size:
                return samples
        return None

    def close(self) -> None:
        """Let go of the device; a `read` that waits returns None."""
        with self._arrived:
            self._closed = True
            self._arrived.notify_all()
        if self._opened is not None:
            self._audio.close(self._opened.stream)

    def _hear(self, frames: Frames, _count: int, _time: Any, status: Any) -> None:
        """Take a block from PortAudio, in its thread, which must not wait."""
        with self._arrived:
            self._last = self._clock()
            if status and status.input_overflow:
                self._overflows += 1
            if len(self._waiting) >= self._most:
                self._waiting.popleft()
                self._overflows += 1
            self._waiting.append(np.array(frames))
            self._arrived.notify()

    def _next(self) -> Frames | None:
        while True:
            with self._arrived:
                if self._arrived.wait_for(lambda: self._waiting or self._closed, _LOOK_EVERY):
                    return None if self._closed else self._waiting.popleft()
            # Not under our lock: whoever closes a stream waits for the callback, which takes it.
            self._check()

    def _check(self) -> None:
        """Raise where the device is gone: its stream has ended, or runs without any sound."""
        opened = self._opened
        if opened is None:
            raise VoiceError(f"the microphone {self.name!r} is not open")
        flows = self._audio.active(opened.stream)
        if self._closed or (flows and self._clock() - self._last < self._lost_after):
            return
        self._audio.close(opened.stream, lost=True)
        there = self._audio.described(Direction.INPUT)
        how = f"gives no sound for {self._lost_after:g} s" if flows else "is gone"
        raise VoiceError(f"the microphone {self.name!r} {how}; {there}")
