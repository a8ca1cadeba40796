"""`edge-agent say` and `edge-agent listen --wav`, as somebody types them who sets up a voice."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from spoken import noise, say
from support import Rig, pick

from edge_agent.voice.recording import read_wav, write_wav
from edge_agent.voice.weights import WHISPER

pytestmark = pytest.mark.skipif(
    find_spec("ctranslate2") is None or find_spec(WHISPER.module) is None,
    reason="the extra [voice] is not installed",
)


def edge_agent(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge_agent.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def rig(start_mosquitto, tmp_path):
    """A home with one light, and its configuration."""
    config = tmp_path / "hall.yaml"
    config.write_text("extends: smart-home-hub.yaml\n")
    url = start_mosquitto(extra=["set_tcp_nodelay true"]).url
    with Rig(url, pick("kitchen_light", "zigbee_bridge"), config=config) as rig:
        yield rig


def listen(rig: Rig, wav: Path, *more: str) -> subprocess.CompletedProcess[str]:
    config = ("--config", rig.config, "--set", f"mqtt.url={rig.url}")
    return edge_agent("listen", *config, "--wav", wav, *more)


def test_a_recording_is_only_looked_at_unless_it_shall_be_done(rig, tmp_path):
    wav = tmp_path / "said.wav"
    write_wav(wav, say("turn on the kitchen light"))
    looked = listen(rig, wav, "--json")
    assert looked.returncode == 0, looked.stderr
    found = json.loads(looked.stdout)
    assert found["heard"][0]["text"] == "turn on the kitchen light"
    assert [call["name"] for call in found["calls"]] == ["Kitchen Light"]
    assert rig.sent("kitchen_light") == []
    done = listen(rig, wav, "--execute")
    assert done.returncode == 0, done.stderr
    assert "The Kitchen Light is on." in done.stdout
    assert len(rig.sent("kitchen_light")) == 1


def test_noise_is_no_sentence(rig, tmp_path):
    wav = tmp_path / "noise.wav"
    write_wav(wav, noise(2.0, 2000, steep=1.0))
    found = listen(rig, wav)
    assert (found.returncode, "nothing that is a sentence" in found.stdout) == (1, True)


@pytest.mark.parametrize(("content", "said"), [(b"RIFFnothing", "WAV"), (None, "no such file")])
def test_what_is_no_recording_is_told_by_its_name(rig, tmp_path, content, said):
    wav = tmp_path / "song.mp3"
    if content is not None:
        wav.write_bytes(content)
    found = listen(rig, wav)
    assert found.returncode == 1
    assert str(wav) in found.stderr
    assert said.lower() in found.stderr.lower()
    assert "Traceback" not in found.stderr


def test_a_text_is_written_as_a_recording_and_by_nobody_if_nothing_speaks(rig, tmp_path):
    wav = tmp_path / "hello.wav"
    spoken = edge_agent("say", "--config", rig.config, "hello there", "--wav", wav, "--json")
    assert spoken.returncode == 0, spoken.stderr
    assert json.loads(spoken.stdout)["seconds"] == pytest.approx(len(read_wav(wav)) / 16_000, 0.01)
    wav.unlink()
    off = ("--set", "voice.speech.engine=none")
    silent = edge_agent("say", "--config", rig.config, *off, "hello there", "--wav", wav)
    assert silent.returncode == 1
    assert "voice.speech.engine" in silent.stderr
    assert not wav.exists()
