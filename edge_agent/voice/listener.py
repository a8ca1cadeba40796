"""Runs a session: gives sound to whoever shall have it, and carries out what the session wants.

One thread reads the microphone, one recognises, one makes sound; whatever any of them has to tell
comes to the fourth, `run`, which alone touches the session. It does not know what sentences mean.
"""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import structlog

from edge_agent.errors import VoiceError
from edge_agent.voice.earcons import Earcon, earcon
from edge_agent.voice.events import (
    Action,
    Answered,
    Ask,
    BeSilent,
    ButtonDown,
    ButtonUp,
    CallOff,
    Ear,
    Event,
    Listen,
    Mode,
    Muted,
    Play,
    Played,
    Reported,
    Say,
    Speech,
    Stopped,
    Switched,
    Tick,
    Timer,
    Transcribe,
    Transcribed,
    Woken,
)
from edge_agent.voice.ports import (
    RATE,
    Heard,
    Recogniser,
    Samples,
    Sink,
    Source,
    Vad,
    WakeWord,
)
from edge_agent.voice.ports import Speech as Voice
from edge_agent.voice.session import Session, SessionSettings

_LOG = structlog.get_logger()

_LONGEST = 30.0
"""Seconds of sound that are kept."""


class Ends(Protocol):
    """Finds where speech begins and ends."""

    @property
    def lead(self) -> float:
        """Seconds ago at which an utterance began whose speech was noticed just now."""
        ...

    def open(self, patience: float | None) -> None:
        """Begin anew; after `patience` seconds without speech there was none."""
        ...

    def feed(self, probability: float) -> Speech | None:
        """What the next 32 ms changed."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a sentence."""

    text: str
    """To be said; empty where an earcon is enough."""
    question: bool = False
    understood: bool = True


AskAgent: TypeAlias = Callable[[Sequence[Heard]], "Future[Answer]"]


@dataclass(frozen=True, slots=True)
class Stages:
    """Everything between a microphone and a speaker."""

    source: Source
    wake: WakeWord | None
    vad: Vad
    ends: Ends
    recogniser: Recogniser
    voice: Voice | None
    """None: answers are not spoken."""
    sink: Sink | None
    """None: there are no earcons either."""


@dataclass(frozen=True, slots=True)
class Observer:
    """Told what happens, by the thread in which it does."""

    woken: Callable[[str], None] = lambda _name: None
    heard: Callable[[Sequence[Heard], float], None] = lambda _readings, _seconds: None
    """What was recognised, and in how many seconds."""
    spoken: Callable[[Samples], None] = lambda _samples: None
    """An answer as sound, before it is played here."""
    failed: Callable[[str, str | None], None] = lambda _stage, _problem: None
    """A stage's problem, or None once it works again."""


class Listener:
    """A voice, from `run` to `close`."""

    def __init__(
        self,
        stages: Stages,
        settings: SessionSettings,
        ask: AskAgent,
        call_off: Callable[[], None],
        observer: Observer | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Runs nothing yet.

        Args:
            stages: The engines.
            settings: How the session behaves.
            ask: Has a sentence carried out.
            call_off: Ends what is being carried out.
            observer: Told what happens.
            clock: Monotonic seconds.
        """
        self._stages = stages
        self._wake = stages.wake
        self._session = Session(settings)
        self._ask = ask
        self._call_off = call_off
        self._observer = observer or Observer()
        self._clock = clock
        self._news: queue.SimpleQueue[Samples | Event | None] = queue.SimpleQueue()
        self._recognising = ThreadPoolExecutor(1, "recognise")
        self._sounding = ThreadPoolExecutor(1, "sound")
        self._timer: float | None = None
        self._sound = _Kept()
        self._readings: tuple[int, Sequence[Heard]] = (0, ())
        self._silenced = 0

    @property
    def state(self) -> str:
        """What the voice is doing, for people."""
        return self._session.state.value

    @property
    def knows_wake_word(self) -> bool:
        """Whether there is an engine that a wake word can be heard with."""
        return self._wake is not None

    def run(self) -> None:
        """Listen until the source ends or `close` is called."""
        reader = threading.Thread(target=self._read, name="microphone", daemon=True)
        reader.start()
        self._do(self._session.start(self._clock()))
        while (news := self._next()) is not None:
            if isinstance(news, np.ndarray):
                self._hear(news)
            else:
                self._handle(news)
        self._sounding.shutdown(cancel_futures=True)
        self._recognising.shutdown(cancel_futures=True)

    def close(self) -> None:
        """End `run`, from any thread."""
        self._stages.source.close()
        if self._stages.sink is not None:
            self._stages.sink.stop()
        self._news.put(None)

    def press(self, *, down: bool) -> None:
        """The button for talking, from any thread."""
        self._news.put(ButtonDown() if down else ButtonUp())

    def stop(self) -> None:
        """What was asked for is called off already: say nothing more of it; from any thread."""
        self._news.put(Stopped())

    def mute(self, *, muted: bool) -> None:
        """The microphone is off, or on again; from any thread."""
        self._news.put(Muted(muted))

    def switch(self, mode: Mode, wake: WakeWord | None = None) -> None:
        """It is spoken to in another way from now on, from any thread.

        Args:
            mode: The way.
            wake: What hears the wake word, where that is needed and was not there yet.
        """
        self._wake = wake or self._wake
        self._news.put(Switched(mode))

    def report(self, answer: Answer) -> None:
        """Say something unasked, once nobody speaks or listens; from any thread."""
        if answer.text:
            self._news.put(Reported(answer.text, answer.question))

    def _read(self) -> None:
        while (block := self._stages.source.read()) is not None:
            self._news.put(block)
        self._news.put(None)

    def _next(self) -> Samples | Event | None:
        wait = None if self._timer is None else max(0.0, self._timer - self._clock())
        try:
            return self._news.get(timeout=wait)
        except queue.Empty:
            self._timer = None
            return Tick()

    def _hear(self, block: Samples) -> None:
        ear = self._session.ear
        if Ear.WAKE in ear and self._wake is not None:
            name = self._wake.feed(block)
            if name is not None:
                self._observer.woken(name)
                self._handle(Woken())
                return
        if Ear.SPEECH not in ear:
            return
        self._sound.add(block)
        turn = self._session.turn
        for probability in self._stages.vad.feed(block):
            speech = self._stages.ends.feed(probability)
            if speech is Speech.BEGAN:
                self._sound.mark(self._stages.ends.lead)
            if speech is not None:
                self._handle(speech)
                if (self._session.ear, self._session.turn) != (ear, turn):
                    ear, turn = self._session.ear, self._session.turn
                    if Ear.SPEECH not in ear or speech is not Speech.BEGAN:
                        return

    def _handle(self, event: Event) -> None:
        self._do(self._session.handle(event, self._clock()))

    def _do(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case Listen(ear=ear, patience=patience):
                    self._listen(ear, patience)
                case Play(sound=sound):
                    self._play(earcon(Earcon(sound.value)))
                case Transcribe(turn=turn, whole=whole):
                    self._transcribe(turn, self._sound.taken(whole=whole))
                case Ask(turn=turn):
                    self._have_done(turn)
                case Say(turn=turn, text=text):
                    self._say(turn, text)
                case BeSilent():
                    self._silenced += 1
                    if self._stages.sink is not None:
                        self._stages.sink.stop()
                case CallOff():
                    self._call_off()
                case Timer(at=at):
                    self._timer = at

    def _listen(self, ear: Ear, patience: float | None) -> None:
        self._sound = _Kept()
        if Ear.WAKE in ear and self._wake is not None:
            self._wake.reset()
        if Ear.SPEECH in ear:
            self._stages.vad.reset()
            self._stages.ends.open(patience)

    def _transcribe(self, turn: int, samples: Samples) -> None:
        def work() -> None:
            began = self._clock()
            readings: Sequence[Heard] = ()
            try:
                readings = self._stages.recogniser.transcribe(samples)
            except Exception as error:  # an engine can fail in ways nobody listed
                _LOG.exception("voice.recogniser_failed")
                self._observer.failed("recogniser", str(error) or repr(error))
            else:
                self._observer.failed("recogniser", None)
            self._observer.heard(readings, self._clock() - began)
            self._readings = (turn, readings)
            self._news.put(Transcribed(turn, tuple(one.text for one in readings)))

        self._recognising.submit(work)

    def _have_done(self, turn: int) -> None:
        of, readings = self._readings

        def answered(future: "Future[Answer]") -> None:
            if future.cancelled():
                return
            if (error := future.exception()) is not None:
                _LOG.error("voice.ask_failed", reason=str(error))
                answer = Answer("Something went wrong.", understood=False)
            else:
                answer = future.result()
            news = Answered(turn, answer.text, answer.question, answer.understood)
            self._news.put(news)

        if of == turn:
            self._ask(readings).add_done_callback(answered)

    def _say(self, turn: int, text: str) -> None:
        voice, number = self._stages.voice, self._silenced

        def work() -> None:
            if voice is not None and number == self._silenced:
                try:
                    samples = voice.synthesise(text)
                except VoiceError as error:
                    self._observer.failed("speech", str(error))
                else:
                    self._observer.failed("speech", None)
                    if number == self._silenced:  # nobody called us off meanwhile
                        self._observer.spoken(samples)
                        self._sounded(samples)
            self._news.put(Played(turn))

        self._sounding.submit(work)

    def _play(self, samples: Samples) -> None:
        self._sounding.submit(self._sounded, samples)

    def _sounded(self, samples: Samples) -> None:
        if self._stages.sink is None:
            return
        try:
            self._stages.sink.play(samples)
        except VoiceError as error:
            self._observer.failed("speaker", str(error))
        else:
            self._observer.failed("speaker", None)


class _Kept:
    """The last half minute of sound since an ear was opened, and where speech began in it."""

    def __init__(self) -> None:
        self._blocks: deque[Samples] = deque()
        self._first = self._end = 0  # samples since the ear was opened
        self._speech = 0

    def add(self, block: Samples) -> None:
        """Keeps a block, and lets go of what is too old."""
        self._blocks.append(block)
        self._end += len(block)
        while self._end - self._first - len(self._blocks[0]) > _LONGEST * RATE:
            self._first += len(self._blocks.popleft())

    def mark(self, lead: float) -> None:
        """An utterance began some seconds ago."""
        self._speech = max(0, self._end - round(lead * RATE))

    def taken(self, *, whole: bool) -> Samples:
        """The sound of an utterance: all of it, or from where speech began."""
        if not self._blocks:
            return np.zeros(0, np.int16)
        start = 0 if whole else max(0, self._speech - self._first)
        return np.concatenate(self._blocks)[start:]
