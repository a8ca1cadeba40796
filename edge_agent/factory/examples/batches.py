"""Batches of examples of similar length, in an order that a seed and a position determine.

It knows packed examples and tensors; no network.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge_agent.factory.examples.packed import Packed

_CHUNK = 32  # batches that are sorted by length together


@dataclass(frozen=True, slots=True)
class Batch:
    """Examples as tensors; padding stands at the end of rows and carries no loss."""

    tokens: Tensor
    """[examples, length] int64 input ids."""
    rows: Tensor
    """Where outputs are predicted: positions in the flattened batch, int64."""
    targets: Tensor
    """The output ids at those positions, int64."""
    owner: Tensor
    """The number within the batch of the example that each of those positions belongs to."""

    @property
    def size(self) -> int:
        """Tokens to compute, padding included."""
        return int(self.tokens.numel())

    def to(self, device: torch.device) -> "Batch":
        """The batch on a device."""
        return Batch(
            self.tokens.to(device),
            self.rows.to(device),
            self.targets.to(device),
            self.owner.to(device),
        )


def collate(data: Packed, numbers: NDArray[np.int64]) -> Batch:
    """Some examples as one batch."""
    lengths = data.lengths[numbers] - 1  # the last id is only ever predicted
    width = int(lengths.max())
    tokens = np.zeros((len(numbers), width), dtype=np.int64)
    rows, targets, owner = [], [], []
    for at, number in enumerate(numbers):
        ids, prompt = data.example(int(number))
        tokens[at, : len(ids) - 1] = ids[:-1]
        rows.append(at * width + np.arange(prompt - 1, len(ids) - 1))
        targets.append(ids[prompt:].astype(np.int64))
        owner.append(np.full(len(ids) - prompt, at))
    return Batch(
        torch.from_numpy(tokens),
        torch.from_numpy(np.concatenate(rows)),
        torch.from_numpy(np.concatenate(targets)),
        torch.from_numpy(np.concatenate(owner)),
    )


def cut(lengths: NDArray[np.int64], budget: int) -> list[NDArray[np.int64]]:
    """Places of sorted lengths in groups whose size, padded, stays within a budget of tokens."""
    groups: list[NDArray[np.int64]] = []
    end = len(lengths)
    while end > 0:
        # The longest of a group is its last, so it alone says how many fit.
        count = min(max(budget // max(int(lengths[end - 1]), 1), 1), end)
        groups.append(np.arange(end - count, end))
        end -= count
    return groups


def plan(
    lengths: NDArray[np.int64], *, budget: int, seed: int, epoch: int
) -> list[NDArray[np.int64]]:
    """The batches of one pass over the data: numbers of examples, each exactly once.

    Args:
        lengths: Tokens of each example.
        budget: Tokens of a batch, padding included.
        seed: With `epoch` it determines the order.
        epoch: Which pass.
    """
    random = np.random.default_rng((seed, epoch))
    order = random.permutation(len(lengths))
    chunk = max(_CHUNK * budget // max(int(lengths.mean()), 1), 1)
    batches: list[NDArray[np.int64]] = []
    for start in range(0, len(order), chunk):
        part = order[start : start + chunk]
        part = part[np.argsort(lengths[part], kind="stable")]
        groups = [part[places] for places in cut(lengths[part], budget)]
        batches.extend(groups[at] for at in random.permutation(len(groups)))
    return batches


def endless(
    data: Packed, *, budget: int, seed: int, epoch: int, position: int
) -> Iterator[tuple[int, int, Batch]]:
    """Batches for ever, from a position on: (epoch, position behind the batch, batch)."""
    while True:
        batches = plan(data.lengths, budget=budget, seed=seed, epoch=epoch)
        for at in range(position, len(batches)):
            yield epoch, at + 1, collate(data, batches[at])
        epoch, position = epoch + 1, 0


def in_order(data: Packed, *, budget: int, limit: int | None = None) -> Iterator[Batch]:
    """Each example once, similar lengths together; at most `limit` examples, spread evenly."""
    numbers = np.arange(len(data))
    if limit is not None and limit < len(numbers):
        numbers = np.linspace(0, len(data) - 1, limit).astype(np.int64)
    numbers = numbers[np.argsort(data.lengths[numbers], kind="stable")]
    for places in cut(data.lengths[numbers], budget):
        yield collate(data, numbers[places])
