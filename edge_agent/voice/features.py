"""What Whisper sees of sound: the logarithm of its energy in 80 bands, every 10 ms."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from edge_agent.voice.ports import RATE, Samples

BANDS = 80
_WINDOW = 400
"""Samples that one column looks at: 25 ms."""
_HOP = 160


def log_mel(samples: Samples, seconds: float) -> NDArray[np.float32]:
    """The picture of a recording that is padded with silence or cut to `seconds`.

    Columns are Hann windows of 25 ms every 10 ms, centred, the edges mirrored; bands are Slaney's
    of equal area from 0 to 8 kHz; values are within 8 decades of the loudest, then (x + 4) / 4.
    Source: log_mel_spectrogram in https://github.com/openai/whisper/blob/main/whisper/audio.py

    Returns:
        Of shape [80, 100 * seconds].
    """
    sound = np.zeros(int(seconds * RATE), np.float32)
    kept = samples[: len(sound)]
    sound[: len(kept)] = kept
    sound /= 32768
    sound = np.pad(sound, _WINDOW // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(sound, _WINDOW)[::_HOP][:-1]
    hann = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    spectrum = np.fft.rfft(frames * hann, axis=1).astype(np.complex64)
    energy = spectrum.real**2 + spectrum.imag**2
    picture = np.log10(np.maximum(_bands() @ energy.T, 1e-10))
    picture = np.maximum(picture, picture.max() - 8)
    return np.ascontiguousarray((picture + 4) / 4, dtype=np.float32)


@cache
def _bands() -> NDArray[np.float32]:
    """The filters: triangles between neighbouring points of the mel scale, [80, 201]."""
    bins = np.linspace(0, RATE / 2, _WINDOW // 2 + 1)
    # Slaney's scale: even up to 1 kHz (15 mels), then 27 steps to each factor of 6.4.
    mels = np.linspace(0, 15 + 27 * np.log(RATE / 2 / 1000) / np.log(6.4), BANDS + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * 6.4 ** ((mels - 15) / 27))
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    filters: NDArray[np.float32] = triangles * (2 / (edges[2:] - edges[:-2]))[:, None]
    return filters.astype(np.float32)
