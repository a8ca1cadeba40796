"""What is wrong with the voice on this machine, and what each part of it costs here.

Everything is really used: the microphone is listened to for a moment, and a sentence is spoken
into the engines, though never into the room.
"""

import os
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from edge_agent.check import Finding
from edge_agent.config import Config
from edge_agent.core.registry import Registry
from edge_agent.errors import EdgeAgentError, VoiceError
from edge_agent.hearing import Informed, recogniser_of, speech_of, wake_word_of
from edge_agent.mqtt.requester import Requester
from edge_agent.parts import broker_settings
from edge_agent.voice.audio import Audio, Direction
from edge_agent.voice.espeak import EspeakSpeech
from edge_agent.voice.level import SILENCE, dbfs
from edge_agent.voice.microphone import Microphone
from edge_agent.voice.ports import RATE, Samples, Speech
from edge_agent.voice.vad import SileroVad, make_vad
from edge_agent.voice.wake import WakeWords
from edge_agent.voice.weights import MOONSHINE, WHISPER, look_whole

_Engine = TypeVar("_Engine")

_AGAIN = "run ./install.sh service --voice again (--tts for Piper)"
_INSTALLED = (
    "is not installed",
    "package",
    "does not run here",
    "install it anew",
    "there is no voice",
)
"""What is said where it is not the config that is wrong."""
_UNTRIED = "it was not tried"
"""Where nothing can speak to an engine."""
_SENTENCE = "Turn on the light in the kitchen."
_BLOCK = 512
_LISTENED = 0.5
"""Seconds for which the microphone is listened to."""
_MOST_WAIT = 3.0
"""Seconds for a daemon to say how it is."""
_MOST_SECONDS = 2.0
"""A sentence that takes longer to be recognised is said again by whoever waits."""
_MOST_ASLEEP = 0.25
"""Of a core, for the wake word: it is paid all day."""


class VoiceCheck:
    """Looks at each part of a voice; the engines stay loaded, so that they can be weighed."""

    def __init__(self, config: Config, registry: Registry) -> None:
        """Loads nothing yet; `registry` is what the recogniser is told to expect."""
        self._config = config
        self._registry = registry
        self._engines: list[object] = []
        self._sample = _sample(config)

    def findings(self) -> Iterator[Finding]:
        """What was looked at, one thing after another."""
        config = self._config
        yield from _devices(config)
        heard = config.voice.has_speaker or config.voice.speech.publish
        if heard and config.voice.speech.engine != "none":
            yield self._engine("speech", lambda: speech_of(config), self._speech)
        if config.voice.mode == "wake-word":
            yield self._engine("wake word", lambda: wake_word_of(config), self._wake_word)
        yield self._engine("pauses", make_vad, self._vad)
        yield self._engine("recogniser", self._whole_recogniser, self._recogniser)

    def _engine(
        self,
        subject: str,
        make: Callable[[], _Engine],
        tried: Callable[[_Engine], tuple[str, str]],
    ) -> Finding:
        try:
            engine = make()
            self._engines.append(engine)
            found, remedy = tried(engine)
        except VoiceError as error:
            found, remedy = str(error), _remedy(str(error), subject)
        return Finding(subject, ok=not remedy, found=found, remedy=remedy)

    def _whole_recogniser(self) -> Informed:
        wanted = self._config.voice.recogniser
        if wanted.path is None:
            look_whole(MOONSHINE if wanted.engine == "moonshine" else WHISPER)
        return recogniser_of(self._config, lambda: self._registry)

    def _speech(self, speech: Speech | None) -> tuple[str, str]:
        assert speech is not None  # noqa: S101 - asked only where there is one
        return f"{speech.name}; {_spent(lambda: speech.synthesise(_SENTENCE)).text} to say it", ""

    def _wake_word(self, wake: WakeWords) -> tuple[str, str]:
        names = " or ".join(wake.names)
        share = self._share(wake.feed)
        if share is None:
            return f"{names}; {_UNTRIED}", ""
        found = f"{names}; {share:.1%} of a core while asleep"
        if share <= _MOST_ASLEEP:
            return found, ""
        dear = self._config.voice.wake.engine == "open"
        cheaper = "set voice.wake.engine to micro" if dear else "set voice.mode to push-to-talk"
        return found, f"it costs too much here: {cheaper}"

    def _vad(self, vad: SileroVad) -> tuple[str, str]:
        share = self._share(vad.feed)
        cost = _UNTRIED if share is None else f"{share:.1%} of a core while somebody speaks"
        return f"Silero VAD; {cost}", ""

    def _recogniser(self, recogniser: Informed) -> tuple[str, str]:
        if self._sample is None:
            return f"{recogniser.name}; {_UNTRIED}", ""
        sample = self._sample
        recogniser.transcribe(sample)  # the first sentence also makes what all of them need
        cost = _spent(lambda: recogniser.transcribe(sample))
        found = f"{recogniser.name}; {cost.text} for a sentence of {len(sample) / RATE:.1f} s"
        # Not as the clock went: what else is at work here just now may be none of its fault.
        slow = cost.cpu / max(1, self._config.voice.recogniser.threads) > _MOST_SECONDS
        return found, _quicker(self._config) if slow else ""

    def _share(self, feed: Callable[[Samples], object]) -> float | None:
        """What listening takes of a core; None where there is nothing to listen to."""
        if self._sample is None:
            return None
        sample = self._sample
        blocks = [sample[at : at + _BLOCK] for at in range(0, len(sample), _BLOCK)]
        times = max(1, 10 * RATE // len(sample))

        def listen() -> None:
            for _ in range(times):
                for block in blocks:
                    feed(block)

        return _spent(listen).cpu / (times * len(sample) / RATE)


@dataclass(frozen=True, slots=True)
class _Cost:
    """What some work took, in seconds."""

    cpu: float
    wall: float

    @property
    def text(self) -> str:
        return f"{self.wall:.2f} s ({self.cpu:.2f} s of CPU)"


def _spent(work: Callable[[], object]) -> _Cost:
    began, cpu = time.monotonic(), _cpu()
    work()
    return _Cost(_cpu() - cpu, time.monotonic() - began)


def _cpu() -> float:
    """Seconds of processor time of this process and of those that it waited for."""
    waited_for = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + waited_for.ru_utime + waited_for.ru_stime


def _sample(config: Config) -> Samples | None:
    """A sentence as sound, from espeak-ng, which costs least, or else what speaks here."""
    engines: tuple[Callable[[], Speech | None], ...] = (EspeakSpeech, lambda: speech_of(config))
    for make in engines:
        try:
            speech = make()
            samples = None if speech is None else speech.synthesise(_SENTENCE)
        except VoiceError:
            continue
        if samples is not None:
            return samples
    return None


def _remedy(problem: str, subject: str) -> str:
    """What is missing or damaged comes from the installer; a wrong setting is mended by hand."""
    if any(text in problem for text in _INSTALLED):
        return _AGAIN
    section = {"wake word": "wake", "pauses": "recogniser"}.get(subject, subject)
    return f"mend voice.{section} in the config"


def _quicker(config: Config) -> str:
    """What makes recognition take less time on this machine."""
    wanted, cores = config.voice.recogniser, len(os.sched_getaffinity(0))
    most = min(cores, config.board.threads or cores)
    if wanted.threads < most:
        return f"too slow to be talked to: set voice.recogniser.threads to {most}"
    if wanted.beam != 1:
        return "too slow to be talked to: set voice.recogniser.beam to 1"
    if wanted.engine != "whisper":
        return "too slow to be talked to: set voice.recogniser.engine to whisper"
    return "this board is too slow to be talked to: switch voice.enabled off"


# --- sound devices -------------------------------------------------------------------------------


def _devices(config: Config) -> Iterator[Finding]:
    try:
        audio = Audio.system()
    except VoiceError as error:
        yield Finding("audio", ok=False, found=str(error), remedy=_AGAIN)
        return
    microphone = _microphone(audio, config.voice.microphone)
    # What the daemon holds is closed to everybody else, or is not even listed.
    if not microphone.ok and (state := _state_of_daemon(config)) is not None:
        found = f"the daemon that runs has it and is {state}"
        microphone = Finding("microphone", ok=True, found=found)
    yield microphone
    if not config.voice.has_speaker:
        yield Finding("speaker", ok=True, found="there is none (voice.speaker)")
        return
    try:
        found, remedy = audio.find(config.voice.speaker, Direction.OUTPUT).name, ""
    except VoiceError as error:
        found = str(error)
        remedy = f"{_right_device(audio, Direction.OUTPUT)}; none where there is no speaker"
    yield Finding("speaker", ok=not remedy, found=found, remedy=remedy)


def _state_of_daemon(config: Config) -> str | None:
    """What the voice of a running daemon is doing, if it has a microphone."""
    settings = replace(broker_settings(config), client_id=f"edge-agent-check-{os.getpid()}")
    try:
        with Requester(settings, config.node, timeout=_MOST_WAIT) as daemon:
            answer = daemon.control("voice")
    except EdgeAgentError:
        return None
    voice = answer.get("voice") or {"problems": [answer["text"]]}
    return None if voice["problems"] else str(voice["state"])


def _microphone(audio: Audio, wanted: str | int | None) -> Finding:
    microphone = Microphone(audio, wanted)
    loudest, heard = SILENCE, 0
    try:
        microphone.open()
        while heard < _LISTENED * RATE and (block := microphone.read()) is not None:
            heard += len(block)
            loudest = max(loudest, dbfs(block))
    except VoiceError as error:
        remedy = _right_device(audio, Direction.INPUT)
        if "cannot be opened" in str(error):
            remedy = "end the program that uses it"
        return Finding("microphone", ok=False, found=str(error), remedy=remedy)
    finally:
        microphone.close()
    if loudest > SILENCE:
        return Finding("microphone", ok=True, found=f"{microphone.name}; {loudest:.0f} dB")
    return Finding(
        "microphone",
        ok=False,
        found=f"{microphone.name} gives nothing but silence",
        remedy="switch it on or turn it up, e.g. with alsamixer; or set voice.microphone",
    )


def _right_device(audio: Audio, direction: Direction) -> str:
    setting = f"voice.{direction.noun}"
    try:
        if audio.devices(direction):
            return f"set {setting} to a part of one of these names"
    except VoiceError:
        pass  # then there are none either
    # What another program holds, or this user may not open, is not listed.
    return (
        "plug one in, end the program that holds it, or add this user to the group audio;"
        f" then, where there are several, set {setting}"
    )
