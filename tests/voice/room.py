"""A room for a daemon whose sound devices are not real: speech goes in, answers come out."""

import threading

import numpy as np
from fake_portaudio import FakeDevice, FakePortAudio
from support import wait_for

from edge_agent.voice.ports import RATE, Samples

BLOCK = 512


class Room:
    """A microphone that hears silence, as fast as time goes, and what is said; and a speaker."""

    def __init__(self, *, plugged: bool = True) -> None:
        self.microphone = FakeDevice("desk microphone", inputs=1)
        self.speaker = FakeDevice("desk speaker", outputs=1)
        devices = (self.microphone, self.speaker) if plugged else ()
        self.portaudio = FakePortAudio(*devices)
        self._waiting: list[Samples] = []
        self._ends = threading.Event()
        self._sounds = threading.Thread(target=self._run, daemon=True)
        self._sounds.start()

    def hear(self, samples: Samples) -> None:
        """Let it be heard from now on; back when it is over."""
        self._waiting = [samples[at : at + BLOCK] for at in range(0, len(samples), BLOCK)]
        wait_for(lambda: not self._waiting, 10.0, "the end of the sentence")

    @property
    def spoken(self) -> list[float]:
        """The seconds of each sound that was played to its end."""
        played = [stream for stream in self.speaker.streams if stream.closed]
        return [len(stream.sound) / stream.samplerate for stream in played]

    def close(self) -> None:
        self._ends.set()
        self._sounds.join(5)

    def _run(self) -> None:
        while not self._ends.wait(BLOCK / RATE):
            block = self._waiting[0] if self._waiting else np.zeros(BLOCK, np.int16)
            for stream in list(self.microphone.streams):
                if stream.active:
                    assert (stream.samplerate, stream.channels) == (RATE, 1)
                    stream.hear(block)
            self._waiting = self._waiting[1:]
