"""Speakers as sinks of sound: one of this machine, and one that another device has."""

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from edge_agent.errors import VoiceError
from edge_agent.voice.audio import Audio, Direction, Opened, PortAudio
from edge_agent.voice.ports import RATE, Samples
from edge_agent.voice.resample import Frames, Resampler

_LOST_AFTER = 2.0
"""Seconds in which a device took nothing after which it counts as gone."""
_LOOK_EVERY = 0.25


class Speaker:
    """Plays one sound after another; its device is open only meanwhile."""

    def __init__(
        self,
        audio: Audio,
        device: str | int | None = None,
        *,
        on_failure: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        lost_after: float = _LOST_AFTER,
    ) -> None:
        """Opens nothing yet.

        Args:
            audio: The sound system.
            device: A part of the speaker's name, its index, or None for the default one.
            on_failure: Told when the device cannot be used, so that somebody lets the sound system
                look for devices again; called by the thread that plays.
            clock: Monotonic seconds.
            lost_after: Seconds without progress after which the device counts as gone.
        """
        self._audio = audio
        self._wanted = device
        self._on_failure = on_failure
        self._clock = clock
        self._lost_after = lost_after
        self._one_at_a_time = threading.Lock()
        self._playback: _Playback | None = None

    def play(self, samples: Samples) -> None:
        """Play to the end, or until `stop`; waits while another thread plays.

        Raises:
            VoiceError: The device is gone, or there never was one; the text names it.
        """
        if not samples.size:
            return
        with self._one_at_a_time:
            self._playback = playback = _Playback(self._audio.portaudio, self._clock)
            try:
                self._play(playback, samples)
            except VoiceError:
                self._on_failure()
                raise
            finally:
                self._playback = None

    def stop(self) -> None:
        """End what plays, from any thread."""
        playback = self._playback
        if playback is not None:
            playback.stopping = True

    def _play(self, playback: "_Playback", samples: Samples) -> None:
        opened = self._audio.open(
            self._wanted,
            Direction.OUTPUT,
            playback.fill,
            finished_callback=playback.ended.set,
        )
        lost = True
        try:
            resampler = Resampler(RATE, opened.rate)
            playback.frames = resampler.feed(samples, last=True)[:, np.newaxis]
            playback.asked = self._clock()
            opened.stream.start()
            lost = not self._finished(playback, opened)
        except self._audio.portaudio.PortAudioError as error:
            raise VoiceError(
                f"the speaker {opened.device.name!r} does not start: {error}"
            ) from error
        finally:
            self._audio.close(opened.stream, lost=lost)
        if lost:
            there = self._audio.described(Direction.OUTPUT)
            raise VoiceError(f"the speaker {opened.device.name!r} is gone; {there}")

    def _finished(self, playback: "_Playback", opened: Opened) -> bool:
        """Wait for the end; whether it was one, or the device went away before."""
        while not playback.ended.wait(_LOOK_EVERY):
            if self._clock() - playback.asked > self._lost_after:
                return False
            if not self._audio.active(opened.stream):
                break
        return playback.complete


class Elsewhere:
    """Makes no sound, and takes as long as one lasts: meanwhile another device plays it."""

    def __init__(self) -> None:
        """Nothing plays yet."""
        self._stopped = threading.Event()

    def play(self, samples: Samples) -> None:
        """Wait until it was played, or until `stop`."""
        self._stopped.clear()
        self._stopped.wait(len(samples) / RATE)

    def stop(self) -> None:
        """End the wait, from any thread."""
        self._stopped.set()


class _Playback:
    """One sound on its way out."""

    def __init__(self, portaudio: PortAudio, clock: Callable[[], float]) -> None:
        self.frames: Frames = np.zeros((0, 1), np.int16)
        self.stopping = False
        self.ended = threading.Event()
        self.asked = 0.0
        """When the device asked for sound last."""
        self._position = 0
        self._portaudio = portaudio
        self._clock = clock

    @property
    def complete(self) -> bool:
        """Whether everything that shall be played was handed over."""
        return self.stopping or self._position >= len(self.frames)

    def fill(self, out: Frames, _count: int, _time: Any, _status: Any) -> None:
        """Give PortAudio its next block, in its thread, which must not wait."""
        self.asked = self._clock()
        if self.stopping:
            out.fill(0)
            raise self._portaudio.CallbackAbort
        part = self.frames[self._position : self._position + len(out)]
        out[: len(part)] = part  # the same on every channel
        out[len(part) :] = 0
        self._position += len(part)
        if self._position >= len(self.frames):
            raise self._portaudio.CallbackStop
