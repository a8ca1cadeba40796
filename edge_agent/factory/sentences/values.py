"""How people say values: numbers, options, durations and times of day.

Every form is checked against the daemon's own readers, so what cannot be read back is not said.
"""

from collections.abc import Mapping
from random import Random

from edge_agent.core.entity import Capability, Range
from edge_agent.language.numbers import numbers_in, spell
from edge_agent.language.times import times_in

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = ". . twenty thirty forty fifty sixty seventy eighty ninety".split()
_PERCENT_WORDS = {50: ("half", "halfway", "50"), 25: ("a quarter",), 75: ("three quarters",)}


def in_words(number: float) -> str:
    """A number up to 9999 in words; with a half or one decimal where it has one."""
    whole, rest = int(number), round(number - int(number), 3)
    if number < 0:
        return f"minus {in_words(-number)}"
    words = _whole(whole)
    if rest == 0.5:
        return f"{words} and a half"
    return words if not rest else f"{words} point {' '.join(_ONES[int(d)] for d in str(rest)[2:])}"


def _whole(number: int) -> str:
    if number < 20:
        return _ONES[number]
    if number < 100:
        ten, one = divmod(number, 10)
        return _TENS[ten] + (f" {_ONES[one]}" if one else "")
    if number < 1000:
        hundred, rest = divmod(number, 100)
        more = f" and {_whole(rest)}" if rest else ""
        return f"{_ONES[hundred]} hundred{more}"
    thousand, rest = divmod(number, 1000)
    return f"{_whole(thousand)} thousand" + (f" {_whole(rest)}" if rest else "")


def likely_number(capability: Capability, random: Random) -> float | None:
    """A number that people would set this to; None where it takes none."""
    domain = capability.domain
    if not isinstance(domain, Range):
        return None
    low, high, unit = domain.minimum, domain.maximum, domain.unit
    if unit in {"%", "percent"} and high - low >= 50:
        number = float(random.choice((*range(5, 101, 5), *range(10, 101, 10), 50, 25, 75)))
        if random.random() < 0.12:
            number = float(random.randint(int(low), int(high)))
    elif high - low <= 60 and unit in {"°C", "C", "celsius", "degrees", "°F"}:
        lived_in = low <= 20 <= high <= 40
        number = float(random.randint(*((16, 27) if lived_in else (int(low), int(high)))))
        if domain.step <= 0.5 and random.random() < 0.25:
            number += 0.5
    elif unit == "K":
        number = float(random.choice((2200, 2700, 3000, 3500, 4000, 4500, 5000, 6000, 6500)))
    else:
        steps = int((high - low) / max(domain.step, 1e-6))
        if steps > 100:
            nice = (10, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100, 200, 500, 1000)
            inside = [n for n in nice if low <= n <= high]
            number = float(random.choice(inside)) if inside else low
        else:
            number = low + domain.step * random.randint(0, steps)
    return round(min(max(number, low), high), 3)


def likely_amount(capability: Capability, random: Random) -> float | None:
    """A number by which people would change this; None where it takes none."""
    if not isinstance(capability.domain, Range):
        return None
    span = capability.domain.maximum - capability.domain.minimum
    small = (1, 2, 3, 5) if span <= 60 else (5, 10, 15, 20, 25, 30, 50)
    return float(random.choice(small))


def say_number(number: float, capability: Capability, random: Random) -> str:
    """A number as it is said, with its unit or without."""
    domain = capability.domain
    unit = domain.unit if isinstance(domain, Range) else ""
    percent = unit in {"%", "percent"}
    degrees = unit in {"°C", "C", "celsius", "degrees", "°F"}
    roll = random.random()
    if percent and number in _PERCENT_WORDS and roll < 0.25:
        said = random.choice(_PERCENT_WORDS[int(number)])
    else:
        said = in_words(number) if roll < 0.6 else spell(number)
        if percent:
            said += random.choice(("", " percent", " percent", "%" if said[-1].isdigit() else ""))
        elif degrees:
            said += random.choice(
                ("", "", " degrees", " degrees", "°" if said[-1].isdigit() else "")
            )
        elif unit == "K" and random.random() < 0.5:
            said += " kelvin"
    return said if number in numbers_in(said) else spell(number)


def sensor_number(attribute: str, random: Random) -> float:
    """A number that people would compare what is measured with."""
    low, high = _USUAL.get(attribute, (10, 90))
    return float(random.randint(low, high))


_USUAL: Mapping[str, tuple[int, int]] = {
    "temperature": (-5, 35),
    "current temperature": (10, 30),
    "humidity": (20, 90),
    "battery": (5, 95),
    "power": (5, 2500),
    "illuminance": (5, 900),
}

_OPTION_WORDS = {"fan_only": "fan only", "heat_cool": "heat cool"}


def say_option(option: str) -> str:
    """An option as it is said."""
    return _OPTION_WORDS.get(option, option).replace("_", " ").casefold()


def say_duration(random: Random) -> str:
    """A duration as it is said."""
    if random.random() < 0.12:
        return random.choice(("half an hour", "an hour", "a minute", "an hour and a half"))
    unit, amounts = random.choice(
        (
            ("minute", (1, 2, 3, 5, 10, 15, 20, 25, 30, 40, 45, 90)),
            ("minute", (5, 10, 15, 20, 30)),
            ("hour", (1, 2, 3, 4, 5, 6, 8, 12)),
            ("second", (10, 15, 20, 30, 45, 90)),
        )
    )
    amount = random.choice(amounts)
    number = in_words(amount) if random.random() < 0.6 else str(amount)
    return f"{number} {unit}{'' if amount == 1 else 's'}"


def say_clock(random: Random) -> str:
    """A time of day as it is said."""
    hour = random.randint(1, 12)
    word = in_words(hour) if random.random() < 0.6 else str(hour)
    part = random.choice((" am", " pm", " pm", " o'clock", ""))
    roll = random.random()
    if roll < 0.5:
        return f"{word}{part}"
    if roll < 0.65:
        return f"{random.choice(('half past', 'quarter past', 'quarter to'))} {in_words(hour)}"
    if roll < 0.75:
        return random.choice(("noon", "midnight"))
    if roll < 0.9:
        return f"{random.randint(0, 23)}:{random.choice(('00', '15', '30', '45', '20', '05'))}"
    return f"{in_words(hour)} thirty"


def time_phrase(text: str, wanted: str) -> str | None:
    """How the output language writes the time of a sentence that has one; None if it is unread.

    Args:
        text: The sentence.
        wanted: `in`, `for` or `at`.
    """
    found = [time.phrase for time in times_in(text) if time.phrase.startswith(f"{wanted} ")]
    return found[0] if len(found) == 1 else None
