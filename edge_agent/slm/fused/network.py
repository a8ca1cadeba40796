"""The `Step` of a Llama as one program over packed weights, on several cores.

It lays out the memory that step.c works on and fills in what a step is about. It does not know how
cells are read or threads share the work.
"""

import ctypes
import hashlib
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from edge_agent.errors import ModelError
from edge_agent.slm.fused.cells import ROWS
from edge_agent.slm.fused.kept import read_kept, write_kept
from edge_agent.slm.fused.packed import Cells, open_packed, zeros
from edge_agent.slm.fused.pool import ABOUT, run_workers
from edge_agent.slm.fused.program import load_program
from edge_agent.slm.gguf import GgufFile
from edge_agent.slm.llama import BLOCK, LlamaConfig, check_tensors, float_rows
from edge_agent.slm.step import check_step

Floats = NDArray[np.float32]
Halves = NDArray[np.float16]

MOST = 64
"""Tokens of a step; step.c's."""
_KEPT_VERSION = 1
"""Of the layout of kept beginnings, and of the arithmetic that they come from."""
_LINE = 64  # bytes of a cache line
_CHUNK = 2
"""Groups of 16 rows that a thread claims at once."""


class _Matrix(ctypes.Structure):
    _fields_ = (
        ("cells", ctypes.c_void_p),
        *((name, ctypes.c_int32) for name in ("kind", "groups", "blocks")),
    )


class _Layer(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("attn_norm", "ffn_norm", "keys", "values")),
        *((name, _Matrix) for name in ("qkv", "out", "gate_up", "down")),
    )


class _Rounded(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_void_p) for name in ("bytes", "scale", "offset", "fine"))


class _Step(ctypes.Structure):
    """The control block up to the counters, which are step.c's alone."""

    _fields_ = (
        ("layers", ctypes.c_void_p),
        ("norm", ctypes.c_void_p),
        ("head", _Matrix),
        *(
            (name, ctypes.c_int32)
            for name in "count dim hidden heads kv_heads head_dim slots chunk".split()
        ),
        ("epsilon", ctypes.c_float),
        ("attention_scale", ctypes.c_float),
        *((name, ctypes.c_void_p) for name in ("rows", "visible", "rotation")),
        *((name, ctypes.c_int32) for name in ("tokens", "start", "wanted", "processor")),
        *((name, ctypes.c_void_p) for name in ("x", "queries", "scores", "logits")),
        ("narrow", _Rounded),
        ("wide", _Rounded),
    )


_CONTROL = -(-ctypes.sizeof(_Step) // _LINE) * _LINE + 3 * _LINE
_PROCESSORS = ("portable", "AVX2", "AVX-VNNI", "AVX-512 VNNI", "NEON", "NEON with dot product")


class _Memory:
    """Arrays that a program holds the addresses of."""

    def __init__(self) -> None:
        self._kept: list[NDArray[np.generic]] = []

    def keep(self, array: NDArray[np.generic]) -> int:
        """The address of an array, which lives on."""
        self._kept.append(array)
        return array.ctypes.data

    def new(self, *shape: int, dtype: DTypeLike = np.float32) -> int:
        """The address of zeros."""
        return self.keep(zeros(shape, dtype))


class FusedStep:
    """The `Step` of a Llama in one program for the CPU; used by one thread at a time.

    Attributes:
        engine: The processor's instructions that it uses and its threads, for people.
        remark: Why it is slower to start than it could be; None where it is not.
    """

    def __init__(
        self,
        file: GgufFile,
        config: LlamaConfig,
        *,
        sha256: str,
        n_ctx: int,
        threads: int,
        folder: Path,
    ) -> None:
        """A network whose weights are packed, once, into a file of the cache.

        Args:
            file: The open file.
            config: What `LlamaConfig.from_gguf` found in it.
            sha256: Its checksum.
            n_ctx: Slots of the cache.
            threads: Cores that it may use.
            folder: Where packed weights are kept.

        Raises:
            ModelError: The file is no plain Llama, its sizes do not fit the cells, or the program
                can be neither compiled nor found.
        """
        check_tensors(file, config)
        if problem := _misfit(config):
            raise ModelError(f"{file.path}: {problem}")
        self._config, self._n_ctx = config, n_ctx
        self._sha256, self._folder = sha256, folder
        self._cache: list[Halves] = []
        self._embedding = file.tensors["token_embd.weight"]
        program = load_program()
        cells, self.remark = open_packed(file, config, sha256, folder)
        self._memory = memory = _Memory()
        self._slots = -(-n_ctx // ROWS) * ROWS
        half = config.head_dim // 2
        self._frequencies = config.rope_base ** -(np.arange(half) / half)
        self._x = zeros((MOST, config.dim))
        self._visible = zeros((MOST, self._slots), np.uint8)
        self._rows = zeros((MOST,), np.int32)
        self._rotation = zeros((2 * MOST * half,))
        self._logits = zeros((MOST, cells["head"].groups * ROWS))
        room = zeros((_CONTROL + _LINE,), np.uint8)
        start = -memory.keep(room) % _LINE
        self._control = step = _Step.from_buffer(room[start:].data)
        self._lay_out(file, cells, threads)
        program(ctypes.addressof(step), ABOUT)
        self._processor = _PROCESSORS[step.processor]
        self.engine = f"fused ({self._processor}, threads: {threads})"
        end = run_workers(program, ctypes.addressof(step), threads)
        self._run = partial(program, ctypes.addressof(step), 0)
        # Workers read the memory until they have left.
        weakref.finalize(self, _end, end, (memory, cells, step, self._arrays()))

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
        return MOST

    def step(
        self,
        tokens: Sequence[int],
        positions: Sequence[int],
        visible: NDArray[np.bool_],
        start_slot: int,
        rows: Sequence[int],
    ) -> Floats:
        """The logits after some of the tokens, until the next step; see `Step`."""
        count, end = len(tokens), start_slot + len(tokens)
        check_step(self, count, start_slot)
        self._x[:count] = float_rows(self._embedding, tokens)
        angles = np.outer(positions, self._frequencies).ravel()
        self._rotation[: angles.size] = np.cos(angles)
        self._rotation[angles.size : 2 * angles.size] = np.sin(angles)
        self._visible[:count, :end] = visible
        self._visible[:count, end:] = 0
        self._rows[: len(rows)] = rows
        step = self._control
        step.tokens, step.start, step.wanted = count, start_slot, len(rows)
        self._run()
        return self._logits[: len(rows), : self.vocab_size]

    def recall(self, tokens: Sequence[int]) -> bool:
        """Fills the first slots with what `keep` kept of these tokens; False where it has not."""
        path, made_from = self._kept(tokens)
        parts = self._first(len(tokens))
        found = read_kept(path, made_from, sum(part.nbytes for part in parts))
        if found is None:
            return False
        halves = np.split(found.view(np.float16), len(parts))
        for part, kept in zip(parts, halves, strict=True):
            part[:] = kept.reshape(part.shape)
        return True

    def keep(self, tokens: Sequence[int]) -> None:
        """Keeps the first slots, which hold these tokens, in a file beside the packed weights."""
        path, made_from = self._kept(tokens)
        body = np.concatenate([part.ravel() for part in self._first(len(tokens))])
        with suppress(OSError):  # then the weights could not be kept either, and that is said
            write_kept(path, made_from, body.view(np.uint8))

    def _first(self, count: int) -> list[Halves]:
        """Keys and values of all layers in the first slots, in whole groups of 16."""
        return [part[:, : -(-count // ROWS)] for part in self._cache]

    def _kept(self, tokens: Sequence[int]) -> tuple[Path, bytes]:
        """The file for a beginning of all prompts, and what it is made from."""
        source = f"{_KEPT_VERSION} {self._sha256} {self._processor} {list(tokens)}"
        digest = hashlib.sha256(source.encode()).digest()
        return self._folder / f"{digest.hex()[:32]}.prefix", digest

    def warm(self) -> None:
        """Runs every kind of step once; what the cache holds is lost."""
        for count in (MOST, 1):
            self.step([0] * count, range(count), np.tri(count, dtype=np.bool_), 0, [0])

    def _arrays(self) -> tuple[NDArray[np.generic], ...]:
        return self._x, self._visible, self._rows, self._rotation, self._logits

    def _lay_out(self, file: GgufFile, cells: Mapping[str, Cells], threads: int) -> None:
        config, memory, step = self._config, self._memory, self._control

        def vector(name: str) -> int:
            return memory.keep(float_rows(file.tensors[f"{name}.weight"], slice(None)))

        cache = (config.kv_heads, self._slots // ROWS, ROWS * config.head_dim)
        layers = (_Layer * config.layers)()
        for index, layer in enumerate(layers):
            layer.attn_norm = vector(f"blk.{index}.attn_norm")
            layer.ffn_norm = vector(f"blk.{index}.ffn_norm")
            keys, values = (zeros(cache, np.float16) for _ in range(2))
            layer.keys, layer.values = memory.keep(keys), memory.keep(values)
            self._cache += keys, values
            for name in ("qkv", "out", "gate_up", "down"):
                setattr(layer, name, _matrix(cells[f"{index}.{name}"]))
        self._layers = layers
        step.layers, step.norm = ctypes.addressof(layers), vector("output_norm")
        step.head = _matrix(cells["head"])
        step.count, step.dim, step.hidden = config.layers, config.dim, config.hidden_dim
        step.heads, step.kv_heads, step.head_dim = config.heads, config.kv_heads, config.head_dim
        step.slots, step.chunk = self._slots, _CHUNK
        step.epsilon, step.attention_scale = config.norm_eps, config.head_dim**-0.5
        step.queries, step.scores = memory.new(MOST, config.dim), memory.new(threads, self._slots)
        step.narrow, step.wide = self._rounded(config.dim), self._rounded(config.hidden_dim)
        addresses = (memory.keep(array) for array in self._arrays())
        step.x, step.visible, step.rows, step.rotation, step.logits = addresses

    def _rounded(self, columns: int) -> _Rounded:
        new, shape = self._memory.new, (MOST, columns // BLOCK)
        pairs = new(*shape, 2, BLOCK, dtype=np.int8)
        return _Rounded(
            pairs, new(*shape), new(*shape, dtype=np.int32), new(*shape, dtype=np.uint8)
        )


def _end(end: Callable[[], None], _memory: object) -> None:
    """Sends the workers away; the memory is let go of after that."""
    end()


def _matrix(cells: Cells) -> _Matrix:
    return _Matrix(cells.data.ctypes.data, cells.kind, cells.groups, cells.blocks)


def _misfit(config: LlamaConfig) -> str | None:
    """Why these sizes do not fit the cells; None where they do."""
    kv_dim = config.kv_heads * config.head_dim
    if config.head_dim % BLOCK or kv_dim % ROWS:
        return f"heads of {config.head_dim} numbers do not fit blocks of {BLOCK}"
    return None
