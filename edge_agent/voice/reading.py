"""What a recogniser wrote, as it was said: the one form in which the stages exchange text."""

import re
from collections.abc import Iterable, Sequence

from edge_agent.core.names import fold
from edge_agent.voice.ports import Heard

_SIGNS = {
    "%": " percent ",
    "°": " degrees ",
    "&": " and ",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "$": " dollars ",
}
_NO_WORD = re.compile(r"[^\w'.:\s]+|(?<!\d)[.:]|[.:](?!\d)|(?<!\w)'|'(?!\w)|_")
_ASIDE = re.compile(r"\[[^]]*\]|\([^)]*\)|\*[^*]*\*")
"""What subtitles say of sounds: "[music]", "(laughs)"."""
_LONGEST_LOOP = 16
_SHORTEST_TAIL = 3


def reading(text: str) -> str:
    """What a recogniser wrote, as it was said and said once."""
    return without_loops(spoken(text))


def spoken(text: str) -> str:
    """Lower case, single spaces, no punctuation but apostrophes and what stands in a number."""
    text = _ASIDE.sub(" ", text)
    for sign, word in _SIGNS.items():
        text = text.replace(sign, word)
    return fold(_NO_WORD.sub(" ", text))


def is_loop(text: str) -> bool:
    """Whether it says little and that again and again: what is written of noise."""
    words = spoken(text).split()
    return len(words) > 3 and any(
        words[length:] == words[:-length] and not _DIGITS.issuperset(words[:length])
        for length in range(1, len(words) // 3 + 1)
    )


def without_loops(text: str) -> str:
    """Says once what is said again and again, as recognisers do over trailing silence.

    A sentence of three words or more that comes twice in a row is one; so is anything that comes
    three times in a row, but for numbers: "one one one" is how digits are said.
    """
    words = text.split()
    at = 0
    while at < len(words):
        for length in range(1, min(_LONGEST_LOOP, (len(words) - at) // 2) + 1):
            part = words[at : at + length]
            times = 1
            while words[at + times * length : at + (times + 1) * length] == part:
                times += 1
            counted = _DIGITS.issuperset(part)
            end = at + times * length
            if times > 1 and not counted and (length >= 3 or times > 2):
                rest = words[end:]
                # The last turn of a loop is often cut short.
                words[at + length :] = [] if _begins(rest, part) else rest
                break
        at += 1
    # A second turn that is cut short: a tail that says how the sentence began.
    for tail in range(len(words) // 2, _SHORTEST_TAIL - 1, -1):
        if _begins(words[-tail:], words):
            return " ".join(words[:-tail])
    return " ".join(words)


def _begins(start: Sequence[str], words: Sequence[str]) -> bool:
    """Whether words begin so; the last one may be cut short as well: "the front def"."""
    if len(start) > len(words):
        return False
    pairs = list(zip(start, words, strict=False))
    return all(one == other for one, other in pairs[:-1]) and all(
        other.startswith(one) for one, other in pairs[-1:]
    )


_DIGITS = frozenset(
    "zero oh one two three four five six seven eight nine double triple 0 1 2 3 4 5 6 7 8 9".split()
)
"""As they follow each other in a PIN."""


def distinct(heard: Iterable[Heard]) -> Sequence[Heard]:
    """Readings in their order, without empty ones and without repetitions."""
    best: dict[str, Heard] = {}
    for one in heard:
        if one.text:
            best.setdefault(one.text, one)
    return tuple(best.values())
