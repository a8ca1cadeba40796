"""Any number of invented devices, to measure how the agent grows with a home.

Knows no broker; what it makes is the same on every run.
"""

import itertools
import json
from collections.abc import Iterator
from typing import Any

from edge_agent.sim.accept import Accept, NumberLeaf, OptionLeaf, SetOne
from edge_agent.sim.device import Device

_ROOMS = (
    "Living Room",
    "Kitchen",
    "Bedroom",
    "Kids Room",
    "Bathroom",
    "Office",
    "Hallway",
    "Garage",
    "Garden",
)
_FIRST = (
    "Amber Birch Copper Coral Crystal Ebony Fern Granite Hazel Indigo Ivory Jade Juniper Lilac "
    "Linen Maple Marble Olive Opal Pearl Pine Quartz Raven Rose Ruby Saffron Sage Silver Slate "
    "Violet Walnut Willow"
)
_SECOND = (
    "Arch Beacon Canopy Corner Dome Easel Gallery Harbor Island Lantern Meadow Mirror Niche "
    "Orchard Panel Pillar Podium Shelf Spiral Temple Terrace Tower Trellis Tunnel Vault Veranda"
)


def many(count: int) -> list[Device]:
    """`count` simple devices with invented names, all different, spread over the rooms."""
    names = itertools.islice(_names(), count)
    kinds = itertools.cycle(("light", "switch", "fan", "sensor"))
    return [
        _simple(kind, name, _ROOMS[index % len(_ROOMS)])
        for index, (kind, name) in enumerate(zip(kinds, names, strict=False))
    ]


def _names() -> Iterator[str]:
    """Names nobody else has: 832 of two words, then three words and on."""
    pairs = [f"{first} {second}" for second in _SECOND.split() for first in _FIRST.split()]
    yield from pairs
    for first in _FIRST.split():
        yield from (f"{first} {pair}" for pair in pairs if not pair.startswith(first))


def _simple(kind: str, name: str, room: str) -> Device:
    object_id = name.lower().replace(" ", "_")
    base = f"many/{object_id}"
    config: dict[str, Any] = {
        "name": None,
        "unique_id": f"many_{object_id}",
        "device": {"identifiers": [f"many_{object_id}"], "name": name, "suggested_area": room},
        "state_topic": f"{base}/state",
    }
    power = SetOne("power", OptionLeaf(("ON", "OFF")))
    commands: dict[str, Accept] = {f"{base}/set": power}
    reports = {f"{base}/state": "power"}
    values: dict[str, Any] = {"power": "OFF"}
    if kind == "sensor":
        config |= {"device_class": "temperature", "unit_of_measurement": "°C"}
        commands, values, reports = {}, {"temperature": 20.0}, {f"{base}/state": "temperature"}
    else:
        config["command_topic"] = f"{base}/set"
    if kind == "light":
        config["brightness_command_topic"] = f"{base}/brightness/set"
        config["brightness_state_topic"] = f"{base}/brightness"
        commands[f"{base}/brightness/set"] = SetOne(
            "brightness", NumberLeaf(0, 255), also={"power": "ON"}, zero={"power": "OFF"}
        )
        reports[f"{base}/brightness"] = "brightness"
        values["brightness"] = 128
    return Device(
        object_id,
        discovery={f"homeassistant/{kind}/many_{object_id}/config": json.dumps(config)},
        commands=commands,
        reports=reports,
        values=values,
    )
