"""What is used of sounddevice, over devices that a test plugs in and out.

As the real one it knows only the devices that it saw when it was started, and numbers them anew
at every start.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np


class FakeError(Exception):
    """PortAudio's error: a text and a number."""


class Stopped(Exception):  # noqa: N818 - as sounddevice
    """Raised by a callback that has no more sound."""


class Aborted(Exception):  # noqa: N818 - as sounddevice
    """Raised by a callback that wants to end at once."""


@dataclass(eq=False)
class FakeDevice:
    name: str
    inputs: int = 0
    outputs: int = 0
    default_rate: int = 48_000
    rates: Sequence[int] = (16_000, 44_100, 48_000)
    channel_counts: Sequence[int] | None = None
    """What it can be opened with; None for any up to its most."""
    busy: bool = False
    dies_loudly: bool = True
    """Whether its streams end when it is unplugged, or run on without sound."""
    streams: list["FakeStream"] = field(default_factory=list)

    @property
    def stream(self) -> "FakeStream":
        """The stream that was opened last."""
        return self.streams[-1]


@dataclass(frozen=True)
class Status:
    input_overflow: bool = False

    def __bool__(self) -> bool:
        return self.input_overflow


class FakeStream:
    def __init__(
        self,
        device: FakeDevice,
        samplerate: int,
        channels: int,
        blocksize: int,
        callback: Callable[..., None],
        finished_callback: Callable[[], None] | None,
    ) -> None:
        self.device, self.samplerate = device, samplerate
        self.channels, self.blocksize = channels, blocksize
        self.active = self.closed = False
        self.aborted = False
        """Whether its callback ended it at once."""
        self._callback, self._finished = callback, finished_callback

    def start(self) -> None:
        self.active = True

    def abort(self) -> None:
        self.end()

    def close(self) -> None:
        self.end()
        self.closed = True

    def end(self) -> None:
        if self.active:
            self.active = False
            if self._finished:
                self._finished()

    def call(self, frames: np.ndarray, status: Status = Status()) -> None:
        """Call back once, as PortAudio does in its thread."""
        try:
            self._callback(frames, len(frames), None, status)
        except Stopped:
            self.end()
        except Aborted:
            self.aborted = True
            self.end()


class FakeInput(FakeStream):
    def hear(self, frames: np.ndarray, *, overflow: bool = False) -> None:
        """Let the device have heard this, in blocks, however fast it is read."""
        if frames.ndim == 1:
            frames = np.repeat(frames[:, None], self.channels, axis=1)
        for start in range(0, len(frames), self.blocksize):
            buffer = frames[start : start + self.blocksize].copy()
            self.call(buffer, Status(overflow))
            buffer.fill(0x7777)  # PortAudio uses its buffer again
            if not self.active:
                break


class FakeOutput(FakeStream):
    """Takes sound as fast as it comes, or `seconds_a_block`."""

    seconds_a_block = 0.0

    def start(self) -> None:
        super().start()
        self.played: list[np.ndarray] = []
        self.silent = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def sound(self) -> np.ndarray:
        return np.concatenate(self.played)

    def _run(self) -> None:
        while self.active and not self.silent.is_set():
            out = np.full((self.blocksize, self.channels), 0x7777, np.int16)
            self.played.append(out)
            self.call(out)
            time.sleep(self.seconds_a_block)


class FakePortAudio:
    PortAudioError = FakeError
    CallbackStop = Stopped
    CallbackAbort = Aborted

    def __init__(self, *devices: FakeDevice) -> None:
        self.plugged = list(devices)
        self.starts = 0
        self.seconds_a_block = 0.0
        self._initialize()

    @property
    def open(self) -> list[FakeStream]:
        return [s for device in self.plugged for s in device.streams if not s.closed]

    def plug(self, device: FakeDevice) -> None:
        self.plugged.append(device)

    def unplug(self, device: FakeDevice) -> None:
        self.plugged.remove(device)
        if device.dies_loudly:
            for stream in device.streams:
                stream.end()

    def query_devices(self, device: int | None = None, kind: str | None = None):
        items = [
            {
                "name": device.name,
                "index": index,
                "max_input_channels": device.inputs,
                "max_output_channels": device.outputs,
                "default_samplerate": float(device.default_rate),
            }
            for index, device in enumerate(self.listed)
        ]
        if kind is None:
            return items
        for item in items:
            if item[f"max_{kind}_channels"]:
                return item
        raise FakeError("Error querying device -1")

    def InputStream(self, **options: object) -> FakeStream:  # noqa: N802
        return self._stream(FakeInput, "inputs", **options)

    def OutputStream(self, **options: object) -> FakeStream:  # noqa: N802
        stream = self._stream(FakeOutput, "outputs", **options)
        stream.seconds_a_block = self.seconds_a_block
        return stream

    def _stream(
        self,
        make,
        most: str,
        *,
        device,
        samplerate,
        channels,
        dtype,
        blocksize,
        callback,
        finished_callback=None,
    ):
        assert dtype == "int16"
        target = self.listed[device]
        if target.busy or target not in self.plugged:
            raise FakeError("Error opening stream: Device unavailable", -9985)
        if samplerate not in target.rates:
            raise FakeError("Error opening stream: Invalid sample rate", -9997)
        if channels not in (target.channel_counts or range(1, getattr(target, most) + 1)):
            raise FakeError("Error opening stream: Invalid number of channels", -9998)
        stream = make(target, samplerate, channels, blocksize, callback, finished_callback)
        target.streams.append(stream)
        return stream

    def _initialize(self) -> None:
        self.starts += 1
        self.listed = list(self.plugged)

    def _terminate(self) -> None:
        assert not self.open, "every open stream would have been ended"
        self.listed = []


def tone(frequency: float, seconds: float, rate: int, peak: float = 0.5) -> np.ndarray:
    """A sine as int16."""
    time = np.arange(round(seconds * rate)) / rate
    return (peak * 32_767 * np.sin(2 * np.pi * frequency * time)).astype(np.int16)


def loudest(samples: np.ndarray, rate: int) -> float:
    """The strongest frequency of a sound."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples))


def drain(source) -> None:
    """Read a source to its end."""
    while source.read() is not None:
        pass
