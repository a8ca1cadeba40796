"""A small file that survives a power cut at any moment: the new generation, or the one before.

It knows nothing about what is in it.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Protocol, TypeVar

_T = TypeVar("_T")


class Files(Protocol):
    """What the store needs of a file system; everything may raise OSError."""

    def read(self, path: Path) -> bytes:
        """The content of a file."""
        ...

    def write(self, path: Path, data: bytes) -> None:
        """Put data into a file and wait until it is on the disk."""
        ...

    def replace(self, source: Path, target: Path) -> None:
        """Give a file another name, at once or not at all."""
        ...

    def sync(self, directory: Path) -> None:
        """Wait until the names in a directory are on the disk."""
        ...


class Disk:
    """The file system of this machine."""

    def read(self, path: Path) -> bytes:
        """The content of a file."""
        return path.read_bytes()

    def write(self, path: Path, data: bytes) -> None:
        """Put data into a file and wait until it is on the disk."""
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def replace(self, source: Path, target: Path) -> None:
        """Give a file another name, at once or not at all."""
        source.replace(target)

    def sync(self, directory: Path) -> None:
        """Wait until the names in a directory are on the disk."""
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class Store:
    """One document in a directory, with the generation before it."""

    def __init__(self, directory: Path | None, name: str, files: Files) -> None:
        """Touches nothing yet.

        Args:
            directory: Where the file is; None keeps nothing.
            name: Of the file.
            files: The file system.
        """
        self.kept = directory is not None
        """Whether anything outlives the process at all."""
        self._files = files
        self._path = (directory or Path()) / name
        self._before = self._path.with_suffix(".before")
        self._new = self._path.with_suffix(".new")
        self._damage: str | None = None
        self._failure: str | None = None
        self._rotates = True

    @property
    def problems(self) -> list[str]:
        """Clauses about what could not be read or written."""
        return [problem for problem in (self._damage, self._failure) if problem]

    def load(self, decode: Callable[[bytes], _T]) -> _T | None:
        """The document, or the one before where it is damaged; None where there is neither.

        Args:
            decode: Reads a document; raises ValueError where it is none.
        """
        if not self.kept:
            return None
        damaged: str | None = None
        for path in (self._path, self._before):
            try:
                found = decode(_checked(self._files.read(path)))
            except FileNotFoundError:
                continue  # the power was cut between two renames, or nothing was ever kept
            except (OSError, ValueError) as error:
                damaged = damaged or f"{path} is damaged ({error})"
                continue
            if damaged:
                self._damage, self._rotates = f"{damaged}: the one before it is used", False
            return found
        if damaged:
            self._damage, self._rotates = f"{damaged}: what was in it is lost", False
        return None

    def save(self, document: bytes) -> bool:
        """Keep a document; False where that failed, which `problems` explains."""
        if not self.kept:
            return False
        try:
            self._files.write(self._new, _sealed(document))
            if self._rotates:  # a damaged generation must not replace a good one
                with suppress(FileNotFoundError):
                    self._files.replace(self._path, self._before)
            self._files.replace(self._new, self._path)
            self._files.sync(self._path.parent)
        except OSError as error:
            self._failure = f"{self._path} cannot be written: {error.strerror or error}"
            return False
        self._failure, self._rotates = None, True
        return True


def state_directory(configured: str | None, environ: Mapping[str, str]) -> Path | None:
    """Where the daemon keeps what must outlive it, if there is such a place."""
    # systemd gives a list where several are set up; the first is the service's own.
    given = configured or environ.get("STATE_DIRECTORY", "").split(":")[0]
    return Path(given) if given else None


def _sealed(document: bytes) -> bytes:
    return sha256(document).hexdigest().encode() + b"\n" + document


def _checked(data: bytes) -> bytes:
    _, _, document = data.partition(b"\n")
    if data != _sealed(document):
        raise ValueError("its checksum is wrong")
    return document
