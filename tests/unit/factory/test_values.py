"""How values are said: what is said can be read back by the daemon."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.entity import ON_OFF, Attribute, Capability, Choice, Range, Reading
from edge_agent.factory.sentences.values import (
    in_words,
    likely_amount,
    likely_number,
    say_clock,
    say_duration,
    say_number,
    say_option,
    sensor_number,
    time_phrase,
)
from edge_agent.language.numbers import numbers_in

SEEDS = st.integers(0, 100_000).map(Random)
RANGES = [
    Range(0, 100, unit="%"),
    Range(5, 30, 0.5, "°C"),
    Range(60, 90, 1, "°F"),
    Range(2200, 6500, unit="K"),
    Range(0, 3),
    Range(0, 10_000),
    Range(0.5, 1.5, 0.1),
    Range(-20, 20, 1, "degrees"),
]


def setting(domain: Range | Choice) -> Capability:
    return Capability(Attribute.POSITION, domain)


@given(st.integers(-9999, 9999), st.sampled_from([0, 0.5, 0.1, 0.25]))
def test_a_number_in_words_is_read_back(whole: int, rest: float) -> None:
    number = whole + (rest if whole >= 0 else -rest)
    assert numbers_in(f"set it to {in_words(number)}") == (pytest.approx(number),)


@given(SEEDS, st.sampled_from(RANGES))
def test_a_likely_number_is_legal_and_is_read_back_as_it_is_said(
    random: Random, domain: Range
) -> None:
    number = likely_number(setting(domain), random)
    assert number is not None
    assert number in domain
    said = say_number(number, setting(domain), random)
    assert number in numbers_in(f"set {said} for the thing")


@given(SEEDS, st.sampled_from(RANGES))
def test_an_amount_is_a_part_of_the_range_and_is_read_back(random: Random, domain: Range) -> None:
    amount = likely_amount(setting(domain), random)
    assert amount is not None
    assert amount > 0
    assert amount in numbers_in(f"up {say_number(amount, setting(domain), random)} more")


def test_what_takes_no_number_is_given_none() -> None:
    random = Random(1)
    assert likely_number(setting(ON_OFF), random) is None
    assert likely_amount(setting(ON_OFF), random) is None


def test_a_percentage_is_said_in_many_ways() -> None:
    random, half = Random(1), setting(Range(0, 100, unit="%"))
    said = {say_number(50, half, random) for _ in range(300)}
    assert {"half", "halfway", "fifty percent", "50%", "50 percent", "fifty"} <= said


@given(SEEDS)
def test_a_duration_is_read_back_as_one_time(random: Random) -> None:
    said = say_duration(random)
    found = time_phrase(f"turn it off in {said} please", "in")
    assert found is not None
    assert found.startswith("in ")
    assert time_phrase(f"turn it on for {said}", "for") == found.replace("in ", "for ", 1)


@given(SEEDS)
def test_a_time_of_day_is_read_back_as_one_time(random: Random) -> None:
    found = time_phrase(f"turn it off at {say_clock(random)}", "at")
    assert found is not None
    hours, minutes = found.removeprefix("at ").split(":")
    assert 0 <= int(hours) < 24
    assert int(minutes) % 5 == 0


def test_a_time_that_cannot_be_read_or_is_not_the_only_one_has_no_phrase() -> None:
    assert time_phrase("turn it off one day", "in") is None
    assert time_phrase("in ten minutes or in an hour", "in") is None
    assert time_phrase("turn it on for ten minutes", "for") == "for 10 minutes"


@given(st.text("abc_XY ", min_size=1, max_size=12))
def test_an_option_is_said_in_plain_words(option: str) -> None:
    said = say_option(option)
    assert "_" not in said
    assert said == said.casefold()


@given(SEEDS, st.sampled_from(["temperature", "humidity", "battery", "carbon dioxide"]))
def test_what_is_measured_is_compared_with_whole_numbers(random: Random, attribute: str) -> None:
    number = sensor_number(attribute, random)
    reading = Capability(attribute, Reading("%"), settable=False)
    assert number.is_integer()
    assert number in numbers_in(f"above {say_number(number, reading, random)} there")
