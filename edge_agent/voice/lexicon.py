"""The words of a bias as a tree of pieces, for a search that goes through them piece by piece.

In an open lexicon a path that runs along a known name is worth more; what it was given on the way
is taken back where it leaves before the end. In a closed one there are no other paths.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from edge_agent.voice.bias import CARRIERS, telling, words_of
from edge_agent.voice.pieces import Pieces
from edge_agent.voice.ports import Bias

_MARKS = (".", ",", "?", "!")


@dataclass(slots=True)
class Node:
    """A prefix of words."""

    next: dict[int, "Node"] = field(default_factory=dict)
    ends: bool = False
    """Whether a word or a name ends here."""


class Place(NamedTuple):
    """How far a path is inside the tree."""

    node: Node
    lent: float = 0.0
    """What it was given since the last end, and pays back where it leaves."""


class Lexicon:
    """What to expect, as the search asks for it."""

    def __init__(self, bias: Bias, pieces: Pieces, bonus: float) -> None:
        """Spells every word; `bonus` is in nats a piece, of no account where nothing else is said.

        Args:
            bias: The words.
            pieces: The recogniser's alphabet.
            bonus: How much likelier a piece of a known name is.
        """
        self.closed = bias.closed
        self._bonus = 0.0 if bias.closed else bonus
        self._root = Node()
        self._marks = frozenset(at for mark in _MARKS for at in pieces.encode(mark)[-1:])
        if bias.closed:
            for word in {*words_of(bias), *CARRIERS}:
                self._add(word, pieces, plural=True)
        else:
            for text in (*bias.areas, *bias.values, *bias.names):
                if telling(text.split()):
                    self._add(text, pieces)
            for word in telling(words_of(bias)):
                self._add(word, pieces)

    @property
    def start(self) -> Place:
        """Before the first word."""
        return Place(self._root)

    def ends(self, place: Place) -> bool:
        """Whether a sentence may end here."""
        return not self.closed or place.node.ends

    def allowed(self, place: Place) -> Sequence[int]:
        """In a closed lexicon, all that may follow but the end of the sentence."""
        if place.node is self._root:
            return list(self._root.next)
        follow = list(place.node.next)
        if place.node.ends:
            follow += self._root.next
            follow += self._marks
        return follow

    def gains(self, place: Place) -> tuple[float, Mapping[int, float]]:
        """In an open lexicon, what any piece is worth here, and what some are worth instead."""
        leaving = 0.0 if place.node.ends else -place.lent
        better = dict.fromkeys(self._root.next, leaving + self._bonus)
        better.update(dict.fromkeys(place.node.next, self._bonus))
        return leaving, better

    def step(self, place: Place, piece: int) -> Place:
        """Where a path is after a piece."""
        node = place.node.next.get(piece)
        if node is not None and place.node is not self._root:
            return Place(node, 0.0 if node.ends else place.lent + self._bonus)
        node = self._root.next.get(piece)
        if node is not None:
            return Place(node, 0.0 if node.ends else self._bonus)
        if self.closed and piece in self._marks:
            return place  # the next word may begin
        return self.start

    def _add(self, text: str, pieces: Pieces, *, plural: bool = False) -> None:
        for form in _forms(text, plural=plural):
            node = self._root
            spelt = [piece for word in form.split() for piece in pieces.encode(f" {word}")]
            for piece in spelt:
                node = node.next.setdefault(piece, Node())
            node.ends = bool(spelt)


def _forms(text: str, *, plural: bool) -> Iterable[str]:
    """As it may be written: in capitals at the start of a sentence, as a title, in the plural."""
    forms = {text, text[:1].upper() + text[1:], text.title().replace("'S", "'s")}
    yield from forms
    if plural and len(text) > 2 and text.isalpha() and not text.endswith("s"):
        yield from (f"{form}s" for form in forms)
