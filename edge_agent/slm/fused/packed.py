"""The matrices of a model as cells, in the order in which a step reads them, kept in a file.

The file lies in the cache under the model's checksum and is made anew where it is damaged. It knows
no arithmetic.
"""

import math
import mmap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from edge_agent.errors import ModelError
from edge_agent.slm.fused.cells import ROWS, Kind, kind_of, pack
from edge_agent.slm.fused.kept import read_kept, write_kept
from edge_agent.slm.gguf import GgufFile, GgufTensor, check_scales
from edge_agent.slm.llama import BLOCK, LlamaConfig

Bytes = NDArray[np.uint8]

_VERSION = 1
"""Of the layout of cells and parts."""
_LINE = 64
_AHEAD = 4096
"""Bytes after the last cell that a prefetch may name."""


@dataclass(frozen=True, slots=True)
class Cells:
    """One matrix, or several that are multiplied with the same activations."""

    kind: Kind
    groups: int
    """Of 16 rows."""
    blocks: int
    """Of 32 columns."""
    data: Bytes
    """[groups * blocks * bytes of a cell], on a cache line."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What `Cells` is made from."""

    name: str
    tensors: Sequence[GgufTensor]
    in_turn: bool = False
    """Whether groups of the matrices take turns, else one matrix follows the other."""

    @property
    def kind(self) -> Kind:
        return kind_of(self.tensors)

    @property
    def groups(self) -> int:
        # The rows of a vocabulary may end within a group.
        return sum(-(-tensor.shape[0] // ROWS) for tensor in self.tensors)

    @property
    def blocks(self) -> int:
        return self.tensors[0].shape[1] // BLOCK

    @property
    def length(self) -> int:
        return self.groups * self.blocks * self.kind.size

    def pack(self) -> Bytes:
        """The cells as they are written."""
        made = [pack(tensor, self.kind) for tensor in self.tensors]
        return np.stack(made, axis=1) if self.in_turn else np.concatenate(made)


def _parts(file: GgufFile, config: LlamaConfig) -> Iterator[_Part]:
    """All matrices in the order in which a step reads them."""
    for index in range(config.layers):

        def named(*names: str, layer: str = f"blk.{index}") -> list[GgufTensor]:
            return [file.tensors[f"{layer}.{name}.weight"] for name in names]

        yield _Part(f"{index}.qkv", named("attn_q", "attn_k", "attn_v"))
        yield _Part(f"{index}.out", named("attn_output"))
        yield _Part(f"{index}.gate_up", named("ffn_gate", "ffn_up"), in_turn=True)
        yield _Part(f"{index}.down", named("ffn_down"))
    embedding = file.tensors["token_embd.weight"]
    yield _Part("head", [file.tensors.get("output.weight", embedding)])


def open_packed(
    file: GgufFile, config: LlamaConfig, sha256: str, folder: Path
) -> tuple[Mapping[str, Cells], str | None]:
    """The matrices of a model, and a clause about why they are not kept where they are not.

    Args:
        file: The open file; its tensors are those of a Llama.
        config: Its sizes.
        sha256: Its checksum, 64 hex digits.
        folder: Where packed models are kept.

    Raises:
        ModelError: A scale in the file is no number.
    """
    parts = list(_parts(file, config))
    length = sum(_whole(part.length) for part in parts) + _AHEAD
    path, model = folder / f"{sha256[:32]}-{_VERSION}.cells", bytes.fromhex(sha256)
    body = read_kept(path, model, length)
    problem = None
    if body is None:
        check_scales(file)
        body = _pack(parts, length)
        try:
            write_kept(path, model, body)
        except OSError as error:
            problem = f"{path} cannot be written: {error.strerror or error}"
        else:
            body = read_kept(path, model, length)
            if body is None:
                raise ModelError(f"{path}: what was written is not what is read")
    return dict(_cells(parts, body)), problem


def zeros(shape: tuple[int, ...], dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """Zeros on pages of their own, which cost memory only once they are written.

    A cache is made for the longest prompt, and hardly one is long.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    room = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return np.frombuffer(room, dtype).reshape(shape)


def _whole(length: int) -> int:
    return -(-length // _LINE) * _LINE


def _cells(parts: Sequence[_Part], body: Bytes) -> Iterator[tuple[str, Cells]]:
    at = 0
    for part in parts:
        data = body[at : at + part.length]
        yield part.name, Cells(part.kind, part.groups, part.blocks, data)
        at += _whole(part.length)


def _pack(parts: Sequence[_Part], length: int) -> Bytes:
    body = zeros((length,), np.uint8)  # it begins on a page, as a mapped file does
    at = 0
    for part in parts:
        body[at : at + part.length] = part.pack().ravel()
        at += _whole(part.length)
    return body
