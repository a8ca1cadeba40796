"""A microphone: any rate becomes ours, what is lost is counted, what is unplugged comes back."""

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from fake_portaudio import FakeDevice, FakePortAudio, loudest, tone

from edge_agent.errors import VoiceError
from edge_agent.voice.audio import Audio
from edge_agent.voice.microphone import Microphone
from edge_agent.voice.ports import RATE
from edge_agent.voice.reopened import Reopened

BLOCK = 512


def yeti(**properties) -> FakeDevice:
    return FakeDevice("Blue Yeti", **{"inputs": 2, **properties})


def taken(microphone, samples: int) -> np.ndarray:
    """At least so much sound."""
    blocks = [microphone.read()]
    while sum(map(len, blocks)) < samples:
        blocks.append(microphone.read())
    return np.concatenate(blocks)


class Reader:
    """Reads in a thread of its own until the source ends."""

    def __init__(self, source) -> None:
        self.source = source
        self.blocks: list[np.ndarray] = []
        self.error: Exception | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def ends(self) -> bool:
        self.thread.join(5.0)
        return not self.thread.is_alive()

    def _run(self) -> None:
        try:
            while (block := self.source.read()) is not None:
                self.blocks.append(block)
        except Exception as error:
            self.error = error


def until(condition: Callable[[], object]) -> None:
    give_up = time.monotonic() + 5.0
    while not condition():
        assert time.monotonic() < give_up, "it did not come about"
        time.sleep(0.005)


def test_sound_of_our_rate_comes_as_it_is() -> None:
    device = yeti(inputs=1)
    microphone = Microphone(Audio(FakePortAudio(device))).open()
    sound = np.arange(2 * BLOCK, dtype=np.int16)
    device.stream.hear(sound)
    assert (microphone.name, microphone.rate, microphone.overflows) == ("Blue Yeti", RATE, 0)
    np.testing.assert_array_equal(taken(microphone, 2 * BLOCK), sound)


@pytest.mark.parametrize("rate", [8_000, 11_025, 32_000, 44_100, 48_000, 96_000])
def test_a_device_with_another_rate_and_two_channels_sounds_the_same(rate) -> None:
    device = yeti(default_rate=rate, rates=[rate], channel_counts=[2])
    microphone = Microphone(Audio(FakePortAudio(device)), "yeti").open()
    assert microphone.rate == rate
    device.stream.hear(tone(1_000.0, 2.0, rate))
    heard = taken(microphone, round(1.8 * RATE))
    assert heard.dtype == np.int16
    assert loudest(heard, RATE) == pytest.approx(1_000.0, abs=1.0)
    inner = heard[RATE // 2 : RATE].astype(float)
    assert np.sqrt((inner**2).mean()) == pytest.approx(0.5 * 32_767 / np.sqrt(2), rel=0.01)


def test_blocks_join_without_a_seam() -> None:
    """A click at every block would show as power beside the tone."""
    device = yeti(rates=[44_100])
    microphone = Microphone(Audio(FakePortAudio(device))).open()
    device.stream.hear(tone(1_000.0, 2.0, 44_100))
    heard = taken(microphone, round(1.8 * RATE))[RATE // 4 : RATE + RATE // 4]
    power = np.abs(np.fft.rfft(heard * np.blackman(len(heard)))) ** 2
    beside = power.sum() - power[995:1006].sum()
    assert beside < 1e-6 * power.sum()


def test_what_our_rate_cannot_hold_is_no_ghost() -> None:
    device = yeti(rates=[48_000])
    microphone = Microphone(Audio(FakePortAudio(device))).open()
    device.stream.hear(tone(9_000.0, 1.0, 48_000))
    heard = taken(microphone, RATE // 2).astype(float)[RATE // 8 :]
    assert np.sqrt((heard**2).mean()) < 5


def test_channels_are_averaged() -> None:
    device = yeti(channel_counts=[2])
    microphone = Microphone(Audio(FakePortAudio(device))).open()
    left, right = np.full(BLOCK, 32_767, np.int16), np.full(BLOCK, 32_001, np.int16)
    device.stream.hear(np.stack([left, right], axis=1))
    assert set(microphone.read()) == {32_384}


def test_sound_that_nobody_reads_is_dropped_from_the_oldest_and_counted() -> None:
    device = yeti(inputs=1)
    microphone = Microphone(Audio(FakePortAudio(device))).open()
    for second in range(10):
        device.stream.hear(np.full(RATE, second, np.int16))
    kept = taken(microphone, 5 * RATE)
    assert kept[0] in {3, 4}
    assert 4 * RATE / BLOCK <= microphone.overflows <= 4 * RATE / BLOCK + 10


def test_overflows_of_the_sound_system_are_counted_and_do_no_harm() -> None:
    device = yeti(inputs=1)
    microphone = Microphone(Audio(FakePortAudio(device))).open()
    device.stream.hear(np.ones(3 * BLOCK, np.int16), overflow=True)
    assert len(taken(microphone, 3 * BLOCK)) == 3 * BLOCK
    assert microphone.overflows == 3


def test_close_ends_a_read_that_waits() -> None:
    device = yeti()
    portaudio = FakePortAudio(device)
    microphone = Microphone(Audio(portaudio)).open()
    reader = Reader(microphone)
    time.sleep(0.05)
    microphone.close()
    assert reader.ends()
    assert reader.error is None
    assert not portaudio.open
    microphone.close()
    assert microphone.read() is None


@pytest.mark.parametrize("loudly", [True, False])
def test_an_unplugged_device_is_named_with_what_there_is(loudly) -> None:
    device = yeti(dies_loudly=loudly)
    portaudio = FakePortAudio(device, FakeDevice("Webcam", inputs=1))
    microphone = Microphone(Audio(portaudio), "yeti", lost_after=0.3).open()
    device.stream.hear(np.ones(BLOCK, np.int16))
    assert len(microphone.read()) == BLOCK
    portaudio.unplug(device)
    how = "is gone" if loudly else r"gives no sound for 0\.3 s"
    with pytest.raises(VoiceError, match=f"'Blue Yeti' {how}; there are: 'Webcam'"):
        microphone.read()
    assert device.stream.closed


def test_silence_is_not_a_loss() -> None:
    device = yeti(inputs=1)
    microphone = Microphone(Audio(FakePortAudio(device)), lost_after=1.0).open()
    reader = Reader(microphone)
    for _ in range(15):
        device.stream.hear(np.zeros(BLOCK, np.int16))
        time.sleep(0.1)
    microphone.close()
    assert reader.ends()
    assert reader.error is None
    assert not np.concatenate(reader.blocks).any()


def test_reading_what_is_not_open_is_refused() -> None:
    with pytest.raises(VoiceError, match="not open"):
        Microphone(Audio(FakePortAudio(yeti())), "yeti").read()


class Kitchen:
    """A microphone that is read all the time, and what is said of its health."""

    def __init__(self, *devices: FakeDevice, lost_after: float = 5.0) -> None:
        self.portaudio = FakePortAudio(*devices)
        self.audio = Audio(self.portaudio)
        self.said: list[str | None] = []
        self.source = Reopened(
            lambda: Microphone(self.audio, "yeti", lost_after=lost_after).open(),
            self.said.append,
            shortest=0.02,
            longest=0.05,
        )
        self.reader = Reader(self.source)

    def hears(self, device: FakeDevice, value: int) -> bool:
        """Whether what the device picks up now comes out at the other end."""
        count = len(self.reader.blocks)
        until(lambda: device.streams and device.stream.active)
        device.stream.hear(np.full(BLOCK, value, np.int16))
        until(lambda: len(self.reader.blocks) > count)
        return self.reader.blocks[-1][0] == value


@pytest.fixture
def kitchen() -> Iterator[Callable[..., Kitchen]]:
    made: list[Kitchen] = []

    def make(*devices: FakeDevice, **settings: float) -> Kitchen:
        made.append(Kitchen(*devices, **settings))
        return made[-1]

    yield make
    for one in made:
        one.source.close()
        assert one.reader.ends()
        assert one.reader.error is None
        assert not one.portaudio.open


@pytest.mark.parametrize("loudly", [True, False])
def test_a_microphone_is_unplugged_and_replugged_while_running(kitchen, loudly) -> None:
    device, webcam = yeti(dies_loudly=loudly), FakeDevice("Webcam", inputs=1)
    room = kitchen(device, lost_after=5.0 if loudly else 1.0)
    assert room.hears(device, 1)
    assert room.source.problem is None
    room.portaudio.unplug(device)
    until(lambda: room.source.problem and "no microphone 'yeti'" in room.source.problem)
    room.portaudio.plug(webcam)  # so that the index of what comes back is another one
    until(lambda: "Webcam" in room.source.problem)
    back = yeti()
    room.portaudio.plug(back)
    assert room.hears(back, 2)
    assert room.source.problem is None
    assert "'Blue Yeti'" in room.said[0]
    assert room.said[-1] is None
    assert room.said.count(None) == 1


def test_a_microphone_that_comes_later_is_found(kitchen) -> None:
    room = kitchen()
    until(lambda: room.source.problem)
    device = yeti()
    room.portaudio.plug(device)
    assert room.hears(device, 1)
    assert room.said == ["there is no microphone 'yeti'; no microphone is connected", None]


def test_the_waits_between_attempts_grow_to_a_limit() -> None:
    attempts: list[float] = []

    def refuse() -> Microphone:
        attempts.append(time.monotonic())
        raise VoiceError("there is no microphone")

    source = Reopened(refuse, shortest=0.1, longest=0.4)
    reader = Reader(source)
    until(lambda: len(attempts) == 6)
    source.close()
    assert reader.ends()
    waits = np.diff(attempts)
    assert (waits >= [0.1, 0.2, 0.4, 0.4, 0.4]).all()
    assert waits[-1] < 1.5  # not 1.6


def test_closing_ends_the_wait_for_a_device_that_is_away() -> None:
    source = Reopened(lambda: Microphone(Audio(FakePortAudio())).open(), shortest=30.0)
    reader = Reader(source)
    until(lambda: source.problem)
    source.close()
    assert reader.ends()


def test_overflows_are_counted_over_all_devices(kitchen) -> None:
    device = yeti()
    room = kitchen(device)
    assert room.hears(device, 1)
    device.stream.hear(np.ones(2 * BLOCK, np.int16), overflow=True)
    room.portaudio.unplug(device)
    back = yeti()
    room.portaudio.plug(back)
    until(lambda: back.streams and back.stream.active)
    back.stream.hear(np.ones(BLOCK, np.int16), overflow=True)
    assert room.source.overflows == 3


def test_a_microphone_is_opened_anew_on_demand_without_a_word(kitchen) -> None:
    """For a speaker that was plugged in: only a start of the sound system finds it."""
    device = yeti()
    room = kitchen(device)
    assert room.hears(device, 1)
    room.source.renew()
    until(lambda: len(device.streams) == 2)
    assert device.streams[0].closed
    assert room.hears(device, 2)
    assert room.said == []
