"""The threads around a session: real sound for the recogniser, answers spoken, nothing lost."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future

import numpy as np
import pytest

from edge_agent.errors import VoiceError
from edge_agent.voice.events import Mode, Speech
from edge_agent.voice.listener import Answer, Listener, Observer, Stages
from edge_agent.voice.ports import RATE, Bias, Heard, Samples
from edge_agent.voice.session import SessionSettings

BLOCK = 512
QUIET, WAKE, TALK, STOP = 0, 1000, 2000, 3000
"""Loudness that stands for what is heard."""


class Tape:
    """A source that plays what it is given, and waits for more until it is closed."""

    def __init__(self) -> None:
        self.blocks: list[Samples] = []
        self.more = threading.Condition()
        self.closed = False

    def add(self, loudness: int, count: int = 1) -> None:
        with self.more:
            self.blocks += [np.full(BLOCK, loudness, np.int16)] * count
            self.more.notify_all()

    def read(self) -> Samples | None:
        with self.more:
            self.more.wait_for(lambda: self.blocks or self.closed)
            return None if self.closed else self.blocks.pop(0)

    def close(self) -> None:
        with self.more:
            self.closed = True
            self.more.notify_all()


class Loud:
    """A wake word and a voice activity detector by loudness."""

    def feed(self, samples: Samples) -> Sequence[float]:
        return [float(samples[0] >= TALK)] * (len(samples) // BLOCK)

    def reset(self) -> None:
        """Nothing to forget."""


class WakeOnLoud(Loud):
    def feed(self, samples: Samples) -> str | None:
        return "hey" if samples[0] == WAKE else None


class Ends:
    """Speech begins with a loud piece and ends with three quiet ones."""

    lead = 0.1

    def open(self, patience: float | None) -> None:
        self.patience, self.quiet, self.began = patience, 0, False

    def feed(self, probability: float) -> Speech | None:
        if probability > 0.5:
            self.quiet, began, self.began = 0, self.began, True
            return None if began else Speech.BEGAN
        self.quiet += 1
        if self.began and self.quiet == 3:
            self.began = False
            return Speech.ENDED
        if not self.began and self.patience and self.quiet * BLOCK > self.patience * RATE:
            return Speech.NONE
        return None


class Ears:
    """A recogniser that hears the words that were put into it, and keeps the sound."""

    name = "fake"

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.sounds: list[Samples] = []

    def bias(self, bias: Bias) -> None:
        """Hears only what was put into it."""

    def transcribe(self, samples: Samples) -> Sequence[Heard]:
        self.sounds.append(samples)
        text = self.texts.pop(0)
        if text == "fails":
            raise RuntimeError("the engine is broken")
        return [Heard(text, -0.1)] if text else []


class Mouth:
    """Speaks and plays into lists."""

    name = "fake"

    def __init__(self) -> None:
        self.said: list[str] = []
        self.played = threading.Event()
        self.broken = False

    def synthesise(self, text: str) -> Samples:
        if self.broken:
            raise VoiceError("espeak-ng is missing")
        self.said.append(text)
        return np.ones(10, np.int16)

    def play(self, samples: Samples) -> None:
        if samples[0] == 1:
            self.played.set()

    def stop(self) -> None:
        """Nothing plays for long."""


class Rig:
    def __init__(self, *texts: str, answers: dict[str, Answer] | None = None, **settings) -> None:
        self.tape, self.ears, self.mouth = Tape(), Ears(*texts), Mouth()
        self.answers, self.asked, self.problems = answers or {}, [], {}
        self.spoken: list[Samples] = []
        self.called_off = threading.Event()
        self.news = threading.Condition()
        wake = settings.pop("wake", WakeOnLoud())
        stages = Stages(self.tape, wake, Loud(), Ends(), self.ears, self.mouth, self.mouth)
        settings = {"tail": 0.0, "earcon": 0.0, **settings}
        self.listener = Listener(
            stages,
            SessionSettings(**settings),
            self.ask,
            self.called_off.set,
            Observer(heard=self.heard, spoken=self.spoken.append, failed=self.failed),
        )
        self.readings: list[Sequence[Heard]] = []
        self.thread = threading.Thread(target=self.listener.run, daemon=True)
        self.thread.start()

    def ask(self, readings: Sequence[Heard]) -> "Future[Answer]":
        future: Future[Answer] = Future()
        with self.news:
            self.asked.append(readings[0].text)
            self.news.notify_all()
        future.set_result(self.answers.get(readings[0].text, Answer("Done.")))
        return future

    def heard(self, readings, seconds) -> None:
        with self.news:
            self.readings.append(readings)
            self.news.notify_all()

    def failed(self, stage, problem) -> None:
        with self.news:
            self.problems[stage] = problem
            self.news.notify_all()

    def until(self, condition) -> None:
        with self.news:
            assert self.news.wait_for(condition, 5)

    def utter(self, wake: bool = True, pieces: int = 20) -> None:
        if wake:
            self.tape.add(WAKE)
        self.tape.add(QUIET, 4)
        self.tape.add(TALK, pieces)
        self.tape.add(QUIET, 4)


@pytest.fixture
def make():
    rigs: list[Rig] = []

    def made(*texts: str, **more) -> Rig:
        rigs.append(Rig(*texts, **more))
        return rigs[-1]

    yield made
    for rig in rigs:
        rig.listener.close()
        rig.thread.join(5)
        assert not rig.thread.is_alive()


def test_a_sentence_after_the_wake_word_is_done_and_answered(make):
    rig = make("light on")
    rig.tape.add(TALK, 30)  # nobody was addressed
    rig.utter()
    assert rig.mouth.played.wait(5)
    assert rig.asked == ["light on"]
    assert rig.mouth.said == ["Done."]
    (sound,) = rig.ears.sounds
    assert (sound == TALK).sum() == 20 * BLOCK
    assert len(sound) < 30 * BLOCK


def test_without_the_wake_word_nothing_is_recognised(make):
    rig = make("light on")
    rig.utter(wake=False)
    rig.utter()
    rig.until(lambda: rig.asked)
    assert len(rig.ears.sounds) == 1


def test_a_question_back_is_answered_without_the_wake_word(make):
    rig = make("unlock", "yes", answers={"unlock": Answer("Shall I?", question=True)})
    rig.utter()
    assert rig.mouth.played.wait(5)
    rig.tape.add(QUIET, 2)
    while rig.listener.state != "follow-up":
        pass
    rig.utter(wake=False)
    rig.until(lambda: len(rig.asked) == 2)
    assert rig.asked == ["unlock", "yes"]


def test_stop_calls_off_and_says_nothing(make):
    rig = make("never mind")
    rig.utter()
    assert rig.called_off.wait(5)
    assert rig.asked == []
    assert rig.mouth.said == []


def test_a_broken_recogniser_is_told_and_the_next_sentence_is_heard(make):
    rig = make("fails", "light on")
    rig.utter()
    rig.until(lambda: rig.problems.get("recogniser"))
    assert rig.problems["recogniser"] == "the engine is broken"
    rig.utter()
    rig.until(lambda: rig.asked)
    assert rig.problems["recogniser"] is None


def test_a_voice_that_is_missing_is_told_and_the_command_is_done(make):
    rig = make("light on", "light off")
    rig.mouth.broken = True
    rig.utter()
    rig.until(lambda: rig.problems.get("speech"))
    rig.mouth.broken = False
    rig.utter()
    rig.until(lambda: rig.problems.get("speech", "") is None)
    assert rig.asked == ["light on", "light off"]


def test_the_button_takes_all_that_is_said_while_it_is_held(make):
    rig = make("light on", mode=Mode.PUSH_TO_TALK, tap=0.0)
    rig.listener.press(down=True)
    while rig.listener.state != "listening":
        pass
    rig.tape.add(QUIET, 3)
    rig.tape.add(TALK, 8)
    rig.tape.add(QUIET, 9)  # a pause does not end it
    rig.tape.add(TALK, 8)
    while rig.tape.blocks:
        pass
    rig.listener.press(down=False)
    rig.until(lambda: rig.asked)
    assert (rig.ears.sounds[0] == TALK).sum() >= 15 * BLOCK


def test_what_is_reported_is_said_and_given_to_whoever_plays_it_elsewhere(make):
    rig = make()
    rig.listener.report(Answer(""))
    rig.listener.report(Answer("The fan is off."))
    assert rig.mouth.played.wait(5)
    assert rig.mouth.said == ["The fan is off."]
    assert [sound.tolist() for sound in rig.spoken] == [[1] * 10]


def test_a_muted_microphone_hears_nothing_until_it_is_on_again(make):
    rig = make("light on")
    rig.listener.mute(muted=True)
    rig.utter()
    while rig.tape.blocks:
        time.sleep(0.01)
    rig.listener.mute(muted=False)
    rig.utter()
    rig.until(lambda: rig.asked)
    assert len(rig.ears.sounds) == 1


def test_the_wake_word_is_heard_from_when_it_is_switched_to(make):
    rig = make("light on", mode=Mode.PUSH_TO_TALK, wake=None)
    assert not rig.listener.knows_wake_word
    rig.utter()
    while rig.tape.blocks:
        time.sleep(0.01)
    rig.listener.switch(Mode.WAKE_WORD, WakeOnLoud())
    rig.utter()
    rig.until(lambda: rig.asked)
    assert rig.listener.knows_wake_word
    assert len(rig.ears.sounds) == 1
