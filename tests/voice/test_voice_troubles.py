"""A daemon whose voice lacks something: it serves on, health says what, and it mends itself."""

import shutil
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from fake_portaudio import FakeDevice, FakePortAudio
from room import Room
from spoken import say
from support import NODE, Rig, pick, wait_for

from edge_agent import check_voice
from edge_agent.config import load_config
from edge_agent.voice.weights import WHISPER, locate

pytestmark = pytest.mark.skipif(
    find_spec("ctranslate2") is None or find_spec(WHISPER.module) is None,
    reason="the extra [voice] is not installed",
)

ON = "turn on the kitchen light"


@pytest.fixture
def room(monkeypatch) -> Iterator[Room]:
    """A room in which no sound device is plugged in."""
    room = Room(plugged=False)
    monkeypatch.setitem(sys.modules, "sounddevice", room.portaudio)
    yield room
    room.close()


@pytest.fixture
def hall(room, start_mosquitto, tmp_path):
    """Return a function that starts a daemon that listens to all that is said."""
    rigs: list[Rig] = []

    def start(*settings: str) -> Rig:
        config = tmp_path / "hall.yaml"
        config.write_text(
            "extends: smart-home-hub.yaml\nvoice: {enabled: true, mode: always-listening}\n"
        )
        url = start_mosquitto(extra=["set_tcp_nodelay true"]).url
        devices = pick("kitchen_light", "zigbee_bridge")
        rigs.append(Rig(url, devices, settings, config=config).__enter__())
        return rigs[-1]

    yield start
    for rig in rigs:
        rig.__exit__()


def problems(rig: Rig) -> list[str]:
    """What health says about the voice now."""
    return [text for text in rig.health().get("degraded", []) if text.startswith("voice: ")]


def wait_for_problem(rig: Rig, text: str) -> None:
    wait_for(lambda: any(text in problem for problem in problems(rig)), 30.0, text)


def serves(rig: Rig) -> bool:
    """Whether it does what it is told over MQTT."""
    before = len(rig.sent("kitchen_light"))
    done = rig.ask(ON)["status"] == "ok"
    return done and len(rig.sent("kitchen_light")) == before + 1


def hears(rig: Rig, room: Room) -> bool:
    """Whether it does what is said to it."""
    before = len(rig.sent("kitchen_light"))
    room.hear(say(ON))
    wait_for(lambda: len(rig.sent("kitchen_light")) > before, 20.0, "the light")
    return True


def test_a_microphone_that_is_plugged_in_later_is_found(hall, room):
    rig = hall("voice.speaker=none")
    wait_for_problem(rig, "no microphone is connected")
    assert serves(rig)
    room.portaudio.plug(room.microphone)
    wait_for(lambda: not problems(rig), 40.0, "the microphone")
    assert hears(rig, room)


def test_a_microphone_that_is_pulled_and_put_back_is_found_again(hall, room):
    room.portaudio.plug(room.microphone)
    rig = hall("voice.speaker=none")
    wait_for(lambda: room.microphone.streams, 30.0, "the microphone")
    room.portaudio.unplug(room.microphone)
    wait_for_problem(rig, "'desk microphone' is gone; no microphone is connected")
    assert serves(rig)
    room.portaudio.plug(room.microphone)
    wait_for(lambda: not problems(rig), 40.0, "the microphone")
    assert hears(rig, room)


def test_a_wrong_name_is_answered_with_the_right_ones_until_it_is_right(hall, room):
    room.portaudio.plug(room.microphone)
    rig = hall("voice.microphone=kitchen", "voice.speaker=none")
    wait_for_problem(rig, "no microphone 'kitchen'; there are: 'desk microphone' (0)")
    assert serves(rig)
    room.microphone.name = "kitchen microphone"
    wait_for(lambda: not problems(rig), 40.0, "the microphone")
    assert hears(rig, room)


def test_without_a_speaker_it_does_what_it_hears_and_says_what_is_missing(hall, room):
    room.portaudio.plug(room.microphone)
    rig = hall()
    wait_for(lambda: room.microphone.streams, 30.0, "the microphone")
    assert hears(rig, room)
    wait_for_problem(rig, "no speaker is connected")
    room.portaudio.plug(room.speaker)
    wait_for(lambda: time.sleep(0.5) or (hears(rig, room) and room.spoken), 60.0, "an answer")
    wait_for(lambda: not problems(rig), 10.0, "health")


def test_check_knows_the_daemon_that_holds_the_microphone(hall, room, monkeypatch):
    room.portaudio.plug(room.microphone)
    rig = hall("voice.speaker=none")
    wait_for(lambda: room.microphone.streams, 30.0, "the microphone")
    # What one program holds is not listed for another.
    monkeypatch.setitem(sys.modules, "sounddevice", FakePortAudio())
    settings = (f"mqtt.url={rig.url}", f"agent.id={NODE}", "voice.speaker=none")
    found = next(check_voice._devices(load_config(rig.config, settings)))
    assert (found.ok, found.found) == (True, "the daemon that runs has it and is asleep")
    room.portaudio.unplug(room.microphone)
    wait_for_problem(rig, "is gone")
    assert not next(check_voice._devices(load_config(rig.config, settings))).ok


def test_two_microphones_of_like_names_are_asked_about(hall, room):
    room.portaudio.plug(room.microphone)
    room.portaudio.plug(FakeDevice("desk lamp microphone", inputs=1))
    rig = hall("voice.microphone=desk", "voice.speaker=none")
    wait_for_problem(rig, "'desk' may be any of the microphones 'desk microphone' (0), 'desk lamp")
    assert serves(rig)


@pytest.mark.parametrize(
    ("file", "said"), [("model.bin", "cannot be used"), ("config.json", "cannot be used")]
)
def test_a_damaged_recogniser_leaves_the_rest(hall, room, tmp_path, file, said):
    folder = tmp_path / "whisper"
    shutil.copytree(locate(WHISPER), folder)
    damaged = folder / file
    damaged.write_bytes(damaged.read_bytes()[: damaged.stat().st_size // 2])
    room.portaudio.plug(room.microphone)
    rig = hall("voice.recogniser.engine=whisper", f"voice.recogniser.path={folder}")
    wait_for_problem(rig, said)
    assert str(folder) in problems(rig)[0]
    assert serves(rig)


def test_a_damaged_wake_word_leaves_the_rest(hall, room, tmp_path):
    word = tmp_path / "hey_house.tflite"
    word.write_bytes(b"TFL3" * 1000)
    rig = hall("voice.mode=wake-word", f"voice.wake.words=[{word}]")
    wait_for_problem(rig, f"wake word model {word} is damaged")
    assert serves(rig)
