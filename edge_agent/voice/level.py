"""How loud a sound is, as a number and as a bar."""

import math

import numpy as np

from edge_agent.voice.ports import Samples

SILENCE = -96.0
"""The level of digital silence: less than the smallest step of 16 bits."""
_METER_FLOOR = -60.0
"""What an empty bar stands for: less than a quiet room."""


def dbfs(samples: Samples) -> float:
    """The level in decibels below full scale (the RMS; a full square wave is 0)."""
    if not samples.size:
        return SILENCE
    power = float(np.square(samples, dtype=np.float64).mean())
    return max(SILENCE, 10 * math.log10(power / 32_768**2)) if power else SILENCE


def meter(level: float, width: int = 30) -> str:
    """A level as a bar of text: `[######      ] -44 dB`."""
    filled = round(width * (1 - min(max(level, _METER_FLOOR), 0.0) / _METER_FLOOR))
    return f"[{'#' * filled:<{width}}] {level:4.0f} dB"
