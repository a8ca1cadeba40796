"""What makes a GGUF file a Llama: its sizes, the tensors it must hold, and rows as floats.

It knows the file's numbers and nothing of how they are multiplied.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge_agent.errors import ModelError
from edge_agent.slm.gguf import GgmlType, GgufFile, GgufTensor, Value

BLOCK = 32  # weights of a quantised block; rows are whole blocks


@dataclass(frozen=True, slots=True)
class LlamaConfig:
    """The sizes of a Llama network."""

    layers: int
    dim: int
    hidden_dim: int
    heads: int
    kv_heads: int
    vocab_size: int
    context: int
    """Tokens of text that it was trained for."""
    rope_base: float
    norm_eps: float

    @property
    def head_dim(self) -> int:
        """Numbers of one attention head."""
        return self.dim // self.heads

    @classmethod
    def from_gguf(cls, metadata: Mapping[str, Value]) -> Self:
        """The sizes that a file's metadata gives.

        Raises:
            ModelError: Another architecture, or a key that is missing or out of range.
        """
        if (found := metadata.get("general.architecture")) != "llama":
            raise ModelError(f"general.architecture is {found!r}; legal is llama")
        read = _Keys(metadata)
        tokens = metadata.get("tokenizer.ggml.tokens")
        heads = read.integer("attention.head_count", 1, 256)
        config = cls(
            layers=read.integer("block_count", 1, 256),
            dim=read.integer("embedding_length", BLOCK, 1 << 15),
            hidden_dim=read.integer("feed_forward_length", BLOCK, 1 << 17),
            heads=heads,
            kv_heads=read.integer("attention.head_count_kv", 1, 256, default=heads),
            vocab_size=len(tokens) if isinstance(tokens, tuple) else 0,
            context=read.integer("context_length", 1, 1 << 24),
            rope_base=read.real("rope.freq_base", 1.0, 1e9, default=10000.0),
            norm_eps=read.real("attention.layer_norm_rms_epsilon", 1e-12, 0.1),
        )
        read.integer("vocab_size", config.vocab_size, config.vocab_size, default=config.vocab_size)
        if config.dim % (2 * heads) or heads % config.kv_heads:
            raise ModelError(
                f"llama: {config.dim} numbers do not divide into {heads} heads of even size, or "
                f"these not into {config.kv_heads} key-value heads"
            )
        if config.dim % BLOCK or config.hidden_dim % BLOCK:
            raise ModelError(f"llama: {config.dim} and {config.hidden_dim} must be full {BLOCK}s")
        size = config.head_dim
        for key in ("rope.dimension_count", "attention.key_length", "attention.value_length"):
            read.integer(key, size, size, default=size)
        if (scaling := metadata.get("llama.rope.scaling.type", "none")) != "none":
            raise ModelError(f"llama.rope.scaling.type is {scaling!r}; legal is none")
        return config

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor that the file must hold, and its shape; the output head may be absent."""
        kv_dim = self.kv_heads * self.head_dim
        layer = {
            "attn_norm": (self.dim,),
            "attn_q": (self.dim, self.dim),
            "attn_k": (kv_dim, self.dim),
            "attn_v": (kv_dim, self.dim),
            "attn_output": (self.dim, self.dim),
            "ffn_norm": (self.dim,),
            "ffn_gate": (self.hidden_dim, self.dim),
            "ffn_up": (self.hidden_dim, self.dim),
            "ffn_down": (self.dim, self.hidden_dim),
        }
        return {
            "token_embd.weight": (self.vocab_size, self.dim),
            "output_norm.weight": (self.dim,),
            **{
                f"blk.{index}.{name}.weight": shape
                for index in range(self.layers)
                for name, shape in layer.items()
            },
        }


class _Keys:
    """Numbers under `llama.`, each checked against its range."""

    def __init__(self, metadata: Mapping[str, Value]) -> None:
        self._metadata = metadata

    def integer(self, key: str, low: int, high: int, *, default: int | None = None) -> int:
        value = self._metadata.get(f"llama.{key}", default)
        if not isinstance(value, int) or not low <= value <= high:
            raise ModelError(f"llama.{key} is {value!r}; legal are {low} to {high}")
        return value

    def real(self, key: str, low: float, high: float, *, default: float | None = None) -> float:
        value = self._metadata.get(f"llama.{key}", default)
        if not isinstance(value, float) or not math.isfinite(value) or not low <= value <= high:
            raise ModelError(f"llama.{key} is {value!r}; legal are {low} to {high}")
        return value


def check_tensors(file: GgufFile, config: LlamaConfig) -> None:
    """Refuses a file whose tensors are not exactly those of a Llama of these sizes.

    Raises:
        ModelError: Names the file, the tensor and the shape it should have.
    """
    expected = config.shapes()
    if "output.weight" in file.tensors:
        expected["output.weight"] = expected["token_embd.weight"]
    for name, shape in expected.items():
        if (tensor := file.tensors.get(name)) is None:
            raise ModelError(f"{file.path}: tensor {name!r} is missing")
        if tensor.shape != shape:
            found = f"has the shape {list(tensor.shape)}, not {list(shape)}"
            raise ModelError(f"{file.path}: tensor {name!r} {found}")
    # A bias or a rotation table that we left out would make the model speak nonsense.
    if extra := sorted(file.tensors.keys() - expected.keys()):
        raise ModelError(f"{file.path}: tensor {extra[0]!r} is not part of a plain Llama")


def float_rows(tensor: GgufTensor, rows: Sequence[int] | slice) -> NDArray[np.float32]:
    """Some rows of a matrix (or a vector as one row) as float32 [rows, columns].

    The block formats are those of ggml:
    https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h
    """
    kind, columns = tensor.ggml_type, tensor.shape[-1]
    weights, size = kind.block
    raw = tensor.data.reshape(-1, columns // weights * size)[rows]
    match kind:
        case GgmlType.F32:
            return raw.view("<f4").astype(np.float32)
        case GgmlType.F16:
            return raw.view("<f2").astype(np.float32)
    blocks = raw.reshape(len(raw), -1, size)
    head = 2 * kind.scales
    scales = np.ascontiguousarray(blocks[:, :, :head]).view("<f2").astype(np.float32)
    scale, body = scales[:, :, :1], blocks[:, :, head:]
    if kind is GgmlType.Q8_0:
        found = body.view(np.int8) * scale
    else:
        nibbles = np.concatenate((body & 15, body >> 4), axis=-1).astype(np.float32)
        minimum = scales[:, :, 1:] if kind is GgmlType.Q4_1 else scale * np.float32(-8)
        found = nibbles * scale + minimum
    return found.reshape(len(raw), columns).astype(np.float32, copy=False)
