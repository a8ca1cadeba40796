"""The section `voice` of a firmware config."""

from typing import Literal

import msgspec


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class WakeConfig(_Section, frozen=True, kw_only=True):
    """`voice.wake`: what wakes the daemon."""

    engine: Literal["micro", "open"] = "micro"
    """pymicro-wakeword is frugal, pyopen-wakeword hears more and costs more."""
    words: tuple[str, ...] = ("okay_nabu",)
    """Names of shipped wake words, or paths of model files; several at once."""
    threshold: float | None = None
    """Probability from which one counts; absent: what each model advises."""


class RecogniserConfig(_Section, frozen=True, kw_only=True):
    """`voice.recogniser`: what turns speech into text."""

    engine: Literal["auto", "whisper", "moonshine"] = "auto"
    path: str | None = None
    """A folder with the engine's model; absent: the one that is installed."""
    beam: int | None = None
    threads: int = 1
    min_score: float | None = None
    """Average log-probability below which a reading is taken for noise."""


class SpeechConfig(_Section, frozen=True, kw_only=True):
    """`voice.speech`: how answers are spoken."""

    engine: Literal["espeak", "piper", "none"] = "espeak"
    voice: str = ""
    speed: float = 1.0
    publish: bool = False
    """Whether answers are also published as sound, so that another device can play them."""


class VoiceConfig(_Section, frozen=True, kw_only=True):
    """`voice`: a microphone and a speaker of this device."""

    enabled: bool = False
    mode: Literal["wake-word", "push-to-talk", "always-listening"] = "wake-word"
    microphone: str | int | None = None
    """A part of the device's name, or its index; absent: the default one."""
    speaker: str | int | None = None
    """As `microphone`; `none`: there is no speaker here."""
    area: str | None = None
    """Where the microphone is; absent: `agent.area`."""
    wake: WakeConfig = WakeConfig()
    recogniser: RecogniserConfig = RecogniserConfig()
    speech: SpeechConfig = SpeechConfig()
    wake_while_speaking: bool = False
    """Whether the wake word interrupts an answer; for microphones that do not hear the speaker."""
    patience: float = 5.0
    """Seconds to begin a sentence after the wake word."""
    follow_up: float = 6.0
    """Seconds to begin the answer to a question."""
    phrases: tuple[str, ...] = ()
    """Sentences that people will say here, as examples for the recogniser."""
    closed: bool | None = None
    """Whether nothing but the menu is ever said; absent: where the config has an `appliance`."""

    @property
    def has_speaker(self) -> bool:
        """Whether anything is to be heard at this device."""
        return self.speaker != "none"
