"""The numbers that a sentence contains, in digits or words.

The grammar offers the model these numbers and no others, so a value can be misplaced but never
invented.
"""

import re

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
    ("three", "quarters"): 75.0,
    ("three", "quarter"): 75.0,
    ("two", "thirds"): 66.0,
    ("one", "third"): 33.0,
    ("a", "third"): 33.0,
    ("a", "quarter"): 25.0,
    ("one", "quarter"): 25.0,
}
_TOKEN = re.compile(r"-?\d+(?:[.,]\d+)?|[^\W\d_]+")


def numbers_in(text: str, *, most: int = 6) -> tuple[float, ...]:
    """The distinct numbers of a sentence in order of appearance, at most `most`.

    A bare "half" or "a quarter" counts as percent (50, 25), because that is what people mean of
    blinds and lamps; "twenty and a half" is 20.5.
    """
    words = _TOKEN.findall(text.casefold().replace("-", " ", 0))
    found: list[float] = []
    index = 0
    while index < len(words):
        number, index = _number_at(words, index)
        if number is not None and number not in found:
            found.append(number)
    return tuple(found[:most])


def spell(number: float) -> str:
    """A number as the grammar writes it: `21`, `20.5`."""
    return f"{number:g}"


def _number_at(words: list[str], index: int) -> tuple[float | None, int]:
    word = words[index]
    if word[0].isdigit() or word[0] == "-":
        return _with_half(float(word.replace(",", ".")), words, index + 1)
    fraction = _FRACTIONS.get((word, words[index + 1])) if index + 1 < len(words) else None
    if fraction is not None:
        return fraction, index + 2
    if word in {"half", "halfway"}:
        return 50.0, index + 1
    if word in _UNITS or word in _TENS or (word == "hundred"):
        return _words_at(words, index)
    return None, index + 1


def _words_at(words: list[str], index: int) -> tuple[float, int]:
    total = 0.0
    if words[index] in _TENS:
        total, index = _TENS[words[index]], index + 1
        if index < len(words) and 0 < _UNITS.get(words[index], 0) < 10:
            total, index = total + _UNITS[words[index]], index + 1
    elif words[index] in _UNITS:
        total, index = _UNITS[words[index]], index + 1
    if index < len(words) and words[index] == "hundred":
        total, index = 100 * max(total, 1), index + 1
        rest = index + 1 if index < len(words) and words[index] == "and" else index
        if rest < len(words) and (words[rest] in _UNITS or words[rest] in _TENS):
            more, index = _words_at(words, rest)
            total += more
    if index < len(words) and words[index] == "point":
        digits = ""
        while index + 1 < len(words) and _UNITS.get(words[index + 1], 10) < 10:
            digits += str(_UNITS[words[index + 1]])
            index += 1
        if digits:
            return float(f"{total:g}.{digits}"), index + 1
    return _with_half(total, words, index)


def _with_half(number: float, words: list[str], index: int) -> tuple[float, int]:
    if words[index : index + 3] == ["and", "a", "half"]:
        return number + 0.5, index + 3
    return number, index
