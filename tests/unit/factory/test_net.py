"""The network: against an independent reading of Llama, and quick against plain."""

import math

import pytest

torch = pytest.importorskip("torch")

from edge_agent.errors import FactoryError
from edge_agent.factory.network.base import base_path, continue_text, load_base
from edge_agent.factory.network.fast import fast_stack
from edge_agent.factory.network.net import Shape, forward, in_turn, ready
from edge_agent.slm.tokenizer import Tokenizer

SHAPE = Shape(3, 96, 64, 3, 1, 50, 128, 1e4, 1e-5)


def random_weights(shape, seed=0, spread=0.3):
    random = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(size, generator=random) * spread + (len(size) == 1)
        for name, size in shape.shapes().items()
    }


def reference(shape, weights, ids):
    """A Llama token by token with complex rotation of neighbouring numbers, as GGUF orders them."""
    w = {name.removesuffix(".weight"): weight.double() for name, weight in weights.items()}
    size, share = shape.head_dim, shape.heads // shape.kv_heads

    def norm(x, weight):
        return x / torch.sqrt((x * x).mean() + shape.norm_eps) * weight

    def turn(x, position):
        pairs = torch.view_as_complex(x.reshape(-1, size // 2, 2))
        angles = [position / shape.rope_base ** (2 * i / size) for i in range(size // 2)]
        turns = torch.tensor([complex(math.cos(a), math.sin(a)) for a in angles])
        return torch.view_as_real(pairs * turns.to(pairs.dtype)).reshape(-1, size)

    past = [([], []) for _ in range(shape.layers)]
    logits = []
    for position, token in enumerate(ids):
        x = w["token_embd"][token]
        for layer, (keys, values) in enumerate(past):
            b = f"blk.{layer}."
            h = norm(x, w[b + "attn_norm"])
            q = turn(w[b + "attn_q"] @ h, position)
            keys.append(turn(w[b + "attn_k"] @ h, position))
            values.append((w[b + "attn_v"] @ h).reshape(-1, size))
            seen = []
            for head in range(shape.heads):
                k = torch.stack([key[head // share] for key in keys])
                v = torch.stack([value[head // share] for value in values])
                seen.append(torch.softmax(k @ q[head] / math.sqrt(size), dim=0) @ v)
            x = x + w[b + "attn_output"] @ torch.cat(seen)
            h = norm(x, w[b + "ffn_norm"])
            gate = w[b + "ffn_gate"] @ h
            x = x + w[b + "ffn_down"] @ (gate / (1 + torch.exp(-gate)) * (w[b + "ffn_up"] @ h))
        logits.append(w["token_embd"] @ norm(x, w["output_norm"]))
    return torch.stack(logits)


def test_logits_are_those_of_an_independent_llama() -> None:
    weights = random_weights(SHAPE)
    ids = [3, 14, 15, 9, 26, 5, 35]
    found = forward(SHAPE, ready(SHAPE, weights, torch.float32), torch.tensor([ids])).logits
    wanted = reference(SHAPE, weights, ids)
    assert torch.allclose(found.double(), wanted, atol=1e-3 * wanted.abs().max())


def test_padding_behind_an_example_changes_nothing() -> None:
    made = ready(SHAPE, random_weights(SHAPE), torch.float32)
    short = torch.tensor([[4, 5, 6]])
    padded = torch.tensor([[4, 5, 6, 0, 0], [7, 8, 9, 10, 11]])
    alone = forward(SHAPE, made, short).logits
    beside = forward(SHAPE, made, padded, torch.tensor([0, 1, 2])).logits
    assert torch.allclose(alone, beside, atol=1e-3)


def test_hidden_states_come_only_for_layers_and_positions_asked_for() -> None:
    weights = random_weights(SHAPE)
    tokens, rows = torch.tensor([[4, 5, 6], [1, 2, 3]]), torch.tensor([2, 5])
    found = forward(SHAPE, ready(SHAPE, weights, torch.float32), tokens, rows, keep=(-1, 1))
    assert found.hidden.keys() == {-1, 1}
    assert torch.equal(found.hidden[-1], weights["token_embd.weight"][[6, 3]])
    assert found.hidden[1].shape == (2, SHAPE.dim)


def gradients(shape, weights, dtype, stack):
    leaves = {name: weight.clone().requires_grad_() for name, weight in weights.items()}
    tokens = torch.arange(5 * 37).view(5, 37) % shape.vocab_size
    rows = torch.tensor([3, 36, 40, 75, 110, 184])
    made = ready(shape, leaves, dtype)
    found = forward(shape, made, tokens, rows, keep=(-1, 0, 2), stack=stack)
    loss = torch.nn.functional.cross_entropy(found.logits.float(), rows % shape.vocab_size)
    loss = loss + sum(state.square().mean() for state in found.hidden.values())
    return found, torch.autograd.grad(loss, list(leaves.values()))


def off(found, wanted):
    found, wanted = found.detach().float(), wanted.detach().float()
    return float((found - wanted).norm() / wanted.norm())


def test_the_quick_stack_gives_what_the_plain_one_gives_and_the_same_gradients() -> None:
    shape = Shape(3, 192, 160, 6, 2, 50, 128, 1e4, 1e-5)
    stack = fast_stack(torch.device("cpu"), shape)
    if stack is None:
        pytest.skip("this processor has no AMX, or there is no C compiler")
    weights = random_weights(shape, spread=0.08)
    exact, exact_gradients = gradients(shape, weights, torch.float32, in_turn)
    plain, plain_gradients = gradients(shape, weights, torch.bfloat16, in_turn)
    quick, quick_gradients = gradients(shape, weights, torch.bfloat16, stack)
    assert off(quick.logits, exact.logits) < 1.5 * off(plain.logits, exact.logits) + 1e-3
    for layer, state in exact.hidden.items():
        assert off(quick.hidden[layer], state) < 0.02
    for name, wanted, coarse, found in zip(
        weights, exact_gradients, plain_gradients, quick_gradients, strict=True
    ):
        assert off(found, wanted) < 1.5 * off(coarse, wanted) + 1e-3, name


@pytest.mark.model
def test_the_base_model_continues_text_with_sense() -> None:
    try:
        path = base_path()
    except FactoryError as error:
        pytest.skip(str(error))
    shape, weights, file = load_base(path)
    tokenizer = Tokenizer.from_gguf(file.metadata)
    prompt = tokenizer.encode("The capital of France is")
    assert tokenizer.decode(continue_text(shape, weights, prompt, 2)).strip() == "Paris."
