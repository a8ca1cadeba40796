"""The network that the factory trains: a Llama as functions of its weights, made to be quick.

Weights have the names, shapes and row order of a GGUF file, in float32; `Net` casts and joins them
once a step. It does not know files, data, losses or optimisers.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from edge_agent.slm.llama import LlamaConfig

Shape = LlamaConfig
_ROWS = 256
"""Wanted positions are padded to so many: libraries prepare each size of matrix once, slowly."""
Weights = Mapping[str, Tensor]
Transform = Callable[[str, Weights], Tensor]
"""What the weight of a name becomes before it is used; differentiable."""


class Block(NamedTuple):
    """The weights of one layer as the forward pass wants them: joined, and in its number type."""

    attn_norm: Tensor
    qkv: Tensor
    attn_out: Tensor
    ffn_norm: Tensor
    gate_up: Tensor
    down: Tensor


@dataclass(frozen=True, slots=True)
class Heads:
    """The sizes that the attention of a layer needs; a plain constant for the compiler."""

    query: int
    key: int
    size: int
    eps: float


@dataclass(frozen=True, slots=True)
class Forward:
    """What one pass over a batch gives."""

    logits: Tensor
    """[rows, vocabulary], only at the positions asked for."""
    hidden: dict[int, Tensor]
    """Residual stream at those positions behind each layer asked for: [rows, dim], float32."""


BlockFunction = Callable[[Tensor, Block, Tensor, Tensor, Heads], Tensor]


class Stack(Protocol):
    """All layers, one after the other."""

    def __call__(
        self,
        x: Tensor,
        blocks: Sequence[Block],
        turn: tuple[Tensor, Tensor],
        heads: Heads,
        rows: Tensor,
        keep: frozenset[int],
    ) -> tuple[Tensor, dict[int, Tensor]]:
        """Embedded tokens to the residual stream behind the last layer.

        Args:
            x: [batch, length, dim] float32.
            blocks: The weights.
            turn: Cosines and sines of RoPE.
            heads: Sizes of the attention.
            rows: Positions of the flattened batch that are wanted.
            keep: Layers whose output is wanted at those positions too.

        Returns:
            [rows, dim] float32, and the same behind each layer of `keep`.
        """


def rms_norm(x: Tensor, weight: Tensor, eps: float, dtype: torch.dtype) -> Tensor:
    """RMSNorm over the last dimension, computed in float32, in the number type asked for."""
    scale = torch.rsqrt(x.square().mean(-1, keepdim=True) + eps)
    return (x * scale * weight).to(dtype)


def rotary(shape: Shape, length: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and sines of RoPE for the positions 0..length-1: [length, head_dim / 2], float32."""
    half = torch.arange(0, shape.head_dim, 2, device=device, dtype=torch.float32)
    angle = torch.outer(
        torch.arange(length, device=device, dtype=torch.float32),
        shape.rope_base ** (-half / shape.head_dim),
    )
    return angle.cos(), angle.sin()


def half_split(weight: Tensor, head_dim: int) -> Tensor:
    """Rows of q or k in GGUF's order (pairs side by side) as rows for `rotate` (pairs half apart).

    llama.cpp's converter interleaves them:
    https://github.com/ggml-org/llama.cpp/blob/master/convert_hf_to_gguf.py (LlamaModel.permute)
    """
    rows, columns = weight.shape
    pairs = weight.view(rows // head_dim, head_dim // 2, 2, columns)
    return pairs.transpose(1, 2).reshape(rows, columns)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turns [batch, position, head, size] by its position."""
    first, second = x.chunk(2, dim=-1)
    cos, sin = cos[:, None, :], sin[:, None, :]
    turned = torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
    return turned.to(x.dtype)


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention of [batch, length, heads, size], query heads in groups: [batch, length, -1].

    Plain products: on a CPU the backward pass of torch's own attention takes four times as long at
    a hundred tokens.
    """
    batch, length, heads, size = q.shape
    groups = k.shape[2]
    rows = heads // groups * length
    # The query heads of a group are rows of one product with their shared keys.
    q = q.reshape(batch, length, groups, -1, size).permute(0, 2, 3, 1, 4)
    q = q.reshape(batch * groups, rows, size)
    k = k.permute(0, 2, 3, 1).reshape(batch * groups, size, length)
    v = v.permute(0, 2, 1, 3).reshape(batch * groups, length, size)
    scores = torch.bmm(q, k).view(-1, length, length).float() * size**-0.5
    at = torch.arange(length, device=q.device)
    scores = scores.masked_fill(at[:, None] < at[None, :], -1e30)
    shares = torch.softmax(scores, dim=-1).to(v.dtype).view(-1, rows, length)
    seen = torch.bmm(shares, v).view(batch, groups, -1, length, size)
    return seen.permute(0, 3, 1, 2, 4).reshape(batch, length, heads * size)


def mix(x: Tensor, weights: Block, cos: Tensor, sin: Tensor, heads: Heads) -> Tensor:
    """The first half of a layer: each token looks at those before it."""
    batch, length, _ = x.shape
    h = rms_norm(x, weights.attn_norm, heads.eps, weights.qkv.dtype)
    joined = functional.linear(h, weights.qkv)
    joined = joined.view(batch, length, heads.query + 2 * heads.key, heads.size)
    turned = rotate(joined[:, :, : heads.query + heads.key], cos, sin)
    q, k = turned.split((heads.query, heads.key), dim=2)
    seen = attend(q, k, joined[:, :, heads.query + heads.key :])
    return x + functional.linear(seen, weights.attn_out)


def neurons(x: Tensor, weights: Block, eps: float) -> Tensor:
    """What the neurons of a layer's second half say: [batch, length, hidden_dim]."""
    h = rms_norm(x, weights.ffn_norm, eps, weights.gate_up.dtype)
    gate, up = functional.linear(h, weights.gate_up).chunk(2, dim=-1)
    return functional.silu(gate) * up


def block(x: Tensor, weights: Block, cos: Tensor, sin: Tensor, heads: Heads) -> Tensor:
    """One layer: [batch, length, dim] float32 in and out; every token sees those before it."""
    x = mix(x, weights, cos, sin, heads)
    return x + functional.linear(neurons(x, weights, heads.eps), weights.down)


def in_turn(
    x: Tensor,
    blocks: Sequence[Block],
    turn: tuple[Tensor, Tensor],
    heads: Heads,
    rows: Tensor,
    keep: frozenset[int],
    *,
    run_block: BlockFunction = block,
) -> tuple[Tensor, dict[int, Tensor]]:
    """A `Stack` in plain operations, which run anywhere."""

    def pick(x: Tensor) -> Tensor:
        return x.flatten(0, 1).index_select(0, rows)

    hidden = {-1: pick(x)} if -1 in keep else {}
    for index, part in enumerate(blocks):
        x = run_block(x, part, *turn, heads)
        if index in keep:
            hidden[index] = pick(x)
    return pick(x), hidden


@dataclass(frozen=True, slots=True)
class Ready:
    """All weights, cast and joined for one step."""

    embedding: Tensor
    blocks: tuple[Block, ...]
    norm: Tensor
    dtype: torch.dtype


def ready(
    shape: Shape, weights: Weights, dtype: torch.dtype, transform: Transform | None = None
) -> Ready:
    """The weights as `forward` uses them; gradients flow back to `weights`.

    Args:
        shape: The sizes.
        weights: Every tensor of `shape.shapes()`.
        dtype: What the matrices are multiplied in.
        transform: Applied to each weight first: rounding as the export will, or an adapter.
    """

    def take(name: str) -> Tensor:
        full = f"{name}.weight"
        return weights[full] if transform is None else transform(full, weights)

    def matrix(index: int, name: str) -> Tensor:
        return take(f"blk.{index}.{name}").to(dtype)

    def layer(index: int) -> Block:
        q, k, v = (matrix(index, f"attn_{letter}") for letter in "qkv")
        return Block(
            take(f"blk.{index}.attn_norm"),
            torch.cat((half_split(q, shape.head_dim), half_split(k, shape.head_dim), v)),
            matrix(index, "attn_output"),
            take(f"blk.{index}.ffn_norm"),
            torch.cat((matrix(index, "ffn_gate"), matrix(index, "ffn_up"))),
            matrix(index, "ffn_down"),
        )

    return Ready(
        take("token_embd"),
        tuple(layer(index) for index in range(shape.layers)),
        take("output_norm"),
        dtype,
    )


def forward(
    shape: Shape,
    weights: Ready,
    tokens: Tensor,
    rows: Tensor | None = None,
    *,
    keep: Iterable[int] = (),
    stack: Stack = in_turn,
) -> Forward:
    """The next-token logits of a batch.

    Args:
        shape: The sizes.
        weights: From `ready`.
        tokens: [batch, length] ids; padding may only stand at the end of a row.
        rows: Positions in the flattened batch that logits are wanted of; all where None.
        keep: Layers whose output is wanted too; -1 is the embedding.
        stack: How the layers are computed.
    """
    heads = Heads(shape.heads, shape.kv_heads, shape.head_dim, shape.norm_eps)
    turn = rotary(shape, tokens.shape[1], tokens.device)
    x = functional.embedding(tokens, weights.embedding)
    if rows is None:
        rows = torch.arange(tokens.numel(), device=tokens.device)
    count = len(rows)
    rows = functional.pad(rows, (0, -count % _ROWS))
    x, hidden = stack(x, weights.blocks, turn, heads, rows, frozenset(keep))
    h = rms_norm(x, weights.norm, shape.norm_eps, weights.dtype)
    logits = functional.linear(h, weights.embedding.to(h.dtype))
    return Forward(logits[:count], {layer: state[:count] for layer, state in hidden.items()})
