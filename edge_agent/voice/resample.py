"""From the sound that a device or a file has to the sound of our stages. Knows neither of them."""

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.errors import VoiceError
from edge_agent.voice.ports import RATE, Samples

Frames = NDArray[np.int16]
"""Sound as a device has it: one row for each moment, one column for each channel."""


class Resampler:
    """Changes the rate of a mono sound that comes in blocks.

    Above 16 kHz the sound lags by 40 ms at most: the filter keeps what is below 7.4 kHz as it is
    and what is above 8 kHz out.

    Args:
        rate_in: Samples a second of what is fed.
        rate_out: Samples a second of what comes back.

    Raises:
        VoiceError: The rates differ and the package that could convert them is missing.
    """

    def __init__(self, rate_in: int, rate_out: int = RATE) -> None:
        self._stream: Any = None
        if rate_in != rate_out:
            self._stream = _soxr().ResampleStream(rate_in, rate_out, 1, dtype="int16", quality="HQ")

    def feed(self, samples: Samples, *, last: bool = False) -> Samples:
        """What can be said of the sound so far; the rest of it with the `last` block."""
        if self._stream is None:
            return samples
        resampled: Samples = self._stream.resample_chunk(np.ascontiguousarray(samples), last)
        return resampled


def mono(frames: Frames) -> Samples:
    """The average of all channels."""
    if frames.ndim == 1:
        return frames
    if frames.shape[1] == 1:
        return frames[:, 0]
    mixed: Samples = np.rint(frames.mean(axis=1, dtype=np.float32)).astype(np.int16)
    return mixed


def _soxr() -> Any:
    try:
        return importlib.import_module("soxr")  # untyped, and absent without the extra
    except ImportError as error:
        raise VoiceError(
            f"sound of another rate than {RATE} Hz needs the package soxr: "
            "install edge-agent with its extra [voice]"
        ) from error
