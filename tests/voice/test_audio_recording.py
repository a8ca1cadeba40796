"""WAV files of every sort become our sound; what is none is refused in a sentence."""

import struct
import threading
import time
import wave
from contextlib import suppress

import numpy as np
import pytest
from fake_portaudio import drain, loudest, tone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.errors import VoiceError
from edge_agent.voice.ports import RATE
from edge_agent.voice.recording import Recording, read_wav, write_wav


def encoded(samples: np.ndarray, width: int) -> bytes:
    wide = samples.astype(np.int64) << 16
    if width == 1:
        return ((wide >> 24) + 128).astype(np.uint8).tobytes()
    whole = (wide >> (8 * (4 - width))).astype("<i4").reshape(-1, 1).view(np.uint8)
    return np.ascontiguousarray(whole[:, :width]).tobytes()


def saved(path, samples, rate=RATE, width=2, channels=1):
    """Write a file whose channels are all the same."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(encoded(np.repeat(samples, channels), width))
    return path


@pytest.mark.parametrize("rate", [8_000, RATE, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_every_sort_of_file_sounds_the_same(tmp_path, rate, width, channels) -> None:
    samples = read_wav(saved(tmp_path / "a.wav", tone(700.0, 1.0, rate), rate, width, channels))
    assert samples.dtype == np.int16
    assert len(samples) == pytest.approx(RATE, abs=2)
    assert loudest(samples, RATE) == pytest.approx(700.0, abs=1.0)
    loud = np.sqrt((samples[2000:-2000].astype(float) ** 2).mean())
    assert loud == pytest.approx(0.5 * 32_767 / np.sqrt(2), rel=0.02)


def test_what_is_written_is_read_back(tmp_path) -> None:
    sound = np.array([-32_768, -1, 0, 1, 32_767] * 1_000, np.int16)
    write_wav(tmp_path / "a.wav", sound)
    np.testing.assert_array_equal(read_wav(tmp_path / "a.wav"), sound)


def test_it_comes_in_blocks_and_ends(tmp_path) -> None:
    recording = Recording(saved(tmp_path / "a.wav", np.ones(1_000, np.int16)))
    assert [len(recording.read()) for _ in range(2)] == [512, 488]
    assert recording.read() is None
    assert recording.read() is None


def test_a_paced_recording_takes_as_long_as_it_is(tmp_path) -> None:
    recording = Recording(saved(tmp_path / "a.wav", np.ones(RATE // 2, np.int16)), paced=True)
    began = time.monotonic()
    drain(recording)
    assert 0.5 <= time.monotonic() - began < 5.0


def test_close_ends_a_read_that_waits(tmp_path) -> None:
    def stand_still() -> float:
        return 0.0

    recording = Recording(
        saved(tmp_path / "a.wav", np.ones(RATE * 60, np.int16)), paced=True, clock=stand_still
    )
    reader = threading.Thread(target=drain, args=(recording,), daemon=True)
    reader.start()
    time.sleep(0.3)
    recording.close()
    reader.join(2.0)
    assert not reader.is_alive()
    assert recording.read() is None


def test_a_file_that_was_cut_off_gives_what_it_has(tmp_path) -> None:
    path = saved(tmp_path / "a.wav", np.ones(1_000, np.int16), width=3, channels=2)
    path.write_bytes(path.read_bytes()[:-7])
    assert len(read_wav(path)) == 998


def test_a_file_of_no_sound_gives_none(tmp_path) -> None:
    assert not read_wav(saved(tmp_path / "a.wav", np.zeros(0, np.int16))).size


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "ends too early"),
        (b"ID3\x03 an MP3 file", "does not start with RIFF"),
        (b"RIFF\x04\x00\x00\x00AVI ", "not a WAVE"),
        (b"RIFF\x04\x00\x00\x00WAVE", "missing"),
    ],
)
def test_what_is_no_wav_is_refused(tmp_path, content, reason) -> None:
    path = tmp_path / "song.wav"
    path.write_bytes(content)
    with pytest.raises(VoiceError, match=rf"song\.wav is no WAV file.*{reason}"):
        read_wav(path)


def header(form: int, rate: int, bits: int) -> bytes:
    size = max(1, bits // 8)
    chunk = struct.pack("<HHIIHH", form, 1, rate, 0, size, bits)
    return (
        b"RIFF\xff\xff\x00\x00WAVEfmt \x10\x00\x00\x00" + chunk + b"data\x08\x00\x00\x00" + b"x" * 8
    )


@pytest.mark.parametrize(
    ("form", "rate", "bits", "reason"),
    [
        (3, RATE, 32, "no WAV file of integers: unknown format: 3"),
        (1, RATE, 64, "16000 samples a second of 64 bits"),
        (1, 0, 16, "0 samples a second"),
        (1, 4_000_000_000, 16, "4000000000 samples a second"),
    ],
)
def test_a_sort_that_is_not_known_is_named(tmp_path, form, rate, bits, reason) -> None:
    path = tmp_path / "odd.wav"
    path.write_bytes(header(form, rate, bits))
    with pytest.raises(VoiceError, match=reason):
        read_wav(path)


@pytest.mark.parametrize("name", ["absent.wav", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path, name) -> None:
    with pytest.raises(VoiceError, match=r"cannot be read: (No such file|Is a directory)"):
        read_wav(tmp_path / name)


def test_a_file_that_cannot_be_written_is_named(tmp_path) -> None:
    with pytest.raises(VoiceError, match=r"away/a\.wav cannot be written: No such file"):
        write_wav(tmp_path / "away" / "a.wav", np.zeros(1, np.int16))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(data=st.data())
def test_damage_is_refused_or_read_but_never_a_crash(tmp_path, data) -> None:
    path = saved(tmp_path / "a.wav", np.arange(200, dtype=np.int16), width=2, channels=2)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 47))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with suppress(VoiceError):
        samples = read_wav(path)
        assert samples.dtype == np.int16
        assert samples.ndim == 1
