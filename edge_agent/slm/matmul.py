"""A matrix product with weights that stay as they lie in the file, dequantised in registers.

tinygrad's heuristics leave such a kernel scalar, so its loops are laid out by hand. It knows one
matrix at a time.
"""

from dataclasses import dataclass
from typing import Self

from tinygrad import Tensor, UOp, dtypes
from tinygrad.codegen.opt import Opt, OptOps
from tinygrad.uop.ops import AxisType, KernelInfo, Ops

from edge_agent.slm.gguf import GgmlType, GgufTensor

WIDE = 16  # from so many tokens on, tokens are the SIMD lanes and lie innermost in memory
BLOCK = 32
HALF = BLOCK // 2
_DTYPES = {GgmlType.F32: dtypes.float32, GgmlType.F16: dtypes.float16}


@dataclass(frozen=True, slots=True)
class Format:
    """How a weight matrix lies in memory."""

    kind: GgmlType
    rows: int
    columns: int

    @classmethod
    def of(cls, tensor: GgufTensor) -> Self:
        """The format of a matrix of the file."""
        return cls(tensor.ggml_type, *tensor.shape)

    def halves(self, data: UOp, row: UOp, block: UOp, lane: UOp) -> tuple[UOp, UOp]:
        """Weights `lane` and `lane + 16` of a block, as float32."""
        if self.kind in _DTYPES:
            at = block * BLOCK + lane
            return data[row, at].cast(dtypes.float32), data[row, at + HALF].cast(dtypes.float32)
        scale = _half(data, row, block, 0)
        if self.kind is GgmlType.Q8_0:
            low, high = (data[row, block, lane + 2 + i].bitcast(dtypes.int8) for i in (0, HALF))
            return low.cast(dtypes.float32) * scale, high.cast(dtypes.float32) * scale
        affine = self.kind is GgmlType.Q4_1
        pair = data[row, block, lane + (4 if affine else 2)]
        minimum = _half(data, row, block, 2) if affine else scale * -8.0
        low, high = (pair & 15).cast(dtypes.float32), (pair // 16).cast(dtypes.float32)
        return low * scale + minimum, high * scale + minimum


def _half(data: UOp, row: UOp, block: UOp, at: int) -> UOp:
    """The fp16 number at a byte of a block, as float32."""
    low, high = (data[row, block, at + i].cast(dtypes.uint16) for i in (0, 1))
    return (low + high * 256).bitcast(dtypes.float16).cast(dtypes.float32)


def load_matrix(tensor: GgufTensor, device: str) -> Tensor:
    """A matrix of the file: on the CPU the mapped bytes themselves, elsewhere a copy.

    Its shape is [rows, columns] for plain floats, else [rows, blocks, bytes] of uint8.
    """
    kind, (rows, columns) = tensor.ggml_type, tensor.shape
    weights, size = kind.block
    shape = (rows, columns) if kind in _DTYPES else (rows, columns // weights, size)
    dtype = _DTYPES.get(kind, dtypes.uint8)
    mapped = Tensor.from_blob(tensor.data.ctypes.data, shape, dtype=dtype, device="CPU")
    return mapped.to(device).realize()


def keep(x: Tensor) -> Tensor:
    """Activations [T, features] as memory that `multiply` can read; it is computed once."""
    return x.T.contiguous().T if x.shape[0] >= WIDE else x.contiguous()


def multiply(x: Tensor, matrix: Format, weights: Tensor) -> Tensor:
    """Activations [T, columns] times the transpose of a matrix of this format: [T, rows]."""
    count = int(x.shape[0])
    wide = count >= WIDE

    def kernel(out: UOp, x: UOp, data: UOp) -> UOp:
        row, token = UOp.range(matrix.rows, 0), UOp.range(count, 1)
        lane = UOp.range(HALF, 2, AxisType.REDUCE)
        block = UOp.range(matrix.columns // BLOCK, 3, AxisType.REDUCE)
        low, high = matrix.halves(data, row, block, lane)
        at = block * BLOCK + lane
        if wide:
            product = low * x[at, token] + high * x[at + HALF, token]
            stored = out[row, token].store(product.reduce(block, lane, arg=Ops.ADD))
            opts = [Opt(OptOps.UPCAST, 1, WIDE), Opt(OptOps.UPCAST, 0, 2)]
        else:
            product = low * x[token, at] + high * x[token, at + HALF]
            lanes = product.reduce(block, arg=Ops.ADD)  # a SIMD accumulator of 16
            stored = out[token, row].store(lanes.reduce(lane, arg=Ops.ADD))
            opts = [Opt(OptOps.UNROLL, 0, 0)]
        name = f"matmul_{matrix.kind.name}_{count}_{matrix.rows}_{matrix.columns}"
        return stored.end(row, token).sink(arg=KernelInfo(name=name, opts_to_apply=tuple(opts)))

    shape = (matrix.rows, count) if wide else (count, matrix.rows)
    x = keep(x)
    out = Tensor.empty(*shape, device=x.device)
    out = Tensor.custom_kernel(out, x.T if wide else x, weights, fxn=kernel)[0]
    return out.T if wide else out
