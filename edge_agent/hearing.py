"""The voice of a configuration: builds its stages and hands what is heard to the agent.

It runs beside the daemon: whatever is missing or fails here is said in `problems`, and text over
MQTT goes on without it.
"""

import asyncio
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

import structlog

from edge_agent.config import Config
from edge_agent.core.entity import Origin
from edge_agent.core.registry import Registry
from edge_agent.errors import VoiceError
from edge_agent.service.agent import Agent
from edge_agent.service.request import Request
from edge_agent.service.response import Reply, Status
from edge_agent.voice.audio import Audio
from edge_agent.voice.bias import bias_of
from edge_agent.voice.endpoint import Endpoint, EndpointSettings
from edge_agent.voice.listener import Answer, Listener, Observer, Stages
from edge_agent.voice.microphone import Microphone
from edge_agent.voice.ports import Bias, Heard, Recogniser, Samples, Sink, Source, Speech
from edge_agent.voice.recogniser import RecogniserSettings, make_recogniser
from edge_agent.voice.reopened import Reopened
from edge_agent.voice.session import Mode, SessionSettings
from edge_agent.voice.speaker import Speaker
from edge_agent.voice.speech import SpeechSettings, make_speech
from edge_agent.voice.vad import make_vad
from edge_agent.voice.wake import Engine, WakeSettings, make_wake_word

_LOG = structlog.get_logger()

_CONVERSATION = "voice"


class Informed:
    """A recogniser that is told what can be meant whenever that has changed."""

    def __init__(
        self, recogniser: Recogniser, config: Config, registry: Callable[[], Registry]
    ) -> None:
        """Looks at the registry before each utterance."""
        self.name = recogniser.name
        self._recogniser = recogniser
        self._config = config
        self._registry = registry
        self._known: Registry | None = None

    def bias(self, bias: Bias) -> None:
        """Expect these words until the registry changes."""
        self._recogniser.bias(bias)

    def transcribe(self, samples: Samples) -> Sequence[Heard]:
        """What was said; see `Recogniser`."""
        registry = self._registry()
        if registry is not self._known:
            self.bias(bias_of(registry, self._config.voice.phrases, closed=is_closed(self._config)))
            self._known = registry
        return self._recogniser.transcribe(samples)


def is_closed(config: Config) -> bool:
    """Whether nothing but a menu is ever said to the device of a configuration."""
    closed = config.voice.closed
    return config.appliance is not None if closed is None else closed


def recogniser_of(config: Config, registry: Callable[[], Registry]) -> Informed:
    """The recogniser of a configuration, loaded.

    Raises:
        VoiceError: It is not installed or its model cannot be used.
    """
    wanted = config.voice.recogniser
    path = None if wanted.path is None else Path(wanted.path)
    settings = RecogniserSettings(
        wanted.engine, path, wanted.beam, wanted.threads, wanted.min_score
    )
    return Informed(make_recogniser(settings, closed=is_closed(config)), config, registry)


def speech_of(config: Config) -> Speech | None:
    """What speaks the answers; None where they are not spoken.

    Raises:
        VoiceError: The engine is not installed or its voice cannot be used.
    """
    wanted = config.voice.speech
    if wanted.engine == "none":
        return None
    return make_speech(SpeechSettings(wanted.engine, wanted.voice, wanted.speed))


class Mind:
    """Hands sentences that were heard to an agent in its loop, from any thread."""

    def __init__(
        self,
        config: Config,
        agent: Agent,
        loop: asyncio.AbstractEventLoop,
        *,
        dry_run: bool = False,
        told: Callable[[Sequence[Heard], Reply], None] = lambda _readings, _reply: None,
    ) -> None:
        """Keeps the agent.

        Args:
            config: Says where the microphone is.
            agent: Whom they are handed to.
            loop: That it serves in.
            dry_run: Whether they are only looked at.
            told: Hears of each reply, in the thread of the loop.
        """
        self._config = config
        self._agent = agent
        self._loop = loop
        self._dry_run = dry_run
        self._told = told

    def ask(self, readings: Sequence[Heard]) -> "Future[Answer]":
        """What comes of a sentence, as it is spoken."""
        answered: Future[Answer] = Future()

        def settle(done: "Future[Reply]") -> None:
            if (error := done.exception()) is not None:
                answered.set_exception(error)
                return
            self._told(readings, done.result())
            answered.set_result(answer_of(done.result()))

        self.submit([one.text for one in readings]).add_done_callback(settle)
        return answered

    def call_off(self) -> None:
        """End what is being done."""
        self.submit(["stop"])

    def submit(self, readings: Sequence[str]) -> "Future[Reply]":
        """The reply to a sentence, given every way it may have been heard."""
        text, *others = readings
        request = Request(
            id=uuid.uuid4().hex,
            text=text,
            origin=Origin.VOICE,
            conversation_id=_CONVERSATION,
            received=time.monotonic(),
            area=self._config.voice.area,
            dry_run=self._dry_run,
            readings=tuple(others),
        )
        return asyncio.run_coroutine_threadsafe(self._agent.hear(request), self._loop)


class Hearing:
    """Listens in a thread of its own, from `start` to `stop`."""

    def __init__(self, config: Config, agent: Agent, registry: Callable[[], Registry]) -> None:
        """Opens and loads nothing yet."""
        self._config = config
        self._agent = agent
        self._registry = registry
        self._problems: dict[str, str] = {}
        self._listener: Listener | None = None

    @property
    def problems(self) -> Sequence[str]:
        """What is wrong with the voice, for health."""
        return [f"voice: {problem}" for problem in self._problems.values()]

    def start(self) -> None:
        """Begin to listen; returns at once."""
        mind = Mind(self._config, self._agent, asyncio.get_running_loop())
        threading.Thread(target=self._run, args=(mind,), name="voice", daemon=True).start()

    def stop(self) -> None:
        """End it."""
        if self._listener is not None:
            self._listener.close()

    def push(self, *, down: bool) -> None:
        """The button for talking."""
        if self._listener is not None:
            self._listener.press(down=down)

    def _run(self, mind: Mind) -> None:
        try:
            listener = self._listener = self._made(mind)
        except VoiceError as error:
            self._failed("setup", str(error))
            return
        _LOG.info("voice.listening", mode=self._config.voice.mode)
        listener.run()

    def _made(self, mind: Mind) -> Listener:
        voice = self._config.voice
        audio = Audio.system()
        source = Reopened(
            lambda: Microphone(audio, voice.microphone).open(),
            lambda problem: self._failed("microphone", problem),
        )
        sink = Speaker(audio, voice.speaker, on_failure=source.renew)
        observer = Observer(heard=self._heard, failed=self._failed)
        stages = self.stages(source, sink)
        return Listener(stages, self.settings(), mind.ask, mind.call_off, observer)

    def settings(self) -> SessionSettings:
        """How the session behaves."""
        voice = self._config.voice
        return SessionSettings(
            mode=Mode(voice.mode),
            wake_while_speaking=voice.wake_while_speaking,
            patience=voice.patience,
            follow_up=voice.follow_up,
        )

    def stages(self, source: Source, sink: Sink) -> Stages:
        """The engines of the configuration around a microphone and a speaker.

        Raises:
            VoiceError: One is missing or cannot be used.
        """
        wanted, wake = self._config.voice.wake, None
        if Mode(self._config.voice.mode) is Mode.WAKE_WORD:
            words = WakeSettings(Engine(wanted.engine), wanted.words, wanted.threshold)
            wake = make_wake_word(words)
        recogniser = recogniser_of(self._config, self._registry)
        try:
            speech = speech_of(self._config)
        except VoiceError as error:  # who cannot answer can still do what is said
            self._failed("speech", str(error))
            speech = None
        return Stages(
            source, wake, make_vad(), Endpoint(EndpointSettings()), recogniser, speech, sink
        )

    def _heard(self, readings: Sequence[Heard], seconds: float) -> None:
        said = [one.text for one in readings]
        _LOG.info("voice.heard", readings=said, seconds=round(seconds, 2))

    def _failed(self, stage: str, problem: str | None) -> None:
        if problem is None:
            if self._problems.pop(stage, None) is not None:
                _LOG.info("voice.recovered", stage=stage)
        elif self._problems.get(stage) != problem:
            self._problems[stage] = problem
            _LOG.warning("voice.failed", stage=stage, reason=problem)


def answer_of(reply: Reply) -> Answer:
    """A reply as it is spoken."""
    return Answer(
        reply.text, reply.status is Status.CLARIFY, reply.status is not Status.UNSUPPORTED
    )
