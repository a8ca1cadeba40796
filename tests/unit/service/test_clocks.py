"""When a clock shows a time of day next, whatever summer time does to it."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from edge_agent.service.clocks import Clocks, synchronised, system_clocks

BERLIN = ZoneInfo("Europe/Berlin")


def clocks(now: str) -> Clocks:
    wall = datetime.fromisoformat(now).timestamp()
    return Clocks(lambda: 0.0, lambda: wall, lambda: True, "", BERLIN)


@pytest.mark.parametrize(
    ("now", "minutes", "shown"),
    [
        ("2026-03-02T20:00+01:00", 7 * 60 + 30, "2026-03-03T07:30+01:00"),
        ("2026-03-02T07:29:59+01:00", 7 * 60 + 30, "2026-03-02T07:30+01:00"),
        ("2026-03-02T07:30+01:00", 7 * 60 + 30, "2026-03-03T07:30+01:00"),
        ("2026-12-31T23:59+01:00", 0, "2027-01-01T00:00+01:00"),
        # summer time begins: 2:30 does not come that night
        ("2026-03-28T20:00+01:00", 3 * 60 + 30, "2026-03-29T03:30+02:00"),
        ("2026-03-28T20:00+01:00", 2 * 60 + 30, "2026-03-30T02:30+02:00"),
        # summer time ends: 2:30 comes twice
        ("2026-10-24T20:00+02:00", 2 * 60 + 30, "2026-10-25T02:30+02:00"),
        ("2026-10-25T02:40+02:00", 2 * 60 + 30, "2026-10-25T02:30+01:00"),
        ("2026-10-25T02:40+01:00", 2 * 60 + 30, "2026-10-26T02:30+01:00"),
    ],
)
def test_the_next_time_a_clock_shows_it(now, minutes, shown):
    at = clocks(now).next_showing(minutes)
    assert at == datetime.fromisoformat(shown).timestamp()
    assert clocks(now).local(at).isoformat(timespec="minutes") == shown


def test_the_machine_has_clocks():
    here = system_clocks()
    assert here.elapsed() <= here.elapsed()
    assert here.boot == system_clocks().boot
    assert synchronised() in {True, False}
    wall = here.wall()
    at = here.next_showing(12 * 60)
    assert at is not None
    assert wall < at < wall + 26 * 3600
    assert (here.local(at).hour, here.local(at).minute) == (12, 0)
