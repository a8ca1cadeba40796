"""Whether a device of Home Assistant's discovery can be reached, and how long its word counts."""

from collections.abc import Mapping
from typing import Any

from edge_agent.devices.ha.binding import Binding, Draft, Place
from edge_agent.devices.ha.settings import Settings
from edge_agent.devices.values import checked_topic
from edge_agent.errors import DeviceError


def reachable(binding: Binding, heard: Mapping[str, bool], latest: bool) -> bool:
    """What the availability topics say together; those not heard yet say nothing against."""
    match binding.availability_mode:
        case "all":
            return all(heard.values())
        case "any":
            return any(heard.values()) or len(heard) < len(binding.places)
        case _:
            return latest


def places_of(settings: Settings, draft: Draft) -> tuple[Place, ...]:
    """The availability topics: a list, or one topic with its own keys."""
    values: Mapping[str, Any] = settings.values
    listed = values.get("availability")
    try:
        if isinstance(listed, list):
            return tuple(
                _place(settings.part(entry), "topic", "value_template") for entry in listed[:16]
            )
        if values.get("availability_topic") is not None:
            return (_place(settings, "availability_topic", "availability_template"),)
    except DeviceError as error:
        draft.problem = str(error)
    return ()


def _place(settings: Settings, topic: str, template: str) -> Place:
    return Place(
        checked_topic(settings.values.get(topic), topic),
        settings.template(template),
        settings.text("payload_available", "online"),
        settings.text("payload_not_available", "offline"),
    )


def expiry_of(settings: Settings) -> float | None:
    """`expire_after`, or `off_delay`: after either of them nobody knows."""
    seconds = settings.number("expire_after", 0) or settings.number("off_delay", 0)
    return seconds if seconds > 0 else None
