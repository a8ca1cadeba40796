"""The durations and times of day that a sentence contains, as the grammar offers them.

The model says which of them belongs to which action; it never invents one.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from edge_agent.core.command import Schedule, When
from edge_agent.language.numbers import numbers_in, spell

_SECONDS = {"second": 1.0, "sec": 1.0, "minute": 60.0, "min": 60.0, "hour": 3600.0, "hr": 3600.0}
_LONGEST = 7 * 24 * 3600.0
_UNITS = "one|two|three|four|five|six|seven|eight|nine"
_TEENS = "ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen"
_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_NUMBER = rf"(?:{_TEENS}|{_TENS}|{_UNITS}|zero|hundred|thousand)"
_DURATION = re.compile(
    r"\b(?P<amount>\d+(?:[.,]\d+)?|(?P<part>(?:three[- ])?quarters? of|half) ?(?:an?\b)?|an?"
    rf"|{_NUMBER}(?:(?:[- ]| and | point ){_NUMBER}\b)*)"
    r"(?P<half> and a half)?[ -]?"
    r"(?P<unit>second|sec|minute|min|hour|hr)s?\b(?P<more> and a half)?"
)
_JOINT = re.compile(r"(?:,? and |,? )")
_UP_TO_59 = rf"(?:(?:twenty|thirty|forty|fifty)(?:[- ](?:{_UNITS})\b)?|{_TEENS}|{_UNITS})\b"
_CLOCK = re.compile(
    r"(?:(?P<word>noon|midnight)\b"
    # Whole or not at all: "at twenty one degrees" must not become eight in the evening.
    rf"|(?>(?:(?P<part>half|(?:a )?quarter|{_UP_TO_59}(?: minutes?)?) (?P<side>past|after|to) "
    rf"(?=(?:1[0-2]|[1-9]|{_UNITS}|ten|eleven|twelve)\b))?"
    r"(?:(?P<hour>\d{1,2})(?:[:.](?P<minute>\d\d))?(?!\d|[.,:]\d)"
    rf"|(?P<spoken>{_UP_TO_59})(?: (?P<more>{_UP_TO_59}))?))"
    r"(?!\s*(?:%|\u00b0|degrees?\b|percent\b))"
    r"\s*(?:o'?clock\b\s*)?"
    r"(?P<half>(?:a\.?m|p\.?m|in the (?:morning|afternoon|evening)|tonight)\b)?)"
)
_AT = re.compile(
    r"(?:@|\b(?:at|by|around|come|from|towards?|as of"
    r"|(?:when|once|as soon as) (?:it'?s|it is|the clock (?:says|strikes)))\b)\s*"
    r"(?:\b(?:exactly|precisely|around|about) )?(?=\S)"
)
_BEFORE_TIME = re.compile(
    r"(?:\bnot (?:just |right )?(?:now|yet|away|at once|immediately),? (?:but )?(?:only )?)?"
    r"(?:\b(?:in|for|after|within|during|with) )?"
    r"(?:(?:about|around|another|a further|the next|exactly|precisely|roughly|approximately|like"
    r"|maybe|just|only|say|at least|no more than|up to) ){0,2}$"
)
_PASSED = re.compile(
    r"^ (?:ha(?:s|ve) (?:passed|gone(?: by)?|elapsed)|(?:is|are) (?:over|up|gone|done|past))\b"
)
_WHEN = re.compile(r"\b(?:when|once|as soon as|after) (?:the )?$")
"""Before a time that has passed then: "once ten minutes have passed" is no condition."""
_AFTER_TIME = re.compile(
    r"^(?:'s?)? ?(?:from (?:now|this moment)|later|or so|time|delay)\b|^ ?[ap]\.?m\b\.?"
)
_AFTERNOON = ("p", "in the a", "in the e", "t")
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
    for seconds, _, _ in _durations(bare):
        for when in (When.IN, When.FOR):
            time = Time(f"{when} {spell_duration(seconds)}", Schedule(when, seconds))
            found[time.phrase] = time
    for minutes, _, _ in _clocks(bare):
        phrase = f"{When.AT} {spell_clock(minutes)}"
        found[phrase] = Time(phrase, Schedule(When.AT, minutes * 60.0))
    return tuple(found.values())[:most]


def untimed(text: str, schedules: Iterable[Schedule]) -> str:
    """A sentence without the words for some times: what is left must be heeded otherwise."""
    bare = " ".join(text.casefold().replace("\u2019", "'").split())
    said = {(one.when is When.AT, one.seconds) for one in schedules}
    spans = [
        *((start, end) for seconds, start, end in _durations(bare) if (False, seconds) in said),
        *((start, end) for minutes, start, end in _clocks(bare) if (True, minutes * 60.0) in said),
    ]
    for start, end in sorted(spans, reverse=True):
        before, after = bare[:start], bare[end:]
        if passed := _PASSED.match(after):
            before, after = _WHEN.sub("", before), after[passed.end() :]
        bare = f"{_BEFORE_TIME.sub('', before)} {_AFTER_TIME.sub('', after)}"
    return " ".join(bare.split())


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


def _durations(text: str) -> Iterator[tuple[float, int, int]]:
    """In seconds, with where they stand; "an hour and twenty minutes" is one."""
    total, unit, start, end = 0.0, 0.0, 0, 0
    for match in _DURATION.finditer(text):
        seconds, last, unit = _seconds(match), unit, _SECONDS[match["unit"]]
        if unit < last and _JOINT.fullmatch(text, end, match.start()):
            total += seconds
        else:
            yield from _possible(total, start, end)
            total, start = seconds, match.start()
        end = match.end()
    yield from _possible(total, start, end)


def _possible(seconds: float, start: int, end: int) -> Iterator[tuple[float, int, int]]:
    if 0 < seconds <= _LONGEST:
        yield round(seconds, 3), start, end


def _seconds(match: re.Match[str]) -> float:
    said = match["amount"]
    if match["part"]:
        amount = 0.5 if said.startswith("half") else 0.75 if said.startswith("three") else 0.25
    else:
        amount = 1.0 if said in {"a", "an"} else numbers_in(said)[-1]
    if match["half"] or match["more"]:
        amount += 0.5
    return amount * _SECONDS[match["unit"]]


def _clocks(text: str) -> Iterator[tuple[int, int, int]]:
    """In minutes since midnight, with where they stand."""
    for at in _AT.finditer(text):
        match = _CLOCK.match(text, at.end())
        if match is not None and (minutes := _minutes(match)) is not None:
            yield minutes, at.start(), match.end()


def _minutes(match: re.Match[str]) -> int | None:
    """Minutes since midnight, or None where the words give no time of day."""
    if match["word"]:
        return 12 * 60 if match["word"] == "noon" else 0
    hour = int(match["hour"] or numbers_in(match["spoken"])[0])
    extra = int(match["minute"] or numbers_in(match["more"] or "zero")[0])
    if part := match["part"]:
        named = {"half": 30, "quarter": 15, "a quarter": 15}
        extra = named[part] if part in named else int(numbers_in(part)[0])
        extra = -extra if match["side"] == "to" else extra
    if not 0 <= hour < 25 or not -60 < extra < 60:
        return None
    half = match["half"] or ""
    if half.startswith(_AFTERNOON) and hour < 12:
        hour += 12
    elif half and not half.startswith(_AFTERNOON) and hour == 12:
        hour = 0
    return (hour * 60 + extra) % _DAY
