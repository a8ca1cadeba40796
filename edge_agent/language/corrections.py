"""What a sentence takes back: "the hall, no, the kitchen", "to 20, 22 i mean".

Knows where something was said and what stands between; what was said there, others know.
"""

import re
from collections.abc import Iterator
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]
"""Where something begins and ends in a sentence."""

_MARKS = (
    "no",
    "nope",
    "nah",
    "wait",
    "hang on",
    "hold on",
    "sorry",
    "pardon",
    "excuse me",
    "i mean",
    "meant",
    "rather",
    "actually",
    "instead",
    "better",
    "oops",
    "whoops",
    "correction",
    "my mistake",
    "my bad",
    "that is",
    "(?:make|do) (?:it|that)",
    "change (?:it|that)",
    "let'?s",
    "(?:scratch|strike|forget|cancel|ignore|never ?mind) (?:it|that)(?: and)?",
    "(?:scratch|strike|never ?mind)",
    "wrong",
    "not that",
    "(?:other|wrong) way (?:a)?round",
    "changed my mind",
    "(?:on )?second thoughts?",
    "what am i saying",
    "did i say",
    "i said",
    "i want",
    "i should (?:say|have said)",
)
"""Between what is taken back and what is meant."""
_MARK = re.compile(rf"\b(?:{'|'.join(_MARKS)})\b")
_HESITATION = re.compile(r"(?:\W+|\b(?:u+h+|u+m+|er+m?|e?h+m+|oh|well|percent|degrees?)\b)+")
_HESITATES = re.compile(r"\b(?:u+h+|u+m+|er+m?|e?h+m+|oh|well)\b")
_BEFORE_NUMBER = re.compile(
    rf"\b(?:{'|'.join(_MARKS)}|u+h+|u+m+|er+m?|to|by|at)\W*(?<!wrong )(?<!not that )$"
)
_AFTER = re.compile(
    r"(?:\W+[\w'-]+){0,3}?\W+"
    r"(?:i mean(?:t)?|rather|sorry|instead|(?:(?:is|that'?s|sounds) )?better|(?:is )?what i meant"
    r"|will do)\b"
)
"""Behind what is meant: it takes back what was before that."""
_AND = re.compile(r"\b(?:and|then|also|plus|too|as well)\b")
"""What stands on both sides of it is meant."""

_ORDER = re.compile(r"\b(?:set|put|make|turn|switch|(?:in|de)crease|raise|lower) (?:it|them|the)\b")
"""Begins another command: "at 7 set it to 22, sorry" takes nothing back."""

_UNSAID = re.compile(
    r"\b(?:do ?n'?t(?: do (?:that|it|so)\b|(?=\s*[,.;!]))"
    r"|(?:not (?:that|there|this|here)|never ?mind)(?: one| that)?\b(?=\s*[,.;!])"
    r"|(?<=\bno )not that\b|(?<=\bsorry )not that\b|not that one\b)"
)
"""A "not" that belongs to no deed: "no, don't do that", "not that one"."""
_STATES = re.compile(r"^\W*(?:[\w']+ ){0,4}?(?:[\w']*'(?:s|re|m)|is|are|am|was|were)\b")


def takes_back(said: str, first: Span, then: Span) -> bool:
    """Whether what is said first in a sentence is taken back for what is said after it."""
    between = said[first[1] : then[0]]
    if (mark := _MARK.search(between)) is not None:
        return not (_AND.search(between[: mark.start()]) or _AND.search(between[mark.end() :]))
    if _AND.search(between) or _ORDER.search(between):
        return False
    hesitates = _HESITATION.fullmatch(between) and _HESITATES.search(between)
    return bool(hesitates) or _AFTER.match(said, then[1]) is not None


def instead_of(said: str) -> Iterator[int]:
    """Where a sentence goes on after each word that takes back what was said before."""
    for mark in _MARK.finditer(said):
        if said[: mark.start()].strip(" ,.!"):
            yield mark.end()


def is_put_right(said: str, number: Span) -> bool:
    """Whether a number stands behind such a word: "no, one", but not "no, the one there"."""
    return _BEFORE_NUMBER.search(said, 0, number[0]) is not None


def may_take_back(said: str) -> bool:
    """Whether a sentence may take anything back."""
    return _MARK.search(said) is not None or _HESITATES.search(said) is not None


def without_unsaid(said: str) -> str:
    """A sentence without the "not" of what is said instead: "no don't, close it" closes it."""
    found = _UNSAID.search(said)
    if found is None:
        return said
    rest = said[found.end() :]
    if not rest.strip(" ,.;!?") or _STATES.match(rest):
        return said
    return f"{said[: found.start()]}no{rest}"
