from collections.abc import Mapping
from typing import Any

import pytest

from edge_agent.sim.accept import Values
from edge_agent.sim.car import HEARTBEAT, SPEED, Car, load_car, load_signals
from edge_agent.sim.device import Device

KEYS = {
    "path", "datatype", "type", "min", "max", "allowed", "unit", "name", "zone", "aliases",
    "state_topic", "command_topic",
}  # fmt: skip
ZONES = {"Driver", "Passenger", "Rear Left", "Rear Right", "Row1", "Row2"}


class Hand:
    """Puts values into devices, and nothing more."""

    def __init__(self, devices: list[Device]) -> None:
        self.devices = {device.id: device for device in devices}

    def put(self, changes: Mapping[str, Values]) -> None:
        for name, values in changes.items():
            self.devices[name].put(values, 0.0)


def a_signal(path: str, pace: float = 1.0) -> Device:
    return next(device for device in load_car(pace) if device.id == path)


@pytest.mark.parametrize("signal", load_signals(), ids=lambda signal: signal["path"])
def test_signal_is_as_the_contract_says(signal: dict[str, Any]):
    assert {"path", "datatype", "type", "name"} <= signal.keys() <= KEYS
    assert signal["type"] in ("actuator", "sensor", "attribute")
    assert signal.get("zone", "Row1") in ZONES
    assert signal.get("min", 0) <= signal.get("max", 100)
    assert all(isinstance(word, str) for word in signal.get("allowed", ()))


def test_paths_are_unique():
    paths = [signal["path"] for signal in load_signals()]
    assert len(paths) == len(set(paths)) >= 60


def test_topics_have_slashes_and_values_are_plain():
    reports = {message.topic: message for device in load_car() for message in device.announce()}
    assert reports["vss/Vehicle/Speed"] == ("vss/Vehicle/Speed", "0.0", True)
    assert reports["vss/Vehicle/Chassis/ParkingBrake/IsEngaged"].payload == "true"
    assert reports["vss/Vehicle/LowVoltageSystemState"].payload == "ON"


def test_only_actuators_take_commands():
    takers = {device.id for device in load_car() if device.topics}
    assert takers == {signal["path"] for signal in load_signals() if signal["type"] == "actuator"}


@pytest.mark.parametrize(
    ("path", "taken", "ignored"),
    [
        ("Vehicle.Cabin.HVAC.IsRecirculationActive", "true", ("True", "1", "ON", "")),
        ("Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature", "22.5", ("15.9", "31", "warm")),
        ("Vehicle.Cabin.Seat.Row1.DriverSide.HeatingCooling", "-40", ("-101", "40.0", "101")),
        ("Vehicle.Body.Windshield.Front.Wiping.Mode", "FAST", ("fast", "9")),
        ("Vehicle.Cabin.Infotainment.Media.Volume", "33", ("101", "-1", "33.0", '{"v":1}')),
    ],
)
def test_actuator_answers_a_legal_value_and_ignores_others(
    path: str, taken: str, ignored: tuple[str, ...]
):
    signal = a_signal(path)
    state = f"vss/{path.replace('.', '/')}"
    for payload in ignored:
        assert signal.handle(f"{state}/set", payload, 0.0) == []
    assert signal.handle(f"{state}/set", taken, 0.0) == [(state, taken, True)]


def test_window_needs_time():
    window = a_signal("Vehicle.Cabin.Door.Row1.DriverSide.Window.Position")
    window.handle(window.topics[0], "50", 0.0)
    assert window.values["value"] == 0
    window.tick(1.5)
    assert window.values["value"] == 50
    fast = a_signal("Vehicle.Cabin.Door.Row1.DriverSide.Window.Position", pace=0)
    fast.handle(fast.topics[0], "50", 0.0)
    assert fast.values["value"] == 50


def test_driving_and_parking_change_what_interlocks_read():
    hand = Hand(load_car())
    car = Car(hand)
    car.drive(50)
    assert [hand.devices[path].values["value"] for path in HEARTBEAT] == [
        50,
        "true",
        1,
        127,
        "false",
    ]
    car.drive(-5)
    assert hand.devices[SPEED].values["value"] == -5
    car.park()
    assert [hand.devices[path].values["value"] for path in HEARTBEAT] == [
        0,
        "false",
        0,
        126,
        "true",
    ]
