"""Chooses and makes the recogniser that the configuration asks for."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from edge_agent.errors import VoiceError
from edge_agent.voice.ports import RATE, Recogniser

Engine: TypeAlias = Literal["auto", "whisper", "moonshine"]


@dataclass(frozen=True, slots=True)
class RecogniserSettings:
    """What may be configured; None leaves a value to the engine."""

    engine: Engine = "auto"
    path: Path | None = None
    """A folder with the engine's model; None for the one in its package."""
    beam: int | None = None
    """How many readings are followed at once: more costs time."""
    threads: int = 1
    min_score: float | None = None
    """Average log-probability, in nats, below which a reading is taken for noise."""


def make_recogniser(settings: RecogniserSettings) -> Recogniser:
    """The recogniser that is asked for; with `auto` the better one that is there.

    Raises:
        VoiceError: A package or the weights are missing or damaged; the text says what to install.
    """
    match settings.engine:
        case "whisper":
            return _whisper(settings)
        case "moonshine":
            return _moonshine(settings)
    # Over recorded orders it hears as well or better, with and without noise, and costs less.
    try:
        return _whisper(settings)
    except VoiceError as error:
        try:
            return _moonshine(settings)
        except VoiceError as other:
            raise VoiceError(f"{error}; {other}") from other


def warm(recogniser: Recogniser) -> None:
    """Let it hear a second of hiss: what an engine sets up once must not delay a first sentence."""
    recogniser.transcribe(np.random.default_rng(0).integers(-60, 60, RATE, np.int16))


def _whisper(settings: RecogniserSettings) -> Recogniser:
    from edge_agent.voice.whisper import Whisper, WhisperSettings  # noqa: PLC0415

    own = WhisperSettings(threads=settings.threads)
    if settings.beam is not None:
        own = replace(own, beam=settings.beam)
    if settings.min_score is not None:
        own = replace(own, min_score=settings.min_score, min_score_closed=settings.min_score)
    return Whisper(settings.path, own)


def _moonshine(settings: RecogniserSettings) -> Recogniser:
    from edge_agent.voice.moonshine import Moonshine, MoonshineSettings  # noqa: PLC0415

    own = MoonshineSettings(threads=settings.threads)
    if settings.beam is not None:
        own = replace(own, beam=settings.beam)
    if settings.min_score is not None:
        own = replace(own, min_score=settings.min_score, min_score_closed=settings.min_score)
    return Moonshine(settings.path, own)
