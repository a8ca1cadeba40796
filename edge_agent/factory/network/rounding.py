"""Weights rounded as the export will round them while they are trained; gradients pass through.

The numbers are those of `quantise`, whose bytes hold them; here they stay tensors.
"""

from typing import Any

import torch
from torch import Tensor

from edge_agent.factory.network.net import Weights
from edge_agent.factory.network.quantise import TINIEST
from edge_agent.slm.llama import BLOCK

EMBEDDING = "token_embd.weight"


def fake_q4_0(weight: Tensor) -> Tensor:
    """What is left of a weight in Q4_0; its gradient is that of the weight itself."""
    rounded: Tensor = _Q4.apply(weight)
    return rounded


def fake_q8_0(weight: Tensor) -> Tensor:
    """What is left of a weight in Q8_0; its gradient is that of the weight itself."""
    rounded: Tensor = _Q8.apply(weight)
    return rounded


def as_exported(name: str, weights: Weights) -> Tensor:
    """A `net.Transform`: every matrix in Q4_0, the embedding in Q8_0, norms as they are."""
    weight = weights[name]
    if weight.dim() < 2:
        return weight
    return fake_q8_0(weight) if name == EMBEDDING else fake_q4_0(weight)


class _Q4(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(ctx: Any, weight: Tensor) -> Tensor:  # noqa: ARG004
        blocks = weight.view(-1, BLOCK)
        farthest = blocks.abs().argmax(dim=1, keepdim=True)
        scale = blocks.gather(1, farthest) / -8
        # Codes come of the scale as it was, values of the fp16 that the file holds: as in ggml.
        codes = blocks.mul(_inverse(scale)).add_(8.5).floor_().clamp_(0, 15)
        return codes.sub_(8).mul_(scale.half().float()).view_as(weight)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # noqa: ARG004
        return grad


class _Q8(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(ctx: Any, weight: Tensor) -> Tensor:  # noqa: ARG004
        blocks = weight.view(-1, BLOCK)
        scale = blocks.abs().amax(dim=1, keepdim=True) / 127
        scaled = blocks.mul(_inverse(scale)).double()
        # C's roundf takes halves away from zero, torch's round to the even neighbour.
        codes = scaled.abs().add_(0.5).floor_().copysign_(scaled)
        return codes.float().mul_(scale.half().float()).view_as(weight)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # noqa: ARG004
        return grad


def _inverse(scale: Tensor) -> Tensor:
    return torch.where(scale.abs() < TINIEST, torch.zeros_like(scale), 1 / scale)
