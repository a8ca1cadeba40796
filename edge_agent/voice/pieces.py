"""A recogniser's alphabet: pieces of words, from words to pieces and back.

Both recognisers learnt their pieces by byte-pair encoding and number them in the order in which
they were learnt, so one rule reads both files: join the two neighbours whose union is oldest.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from edge_agent.errors import VoiceError

_SPACE = "▁".encode()
"""What SentencePiece writes for a space."""


class Pieces:
    """The pieces by number."""

    def __init__(self, pieces: Sequence[bytes], first: int = 0) -> None:
        """Takes every piece in order; those before `first` are controls and spell nothing.

        Of pieces that spell alike the last counts: SentencePiece has letters as raw bytes first.
        """
        self._pieces = pieces
        self._first = first
        self._ids = {piece: number for number, piece in enumerate(pieces) if number >= first}
        self.encode = lru_cache(maxsize=4096)(self._encode)
        """The pieces of one word, with the space before it where it has one; () if it has none."""

    def __len__(self) -> int:
        return len(self._pieces)

    def __getitem__(self, number: int) -> bytes:
        return self._pieces[number]

    def decode(self, ids: Iterable[int]) -> str:
        """The text that pieces spell; controls spell nothing."""
        spelt = (self._pieces[at] for at in ids if self._first <= at < len(self._pieces))
        return b"".join(spelt).decode("utf-8", "replace")

    def _encode(self, text: str) -> tuple[int, ...]:
        parts = [bytes([byte]) for byte in text.encode()]
        while len(parts) > 1:
            joined = [
                (self._ids.get(left + right, len(self._pieces)), at)
                for at, (left, right) in enumerate(pairwise(parts))
            ]
            oldest, at = min(joined)
            if oldest == len(self._pieces):
                break
            parts[at : at + 2] = [self._pieces[oldest]]
        ids = [self._ids.get(part) for part in parts]
        return tuple(found for found in ids if found is not None) if None not in ids else ()


def gpt2_pieces(path: Path) -> Pieces:
    """Reads the vocabulary of a Whisper model, one piece a line.

    Bytes that cannot be printed stand there as other letters, in the order of OpenAI's encoder.py:
    https://github.com/openai/gpt-2/blob/master/src/encoder.py

    Raises:
        VoiceError: The file is no such vocabulary.
    """
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in plain]
    byte_of = {chr(byte): byte for byte in plain} | {
        chr(256 + at): byte for at, byte in enumerate(hidden)
    }
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        ends = lines.index("<|endoftext|>")  # controls and times follow
        return Pieces([bytes(byte_of[char] for char in line) for line in lines[:ends]])
    except (OSError, ValueError, KeyError) as error:
        raise VoiceError(f"{path} is no vocabulary of a Whisper model") from error


def sentencepieces(path: Path, first: int = 3) -> Pieces:
    """Reads Moonshine's `tokenizer.bin`: each piece as its length and its bytes.

    A length of 128 or more is two bytes: its lower 7 bits, then the rest.

    Raises:
        VoiceError: The file is no such list.
    """
    try:
        data = path.read_bytes()
        pieces, at = [], 0
        while at < len(data):
            length, at = data[at], at + 1
            if length >= 128:
                length, at = length - 128 + 128 * data[at], at + 1
            pieces.append(data[at : at + length].replace(_SPACE, b" "))
            at += length
    except (OSError, IndexError) as error:
        raise VoiceError(f"{path} is no list of word pieces: {error}") from error
    if at != len(data):
        raise VoiceError(f"{path} is no list of word pieces: it ends within one")
    return Pieces(pieces, first)
