"""Learning from a larger network: its probabilities, and what its layers say on the way.

An objective for `training`; the teacher is fixed and has the same tokens and width, so that no
projection stands between the two.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from edge_agent.errors import FactoryError
from edge_agent.factory.examples.batches import Batch
from edge_agent.factory.network.checkpoint import Checkpoint
from edge_agent.factory.network.net import Forward, Ready, Shape, Stack, forward, ready


@dataclass(frozen=True, slots=True)
class Shares:
    """How much each part of the loss counts."""

    written: float = 0.5
    """Cross-entropy with the output as written in the data."""
    response: float = 0.5
    """Kullback-Leibler divergence from the teacher's probabilities."""
    feature: float = 0.1
    """Distance of the hidden states, relative to the teacher's."""
    temperature: float = 2.0


@dataclass(frozen=True, slots=True)
class Distillation:
    """A `training.Objective`."""

    shape: Shape
    """Of the teacher."""
    teacher: Ready
    stack: Stack
    layers: tuple[int, ...]
    """For each layer of the student the layer of the teacher that it came from."""
    shares: Shares

    @property
    def keep(self) -> tuple[int, ...]:
        """All layers of the student, where hidden states count."""
        return tuple(range(len(self.layers))) if self.shares.feature else ()

    def loss(self, found: Forward, batch: Batch) -> Tensor:
        """The weighted sum of the parts."""
        shares = self.shares
        with torch.no_grad():
            wanted = forward(
                self.shape,
                self.teacher,
                batch.tokens,
                batch.rows,
                keep=self.layers if shares.feature else (),
                stack=self.stack,
            )
        logits = found.logits.float()
        loss = shares.written * functional.cross_entropy(logits, batch.targets)
        if shares.response:
            loss = loss + shares.response * response(
                logits, wanted.logits.float(), shares.temperature
            )
        if shares.feature:
            parts = [
                feature(found.hidden[at], wanted.hidden[layer])
                for at, layer in enumerate(self.layers)
            ]
            loss = loss + shares.feature * torch.stack(parts).mean()
        return loss


def response(logits: Tensor, wanted: Tensor, temperature: float) -> Tensor:
    """KL(teacher, student) of [rows, vocabulary], softened; scaled so that gradients keep size."""
    divergence = functional.kl_div(
        functional.log_softmax(logits / temperature, dim=-1),
        functional.log_softmax(wanted / temperature, dim=-1),
        reduction="batchmean",
        log_target=True,
    )
    return divergence * temperature**2


def feature(state: Tensor, wanted: Tensor) -> Tensor:
    """Squared distance of hidden states [rows, dim], relative to the length of the wanted ones."""
    distance = (state - wanted).square().sum(dim=-1)
    return (distance / wanted.square().sum(dim=-1).clamp_min(1e-6)).mean()


def learn_from(
    teacher: Checkpoint,
    student: Shape,
    layers: Sequence[int],
    *,
    shares: Shares,
    dtype: torch.dtype,
    device: torch.device,
    stack: Stack,
) -> Distillation:
    """The objective of a student.

    Args:
        teacher: A trained network.
        student: The student's sizes.
        layers: For each of its layers the teacher's layer that it came from.
        shares: How much each part counts.
        dtype: What matrices are multiplied in.
        device: Where.
        stack: How the teacher's layers are computed.

    Raises:
        FactoryError: Teacher and student do not fit.
    """
    shape = teacher.shape
    if (shape.vocab_size, shape.dim) != (student.vocab_size, student.dim):
        raise FactoryError(
            f"the teacher has {shape.vocab_size} tokens and width {shape.dim}, the student "
            f"{student.vocab_size} and {student.dim}; they must be equal"
        )
    if len(layers) != student.layers or not all(0 <= layer < shape.layers for layer in layers):
        raise FactoryError(
            f"the student's {student.layers} layers cannot come from the teacher's {list(layers)}; "
            f"legal is one of 0 to {shape.layers - 1} for each"
        )
    weights = {name: weight.to(device) for name, weight in teacher.weights.items()}
    with torch.no_grad():
        made = ready(shape, weights, dtype)
    return Distillation(shape, made, stack, tuple(layers), shares)


def read_layers(report: Path) -> list[int]:
    """The layers that a report of `prune` says were kept.

    Raises:
        FactoryError: It cannot be read, or says none.
    """
    try:
        layers = json.loads(report.read_text())["layers"]
    except OSError as error:
        raise FactoryError(f"{report}: cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise FactoryError(f"{report}: has no list of layers") from error
    return [int(layer) for layer in layers]
