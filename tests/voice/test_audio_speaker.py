"""A speaker: it plays to the end, can be stopped from any thread, and says when it is gone."""

import threading
import time

import numpy as np
import pytest
from fake_portaudio import FakeDevice, FakePortAudio, drain, loudest, tone

from edge_agent.errors import VoiceError
from edge_agent.voice.audio import Audio
from edge_agent.voice.microphone import Microphone
from edge_agent.voice.ports import RATE
from edge_agent.voice.reopened import Reopened
from edge_agent.voice.speaker import Speaker


def jabra(**properties) -> FakeDevice:
    return FakeDevice("Jabra Speak", **{"outputs": 2, **properties})


def until(condition) -> None:
    give_up = time.monotonic() + 5.0
    while not condition():
        assert time.monotonic() < give_up, "it did not come about"
        time.sleep(0.005)


def test_sound_is_played_to_the_end() -> None:
    device = jabra()
    portaudio = FakePortAudio(FakeDevice("default", outputs=2), device)
    sound = tone(440.0, 0.5, RATE)
    Speaker(Audio(portaudio), "jabra").play(sound)
    np.testing.assert_array_equal(device.stream.sound[: len(sound), 0], sound)
    assert not device.stream.sound[len(sound) :].any()
    assert not device.stream.aborted
    assert not portaudio.open


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_a_speaker_of_another_rate_sounds_the_same_on_all_channels(rate) -> None:
    device = jabra(default_rate=rate, rates=[rate], channel_counts=[2])
    Speaker(Audio(FakePortAudio(device))).play(tone(440.0, 1.0, RATE))
    played = device.stream.sound
    assert played.shape[1] == 2
    np.testing.assert_array_equal(played[:, 0], played[:, 1])
    assert loudest(played[:rate, 0], rate) == pytest.approx(440.0, abs=1.0)
    assert np.flatnonzero(played[:, 0]).max() == pytest.approx(rate, rel=0.01)


def test_it_is_stopped_midway_from_another_thread() -> None:
    device = jabra()
    portaudio = FakePortAudio(device)
    portaudio.seconds_a_block = 0.032
    speaker = Speaker(Audio(portaudio))
    playing = threading.Thread(target=speaker.play, args=(tone(440.0, 20.0, RATE),))
    playing.start()
    until(lambda: device.streams and len(getattr(device.stream, "played", ())) > 2)
    began = time.monotonic()
    speaker.stop()
    playing.join(5.0)
    assert not playing.is_alive()
    assert time.monotonic() - began < 2.0
    assert device.stream.aborted
    assert device.stream.closed
    speaker.play(tone(440.0, 0.1, RATE))  # what was stopped was that sound alone
    assert np.abs(device.stream.sound).max() > 10_000


def test_stopping_what_does_not_play_does_nothing() -> None:
    device = jabra()
    speaker = Speaker(Audio(FakePortAudio(device)))
    speaker.stop()
    speaker.play(tone(440.0, 0.1, RATE))
    assert np.abs(device.stream.sound).max() > 10_000


def test_nothing_to_play_opens_nothing() -> None:
    device = jabra()
    Speaker(Audio(FakePortAudio(device))).play(np.zeros(0, np.int16))
    assert not device.streams


def test_two_threads_play_one_after_the_other() -> None:
    device = jabra()
    speaker = Speaker(Audio(FakePortAudio(device)))
    threads = [
        threading.Thread(target=speaker.play, args=(tone(440.0, 1.0, RATE),)) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5.0)
    assert [len(stream.sound) >= RATE for stream in device.streams] == [True] * 3


@pytest.mark.parametrize("loudly", [True, False])
def test_a_speaker_that_is_unplugged_while_it_plays_is_named(loudly) -> None:
    device = jabra(dies_loudly=loudly)
    portaudio = FakePortAudio(device)
    portaudio.seconds_a_block = 0.01
    told: list[str] = []
    speaker = Speaker(
        Audio(portaudio), "jabra", on_failure=lambda: told.append("look again"), lost_after=0.3
    )

    def unplug() -> None:
        until(lambda: device.streams and device.stream.active)
        portaudio.unplug(device)
        device.stream.silent.set()

    threading.Thread(target=unplug).start()
    with pytest.raises(VoiceError, match="speaker 'Jabra Speak' is gone; no speaker is connected"):
        speaker.play(tone(440.0, 20.0, RATE))
    assert told == ["look again"]
    portaudio.plug(back := jabra())
    speaker.play(tone(440.0, 0.1, RATE))
    assert np.abs(back.stream.sound).max() > 10_000


def test_a_speaker_that_comes_later_is_found_while_the_microphone_listens() -> None:
    microphone = FakeDevice("Yeti", inputs=1)
    portaudio = FakePortAudio(microphone)
    audio = Audio(portaudio)
    source = Reopened(lambda: Microphone(audio).open())
    reader = threading.Thread(target=drain, args=(source,), daemon=True)
    reader.start()
    until(lambda: microphone.streams)
    speaker = Speaker(audio, "jabra", on_failure=source.renew)
    portaudio.plug(device := jabra())
    with pytest.raises(VoiceError, match="no speaker 'jabra'"):
        speaker.play(tone(440.0, 0.1, RATE))  # the list of devices is from before
    until(lambda: len(microphone.streams) == 2)
    speaker.play(tone(440.0, 0.1, RATE))
    assert np.abs(device.stream.sound).max() > 10_000
    source.close()
    reader.join(5.0)
    assert not reader.is_alive()
