"""Wake words: adapters of pymicro-wakeword (frugal) and pyopen-wakeword (hears more, costs more).

A model file is proved before an engine may have it: the engines hand whatever they find to C code,
which ends the process where the file is damaged, gone or made for the other engine.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from edge_agent.errors import VoiceError
from edge_agent.voice.ports import Samples
from edge_agent.voice.weights import INSTALL

if TYPE_CHECKING:
    from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures
    from pyopen_wakeword import OpenWakeWord, OpenWakeWordFeatures

_FLOAT32, _UINT8, _INT8 = 1, 3, 9
"""Types of TensorFlow Lite's tensors."""


class Engine(StrEnum):
    """Who listens for the wake word."""

    MICRO = "micro"
    """pymicro-wakeword."""
    OPEN = "open"
    """pyopen-wakeword."""


@dataclass(frozen=True, slots=True)
class WakeSettings:
    """What wakes the daemon."""

    engine: Engine = Engine.MICRO
    words: tuple[str, ...] = ("okay_nabu",)
    """Names of shipped wake words, or paths of model files: `.tflite`, for `micro` also `.json`."""
    threshold: float | None = None
    """Probability, above 0 and below 1, from which it counts; None: what each model advises."""
    rest: float = 1.0
    """Seconds of sound after a wake word, and after the model was last sure of it, in which no
    other is heard."""


class _Micro(msgspec.Struct, frozen=True):
    probability_cutoff: Annotated[float, Meta(gt=0, lt=1)] = 0.9
    sliding_window_size: Annotated[int, Meta(ge=1, le=100)] = 5


class _Manifest(msgspec.Struct, frozen=True):
    """What the `.json` beside a model of pymicro-wakeword says about it."""

    model: str
    wake_word: str
    micro: _Micro


class _Word(Protocol):
    """A model of either engine: how sure it is after the next piece of features."""

    @property
    def name(self) -> str: ...
    @property
    def threshold(self) -> float: ...
    def probability(self, features: NDArray[Any]) -> float: ...
    def reset(self) -> None: ...


class _Features(Protocol):
    """What all models of an engine see of the sound."""

    step: float
    """Seconds of sound in a piece."""

    def pieces(self, samples: Samples) -> Iterator[NDArray[Any]]: ...
    def reset(self) -> None: ...


class WakeWords:
    """Several wake words at once, over features that are computed once."""

    def __init__(self, features: _Features, words: Sequence[_Word], rest: float) -> None:
        """Keeps the models; `rest` is in seconds."""
        self._features = features
        self._words = words
        self._rest = round(rest / features.step)
        self._resting = 0

    @property
    def names(self) -> Sequence[str]:
        """What can be said, as it is spoken."""
        return [word.name for word in self._words]

    def feed(self, samples: Samples) -> str | None:
        """The wake word that this block ended, as it is spoken: "okay nabu"."""
        heard = None
        for piece in self._features.pieces(samples):
            self._resting = max(0, self._resting - 1)
            sure = [(word.probability(piece) - word.threshold, word.name) for word in self._words]
            margin, name = max(sure)
            if margin > 0:  # a model stays sure for a while, so that its rest begins anew
                heard = heard if self._resting else name
                self._resting = self._rest
        return heard

    def reset(self) -> None:
        """Forget what was heard so far."""
        self._features.reset()
        for word in self._words:
            word.reset()
        self._resting = 0


def make_wake_word(settings: WakeSettings) -> WakeWords:
    """The wake words of some settings, loaded.

    Raises:
        VoiceError: A wake word is unknown, a model file is damaged, or the engine is not installed.
    """
    if not settings.words:
        raise VoiceError("no wake word is named; name one, or choose another way to be spoken to")
    if settings.threshold is not None and not 0 < settings.threshold < 1:
        raise VoiceError(f"wake threshold {settings.threshold} is not between 0 and 1")
    make = _micro if settings.engine is Engine.MICRO else _open
    try:
        return make(settings)
    except ImportError as error:
        raise VoiceError(
            f"wake words need py{settings.engine}-wakeword, which is not installed: {INSTALL}"
        ) from error
    except (OSError, RuntimeError, ValueError) as error:
        raise VoiceError(f"py{settings.engine}-wakeword does not run here: {error}") from error


class _MicroFeatures:
    step = 0.01

    def __init__(self, engine: "MicroWakeWordFeatures") -> None:
        self._engine = engine

    def pieces(self, samples: Samples) -> Iterator[NDArray[Any]]:
        yield from self._engine.process_streaming(samples.tobytes())

    def reset(self) -> None:
        self._engine.reset()


class _MicroWord:
    def __init__(self, engine: "MicroWakeWord", threshold: float | None) -> None:
        self._engine = engine
        self.name = _spoken(engine.wake_word)
        self.threshold = threshold or engine.probability_cutoff

    def probability(self, features: NDArray[Any]) -> float:
        return self._engine.process_streaming_prob(features) or 0.0

    def reset(self) -> None:
        # The engine's own reset reads the file again, and ends the process where that is gone.
        engine, lib = self._engine, self._engine.lib
        lib.TfLiteInterpreterDelete(engine.interpreter)
        engine.interpreter = lib.TfLiteInterpreterCreate(engine.model, None)
        lib.TfLiteInterpreterAllocateTensors(engine.interpreter)
        engine.input_tensor = lib.TfLiteInterpreterGetInputTensor(engine.interpreter, 0)
        engine.output_tensor = lib.TfLiteInterpreterGetOutputTensor(engine.interpreter, 0)
        engine._features.clear()  # noqa: SLF001
        engine._probabilities.clear()  # noqa: SLF001


def _micro(settings: WakeSettings) -> WakeWords:
    import pymicro_wakeword as package  # noqa: PLC0415
    from pymicro_wakeword.wakeword import TfLiteWakeWord  # noqa: PLC0415

    folder = Path(package.__file__).parent
    library = _library(folder)
    lib = TfLiteWakeWord(library).lib
    shipped = {model.value: folder / "models" / f"{model.value}.json" for model in package.Model}
    words = []
    for path in _files(settings.words, shipped):
        manifest = _manifest(path)
        model = path if path.suffix == ".tflite" else path.parent / manifest.model
        if not model.is_file():
            raise VoiceError(f"{path} describes {model}, which is missing")
        _prove(lib, model, Engine.MICRO)
        engine = package.MicroWakeWord(
            id=model.stem,
            wake_word=manifest.wake_word,
            tflite_model=model,
            probability_cutoff=manifest.micro.probability_cutoff,
            sliding_window_size=manifest.micro.sliding_window_size,
            trained_languages=[],
            libtensorflowlite_c_path=library,
        )
        words.append(_MicroWord(engine, settings.threshold))
    return WakeWords(_MicroFeatures(package.MicroWakeWordFeatures()), words, settings.rest)


def _manifest(path: Path) -> _Manifest:
    """What is known about a model, from its `.json` or, where there is none, from its name."""
    described = path.with_suffix(".json")
    if not described.is_file():
        return _Manifest(path.name, path.stem, _Micro())
    try:
        return msgspec.json.decode(described.read_bytes(), type=_Manifest)
    except msgspec.MsgspecError as error:
        raise VoiceError(f"{described} does not describe a wake word: {error}") from error


class _OpenFeatures:
    step = 0.08
    _CHUNK = 1280

    def __init__(self, engine: "OpenWakeWordFeatures") -> None:
        self._engine = engine
        self._rest: Samples = np.zeros(0, np.int16)
        # The engine begins with seconds of silence, which cost half a second of a core: once.
        self.silence = list(engine.process_streaming(bytes(2 * self._CHUNK)))
        self._begin = (engine.audio.copy(), engine.mels.copy())
        self._counts = (engine.new_audio_samples, engine.new_mels)

    def pieces(self, samples: Samples) -> Iterator[NDArray[Any]]:
        sound = np.concatenate([self._rest, samples])
        whole = len(sound) - len(sound) % self._CHUNK
        self._rest = sound[whole:]
        for begin in range(0, whole, self._CHUNK):
            yield from self._engine.process_streaming(sound[begin : begin + self._CHUNK].tobytes())

    def reset(self) -> None:
        self._rest = np.zeros(0, np.int16)
        self._engine.audio, self._engine.mels = (array.copy() for array in self._begin)
        self._engine.new_audio_samples, self._engine.new_mels = self._counts


class _OpenWord:
    _ADVISED = 0.5  # of openWakeWord's own documentation

    def __init__(
        self, engine: "OpenWakeWord", silence: Sequence[NDArray[Any]], threshold: float | None
    ) -> None:
        self._engine = engine
        self.name = _spoken(engine.id)
        self.threshold = threshold or self._ADVISED
        for features in silence:
            self.probability(features)
        self._begin = (engine.embeddings.copy(), engine.new_embeddings)

    def probability(self, features: NDArray[Any]) -> float:
        return max(self._engine.process_streaming(features), default=0.0)

    def reset(self) -> None:
        embeddings, self._engine.new_embeddings = self._begin
        self._engine.embeddings = embeddings.copy()


def _open(settings: WakeSettings) -> WakeWords:
    import pyopen_wakeword as package  # noqa: PLC0415
    from pyopen_wakeword.wakeword import TfLiteWakeWord  # noqa: PLC0415

    folder = Path(package.__file__).parent
    library = _library(folder)
    lib = TfLiteWakeWord(library).lib
    shipped = {model.value: folder / "models" / f"{model.value}.tflite" for model in package.Model}
    files = _files(settings.words, shipped)
    for path in files:
        _prove(lib, path, Engine.OPEN)
    features = _OpenFeatures(package.OpenWakeWordFeatures.from_builtin())
    words = [
        _OpenWord(
            package.OpenWakeWord.from_model(path, library), features.silence, settings.threshold
        )
        for path in files
    ]
    return WakeWords(features, words, settings.rest)


def _library(package: Path) -> Path:
    for path in (package / "lib").glob("*tensorflowlite_c.*"):
        return path
    raise VoiceError(f"{package} lacks its TensorFlow Lite library: install the package anew")


def _files(words: Sequence[str], shipped: Mapping[str, Path]) -> list[Path]:
    """The file of each wake word, each once."""
    found: dict[Path, None] = {}
    for word in words:
        path = shipped.get(word.strip().lower().replace(" ", "_"))
        if path is None and word.endswith((".tflite", ".json")):
            path = Path(word).expanduser()
        if path is None:
            legal = ", ".join(sorted(shipped))
            raise VoiceError(
                f"there is no wake word {word!r}; there are {legal}, or the path of a .tflite file"
            )
        if not path.is_file():
            raise VoiceError(f"wake word model {path} is missing")
        found[path] = None
    return list(found)


def _prove(lib: Any, path: Path, engine: Engine) -> None:
    """Raise a VoiceError unless the file is a network that the engine can run."""
    model = lib.TfLiteModelCreateFromFile(os.fsencode(path.resolve()))
    interpreter = model and lib.TfLiteInterpreterCreate(model, None)
    try:
        if not interpreter or lib.TfLiteInterpreterAllocateTensors(interpreter):
            raise VoiceError(f"wake word model {path} is damaged, or no TensorFlow Lite model")
        if not _fits(lib, interpreter, engine):
            other = Engine.OPEN if engine is Engine.MICRO else Engine.MICRO
            raise VoiceError(f"wake word model {path} is not made for {engine}; is it for {other}?")
    finally:
        if interpreter:
            lib.TfLiteInterpreterDelete(interpreter)
        if model:
            lib.TfLiteModelDelete(model)


def _fits(lib: Any, interpreter: int, engine: Engine) -> bool:
    """Whether a network takes frames of the engine's features and gives one probability."""
    taken = lib.TfLiteInterpreterGetInputTensor(interpreter, 0)
    given = lib.TfLiteInterpreterGetOutputTensor(interpreter, 0)
    shape = [lib.TfLiteTensorDim(taken, i) for i in range(lib.TfLiteTensorNumDims(taken))]
    kinds = {lib.TfLiteTensorType(taken), lib.TfLiteTensorType(given)}
    size = lib.TfLiteTensorByteSize(given)
    if engine is Engine.MICRO:
        return len(shape) == 3 and shape[2] == 40 and kinds <= {_INT8, _UINT8} and size == 1
    return len(shape) == 3 and shape[2] == 96 and kinds == {_FLOAT32} and size == 4


def _spoken(name: str) -> str:
    return name.replace("_", " ").lower()
