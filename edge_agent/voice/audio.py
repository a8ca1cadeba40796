"""The sound devices of this machine, by name, through PortAudio. Knows nothing of speech.

PortAudio reads the list of devices once, when it starts; what is plugged in later is found by
starting it anew, which ends every stream. All that touches it goes through one lock here.
"""

import importlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, cast

from edge_agent.errors import VoiceError
from edge_agent.voice.ports import RATE

_UNAVAILABLE = -9985
"""PortAudio's paDeviceUnavailable: another rate would not help."""
_COMMON_RATES = (48_000, 44_100)
_MOST_CHANNELS = 32
"""ALSA's virtual devices claim 128."""
_BLOCK_SECONDS = 0.032
_ENDS_WITHIN = 0.3
"""Seconds for a callback to be called once more; that of a device that is gone never is."""


class Stream(Protocol):
    """What is used of a stream of sounddevice."""

    @property
    def active(self) -> bool:
        """Whether sound flows."""
        ...

    def start(self) -> None:
        """Let sound flow."""
        ...

    def abort(self) -> None:
        """End at once, without what is still in the buffers."""
        ...

    def close(self) -> None:
        """Let go of the device."""
        ...


class PortAudio(Protocol):
    """What is used of the module sounddevice."""

    InputStream: Callable[..., Stream]
    OutputStream: Callable[..., Stream]
    PortAudioError: type[Exception]
    CallbackStop: type[Exception]
    """Raised by a callback: end when what was given has been played."""
    CallbackAbort: type[Exception]
    """Raised by a callback: end at once."""

    def query_devices(self, device: int | None = None, kind: str | None = None) -> Any:
        """All devices, or the one asked for."""
        ...

    def _initialize(self) -> None: ...

    def _terminate(self) -> None: ...


class Direction(StrEnum):
    """Where sound goes, in PortAudio's words."""

    INPUT = "input"
    OUTPUT = "output"

    @property
    def noun(self) -> str:
        """The kind of device, for people."""
        return "microphone" if self is Direction.INPUT else "speaker"


@dataclass(frozen=True, slots=True)
class Device:
    """A sound device."""

    index: int
    """Its place in PortAudio's list; another one after a restart or a replug."""
    name: str
    channels: int
    """The most it has in the direction that was asked for."""
    rate: int
    """The samples a second that it likes best."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A stream that was opened and does not run yet."""

    stream: Stream
    device: Device
    rate: int
    channels: int
    block: int
    """Frames that a callback gets at a time."""


class Audio:
    """Finds devices and opens streams; any thread may use it."""

    def __init__(self, portaudio: PortAudio) -> None:
        """Keeps the module; it has started PortAudio when it was imported."""
        self.portaudio = portaudio
        self._lock = threading.RLock()
        self._open: dict[Stream, threading.Event] = {}
        """The streams, with the sign for their callbacks to end."""
        self._stale = False
        self._started = True

    @classmethod
    def system(cls) -> "Audio":
        """The sound system of this machine.

        Raises:
            VoiceError: The package or PortAudio itself is not installed.
        """
        try:
            return cls(cast("PortAudio", importlib.import_module("sounddevice")))
        except ImportError as error:
            raise VoiceError(
                "the package sounddevice is missing: install edge-agent with its extra [voice]"
            ) from error
        except OSError as error:
            raise VoiceError(
                "the sound library PortAudio is missing: apt-get install libportaudio2"
            ) from error
        except Exception as error:  # PortAudioError, which cannot be named before the import
            raise VoiceError(f"the sound system does not start: {error}") from error

    def devices(self, direction: Direction) -> Sequence[Device]:
        """What there is, as of the last look.

        Raises:
            VoiceError: The sound system does not answer.
        """
        with self._lock:
            self._look_again()
            try:
                listed = self.portaudio.query_devices()
            except self.portaudio.PortAudioError as error:
                raise VoiceError(f"the sound devices cannot be listed: {error}") from error
        devices = (_device(item, direction) for item in listed)
        return [device for device in devices if device.channels]

    def find(self, wanted: str | int | None, direction: Direction) -> Device:
        """The device that a setting means.

        Args:
            wanted: A part of its name in any case, its index, or None for the default one.
            direction: Whether it shall hear or speak.

        Raises:
            VoiceError: There is none, or several are meant; the text lists what there is.
        """
        with self._lock:
            for _ in range(2):
                devices = self.devices(direction)
                found = self._default(direction) if wanted is None else _chosen(devices, wanted)
                if len({device.name for device in found}) == 1:
                    return found[0]
                self._stale = True  # it may have been plugged in since the last look
        kind, there = direction.noun, _described(devices, direction)
        if wanted is None:
            raise VoiceError(f"there is no default {kind}; {there}")
        if found:
            raise VoiceError(f"{wanted!r} may be any of the {kind}s {_names(found)}")
        raise VoiceError(f"there is no {kind} {wanted!r}; {there}")

    def described(self, direction: Direction) -> str:
        """What devices there are, as a half-sentence."""
        try:
            return _described(self.devices(direction), direction)
        except VoiceError as error:
            return str(error)

    def open(
        self,
        wanted: str | int | None,
        direction: Direction,
        callback: Callable[..., None],
        **options: Any,
    ) -> Opened:
        """Open a stream of int16 at 16 kHz mono, or as near to that as the device can.

        Args:
            wanted: As for `find`.
            direction: Whether it shall hear or speak.
            callback: PortAudio's; called from a thread that must not wait.
            options: More arguments for the stream.

        Raises:
            VoiceError: There is no such device, or it cannot be opened.
        """
        make = getattr(self.portaudio, f"{direction.value.capitalize()}Stream")
        closing = threading.Event()

        def called(*arguments: Any) -> None:
            if closing.is_set():
                raise self.portaudio.CallbackAbort
            callback(*arguments)

        with self._lock:
            device = self.find(wanted, direction)
            for rate, channels in _attempts(device):
                block = round(rate * _BLOCK_SECONDS)
                try:
                    stream = make(
                        device=device.index,
                        samplerate=rate,
                        channels=channels,
                        dtype="int16",
                        blocksize=block,
                        callback=called,
                        **options,
                    )
                except (self.portaudio.PortAudioError, ValueError) as error:
                    problem = error
                    if _UNAVAILABLE in error.args:
                        break
                    continue
                self._open[stream] = closing
                return Opened(stream, device, rate, channels, block)
            self._stale = True
        raise VoiceError(
            f"the {direction.noun} {device.name!r} cannot be opened: {problem}"
        ) from problem

    def close(self, stream: Stream, *, lost: bool = False) -> None:
        """End a stream and let go of its device; a second time does nothing.

        Args:
            stream: What `open` gave.
            lost: Whether its device seems to be gone: then the list of devices is out of date.
        """
        with self._lock:
            self._stale = self._stale or lost
            closing = self._open.pop(stream, None)
            if closing is None:
                return
            closing.set()
            try:
                # The callback ends its own thread; `abort` would cancel it wherever it is.
                give_up = time.monotonic() + _ENDS_WITHIN
                while stream.active and time.monotonic() < give_up:
                    time.sleep(0.005)
                stream.abort()
                stream.close()
            except self.portaudio.PortAudioError:
                self._stale = True  # a device that is gone cannot even be closed

    def active(self, stream: Stream) -> bool:
        """Whether sound flows in a stream; False once it was closed."""
        with self._lock:
            try:
                return stream in self._open and stream.active
            except self.portaudio.PortAudioError:
                return False

    def _look_again(self) -> None:
        if not self._stale or self._open:
            return
        try:
            if self._started:
                self._started = False
                self.portaudio._terminate()  # noqa: SLF001 - sounddevice has no public way
            self.portaudio._initialize()  # noqa: SLF001
            self._started = True
        except self.portaudio.PortAudioError as error:
            raise VoiceError(f"the sound system does not start: {error}") from error
        self._stale = False

    def _default(self, direction: Direction) -> list[Device]:
        try:
            return [_device(self.portaudio.query_devices(kind=direction.value), direction)]
        except (self.portaudio.PortAudioError, ValueError):
            return []


def _device(item: Any, direction: Direction) -> Device:
    return Device(
        index=int(item["index"]),
        name=str(item["name"]),
        channels=int(item[f"max_{direction.value}_channels"]),
        rate=int(item["default_samplerate"]),
    )


def _chosen(devices: Sequence[Device], wanted: str | int) -> list[Device]:
    """The devices that a setting may mean; those of exactly this name before parts of names."""
    if isinstance(wanted, int) or wanted.isdecimal():
        return [device for device in devices if device.index == int(wanted)]
    folded = wanted.casefold()
    exact = [device for device in devices if device.name.casefold() == folded]
    return exact or [device for device in devices if folded in device.name.casefold()]


def _attempts(device: Device) -> list[tuple[int, int]]:
    """Rates and channels, those that need no conversion first."""
    most = min(device.channels, _MOST_CHANNELS)
    rates = dict.fromkeys((RATE, device.rate, *_COMMON_RATES))
    return [(rate, channels) for rate in rates for channels in sorted({1, min(2, most), most})]


def _described(devices: Sequence[Device], direction: Direction) -> str:
    return f"there are: {_names(devices)}" if devices else f"no {direction.noun} is connected"


def _names(devices: Sequence[Device]) -> str:
    return ", ".join(f"{device.name!r} ({device.index})" for device in devices)
