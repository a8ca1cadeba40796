"""The state of a training run as one file that is whole or not there.

It does not know how the state is made.
"""

import os
import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from edge_agent.errors import FactoryError
from edge_agent.factory.network.net import Shape

_KEYS = frozenset("shape weights optimiser step tokens seed meta".split())


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a run needs to go on, and others to use its network."""

    shape: Shape
    weights: Mapping[str, Tensor]
    """Float32, named and ordered as in a GGUF file."""
    optimiser: Mapping[str, Any] | None = None
    step: int = 0
    tokens: int = 0
    """Tokens computed so far."""
    seed: int = 0
    meta: Mapping[str, Any] = field(default_factory=dict)
    """Plain values and tensors: position in the data, vocabulary, minutes, random state."""


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Writes a checkpoint; one of that name is replaced only by a whole one.

    Raises:
        FactoryError: It cannot be written.
    """
    partial = path.with_name(f"{path.name}.partial")
    content = {
        "shape": asdict(checkpoint.shape),
        "weights": {
            name: weight.detach().contiguous() for name, weight in checkpoint.weights.items()
        },
        "optimiser": checkpoint.optimiser,
        "step": checkpoint.step,
        "tokens": checkpoint.tokens,
        "seed": checkpoint.seed,
        "meta": dict(checkpoint.meta),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except (OSError, RuntimeError) as error:
        # torch's writer turns a full disk into a RuntimeError.
        partial.unlink(missing_ok=True)
        raise FactoryError(f"{path}: the checkpoint cannot be written: {error}") from error


def load_checkpoint(path: Path, *, shape: Shape | None = None) -> Checkpoint:
    """A checkpoint, checked against its own shape.

    Args:
        path: The file.
        shape: The shape that it must have; None accepts any.

    Raises:
        FactoryError: It is missing, damaged, or of another shape.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise FactoryError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError) as error:
        raise FactoryError(f"{path}: is no checkpoint, or damaged: {error}") from error
    if not isinstance(content, dict) or content.keys() != _KEYS:
        raise FactoryError(f"{path}: is no checkpoint; legal keys are {', '.join(sorted(_KEYS))}")
    try:
        found = Shape(**content["shape"])
    except TypeError as error:
        raise FactoryError(f"{path}: shape: {error}") from error
    if shape is not None and found != shape:
        raise FactoryError(f"{path}: its network has the shape {found}; this run has {shape}")
    weights = content["weights"]
    for name, size in found.shapes().items():
        if name not in weights or tuple(weights[name].shape) != size:
            raise FactoryError(f"{path}: weights lack {name!r} of the shape {list(size)}")
    return Checkpoint(**{**content, "shape": found})
