"""Makes a smaller network of a larger one: fewer tokens, layers and neurons, those that matter.

What matters is measured on packed examples and written into a report. It does not train.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from edge_agent.errors import FactoryError
from edge_agent.factory.examples.batches import Batch, in_order
from edge_agent.factory.examples.packed import Packed, vocabulary_name
from edge_agent.factory.examples.vocabulary import TokenVocabulary
from edge_agent.factory.network.base import base_path, load_base
from edge_agent.factory.network.checkpoint import Checkpoint, save_checkpoint
from edge_agent.factory.network.net import (
    Block,
    Heads,
    Shape,
    forward,
    in_turn,
    mix,
    neurons,
    ready,
)
from edge_agent.factory.network.speed import keep_memory, number_type, pick_device
from edge_agent.factory.program import run_program
from edge_agent.slm.llama import BLOCK

Weights = dict[str, Tensor]
EMBEDDING = "token_embd.weight"


def cut_vocabulary(
    shape: Shape, weights: Weights, kept: Sequence[int], added: Mapping[str, Sequence[int]]
) -> tuple[Shape, Weights]:
    """A network of other tokens.

    Args:
        shape: The sizes.
        weights: All tensors.
        kept: Ids that stay, in their new order.
        added: New tokens behind them, and the ids whose mean each begins as.

    Raises:
        FactoryError: An id is none of the network's, or a new token has none to begin as.
    """
    for name, ids in (("kept", kept), *added.items()):
        if not ids or min(ids) < 0 or max(ids) >= shape.vocab_size:
            raise FactoryError(
                f"vocabulary: {name!r} has no ids or others than 0 to {shape.vocab_size - 1}"
            )
    old = weights[EMBEDDING]
    means = [old[list(ids)].mean(dim=0, keepdim=True) for ids in added.values()]
    embedding = torch.cat((old[list(kept)], *means))
    return replace(shape, vocab_size=len(embedding)), {**weights, EMBEDDING: embedding}


@dataclass(slots=True)
class Importance:
    """What was measured on examples; it stands in for `net.block` while they pass."""

    layers: int
    similarity: list[Tensor] = field(default_factory=list)
    """Of each layer: sum over the tokens of the cosine of its input and output."""
    activation: list[Tensor] = field(default_factory=list)
    """Of each layer: sum over the tokens of every neuron's magnitude."""
    tokens: int = 0
    _real: Tensor = field(default_factory=lambda: torch.empty(0))
    _layer: int = 0

    def begin(self, real: Tensor) -> None:
        """Announces a batch; `real` is where it is no padding: [batch, length]."""
        self._real, self._layer = real, 0
        self.tokens += int(real.sum())

    def __call__(self, x: Tensor, weights: Block, cos: Tensor, sin: Tensor, heads: Heads) -> Tensor:
        """One layer, measured."""
        mixed = mix(x, weights, cos, sin, heads)
        said = neurons(mixed, weights, heads.eps)
        found = mixed + functional.linear(said, weights.down)
        same = functional.cosine_similarity(x.float(), found.float(), dim=-1)[self._real].sum()
        loud = said[self._real].float().abs().sum(dim=0)
        if len(self.similarity) < self.layers:
            self.similarity.append(same)
            self.activation.append(loud)
        else:
            self.similarity[self._layer] += same
            self.activation[self._layer] += loud
        self._layer += 1
        return found

    def influence(self) -> list[float]:
        """1 - mean cosine of each layer's input and output."""
        return [1.0 - float(total) / self.tokens for total in self.similarity]


def measure(
    shape: Shape, weights: Weights, batches: Iterable[Batch], dtype: torch.dtype
) -> Importance:
    """How much each layer and neuron does on some examples."""
    found = Importance(shape.layers)
    stack = partial(in_turn, run_block=found)
    with torch.no_grad():
        made = ready(shape, weights, dtype)
        for batch in batches:
            found.begin(_real(batch))
            forward(shape, made, batch.tokens, batch.rows, stack=stack)
    if found.tokens == 0:
        raise FactoryError("there are no examples to measure importance on")
    return found


def _real(batch: Batch) -> Tensor:
    """Where a batch holds examples: up to the last position of each that predicts something."""
    count, width = batch.tokens.shape
    ends = torch.zeros(count, dtype=torch.int64, device=batch.tokens.device)
    ends = ends.scatter_reduce(0, batch.owner, batch.rows % width, "amax")
    return torch.arange(width, device=ends.device) <= ends[:, None]


def choose_layers(influence: Sequence[float], count: int) -> list[int]:
    """The layers that stay: the first, the last and the most influential of the others.

    Raises:
        FactoryError: `count` is not from 2 to the number of layers.
    """
    last = len(influence) - 1
    if not 2 <= count <= len(influence):
        raise FactoryError(f"layers is {count}; legal are 2 to {len(influence)}")
    between = sorted(range(1, last), key=lambda layer: -influence[layer])
    return sorted((0, last, *between[: count - 2]))


def cut_layers(shape: Shape, weights: Weights, kept: Sequence[int]) -> tuple[Shape, Weights]:
    """A network of some of the layers, in their order."""
    found = {name: weight for name, weight in weights.items() if not name.startswith("blk.")}
    for new, old in enumerate(kept):
        prefix = f"blk.{old}."
        found |= {
            f"blk.{new}.{name.removeprefix(prefix)}": weight
            for name, weight in weights.items()
            if name.startswith(prefix)
        }
    return replace(shape, layers=len(kept)), found


def cut_neurons(
    shape: Shape, weights: Weights, activation: Sequence[Tensor], count: int
) -> tuple[Shape, Weights]:
    """A network whose layers keep the `count` neurons that say most.

    Raises:
        FactoryError: `count` is no multiple of 32, or more than there are.
    """
    if count % BLOCK or not BLOCK <= count <= shape.hidden_dim:
        raise FactoryError(
            f"ffn is {count}; legal are multiples of {BLOCK} from {BLOCK} to {shape.hidden_dim}"
        )
    found = dict(weights)
    for layer, loud in enumerate(activation):
        kept = loud.topk(count).indices.sort().values.cpu()
        for name, dimension in (("ffn_gate", 0), ("ffn_up", 0), ("ffn_down", 1)):
            full = f"blk.{layer}.{name}.weight"
            found[full] = weights[full].index_select(dimension, kept)
    return replace(shape, hidden_dim=count), found


def prune(
    shape: Shape,
    weights: Weights,
    examples: Sequence[Batch],
    *,
    layers: int,
    ffn: int,
    dtype: torch.dtype = torch.float32,
) -> tuple[Shape, Weights, dict[str, Any]]:
    """A network of fewer layers and neurons, and the report of what was measured.

    Args:
        shape: The sizes; the vocabulary is already that of the examples.
        weights: All tensors.
        examples: Batches of domain text.
        layers: How many layers stay.
        ffn: How many neurons of each stay; a multiple of 32.
        dtype: What the measurement multiplies in.
    """
    first = measure(shape, weights, examples, dtype)
    influence = first.influence()
    kept = choose_layers(influence, layers)
    report: dict[str, Any] = {
        "tokens": first.tokens,
        "influence": [round(value, 5) for value in influence],
        "layers": kept,
    }
    shape, weights = cut_layers(shape, weights, kept)
    if ffn != shape.hidden_dim:
        # Neurons are judged in the network that they will work in.
        activation = measure(shape, weights, examples, dtype).activation
        shape, weights = cut_neurons(shape, weights, activation, ffn)
        shares = [float(loud.topk(ffn).values.sum() / loud.sum()) for loud in activation]
        report["activation_kept"] = [round(share, 5) for share in shares]
    return shape, weights, report


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="prune", description=__doc__)
    parser.add_argument("--vocabulary", type=Path, required=True, help="JSON of the vocabulary")
    parser.add_argument("--data", type=Path, required=True, help="packed folder to measure on")
    parser.add_argument("--out", type=Path, required=True, help="checkpoint to write")
    parser.add_argument("--layers", type=int, required=True)
    parser.add_argument("--ffn", type=int, required=True, help="neurons a layer, 32s")
    parser.add_argument("--base", type=Path, help="GGUF file to begin from")
    parser.add_argument("--examples", type=int, default=500)
    return parser


def _prune(arguments: argparse.Namespace) -> None:
    keep_memory()
    vocabulary = TokenVocabulary.load(arguments.vocabulary)
    name = vocabulary_name(vocabulary.tokens)
    data = Packed.open(arguments.data, vocabulary=name)
    shape, weights, _ = load_base(arguments.base or base_path())
    shape, weights = cut_vocabulary(shape, weights, vocabulary.kept, vocabulary.added)
    shape, weights, report = prune(
        shape,
        weights,
        list(in_order(data, budget=4096, limit=arguments.examples)),
        layers=arguments.layers,
        ffn=arguments.ffn,
        dtype=number_type(pick_device("cpu")),
    )
    save_checkpoint(arguments.out, Checkpoint(shape, weights, meta={"vocabulary": name}))
    path = arguments.out.with_suffix(".json")
    try:
        path.write_text(json.dumps(report, indent=1) + "\n")
    except OSError as error:
        raise FactoryError(f"{path}: cannot be written: {error.strerror or error}") from error


def main(arguments: list[str] | None = None) -> int:
    """Prunes; 0 when it is done, 1 with a sentence on stderr when it cannot."""
    options = _parser().parse_args(arguments)
    return run_program(lambda: _prune(options))


if __name__ == "__main__":
    sys.exit(main())
