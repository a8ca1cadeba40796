"""Where speech begins and ends, from probabilities that are written down here."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.voice.endpoint import Endpoint, EndpointSettings
from edge_agent.voice.events import Speech

BEGAN, ENDED, NONE, TOO_LONG = Speech
CHUNK = 0.02
"""Seconds; a round number makes the tests easier to read."""


def endpoint(patience: float | None = None, **settings: float) -> Endpoint:
    it = Endpoint(EndpointSettings(**settings), CHUNK)
    it.open(patience)
    return it


def edges(it: Endpoint, *sound: tuple[float, float]) -> list[tuple[float, Speech]]:
    """What is found in stretches of (seconds, probability), each with the seconds until then."""
    stretches = [[probability] * round(seconds / CHUNK) for seconds, probability in sound]
    chunks = itertools.chain.from_iterable(stretches)
    found = [(round(at * CHUNK, 3), it.feed(one)) for at, one in enumerate(chunks, 1)]
    return [(at, edge) for at, edge in found if edge is not None]


def test_a_sentence_begins_and_ends() -> None:
    found = edges(endpoint(), (1.0, 0.0), (2.0, 1.0), (2.0, 0.0))
    assert found == [(1.16, BEGAN), (3.5, ENDED)]


def test_one_sentence_follows_the_other() -> None:
    sentence = [(1.0, 0.0), (1.0, 0.9)]
    found = edges(endpoint(), *sentence, *sentence, (1.0, 0.0))
    assert [edge for _, edge in found] == [BEGAN, ENDED, BEGAN, ENDED]


def test_a_pause_that_is_shorter_than_the_hang_is_part_of_the_sentence() -> None:
    found = edges(endpoint(), (1.0, 0.9), (0.48, 0.0), (1.0, 0.9), (1.0, 0.0))
    assert found == [(0.16, BEGAN), (2.98, ENDED)]


def test_a_click_is_no_speech() -> None:
    assert edges(endpoint(), (1.0, 0.0), (0.1, 1.0), (3.0, 0.0)) == []


def test_clicks_that_are_far_apart_do_not_add_up() -> None:
    assert edges(endpoint(), *[(0.1, 1.0), (0.2, 0.0)] * 10) == []


def test_syllables_with_a_short_gap_add_up() -> None:
    assert edges(endpoint(), (0.1, 1.0), (0.08, 0.0), (0.1, 1.0)) == [(0.24, BEGAN)]


def test_what_is_in_between_neither_begins_nor_ends_speech() -> None:
    assert edges(endpoint(), (5.0, 0.45)) == []
    found = edges(endpoint(), (1.0, 0.9), (5.0, 0.45), (1.0, 0.0))
    assert found == [(0.16, BEGAN), (6.5, ENDED)]


def test_a_pause_goes_on_where_it_is_almost_speech_again() -> None:
    found = edges(endpoint(), (1.0, 0.9), (0.2, 0.0), (1.0, 0.45))
    assert found == [(0.16, BEGAN), (1.5, ENDED)]


def test_nothing_said_is_told_once() -> None:
    assert edges(endpoint(3.0), (20.0, 0.0)) == [(3.0, NONE)]


def test_without_a_limit_it_waits_for_ever() -> None:
    assert edges(endpoint(), (600.0, 0.0)) == []


def test_speech_that_is_beginning_when_the_time_is_up_counts() -> None:
    assert edges(endpoint(3.0), (2.9, 0.0), (1.0, 1.0)) == [(3.06, BEGAN)]


def test_a_click_when_the_time_is_up_does_not_keep_it_waiting() -> None:
    assert edges(endpoint(3.0), (2.96, 0.0), (0.06, 1.0), (1.0, 0.0)) == [(3.14, NONE)]


def test_after_a_sentence_nothing_is_waited_for() -> None:
    found = edges(endpoint(3.0), (1.0, 1.0), (10.0, 0.0))
    assert [edge for _, edge in found] == [BEGAN, ENDED]


def test_speech_without_an_end_is_too_long() -> None:
    found = edges(endpoint(), (1.0, 0.0), (12.9, 1.0))
    assert found == [(1.16, BEGAN), (13.0, TOO_LONG), (13.16, BEGAN)]


def test_opening_it_anew_forgets_half_a_sentence_and_begins_to_wait() -> None:
    it = endpoint()
    assert edges(it, (1.0, 1.0), (0.4, 0.0)) == [(0.16, BEGAN)]
    it.open(2.0)
    assert edges(it, (0.1, 1.0), (3.0, 0.0)) == [(2.0, NONE)]


def hang_after(seconds: float, floor: float) -> float:
    """The silence that ends a sentence after so much of a room's sound."""
    found = edges(endpoint(), (seconds, floor), (1.0, 1.0), (2.0, 0.0))
    return round(found[-1][0] - seconds - 1.0, 2)


@pytest.mark.parametrize(
    ("floor", "hang"), [(0.0, 0.5), (0.02, 0.5), (0.055, 0.66), (0.15, 0.8), (0.3, 0.8)]
)
def test_the_hang_follows_the_noise_of_the_room(floor: float, hang: float) -> None:
    assert hang_after(1.0, floor) == hang


def test_a_moment_is_enough_to_judge_a_room_that_nothing_is_known_of() -> None:
    assert hang_after(0.1, 0.2) == 0.8


def test_what_is_known_of_the_room_outlives_a_sentence() -> None:
    it = endpoint()
    edges(it, (1.5, 0.2))
    it.open(None)
    assert edges(it, (1.0, 1.0), (2.0, 0.0))[-1] == (1.8, ENDED)


def test_a_room_that_fell_quiet_is_quiet_again() -> None:
    it = endpoint()
    edges(it, (3.0, 0.2), (9.0, 0.0))
    assert it.hang == 0.5


def test_pauses_between_words_do_not_make_a_room_quiet_or_noisy() -> None:
    it = endpoint()
    edges(it, (1.5, 0.05))
    before = it.hang
    edges(it, *[(0.5, 0.9), (0.3, 0.3)] * 10)
    assert it.hang == before


def test_the_lead_reaches_back_to_before_the_first_sound() -> None:
    it = endpoint()
    edges(it, (1.0, 0.0), (0.1, 1.0), (0.08, 0.0), (0.06, 1.0))
    assert it.lead == pytest.approx(0.24 + 0.3)


@given(
    st.lists(st.floats(0, 1), max_size=400),
    st.one_of(st.none(), st.floats(0, 5)),
    st.sampled_from([CHUNK, 0.032]),
)
def test_speech_ends_once_after_it_began(
    chunks: list[float], patience: float | None, chunk: float
) -> None:
    it = Endpoint(EndpointSettings(longest=3.0), chunk)
    it.open(patience)
    speaking, length = False, 0.0
    found = []
    for probability in chunks:
        edge = it.feed(probability)
        length += chunk
        assert 0.5 <= it.hang <= 0.8
        if edge is BEGAN:
            assert not speaking
            speaking, length = True, 0.0
        elif edge in {ENDED, TOO_LONG}:
            assert speaking
            speaking = False
        assert not speaking or length < 3.1
        found += [edge] if edge else []
    assert NONE not in found[1:]
