"""Files of the cache that can be made anew: written whole or not at all, checked when opened.

They are named by what they were made from, so that an old one is never taken for a new one; those
that were not used for longest make room. It does not know what they hold.
"""

import mmap
import os
import struct
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

_MAGIC = b"EDGEKEPT"
_HEADER = struct.Struct("<8sI32sQ")  # magic, CRC-32 of the body, what it was made from, its length
_PAGE = 4096
_MOST = 4
"""Files of one sort that are kept."""


def read_kept(path: Path, made_from: bytes, length: int) -> Bytes | None:
    """The body of a file, mapped; None where there is none, or another one, or a damaged one.

    Args:
        path: The file.
        made_from: 32 bytes that say what it was made from.
        length: Bytes that the body must have.
    """
    try:
        with path.open("rb") as file:
            if file.seek(0, os.SEEK_END) != _PAGE + length:
                return None
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        with suppress(OSError):
            os.utime(path)
    except OSError:
        return None
    magic, check, found, size = _HEADER.unpack_from(mapped)
    body = np.frombuffer(mapped, np.uint8)[_PAGE:]
    if (magic, found, size) != (_MAGIC, made_from, length) or zlib.crc32(body.data) != check:
        return None
    return body


def write_kept(path: Path, made_from: bytes, body: Bytes) -> None:
    """Writes a file in one go, and removes the oldest of its sort where there are many.

    Raises:
        OSError: It cannot be written; what was there before still is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
        try:
            header = _HEADER.pack(_MAGIC, zlib.crc32(body.data), made_from, len(body))
            file.write(header.ljust(_PAGE, b"\0"))
            file.write(body.data)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).rename(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    with suppress(OSError):
        alike = sorted(path.parent.glob(f"*{path.suffix}"), key=lambda one: one.stat().st_mtime)
        for old in alike[:-_MOST]:
            old.unlink(missing_ok=True)
