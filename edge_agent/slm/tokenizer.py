"""Byte-level BPE, as GGUF files of the gpt2 family describe it: text to token ids and back.

Text never becomes a control token, whatever it says: those ids come from `special` alone.
It does not know chats, prompts or homes.
"""

import heapq
import re
import unicodedata
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Self

from edge_agent.errors import ModelError
from edge_agent.slm.gguf import Value

_NORMAL = 1  # the token_type of plain text; control, unknown, unused and added tokens have others
_CACHED = 1 << 14  # words and short texts
_CACHED_LENGTH = 64  # characters

# The pre-tokenizers work on a text of classes, one ASCII character for each character of the text
# (see `_Classes`), because `re` has no \p{L} and \p{N}.
# GPT-2's: https://github.com/openai/gpt-2/blob/master/src/encoder.py
_GPT2 = (
    r"'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?[0-9]+| ?[^\t-\r A-Za-z0-9]+"
    r"|[\t-\r ]+(?![^\t-\r ])|[\t-\r ]+"
)
_DIGIT = re.compile("([0-9])")
_PRE_TOKENIZERS: Mapping[str, bool] = MappingProxyType({"smollm": True, "gpt-2": False})
"""Name in the file: whether every digit is a piece of its own before GPT-2's rule."""


class _Classes(dict[int, str]):
    """A `str.translate` table: ASCII stays, any other character becomes one that stands for it."""

    def __missing__(self, code: int) -> str:
        category = unicodedata.category(chr(code))
        match category[0]:
            case "L":
                found = "x"
            case "N":
                found = "0"
            case "Z":
                found = "\t"  # not a space, which a word may begin with
            case _:
                found = "\t" if code == 0x85 else "!"
        if code < 0x80:
            found = chr(code)
        self[code] = found
        return found


def byte_letters() -> list[str]:
    """The printable character that stands for each byte in a byte-level vocabulary."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = (code for code in range(256) if code not in printable)
    moved = {code: 256 + index for index, code in enumerate(others)}
    return [chr(moved.get(code, code)) for code in range(256)]


class Tokenizer:
    """Encodes and decodes with one vocabulary; safe to share between threads."""

    def __init__(
        self,
        tokens: tuple[str, ...],
        types: tuple[int, ...],
        merges: tuple[str, ...],
        *,
        pre: str,
        bos: int | None,
        eos: int | None,
    ) -> None:
        """A tokenizer; `from_gguf` is the usual way to one.

        Args:
            tokens: The vocabulary, in the printable letters of byte-level BPE.
            types: The kind of each token, as llama.cpp numbers them.
            merges: Pairs with a space between, the first to be merged first.
            pre: The pre-tokenizer, `smollm` or `gpt-2`.
            bos: The id that opens a text, if the model has one.
            eos: The id that closes a text, if the model has one.
        """
        letters = byte_letters()
        self.bos_id = bos
        self.eos_id = eos
        self._tokens = tokens
        self._letters = letters
        self._bytes = {letter: code for code, letter in enumerate(letters)}
        self._ids = {t: i for i, t in enumerate(tokens) if types[i] == _NORMAL}
        self._special = {t: i for i, t in enumerate(tokens) if types[i] != _NORMAL}
        self._ranks = {pair: rank for rank, pair in enumerate(merges)}
        self._split_digits = _PRE_TOKENIZERS[pre]
        self._words = re.compile(_GPT2)
        self._classes = _Classes()
        self._cache: dict[str, tuple[int, ...]] = {}

    @classmethod
    def from_gguf(cls, metadata: Mapping[str, Value]) -> Self:
        """The tokenizer that a file's metadata describes.

        Raises:
            ModelError: A key is missing or holds something else; the text names it.
        """
        if (model := metadata.get("tokenizer.ggml.model")) != "gpt2":
            raise ModelError(f"tokenizer.ggml.model is {_show(model)}; legal is gpt2")
        pre = metadata.get("tokenizer.ggml.pre")
        if not isinstance(pre, str) or pre not in _PRE_TOKENIZERS:
            legal = ", ".join(_PRE_TOKENIZERS)
            raise ModelError(f"tokenizer.ggml.pre is {_show(pre)}; legal are {legal}")
        tokens = _strings(metadata, "tokenizer.ggml.tokens")
        types = metadata.get("tokenizer.ggml.token_type")
        kinds = (
            [kind for kind in types if isinstance(kind, int)] if isinstance(types, tuple) else []
        )
        if not isinstance(types, tuple) or not len(types) == len(kinds) == len(tokens):
            raise ModelError("tokenizer.ggml.token_type must hold one number for each token")
        if len(set(tokens)) != len(tokens):
            raise ModelError("tokenizer.ggml.tokens holds a token twice")
        return cls(
            tokens,
            tuple(kinds),
            _strings(metadata, "tokenizer.ggml.merges"),
            pre=pre,
            bos=_token_id(metadata, "tokenizer.ggml.bos_token_id", len(tokens)),
            eos=_token_id(metadata, "tokenizer.ggml.eos_token_id", len(tokens)),
        )

    @property
    def vocab_size(self) -> int:
        """How many token ids there are, control tokens included."""
        return len(self._tokens)

    def special(self, name: str) -> int:
        """The id of a control token, as `<|im_end|>`.

        Raises:
            ModelError: This vocabulary has no such control token; the text names those it has.
        """
        if (found := self._special.get(name)) is None:
            legal = ", ".join(sorted(self._special))
            raise ModelError(f"no control token {name!r}; legal are {legal}")
        return found

    def encode(self, text: str) -> list[int]:
        """The token ids of a text; never the id of a control token.

        Lone surrogates become a question mark, and a byte that the vocabulary lacks is left out.
        """
        if (known := self._cache.get(text)) is not None:
            return list(known)
        ids: list[int] = []
        for word in self._split(text):
            if (known := self._cache.get(word)) is None:
                known = self._keep(word, self._merge(word))
            ids.extend(known)
        self._keep(text, tuple(ids))
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """The text of some token ids; control tokens have none, broken UTF-8 becomes U+FFFD."""
        pieces = (self._tokens[i] for i in ids if self._tokens[i] in self._ids)
        raw = bytearray()
        for letter in "".join(pieces):
            if (code := self._bytes.get(letter)) is not None:
                raw.append(code)
        return raw.decode(errors="replace")

    def _keep(self, text: str, ids: tuple[int, ...]) -> tuple[int, ...]:
        """Remembers a word or a short text: a grammar is made of the same ones again and again."""
        if len(self._cache) >= _CACHED:
            self._cache.clear()
        if len(text) <= _CACHED_LENGTH:
            self._cache[text] = ids
        return ids

    def _split(self, text: str) -> Iterable[str]:
        at = 0
        classes = text.translate(self._classes)
        for part in _DIGIT.split(classes) if self._split_digits else (classes,):
            for found in self._words.finditer(part):
                yield text[at + found.start() : at + found.end()]
            at += len(part)

    def _merge(self, word: str) -> tuple[int, ...]:
        """The ids of one word, merged lowest rank first, leftmost first: O(n log n)."""
        letters = (self._letters[byte] for byte in word.encode(errors="replace"))
        parts: list[str | None] = [letter for letter in letters if letter in self._ids]
        after = list(range(1, len(parts) + 1))
        before = list(range(-1, len(parts) - 1))
        queue: list[tuple[int, int, str]] = []

        def offer(left: int) -> None:
            right = after[left]
            if right < len(parts):
                pair = f"{parts[left]} {parts[right]}"
                if (rank := self._ranks.get(pair)) is not None:
                    heapq.heappush(queue, (rank, left, pair))

        for left in range(len(parts) - 1):
            offer(left)
        while queue:
            _, left, pair = heapq.heappop(queue)
            right = after[left]
            # A merge leaves its neighbours' old offers in the queue: they no longer fit.
            if right >= len(parts) or f"{parts[left]} {parts[right]}" != pair:
                continue
            parts[left], parts[right] = f"{parts[left]}{parts[right]}", None
            after[left] = after[right]
            if after[left] < len(parts):
                before[after[left]] = left
                offer(left)
            if before[left] >= 0:
                offer(before[left])
        return tuple(self._ids[part] for part in parts if part is not None and part in self._ids)


def _show(value: Value | None) -> str:
    return "missing" if value is None else repr(value)[:80]


def _strings(metadata: Mapping[str, Value], key: str) -> tuple[str, ...]:
    value = metadata.get(key)
    if not isinstance(value, tuple) or not value or not all(isinstance(s, str) for s in value):
        raise ModelError(f"{key} is {_show(value)}; it must be a list of strings")
    return tuple(str(item) for item in value)


def _token_id(metadata: Mapping[str, Value], key: str, count: int) -> int | None:
    value = metadata.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or not 0 <= value < count:
        raise ModelError(f"{key} is {_show(value)}; legal are 0 to {count - 1}")
    return value
