"""Which names are most like a sentence: by words said exactly, in other words, or misspelt.

It knows words and how well they tell names apart; what a name stands for is the vocabulary's.
"""

import heapq
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

from edge_agent.core.names import fold
from edge_agent.language.synonyms import COMMON_WORDS, LITTLE_WORDS, OTHER_WORDS

_LITTLE = 0.1
"""How much "the" counts in a name beside a word that tells names apart."""
_HINT = 0.5
_HERE = 0.3
"""How much a hint, and being where the speaker is, count beside a word of the name."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name, as it is searched for."""

    words: tuple[str, ...]
    hints: tuple[str, ...]
    """Words that are not in it and make it likely all the same."""
    thing: object
    """What it is a name of: further names of the same thing are seldom of use."""
    areas: AbstractSet[str]
    """Where that is."""


class NameIndex:
    """Names, indexed by their words."""

    def __init__(self, names: Sequence[Name]) -> None:
        """Indexes them: linear in their number."""
        self._names = names
        self._stems = [tuple(dict.fromkeys(map(stem, name.words))) for name in names]
        self._index: dict[str, list[int]] = defaultdict(list)
        self._hinted: dict[str, list[int]] = defaultdict(list)
        for number, name in enumerate(names):
            for word in dict.fromkeys(name.words):
                self._index[stem(word)].append(number)
            for word in dict.fromkeys(map(stem, name.hints)):
                self._hinted[word].append(number)
        self._weight = {
            word: math.log(1 + len(names) / len(numbers))
            * (_LITTLE if word in LITTLE_WORDS else 1.0)
            for word, numbers in self._index.items()
        }
        self._hint_weight = {
            word: math.log(1 + len(names) / len(numbers)) for word, numbers in self._hinted.items()
        }

    def ranked(self, text: str, area: str | None, most: int) -> Sequence[int]:
        """The numbers of the names most like a sentence, best first.

        Args:
            text: The sentence.
            area: Id of the area where the speaker is.
            most: How many at most; where there are no more names than that, all of them.
        """
        # In the order of the sentence: of names that are as likely, always the same come first.
        said = list(dict.fromkeys(map(stem, wordly(text).split())))
        scores = self._likeness(said)
        in_full: set[int] = set()
        for number, score in scores.items():
            whole = sum(self._weight[word] for word in self._stems[number])
            scores[number] = score * (1 + score / whole)
            if score > whole * 0.999:
                in_full.add(number)
        for word in said:
            for number in self._hinted.get(word, ()):
                scores[number] += _HINT * self._hint_weight[word]
        if area is not None:
            for number in scores:
                if area in self._names[number].areas:
                    scores[number] = scores[number] * 1.1 + _HERE
        # However many names have more words in common: one that was said in full comes first.
        # Of several names of one thing the likeliest is enough, so twice as many are looked at.
        best = heapq.nlargest(2 * most, scores, key=lambda at: (at in in_full, scores[at]))
        ranked = self._once_each(best, in_full)[:most]
        if len(self._names) <= most:
            # A coffee machine is not named in a kitchen that has nothing else.
            ranked.extend(number for number in range(len(self._names)) if number not in scores)
        return ranked

    def _once_each(self, numbers: Sequence[int], in_full: set[int]) -> list[int]:
        """Without further names of a thing, unless they were said."""
        kept: list[int] = []
        seen: set[object] = set()
        for number in numbers:
            thing = self._names[number].thing
            if thing not in seen or number in in_full:
                kept.append(number)
                seen.add(thing)
        return kept

    def _likeness(self, said: Sequence[str]) -> dict[int, float]:
        """By name, how much of it was said: exactly, in other words, or misspelt."""
        alike: dict[str, float] = {}
        for word in said:
            for known, likeness in self._alike(word):
                alike[known] = max(alike.get(known, 0.0), likeness)
        scores: dict[int, float] = defaultdict(float)
        for known, likeness in alike.items():
            for number in self._index[known]:
                scores[number] += self._weight[known] * likeness
        return scores

    def _alike(self, word: str) -> Iterable[tuple[str, float]]:
        same = [(other, 0.5) for other in _OTHER_STEMS.get(word, ()) if other in self._index]
        if word in self._index:
            return ((word, 1.0), *same)
        if same or len(word) < 4 or word in COMMON_WORDS:
            return same
        # Misspelt or misheard: only for words that are no word of any name.
        return ((near, 0.7) for near in get_close_matches(word, self._index, n=3, cutoff=0.75))


def wordly(text: str) -> str:
    """A sentence as bare words with a space around each, to look for phrases in."""
    return " " + " ".join(re.findall(r"[^\W_]+(?:['.-][^\W_]+)*", fold(text))) + " "


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """A word without punctuation and plural, for comparing words of names and sentences."""
    word = "".join(char for char in word if char.isalnum())
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


_OTHER_STEMS = {
    stem(word): sorted(set(map(stem, OTHER_WORDS[word]))) for word in sorted(OTHER_WORDS)
}
"""`OTHER_WORDS` as the index has words: "upstairs" is there without its s."""
