"""Vacuums and lawn mowers of Home Assistant's discovery.

Sending one home sets the activity `returning`, because that is what it does within seconds; being
docked comes minutes later and is observed as such.
"""

from typing import Final

from edge_agent.core.entity import Attribute, Choice, Kind, Risk, Value
from edge_agent.core.payload import decode_json
from edge_agent.devices.ha.binding import Draft, Readings, Setter, send, sending
from edge_agent.devices.values import Words, spoken

_DEFAULT_FEATURES: Final = ("start", "stop", "return_home", "status", "battery", "clean_spot")
_STATES: Final = frozenset({"cleaning", "docked", "paused", "idle", "returning", "error"})


def vacuum(draft: Draft) -> None:
    """Fill in a vacuum."""
    settings = draft.settings
    draft.kind = Kind.VACUUM
    features = settings.strings("supported_features", _DEFAULT_FEATURES)
    publish = draft.publisher("command_topic")
    activities = {
        "cleaning": ("start", settings.payload("payload_start", "start")),
        "paused": ("pause", settings.payload("payload_pause", "pause")),
        "returning": ("return_home", settings.payload("payload_return_to_base", "return_to_base")),
    }
    verbs = {
        "stop": ("stop", settings.payload("payload_stop", "stop")),
        "locate": ("locate", settings.payload("payload_locate", "locate")),
        "clean spot": ("clean_spot", settings.payload("payload_clean_spot", "clean_spot")),
    }
    speeds = Words(settings.strings("fan_speed_list") if "fan_speed" in features else ())

    def parse(text: str) -> Readings:
        state = decode_json(text.encode())
        if not isinstance(state, dict):
            return {}
        found: dict[str, Value | None] = {}
        if "state" in state:
            activity = state["state"]
            found[Attribute.ACTIVITY] = activity if activity in _STATES else None
        if speeds and state.get("fan_speed") is not None:
            found[Attribute.FAN_MODE] = spoken(state["fan_speed"]) or None
        return found

    attributes = (Attribute.ACTIVITY, *((Attribute.FAN_MODE,) if speeds else ()))
    readable = draft.read("state_topic", "value_template", attributes, parse)
    for attribute, table, reads in (
        (Attribute.ACTIVITY, activities, readable),
        (Attribute.COMMAND, verbs, False),
    ):
        payloads = {
            word: payload
            for word, (feature, payload) in table.items()
            if feature in features and payload is not None
        }
        setter = send(publish, payloads) if payloads else None
        options = tuple(payloads) or tuple(table)
        draft.add(attribute, Choice(options), setter, readable=reads)
    speed = draft.publisher("set_fan_speed_topic")
    draft.add(
        Attribute.FAN_MODE,
        Choice(speeds.words),
        sending(speed, lambda value: speeds.raw(str(value))),
        readable=readable,
    )


def lawn_mower(draft: Draft) -> None:
    """Fill in a lawn mower; it has blades, so it carries caution."""
    draft.kind = Kind.LAWN_MOWER
    setters: dict[str, Setter] = {}
    for word, key, payload in (
        ("mowing", "start_mowing", "start_mowing"),
        ("paused", "pause", "pause"),
        ("returning", "dock", "dock"),
    ):
        publish = draft.publisher(f"{key}_command_topic", f"{key}_command_template")
        setter = send(publish, {word: payload})
        if setter is not None:
            setters[word] = setter
    readable = draft.read_one(
        Attribute.ACTIVITY, "activity_state_topic", "activity_value_template", spoken
    )
    draft.add(
        Attribute.ACTIVITY,
        Choice(tuple(setters) or ("mowing", "paused", "docked")),
        (lambda value: setters[str(value)](value)) if setters else None,
        readable=readable,
        risk=Risk.CAUTION,
    )
