"""The words of a bias as trees of pieces, for a search that goes through them piece by piece.

A path that runs along a known name is worth more than one that does not; what it was given on the
way is taken back where it leaves before the end. Where nothing but a menu is said, a second tree
is a fence: there are no words but its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from edge_agent.voice.bias import said_words, telling, words_of, written
from edge_agent.voice.pieces import Pieces
from edge_agent.voice.ports import Bias

_MARKS = (".", ",", "?", "!")


@dataclass(slots=True)
class Node:
    """A prefix of words."""

    next: dict[int, "Node"] = field(default_factory=dict)
    ends: bool = False
    """Whether a word or a name ends here."""

    def add(self, text: str, pieces: Pieces) -> None:
        """Grow a branch that spells words."""
        node = self
        for word in text.split():
            for piece in pieces.encode(f" {word}"):
                node = node.next.setdefault(piece, Node())
        node.ends = node is not self


class Place(NamedTuple):
    """How far a path is."""

    word: Node
    """In the fence."""
    name: Node
    """Among the names."""
    lent: float = 0.0
    """What it was given since the last end of a name, and pays back where it leaves."""


class Lexicon:
    """What to expect, as the search asks for it."""

    def __init__(self, bias: Bias, pieces: Pieces, bonus: float) -> None:
        """Spells every word.

        Args:
            bias: The words.
            pieces: The recogniser's alphabet.
            bonus: How much likelier a piece of a known name is, in nats.
        """
        self.closed = bias.closed
        self._bonus = bonus
        self._words, self._names = Node(), Node()
        self._marks = frozenset(at for mark in _MARKS for at in pieces.encode(mark)[-1:])
        texts = [text for text in (*bias.areas, *bias.values, *bias.names) if telling(text.split())]
        if bias.closed:
            for form in said_words(bias):
                self._words.add(form, pieces)
        else:
            # Names are cut short and mixed: each word of theirs is likely by itself.
            texts += telling(words_of(bias))
        for text in texts:
            for form in written(text):
                self._names.add(form, pieces)

    @property
    def start(self) -> Place:
        """Before the first word."""
        return Place(self._words, self._names)

    def ends(self, place: Place) -> bool:
        """Whether a sentence may end here."""
        return not self.closed or place.word.ends

    def allowed(self, place: Place) -> Sequence[int]:
        """Inside a fence, all that may follow but the end of the sentence."""
        follow = list(place.word.next)
        if place.word.ends:
            follow += self._words.next
            follow += self._marks
        return follow

    def gains(self, place: Place) -> tuple[float, Mapping[int, float]]:
        """What any piece is worth here, and what some are worth instead."""
        leaving = 0.0 if place.name.ends else -place.lent
        better = dict.fromkeys(self._names.next, leaving + self._bonus)
        better.update(dict.fromkeys(place.name.next, self._bonus))
        return leaving, better

    def step(self, place: Place, piece: int) -> Place:
        """Where a path is after a piece."""
        word = place.word
        if self.closed and not (word.ends and piece in self._marks):
            word = word.next.get(piece) or self._words.next[piece]
        name = place.name.next.get(piece)
        lent = place.lent
        if name is None:
            name, lent = self._names.next.get(piece), 0.0
        if name is None:
            return Place(word, self._names)
        return Place(word, name, 0.0 if name.ends else lent + self._bonus)
