"""Rounding in training is that of the exported bytes."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edge_agent.factory.network.quantise import encode_q4_0, encode_q8_0
from edge_agent.factory.network.rounding import as_exported, fake_q4_0, fake_q8_0
from edge_agent.slm.gguf import GgmlType, GgufTensor
from edge_agent.slm.llama import float_rows

MATRICES = arrays.arrays(
    np.float32, (3, 64), elements=st.floats(-4, 4, width=32, allow_subnormal=False)
)
FORMATS = [
    (GgmlType.Q4_0, encode_q4_0, fake_q4_0),
    (GgmlType.Q8_0, encode_q8_0, fake_q8_0),
]


def through_bytes(kind, encode, weight):
    data = np.frombuffer(encode(weight), dtype=np.uint8)
    return float_rows(GgufTensor("w", weight.shape, kind, data), slice(None))


@pytest.mark.parametrize(("kind", "encode", "fake"), FORMATS)
@settings(max_examples=100, deadline=None)
@given(weight=MATRICES)
def test_the_numbers_are_those_of_the_bytes(kind, encode, fake, weight) -> None:
    found = fake(torch.from_numpy(weight.copy())).numpy()
    assert np.array_equal(found, through_bytes(kind, encode, weight))


@pytest.mark.parametrize(("kind", "encode", "fake"), FORMATS)
def test_trained_sizes_too(kind, encode, fake) -> None:
    weight = np.random.default_rng(0).normal(0, 0.05, (96, 576)).astype(np.float32)
    found = fake(torch.from_numpy(weight)).numpy()
    assert np.array_equal(found, through_bytes(kind, encode, weight))


def test_gradients_pass_as_if_nothing_were_rounded() -> None:
    weight = torch.randn(4, 64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    (fake_q4_0(weight) * torch.arange(64.0)).sum().backward()
    assert torch.equal(weight.grad, torch.arange(64.0).expand(4, 64))


def test_norms_stay_as_they_are_and_the_embedding_gets_8_bits() -> None:
    weights = {
        "output_norm.weight": torch.linspace(0, 1, 64),
        "token_embd.weight": torch.linspace(-1, 1, 128).view(2, 64),
        "blk.0.attn_q.weight": torch.linspace(-1, 1, 128).view(2, 64),
    }
    found = {name: as_exported(name, weights) for name in weights}
    assert found["output_norm.weight"] is weights["output_norm.weight"]
    fine, coarse = (
        float((found[name] - weights[name]).abs().max())
        for name in ("token_embd.weight", "blk.0.attn_q.weight")
    )
    assert 0 < fine < coarse / 8
