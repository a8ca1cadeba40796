"""What an operator may do with the voice of a device."""

import asyncio
import threading

import pytest

from edge_agent.errors import ModelError, VoiceError

LEGAL = "wake-word, push-to-talk, always-listening"


class FakeVoice:
    """A voice that is handled, and knows one wake word or none."""

    modes = ("wake-word", "push-to-talk", "always-listening")

    def __init__(self, mode: str = "push-to-talk", problem: str = "") -> None:
        self.mode = mode
        self.problem = problem
        self.muted = False
        self.pushes: list[bool] = []
        self.silenced = 0

    def described(self):
        self.check()
        return {"mode": self.mode, "muted": self.muted, "state": "asleep", "problems": []}

    def push(self, *, down: bool) -> None:
        self.check()
        self.pushes.append(down)

    def mute(self, *, muted: bool) -> None:
        self.check()
        self.muted = muted

    def silence(self) -> None:
        self.silenced += 1

    async def switch(self, mode: str) -> None:
        if mode == "wake-word":
            raise VoiceError("there is no wake word 'hey you'; there are: okay_nabu")
        self.mode = mode

    def check(self) -> None:
        if self.problem:
            raise VoiceError(self.problem)


@pytest.fixture
def rig(make_rig):
    rig = make_rig({"sofa lamp on": "turn on sofa lamp"})
    rig.voice = FakeVoice()
    return rig


def control(rig, **document):
    async def play():
        return await rig.ask(document, name="control")

    return rig.run(play)


@pytest.mark.parametrize(
    ("more", "pushes"),
    [({}, [True, False]), ({"button": "down"}, [True]), ({"button": "up"}, [False])],
)
def test_listen_is_a_hand_on_the_button(rig, more, pushes):
    assert control(rig, op="listen", **more)["status"] == "ok"
    assert rig.voice.pushes == pushes


@pytest.mark.parametrize("told", [{"op": "cancel"}, {"text": "stop"}])
def test_what_is_called_off_by_hand_is_not_spoken_of_any_more(rig, told):
    async def play():
        name = "control" if "op" in told else "command"
        return await rig.ask(told, name=name)

    assert rig.run(play)["text"] == "Okay, cancelled."
    assert rig.voice.silenced == 1


def test_the_state_of_the_voice_is_told(rig):
    answer = control(rig, op="voice")
    assert (answer["status"], answer["text"]) == (
        "ok",
        "The voice is asleep; its mode is push-to-talk.",
    )
    assert answer["voice"] == {
        "mode": "push-to-talk",
        "muted": False,
        "state": "asleep",
        "problems": [],
    }


def test_mode_and_mute_are_set_at_once(rig):
    answer = control(rig, op="voice", mode="always-listening", muted=True)
    assert answer["text"] == "The voice is muted; its mode is always-listening."
    assert (rig.voice.mode, rig.voice.muted) == ("always-listening", True)
    assert control(rig, op="voice", muted=False)["voice"]["muted"] is False


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"op": "listen", "button": "left"}, "button: 'left' is not known; legal: down, up."),
        ({"op": "listen", "button": {}}, "button: {} is not known; legal: down, up."),
        ({"op": "voice", "mode": "loud"}, f"mode: 'loud' is not known; legal: {LEGAL}."),
        ({"op": "voice", "mode": ["x"]}, f"mode: ['x'] is not known; legal: {LEGAL}."),
        ({"op": "voice", "muted": "yes"}, "muted: 'yes' is not known; legal: true, false."),
        ({"op": "voice", "muted": 1}, "muted: 1 is not known; legal: true, false."),
        (
            {"op": "voice", "mode": "always-listening", "muted": "yes"},
            "muted: 'yes' is not known; legal: true, false.",
        ),
        (
            {"op": "voice", "mode": "wake-word", "muted": True},
            "There is no wake word 'hey you'; there are: okay_nabu.",
        ),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(rig, document, said):
    answer = control(rig, **document)
    assert (answer["status"], answer["text"]) == ("error", said)
    assert (rig.voice.mode, rig.voice.muted, rig.voice.pushes) == ("push-to-talk", False, [])


@pytest.mark.parametrize("document", [{"op": "listen"}, {"op": "voice"}])
def test_a_voice_that_did_not_start_says_why(rig, document):
    rig.voice.problem = "the voice could not start: PortAudio is missing"
    answer = control(rig, **document)
    assert (answer["status"], answer["text"]) == (
        "error",
        "The voice could not start: PortAudio is missing.",
    )


def test_the_button_works_and_calls_nothing_off_while_a_sentence_is_read(rig):
    reading, read_on = threading.Event(), threading.Event()

    def wait(_sentence):
        reading.set()
        if not read_on.wait(5):
            raise ModelError("nobody pressed the button")

    async def play():
        rig.model.before = wait
        rig.say({"id": "1", "text": "sofa lamp on"})
        await asyncio.to_thread(reading.wait, 5)
        rig.clock.now += 1
        pressed = await rig.ask({"op": "listen", "id": "2"}, name="control")
        read_on.set()
        return pressed, (await rig.answer()).body

    pressed, done = rig.run(play)
    assert (pressed["id"], pressed["status"]) == ("2", "ok")
    assert (done["id"], done["status"]) == ("1", "ok")
