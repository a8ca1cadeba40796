"""The daemon's own network behind the evaluation's Protocol.

It does not know what is read.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Self, TypeVar

from edge_agent.factory.measure.usage import usage_of
from edge_agent.language.interpreter import Interpreter
from edge_agent.models import Usage
from edge_agent.service.tokens import TokenModel
from edge_agent.slm.model import Model, load_model

_T = TypeVar("_T")
_R = TypeVar("_R")


class DaemonEngine:
    """One sentence after the other, by what the daemon runs."""

    def __init__(self, model: Model, usage: Usage) -> None:
        """Takes the model's only decoder."""
        self.name = model.name
        self.usage = usage
        self.model = TokenModel(model)

    @classmethod
    def load(cls, path: Path, *, threads: int | None = None) -> Self:
        """An engine for a GGUF file.

        Raises:
            ModelError: The file is damaged.
        """
        model = load_model(path, threads=threads or 0)
        return cls(model, usage_of(model.metadata, path))

    def read_all(self, items: Iterable[_T], read: Callable[[Interpreter, _T], _R]) -> Iterator[_R]:
        """What `read` makes of each item, in order."""
        interpreter = Interpreter(self.model, self.usage.prompt, self.usage.calibration)
        for item in items:
            yield read(interpreter, item)
