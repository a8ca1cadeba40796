"""tinygrad as a daemon needs it: usable from any thread, one process, one class of error.

It knows tinygrad's settings and its kernel cache, and no network.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tinygrad import helpers

from edge_agent.errors import ModelError


class _SharedConnection(sqlite3.Connection):
    """A connection of ours, as opposed to tinygrad's own."""


@contextmanager
def tinygrad_session() -> Iterator[None]:
    """A block in which tinygrad may be used, one block at a time.

    Raises:
        ModelError: Instead of anything that tinygrad, its compiler or its device raises.
    """
    _share_kernel_cache()
    # tinygrad lets its compiler talk to the terminal, and clang 19 warns of tinygrad's own options.
    os.environ.setdefault("CCC_OVERRIDE_OPTIONS", "# +-w")
    try:
        # Compiling in worker processes would cost the memory of several Pythons.
        with helpers.Context(PARALLEL=0):
            yield
    except ModelError:
        raise
    except FileNotFoundError as error:
        missing = error.filename or error
        raise ModelError(f"{missing} is missing; kernels are compiled with clang once") from error
    except Exception as error:
        raise ModelError(f"tinygrad failed: {type(error).__name__}: {error}") from error


def _share_kernel_cache() -> None:
    """Lets any thread use tinygrad's cache of compiled kernels.

    tinygrad opens it for the first thread alone, and the thread that loads a model is not always
    the one that runs it. A cache that cannot be used only costs compiling anew.
    """
    if isinstance(helpers._db_connection, _SharedConnection):  # noqa: SLF001 - no public way
        return
    try:
        Path(helpers.CACHEDB).parent.mkdir(parents=True, exist_ok=True)
        connection = _connect(helpers.CACHEDB)
    except (OSError, sqlite3.Error):
        connection = _connect(":memory:")
    helpers._db_connection = connection  # noqa: SLF001


def _connect(database: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        database,
        timeout=60,
        isolation_level="IMMEDIATE",
        check_same_thread=False,
        factory=_SharedConnection,
    )
    # A damaged file shows itself at the first statement, a full or read-only disk when written.
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("CREATE TABLE IF NOT EXISTS edge_agent_probe (at INTEGER)")
    connection.execute("INSERT INTO edge_agent_probe VALUES (0)")
    connection.execute("DELETE FROM edge_agent_probe")
    connection.commit()
    return connection
