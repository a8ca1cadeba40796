"""What is kept of delayed commands: whole generations, ids of their own, the right times."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.command import Command, Comparison, Condition, Target
from edge_agent.core.entity import Origin
from edge_agent.core.policy import Verdict
from edge_agent.service.clocks import Clocks
from edge_agent.service.store import Disk, Store
from edge_agent.service.timers import MOST, Item, Timer, TimerError, Timers

COLD = Condition(
    Target("outdoor temperature", ("sensor.outdoor",)), "temperature", Comparison.BELOW, 5.0
)
TIMER = Timer(
    id="r.1",
    request="r",
    conversation="sofa",
    origin=Origin.VOICE,
    items=(
        Item(Command("switch.heater", "power", "off"), "heater", COLD),
        Item(Command("light.sofa", "brightness", 45.0), "sofa lamp", undoes="brightness"),
    ),
    approved=Verdict.PIN,
    words="turn off the heater",
    due=600.0,
    wall=None,
)


def timers(directory, boot="one", elapsed=0.0, wall=1_000_000.0):
    clocks = Clocks(lambda: elapsed, lambda: wall, lambda: True, boot)
    return Timers(clocks, Store(directory, "timers.json", Disk()))


@pytest.fixture(scope="module")
def generations(tmp_path_factory):
    """Return a directory with two generations in it, and what was pending in each."""
    directory = tmp_path_factory.mktemp("state")
    kept = timers(directory)
    kept.add([TIMER])
    old = kept.pending()
    kept.add([msgspec.structs.replace(TIMER, id="r.2", due=30.0)])
    return directory, (directory / "timers.json").read_bytes(), old, kept.pending()


@given(data=st.data())
def test_a_file_that_is_cut_anywhere_gives_the_old_timers_or_the_new(generations, data):
    directory, whole, old, new = generations
    length = data.draw(st.integers(0, len(whole)))
    (directory / "timers.json").write_bytes(whole[:length])
    found = timers(directory)
    assert found.pending() == (new if length == len(whole) else old)
    assert bool(found.problems) == (length < len(whole))


def test_everything_of_a_timer_is_kept(tmp_path):
    timers(tmp_path).add([TIMER])
    assert timers(tmp_path).pending() == [msgspec.structs.replace(TIMER, wall=1_000_600.0)]


def test_another_run_of_the_machine_goes_by_the_wall_clock(tmp_path):
    timers(tmp_path).add([TIMER])
    (found,) = timers(tmp_path, boot="two", elapsed=3.0, wall=1_000_100.0).pending()
    assert found.due == pytest.approx(503.0)


def test_ids_are_the_requests_with_a_number_that_is_free():
    kept = timers(None)
    assert kept.free_id("r") == "r.1"
    kept.add([TIMER])
    assert kept.free_id("r") == "r.2"
    assert kept.free_id("r", ["r.2"]) == "r.3"


def test_too_many_are_refused_whole():
    kept = timers(None)
    kept.add([msgspec.structs.replace(TIMER, id=f"{number}") for number in range(MOST - 1)])
    with pytest.raises(TimerError, match="63 delayed commands already"):
        kept.add([TIMER, msgspec.structs.replace(TIMER, id="r.2")])
    assert len(kept) == MOST - 1


def test_the_next_one_is_waited_for_but_never_for_long():
    kept = timers(None)
    assert kept.until_next() == 1.0
    kept.add([TIMER, msgspec.structs.replace(TIMER, id="r.2", due=0.4)])
    assert kept.until_next() == pytest.approx(0.4)


def test_a_disk_that_cannot_be_written_is_told_and_timers_go_on(tmp_path):
    (tmp_path / "state").write_text("in the way")
    kept = timers(tmp_path / "state")
    kept.add([TIMER])
    assert len(kept) == 1
    assert "cannot be written" in " ".join(kept.problems)
