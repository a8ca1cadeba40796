"""The network of `net` over caches of slots: one pass computes the steps of several lanes.

The semantics of a lane are those of `edge_agent.slm.step`. It does not know who wants the steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from edge_agent.factory.network.net import (
    Ready,
    Shape,
    Weights,
    neurons,
    ready,
    rms_norm,
    rotary,
    rotate,
)

_SLOTS = 1024


@dataclass(frozen=True, slots=True)
class Feed:
    """What one lane wants of a step; see `edge_agent.slm.step.Step`."""

    lane: int
    tokens: Sequence[int]
    positions: Sequence[int]
    visible: NDArray[np.bool_]
    start_slot: int
    rows: Sequence[int]


class Network:
    """A Llama over several caches of slots, in PyTorch."""

    def __init__(
        self,
        shape: Shape,
        weights: Weights,
        *,
        lanes: int = 1,
        n_ctx: int = _SLOTS,
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Casts the weights and allocates the caches."""
        self.shape = shape
        self.n_ctx = min(n_ctx, shape.context)
        self._dtype = dtype
        self._device = device or torch.device("cpu")
        with torch.no_grad():
            moved = {name: weight.to(self._device) for name, weight in weights.items()}
            self._weights: Ready = ready(shape, moved, dtype)
            self._head = self._weights.embedding.to(dtype)
            self._cos, self._sin = rotary(shape, self.n_ctx, self._device)
        size = (shape.layers, lanes, 2, shape.kv_heads, self.n_ctx, shape.head_dim)
        self._cache = torch.zeros(size, dtype=dtype, device=self._device)

    def run(self, feeds: Sequence[Feed]) -> list[NDArray[np.float32]]:
        """The wanted logits of each feed, all computed in one pass."""
        with torch.inference_mode():
            h = rms_norm(self._hidden(feeds), self._weights.norm, self.shape.norm_eps, self._dtype)
            logits = functional.linear(h, self._head).float().cpu().numpy()
        counts = [len(feed.rows) for feed in feeds]
        return np.split(logits, np.cumsum(counts)[:-1])

    def _hidden(self, feeds: Sequence[Feed]) -> Tensor:
        """What the head turns into the wanted logits, feed by feed."""
        shape, device = self.shape, self._device
        tokens = [token for feed in feeds for token in feed.tokens]
        at = torch.tensor([place for feed in feeds for place in feed.positions], device=device)
        cos, sin = self._cos[at], self._sin[at]
        seen = [torch.from_numpy(feed.visible).to(device) for feed in feeds]
        spans, rows, first = [], [], 0
        for feed in feeds:
            spans.append(slice(first, first + len(feed.tokens)))
            rows += [first + row for row in feed.rows]
            first += len(feed.tokens)
        x = functional.embedding(torch.tensor(tokens, device=device), self._weights.embedding)
        heads, keys, size = shape.heads, shape.kv_heads, shape.head_dim
        for layer, part in enumerate(self._weights.blocks):
            h = rms_norm(x, part.attn_norm, shape.norm_eps, self._dtype)
            joined = functional.linear(h, part.qkv).view(-1, heads + 2 * keys, size)
            turned = rotate(joined[None, :, : heads + keys], cos, sin)[0]
            values = joined[:, heads + keys :]
            mixed = torch.empty_like(h)
            for feed, span, mask in zip(feeds, spans, seen, strict=True):
                cache = self._cache[layer, feed.lane]
                end = feed.start_slot + len(feed.tokens)
                cache[0, :, feed.start_slot : end] = turned[span, heads:].transpose(0, 1)
                cache[1, :, feed.start_slot : end] = values[span].transpose(0, 1)
                mixed[span] = _attend(turned[span, :heads], cache[:, :, :end], mask)
            if layer == shape.layers - 1:  # behind it, only what is wanted matters
                x, mixed = x[rows], mixed[rows]
            x = x + functional.linear(mixed, part.attn_out)
            said = neurons(x, part, shape.norm_eps)
            x = x + functional.linear(said, part.down)
        return x


def _attend(q: Tensor, cache: Tensor, visible: Tensor) -> Tensor:
    """Attention of [tokens, heads, size] to the slots that each may see: [tokens, heads * size]."""
    keys, values = cache
    count, heads, size = q.shape
    groups = keys.shape[0]
    q = q.view(count, groups, -1, size).permute(1, 2, 0, 3).reshape(groups, -1, size)
    scores = torch.bmm(q, keys.transpose(1, 2)).float() * size**-0.5
    scores = scores.view(groups, -1, count, visible.shape[1]).masked_fill(~visible, -1e30)
    shares = torch.softmax(scores, dim=-1).to(values.dtype).view(groups, -1, visible.shape[1])
    mixed = torch.bmm(shares, values).view(groups, -1, count, size)
    return mixed.permute(2, 0, 1, 3).reshape(count, heads * size)
