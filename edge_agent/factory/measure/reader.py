"""Models behind one Protocol, whatever computes them.

It does not know what is read, nor what is right.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

from edge_agent.errors import FactoryError
from edge_agent.language.interpreter import Interpreter
from edge_agent.models import Usage

_T = TypeVar("_T")
_R = TypeVar("_R")


class Reader(Protocol):
    """A model that reads one sentence or several at a time."""

    name: str
    usage: Usage

    def read_all(self, items: Iterable[_T], read: Callable[[Interpreter, _T], _R]) -> Iterator[_R]:
        """What `read` makes of each item with an interpreter of this model, in order."""


def open_reader(
    path: Path,
    engine: str | None = None,
    *,
    vocabulary: Path | None = None,
    threads: int | None = None,
) -> Reader:
    """A model behind an engine.

    Args:
        path: A GGUF file, or a checkpoint of a training.
        engine: `daemon` is what the daemon runs, `torch` reads checkpoints too; None for the
            first one that reads the file.
        vocabulary: Of a checkpoint.
        threads: Of the engine; None for its own choice.

    Raises:
        FactoryError: There is no such engine, or PyTorch is missing.
        ModelError: The file is damaged.
    """
    engine = engine or ("daemon" if path.suffix == ".gguf" else "torch")
    if engine == "daemon":
        from edge_agent.factory.measure.daemon import DaemonEngine  # noqa: PLC0415 - it loads tinygrad

        return DaemonEngine.load(path, threads=threads)
    if engine != "torch":
        raise FactoryError(f"engine {engine!r}; legal: torch, daemon")
    try:
        import torch  # noqa: PLC0415 - it is heavy, and may be absent
    except ImportError as error:
        raise FactoryError(
            "the engine torch needs PyTorch: `pip install edge-agent[factory]`; "
            "--engine daemon reads GGUF files without it"
        ) from error
    from edge_agent.factory.measure.score import Engine  # noqa: PLC0415
    from edge_agent.factory.network.speed import keep_memory, pick_device  # noqa: PLC0415

    keep_memory()
    if threads is not None:
        torch.set_num_threads(threads)
    return Engine.load(path, vocabulary=vocabulary, device=pick_device(None))
