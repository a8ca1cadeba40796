"""Times that a sentence says, and none that it does not."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.command import Schedule, When
from edge_agent.language.times import spell_clock, spell_duration, times_in, untimed

WRITTEN = re.compile(r"(?:in|for) \d+(?:\.\d+)? (?:second|minute|hour)s?|at \d{1,2}:\d\d")


def durations(text):
    return [t.schedule.seconds for t in times_in(text) if t.schedule.when is When.IN]


def clocks(text):
    return [t.phrase for t in times_in(text) if t.schedule.when is When.AT]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("in 10 minutes", 600),
        ("in ten minutes", 600),
        ("in 10 mins", 600),
        ("in a minute", 60),
        ("for 90 seconds", 90),
        ("for 30 sec", 30),
        ("in twenty five minutes", 1500),
        ("in twenty-five minutes", 1500),
        ("in one hundred and twenty seconds", 120),
        ("in 1,000 seconds", 1000),
        ("for 2 hours", 7200),
        ("for an hour", 3600),
        ("In Half An Hour!", 1800),
        ("in half hour", 1800),
        ("in a quarter of an hour", 900),
        ("in three quarters of an hour", 2700),
        ("in an hour and a half", 5400),
        ("in one and a half hours", 5400),
        ("in 2 and a half hours", 9000),
        ("in 1.5 hours", 5400),
        ("for an hour and twenty minutes", 4800),
        ("for 2 hours 30 minutes", 9000),
        ("turn lamp 2 to 20 in 5 minutes", 300),
    ],
)
def test_duration_in_words_and_digits(text, seconds):
    assert durations(text) == [seconds]


def test_two_durations_are_two():
    assert durations("in 5 minutes for 2 hours") == [300, 7200]
    assert durations("in 5 minutes and for 10 minutes") == [300, 600]


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("at 7", "at 7:00"),
        ("at 7:05", "at 7:05"),
        ("at 7.30 pm", "at 19:30"),
        ("at 19:30", "at 19:30"),
        ("at 7pm", "at 19:00"),
        ("at 7 p.m. please", "at 19:00"),
        ("at 12 am", "at 0:00"),
        ("at 12 pm", "at 12:00"),
        ("at noon", "at 12:00"),
        ("at midnight", "at 0:00"),
        ("at seven", "at 7:00"),
        ("at seven thirty", "at 7:30"),
        ("at seven forty five pm", "at 19:45"),
        ("at seven o\u2019clock", "at 7:00"),
        ("at seven o'clock in the evening", "at 19:00"),
        ("at twelve in the morning", "at 0:00"),
        ("at half past six", "at 6:30"),
        ("at quarter to seven", "at 6:45"),
        ("at a quarter past 8", "at 8:15"),
        ("at twenty past six", "at 6:20"),
        ("at ten to one", "at 0:50"),
        ("at twenty five to seven pm", "at 18:35"),
        ("at twenty one", "at 21:00"),
        ("by 5", "at 5:00"),
        ("when it's eight", "at 8:00"),
    ],
)
def test_time_of_day_in_words_and_digits(text, clock):
    assert clocks(text) == [clock]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "turn on the lamp",
        "the second floor lamp",
        "the minute hand",
        "in 0 minutes",
        "in a few minutes",
        "for 99999999999999999999 hours",
        "in 200 hours",
        "10 m",
        "at 21 degrees",
        "at twenty one degrees",
        "at 20.5",
        "at 50%",
        "at 100%",
        "at 40 percent",
        "at 25:99",
        "at 7:75",
        "at 30",
        "at the kitchen",
        "at at at",
        "seven",
        "7:30",
        "chat 7",
    ],
)
def test_what_is_no_time_is_not_taken_for_one(text):
    assert times_in(text) == ()


def test_a_duration_is_offered_both_ways_with_its_seconds():
    assert [(time.phrase, time.schedule) for time in times_in("10 minutes, at 19:30")] == [
        ("in 10 minutes", Schedule(When.IN, 600)),
        ("for 10 minutes", Schedule(When.FOR, 600)),
        ("at 19:30", Schedule(When.AT, 70_200)),
    ]


@given(st.integers(1, 7 * 24 * 3600))
def test_every_duration_is_read_as_it_is_written(seconds):
    assert durations(f"in {spell_duration(seconds)}") == [seconds]


@given(st.integers(0, 24 * 60 - 1))
def test_every_time_of_day_is_read_as_it_is_written(minutes):
    (time,) = times_in(f"at {spell_clock(minutes)}")
    assert time.schedule == Schedule(When.AT, minutes * 60)


WORDS = st.sampled_from(
    "at by in for an a half quarter past to and hour hours minutes second seven twenty hundred "
    "thousand point 7 19:30 99 -5 0 1e9 %".split()
) | st.text(max_size=8)


@given(st.lists(WORDS, max_size=40).map(" ".join))
def test_whatever_is_said_the_times_are_few_and_possible(text):
    found = times_in(text)
    assert len({time.phrase for time in found}) == len(found) <= 4
    for time in found:
        assert WRITTEN.fullmatch(time.phrase)
        at = time.schedule.when is When.AT
        assert 0 <= time.schedule.seconds < 24 * 3600 if at else time.schedule.seconds > 0


@pytest.mark.parametrize(
    "text", ["at " * 100, "half " * 60, "twenty " * 43, "a" * 300, "one and " * 38, "1" * 300]
)
def test_hostile_text_is_read_to_its_end(text):
    assert times_in(f"{text} minutes at 7pm")[-1].phrase == "at 19:00"


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("turn off the heater in about 10 minutes please", "turn off the heater please"),
        ("after ten minutes turn the fan off", "turn the fan off"),
        ("lamp on for the next two hours", "lamp on"),
        ("in half an hour's time close the blinds", "close the blinds"),
        ("heater off at half past seven in the evening", "heater off"),
        ("heater on at 7:30 pm and off in an hour and twenty minutes", "heater on and off"),
        ("open the blinds 20 minutes from now", "open the blinds"),
        ("fan off not now but in 20 seconds", "fan off"),
        ("not right away, in three minutes fan off", "fan off"),
        ("fan off once 30 minutes have passed", "fan off"),
        ("when fifteen minutes are over fan off", "fan off"),
        # what is no such time stays to be heeded
        ("heater off in 10 minutes, tomorrow", "heater off , tomorrow"),
        ("fan off once a minute", "fan off once"),
        ("do not turn the fan off in 10 minutes", "do not turn the fan off"),
        ("when I am home fan on for 10 minutes", "when i am home fan on"),
        ("fan to 20 in 5 minutes", "fan to 20"),
    ],
)
def test_the_words_of_times_are_taken_out_and_nothing_else(text, rest):
    assert untimed(text, [time.schedule for time in times_in(text)]) == rest


def test_a_time_that_is_not_kept_stays():
    text = "lamp on in 5 minutes and off in 10 minutes"
    assert untimed(text, [Schedule(When.IN, 300)]) == "lamp on and off in 10 minutes"
    assert untimed(text, []) == text
