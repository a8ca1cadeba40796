"""Sounds for the tests of recognisers: speech of espeak-ng, noise, music."""

import shutil
import subprocess

import numpy as np
import pytest

from edge_agent.voice.ports import RATE, Samples


def say(text: str, voice: str = "en-us") -> Samples:
    """A sentence with a little silence around it; skips the test without espeak-ng."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("needs espeak-ng: apt-get install espeak-ng")
    ran = subprocess.run(
        ["espeak-ng", "-v", voice, "--stdout", text], capture_output=True, check=True
    )
    sound = np.frombuffer(ran.stdout[44:], np.int16)  # 22,050 Hz behind a header
    at = np.arange(len(sound) * RATE // 22_050) * 22_050 / RATE
    speech = np.interp(at, np.arange(len(sound)), sound).astype(np.int16)
    return np.pad(speech, RATE // 5)


def noise(seconds: float, loudness: int) -> Samples:
    random = np.random.default_rng(seed=7)
    return (random.standard_normal(int(seconds * RATE)) * loudness).astype(np.int16)


def music() -> Samples:
    """A tune of eight tones with overtones, 4 s."""
    at = np.arange(RATE // 2) / RATE
    tune = [
        sum(np.sin(2 * np.pi * tone * k * at) / k for k in (1, 2, 3)) * np.exp(-2 * at)
        for tone in (262, 330, 392, 523, 440, 349, 294, 392)
    ]
    return (np.concatenate(tune) * 5000).astype(np.int16)
