"""The tones that the daemon makes, and how loud a sound is said to be."""

import numpy as np
import pytest
from fake_portaudio import loudest, tone

from edge_agent.voice.earcons import Earcon, earcon
from edge_agent.voice.level import SILENCE, dbfs, meter
from edge_agent.voice.ports import RATE


@pytest.mark.parametrize("kind", Earcon)
def test_a_tone_is_short_soft_and_clean(kind) -> None:
    sound = earcon(kind)
    assert sound.dtype == np.int16
    assert 0.1 <= len(sound) / RATE <= 0.4
    assert 4_000 < np.abs(sound).max() < 9_000
    assert np.abs(sound[:16]).max() < 200, "a click at the start"
    assert np.abs(sound[-16:]).max() < 200, "a click at the end"


def test_the_tones_tell_good_news_from_bad() -> None:
    def ends(kind: Earcon) -> tuple[float, float]:
        sound = earcon(kind)
        third = len(sound) // 3
        return loudest(sound[:third], RATE), loudest(sound[-third:], RATE)

    rises, falls = ends(Earcon.WAKE), ends(Earcon.ERROR)
    assert rises[0] < rises[1]
    assert falls[0] > falls[1]
    assert len({earcon(kind).tobytes() for kind in Earcon}) == 3


@pytest.mark.parametrize(
    ("samples", "level"),
    [
        (np.array([32_767, -32_767] * 100, np.int16), 0.0),
        (np.array([3_277, -3_277] * 100, np.int16), -20.0),
        (tone(440.0, 1.0, RATE, 1.0), -3.01),
        (np.full(100, -32_768, np.int16), 0.0),
        (np.zeros(100, np.int16), SILENCE),
        (np.zeros(0, np.int16), SILENCE),
        (np.array([1] + [0] * 99_999, np.int16), SILENCE),
    ],
)
def test_levels_are_in_decibels_of_full_scale(samples, level) -> None:
    assert dbfs(samples) == pytest.approx(level, abs=0.01)


@pytest.mark.parametrize(
    ("level", "bar"),
    [
        (-96.0, "[          ]  -96 dB"),
        (-60.0, "[          ]  -60 dB"),
        (-30.0, "[#####     ]  -30 dB"),
        (-3.0, "[##########]   -3 dB"),
        (0.0, "[##########]    0 dB"),
    ],
)
def test_a_level_is_shown_as_a_bar(level, bar) -> None:
    assert meter(level, 10) == bar
