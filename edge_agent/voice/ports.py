"""What the stages of a voice are to each other: sound in, wake word, sentence, speech, sound out.

Sound is mono, 16 kHz, int16 everywhere between the stages; whoever has another sort converts it at
the edge. Nothing here opens a device or loads a model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
"""Samples a second."""
Samples: TypeAlias = NDArray[np.int16]
"""Mono sound at `RATE`, one dimension."""


class Source(Protocol):
    """Where sound comes from: a microphone or a recording."""

    def read(self) -> Samples | None:
        """The next block, as soon as there is one; None at the end of a recording.

        Raises:
            VoiceError: The device is gone; the text names it. Opening it anew may help.
        """
        ...

    def close(self) -> None:
        """Let go of the device; a `read` that waits returns None."""
        ...


class WakeWord(Protocol):
    """Hears whether it is spoken to."""

    def feed(self, samples: Samples) -> str | None:
        """The name of the wake word that a block of any length ended, or None."""
        ...

    def reset(self) -> None:
        """Forget what was heard so far."""
        ...


class Vad(Protocol):
    """Tells speech from other sound."""

    def feed(self, samples: Samples) -> Sequence[float]:
        """Probabilities of speech, one for each whole 32 ms (512 samples) since the last call."""
        ...

    def reset(self) -> None:
        """Forget what was heard so far."""
        ...


@dataclass(frozen=True, slots=True)
class Heard:
    """One reading of an utterance."""

    text: str
    """As it was said: lower case, no punctuation but apostrophes."""
    score: float
    """Average log-probability of its tokens, in nats: near 0 where the recogniser is sure."""


@dataclass(frozen=True, slots=True)
class Bias:
    """What can be meant here, so that it is heard rather than what merely sounds like it."""

    names: Sequence[str] = ()
    """Of devices and their aliases, the most likely first."""
    areas: Sequence[str] = ()
    """Rooms, floors, zones."""
    values: Sequence[str] = ()
    """Options that capabilities take: modes, effects, sources, menu items."""
    phrases: Sequence[str] = ()
    """Whole sentences of the firmware config, as examples."""
    closed: bool = False
    """Whether nothing but these is ever said here: an appliance with a menu."""


class Recogniser(Protocol):
    """Turns an utterance into text; used by one thread at a time."""

    @property
    def name(self) -> str:
        """The engine and its model, for people."""
        ...

    def bias(self, bias: Bias) -> None:
        """Expect these words from now on."""
        ...

    def transcribe(self, samples: Samples) -> Sequence[Heard]:
        """What was said, the best reading first; nothing where it was no sentence.

        Noise, music and foreign speech give nothing.
        """
        ...


class Speech(Protocol):
    """Turns an answer into sound."""

    @property
    def name(self) -> str:
        """The engine and its voice, for people."""
        ...

    def synthesise(self, text: str) -> Samples:
        """A sentence as sound.

        Raises:
            VoiceError: The engine is missing or failed.
        """
        ...


class Sink(Protocol):
    """Where sound goes to."""

    def play(self, samples: Samples) -> None:
        """Play to the end, or until `stop`.

        Raises:
            VoiceError: The device is gone; the text names it.
        """
        ...

    def stop(self) -> None:
        """End what plays, from any thread."""
        ...
