"""One layer of a Llama in tinygrad ops: attention over the slots, then the feed-forward network.

It is the definition of the arithmetic. It does not know which layer it is, or what a slot holds.
"""

from dataclasses import dataclass

from tinygrad import Tensor, TinyJit, UOp, dtypes

from edge_agent.slm.llama import LlamaConfig
from edge_agent.slm.matmul import Format, keep, multiply

NORMS = ("attn_norm", "ffn_norm")
MATRICES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


@dataclass(frozen=True, slots=True)
class Layer:
    """The buffers of one layer."""

    formats: tuple[Format, ...]
    """Of `matrices`."""
    cache: Tensor
    """Keys and values, fp16 [2, kv_heads, slots, head_dim]."""
    norms: tuple[Tensor, ...]
    """In the order of `NORMS`."""
    matrices: tuple[Tensor, ...]
    """In the order of `MATRICES`."""


@dataclass(frozen=True, slots=True)
class Sight:
    """Where the tokens of a step stand and what they see; the same for every layer."""

    rotation: Tensor
    """Cosines and sines of their positions, [2, head_dim / 2, T]."""
    bias: Tensor
    """What is added to the attention score of slot j for token i, [slots, T]."""
    start: UOp
    """The first slot to write, a bound variable."""


class LayerProgram:
    """The recorded kernels of the layers that share their formats, for one number of tokens.

    One program for all layers compiles as fast as one layer, where a program of the whole network
    takes thirty times as long.
    """

    def __init__(self, config: LlamaConfig, formats: tuple[Format, ...]) -> None:
        """A program that tinygrad records when it is called for the second time."""
        self._config = config
        self._formats = dict(zip(MATRICES, formats, strict=True))
        self._jit = TinyJit(self._run)

    def __call__(self, layer: Layer, x: Tensor, sight: Sight) -> None:
        """Replaces the activations x [T, dim] by the layer's output, and fills its slots."""
        tensors = (x, layer.cache, *layer.norms, *layer.matrices)
        if (recorded := self._jit.captured) is None:
            self._jit(tensors, sight.rotation, sight.bias, sight.start)
            return
        # TinyJit checks its inputs anew at every call, which costs a quarter of a one-token step;
        # ours never change shape. It numbers them so: tensors first, then those in containers.
        inputs = [tensor.uop.base for tensor in (sight.rotation, sight.bias, *tensors)]
        variable, value = sight.start.unbind()
        recorded(inputs, {variable.expr: value})

    def _run(
        self, tensors: tuple[Tensor, ...], rotation: Tensor, bias: Tensor, start: UOp
    ) -> Tensor:
        x, cache, attn_norm, ffn_norm, *matrices = tensors
        weights = dict(zip(MATRICES, matrices, strict=True))

        def linear(name: str, x: Tensor) -> Tensor:
            return multiply(x, self._formats[name], weights[name])

        normed = rms_norm(x, attn_norm, self._config.norm_eps)
        parts = [linear(name, normed) for name in ("attn_q", "attn_k", "attn_v")]
        mixed = self._attend(parts, cache, Sight(rotation, bias, start))
        middle = keep(x + linear("attn_output", mixed))
        normed = rms_norm(middle, ffn_norm, self._config.norm_eps)
        gated = keep(linear("ffn_gate", normed).silu() * linear("ffn_up", normed))
        return x.assign(middle + linear("ffn_down", gated)).realize()

    def _attend(self, parts: list[Tensor], cache: Tensor, sight: Sight) -> Tensor:
        """Values mixed by attention, [T, dim], of query, key and value [T, ...]."""
        size, groups, count = self._config.head_dim, self._config.kv_heads, parts[0].shape[0]
        # Tokens are the last axis here, as they are the SIMD lanes of the wide steps.
        query, key, value = (part.T.reshape(groups, -1, size, count) for part in parts)
        new = Tensor.stack(_rotate(key, sight.rotation), value).squeeze(2).transpose(-1, -2)
        end = sight.start + count
        written = cache[:, :, sight.start : end].uop.store(new.cast(dtypes.float16).uop)
        filled = Tensor(cache.uop.after(written))[:, :, :end].float().unsqueeze(2)
        scores = filled[0] @ _rotate(query, sight.rotation).contiguous() * size**-0.5
        mixed = filled[1].transpose(-1, -2) @ (scores + sight.bias[:end]).softmax(-2)
        return keep(mixed.reshape(-1, count).T)


def rms_norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """Activations [T, dim] scaled to a root mean square of 1, then by the weight [dim]."""
    return keep(x * (x.square().mean(-1, keepdim=True) + epsilon).rsqrt() * weight)


def _rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """Rotates neighbouring pairs of x [..., head_dim, T]: llama.cpp orders rows for that."""
    pairs = x.unflatten(-2, (-1, 2))
    even, odd = pairs[..., 0, :], pairs[..., 1, :]
    cos, sin = rotation[0], rotation[1]
    turned = Tensor.stack(even * cos - odd * sin, even * sin + odd * cos, dim=-2)
    return turned.reshape(x.shape)
