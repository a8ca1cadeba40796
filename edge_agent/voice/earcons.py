"""The short tones that say: I listen, it is done, it did not work."""

from enum import StrEnum

import numpy as np

from edge_agent.voice.ports import RATE, Samples

_PEAK = 0.25
"""Of full scale: 12 dB below it, about as loud as speech."""
_ATTACK = 0.012
"""Seconds in which a tone comes up, so that no speaker clicks."""
_OVERTONE = 0.2
"""Of the octave, so that small speakers carry it."""


class Earcon(StrEnum):
    """What a tone says."""

    WAKE = "wake"
    DONE = "done"
    ERROR = "error"


_TONES: dict[Earcon, tuple[tuple[float, float], ...]] = {
    Earcon.WAKE: ((587.33, 0.09), (880.00, 0.14)),
    Earcon.DONE: ((880.00, 0.12),),
    Earcon.ERROR: ((392.00, 0.14), (293.66, 0.22)),
}
"""Frequencies in hertz with their seconds: up for a question to the speaker, down for bad news."""


def earcon(kind: Earcon) -> Samples:
    """The tone as sound."""
    return np.concatenate([_tone(frequency, seconds) for frequency, seconds in _TONES[kind]])


def _tone(frequency: float, seconds: float) -> Samples:
    time = np.arange(round(seconds * RATE)) / RATE
    swing = np.sin(2 * np.pi * frequency * time)
    swing += _OVERTONE * np.sin(4 * np.pi * frequency * time)
    attack = np.sin(np.pi / 2 * np.clip(time / _ATTACK, 0.0, 1.0)) ** 2
    decay = np.cos(np.pi / 2 * time / seconds) ** 2
    samples: Samples = (swing * attack * decay * _PEAK / (1 + _OVERTONE) * 32_767).astype(np.int16)
    return samples
