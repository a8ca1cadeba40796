"""Pruning: what stays is what was measured to matter."""

import json

import pytest

torch = pytest.importorskip("torch")

from edge_agent.errors import FactoryError
from edge_agent.factory.examples.batches import in_order
from edge_agent.factory.examples.packed import Packed, PackedWriter
from edge_agent.factory.network.net import Shape, forward, ready
from edge_agent.factory.network.prune import (
    EMBEDDING,
    choose_layers,
    cut_layers,
    cut_vocabulary,
    prune,
)

SHAPE = Shape(5, 64, 96, 2, 1, 30, 64, 1e4, 1e-5)


@pytest.fixture(scope="module")
def batches(tmp_path_factory):
    path = tmp_path_factory.mktemp("packed") / "data"
    with PackedWriter(path, vocabulary="v", vocab_size=30) as writer:
        for at in range(40):
            writer.add([at % 30, *range(at % 7)], [at % 11, 3])
    return list(in_order(Packed.open(path), budget=64))


def network(dead_layer=None):
    random = torch.Generator().manual_seed(0)
    weights = {
        name: torch.randn(size, generator=random) * 0.3 if len(size) > 1 else torch.ones(size)
        for name, size in SHAPE.shapes().items()
    }
    for layer in range(SHAPE.layers):
        # The last 32 neurons of each layer are never loud.
        weights[f"blk.{layer}.ffn_up.weight"][64:] *= 1e-4
    if dead_layer is not None:
        weights[f"blk.{dead_layer}.attn_output.weight"] *= 1e-4
        weights[f"blk.{dead_layer}.ffn_down.weight"] *= 1e-4
    return weights


def logits(shape, weights, batch):
    return forward(shape, ready(shape, weights, torch.float32), batch.tokens, batch.rows).logits


def test_layers_and_neurons_that_do_nothing_go_and_the_network_stays_as_it_was(batches) -> None:
    weights = network(dead_layer=2)
    shape, pruned, report = prune(SHAPE, weights, batches, layers=4, ffn=64)
    assert report["layers"] == [0, 1, 3, 4]
    assert json.loads(json.dumps(report)) == report
    assert min(report["activation_kept"]) > 0.99
    assert (shape.layers, shape.hidden_dim) == (4, 64)
    assert {name: tuple(weight.shape) for name, weight in pruned.items()} == shape.shapes()
    before, after = (
        logits(shape, weights, batches[0]) for shape, weights in ((SHAPE, weights), (shape, pruned))
    )
    assert torch.allclose(before, after, atol=0.02 * float(before.abs().max()))


def test_the_first_and_the_last_layer_stay_whatever_they_do() -> None:
    assert choose_layers([0.0, 0.3, 0.1, 0.2, 0.0], 3) == [0, 1, 4]
    assert choose_layers([0.0, 0.3, 0.1, 0.2, 0.0], 2) == [0, 4]
    for number in (1, 6):
        with pytest.raises(FactoryError, match="legal are 2 to 5"):
            choose_layers([0.1] * 5, number)


def test_layers_are_numbered_anew_in_their_order() -> None:
    weights = network()
    shape, found = cut_layers(SHAPE, weights, [0, 3, 4])
    assert found.keys() == shape.shapes().keys()
    assert found["blk.1.attn_q.weight"] is weights["blk.3.attn_q.weight"]


def test_padding_is_not_measured(batches) -> None:
    tokens = sum(len(row) for batch in batches for row in batch.tokens)
    _, _, report = prune(SHAPE, network(), batches, layers=5, ffn=96)
    assert report["tokens"] == sum(2 + at % 7 for at in range(40)) < tokens


@pytest.mark.parametrize("ffn", [0, 50, 128])
def test_illegal_widths_are_refused(batches, ffn) -> None:
    with pytest.raises(FactoryError, match="multiples of 32 from 32 to 96"):
        prune(SHAPE, network(), batches, layers=5, ffn=ffn)


def test_new_tokens_begin_as_the_mean_of_old_ones() -> None:
    weights = network()
    shape, found = cut_vocabulary(SHAPE, weights, [7, 2], {"<|a|>": (1, 3), "<|b|>": (5,)})
    old, new = weights[EMBEDDING], found[EMBEDDING]
    assert shape.vocab_size == 4
    assert torch.equal(new[:2], old[[7, 2]])
    assert torch.allclose(new[2], (old[1] + old[3]) / 2)
    assert torch.equal(new[3], old[5])
    with pytest.raises(FactoryError, match="has no ids or others than 0 to 29"):
        cut_vocabulary(SHAPE, weights, [1], {"<|a|>": (30,)})


def test_nothing_to_measure_on_is_told() -> None:
    with pytest.raises(FactoryError, match="no examples"):
        prune(SHAPE, network(), [], layers=3, ffn=64)
