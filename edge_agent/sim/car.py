"""The simulated car: one device for each VSS signal of car-head-unit.yaml, and a driver.

Publishes plain retained values as the contract says, and takes them on `/set`.
"""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

import yaml

from edge_agent.config_files import find_config
from edge_agent.sim.accept import Accept, NumberLeaf, OptionLeaf, SetOne, TextLeaf, Values
from edge_agent.sim.device import Device, Motion

SPEED = "Vehicle.Speed"
MOVING = "Vehicle.IsMoving"
CURRENT_GEAR = "Vehicle.Powertrain.Transmission.CurrentGear"
SELECTED_GEAR = "Vehicle.Powertrain.Transmission.SelectedGear"
PARKING_BRAKE = "Vehicle.Chassis.ParkingBrake.IsEngaged"

HEARTBEAT = (SPEED, MOVING, CURRENT_GEAR, SELECTED_GEAR, PARKING_BRAKE)
"""Signals that a car repeats without being asked: an old value is no proof that it stands."""

PARK, DRIVE = 126, 127
"""Values of SelectedGear in VSS."""

_WHOLE_RANGES = {
    "uint8": (0, 255),
    "int8": (-128, 127),
    "uint16": (0, 65535),
    "int16": (-32768, 32767),
    "uint32": (0, 2**32 - 1),
    "int32": (-(2**31), 2**31 - 1),
}
_SECONDS = 3.0  # what a window needs from one end to the other


class Puts(Protocol):
    """A world in which values can be set as by hand."""

    def put(self, changes: Mapping[str, Values]) -> None:
        """Apply device id -> changes."""


def load_signals() -> list[dict[str, Any]]:
    """The signals of the simulated car: those of the shipped car-head-unit.yaml."""
    config = find_config("car-head-unit.yaml", Path.cwd())
    signals: list[dict[str, Any]] = yaml.safe_load(config.read_text(encoding="utf-8"))["vehicle"][
        "signals"
    ]
    return signals


def load_car(pace: float = 1.0) -> list[Device]:
    """One device for each signal; its id is the path, its one attribute is `value`.

    Args:
        pace: Factor on the time that windows, roof and seats need; 0 is immediate.
    """
    start = yaml.safe_load(_read("car_start.yaml"))
    return [_build(signal, start, pace) for signal in load_signals()]


class Car:
    """The driver: sets several signals at once, as driving and parking do."""

    def __init__(self, world: Puts) -> None:
        self._world = world

    def drive(self, speed: float) -> None:
        """Drive at `speed` km/h (negative: backwards); 0 stands still in gear."""
        self._set(
            {
                SPEED: float(speed),
                MOVING: _word(speed != 0),
                CURRENT_GEAR: -1 if speed < 0 else 1,
                SELECTED_GEAR: -1 if speed < 0 else DRIVE,
                PARKING_BRAKE: "false",
            }
        )

    def park(self) -> None:
        """Stand still in P with the parking brake on."""
        self._set(
            {
                SPEED: 0.0,
                MOVING: "false",
                CURRENT_GEAR: 0,
                SELECTED_GEAR: PARK,
                PARKING_BRAKE: "true",
            }
        )

    def _set(self, values: Mapping[str, Any]) -> None:
        self._world.put({path: {"value": value} for path, value in values.items()})


def _build(signal: Mapping[str, Any], start: Mapping[str, Any], pace: float) -> Device:
    path = signal["path"]
    state = signal.get("state_topic") or f"vss/{path.replace('.', '/')}"
    command = signal.get("command_topic") or f"{state}/set"
    acceptor: Accept = SetOne("value", _leaf(signal))
    seconds = _SECONDS * pace
    motions: dict[str, Motion] = {}
    if path.endswith(".Position") and signal["type"] == "actuator":
        motions = {"value": Motion(seconds=seconds, span=signal["max"] - signal["min"])}
    return Device(
        path,
        commands={command: acceptor} if signal["type"] == "actuator" else {},
        reports={state: "value"},
        values={"value": _first(signal, start)},
        motions=motions,
    )


def _leaf(signal: Mapping[str, Any]) -> OptionLeaf | NumberLeaf | TextLeaf:
    match signal:
        case {"allowed": [*allowed]}:
            return OptionLeaf(tuple(allowed))
        case {"datatype": "boolean"}:
            return OptionLeaf(("true", "false"))
        case {"datatype": "string"}:
            return TextLeaf()
        case {"datatype": "float" | "double"}:
            low, high = signal.get("min", -1e9), signal.get("max", 1e9)
            return NumberLeaf(low, high, step=0.001)
        case _:
            low, high = _WHOLE_RANGES[signal["datatype"]]
            return NumberLeaf(signal.get("min", low), signal.get("max", high), whole=True)


def _first(signal: Mapping[str, Any], start: Mapping[str, Any]) -> str | float:
    value = start.get(signal["path"])
    match signal["datatype"]:
        case "boolean":
            return _word(bool(value))
        case "string":
            return str(value) if value is not None else str(signal["allowed"][0])
        case "float" | "double":
            return float(value or 0.0)
        case _:
            return int(value if value is not None else max(signal.get("min", 0), 0))


def _word(value: bool) -> str:
    return "true" if value else "false"


def _read(name: str) -> str:
    return resources.files("edge_agent.sim").joinpath(name).read_text("utf-8")
