from collections.abc import Callable
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from edge_agent.errors import ModelError
from edge_agent.slm.model import Model, load_model

PROMPT = [1, 40, 5, 77, 200, 13, 13, 90]


class Choice:
    """A grammar of whole sentences."""

    def __init__(self, sentences) -> None:
        self.sentences = [tuple(sentence) for sentence in sentences]

    @property
    def edges(self):
        firsts = dict.fromkeys(s[0] for s in self.sentences if s)
        return {
            first: Choice(s[1:] for s in self.sentences if s[:1] == (first,)) for first in firsts
        }


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float((one * other).sum() / np.linalg.norm(one) / np.linalg.norm(other))


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, tiny: Callable) -> tuple[Model, object]:
    raw, reference = tiny()
    path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    path.write_bytes(raw)
    return load_model(path, n_ctx=128, backend="tensor"), reference


@pytest.mark.parametrize(
    ("kind", "tied"), [(0, True), (1, False), (2, True), (3, False), (8, True)]
)
def test_logits_equal_a_float_reference(
    tmp_path: Path, tiny: Callable, kind: int, tied: bool
) -> None:
    raw, reference = tiny(kind, tied=tied)
    path = tmp_path / "tiny.gguf"
    path.write_bytes(raw)
    network = load_model(path, n_ctx=128, backend="tensor").network
    expected = reference.logits(PROMPT)
    half = len(PROMPT) // 2 + 1  # five tokens, then three one by one: both layouts of the product
    first = network.step(PROMPT[:half], range(half), np.tri(half, dtype=bool), 0, range(half))
    assert cosine(first, expected[:half]) > 0.9999
    assert (first.argmax(-1) == expected[:half].argmax(-1)).all()
    for at in range(half, len(PROMPT)):
        (line,) = network.step([PROMPT[at]], [at], np.ones((1, at + 1), bool), at, [0])
        assert cosine(line, expected[at]) > 0.9999
        assert line.argmax() == expected[at].argmax()


def test_greedy_text_equals_the_reference(loaded) -> None:
    model, reference = loaded
    tokens = list(PROMPT)
    for _ in range(12):
        tokens.append(int(reference.logits(tokens)[-1].argmax()))
    assert model.decoder().generate(PROMPT, max_tokens=12) == tokens[len(PROMPT) :]


def test_branches_in_one_tree_equal_separate_sequences(loaded) -> None:
    model, reference = loaded
    sentences = [(a, b, 9, c) for a in (3, 50) for b in (60, 70) for c in (80, 81)]
    found = model.decoder().decode(PROMPT, Choice(sentences), width=8, max_tokens=6)
    assert {hypothesis.tokens for hypothesis in found} == set(sentences)
    for hypothesis in found:
        expected = reference.logprobs(PROMPT, hypothesis.tokens)
        assert hypothesis.logprobs == pytest.approx(expected, abs=2e-3)
    scores = model.decoder().score(PROMPT, [hypothesis.tokens for hypothesis in found])
    for hypothesis, score in zip(found, scores, strict=True):
        assert hypothesis.logprobs == pytest.approx(score, abs=1e-4)


def test_a_kept_prefix_answers_as_a_fresh_one(loaded) -> None:
    model, _ = loaded
    decoder = model.decoder()
    sentences = [(5, 6, 7), (5, 9), (100, 3, 3, 3)]
    decoder.decode([*PROMPT, 33, 34], Choice(sentences), width=3, max_tokens=6)
    kept = decoder.decode([*PROMPT, 55], Choice(sentences), width=3, max_tokens=6)
    assert decoder.stats.cached_tokens == len(PROMPT)
    fresh = model.decoder().decode([*PROMPT, 55], Choice(sentences), width=3, max_tokens=6)
    assert [h.tokens for h in kept] == [h.tokens for h in fresh]
    for one, other in zip(kept, fresh, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)


def test_a_long_prompt_fills_the_context_to_its_end(loaded) -> None:
    model, reference = loaded
    prompt = [int(token) for token in np.random.default_rng(3).integers(0, 250, 127)]
    (best,) = model.decoder().decode(prompt, Choice([(4, 5), (6, 5)]), max_tokens=2)
    assert best.logprobs == pytest.approx(reference.logprobs(prompt, best.tokens), abs=2e-3)


def test_more_rows_than_the_largest_head_come_in_pieces(loaded) -> None:
    model, reference = loaded
    found = model.decoder().score(PROMPT[:1], [range(30, 70)])
    assert found[0] == pytest.approx(reference.logprobs(PROMPT[:1], range(30, 70)), abs=3e-3)


def test_another_thread_computes_the_same(loaded) -> None:
    model, _ = loaded
    here = model.decoder().generate(PROMPT, max_tokens=4)
    there: list[list[int]] = []
    thread = Thread(target=lambda: there.append(model.decoder().generate(PROMPT, max_tokens=4)))
    thread.start()
    thread.join()
    assert there == [here]


def test_a_model_loads_and_compiles_in_another_thread(tmp_path: Path, tiny: Callable) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(tiny(2)[0])
    found: list[int] = []

    def work() -> None:
        model = load_model(path, n_ctx=64, backend="tensor")
        model.warm()
        found.extend(model.decoder().generate(PROMPT, max_tokens=3))

    thread = Thread(target=work)
    thread.start()
    thread.join()
    assert len(found) == 3


@pytest.mark.parametrize(("count", "start"), [(0, 0), (17, 0), (4, 125)])
def test_a_step_that_does_not_fit_is_refused(loaded, count: int, start: int) -> None:
    mask = np.ones((count, start + count), bool)
    with pytest.raises(ModelError, match="legal are 1 to 16 tokens that end by slot 128"):
        loaded[0].network.step([1] * count, range(count), mask, start, [])


@pytest.fixture(scope="module")
def real(real_model_path: Path) -> Model:
    return load_model(real_model_path, backend="tensor")


def chat(model: Model, text: str) -> list[int]:
    encode, special = model.tokenizer.encode, model.tokenizer.special
    start, end = special("<|im_start|>"), special("<|im_end|>")
    user, assistant = encode("user\n" + text), encode("assistant\n")
    return [start, *user, end, *encode("\n"), start, *assistant]


@pytest.mark.model
def test_the_real_model_equals_a_float_reference(
    real: Model, real_model_path: Path, reference_of: Callable
) -> None:
    tokens = chat(real, "Turn on the lamp.")
    expected = reference_of(real_model_path).logits(tokens)
    count = len(tokens)
    found = real.network.step(tokens, range(count), np.tri(count, dtype=bool), 0, range(count))
    assert cosine(found, expected) > 0.999
    assert (found.argmax(-1) == expected.argmax(-1)).all()


@pytest.mark.model
def test_the_real_model_writes_sense(real: Model) -> None:
    prompt = chat(real, "What is the capital of France?")
    stop = [real.tokenizer.special("<|im_end|>")]
    ids = real.decoder().generate(prompt, max_tokens=20, stop_ids=stop)
    assert "Paris" in real.tokenizer.decode(ids)
