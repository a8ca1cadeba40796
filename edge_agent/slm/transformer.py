"""The Llama step in tinygrad: tokens in, logits out, weights 4-bit in memory throughout.

The cache is a row of slots; which slots a token sees and where it stands in the text come in as
data, so the branches of a beam share their prefix without a copy. This module is the definition
of the network, on any tinygrad device. It does not know token texts or how a token is chosen.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tinygrad import Tensor, TinyJit, UOp, dtypes

from edge_agent.errors import ModelError
from edge_agent.slm.gguf import GgufFile
from edge_agent.slm.llama import LlamaConfig, check_tensors, float_rows
from edge_agent.slm.matmul import Matrix, keep, multiply

Floats = NDArray[np.float32]

BUCKETS = (1, 4, 16)  # tokens of a step; fewer are padded to the next of these
HEAD_BUCKETS = (1, 4, 16)  # rows of logits computed at once
HIDDEN = -1e9  # added to the attention score of a slot that a token must not see


class Transformer:
    """The `Step` of a Llama in plain tinygrad; used by one thread at a time."""

    def __init__(
        self, file: GgufFile, config: LlamaConfig, *, n_ctx: int, device: str | None = None
    ) -> None:
        """A network that reads its weights where they lie.

        Args:
            file: The open file.
            config: What `LlamaConfig.from_gguf` found in it.
            n_ctx: Slots of the cache.
            device: A tinygrad device; the CPU without it.

        Raises:
            ModelError: A tensor is missing, superfluous or of the wrong shape.
        """
        check_tensors(file, config)
        self._config = config
        self._file = file  # keeps the mapping alive that the tensors point into
        self._device = device or "CPU"
        self._n_ctx = n_ctx
        self._embedding = file.tensors["token_embd.weight"]
        self._head = Matrix.of(file.tensors.get("output.weight", self._embedding), self._device)
        self._weights: dict[str, Tensor | Matrix] = {}
        for name, tensor in file.tensors.items():
            if len(tensor.shape) == 1:
                vector = float_rows(tensor, slice(None))[0]
                self._weights[name] = Tensor(vector, device=self._device).realize()
            elif name.startswith("blk."):
                self._weights[name] = Matrix.of(tensor, self._device)
        # A padded step writes past its last token, so the cache has room behind its last slot.
        shape = (2, config.kv_heads, n_ctx + BUCKETS[-1], config.head_dim)
        self._cache = [
            Tensor.empty(*shape, dtype=dtypes.float16, device=self._device)
            for _ in range(config.layers)
        ]
        self._start = UOp.variable("start", 0, n_ctx - 1)
        half = config.head_dim // 2
        self._frequencies = config.rope_base ** -(np.arange(half) / half)
        self._bodies = {count: TinyJit(self._body) for count in BUCKETS}
        self._outputs = {count: TinyJit(self._logits) for count in HEAD_BUCKETS}

    @property
    def n_ctx(self) -> int:
        """How many slots the cache has."""
        return self._n_ctx

    @property
    def vocab_size(self) -> int:
        """How many logits a row has."""
        return self._config.vocab_size

    @property
    def max_tokens(self) -> int:
        """The most tokens that one step takes."""
        return BUCKETS[-1]

    def step(
        self,
        tokens: Sequence[int],
        positions: Sequence[int],
        visible: NDArray[np.bool_],
        start_slot: int,
        rows: Sequence[int],
    ) -> Floats:
        """The logits after some of the tokens; see `Step`."""
        count, end = len(tokens), start_slot + len(tokens)
        if not 0 < count <= self.max_tokens or end > self._n_ctx:
            raise ModelError(
                f"a step of {count} tokens at slot {start_slot}: legal are 1 to {self.max_tokens} "
                f"tokens that end by slot {self._n_ctx}"
            )
        padded = next(bucket for bucket in BUCKETS if bucket >= count)
        x = np.zeros((padded, self._config.dim), np.float32)
        x[:count] = float_rows(self._embedding, tokens)
        angles = np.zeros((padded, len(self._frequencies)))
        angles[:count] = np.outer(positions, self._frequencies)
        rotation = np.stack((np.cos(angles), np.sin(angles)), axis=0).astype(np.float32)
        bias = np.zeros((padded, self._n_ctx + BUCKETS[-1]), np.float32)
        bias[:count, end : start_slot + padded] = HIDDEN
        bias[:count, :end][~visible] = HIDDEN
        inputs = [self._tensor(array) for array in (x, rotation, bias)]
        hidden = _numpy(self._bodies[padded](*inputs, self._start.bind(start_slot)))
        return self._project(hidden[list(rows)])

    def warm(self) -> None:
        """Compiles every size of step; what the cache holds is lost."""
        for count in BUCKETS:
            if count <= self._n_ctx:
                mask = np.tri(count, dtype=np.bool_)
                rows = range(min(count, HEAD_BUCKETS[-1]))
                for _ in range(2):  # tinygrad records on the second call
                    self.step([0] * count, range(count), mask, 0, rows)

    def _tensor(self, array: Floats) -> Tensor:
        return Tensor(array, device=self._device).realize()

    def _project(self, hidden: Floats) -> Floats:
        """Logits of hidden states, in pieces of at most the largest head bucket."""
        logits = np.empty((len(hidden), self.vocab_size), np.float32)
        for at in range(0, len(hidden), HEAD_BUCKETS[-1]):
            piece = hidden[at : at + HEAD_BUCKETS[-1]]
            padded = next(bucket for bucket in HEAD_BUCKETS if bucket >= len(piece))
            rows = np.zeros((padded, self._config.dim), np.float32)
            rows[: len(piece)] = piece
            found = _numpy(self._outputs[padded](self._tensor(rows)))
            logits[at : at + len(piece)] = found[: len(piece)]
        return logits

    def _logits(self, x: Tensor) -> Tensor:
        return multiply(x, self._head).contiguous()

    def _body(self, x: Tensor, rotation: Tensor, bias: Tensor, start: UOp) -> Tensor:
        """Final hidden states [T, dim] of embedded tokens [T, dim]; fills slots from `start`."""
        for layer in range(self._config.layers):
            x = keep(x + self._attention(layer, x, rotation, bias, start))
            x = keep(x + self._feed_forward(f"blk.{layer}.", x))
        return self._norm("output_norm", x).contiguous()

    def _norm(self, name: str, x: Tensor) -> Tensor:
        scale = (x.square().mean(-1, keepdim=True) + self._config.norm_eps).rsqrt()
        return keep(x * scale * self._weights[f"{name}.weight"])

    def _linear(self, name: str, x: Tensor) -> Tensor:
        return multiply(x, self._weights[f"{name}.weight"])

    def _feed_forward(self, blk: str, x: Tensor) -> Tensor:
        x = self._norm(f"{blk}ffn_norm", x)
        gate, up = self._linear(f"{blk}ffn_gate", x), self._linear(f"{blk}ffn_up", x)
        return self._linear(f"{blk}ffn_down", keep(gate.silu() * up))

    def _attention(
        self, layer: int, x: Tensor, rotation: Tensor, bias: Tensor, start: UOp
    ) -> Tensor:
        blk, cache = f"blk.{layer}.", self._cache[layer]
        size, count, groups = self._config.head_dim, x.shape[0], self._config.kv_heads
        x = self._norm(f"{blk}attn_norm", x)
        query, key, value = (
            self._linear(f"{blk}attn_{part}", x).reshape(count, -1, size).transpose(0, 1)
            for part in "qkv"
        )
        query = _rotate(query, rotation).contiguous().reshape(groups, -1, count, size)
        new = Tensor.stack(_rotate(key, rotation), value).cast(dtypes.float16)
        slots = cache[:, :, start : start + count]
        filled = Tensor(cache.uop.after(slots.uop.store(new.uop)))[:, :, : start + count]
        keys, values = filled[0].unsqueeze(1), filled[1].unsqueeze(1)
        scores = query @ keys.transpose(-1, -2).float() * size**-0.5
        mixed = (scores + bias[:, : start + count]).softmax(-1) @ values.float()
        mixed = mixed.reshape(-1, count, size).transpose(0, 1).reshape(count, -1)
        return self._linear(f"{blk}attn_output", keep(mixed))


def _rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """Rotates neighbouring pairs of x [heads, T, head_dim]: llama.cpp stores rows for that."""
    pairs = x.reshape(*x.shape[:2], -1, 2)
    even, odd = pairs[..., 0], pairs[..., 1]
    cos, sin = rotation[0], rotation[1]
    return Tensor.stack(even * cos - odd * sin, even * sin + odd * cos, dim=-1).flatten(-2)


def _numpy(x: Tensor) -> Floats:
    found: Floats = x.numpy()
    return found
