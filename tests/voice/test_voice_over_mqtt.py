"""The voice of a running daemon, handled over a real broker; its microphone hears real speech."""

import io
import json
import threading
import time
import wave
from importlib.util import find_spec

import pytest
from spoken import say
from support import Rig, pick, wait_for

from edge_agent.core.entity import Origin
from edge_agent.service.request import Request
from edge_agent.service.response import Reply, Status
from edge_agent.voice.ports import RATE
from edge_agent.voice.vad import make_vad
from edge_agent.voice.weights import WHISPER

pytestmark = pytest.mark.skipif(
    find_spec("ctranslate2") is None or find_spec(WHISPER.module) is None,
    reason="the extra [voice] is not installed",
)

ON = "turn on the kitchen light"


@pytest.fixture
def hall(room, start_mosquitto, tmp_path):
    """Return a function that starts a daemon with a voice, and is back when it listens."""
    rigs: list[Rig] = []

    def start(*settings: str, mode: str = "push-to-talk", ready: bool = True) -> Rig:
        config = tmp_path / "hall.yaml"
        config.write_text(f"extends: smart-home-hub.yaml\nvoice: {{enabled: true, mode: {mode}}}\n")
        rig = Rig(
            start_mosquitto(extra=["set_tcp_nodelay true"]).url,
            pick("kitchen_light", "zigbee_bridge"),
            settings,
            config=config,
        )
        rigs.append(rig.__enter__())
        if ready:
            wait_for(lambda: time.sleep(0.1) or rig.control("voice")["status"] == "ok", 30.0)
        return rig

    yield start
    for rig in rigs:
        rig.__exit__()


def state(rig: Rig) -> str:
    return rig.control("voice")["voice"]["state"]


def wait_for_state(rig: Rig, wanted: str) -> None:
    wait_for(lambda: time.sleep(0.05) or state(rig) == wanted, 10.0, wanted)


def answers_to_voice(rig: Rig) -> list[dict]:
    """What was published as the answer to something that was heard."""
    heard = (message.body for message in rig.tap.on(rig.topic("response")))
    return [body for body in heard if body["conversation_id"] == "voice"]


def answer_to_voice(rig: Rig) -> dict:
    assert rig.tap.wait(lambda: answers_to_voice(rig), 20.0), "nothing was understood"
    return answers_to_voice(rig)[0]


def later(rig: Rig, text: str) -> None:
    """Put something off as the voice does."""
    request = Request("r1", text, Origin.VOICE, "voice", time.monotonic())
    app = rig.agent.app
    app.loop.call_soon_threadsafe(lambda: app.loop.create_task(app.agent.hear(request)))
    assert rig.answer("r1")["calls"][0]["outcome"] == "planned"


def test_what_is_said_while_the_button_is_held_is_done_and_answered(hall, room):
    rig = hall()
    room.hear(say(ON))  # nobody pressed anything
    assert rig.control("listen", button="down")["text"] == "I am listening."
    wait_for_state(rig, "listening")
    room.hear(say(ON))
    assert state(rig) == "listening"  # the pause at its end did not end it
    assert rig.control("listen", button="up")["status"] == "ok"
    answer = answer_to_voice(rig)
    assert (answer["status"], answer["text"]) == ("ok", "The Kitchen Light is on.")
    assert len(rig.sent("kitchen_light")) == 1
    assert len(answers_to_voice(rig)) == 1
    wait_for(lambda: len(room.spoken) == 2, 10.0, "earcon and answer")
    assert room.spoken[1] > 0.5


def test_a_tap_listens_once_and_the_pause_ends_it(hall, room):
    rig = hall()
    rig.control("listen")
    wait_for_state(rig, "listening")
    room.hear(say(ON))
    assert answer_to_voice(rig)["text"] == "The Kitchen Light is on."
    wait_for_state(rig, "asleep")
    room.hear(say(ON))
    assert len(answers_to_voice(rig)) == 1


def test_a_muted_microphone_is_told_and_hears_nothing(hall, room):
    rig = hall(mode="always-listening")
    assert rig.control("voice", muted=True)["voice"]["muted"] is True
    answer = rig.control("listen")
    assert (answer["status"], answer["text"]) == ("error", "The microphone is muted.")
    room.hear(say(ON))
    time.sleep(1.0)  # an end of the sentence would have been found by now
    assert state(rig) == "asleep"
    assert answers_to_voice(rig) == []
    rig.control("voice", muted=False)
    room.hear(say(ON))
    assert answer_to_voice(rig)["text"] == "The Kitchen Light is on."


def test_the_mode_changes_until_the_next_reload(hall):
    rig = hall()
    hearing = rig.agent.app.hearing
    assert not hearing._listener.knows_wake_word
    assert rig.control("voice", mode="wake-word")["voice"]["mode"] == "wake-word"
    assert hearing._listener.knows_wake_word
    assert rig.control("reload")["status"] == "ok"
    assert rig.control("voice")["voice"]["mode"] == "push-to-talk"


def test_a_wake_word_that_cannot_be_loaded_is_told_and_changes_nothing(hall):
    rig = hall("voice.wake.words=[open_sesame]")
    answer = rig.control("voice", mode="wake-word")
    assert answer["status"] == "error"
    assert "open_sesame" in answer["text"]
    assert rig.control("voice")["voice"]["mode"] == "push-to-talk"
    rig.config.write_text("extends: smart-home-hub.yaml\nvoice: {enabled: true}\n")
    answer = rig.control("reload")
    assert (answer["status"], "open_sesame" in answer["text"]) == ("error", True)


def test_a_voice_that_cannot_start_says_why(hall, tmp_path):
    rig = hall(f"voice.recogniser.path={tmp_path}", ready=False)
    wait_for(lambda: "could not start" in rig.control("voice")["text"], 30.0)
    for operation in ("listen", "voice"):
        answer = rig.control(operation)
        assert answer["status"] == "error"
        assert str(tmp_path) in answer["text"]


def test_what_was_put_off_by_voice_alone_is_told_by_voice(hall, room):
    rig = hall("voice.speech.publish=true")
    answer = rig.ask("turn on kitchen light in 1 second")
    assert rig.answer(f"{answer['id']}.1")["status"] == "ok"
    later(rig, "turn on kitchen light in 1 second")
    assert rig.answer("r1.1")["text"] == "The Kitchen Light is on."
    wait_for(lambda: room.spoken, 10.0, "the report")
    wait_for_state(rig, "asleep")
    assert len(room.spoken) == len(rig.tap.on(rig.topic("speech"))) == 1


@pytest.mark.parametrize(
    ("name", "message"), [("command", "stop"), ("control", json.dumps({"op": "cancel"}))]
)
def test_a_hand_that_calls_off_silences_the_voice_as_well(hall, room, name, message):
    rig = hall()
    answer = Reply(Status.OK, "There are a great many lights in this house. " * 10)
    app = rig.agent.app
    app.loop.call_soon_threadsafe(app.hearing.report, answer)
    wait_for_state(rig, "speaking")
    rig.tap.publish(rig.topic(name), message)
    wait_for_state(rig, "asleep")  # long before it would have come to its end
    assert sum(room.spoken) < 10.0


def test_what_falls_due_while_the_voice_loads_is_told_once_it_is_there(hall, room, monkeypatch):
    loads = threading.Event()
    monkeypatch.setattr("edge_agent.hearing.make_vad", lambda: loads.wait(30) and make_vad())
    rig = hall(ready=False)
    assert rig.control("listen")["text"] == "The voice is still loading."
    later(rig, "turn on kitchen light in 1 second")
    assert rig.answer("r1.1")["status"] == "ok"
    loads.set()
    wait_for(lambda: room.spoken, 20.0, "the report")


def test_a_device_without_a_speaker_gives_its_answers_to_another(hall, room):
    rig = hall("voice.speech.publish=true", "voice.speaker=none", mode="always-listening")
    later(rig, "turn on kitchen light in 1 second")
    assert rig.tap.wait(lambda: rig.tap.on(rig.topic("speech")), 10.0)
    assert state(rig) == "speaking"  # for as long as the other one is to be heard
    (message,) = rig.tap.on(rig.topic("speech"))
    with wave.open(io.BytesIO(message.payload)) as sound:
        about = sound.getframerate(), sound.getnchannels(), sound.getsampwidth()
        seconds = sound.getnframes() / RATE
    assert about == (RATE, 1, 2)
    assert 0.5 < seconds < 10.0
    wait_for_state(rig, "asleep")
    assert time.monotonic() - message.time > seconds
    assert not message.retain
    assert room.speaker.streams == []


def test_a_device_without_any_speaker_answers_by_message_alone(hall, room):
    rig = hall("voice.speaker=none")
    later(rig, "turn on kitchen light in 1 second")
    assert rig.answer("r1.1")["text"] == "The Kitchen Light is on."
    wait_for_state(rig, "asleep")
    assert room.speaker.streams == []
    assert rig.tap.on(rig.topic("speech")) == []
