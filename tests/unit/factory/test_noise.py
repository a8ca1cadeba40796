"""What happens to a sentence on its way: it changes, its numbers do not."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.factory.sentences.bank import Manner
from edge_agent.factory.sentences.cases import load_source
from edge_agent.factory.sentences.noise import dressed, noisy
from edge_agent.language.numbers import numbers_in

SAID = [
    "set the kitchen light to forty five percent",
    "turn on the lamp, close the blind and make it 20.5 degrees in the hall",
    "two of the lights in the children's room, please",
    "off",
]
SEEDS = st.integers(0, 100_000)


@pytest.fixture(scope="module")
def manner() -> Manner:
    return load_source().bank.manner


@given(SEEDS, st.sampled_from(SAID))
def test_slips_leave_the_numbers_and_most_of_the_words(
    manner: Manner, seed: int, text: str
) -> None:
    changed = noisy(text, manner, Random(seed))
    assert numbers_in(changed) == numbers_in(text)
    assert changed == " ".join(changed.split())
    assert len(changed.split()) >= len(text.split()) // 2
    assert changed == noisy(text, manner, Random(seed))


@given(SEEDS, st.sampled_from(SAID), st.booleans())
def test_what_is_said_around_a_sentence_leaves_it_whole(
    manner: Manner, seed: int, text: str, imperative: bool
) -> None:
    assert text in dressed(text, manner, Random(seed), imperative=imperative)


def test_only_a_command_is_asked_for_politely(manner: Manner) -> None:
    asked = [dressed("lights", manner, Random(seed), imperative=True) for seed in range(300)]
    told = [dressed("lights", manner, Random(seed), imperative=False) for seed in range(300)]
    polite = {f"{request} lights" for request in manner.lead_in_request} - set(told)
    assert polite & set(asked)


def test_most_sentences_arrive_as_they_were_said_and_the_others_in_many_ways(
    manner: Manner,
) -> None:
    said = "turn the bedroom light on"
    heard = [noisy(said, manner, Random(seed)) for seed in range(400)]
    assert 200 < heard.count(said) < 380
    assert len(set(heard)) > 15
    assert "turn bedroom light on" in heard
