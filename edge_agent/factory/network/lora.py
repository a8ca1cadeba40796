"""Low-rank adapters: a few numbers beside each matrix that are trained in its stead, then merged.

They live among the weights of a checkpoint under names of their own. It does not train.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from edge_agent.errors import FactoryError
from edge_agent.factory.network.checkpoint import Checkpoint
from edge_agent.factory.network.net import Shape, Weights

_DOWN, _UP = ".lora_a", ".lora_b"
_SCALE = "lora_scale"


def trained(name: str) -> bool:
    """Whether a weight is part of an adapter: what a run with adapters trains."""
    return name.endswith((_DOWN, _UP))


def add_adapters(start: Checkpoint, *, rank: int, seed: int, scale: float = 2.0) -> Checkpoint:
    """A checkpoint with adapters that change nothing yet on all matrices of the layers.

    Args:
        start: The network; its optimiser's state is left behind.
        rank: Numbers that each adapter passes on.
        seed: Of their first values.
        scale: What an adapter's product is multiplied with.

    Raises:
        FactoryError: The rank is not from 1 to the network's width, or adapters are there already.
    """
    if not 1 <= rank <= start.shape.dim:
        raise FactoryError(f"the rank of adapters is {rank}; legal are 1 to {start.shape.dim}")
    if any(map(trained, start.weights)):
        raise FactoryError("this checkpoint has adapters; merge them before others are added")
    random = torch.Generator().manual_seed(seed)
    found = dict(start.weights)
    for name in _matrices(start.shape):
        rows, columns = start.weights[name].shape
        found[name + _DOWN] = torch.randn(rank, columns, generator=random) * columns**-0.5
        found[name + _UP] = torch.zeros(rows, rank)
    meta = {key: start.meta[key] for key in ("vocabulary",) if key in start.meta}
    return replace(start, weights=found, optimiser=None, meta={**meta, _SCALE: scale})


@dataclass(frozen=True, slots=True)
class Adapted:
    """A `net.Transform`: each matrix with its adapter."""

    scale: float

    def __call__(self, name: str, weights: Weights) -> Tensor:
        """The weight of that name as it will be merged."""
        weight = weights[name]
        if (down := weights.get(name + _DOWN)) is None:
            return weight
        return weight + self.scale * (weights[name + _UP] @ down)


def adapted(meta: Mapping[str, object]) -> Adapted:
    """The transform that belongs to a checkpoint with adapters.

    Raises:
        FactoryError: It has none.
    """
    scale = meta.get(_SCALE)
    if not isinstance(scale, float):
        raise FactoryError("this checkpoint has no adapters")
    return Adapted(scale)


def merge(start: Checkpoint) -> Checkpoint:
    """The checkpoint with its adapters inside the weights, as an export wants it.

    Raises:
        FactoryError: It has none.
    """
    transform = adapted(start.meta)
    with torch.no_grad():
        weights = {name: transform(name, start.weights) for name in start.shape.shapes()}
    meta = {key: value for key, value in start.meta.items() if key != _SCALE}
    return replace(start, weights=weights, optimiser=None, meta=meta)


def _matrices(shape: Shape) -> list[str]:
    return [
        name for name, size in shape.shapes().items() if name.startswith("blk.") and len(size) == 2
    ]
