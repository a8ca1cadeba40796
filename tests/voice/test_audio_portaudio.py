"""With the real PortAudio, over ALSA's null device: it gives sound faster than real."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ALSA = Path("/usr/share/alsa/alsa.conf")

PROGRAM = """
import threading, time
import numpy as np
from edge_agent.voice.audio import Audio, Direction
from edge_agent.voice.microphone import Microphone
from edge_agent.voice.reopened import Reopened
from edge_agent.voice.speaker import Speaker

audio = Audio.system()
print([device.name for device in audio.devices(Direction.INPUT)])
source = Reopened(lambda: Microphone(audio, "kitchen").open())
for _ in range(3):
    assert len(source.read()) == 512
    source.renew()
assert len(source.read()) == 512
time.sleep(0.2)
assert source.overflows > 0
source.close()
assert source.read() is None
speaker = Speaker(audio, "kitchen")
speaker.play(np.ones(16_000, np.int16))
playing = threading.Thread(target=speaker.play, args=(np.ones(50_000_000, np.int16),))
playing.start()
time.sleep(0.2)
speaker.stop()
playing.join(5.0)
print("stopped", not playing.is_alive())
audio.find("kitchen", Direction.OUTPUT)
try:
    audio.find("bath", Direction.OUTPUT)
except Exception as error:
    print(error)
print(audio.find("kitchen", Direction.OUTPUT).name)
"""


def test_the_real_sound_system_is_used_as_it_wants_to_be(tmp_path) -> None:
    if not ALSA.is_file():
        pytest.skip("needs ALSA")
    tried = [sys.executable, "-c", "import sounddevice"]
    if subprocess.run(tried, capture_output=True, check=False).returncode:
        pytest.skip("needs sounddevice and PortAudio")
    config = tmp_path / "asound.conf"
    config.write_text(f"<{ALSA}>\npcm.!default {{ type null }}\npcm.kitchen {{ type null }}\n")
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "ALSA_CONFIG_PATH": str(config)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert "'kitchen'" in lines[0]
    assert lines[1] == "stopped True"
    assert "no speaker 'bath'; there are: " in lines[2]
    assert lines[3] == "kitchen"
