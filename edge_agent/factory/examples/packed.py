"""Examples on disk as token ids, mapped into memory: written once, read in any order.

A folder holds tokens.bin (uint16), index.bin (int64: start, prompt length, length) and meta.json.
It does not know what the ids mean, or how examples are made.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.errors import FactoryError

VERSION = 1
MAX_VOCABULARY = 1 << 16
_TOKENS, _INDEX, _META = "tokens.bin", "index.bin", "meta.json"


def vocabulary_name(tokens: Iterable[str]) -> str:
    """The name that data sets know a vocabulary by: a checksum of its tokens in their order."""
    return hashlib.sha256("\n".join(tokens).encode()).hexdigest()[:16]


class Meta(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What meta.json says."""

    version: int
    vocabulary: str
    """Which vocabulary the ids belong to, by its checksum or another name."""
    vocab_size: int
    examples: int
    tokens: int


class PackedWriter:
    """Writes a data set; the folder appears under its name when `finish` is called, not before."""

    def __init__(self, path: Path, *, vocabulary: str, vocab_size: int) -> None:
        """Begins a data set.

        Args:
            path: The folder to make; one that is there already is replaced at the end.
            vocabulary: The name or checksum of the vocabulary.
            vocab_size: Ids are below it.

        Raises:
            FactoryError: The folder cannot be made, or there are too many ids for 16 bits.
        """
        if not 0 < vocab_size <= MAX_VOCABULARY:
            raise FactoryError(f"{path}: vocab_size is {vocab_size}; legal are 1 to 65536")
        self._path = path
        self._partial = path.with_name(f"{path.name}.partial")
        self._vocabulary, self._vocab_size = vocabulary, vocab_size
        self._examples = self._written = 0
        try:
            shutil.rmtree(self._partial, ignore_errors=True)
            self._partial.mkdir(parents=True)
            self._tokens: BinaryIO = (self._partial / _TOKENS).open("wb", buffering=1 << 20)
            self._index: BinaryIO = (self._partial / _INDEX).open("wb", buffering=1 << 18)
        except OSError as error:
            raise self._failed(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if kind is None:
            self.finish()
        else:
            self._tokens.close()
            self._index.close()
            shutil.rmtree(self._partial, ignore_errors=True)

    def add(self, prompt: Sequence[int], output: Sequence[int]) -> None:
        """Appends one example; only its output carries loss.

        Raises:
            FactoryError: An empty part, an id outside the vocabulary, or a full disk.
        """
        ids = np.array([*prompt, *output], dtype=np.int64)
        if not prompt or not output:
            raise FactoryError(f"{self._path}: example {self._examples}: prompt or output is empty")
        if int(ids.min()) < 0 or int(ids.max()) >= self._vocab_size:
            raise FactoryError(
                f"{self._path}: example {self._examples}: the ids span {ids.min()} to {ids.max()}; "
                f"legal are 0 to {self._vocab_size - 1}"
            )
        row = np.array([self._written, len(prompt), len(ids)], dtype="<i8")
        try:
            self._tokens.write(ids.astype("<u2").tobytes())
            self._index.write(row.tobytes())
        except OSError as error:
            raise self._failed(error) from error
        self._examples += 1
        self._written += len(ids)

    def finish(self) -> None:
        """Writes what is left and gives the folder its name.

        Raises:
            FactoryError: The disk is full; a folder of that name stays as it was.
        """
        meta = Meta(VERSION, self._vocabulary, self._vocab_size, self._examples, self._written)
        try:
            for file in (self._tokens, self._index):
                file.flush()
                os.fsync(file.fileno())
                file.close()
            (self._partial / _META).write_bytes(msgspec.json.encode(meta))
            old = self._path.with_name(f"{self._path.name}.old")
            if self._path.exists():
                shutil.rmtree(old, ignore_errors=True)
                self._path.rename(old)
            self._partial.rename(self._path)
            shutil.rmtree(old, ignore_errors=True)
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> FactoryError:
        return FactoryError(f"{self._path}: cannot be written: {error.strerror or error}")


@dataclass(frozen=True, slots=True)
class Packed:
    """An open data set, or several as one."""

    meta: Meta
    tokens: tuple[NDArray[np.uint16], ...]
    source: NDArray[np.uint8]
    """Of each example: which of `tokens` it lies in."""
    index: NDArray[np.int64]
    """Of each example: start, prompt length, length."""

    def __len__(self) -> int:
        return len(self.index)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each example, prompt and output."""
        return self.index[:, 2]

    def example(self, number: int) -> tuple[NDArray[np.uint16], int]:
        """All ids of one example, and how many of them are prompt."""
        start, prompt, length = (int(value) for value in self.index[number])
        return self.tokens[self.source[number]][start : start + length], prompt

    @classmethod
    def open(cls, path: Path, *, vocabulary: str | None = None) -> Self:
        """A finished data set.

        Args:
            path: The folder.
            vocabulary: The vocabulary that its ids must belong to; None accepts any.

        Raises:
            FactoryError: It is missing, unfinished, damaged, empty or of another vocabulary.
        """
        meta = _read_meta(path / _META)
        if vocabulary is not None and meta.vocabulary != vocabulary:
            raise FactoryError(
                f"{path}: its ids belong to the vocabulary {meta.vocabulary!r}, not to "
                f"{vocabulary!r}"
            )
        if meta.examples == 0:
            raise FactoryError(f"{path}: holds no examples")
        tokens: NDArray[np.uint16] = _mapped(path / _TOKENS, "<u2", meta.tokens)
        index: NDArray[np.int64] = _mapped(path / _INDEX, "<i8", 3 * meta.examples)
        index = index.reshape(-1, 3)
        ends = np.cumsum(index[:, 2])
        starts = np.concatenate((np.zeros(1, dtype=np.int64), ends[:-1]))
        fits = (index[:, 0] == starts) & (index[:, 1] > 0) & (index[:, 1] < index[:, 2])
        if not bool(fits.all()) or int(ends[-1]) != meta.tokens:
            wrong = int(np.argmin(fits)) if not bool(fits.all()) else meta.examples - 1
            raise FactoryError(f"{path / _INDEX}: example {wrong} does not fit: damaged")
        if int(tokens.max()) >= meta.vocab_size:
            raise FactoryError(
                f"{path / _TOKENS}: holds the id {tokens.max()}; meta.json allows 0 to "
                f"{meta.vocab_size - 1}"
            )
        return cls(meta, (tokens,), np.zeros(len(index), dtype=np.uint8), index)

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Several data sets of one vocabulary as one.

        Raises:
            FactoryError: None are given, more than 255, or their vocabularies differ.
        """
        if not 0 < len(parts) < 256:
            raise FactoryError(f"{len(parts)} data sets; legal are 1 to 255")
        first = parts[0].meta
        for part in parts:
            if (part.meta.vocabulary, part.meta.vocab_size) != (first.vocabulary, first.vocab_size):
                raise FactoryError(
                    f"data sets of the vocabularies {first.vocabulary!r} and "
                    f"{part.meta.vocabulary!r} do not go together"
                )
        offsets = np.cumsum([0, *(len(part.tokens) for part in parts)])
        return cls(
            Meta(
                VERSION,
                first.vocabulary,
                first.vocab_size,
                sum(part.meta.examples for part in parts),
                sum(part.meta.tokens for part in parts),
            ),
            tuple(tokens for part in parts for tokens in part.tokens),
            np.concatenate(
                [part.source + np.uint8(at) for part, at in zip(parts, offsets, strict=False)]
            ),
            np.concatenate([part.index for part in parts]),
        )


def _read_meta(path: Path) -> Meta:
    try:
        meta = msgspec.json.decode(path.read_bytes(), type=Meta)
    except OSError as error:
        raise FactoryError(f"{path}: no finished data set: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FactoryError(f"{path}: {error}") from error
    if meta.version != VERSION:
        raise FactoryError(f"{path}: version is {meta.version}; legal is {VERSION}")
    if not 0 < meta.vocab_size <= MAX_VOCABULARY or meta.examples < 0 or meta.tokens < 0:
        raise FactoryError(f"{path}: vocab_size, examples or tokens is out of range")
    return meta


def _mapped(path: Path, letters: str, count: int) -> NDArray[Any]:
    kind = np.dtype(letters)
    try:
        size = path.stat().st_size
        if size != count * kind.itemsize:
            raise FactoryError(
                f"{path}: {size} bytes; meta.json speaks of {count * kind.itemsize}: damaged"
            )
        return np.memmap(path, dtype=kind, mode="r", shape=(count,))
    except OSError as error:
        raise FactoryError(f"{path}: cannot be read: {error.strerror or error}") from error
