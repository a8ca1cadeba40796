"""Weights as the blocks of 4 and 8 bits that GGUF files hold, rounded exactly as ggml rounds.

https://github.com/ggml-org/ggml/blob/master/src/ggml-quants.c (quantize_row_q4_0_ref, _q8_0_ref).
"""

import numpy as np
from numpy.typing import NDArray

from edge_agent.slm.llama import BLOCK

Floats = NDArray[np.float32]


TINIEST = float(np.finfo(np.float32).tiny)
"""The smallest scale that a block is divided by."""


def encode_q4_0(weights: Floats) -> bytes:
    """Q4_0: in a block of 32 along the last dimension, the number farthest from 0 becomes -8."""
    blocks = np.ascontiguousarray(weights, np.float32).reshape(-1, BLOCK)
    farthest = np.abs(blocks).argmax(axis=1, keepdims=True)
    scale = np.take_along_axis(blocks, farthest, axis=1) / np.float32(-8)
    # The cast to whole numbers cuts off, and 8.5 makes that rounding; 8 itself has no code.
    codes = np.minimum((blocks * _inverse(scale) + np.float32(8.5)).astype(np.uint8), 15)
    half = BLOCK // 2
    return _packed(scale, codes[:, :half] | codes[:, half:] << 4)


def encode_q8_0(weights: Floats) -> bytes:
    """Q8_0: in a block of 32 along the last dimension, the largest magnitude becomes 127."""
    blocks = np.ascontiguousarray(weights, np.float32).reshape(-1, BLOCK)
    scale = np.abs(blocks).max(axis=1, keepdims=True) / np.float32(127)
    scaled = (blocks * _inverse(scale)).astype(np.float64)
    # C's roundf takes halves away from zero, numpy's rint to the even neighbour.
    codes = np.copysign(np.floor(np.abs(scaled) + 0.5), scaled).astype(np.int8)
    return _packed(scale, codes.view(np.uint8))


def _inverse(scale: Floats) -> Floats:
    """1 / scale as ggml takes it: of the scale before it became fp16, and 0 for a block of 0.

    A scale too small to have an inverse is 0 in fp16 anyway.
    """
    usable = np.abs(scale) >= TINIEST
    inverse: Floats = np.divide(
        np.float32(1), scale, out=np.zeros_like(scale), where=usable, dtype=np.float32
    )
    return inverse


def _packed(scale: Floats, codes: NDArray[np.uint8]) -> bytes:
    head = scale.astype("<f2").view(np.uint8)
    return np.concatenate((head, codes), axis=1).tobytes()
