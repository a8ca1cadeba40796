"""GGUF files: metadata and the raw blocks of 4-bit tensors, mmapped and checked byte by byte.

Every count, offset and length is compared with the file's own size before it is used, so a damaged
file costs an error and never memory. It does not know what the tensors mean.
"""

import hashlib
import math
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from edge_agent.errors import ModelError

Scalar = bool | int | float | str
Value = Scalar | tuple[Scalar, ...]

DEFAULT_MAX_BYTES = 2 << 30
MAX_ENTRIES = 4096  # metadata keys, and tensors
MAX_ITEMS = 1 << 20  # items of one metadata array
MAX_TEXT = 1 << 20  # bytes of one metadata string
MAX_NAME = 64  # bytes of a tensor's name; ggml's own limit
MAX_DIMENSIONS = 4
_STRING, _ARRAY, _BOOL = 8, 9, 7
_SCALARS: Mapping[int, struct.Struct] = MappingProxyType(
    {
        code: struct.Struct("<" + letter)
        for code, letter in zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIifBQqd", strict=True)
    }
)


class GgmlType(IntEnum):
    """The tensor types that edge-agent computes with; the numbers are ggml's."""

    F32 = 0
    F16 = 1
    Q4_0 = 2
    Q4_1 = 3
    Q8_0 = 8

    @property
    def block(self) -> tuple[int, int]:
        """Weights in a block, and bytes of a block."""
        return {
            GgmlType.F32: (1, 4),
            GgmlType.F16: (1, 2),
            GgmlType.Q4_0: (32, 18),
            GgmlType.Q4_1: (32, 20),
            GgmlType.Q8_0: (32, 34),
        }[self]

    @property
    def scales(self) -> int:
        """How many fp16 numbers (scale, minimum) open a block."""
        return {GgmlType.Q4_0: 1, GgmlType.Q4_1: 2, GgmlType.Q8_0: 1}.get(self, 0)


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """One tensor of the file, undecoded."""

    name: str
    shape: tuple[int, ...]
    """Row-major, outermost first: (rows, columns). GGUF itself writes them in reverse."""
    ggml_type: GgmlType
    data: NDArray[np.uint8]
    """Its bytes as one flat read-only view of the mapped file."""


@dataclass(frozen=True, slots=True)
class GgufFile:
    """An open GGUF file; the mapping lives as long as any view of it."""

    path: Path
    metadata: Mapping[str, Value]
    tensors: Mapping[str, GgufTensor]
    mapped: mmap.mmap

    def let_go(self) -> None:
        """Give the memory of what was read back; the file is there to be read again."""
        self.mapped.madvise(mmap.MADV_DONTNEED)


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file as 64 hex digits, read in pieces of 1 MiB.

    Raises:
        ModelError: The file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    return digest.hexdigest()


def open_gguf(path: Path, *, max_bytes: int = DEFAULT_MAX_BYTES) -> GgufFile:
    """A GGUF file (version 2 or 3, little-endian, unsplit), mapped read-only.

    Args:
        path: The file.
        max_bytes: The largest file that is accepted.

    Raises:
        ModelError: The file is missing, too large, damaged, split, or holds a tensor type that is
            not in `GgmlType`. The text names the file and the place.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if size > max_bytes:
                raise ModelError(f"{path}: {size} bytes; at most {max_bytes} are allowed here")
            if size < 24:
                raise ModelError(f"{path}: {size} bytes are too few for a GGUF file")
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    return _Reader(path, mapped).read()


class _Reader:
    """A cursor over the mapped file that refuses to leave it."""

    def __init__(self, path: Path, mapped: mmap.mmap) -> None:
        self._path = path
        self._mapped = mapped
        self._bytes: NDArray[np.uint8] = np.frombuffer(mapped, dtype=np.uint8)
        self._at = 0

    def read(self) -> GgufFile:
        if (magic := self._take(4, "the magic")) != b"GGUF":
            raise self._error("the magic", f"reads {magic!r}; a GGUF file begins with b'GGUF'")
        if (version := self._number(4, "the version")) not in (2, 3):
            raise self._error("the version", f"is {version}; legal are 2 and 3")
        tensor_count = self._count(MAX_ENTRIES, "the tensor count")
        metadata = self._metadata(self._count(MAX_ENTRIES, "the metadata count"))
        if isinstance(parts := metadata.get("split.count", 0), int) and parts > 1:
            raise self._error("split.count", f"is {parts}; join the parts into one file first")
        tensors = self._tensors(tensor_count, metadata.get("general.alignment", 32))
        return GgufFile(
            self._path, MappingProxyType(metadata), MappingProxyType(tensors), self._mapped
        )

    def _error(self, place: str, problem: str) -> ModelError:
        return ModelError(f"{self._path}: {place} {problem}")

    def _take(self, length: int, place: str) -> bytes:
        if length > len(self._mapped) - self._at:
            raise self._error(place, f"at byte {self._at} runs past the end of the file")
        self._at += length
        return self._mapped[self._at - length : self._at]

    def _number(self, code: int, place: str) -> int | float:
        form = _SCALARS[code]
        number: int | float = form.unpack(self._take(form.size, place))[0]
        return number

    def _count(self, limit: int, place: str) -> int:
        count = int(self._number(10, place))
        if count > limit:
            raise self._error(place, f"is {count}; at most {limit} are allowed")
        return count

    def _text(self, limit: int, place: str) -> str:
        raw = self._take(self._count(limit, f"the length of {place}"), place)
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise self._error(place, f"is not UTF-8: {error.reason}") from error

    def _metadata(self, count: int) -> dict[str, Value]:
        metadata: dict[str, Value] = {}
        for index in range(count):
            key = self._text(MAX_TEXT, f"metadata key {index}")
            place = f"metadata {key[:80]!r}"
            if key in metadata:
                raise self._error(place, "is there twice")
            code = int(self._number(4, f"the type of {place}"))
            metadata[key] = self._array(place) if code == _ARRAY else self._scalar(code, place)
        return metadata

    def _scalar(self, code: int, place: str) -> Scalar:
        if code == _STRING:
            return self._text(MAX_TEXT, place)
        if code not in _SCALARS:
            raise self._error(place, f"has the unknown type {code}")
        number = self._number(code, place)
        if code != _BOOL:
            return number
        if number not in (0, 1):
            raise self._error(place, f"is {number}; a truth value is 0 or 1")
        return bool(number)

    def _array(self, place: str) -> tuple[Scalar, ...]:
        code = int(self._number(4, f"the item type of {place}"))
        count = self._count(MAX_ITEMS, f"the item count of {place}")
        if code in (_STRING, _BOOL):
            return tuple(self._scalar(code, place) for _ in range(count))
        if code not in _SCALARS:
            raise self._error(place, f"has items of the unknown type {code}")
        form = _SCALARS[code].format[1:]
        raw = self._take(_SCALARS[code].size * count, place)
        return struct.unpack(f"<{count}{form}", raw)

    def _tensors(self, count: int, alignment: Value) -> dict[str, GgufTensor]:
        if not isinstance(alignment, int) or alignment not in (1 << n for n in range(3, 17)):
            raise self._error("general.alignment", f"is {alignment}; legal is a power of 2 >= 8")
        headers = [self._tensor_header(index) for index in range(count)]
        start = -(-self._at // alignment) * alignment
        tensors: dict[str, GgufTensor] = {}
        end = 0
        for name, shape, kind, offset in sorted(headers, key=lambda header: header[3]):
            place = f"tensor {name!r}"
            if name in tensors:
                raise self._error(place, "is there twice")
            if offset % alignment or offset < end:
                raise self._error(place, f"lies at offset {offset}: unaligned or on another tensor")
            end = offset + math.prod(shape) // kind.block[0] * kind.block[1]
            if start + end > len(self._mapped):
                raise self._error(place, f"ends at byte {start + end}, past the end of the file")
            data = self._bytes[start + offset : start + end]
            tensors[name] = GgufTensor(name, shape, kind, data)
        return tensors

    def _tensor_header(self, index: int) -> tuple[str, tuple[int, ...], GgmlType, int]:
        name = self._text(MAX_NAME, f"the name of tensor {index}")
        place = f"tensor {name!r}"
        rank = int(self._number(4, f"the rank of {place}"))
        if not 1 <= rank <= MAX_DIMENSIONS:
            raise self._error(place, f"has {rank} dimensions; legal are 1 to {MAX_DIMENSIONS}")
        shape = tuple(int(self._number(10, f"the shape of {place}")) for _ in range(rank))[::-1]
        code = int(self._number(4, f"the type of {place}"))
        if code not in {kind.value for kind in GgmlType}:
            legal = ", ".join(kind.name for kind in GgmlType)
            raise self._error(place, f"has ggml type {code}; legal are {legal}")
        kind = GgmlType(code)
        # A shape that the whole file could not hold is damage, whatever the offset says.
        if 0 in shape or math.prod(shape) > 2 * len(self._mapped) or shape[-1] % kind.block[0]:
            raise self._error(place, f"of type {kind.name} cannot have the shape {list(shape)}")
        return name, shape, kind, int(self._number(10, f"the offset of {place}"))


def check_scales(file: GgufFile) -> None:
    """Refuses tensors whose scales or unquantised weights are not finite.

    Raises:
        ModelError: Names the file and the first such tensor.
    """
    for tensor in file.tensors.values():
        kind, exponent = tensor.ggml_type, 0x7C00
        if kind is GgmlType.F32:
            words, exponent = tensor.data.view("<u4"), 0x7F800000
        else:
            block = max(kind.block[1] // 2, 1)
            words = tensor.data.view("<u2").reshape(-1, block)[:, : kind.scales or None]
        if bool(((words & exponent) == exponent).any()):
            raise ModelError(
                f"{file.path}: tensor {tensor.name!r} holds numbers that are not finite"
            )
