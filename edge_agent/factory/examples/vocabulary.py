"""Chooses the few thousand tokens of a base model that our sentences need, and adds our own.

What is kept is closed under merging, so a text whose tokens were all kept is cut exactly as the
base model cuts it. It knows the base's tokenizer metadata and a corpus; no weights, no prompts.
"""

import os
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Self

import msgspec

from edge_agent.errors import FactoryError, ModelError
from edge_agent.language.prompt import Mark
from edge_agent.slm.gguf import Value
from edge_agent.slm.tokenizer import Tokenizer, byte_letters

CONTROLS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        Mark.KINDS.value: (" kinds", " types"),
        Mark.NAME.value: (" name", " called"),
        Mark.AREA.value: (" in", " room", " area"),
        Mark.BEFORE.value: (" before", " earlier", " previous"),
        Mark.SAID.value: (" said", " asked", " says"),
        Mark.DO.value: (":", " do", " command"),
        Mark.END.value: ("\n",),
    }
)
"""Our control tokens, in their order at the end of a vocabulary, and the words they start from."""
_NORMAL, _CONTROL = 1, 3  # llama.cpp's numbers of token types
_SPACE = "\u0120"  # the letter that stands for a space in byte-level vocabularies
_ENDINGS = frozenset("abcdefghijklmnopqrstuvwxyz'")


class TokenVocabulary(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The tokens of a pruned model, and where each of their embeddings comes from."""

    pre: str
    """The pre-tokenizer, as the base has it."""
    tokens: tuple[str, ...]
    """Every token in the letters of byte-level BPE: the kept ones, then the added ones."""
    merges: tuple[str, ...]
    kept: tuple[int, ...]
    """The base's ids of the first tokens, in the new order."""
    added: dict[str, tuple[int, ...]]
    """Token -> the base's ids whose mean its embedding starts from; in the order of their ids."""
    controls: tuple[str, ...]
    """Those of the added tokens that no text turns into."""

    def __post_init__(self) -> None:
        """Checks that the parts fit together.

        Raises:
            ValueError: They do not; a damaged file is told by this.
        """
        tokens = set(self.tokens)
        if len(tokens) != len(self.tokens):
            raise ValueError("tokens holds a token twice")
        if len(set(self.kept)) != len(self.kept) or min(self.kept, default=0) < 0:
            raise ValueError("kept must hold ids of the base, each once")
        if self.tokens[len(self.kept) :] != tuple(self.added):
            raise ValueError("tokens must be those kept, then those added, in the same order")
        if missing := [name for name in (Mark.END, *self.controls) if name not in self.added]:
            raise ValueError(f"added lacks the control token {str(missing[0])!r}")
        if empty := [name for name, ids in self.added.items() if not ids]:
            raise ValueError(f"added[{empty[0]!r}] names no id to start from")
        for merge in self.merges:
            left, _, right = merge.partition(" ")
            if not {left, right, left + right} <= tokens:
                raise ValueError(f"merges holds {merge!r}, whose parts or result are no tokens")

    @property
    def types(self) -> tuple[int, ...]:
        """The kind of each token, as llama.cpp numbers them."""
        controls = set(self.controls)
        return tuple(_CONTROL if token in controls else _NORMAL for token in self.tokens)

    def metadata(self) -> dict[str, Value]:
        """The tokenizer's part of a GGUF file's metadata."""
        end = self.tokens.index(Mark.END)
        return {
            "tokenizer.ggml.model": "gpt2",
            "tokenizer.ggml.pre": self.pre,
            "tokenizer.ggml.add_space_prefix": False,
            "tokenizer.ggml.add_bos_token": False,
            "tokenizer.ggml.tokens": self.tokens,
            "tokenizer.ggml.token_type": self.types,
            "tokenizer.ggml.merges": self.merges,
            "tokenizer.ggml.bos_token_id": end,
            "tokenizer.ggml.eos_token_id": end,
            "tokenizer.ggml.padding_token_id": end,
        }

    def tokenizer(self) -> Tokenizer:
        """The daemon's tokenizer with this vocabulary."""
        return Tokenizer.from_gguf(self.metadata())

    def save(self, path: Path) -> None:
        """Writes the vocabulary as JSON; the file is replaced as a whole or not at all.

        Raises:
            FactoryError: It cannot be written.
        """
        temporary = None
        try:
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
                temporary = Path(file.name)
                file.write(msgspec.json.format(msgspec.json.encode(self), indent=1))
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
        except OSError as error:
            if temporary is not None:
                with suppress(OSError):
                    temporary.unlink(missing_ok=True)
            raise FactoryError(f"{path}: cannot be written: {error.strerror or error}") from error

    @classmethod
    def load(cls, path: Path) -> Self:
        """A vocabulary that `save` wrote.

        Raises:
            FactoryError: The file cannot be read or is damaged; the text names file and key.
        """
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except OSError as error:
            raise FactoryError(f"{path}: cannot be read: {error.strerror or error}") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise FactoryError(f"{path}: {error}") from error


def choose_vocabulary(
    base: Mapping[str, Value],
    corpus: Iterable[tuple[str, float]],
    *,
    size: int,
    controls: Mapping[str, tuple[str, ...]] = CONTROLS,
) -> TokenVocabulary:
    """The vocabulary of a pruned model.

    Every byte, then the tokens of the corpus with what they are merged from, the most used first,
    then the base's commonest lower-case words.

    Args:
        base: Metadata of the base model's GGUF file.
        corpus: Texts exactly as the model will see them, and how much each weighs.
        size: How many tokens there are in the end, added ones included.
        controls: The control tokens, and the words whose embeddings they start from.

    Raises:
        FactoryError: The base has no tokenizer that we know, or `size` is impossible.
    """
    try:
        tokenizer = Tokenizer.from_gguf(base)
    except ModelError as error:
        raise FactoryError(f"the base model: {error}") from error
    tree = _MergeTree(base)
    absent = [letter for letter in byte_letters() if letter not in tree.ids]
    least = 256 + len(controls)
    most = len(tree.ids) + len(absent) + len(controls)
    if not least <= size <= most:
        raise FactoryError(f"the vocabulary's size is {size}; legal are {least} to {most}")
    room = size - len(absent) - len(controls)
    kept = {tree.ids[letter] for letter in byte_letters() if letter in tree.ids}
    used: defaultdict[int, float] = defaultdict(float)
    for text, weight in corpus:
        for token in tokenizer.encode(text):
            used[token] += weight
    # Ties go by id, so that the same corpus in another order gives the same vocabulary.
    for wanted in (sorted(used, key=lambda token: (-used[token], token)), tree.lower_case()):
        for token in wanted:
            needed = tree.ancestors(token) - kept
            if len(kept) + len(needed) <= room:
                kept |= needed
    # Hardly any text holds the bytes that the base lacks: they start as the rarest it has.
    rare = tuple(sorted(tree.ids[letter] for letter in byte_letters() if letter in tree.ids))[-8:]
    added = dict.fromkeys(absent, rare)
    for name, words in controls.items():
        added[name] = tuple(token for word in words for token in tokenizer.encode(word))
    order = tuple(sorted(kept))
    return TokenVocabulary(
        pre=str(base["tokenizer.ggml.pre"]),
        tokens=(*(tree.tokens[token] for token in order), *added),
        merges=tree.kept_merges(kept),
        kept=order,
        added=added,
        controls=tuple(controls),
    )


class _MergeTree:
    """Which tokens of the base are merged from which."""

    def __init__(self, base: Mapping[str, Value]) -> None:
        tokens, types, merges = (
            base[f"tokenizer.ggml.{key}"] for key in ("tokens", "token_type", "merges")
        )
        if not isinstance(tokens, tuple) or not isinstance(types, tuple):
            raise FactoryError("the base model: tokenizer.ggml.tokens must be a list")
        self.tokens = tuple(str(token) for token in tokens)
        self.ids = {token: at for at, token in enumerate(self.tokens) if types[at] == _NORMAL}
        self._parts: dict[int, tuple[int, int]] = {}
        self._merges: list[tuple[int, str]] = []
        for merge in merges if isinstance(merges, tuple) else ():
            left, _, right = str(merge).partition(" ")
            result = self.ids.get(left + right)
            if result is None or left not in self.ids or right not in self.ids:
                continue
            if result in self._parts:
                raise FactoryError(f"the base model: two merges make the token {left + right!r}")
            self._parts[result] = self.ids[left], self.ids[right]
            self._merges.append((result, str(merge)))

    def ancestors(self, token: int) -> set[int]:
        """The token and everything it is merged from."""
        found: set[int] = set()
        open_ = [token]
        while open_:
            found.add(at := open_.pop())
            open_.extend(self._parts.get(at, ()))
        return found

    def lower_case(self) -> list[int]:
        """Words and parts of words in lower-case ASCII, in the order of their merges."""
        return [
            token
            for token, _ in self._merges
            if (word := self.tokens[token].removeprefix(_SPACE)) and _ENDINGS.issuperset(word)
        ]

    def kept_merges(self, kept: set[int]) -> tuple[str, ...]:
        """The merges of the kept tokens, the first to be merged first."""
        return tuple(merge for token, merge in self._merges if token in kept)
