"""Tells the service manager how the daemon is, and decides when it is alive.

`Notifier` speaks systemd's datagram protocol (sd_notify(3)) and is a no-op elsewhere; `Watchdog`
turns the progress of the worker threads into one answer: who is stuck. Neither knows what the
workers do.
"""

import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

_MICROSECONDS = 1_000_000
_STATUS_LIMIT = 512  # characters; `systemctl status` shows one line


@dataclass(frozen=True, slots=True)
class Notifier:
    """A service manager that wants to hear from us, or none.

    Every method returns whether the message was handed over, and never raises: a manager that
    cannot be reached must not stop the daemon.

    Attributes:
        address: Path of the manager's datagram socket, `@` first for an abstract one; None where
            nobody listens.
        watchdog_interval: Seconds without `watchdog()` after which the manager restarts us, or
            None where it does not watch this process. Call at half of it.
    """

    address: str | None = None
    watchdog_interval: float | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], pid: int) -> Self:
        """A notifier as systemd described it in the environment of process `pid`."""
        return cls(environ.get("NOTIFY_SOCKET") or None, _watchdog_interval(environ, pid))

    def ready(self, status: str) -> bool:
        """Says that start-up, or a reload, is over."""
        return self._send("READY=1", _status(status))

    def status(self, text: str) -> bool:
        """Shows one line for people in `systemctl status`."""
        return self._send(_status(text))

    def watchdog(self) -> bool:
        """Says that the daemon is making progress; restarts the manager's timer."""
        return self._send("WATCHDOG=1")

    def reloading(self, monotonic_us: int) -> bool:
        """Says that a reload began at this CLOCK_MONOTONIC time; `ready` ends it."""
        return self._send("RELOADING=1", f"MONOTONIC_USEC={monotonic_us}")

    def stopping(self) -> bool:
        """Says that shut-down began."""
        return self._send("STOPPING=1")

    def extend_timeout(self, usec: int) -> bool:
        """Asks for this many microseconds more, from now, for the start or stop under way."""
        return self._send(f"EXTEND_TIMEOUT_USEC={usec}")

    def _send(self, *lines: str) -> bool:
        if self.address is None:
            return False
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.setblocking(False)  # a manager with a full queue must not stop the loop
                channel.sendto("\n".join(lines).encode(), address)
        except (OSError, ValueError):  # ValueError: a NUL inside the path
            return False
        return True


class Watchdog:
    """Says which workers stopped making progress; the caller's own call proves the caller's.

    A worker is watched from `busy` to `idle`, and each `beat` between them gives it `limit` more
    seconds. Idle workers are exempt. Threads may call at any time.
    """

    def __init__(self, limit: float, clock: Callable[[], float]) -> None:
        """Watches with `limit` seconds of patience, measured by the monotonic `clock`."""
        self._limit = limit
        self._clock = clock
        self._progress: dict[str, float] = {}  # busy worker -> when it last made progress
        self._lock = threading.Lock()

    def busy(self, name: str, since: float | None = None) -> None:
        """Watches `name` from `since` on, a time of the clock (default: now)."""
        with self._lock:
            self._progress[name] = self._clock() if since is None else since

    def beat(self, name: str) -> None:
        """Notes progress of a busy worker; a late beat of an idle one does not wake it."""
        with self._lock:
            if name in self._progress:
                self._progress[name] = self._clock()

    def idle(self, name: str) -> None:
        """Exempts `name` until it is busy again."""
        with self._lock:
            self._progress.pop(name, None)

    def stuck(self) -> tuple[str, ...]:
        """The busy workers without progress for longer than the limit, sorted; empty when alive."""
        now = self._clock()
        with self._lock:
            return tuple(
                sorted(name for name, at in self._progress.items() if now - at > self._limit)
            )


def _status(text: str) -> str:
    """A STATUS= line; the text cannot smuggle in a second assignment."""
    return "STATUS=" + " ".join(text.split())[:_STATUS_LIMIT]


def _watchdog_interval(environ: Mapping[str, str], pid: int) -> float | None:
    """Seconds from WATCHDOG_USEC, unless WATCHDOG_PID names another process."""
    if environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    text = environ.get("WATCHDOG_USEC", "")
    usec = int(text) if text.isascii() and text.isdecimal() else 0
    return usec / _MICROSECONDS or None
