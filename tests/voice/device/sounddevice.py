"""Takes the place of sounddevice in a daemon that is measured: its microphone is a named pipe.

EDGE_AGENT_MICROPHONE names the pipe, which carries int16, mono, 16 kHz, as it is heard; the speaker
takes what is said as fast as a real one. It counts where this folder is on PYTHONPATH.
"""

import os
import sys
import threading
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1]))
from fake_portaudio import FakeDevice, FakePortAudio

_BLOCK = 512


def _listen(microphone: FakeDevice, pipe: str) -> None:
    with Path(pipe).open("rb") as heard:
        while block := heard.read(2 * _BLOCK):
            for stream in list(microphone.streams):
                if stream.active:
                    stream.hear(np.frombuffer(block, np.int16))


_microphone = FakeDevice("pipe", inputs=1)
_portaudio = FakePortAudio(_microphone, FakeDevice("speaker", outputs=1))
_portaudio.seconds_a_block = _BLOCK / 16_000
_arguments = (_microphone, os.environ["EDGE_AGENT_MICROPHONE"])
threading.Thread(target=_listen, args=_arguments, daemon=True).start()
sys.modules[__name__] = _portaudio
