"""WAV files: a recording as a source of sound, and sound written to one."""

import io
import threading
import time
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np

from edge_agent.errors import VoiceError
from edge_agent.voice.ports import RATE, Samples
from edge_agent.voice.resample import Frames, Resampler, mono

_BLOCK_SECONDS = 0.032
_RATES = range(1_000, 768_001)
_WIDTHS = range(1, 5)
"""Bytes of one sample."""


class Recording:
    """The sound of a WAV file of any rate, width and number of channels.

    Args:
        path: The file.
        paced: Whether it comes as fast as it was spoken, as from a microphone, or at once.
        clock: Monotonic seconds.

    Raises:
        VoiceError: The file cannot be read, or is no WAV file of integers.
    """

    def __init__(
        self, path: Path, *, paced: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._file = _opened(path)
        self._channels = self._file.getnchannels()
        self._width = self._file.getsampwidth()
        rate = self._file.getframerate()
        try:
            self._check(rate)
            self._resampler = Resampler(rate)
        except VoiceError:
            self._file.close()
            raise
        self._block = max(1, round(rate * _BLOCK_SECONDS))
        self._paced = paced
        self._clock = clock
        self._started: float | None = None
        self._given = 0
        self._ended = False
        self._closing = threading.Event()

    @property
    def overflows(self) -> int:
        """Always 0: a file waits for its reader."""
        return 0

    def read(self) -> Samples | None:
        """The next block; None at the end, or once it is closed.

        Raises:
            VoiceError: The file cannot be read on.
        """
        while not self._ended and not self._closing.is_set():
            frames = self._frames()
            self._ended = not len(frames)
            samples = self._resampler.feed(mono(frames), last=self._ended)
            if samples.size:
                self._wait_for(samples)
                return None if self._closing.is_set() else samples
        self._file.close()
        return None

    def close(self) -> None:
        """End it; a `read` that waits returns None."""
        self._closing.set()

    def _check(self, rate: int) -> None:
        if rate not in _RATES or self._width not in _WIDTHS:
            raise VoiceError(
                f"{self._path} has {rate} samples a second of {8 * self._width} bits: "
                f"it can be {_RATES.start} to {_RATES.stop - 1} of 8, 16, 24 or 32"
            )

    def _frames(self) -> Frames:
        try:
            data = self._file.readframes(self._block)
        except (OSError, EOFError, RuntimeError, wave.Error) as error:
            raise VoiceError(f"{self._path} cannot be read on: {error}") from error
        return _decoded(data, self._width, self._channels)

    def _wait_for(self, samples: Samples) -> None:
        if not self._paced:
            return
        if self._started is None:
            self._started = self._clock()
        self._given += len(samples)
        self._closing.wait(max(0.0, self._started + self._given / RATE - self._clock()))


def read_wav(path: Path) -> Samples:
    """All the sound of a WAV file.

    Raises:
        VoiceError: The file cannot be read, or is no WAV file of integers.
    """
    recording = Recording(path)
    blocks = [np.zeros(0, np.int16)]
    while (block := recording.read()) is not None:
        blocks.append(block)
    return np.concatenate(blocks)


def wav_of(samples: Samples) -> bytes:
    """Sound as the content of a WAV file."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())
    return content.getvalue()


def write_wav(path: Path, samples: Samples) -> None:
    """Write sound to a WAV file, in place of one that is there.

    Raises:
        VoiceError: The file cannot be written.
    """
    try:
        path.write_bytes(wav_of(samples))
    except OSError as error:
        raise VoiceError(f"{path} cannot be written: {error.strerror or error}") from error


def _opened(path: Path) -> wave.Wave_read:
    try:
        return wave.open(str(path), "rb")
    except OSError as error:
        raise VoiceError(f"{path} cannot be read: {error.strerror or error}") from error
    except (wave.Error, EOFError, RuntimeError) as error:  # the last for a chunk of a wrong length
        reason = str(error) or "it ends too early"
        raise VoiceError(f"{path} is no WAV file of integers: {reason}") from error


def _decoded(data: bytes, width: int, channels: int) -> Frames:
    """The upper 16 bits of little-endian samples; those of 8 bits have no sign, by the format."""
    whole = len(data) - len(data) % (width * channels)  # a file can be cut off in mid-sample
    rows = np.frombuffer(data[:whole], np.uint8).reshape(-1, channels, width)
    if width == 1:
        frames: Frames = (rows[:, :, 0].astype(np.int16) - 128) << 8
        return frames
    upper = np.ascontiguousarray(rows[:, :, width - 2 :])
    return upper.view("<i2")[:, :, 0].astype(np.int16)
