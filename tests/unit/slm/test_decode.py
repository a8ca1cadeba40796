import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.errors import ModelError
from edge_agent.slm.decode import Cancelled, Decoder

VOCAB = 12


def logits_after(path: Sequence[int]) -> np.ndarray:
    """What the fake network says after a path: any function of exactly that path."""
    return np.random.default_rng([len(path), *path]).normal(size=VOCAB).astype(np.float32) * 3


def logprobs(prompt: Sequence[int], tokens: Sequence[int]) -> list[float]:
    found = []
    for at, token in enumerate(tokens):
        line = logits_after([*prompt, *tokens[:at]]).astype(float)
        found.append(line[token] - np.log(np.exp(line).sum()))
    return found


class FakeNetwork:
    """Answers from the tokens that it is shown, in the order of their positions."""

    vocab_size = VOCAB

    def __init__(self, *, n_ctx: int = 128, max_tokens: int = 5) -> None:
        self.n_ctx = n_ctx
        self.max_tokens = max_tokens
        self.fed: list[list[int]] = []
        self.slots: dict[int, tuple[int, int]] = {}
        self.kept: dict[tuple[int, ...], dict[int, tuple[int, int]]] = {}

    def step(self, tokens, positions, visible, start_slot, rows):
        assert 0 < len(tokens) <= self.max_tokens
        assert visible.shape == (len(tokens), start_slot + len(tokens))
        self.fed.append(list(tokens))
        for at, pair in enumerate(zip(positions, tokens, strict=True)):
            self.slots[start_slot + at] = pair
        found = []
        for row in rows:
            seen = sorted(self.slots[slot] for slot in np.flatnonzero(visible[row]))
            assert [position for position, _ in seen] == list(range(len(seen)))
            found.append(logits_after([token for _, token in seen]))
        return np.array(found).reshape(-1, VOCAB)

    def recall(self, tokens) -> bool:
        self.slots.update(self.kept.get(tuple(tokens), {}))
        return tuple(tokens) in self.kept

    def keep(self, tokens) -> None:
        self.kept[tuple(tokens)] = {slot: self.slots[slot] for slot in range(len(tokens))}

    def warm(self) -> None:
        """Nothing to compile."""


class Sentences:
    """A grammar of a few whole sentences, none the beginning of another."""

    def __init__(self, sentences: Sequence[Sequence[int]]) -> None:
        self.sentences = sentences

    @property
    def edges(self) -> Mapping[int, "Sentences"]:
        found: dict[int, list[Sequence[int]]] = {}
        for sentence in self.sentences:
            if sentence:
                found.setdefault(sentence[0], []).append(sentence[1:])
        return {token: Sentences(rest) for token, rest in found.items()}


class Forever:
    """A grammar that only ever allows one token."""

    @property
    def edges(self) -> Mapping[int, "Forever"]:
        return {3: self}


ALL = [tuple(s) for s in itertools.product((1, 4, 7), repeat=3)]


def test_a_wide_beam_finds_the_most_probable_sentences() -> None:
    prompt = [9, 2, 5]
    found = Decoder(FakeNetwork()).decode(prompt, Sentences(ALL), width=27, max_tokens=5)
    by_hand = sorted(ALL, key=lambda s: -sum(logprobs(prompt, s)))
    assert [hypothesis.tokens for hypothesis in found] == by_hand
    for hypothesis in found:
        assert hypothesis.logprobs == pytest.approx(logprobs(prompt, hypothesis.tokens), abs=1e-5)
        assert hypothesis.finished


def test_a_branch_far_below_the_best_is_given_up_and_the_best_stays() -> None:
    def decode(margin: float) -> tuple[list[tuple[int, ...]], int]:
        decoder = Decoder(FakeNetwork())
        found = decoder.decode([9, 2, 5], Sentences(ALL), width=27, max_tokens=5, margin=margin)
        return [hypothesis.tokens for hypothesis in found], decoder.stats.decoded_tokens

    every, cost = decode(math.inf)
    few, less = decode(0.5)
    assert few[0] == every[0]
    assert len(few) < len(every)
    assert less < cost


def test_width_one_takes_the_best_token_each_time() -> None:
    prompt = [3, 3]
    (found,) = Decoder(FakeNetwork()).decode(prompt, Sentences(ALL), max_tokens=5)
    greedy: list[int] = []
    for _ in range(3):
        line = logits_after([*prompt, *greedy])
        greedy.append(max((1, 4, 7), key=lambda token: line[token]))
    assert list(found.tokens) == greedy


def test_forced_tokens_ride_along_and_keep_their_logprobs() -> None:
    network = FakeNetwork(max_tokens=16)
    decoder = Decoder(network)
    sentences = [(2, 3, 4, 5, 6, 1), (2, 3, 4, 5, 7, 8, 9)]
    (best, _) = decoder.decode([1, 1], Sentences(sentences), width=2, max_tokens=9)
    assert best.tokens in sentences
    assert best.logprobs == pytest.approx(logprobs([1, 1], best.tokens), abs=1e-5)
    assert decoder.stats.steps == 2
    assert decoder.stats.forced_tokens == 4 + 1 + 2
    assert network.fed[0] == [1, 1, 2, 3, 4, 5]


def test_a_sentence_without_a_choice_needs_one_step() -> None:
    decoder = Decoder(FakeNetwork())
    (only,) = decoder.decode([1], Sentences([(5, 6, 7)]), max_tokens=9)
    assert (only.tokens, only.finished, decoder.stats.steps) == ((5, 6, 7), True, 1)
    assert only.logprobs == pytest.approx(logprobs([1], (5, 6, 7)), abs=1e-5)


def test_an_empty_grammar_is_finished_at_once() -> None:
    network = FakeNetwork()
    (only,) = Decoder(network).decode([1, 2], Sentences([]), max_tokens=9)
    assert (only.tokens, only.logprob, only.finished) == ((), 0, True)
    assert network.fed == [[1]]  # the prompt, which a next call may share


def test_max_tokens_cuts_an_endless_grammar() -> None:
    (only,) = Decoder(FakeNetwork()).decode([1], Forever(), max_tokens=7)
    assert (only.tokens, only.finished) == ((3,) * 7, False)
    assert only.logprobs == pytest.approx(logprobs([1], only.tokens), abs=1e-5)


def test_finished_sentences_come_before_cut_ones() -> None:
    found = Decoder(FakeNetwork()).decode(
        [1], Sentences([(1, 2, 3, 4, 5), (1, 3), (1, 4, 9, 9, 9)]), width=3, max_tokens=3
    )
    assert [h.finished for h in found] == [True, False, False]
    assert found[1].logprob >= found[2].logprob


def test_the_prefix_is_fed_once() -> None:
    network = FakeNetwork(max_tokens=64)
    decoder = Decoder(network)
    decoder.decode([8, 7, 6, 5, 4], Sentences(ALL), width=3, max_tokens=5)
    network.fed.clear()
    again = decoder.decode([8, 7, 6, 1, 2], Sentences(ALL), width=27, max_tokens=5)
    assert decoder.stats.cached_tokens == 3
    assert network.fed[0] == [1, 2]
    assert again == Decoder(FakeNetwork()).decode(
        [8, 7, 6, 1, 2], Sentences(ALL), width=27, max_tokens=5
    )


sentences = st.lists(st.lists(st.integers(0, VOCAB - 1), min_size=1, max_size=4), max_size=6)
prompts = st.lists(st.integers(0, VOCAB - 1), min_size=1, max_size=6)


@given(st.lists(st.tuples(prompts, sentences, st.integers(1, 4)), min_size=1, max_size=4))
def test_a_used_decoder_answers_as_a_fresh_one(calls: list) -> None:
    used = Decoder(FakeNetwork())
    for prompt, allowed, width in calls:
        grammar = Sentences([[*s, 0] for s in allowed])
        assert used.decode(prompt, grammar, width=width, max_tokens=6) == Decoder(
            FakeNetwork(max_tokens=64)
        ).decode(prompt, grammar, width=width, max_tokens=6)


def test_scores_equal_the_sentences_one_by_one() -> None:
    decoder = Decoder(FakeNetwork(max_tokens=64))
    continuations = [(1, 2, 3), (1, 2, 4), (), (1, 2, 3), (5,)]
    found = decoder.score([6, 6], continuations)
    for scores, tokens in zip(found, continuations, strict=True):
        assert scores == pytest.approx(logprobs([6, 6], tokens), abs=1e-5)
    assert decoder.stats.steps == 1


def test_generate_follows_the_best_token_and_stops() -> None:
    decoder = Decoder(FakeNetwork())
    tokens = decoder.generate([1, 2], max_tokens=6)
    assert tokens == [int(logits_after([1, 2, *tokens[:at]]).argmax()) for at in range(len(tokens))]
    assert len(tokens) == 6
    assert (
        decoder.generate([1, 2], max_tokens=6, stop_ids=[tokens[2]])
        == (tokens[: tokens.index(tokens[2])])
    )


def test_cancelled_is_asked_before_every_step() -> None:
    network = FakeNetwork()
    answers = iter([False, False, True])
    with pytest.raises(Cancelled):
        Decoder(network).generate([1], max_tokens=9, cancelled=lambda: next(answers))
    assert len(network.fed) == 2


def test_a_cancelled_decode_leaves_the_slots_usable() -> None:
    decoder = Decoder(FakeNetwork())
    answers = iter([False, True])
    with pytest.raises(Cancelled):
        decoder.decode([1] * 9, Sentences(ALL), max_tokens=9, cancelled=lambda: next(answers))
    fresh = Decoder(FakeNetwork()).decode([1] * 9, Sentences(ALL), width=9, max_tokens=9)
    assert decoder.decode([1] * 9, Sentences(ALL), width=9, max_tokens=9) == fresh


@pytest.mark.parametrize("prompt", [[], [1] * 129])
def test_a_prompt_that_does_not_fit_is_refused(prompt: list[int]) -> None:
    with pytest.raises(ModelError, match="legal are 1 to 128"):
        Decoder(FakeNetwork()).decode(prompt, Sentences(ALL), max_tokens=3)


def test_branches_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ModelError, match="do not fit the context of 128"):
        Decoder(FakeNetwork()).decode([1] * 120, Sentences(ALL), width=27, max_tokens=3)


@pytest.mark.parametrize("token", [-1, VOCAB])
def test_a_token_outside_the_vocabulary_is_refused(token: int) -> None:
    decoder = Decoder(FakeNetwork())
    with pytest.raises(ModelError, match=f"token {token} is not in the vocabulary"):
        decoder.decode([token], Sentences(ALL), max_tokens=3)
    with pytest.raises(ModelError, match=f"token {token} is not in the vocabulary"):
        decoder.decode([1], Sentences([(token,), (2,)]), max_tokens=3)


def test_numbers_that_are_not_finite_are_an_error() -> None:
    network = FakeNetwork()
    network.step = lambda tokens, positions, visible, start, rows: np.full(
        (len(rows), VOCAB), np.nan, np.float32
    )
    with pytest.raises(ModelError, match="not finite"):
        Decoder(network).decode([1], Sentences(ALL), max_tokens=3)


def test_a_beginning_that_was_kept_is_not_computed_again():
    network = FakeNetwork()
    decoder = Decoder(network)
    prefix = [3, 1, 4, 1, 5, 9]
    decoder.hold(prefix)
    assert [token for fed in network.fed for token in fed] == prefix
    expected = decoder.generate([*prefix, 2], max_tokens=4)
    after_restart = FakeNetwork()
    after_restart.kept = network.kept
    decoder = Decoder(after_restart)
    decoder.hold(prefix)
    assert after_restart.fed == []
    assert decoder.generate([*prefix, 2], max_tokens=4) == expected
    assert decoder.stats.cached_tokens == len(prefix)
    decoder.hold([*prefix, 7])  # another beginning, of which the slots hold the first part
    assert decoder.generate([*prefix, 7, 2], max_tokens=4) == Decoder(FakeNetwork()).generate(
        [*prefix, 7, 2], max_tokens=4
    )
