"""The vehicle's rules over the wire: whatever is not proven safe is refused."""

import pytest
from support import pick, wait_for

from edge_agent.core.entity import Attribute
from edge_agent.sim.car import CURRENT_GEAR, HEARTBEAT, PARKING_BRAKE, SELECTED_GEAR, SPEED, Car
from edge_agent.sim.world import Fault

DOOR = "Vehicle.Cabin.Door.Row1.DriverSide.IsLocked"
TRUNK = "Vehicle.Body.Trunk.Rear.IsOpen"
GUARDED = ("unlock driver door", "open trunk", "unlock trunk")
GEAR = (SELECTED_GEAR, CURRENT_GEAR, PARKING_BRAKE)
HARMLESS = ("lock driver door", "close trunk", "open driver window", "turn on dome light")
SIGNALS = (
    *HEARTBEAT,
    DOOR,
    TRUNK,
    "Vehicle.Body.Trunk.Rear.IsLocked",
    "Vehicle.Cabin.Door.Row1.DriverSide.Window.Position",
    "Vehicle.Cabin.Light.IsDomeOn",
)


@pytest.fixture
def car(rig):
    car = rig(*pick(*SIGNALS), settings=("policy.interlock_max_age=1.2",))
    Car(car.world).park()
    car.world.settle()
    return car


def refused(car, *texts: str) -> None:
    for text in texts or GUARDED:
        answer = car.ask(text)
        assert answer["status"] == "rejected", (text, answer)
        assert [call["outcome"] for call in answer["calls"]] == ["refused"], text
        assert answer["reason"], text
    assert car.sent() == []


def test_parked_everything_is_allowed(car):
    for text in (*GUARDED, *HARMLESS):
        assert car.ask(text)["status"] == "ok", text


def test_a_car_that_moves_keeps_its_doors(car):
    for speed in (0.1, 1, 4.9, 5, 130, -3):
        Car(car.world).park()
        car.world.put({SPEED: {"value": speed}})
        car.world.settle()
        refused(car)


def test_a_car_that_moves_takes_what_is_harmless(car):
    Car(car.world).drive(130)
    car.world.settle()
    for text in HARMLESS:
        assert car.ask(text)["status"] == "ok", text


def test_a_speed_that_cannot_be_read_counts_as_unsafe(car):
    for speed in ("nan", "inf", "-inf", "unknown", "", "-", "0 km/h", "0_0"):
        car.world.put({SPEED: {"value": 0.0}})
        car.world.put({SPEED: {"value": speed}})
        car.world.settle()
        refused(car)


def test_a_car_in_gear_keeps_its_trunk_even_when_it_stands(car):
    Car(car.world).drive(0)
    car.world.settle()
    refused(car, "open trunk")


@pytest.mark.parametrize("signals", [(SPEED,), GEAR], ids=["speed", "gear"])
def test_a_signal_that_falls_silent_counts_as_unsafe(car, signals):
    assert car.ask("open trunk")["status"] == "ok"
    car.world.log.clear()
    for signal in signals:
        car.world.fault(Fault(dead=True), signal)
    car.world.wait(lambda _: False, 1.3)
    refused(car, "open trunk")


def test_no_door_is_unlocked_on_an_old_speed(car):
    car.world.fault(Fault(dead=True), SPEED)
    car.world.wait(lambda _: False, 1.3)
    refused(car)


@pytest.mark.parametrize("signals", [(SPEED,), GEAR], ids=["speed", "gear"])
def test_a_signal_that_is_missing_counts_as_unsafe(rig, signals):
    car = rig(*pick(*(path for path in SIGNALS if path not in signals)))
    refused(car, "open trunk")


def test_a_retained_value_alone_proves_nothing(rig):
    car = rig(*pick(*SIGNALS), heartbeat=())
    car.world.wait(lambda _: False, 2.1)
    refused(car)


def test_the_rules_hold_at_the_moment_of_sending(car):
    car.model.gate.clear()
    car.tap.publish(car.topic("command"), '{"id": "r1", "text": "open trunk"}')
    assert car.model.reading.wait(5)
    Car(car.world).drive(30)
    state = car.agent.app.devices.state
    wait_for(lambda: (seen := state.get(SPEED, Attribute.VALUE)) and seen.value == 30)
    car.model.gate.set()
    answer = car.answer("r1")
    assert answer["status"] == "rejected"
    assert "moving" in answer["text"]
    assert car.sent() == []


def test_a_dry_run_tells_what_would_be_refused(car):
    Car(car.world).drive(50)
    car.world.settle()
    answer = car.ask("open trunk", dry_run=True)
    assert answer["status"] == "rejected"
    assert [call["outcome"] for call in answer["calls"]] == ["refused"]


def test_the_inputs_of_the_rules_cannot_be_commanded(car):
    for text in ("set parking brake to off", "turn off parking brake", "set speed to 0"):
        assert car.ask(text)["status"] in {"unsupported", "rejected"}
    assert {PARKING_BRAKE, CURRENT_GEAR}.isdisjoint(seen.device for seen in car.world.log)
