"""The simulated home: its devices, built from the table in home.yaml.

Knows no broker; writes discovery payloads as the firmwares do, with full or abbreviated keys.
"""

import json
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any

import yaml

from edge_agent.errors import DeviceError
from edge_agent.sim.accept import accept_from
from edge_agent.sim.device import Device, Motion

_DEVICE_KEYS = frozenset(
    {
        "name",
        "area",
        "style",
        "base",
        "device_form",
        "entities",
        "values",
        "commands",
        "reports",
        "motions",
        "cycles",
        "online",
        "offline",
    }
)


class _WordLoader(yaml.SafeLoader):
    """Reads ON and off as words: in MQTT payloads they are."""


_WordLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_WordLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf")
)


def load_home(pace: float = 1.0) -> list[Device]:
    """The devices of the simulated home, about fifty.

    Args:
        pace: Factor on every time a device needs; 0.1 makes a cover ten times as fast, 0 immediate.
    """
    return home_from(
        resources.files("edge_agent.sim").joinpath("home.yaml").read_text("utf-8"), pace
    )


def home_from(text: str, pace: float = 1.0) -> list[Device]:
    """The devices that a table describes; DeviceError where it is no such table."""
    table = yaml.load(text, Loader=_WordLoader)  # noqa: S506 - it is a SafeLoader
    return [
        _build(device_id, spec, table["styles"], pace)
        for device_id, spec in table["devices"].items()
    ]


def _build(
    device_id: str, spec: Mapping[str, Any], styles: Mapping[str, Any], pace: float
) -> Device:
    unknown = spec.keys() - _DEVICE_KEYS
    if unknown or spec.get("style") not in styles:
        raise DeviceError(f"{device_id}: style must be one of {list(styles)}; unknown: {unknown}")
    style = styles[spec["style"]]
    based = _Based(spec.get("base", device_id))
    motions = spec.get("motions", {})
    return Device(
        device_id,
        discovery=_discovery(device_id, spec, style, based),
        commands={
            based(topic): accept_from(accept, f"{device_id} {topic}")
            for topic, accept in spec.get("commands", {}).items()
        },
        reports={based(topic): report for topic, report in spec.get("reports", {}).items()},
        values=spec.get("values"),
        motions={
            attribute: Motion(**{**motion, "seconds": motion["seconds"] * pace})
            for attribute, motion in motions.items()
        },
        cycles={name: tuple(cycle) for name, cycle in spec.get("cycles", {}).items()},
        online=based({**style["online"], **spec.get("online", {})}),
        offline=based({**style["offline"], **spec.get("offline", {})}),
    )


class _Based:
    """Puts a device's base topic in the place of {base}, wherever it stands."""

    def __init__(self, base: str) -> None:
        self._base = base

    def __call__(self, value: Any) -> Any:
        match value:
            case str():
                return value.replace("{base}", self._base)
            case dict():
                return {self(key): self(inner) for key, inner in value.items()}
            case list():
                return [self(inner) for inner in value]
            case _:
                return value


def _discovery(
    device_id: str, spec: Mapping[str, Any], style: Mapping[str, Any], based: _Based
) -> dict[str, str]:
    entities: Mapping[str, Mapping[str, Any]] = spec.get("entities", {})
    if not entities:
        return {}
    short = style["short"]
    device = {"ids" if short else "identifiers": [device_id], "name": spec["name"]}
    if "area" in spec:
        device["sa" if short else "suggested_area"] = spec["area"]
    unique = "uniq_id" if short else "unique_id"
    shared = {**style["shared"], "dev" if short else "device": device}
    if spec.get("device_form"):
        parts: dict[str, Any] = {}
        for place, config in entities.items():
            component, _, object_id = place.partition("/")
            parts[object_id] = {
                "p" if short else "platform": component,
                unique: f"{device_id}_{object_id}",
                **config,
            }
        whole = {**shared, "cmps" if short else "components": parts}
        return {f"homeassistant/device/{device_id}/config": json.dumps(based(whole))}
    return {
        f"homeassistant/{place}/config": json.dumps(
            based({**shared, unique: place.partition("/")[2].replace("/", "_"), **config})
        )
        for place, config in entities.items()
    }
