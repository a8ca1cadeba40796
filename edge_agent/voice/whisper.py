"""Whisper through CTranslate2: told by a prompt what exists here, cheap on short sentences.

Knows no registry and no wake word; `ctranslate2` is imported by the one who makes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from edge_agent.errors import VoiceError
from edge_agent.voice.bias import Menu, numbers_as_known, said_words, telling, words_of
from edge_agent.voice.features import log_mel
from edge_agent.voice.pieces import Pieces, gpt2_pieces
from edge_agent.voice.ports import RATE, Bias, Heard, Samples
from edge_agent.voice.reading import distinct, reading
from edge_agent.voice.weights import INSTALL, WHISPER, locate

_LONGEST = 30.0
"""Seconds that the encoder has places for."""
_TOKENS_A_SECOND = 6
"""More than anybody says; bounds a loop before it is cut."""
_PUNCTUATION = (".", ",", "?", "!", "-", "'")


@dataclass(frozen=True, slots=True)
class WhisperSettings:
    """What is weighed against what."""

    beam: int = 5
    threads: int = 1
    padding: float = 1.0
    """Seconds of silence after the sentence: less and it ends too soon, more costs time."""
    prompt: int = 160
    """Tokens of the prompt at most; the model has room for 223, and each costs time."""
    min_score: float = -1.0
    """Average log-probability below which it is no sentence."""
    min_score_closed: float = -0.5
    """The same where only a menu can be said: foreign speech is then written in its words."""
    doubt: float = -0.5
    """Score below which it is compared with what is heard where nothing is expected."""
    min_score_both: float = -0.6
    """Mean of both scores below which it was no English, or no speech."""
    max_no_speech: float = 0.6
    """Probability of silence above which it is none, unless the words are certain."""
    certain: float = -0.4


class Whisper:
    """A recogniser for open talk."""

    def __init__(self, path: Path | None = None, settings: WhisperSettings | None = None) -> None:
        """Loads the model; about 80 MB.

        Raises:
            VoiceError: The package or the weights are missing or damaged.
        """
        try:
            import ctranslate2  # noqa: PLC0415  (heavy, and part of an extra)
        except ImportError as error:
            raise VoiceError(f"the package ctranslate2 is missing: {INSTALL}") from error
        folder = locate(WHISPER, path)
        self._settings = settings or WhisperSettings()
        self._pieces = gpt2_pieces(folder / "vocabulary.txt")
        self._view: Any = ctranslate2.StorageView.from_array
        try:
            self._model: Any = ctranslate2.models.Whisper(
                str(folder), compute_type="int8", intra_threads=self._settings.threads
            )
        except (RuntimeError, ValueError) as error:
            raise VoiceError(f"{WHISPER.title} in {folder} cannot be used: {error}") from error
        self._bias = Bias()
        self._made: tuple[list[int], list[int], Menu] | None = None

    @property
    def name(self) -> str:
        """The engine and its model, for people."""
        return f"{WHISPER.title} (CTranslate2, int8)"

    def bias(self, bias: Bias) -> None:
        """Expect these words; what follows from them is worked out when next somebody speaks."""
        if bias != self._bias:
            self._bias, self._made = bias, None

    def transcribe(self, samples: Samples) -> Sequence[Heard]:
        """What was said, the best reading first; nothing where it was no sentence."""
        if not samples.any():
            return ()
        settings = self._settings
        if self._made is None:
            self._made = (
                prompt_tokens(self._bias, self._pieces, settings.prompt),
                unsaid_tokens(self._bias, self._pieces),
                Menu(self._bias),
            )
        before, unsaid, menu = self._made
        known = words_of(self._bias)
        seconds = min(len(samples) / RATE, _LONGEST)
        picture = log_mel(samples, min(seconds + settings.padding, _LONGEST))
        sound = self._model.encode(self._view(picture[np.newaxis]))
        longest = 8 + int(_TOKENS_A_SECOND * seconds)
        result = self._model.generate(
            sound,
            [[*before, *_start(self._pieces)]],
            beam_size=settings.beam,
            num_hypotheses=settings.beam,
            max_length=len(before) + 2 + longest,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=[-1, *unsaid],
        )[0]
        heard = distinct(
            Heard(numbers_as_known(reading(self._pieces.decode(ids)), known), score)
            for ids, score in zip(result.sequences_ids, result.scores, strict=True)
        )
        # The mask knows pieces, not words: of the readings those made of whole words come first.
        heard = sorted(heard, key=lambda one: menu.unknown(one.text))
        least = settings.min_score_closed if self._bias.closed else settings.min_score
        if not heard or heard[0].text not in menu or heard[0].score < least:
            return ()
        silent = result.no_speech_prob > settings.max_no_speech
        if silent and heard[0].score < settings.certain:
            return ()
        return heard if self._is_likely(heard[0].score, sound, longest) else ()

    def _is_likely(self, score: float, sound: Any, longest: int) -> bool:
        """Whether something was said, or what is expected was heard into a sound."""
        settings = self._settings
        if score >= settings.doubt:
            return True
        start = _start(self._pieces)
        free = self._model.generate(
            sound, [start], beam_size=1, max_length=len(start) + longest, return_scores=True
        )[0]
        return bool((score + free.scores[0]) / 2 >= settings.min_score_both)


def _start(pieces: Pieces) -> tuple[int, int]:
    """Start of transcript, no times: an English model takes neither language nor task."""
    # Controls follow the words: end of text, start of transcript, then languages and tasks.
    return (len(pieces) + 1, len(pieces) + 106)


def prompt_tokens(bias: Bias, pieces: Pieces, most: int) -> list[int]:
    """What was supposedly said before, within `most` tokens; empty without a bias.

    The model leans on it most near its end, so the likeliest stands there: whole sentences, before
    them a menu's values or, in a home, rooms, names and values by turns. Names with words that the
    model has no single piece for go first: the others it hears anyway. What has no new word to
    tell is left out.
    """
    if most < 2:
        return []
    parts: list[list[int]] = []
    left = most - 1
    known: set[str] = set()
    names = sorted(bias.names, key=lambda name: not _is_odd(name, pieces))
    turns = zip_longest(bias.areas, names, bias.values, fillvalue="")
    ordered = (*bias.values, *names, *bias.areas) if bias.closed else chain.from_iterable(turns)
    for text in (*bias.phrases[:3], *ordered):
        words = text.split()
        if known.issuperset(telling(words)) and text not in bias.phrases:
            continue
        part = [token for word in words for token in pieces.encode(f" {word}")]
        part += pieces.encode("," if text not in bias.phrases else ".")
        if len(part) > left:
            continue
        known.update(words)
        left -= len(part)
        parts.append(part)
    if not parts:
        return []
    # A list that goes on would swallow the start of the sentence: "small" was just said.
    parts[0][-1:] = pieces.encode(".")
    previous = len(pieces) + 104
    return [previous, *(token for part in reversed(parts) for token in part)]


def _is_odd(name: str, pieces: Pieces) -> bool:
    return any(len(pieces.encode(f" {word}")) > 1 for word in telling(name.split()))


def unsaid_tokens(bias: Bias, pieces: Pieces) -> list[int]:
    """The tokens that no word of a closed menu has; none where anything may be said."""
    if not bias.closed:
        return []
    said = {token for mark in _PUNCTUATION for token in pieces.encode(mark)}
    for form in said_words(bias):
        said.update(pieces.encode(form))
        said.update(pieces.encode(f" {form}"))
    return [token for token in range(len(pieces)) if token not in said]
