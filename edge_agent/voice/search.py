"""Beam search over a speech decoder, led by a lexicon; knows neither sound nor weights."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge_agent.voice.lexicon import Lexicon, Place

Floats: TypeAlias = NDArray[np.float32]
Step: TypeAlias = Callable[[Sequence[int], Sequence[int]], Floats]
"""From each living path's parent (its row in the last step) and last piece to the scores of the
next piece, one row a path."""


@dataclass(frozen=True, slots=True)
class Path:
    """A reading under way."""

    pieces: tuple[int, ...]
    place: Place
    heard: float = 0.0
    """What the recogniser alone gives it: the sum of log-probabilities."""
    worth: float = 0.0
    """What it is compared by: the same with what the lexicon adds."""
    row: int = 0

    @property
    def score(self) -> float:
        """Average log-probability; the end of the sentence counts as a piece."""
        return self.heard / max(1, len(self.pieces))


def search(
    step: Step, lexicon: Lexicon, *, begin: int, end: int, beam: int, longest: int
) -> Sequence[Path]:
    """The most worthy whole readings, the best first; none where none came to an end."""
    living = [Path((), lexicon.start)]
    last = [begin]
    done: list[Path] = []
    for _ in range(longest):
        scores = step([path.row for path in living], last)
        grown = [
            path
            for row, (known, one) in enumerate(zip(living, scores, strict=True))
            for path in _grown(replace(known, row=row), _log_softmax(one), lexicon, end, beam)
        ]
        grown.sort(key=lambda path: -path.worth)
        done += [path for path in grown[: 2 * beam] if path.pieces[-1] == end]
        living = [path for path in grown if path.pieces[-1] != end][:beam]
        done.sort(key=_per_piece, reverse=True)
        # What is alive only gets less likely: beyond what is done there is nothing to find.
        if not living or (len(done) >= beam and living[0].worth < done[beam - 1].worth):
            break
        last = [path.pieces[-1] for path in living]
    return done[:beam]


def _per_piece(path: Path) -> float:
    return path.worth / len(path.pieces)


def _grown(path: Path, scores: Floats, lexicon: Lexicon, end: int, beam: int) -> Sequence[Path]:
    """A path with each of its best next pieces."""
    leaving, better = lexicon.gains(path.place)
    worth = scores + np.float32(leaving)
    chosen = np.fromiter(better.keys(), np.int64, len(better))
    worth[chosen] = scores[chosen] + np.fromiter(better.values(), np.float32, len(better))
    if lexicon.closed:
        may = np.array([*lexicon.allowed(path.place), *([end] if lexicon.ends(path.place) else ())])
        worth = worth[may]
    else:
        may = np.arange(len(scores))
    most = 2 * beam
    best = np.argpartition(worth, -most)[-most:] if len(worth) > most else range(len(worth))
    return [
        Path(
            (*path.pieces, piece),
            path.place if piece == end else lexicon.step(path.place, piece),
            path.heard + float(scores[piece]),
            path.worth + float(worth[at]),
            path.row,
        )
        for at in best
        for piece in (int(may[at]),)
    ]


def _log_softmax(scores: Floats) -> Floats:
    shifted = scores - scores.max()
    likely: Floats = shifted - np.log(np.exp(shifted).sum())
    return likely
