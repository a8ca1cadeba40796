"""The Llama step in tinygrad: tokens in, logits out, weights 4-bit in memory throughout.

The cache is a row of slots; which slots a token sees and where it stands in the text come in as
data, so the branches of a beam share their prefix without a copy. This module is the definition
of the network, on any tinygrad device. It does not know token texts or how a token is chosen.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tinygrad import Tensor, TinyJit, UOp, dtypes

from edge_agent.slm.gguf import GgufFile
from edge_agent.slm.layer import MATRICES, NORMS, Layer, LayerProgram, Sight, rms_norm
from edge_agent.slm.llama import LlamaConfig, check_tensors, float_rows
from edge_agent.slm.matmul import Format, load_matrix, multiply
from edge_agent.slm.runtime import tinygrad_session
from edge_agent.slm.step import check_step

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
        head = file.tensors.get("output.weight", self._embedding)
        self._head_format = Format.of(head)
        with tinygrad_session():
            self._head = load_matrix(head, self._device)
            self._head_norm = self._vector("output_norm")
            self._layers = [self._load_layer(index) for index in range(config.layers)]
        self._start = UOp.variable("start", 0, n_ctx - 1)
        half = config.head_dim // 2
        self._frequencies = config.rope_base ** -(np.arange(half) / half)
        self._programs = {
            (count, formats): LayerProgram(config, formats)
            for count in BUCKETS
            for formats in {layer.formats for layer in self._layers}
        }
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
        check_step(self, count, start_slot)
        padded = next(bucket for bucket in BUCKETS if bucket >= count)
        x = np.zeros((padded, self._config.dim), np.float32)
        x[:count] = float_rows(self._embedding, tokens)
        angles = np.zeros((len(self._frequencies), padded))
        angles[:, :count] = np.outer(self._frequencies, positions)
        rotation = np.stack((np.cos(angles), np.sin(angles)), axis=0).astype(np.float32)
        bias = np.zeros((self._n_ctx + BUCKETS[-1], padded), np.float32)
        bias[end : start_slot + padded, :count] = HIDDEN
        bias[:end, :count][~visible.T] = HIDDEN
        with tinygrad_session():
            hidden = self._tensor(x)
            start = self._start.bind(start_slot)
            sight = Sight(self._tensor(rotation), self._tensor(bias), start)
            for layer in self._layers:
                self._programs[padded, layer.formats](layer, hidden, sight)
            return self._project(_numpy(hidden)[list(rows)])

    def recall(self, _tokens: Sequence[int]) -> bool:
        """Nothing is kept: this network is the reference, and slow to start anyway."""
        return False

    def keep(self, _tokens: Sequence[int]) -> None:
        """Keeps nothing."""

    def warm(self) -> None:
        """Compiles every size of step; what the cache holds is lost."""
        for count in (*BUCKETS, *BUCKETS):  # tinygrad records on the second call
            mask = np.tri(count, dtype=np.bool_)
            self.step([0] * count, range(count), mask, 0, range(count))

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

    def _vector(self, name: str) -> Tensor:
        return self._tensor(float_rows(self._file.tensors[f"{name}.weight"], slice(None))[0])

    def _load_layer(self, index: int) -> Layer:
        matrices = [self._file.tensors[f"blk.{index}.{name}.weight"] for name in MATRICES]
        # A padded step writes past its last token, so the cache has room behind its last slot.
        slots = self._n_ctx + BUCKETS[-1]
        shape = (2, self._config.kv_heads, slots, self._config.head_dim)
        return Layer(
            formats=tuple(Format.of(matrix) for matrix in matrices),
            cache=_allocated(Tensor.empty(*shape, dtype=dtypes.float16, device=self._device)),
            norms=tuple(self._vector(f"blk.{index}.{name}") for name in NORMS),
            matrices=tuple(load_matrix(matrix, self._device) for matrix in matrices),
        )

    def _logits(self, x: Tensor) -> Tensor:
        x = rms_norm(x, self._head_norm, self._config.norm_eps)
        return multiply(x, self._head_format, self._head).contiguous()


def _allocated(x: Tensor) -> Tensor:
    """A tensor that has its memory, untouched: TinyJit takes one without for a constant."""
    x.uop.buffer.ensure_allocated()
    return x


def _numpy(x: Tensor) -> Floats:
    found: Floats = x.numpy()
    return found
