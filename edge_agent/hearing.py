"""The voice of a configuration: builds its stages and hands what is heard to the agent.

It runs beside the daemon: whatever is missing or fails here is said in `problems`, and text over
MQTT goes on without it.
"""

import asyncio
import functools
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

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
from edge_agent.voice.events import Mode
from edge_agent.voice.listener import Answer, Listener, Observer, Stages
from edge_agent.voice.microphone import Microphone
from edge_agent.voice.ports import Bias, Heard, Recogniser, Samples, Sink, Source, Speech
from edge_agent.voice.recogniser import RecogniserSettings, make_recogniser, warm
from edge_agent.voice.recording import wav_of
from edge_agent.voice.reopened import Reopened
from edge_agent.voice.session import SessionSettings
from edge_agent.voice.speaker import Elsewhere, Speaker
from edge_agent.voice.speech import SpeechSettings, make_speech
from edge_agent.voice.vad import make_vad
from edge_agent.voice.wake import Engine, WakeSettings, WakeWords, make_wake_word

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
    return Informed(make_recogniser(settings), config, registry)


def speech_of(config: Config) -> Speech | None:
    """What speaks the answers; None where they are not spoken.

    Raises:
        VoiceError: The engine is not installed or its voice cannot be used.
    """
    wanted = config.voice.speech
    if wanted.engine == "none":
        return None
    return make_speech(SpeechSettings(wanted.engine, wanted.voice, wanted.speed))


def speaker_of(
    config: Config, audio: Audio, on_failure: Callable[[], None] = lambda: None
) -> Sink | None:
    """Where the answers sound; None where nobody hears them."""
    if config.voice.has_speaker:
        return Speaker(audio, config.voice.speaker, on_failure=on_failure)
    return Elsewhere() if config.voice.speech.publish else None


def wake_word_of(config: Config) -> WakeWords:
    """The wake words of a configuration, loaded.

    Raises:
        VoiceError: One is unknown, or the engine is not installed.
    """
    wanted = config.voice.wake
    return make_wake_word(WakeSettings(Engine(wanted.engine), wanted.words, wanted.threshold))


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

    def __init__(
        self,
        config: Config,
        agent: Agent,
        registry: Callable[[], Registry],
        publish: Callable[[bytes], object] = lambda _wav: None,
    ) -> None:
        """Opens and loads nothing yet.

        Args:
            config: Its part `voice` says how it shall be.
            agent: Who carries out what is heard.
            registry: What can be meant at this moment.
            publish: Gets each answer as a WAV file, where the configuration wants that.
        """
        self._config = config
        self._agent = agent
        self._registry = registry
        self._publish = publish
        self._problems: dict[str, str] = {}
        self._listener: Listener | None = None
        self._early: list[Answer] = []
        self._mode = Mode(config.voice.mode)
        self._muted = False

    @property
    def problems(self) -> Sequence[str]:
        """What is wrong with the voice, for health."""
        return [f"voice: {problem}" for problem in self._problems.values()]

    def start(self) -> None:
        """Begin to listen; returns at once."""
        loop = asyncio.get_running_loop()
        mind = Mind(self._config, self._agent, loop)
        begun = functools.partial(loop.call_soon_threadsafe, self._begun)
        threading.Thread(target=self._run, args=(mind, begun), name="voice", daemon=True).start()

    def stop(self) -> None:
        """End it."""
        if self._listener is not None:
            self._listener.close()

    # What an operator may do, in the loop of the daemon: see `service.control.Voice`.

    @property
    def modes(self) -> Sequence[str]:
        """How it can be spoken to."""
        return list(Mode)

    def described(self) -> Mapping[str, Any]:
        """What it is doing, for JSON."""
        state = self._running().state
        problems = list(self._problems.values())
        return {
            "mode": self._mode.value,
            "muted": self._muted,
            "state": state,
            "problems": problems,
        }

    def push(self, *, down: bool) -> None:
        """The button for talking."""
        listener = self._running()
        if down and self._muted:
            raise VoiceError("the microphone is muted")
        listener.press(down=down)

    def mute(self, *, muted: bool) -> None:
        """The microphone hears nothing from now on, or hears again."""
        self._running().mute(muted=muted)
        self._muted = muted

    def silence(self) -> None:
        """Say no more of what is called off."""
        if self._listener is not None:
            self._listener.stop()

    async def switch(self, mode: str) -> None:
        """It is spoken to in another way from now on."""
        listener, wanted, wake = self._running(), Mode(mode), None
        if wanted is Mode.WAKE_WORD and not listener.knows_wake_word:
            wake = await asyncio.to_thread(wake_word_of, self._config)
        listener.switch(wanted, wake)
        self._mode = wanted

    async def reconfigure(self, config: Config) -> None:
        """Go back to the way to be spoken to that a configuration has.

        Raises:
            VoiceError: It needs a wake word that cannot be loaded.
        """
        if self._listener is not None and self._mode != config.voice.mode:
            await self.switch(config.voice.mode)

    def report(self, reply: Reply) -> None:
        """Say what became of something that was put off, as soon as nobody speaks or listens."""
        if self._listener is not None:
            self._listener.report(answer_of(reply))
        elif "setup" not in self._problems:
            self._early.append(answer_of(reply))

    def _running(self) -> Listener:
        if self._listener is not None:
            return self._listener
        problem = self._problems.get("setup")
        why = f"could not start: {problem}" if problem else "is still loading"
        raise VoiceError(f"the voice {why}")

    def _run(self, mind: Mind, begun: Callable[[], object]) -> None:
        try:
            listener = self._listener = self._made(mind)
        except Exception as error:  # an engine can fail in ways nobody listed
            self._failed("setup", str(error) or repr(error))
            return
        begun()
        _LOG.info("voice.listening", mode=self._config.voice.mode)
        listener.run()

    def _begun(self) -> None:
        """Say what there was to report while it was loading."""
        early, self._early = self._early, []
        for answer in early:
            if self._listener is not None:
                self._listener.report(answer)

    def _made(self, mind: Mind) -> Listener:
        voice = self._config.voice
        audio = Audio.system()
        source = Reopened(
            lambda: Microphone(audio, voice.microphone).open(),
            lambda problem: self._failed("microphone", problem),
        )
        sink = speaker_of(self._config, audio, source.renew)
        observer = Observer(heard=self._heard, spoken=self._spoken, failed=self._failed)
        stages = self.stages(source, sink)
        warm(stages.recogniser)
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

    def stages(self, source: Source, sink: Sink | None) -> Stages:
        """The engines of the configuration around a microphone and, where there is one, a speaker.

        Raises:
            VoiceError: One is missing or cannot be used.
        """
        wake = wake_word_of(self._config) if self._mode is Mode.WAKE_WORD else None
        recogniser = recogniser_of(self._config, self._registry)
        try:
            speech = None if sink is None else speech_of(self._config)
        except VoiceError as error:  # who cannot answer can still do what is said
            self._failed("speech", str(error))
            speech = None
        return Stages(
            source, wake, make_vad(), Endpoint(EndpointSettings()), recogniser, speech, sink
        )

    def _heard(self, readings: Sequence[Heard], seconds: float) -> None:
        said = [one.text for one in readings]
        _LOG.info("voice.heard", readings=said, seconds=round(seconds, 2))

    def _spoken(self, samples: Samples) -> None:
        if self._config.voice.speech.publish:
            self._publish(wav_of(samples))

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
