"""The layers of the network on a processor with AMX, several times as quick as in plain operations.

Matrix products are torch's; what lies between them is kernels.c, compiled when it is needed. It
gives what `net.in_turn` gives, and does not know more than it.
"""

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from edge_agent.factory.network.net import Block, Heads, Shape, Stack

_SOURCE = Path(__file__).with_name("kernels.c")
_FLAGS = "-O3 -march=native -ffp-contract=fast -fopenmp -shared -fPIC".split()
_LONG, _FLOAT, _POINTER = ctypes.c_int64, ctypes.c_float, ctypes.c_void_p
_SIGNATURES = {  # l: a size, f: a float, p: a tensor or None
    "add_norm": "llpppfppp",
    "add_norm_back": "llpppppppp",
    "split_heads": "lllllfpppppp",
    "split_heads_back": "lllllfpppppp",
    "merge_heads": "llllpp",
    "part_heads": "llllpp",
    "softmax": "llp",
    "softmax_back": "llpp",
    "gated": "llpp",
    "gated_back": "llpppp",
    "transpose": "llpp",
}
_ROWS = 1024
"""Matrices are padded to so many rows: as `net` pads the wanted ones."""
_TYPES: dict[str, Any] = {"l": _LONG, "f": _FLOAT, "p": _POINTER}


class Kernels:
    """The functions of kernels.c, called with sizes and contiguous tensors."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._functions: dict[str, Callable[..., None]] = {}
        for name, letters in _SIGNATURES.items():
            function = library[name]
            function.argtypes = [_TYPES[letter] for letter in letters]
            function.restype = None
            self._functions[name] = function

    def __call__(self, name: str, *arguments: float | Tensor | None) -> None:
        """Calls one of them."""
        self._functions[name](
            *(item.data_ptr() if isinstance(item, Tensor) else item for item in arguments)
        )

    def turned(self, matrix: Tensor) -> Tensor:
        """A bfloat16 matrix with rows and columns exchanged in memory.

        oneDNN multiplies a transposed left side at half its speed.
        """
        rows, columns = matrix.shape
        found = matrix.new_empty(columns, rows)
        self("transpose", rows, columns, matrix, found)
        return found


def load_kernels() -> Kernels | None:
    """The kernels, compiled for this processor; None where it or a compiler does not serve."""
    compiler = next(filter(None, map(shutil.which, ("gcc", "cc", "clang"))), None)
    if compiler is None or not torch.cpu._is_amx_tile_supported():  # noqa: SLF001
        return None
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "kernels.so"
        command = [compiler, *_FLAGS, "-o", str(made), str(_SOURCE), "-lm"]
        # The command is ours but for the compiler's path.
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:  # noqa: S603
            return None
        return Kernels(ctypes.CDLL(str(made)))


def fast_stack(device: torch.device, shape: Shape) -> Stack | None:
    """The quick stack where the device and the sizes allow it; None elsewhere."""
    if device.type != "cpu" or shape.dim % 16 or shape.head_dim % 32 or shape.hidden_dim % 16:
        return None
    kernels = load_kernels()
    return None if kernels is None else FastStack(kernels)


class FastStack:
    """A `net.Stack`."""

    def __init__(self, kernels: Kernels) -> None:
        self._kernels = kernels

    def __call__(
        self,
        x: Tensor,
        blocks: Sequence[Block],
        turn: tuple[Tensor, Tensor],
        heads: Heads,
        rows: Tensor,
        keep: frozenset[int],
    ) -> tuple[Tensor, dict[int, Tensor]]:
        """See `net.Stack`."""
        batch, length, dim = x.shape
        padding = -batch * length % _ROWS
        x = torch.cat((x.flatten(0, 1), x.new_zeros(padding, dim)))
        added: Tensor | None = None
        hidden: dict[int, Tensor] = {}

        def stream(*, picked: bool) -> Tensor:
            parts = [part for part in (x, added) if part is not None]
            if not picked:
                parts = [part.index_select(0, rows) for part in parts]
            return parts[0] if len(parts) == 1 else parts[0] + parts[1]

        if -1 in keep:
            hidden[-1] = stream(picked=False)
        last = len(blocks) - 1
        for index, weights in enumerate(blocks):
            # Behind its attention the last layer is needed only where something is asked for.
            picked = rows if index == last else None
            x, added = _Layer.apply(
                self._kernels, heads, (batch, length), picked, x, added, *turn, *weights
            )
            if index in keep and index != last:
                hidden[index] = stream(picked=False)
        found = stream(picked=True)
        if last in keep:
            hidden[last] = found
        return found, hidden


class _Layer(torch.autograd.Function):  # type: ignore[misc]
    """One layer on the residual stream x + added; it hands both on unadded.

    So each addition happens in the norm behind it, and the gradient of `added` comes in bfloat16,
    as the matrix products want it.
    """

    @staticmethod
    def forward(
        ctx: Any,
        kernels: Kernels,
        heads: Heads,
        size: tuple[int, int],
        rows: Tensor | None,
        x: Tensor,
        added: Tensor | None,
        cos: Tensor,
        sin: Tensor,
        *weights: Tensor,
    ) -> tuple[Tensor, Tensor]:
        w = Block(*weights)
        batch, length = size
        groups = batch * heads.key
        s, h, scale = _add_norm(kernels, x, added, w.attn_norm, heads.eps)
        joined = torch.mm(h, w.qkv.t())
        q = joined.new_empty(groups, heads.query // heads.key * length, heads.size)
        k, v = (joined.new_empty(groups, length, heads.size) for _ in range(2))
        sizes = (batch, length, heads.query, heads.key, heads.size, heads.size**-0.5)
        kernels("split_heads", *sizes, joined, cos, sin, q, k, v)
        shares = torch.bmm(q, k.transpose(1, 2))
        kernels("softmax", batch * heads.query, length, shares)
        seen = h.new_empty(len(h), heads.query * heads.size)
        seen[batch * length :] = 0
        kernels("merge_heads", batch, length, heads.query, heads.size, torch.bmm(shares, v), seen)
        stream = s
        if rows is not None:
            seen, stream = seen.index_select(0, rows), s.index_select(0, rows)
        said = torch.mm(seen, w.attn_out.t())
        s2, h2, scale2 = _add_norm(kernels, stream, said, w.ffn_norm, heads.eps)
        both = torch.mm(h2, w.gate_up.t())
        loud = both.new_empty(len(both), both.shape[1] // 2)
        kernels("gated", *loud.shape, both, loud)
        ctx.save_for_backward(
            *weights, rows, cos, sin, s, h, scale, q, k, v, shares, seen, s2, h2, scale2, both
        )
        ctx.kernels, ctx.heads, ctx.sizes, ctx.had = kernels, heads, sizes, added is not None
        return s2, torch.mm(loud, w.down.t())

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        above, given = (grad.contiguous() for grad in grads)
        saved = ctx.saved_tensors
        w, (rows, cos, sin, s, h, scale, q, k, v, shares, seen, s2, h2, scale2, both) = (
            Block(*saved[:6]),
            saved[6:],
        )
        kernels, heads, sizes = ctx.kernels, ctx.heads, ctx.sizes
        batch, length = sizes[:2]

        loud_grad = torch.mm(given, w.down)
        loud, both_grad = torch.empty_like(loud_grad), torch.empty_like(both)
        kernels("gated_back", *loud.shape, both, loud_grad, both_grad, loud)
        down = torch.mm(kernels.turned(given), loud)
        gate_up = kernels.turned(torch.mm(kernels.turned(h2), both_grad))
        stream, stream_16, ffn_norm = _add_norm_back(
            kernels, s2, scale2, w.ffn_norm, torch.mm(both_grad, w.gate_up), above
        )
        seen_grad = torch.mm(stream_16, w.attn_out)
        attn_out = torch.mm(kernels.turned(stream_16), seen)
        if rows is not None:
            seen_grad = seen_grad.new_zeros(len(s), seen.shape[1]).index_copy_(0, rows, seen_grad)
            stream = torch.zeros_like(s).index_copy_(0, rows, stream)
        parted = seen_grad.new_empty(q.shape)
        kernels("part_heads", batch, length, heads.query, heads.size, seen_grad, parted)
        v_grad = torch.bmm(shares.transpose(1, 2), parted)
        scores = torch.bmm(parted, v.transpose(1, 2))
        kernels("softmax_back", batch * heads.query, length, shares, scores)
        q_grad, k_grad = torch.bmm(scores, k), torch.bmm(scores.transpose(1, 2), q)
        joined = h.new_empty(len(h), (heads.query + 2 * heads.key) * heads.size)
        joined[batch * length :] = 0
        kernels("split_heads_back", *sizes, q_grad, k_grad, v_grad, cos, sin, joined)
        qkv = kernels.turned(torch.mm(kernels.turned(h), joined))
        stream, stream_16, attn_norm = _add_norm_back(
            kernels, s, scale, w.attn_norm, torch.mm(joined, w.qkv), stream
        )
        weights = (attn_norm, qkv, attn_out, ffn_norm, gate_up, down)
        added = stream_16 if ctx.had else None
        return None, None, None, None, stream, added, None, None, *weights


def _add_norm(
    kernels: Kernels, x: Tensor, added: Tensor | None, weight: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The sum x + added, its RMSNorm in bfloat16, and 1 / rms of each row."""
    total = x if added is None else torch.empty_like(x)
    out, scale = torch.empty_like(x, dtype=torch.bfloat16), x.new_empty(len(x))
    kernels("add_norm", *x.shape, x, added, weight, eps, total, out, scale)
    return total, out, scale


def _add_norm_back(
    kernels: Kernels, total: Tensor, scale: Tensor, weight: Tensor, grad: Tensor, above: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradient of the sum in float32 and in bfloat16, and that of the weight."""
    found, found_16 = torch.empty_like(total), torch.empty_like(grad)
    weight_grad = torch.zeros_like(weight)
    kernels(
        "add_norm_back",
        *total.shape,
        *(total, scale, weight, grad, above, found, found_16, weight_grad),
    )
    return found, found_16, weight_grad
