"""Who a discovered component is: its ids, its spoken name, its room and its device."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_agent.core.entity import Area
from edge_agent.core.names import clean_name, fold, slug
from edge_agent.devices.ha.discovery import Component
from edge_agent.errors import DeviceError

_MAX_ID = 96


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a component is."""

    ids: tuple[str, ...]
    """Entity ids to take, the best one first."""
    unique_id: str | None
    name: str
    """The spoken name."""
    part: str
    """Lower case, without the device's name; empty for the device's main entity."""
    device: str | None
    device_name: str
    area: Area | None
    diagnostic: bool


def identify(component: Component, settings: Mapping[str, Any]) -> Identity:
    """Who the component is, by its settings.

    Raises:
        DeviceError: It has no name that can be spoken, or no usable id.
    """
    device = settings.get("device")
    device = device if isinstance(device, dict) else {}
    device_name = clean_name(device.get("name"))
    own_name = _own_name(component, settings, device_name)
    part = own_name
    if fold(own_name).startswith(fold(device_name)):
        name = own_name or device_name
        part = own_name[len(device_name) :]
    else:
        name = clean_name(f"{device_name} {own_name}")
    if not name:
        raise DeviceError("its name has nothing that can be spoken")
    area_name = clean_name(device.get("suggested_area"))
    area = Area(slug(area_name), area_name) if slug(area_name) else None
    unique = settings.get("unique_id")
    unique_id = str(unique)[:512] if isinstance(unique, (str, int)) and str(unique) else None
    return Identity(
        _ids(component, settings, unique_id),
        unique_id,
        name,
        " ".join(fold(part).split()),
        _device_id(device),
        device_name,
        area,
        settings.get("entity_category") in ("config", "diagnostic")
        or settings.get("enabled_by_default") is False,
    )


def _own_name(component: Component, settings: Mapping[str, Any], device_name: str) -> str:
    if "name" in settings:
        return clean_name(settings["name"])
    if not device_name:
        return clean_name(component.object_id)
    if component.platform in {"sensor", "binary_sensor"}:
        return clean_name(settings.get("device_class"))
    return ""


def _ids(
    component: Component, settings: Mapping[str, Any], unique_id: str | None
) -> tuple[str, ...]:
    wished = settings.get("default_entity_id")
    if isinstance(wished, str):
        wished = wished.removeprefix(f"{component.platform}.")
    stems = (wished, settings.get("object_id"), unique_id, component.object_id)
    parts = [slug(stem[:_MAX_ID]) for stem in stems if isinstance(stem, str)]
    ids = [f"{component.platform}.{part}" for part in dict.fromkeys(parts) if part]
    if not ids:
        raise DeviceError("it has no usable id")
    return (*ids, *(f"{ids[0]}_{number}" for number in range(2, 10)))


def _device_id(device: Mapping[str, Any]) -> str | None:
    for key in ("identifiers", "connections"):
        found = device.get(key)
        while isinstance(found, list) and found:
            found = found[-1] if key == "connections" else found[0]
        if isinstance(found, (str, int)) and (made := slug(str(found)[:_MAX_ID])):
            return made
    return None
