"""The durations and times of day that a sentence contains, as the grammar offers them.

The model says which of them belongs to which action; it never invents one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from edge_agent.core.command import Schedule, When
from edge_agent.language.numbers import numbers_in, spell

_SECONDS = {"second": 1.0, "sec": 1.0, "minute": 60.0, "min": 60.0, "hour": 3600.0, "hr": 3600.0}
_AMOUNT = (
    r"(?:\d+(?:[.,]\d+)?|half an?|an?"
    r"|[a-z]+(?:[- ](?:one|two|three|four|five|six|seven|eight|nine))?)"
)
_DURATION = re.compile(
    rf"\b(?P<amount>{_AMOUNT})(?P<half> and a half)?[ -]?"
    r"(?P<unit>second|sec|minute|min|hour|hr)s?\b(?P<more> and a half)?"
)
_CLOCK = re.compile(
    r"\b(?:(?P<hour>\d{1,2})(?:[:.](?P<minute>\d\d))?\s*(?P<half>a\.?m\b|p\.?m\b|o'?clock)?"
    r"|(?P<word>noon|midnight)"
    r"|(?P<past>half past|quarter past|quarter to)?\s*(?P<spoken>[a-z]+)\s*"
    r"(?P<after>a\.?m\b|p\.?m\b|o'?clock|thirty\b|fifteen\b)?)"
)
_AT = re.compile(r"\b(?:at|when it'?s|by|around)\s+(?=\S)")
_PAST = {"half past": 30, "quarter past": 15, "quarter to": -15}
_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Time:
    """One schedule and how the output language writes it."""

    phrase: str
    """`in 10 minutes`, `for 90 seconds`, `at 19:30`."""
    schedule: Schedule


def times_in(text: str, *, most: int = 4) -> tuple[Time, ...]:
    """The schedules that the durations and times of day of a sentence allow."""
    bare = " ".join(text.casefold().replace("\u2019", "'").split())
    found: dict[str, Time] = {}
    for seconds in _durations(bare):
        for when in (When.IN, When.FOR):
            time = Time(f"{when} {spell_duration(seconds)}", Schedule(when, seconds))
            found[time.phrase] = time
    for minutes in _clocks(bare):
        phrase = f"{When.AT} {spell_clock(minutes)}"
        found[phrase] = Time(phrase, Schedule(When.AT, minutes * 60.0))
    return tuple(found.values())[:most]


def spell_duration(seconds: float) -> str:
    """A duration as the grammar writes it: `90 seconds`, `10 minutes`, `2 hours`."""
    for unit, length in (("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds % length == 0 or length == 1:
            amount = seconds / length
            return f"{spell(amount)} {unit}{'' if amount == 1 else 's'}"
    raise AssertionError("seconds always divide")


def spell_clock(minutes: int) -> str:
    """A time of day, minutes since midnight, as the grammar writes it: `7:05`, `19:30`."""
    return f"{minutes // 60}:{minutes % 60:02d}"


def _durations(text: str) -> Iterator[float]:
    for match in _DURATION.finditer(text):
        said = match["amount"]
        if said.startswith("half a"):
            amount = 0.5
        elif said in {"a", "an"}:
            amount = 1.0
        elif numbers := numbers_in(said, most=1):
            amount = numbers[0]
        else:
            continue
        if match["half"] or match["more"]:
            amount += 0.5
        yield amount * _SECONDS[match["unit"]]


def _clocks(text: str) -> Iterator[int]:
    for at in _AT.finditer(text):
        match = _CLOCK.match(text, at.end())
        if match is not None and (minutes := _minutes(match)) is not None:
            yield minutes


def _minutes(match: re.Match[str]) -> int | None:
    """Minutes since midnight, or None where the words give no time of day."""
    if match["word"]:
        return 12 * 60 if match["word"] == "noon" else 0
    after = (match["half"] or match["after"] or "").replace(".", "")
    extra = int(match["minute"] or 0)
    if match["hour"]:
        hour = int(match["hour"])
    else:
        numbers = numbers_in(match["spoken"] or "", most=1)
        if not numbers:
            return None
        hour = int(numbers[0])
        extra = _PAST.get(match["past"] or "", {"thirty": 30, "fifteen": 15}.get(after, 0))
    if not 0 <= hour < 25 or not -15 <= extra < 60:
        return None
    if after == "pm" and hour < 12:
        hour += 12
    elif after == "am" and hour == 12:
        hour = 0
    return (hour * 60 + extra) % _DAY
