"""Weights in cells of 16 rows x 32 columns, as step.c reads them.

It knows the layout of a cell and of the blocks of a GGUF file, and no network.
"""

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from edge_agent.slm.gguf import GgmlType, GgufTensor
from edge_agent.slm.llama import BLOCK, float_rows

Bytes = NDArray[np.uint8]
ROWS = 16
QUAD = 4  # columns that one instruction multiplies at once


class Kind(IntEnum):
    """What a cell holds; the numbers are step.c's."""

    Q4_0 = 0
    Q4_1 = 1
    Q8_0 = 2

    @property
    def size(self) -> int:
        """Bytes of a cell: the weights, a scale for each row, for Q4_1 a minimum too (fp16)."""
        weights = ROWS * BLOCK if self is Kind.Q8_0 else ROWS * BLOCK // 2
        return weights + 2 * ROWS * (2 if self is Kind.Q4_1 else 1)


def kind_of(tensors: Sequence[GgufTensor]) -> Kind:
    """The smallest kind that holds what these matrices hold."""
    found = {tensor.ggml_type for tensor in tensors}
    if found == {GgmlType.Q4_0}:
        return Kind.Q4_0
    return Kind.Q4_1 if found <= {GgmlType.Q4_0, GgmlType.Q4_1} else Kind.Q8_0


def pack(tensor: GgufTensor, kind: Kind) -> Bytes:
    """A matrix as cells, uint8 [rows / 16, columns / 32, bytes].

    4-bit weights stay exactly what they are; floats are rounded to 8 bits with a scale for 32.

    Args:
        tensor: A matrix; rows that are missing in the last 16 become zeros.
        kind: What the cells hold; not less than `kind_of` says.
    """
    rows, columns = tensor.shape
    groups, blocks = -(-rows // ROWS), columns // BLOCK
    found = _rounded(tensor) if kind is Kind.Q8_0 else _nibbles(tensor, kind)
    missing = (0, groups * ROWS - rows)
    weights, *numbers = (np.pad(part, (missing, *[(0, 0)] * (part.ndim - 1))) for part in found)
    # [group, row, block, quad, column] to [group, block, quad, row, column]
    turned = weights.reshape(groups, ROWS, blocks, -1, QUAD).transpose(0, 2, 3, 1, 4)
    if kind is not Kind.Q8_0:
        turned = turned[:, :, 0::2] | turned[:, :, 1::2] << 4
    parts = [np.ascontiguousarray(turned).view(np.uint8).reshape(groups, blocks, -1)]
    for number in numbers:
        of_rows = number.reshape(groups, ROWS, blocks).transpose(0, 2, 1)
        parts.append(np.ascontiguousarray(of_rows, "<f2").view(np.uint8))
    return np.concatenate(parts, axis=-1)


def _nibbles(tensor: GgufTensor, kind: Kind) -> tuple[NDArray[np.generic], ...]:
    """4-bit weights [rows, columns], and the scales (and minima) of their blocks."""
    weights, size = tensor.ggml_type.block
    rows, columns = tensor.shape
    raw = tensor.data.reshape(rows, columns // weights, size)
    head = 2 * tensor.ggml_type.scales
    numbers = np.ascontiguousarray(raw[:, :, :head]).view("<f2")
    body = raw[:, :, head:]
    found = np.concatenate((body & 15, body >> 4), axis=-1)
    scale = numbers[:, :, 0]
    if kind is Kind.Q4_0:
        return found, scale
    minimum = numbers[:, :, 1] if tensor.ggml_type is GgmlType.Q4_1 else scale * np.float16(-8)
    return found, scale, minimum


def _rounded(tensor: GgufTensor) -> tuple[NDArray[np.generic], ...]:
    """8-bit weights [rows, columns], and the scales of their blocks."""
    rows, columns = tensor.shape
    if tensor.ggml_type is GgmlType.Q8_0:
        raw = tensor.data.reshape(rows, columns // BLOCK, -1)
        return raw[:, :, 2:].view(np.int8), np.ascontiguousarray(raw[:, :, :2]).view("<f2")
    blocks = float_rows(tensor, slice(None)).reshape(rows, -1, BLOCK)
    scale = (np.abs(blocks).max(axis=-1) / 127).astype(np.float16)
    divisor = np.where(scale > 0, scale, 1).astype(np.float32)[:, :, None]
    return np.rint(blocks / divisor).clip(-127, 127).astype(np.int8), scale
