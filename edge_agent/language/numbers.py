"""The numbers that a sentence contains, in digits or words.

The grammar offers the model these numbers and no others, so a value can be misplaced but never
invented.
"""

import re
from collections.abc import Iterator

_UNITS = {
    word: number
    for number, word in enumerate(
        (
            "zero one two three four five six seven eight nine ten eleven twelve thirteen "
            "fourteen fifteen sixteen seventeen eighteen nineteen"
        ).split()
    )
}
_TENS = {
    word: 10 * number
    for number, word in enumerate(
        "twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2
    )
}
_FRACTIONS = {
    ("half", "a"): 0.5,
    ("three", "quarters"): 75.0,
    ("three", "quarter"): 75.0,
    ("two", "thirds"): 66.0,
    ("one", "third"): 33.0,
    ("a", "third"): 33.0,
    ("a", "quarter"): 25.0,
    ("one", "quarter"): 25.0,
}
_DIGITS = re.compile(r"(?:(?<!\w)-)?\d+(?:,\d{3}(?!\d)|[.,]\d+)?")
_TOKEN = re.compile(_DIGITS.pattern + r"|[^\W\d_]+")
_THOUSANDS = re.compile(r",(?=\d{3}$)")


def numbers_in(text: str, *, most: int = 6) -> tuple[float, ...]:
    """The distinct numbers of a sentence in order of appearance, at most `most`.

    A bare "half" or "a quarter" counts as percent (50, 25), because that is what people mean of
    blinds and lamps; "half a degree" is 0.5, "twenty and a half" 20.5, "2,700" 2700.
    """
    return tuple(dict.fromkeys(number for number, _ in numbers_at(text.casefold())))[:most]


def numbers_at(bare: str) -> Iterator[tuple[float, tuple[int, int]]]:
    """Every number of a sentence in lower case, with where it begins and ends."""
    tokens = list(_TOKEN.finditer(bare))
    words = [token[0] for token in tokens]
    index = 0
    while index < len(words):
        number, end = _number_at(words, index)
        if number is not None:
            yield number, (tokens[index].start(), tokens[end - 1].end())
        index = end


def spell(number: float) -> str:
    """A number as the grammar writes it: `21`, `20.5`."""
    return f"{number:g}"


def _number_at(words: list[str], index: int) -> tuple[float | None, int]:
    word, after = words[index], words[index + 1 : index + 2]
    if _DIGITS.fullmatch(word):
        digits = _THOUSANDS.sub("", word).replace(",", ".")
        return _with_half(float(digits), words, index + 1)
    if word == "minus" and after:
        number, end = _number_at(words, index + 1)
        return (None, index + 1) if number is None else (-abs(number), end)
    if after and (fraction := _FRACTIONS.get((word, after[0]))) is not None:
        return fraction, index + 2
    if word in {"half", "halfway"}:
        return 50.0, index + 1
    if word in _UNITS or word in _TENS or word in {"hundred", "thousand"}:
        return _words_at(words, index)
    return None, index + 1


def _words_at(words: list[str], index: int) -> tuple[float, int]:
    total, index = _below_thousand(words, index)
    if words[index : index + 1] == ["thousand"]:
        rest, end = _below_thousand(words, index + 1)
        total, index = 1000 * max(total, 1) + rest, end
    if words[index : index + 1] == ["point"]:
        digits = ""
        while index + 1 < len(words) and _UNITS.get(words[index + 1], 10) < 10:
            digits += str(_UNITS[words[index + 1]])
            index += 1
        if digits:
            return float(f"{total:.0f}.{digits}"), index + 1
    return _with_half(total, words, index)


def _below_thousand(words: list[str], index: int) -> tuple[float, int]:
    """Up to nine hundred and ninety-nine, or "twenty-seven hundred"; zero where none is said."""
    total, index = _below_hundred(words, index)
    if words[index : index + 1] != ["hundred"]:
        return total, index
    total, index = 100 * max(total, 1), index + 1
    rest = index + 1 if words[index : index + 1] == ["and"] else index
    more, end = _below_hundred(words, rest)
    return (total + more, end) if end > rest else (total, index)


def _below_hundred(words: list[str], index: int) -> tuple[float, int]:
    word = words[index] if index < len(words) else ""
    if word in _UNITS:
        return _UNITS[word], index + 1
    if word not in _TENS:
        return 0.0, index
    unit = _UNITS.get(words[index + 1], 0) if index + 1 < len(words) else 0
    return (_TENS[word] + unit, index + 2) if 0 < unit < 10 else (_TENS[word], index + 1)


def _with_half(number: float, words: list[str], index: int) -> tuple[float, int]:
    if words[index : index + 3] == ["and", "a", "half"]:
        return number + 0.5, index + 3
    return number, index
