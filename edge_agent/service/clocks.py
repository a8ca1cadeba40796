"""The clocks that delayed commands go by, and whether the one on the wall can be trusted.

Intervals go by a clock that nobody can set and that counts while the machine sleeps; times of day
go by the wall clock, and only while something keeps it right.
"""

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from datetime import time as TimeOfDay  # noqa: N812 - `time` is the module here
from pathlib import Path

_SYNCHRONIZED = Path("/run/systemd/timesync/synchronized")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_TIME_ERROR = 5
"""What adjtimex(2) answers while nothing keeps the clock right."""
_TIMEX_BYTES = 512  # more than `struct timex` takes anywhere
_DAYS = 3
"""How far to look for a time of day: a change to summer time skips one at most."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """What tells the time."""

    elapsed: Callable[[], float]
    """Seconds since the machine started, those that it slept included."""
    wall: Callable[[], float]
    """Seconds since 1970."""
    synchronised: Callable[[], bool]
    """Whether the wall clock is kept right by something."""
    boot: str
    """Names this run of the machine: `elapsed` means nothing in another one."""
    zone: tzinfo | None = None
    """None: the machine's own."""

    def next_showing(self, minutes: int) -> float | None:
        """When the wall clock shows a time of day next, strictly after now, since 1970.

        Args:
            minutes: Since midnight.
        """
        now = self.wall()
        today = datetime.fromtimestamp(now, self.zone).date()
        shown = TimeOfDay(minutes // 60, minutes % 60)
        for days in range(_DAYS):
            for fold in (0, 1):  # one hour comes twice when summer time ends
                naive = datetime.combine(today + timedelta(days), shown).replace(fold=fold)
                at = naive.replace(tzinfo=self.zone).timestamp()
                # ... and one hour does not come at all when it begins
                if at > now and datetime.fromtimestamp(at, self.zone).time() == shown:
                    return at
        return None

    def local(self, wall: float) -> datetime:
        """A moment as the people here write it, with its distance from UTC."""
        return datetime.fromtimestamp(wall, self.zone).astimezone(self.zone)


def system_clocks() -> Clocks:
    """The clocks of this machine."""
    try:
        boot = _BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        boot = ""  # no two runs are known to be the same one then
    return Clocks(_elapsed, time.time, synchronised, boot)


def synchronised() -> bool:
    """Whether systemd-timesyncd or the kernel says that the wall clock is right."""
    if _SYNCHRONIZED.exists():
        return True
    try:
        # modes=0 only asks. chrony, ntpd and ptp tell the kernel; a sandbox may forbid asking.
        answer: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return False
    return answer not in (-1, _TIME_ERROR)


def _elapsed() -> float:
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)
