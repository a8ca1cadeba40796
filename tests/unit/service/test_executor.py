"""What became of a command is decided by what the device says afterwards, and by nothing else."""

import asyncio
import time

import pytest

from edge_agent.core.accept import Rejected
from edge_agent.core.command import Command
from edge_agent.core.interlock import Control, Requirement, Rule
from edge_agent.core.outcome import Outcome
from edge_agent.core.state import Availability
from edge_agent.service.executor import COMMAND_EXPIRY, Interlocks

ON = Command("light.sofa", "power", "on")
DIM = Command("light.sofa", "brightness", 40.0)
LOCK = Command("lock.front", "lock", "locked")
BELL = Command("button.bell", "command", "press")
OPEN = Command("cover.bedroom", "opening", "open")

PARKED = Interlocks(
    rules=(
        Rule(
            frozenset({Control("lock.front", "lock")}),
            ("unlocked",),
            (Requirement("speed", at_most=0, otherwise="the car is moving"),),
        ),
    ),
    inputs={"speed": Control("sensor.outdoor", "temperature")},
)
UNLOCK = Command("lock.front", "lock", "unlocked")


@pytest.fixture
def rig(make_rig):
    return make_rig()


def execute(rig, *commands, cancelled=lambda: False):
    async def play():
        return await rig.executor.execute(commands, cancelled)

    return rig.run(play)


def outcome(rig, command):
    (result,) = execute(rig, command)
    return result


@pytest.mark.parametrize("command", [ON, DIM, LOCK, OPEN])
def test_device_that_obeys_is_confirmed(rig, command):
    result = outcome(rig, command)
    assert result.command == command
    assert result.outcome is Outcome.CONFIRMED
    topic = f"set/{command.entity}/{command.attribute}"
    assert rig.link.to_devices == [(topic, str(command.value))]
    assert rig.link.sent[0].expiry == COMMAND_EXPIRY
    assert not rig.link.sent[0].retain


def test_confirmation_does_not_wait_for_the_timeout(make_rig):
    rig = make_rig(confirm_timeout=60.0)
    started = time.monotonic()
    assert outcome(rig, ON).outcome is Outcome.CONFIRMED
    assert time.monotonic() - started < 30


def test_dead_device_times_out_and_is_never_confirmed(rig):
    rig.link.react = rig.ignore
    result = outcome(rig, ON)
    assert result.outcome is Outcome.TIMEOUT
    assert not result.answered
    assert result.reason == ""


def test_device_that_was_so_before_is_not_confirmed_by_that(rig):
    rig.link.react = rig.ignore
    rig.observe("light.sofa", "power", "on")
    rig.clock.now += 1
    result = outcome(rig, ON)
    assert result.outcome is Outcome.TIMEOUT
    assert result.reason == "it was last seen on"


def test_memory_of_the_broker_confirms_nothing(rig):
    def remember(sent):
        rig.report("state/light.sofa/power", "on", retain=True)

    rig.link.react = remember
    assert outcome(rig, ON).outcome is Outcome.TIMEOUT


def test_state_from_a_lost_connection_confirms_nothing(rig):
    def answer_and_lose(sent):
        rig.observe("light.sofa", "power", "on")
        rig.devices.connection_lost()

    rig.link.react = answer_and_lose
    assert outcome(rig, ON).outcome is Outcome.TIMEOUT


def test_opposite_state_is_told_and_not_confirmed(rig):
    rig.link.react = lambda sent: rig.report("state/light.sofa/power", "off")
    result = outcome(rig, ON)
    assert (result.outcome, result.answered) == (Outcome.TIMEOUT, True)
    assert result.reason == "it is off"


def test_device_on_its_way_is_told_with_where_it_is(rig):
    rig.link.react = lambda sent: rig.report("state/light.sofa/brightness", "30")
    assert outcome(rig, DIM).reason == "it is at 30 percent so far"
    rig.link.react = lambda sent: rig.report("state/cover.bedroom/position", "55")
    result = outcome(rig, OPEN)
    assert (result.outcome, result.reason) == (Outcome.TIMEOUT, "it is at 55 percent so far")


def test_open_is_confirmed_with_how_far_it_came(rig):
    def start_opening(sent):
        rig.report("state/cover.bedroom/opening", "open")
        rig.report("state/cover.bedroom/position", "20")

    rig.link.react = start_opening
    result = outcome(rig, OPEN)
    assert (result.outcome, result.reason) == (Outcome.CONFIRMED, "20 percent so far")


def test_number_is_confirmed_within_its_tolerance(rig):
    rig.link.react = lambda sent: rig.report("state/light.sofa/brightness", "40.9")
    assert outcome(rig, DIM).outcome is Outcome.CONFIRMED


def test_device_without_feedback_is_sent_at_best(rig):
    assert outcome(rig, BELL).outcome is Outcome.SENT


def test_late_word_still_counts_before_the_time_is_up(make_rig):
    rig = make_rig(confirm_timeout=5.0)

    def later(sent):
        asyncio.get_running_loop().call_later(0.03, rig.obey, sent)

    rig.link.react = later
    assert outcome(rig, ON).outcome is Outcome.CONFIRMED


def test_broker_away_is_a_fault_and_says_so(rig):
    rig.link.connected = False
    result = outcome(rig, ON)
    assert (result.outcome, result.fault) == (Outcome.REFUSED, True)
    assert result.reason == "the broker is away, so nothing was sent"


def test_broker_that_goes_between_two_messages_leaves_a_part_sent(rig):
    rig.adapter.parts = 2
    rig.link.takes = lambda topic: len(rig.link.sent) < 1
    assert outcome(rig, ON).reason == "the broker is away, so only a part was sent"


def test_unreachable_device_is_not_even_tried(rig):
    rig.devices.state.observe(
        Availability("light.sofa", available=False), rig.clock.now, retained=True
    )
    result = outcome(rig, ON)
    assert (result.outcome, result.fault) == (Outcome.REFUSED, True)
    assert result.reason == "it cannot be reached"
    assert rig.link.to_devices == []


def test_what_the_translator_refuses_is_refused_with_its_reason(rig):
    result = outcome(rig, Command("climate.hall", "mode", "cool"))
    assert (result.outcome, result.reason) == (Outcome.REFUSED, "its compressor is broken")
    assert outcome(rig, Command("light.gone", "power", "on")).reason == "it is not there any more"


def test_interlock_is_asked_at_the_moment_of_sending(make_rig):
    rig = make_rig(interlocks=PARKED)
    assert outcome(rig, UNLOCK).reason == "the speed is not known"
    rig.observe("sensor.outdoor", "temperature", 0.0)
    assert outcome(rig, UNLOCK).outcome is Outcome.CONFIRMED
    rig.clock.now += 2.5
    assert outcome(rig, UNLOCK).reason == "the speed is not known"
    rig.observe("sensor.outdoor", "temperature", 0.0, retained=True)
    assert outcome(rig, UNLOCK).reason == "the speed is not known"
    rig.observe("sensor.outdoor", "temperature", 7.0)
    assert outcome(rig, UNLOCK).reason == "the car is moving"
    assert outcome(rig, LOCK).outcome is Outcome.CONFIRMED
    assert rig.link.to_devices == [
        ("set/lock.front/lock", "unlocked"),
        ("set/lock.front/lock", "locked"),
    ]


def test_car_that_starts_moving_between_two_commands_stops_the_second(make_rig):
    rig = make_rig(interlocks=PARKED)
    rig.observe("sensor.outdoor", "temperature", 0.0)

    def drive_off(sent):
        rig.observe("sensor.outdoor", "temperature", 9.0)
        rig.obey(sent)

    rig.link.react = drive_off
    results = execute(rig, ON, UNLOCK)
    assert [result.outcome for result in results] == [Outcome.CONFIRMED, Outcome.REFUSED]
    assert rig.link.to_devices == [("set/light.sofa/power", "on")]


def test_cancelled_commands_are_not_sent(rig):
    results = execute(rig, ON, LOCK, cancelled=lambda: bool(rig.link.to_devices))
    assert [result.outcome for result in results] == [Outcome.TIMEOUT, Outcome.REFUSED]
    assert results[1].reason == "cancelled before it was sent"
    assert rig.link.to_devices == [("set/light.sofa/power", "on")]


def test_results_keep_the_order_of_the_commands(rig):
    rejected = Rejected("light.desk", "brightness", "it cannot do that")
    results = execute(rig, LOCK, rejected, BELL, ON)
    assert [result.outcome for result in results] == [
        Outcome.CONFIRMED,
        Outcome.REFUSED,
        Outcome.SENT,
        Outcome.CONFIRMED,
    ]
    assert [result.command.entity for result in results] == [
        "lock.front", "light.desk", "button.bell", "light.sofa",
    ]  # fmt: skip
    assert [topic for topic, _ in rig.link.to_devices] == [
        "set/lock.front/lock", "set/button.bell/command", "set/light.sofa/power",
    ]  # fmt: skip


def test_one_dead_device_does_not_hide_the_others(rig):
    rig.link.react = lambda sent: None if "lock" in sent.topic else rig.obey(sent)
    results = execute(rig, LOCK, ON)
    assert [result.outcome for result in results] == [Outcome.TIMEOUT, Outcome.CONFIRMED]


def test_nothing_to_do_takes_no_time(make_rig):
    assert execute(make_rig(confirm_timeout=60.0)) == []
