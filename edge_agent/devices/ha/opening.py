"""Covers, valves and locks of Home Assistant's discovery: what opens and closes.

Whatever lets somebody in or lets water or gas out is marked as security here, by its device class
and, where it has none, by its name.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from edge_agent.core.entity import Attribute, Choice, Kind, Range, Value
from edge_agent.core.payload import decode_json
from edge_agent.devices.adapter import Outgoing
from edge_agent.devices.ha.binding import Draft, Readings, Setter, lookup, offered, send, sending
from edge_agent.devices.values import finite, spoken
from edge_agent.errors import DeviceError

POSITION: Final = Range(0, 100, 1, "%")
OPEN: Final = frozenset({"open"})

_COVERS: Final[Mapping[str, Kind]] = {
    "awning": Kind.AWNING,
    "blind": Kind.BLIND,
    "curtain": Kind.CURTAIN,
    "door": Kind.DOOR,
    "garage": Kind.GARAGE_DOOR,
    "gate": Kind.GATE,
    "shade": Kind.SHADE,
    "shutter": Kind.SHUTTER,
    "window": Kind.WINDOW,
}
_SECURITY: Final = frozenset({Kind.DOOR, Kind.GARAGE_DOOR, Kind.GATE})
_NAMED: Final = re.compile(r"\b(awning|blind|curtain|garage|gate|shade|shutter|door|window)s?\b")


def cover(draft: Draft) -> None:
    """Fill in a cover."""
    named = _NAMED.search(draft.words)
    device_class = draft.settings.text("device_class") or (named[1] if named else "")
    draft.kind = _COVERS.get(device_class, Kind.BLIND)
    draft.security = draft.kind in _SECURITY
    guarded = OPEN if draft.security else frozenset()
    scale = _Scale(draft, "position_closed", "position_open")
    position = _position_setter(draft, scale)
    readable = _cover_state(draft, scale)
    payloads = {
        "open": draft.settings.payload("payload_open", "OPEN"),
        "closed": draft.settings.payload("payload_close", "CLOSE"),
    }
    opening = send(draft.publisher("command_topic"), payloads)
    words = offered(payloads)
    if (opening is None or not words) and position is not None:
        opening, words = _by_position(position), ("open", "closed")
    draft.add(
        Attribute.OPENING,
        Choice(words),
        opening if words else None,
        readable=readable,
        guarded=guarded,
    )
    draft.add(
        Attribute.POSITION,
        POSITION,
        position,
        readable="position_topic" in draft.settings,
        guarded=guarded,
    )
    _tilt(draft)
    _stop(draft)


class _Scale:
    """Percent open against the device's own numbers, which may run the other way."""

    def __init__(self, draft: Draft, closed: str, opened: str) -> None:
        self.closed = draft.settings.number(closed, 0)
        self.open = draft.settings.number(opened, 100)
        if self.closed == self.open:
            raise DeviceError(f"{closed} and {opened} must differ")

    def raw(self, value: Value) -> int:
        """The device's number for a percentage."""
        return round(self.closed + float(value) / 100 * (self.open - self.closed))

    def percent(self, raw: float) -> float:
        """Percent open of the device's number."""
        share = 100 * (raw - self.closed) / (self.open - self.closed)
        return float(round(min(100.0, max(0.0, share))))


def _position_setter(draft: Draft, scale: _Scale) -> Setter | None:
    publish = draft.publisher(
        "set_position_topic",
        "set_position_template",
        ("value", "position", "position_open", "position_closed", "tilt_min", "tilt_max"),
    )
    if publish is None:
        return None
    tilt = {"tilt_min": draft.settings.number("tilt_min", 0)}
    tilt["tilt_max"] = draft.settings.number("tilt_max", 100)

    def move(value: Value) -> Sequence[Outgoing]:
        limits = {"position_open": scale.open, "position_closed": scale.closed}
        return (publish(scale.raw(value), position=value, **limits, **tilt),)

    return move


def _by_position(position: Setter) -> Setter:
    return lambda value: position(100 if value == "open" else 0)


def _cover_state(draft: Draft, scale: _Scale) -> bool:
    """Read state and position; whether the opening can be read at all.

    A cover on its way says neither open nor closed, so nothing is confirmed too early.
    """
    settings = draft.settings
    has_state = "state_topic" in settings
    states: dict[str | None, Value | None] = {
        settings.payload("state_opening", "opening"): None,
        settings.payload("state_closing", "closing"): None,
        settings.payload("state_open", "open"): "open",
        settings.payload("state_closed", "closed"): "closed",
    }
    stopped = settings.payload("state_stopped", "stopped")
    # Stopped halfway is open, unless the position says otherwise in a message of its own.
    states.setdefault(stopped, None if "position_topic" in settings else "open")
    draft.read_one(Attribute.OPENING, "state_topic", "value_template", lookup(states))

    def position(text: str) -> Readings:
        if text == "None":
            return {Attribute.POSITION: None}
        raw = decode_json(text.encode()).get("position") if text.startswith("{") else text
        percent = scale.percent(finite(raw))
        if has_state:
            return {Attribute.POSITION: percent}
        return {Attribute.POSITION: percent, Attribute.OPENING: "open" if percent else "closed"}

    attributes = (Attribute.POSITION,) if has_state else (Attribute.POSITION, Attribute.OPENING)
    has_position = draft.read("position_topic", "position_template", attributes, position)
    return has_state or has_position


def _tilt(draft: Draft) -> None:
    settings = draft.settings
    low, high = settings.bounds("tilt_min", "tilt_max", 0, 100)
    publish = draft.publisher(
        "tilt_command_topic",
        "tilt_command_template",
        ("value", "tilt_position", "position_open", "position_closed", "tilt_min", "tilt_max"),
    )

    def tilt(value: Value) -> Sequence[Outgoing]:
        raw = round(low + float(value) / 100 * (high - low))
        return (publish(raw, tilt_position=value, tilt_min=low, tilt_max=high),) if publish else ()

    readable = draft.read_one(
        Attribute.TILT,
        "tilt_status_topic",
        "tilt_status_template",
        lambda text: float(round(100 * (finite(text) - low) / (high - low))),
    )
    draft.add(Attribute.TILT, POSITION, publish and tilt, readable=readable)


def _stop(draft: Draft) -> None:
    stop = draft.settings.payload("payload_stop", "STOP")
    publish = draft.publisher("command_topic")
    if publish is not None and stop is not None:
        draft.add(
            Attribute.COMMAND, Choice(("stop",)), send(publish, {"stop": stop}), readable=False
        )


def valve(draft: Draft) -> None:
    """Fill in a valve: by payloads, or by numbers where it reports a position."""
    settings = draft.settings
    draft.kind = Kind.VALVE
    device_class = settings.text("device_class")
    draft.security = device_class in {"water", "gas"} or bool(
        re.search(r"\b(gas|water|main)\b", draft.words)
    )
    guarded = OPEN if draft.security else frozenset()
    scale = _Scale(draft, "position_closed", "position_open")
    by_position = settings.flag("reports_position")
    publish = draft.publisher("command_topic", "command_template")
    payloads = {
        "open": settings.payload("payload_open", "OPEN"),
        "closed": settings.payload("payload_close", "CLOSE"),
    }
    states: dict[str | None, Value | None] = {
        settings.payload("state_opening", "opening"): None,
        settings.payload("state_closing", "closing"): None,
        settings.payload("state_open", "open"): "open",
        settings.payload("state_closed", "closed"): "closed",
    }

    def parse(text: str) -> Readings:
        state: Any = text
        position: Any = None
        if text.startswith("{"):
            parts = decode_json(text.encode())
            state, position = parts.get("state"), parts.get("position")
        elif by_position and text not in states:
            position = text
        found: dict[str, Value | None] = {}
        if state in states:
            found[Attribute.OPENING] = states[state]
        if position is not None and by_position:
            percent = scale.percent(finite(position))
            found[Attribute.POSITION] = percent
            found.setdefault(Attribute.OPENING, "open" if percent else "closed")
        return found

    attributes = (Attribute.OPENING, *((Attribute.POSITION,) if by_position else ()))
    readable = draft.read("state_topic", "value_template", attributes, parse)
    if by_position:
        move: Setter | None = sending(publish, scale.raw)
        opening = _by_position(move) if move else None
        draft.add(
            Attribute.OPENING,
            Choice(("open", "closed")),
            opening,
            readable=readable,
            guarded=guarded,
        )
        draft.add(Attribute.POSITION, POSITION, move, readable=readable, guarded=guarded)
    else:
        words = offered(payloads)
        draft.add(
            Attribute.OPENING,
            Choice(words),
            send(publish, payloads) if words else None,
            readable=readable,
            guarded=guarded,
        )
    stop = settings.payload("payload_stop")
    if publish is not None and stop is not None:
        draft.add(
            Attribute.COMMAND, Choice(("stop",)), send(publish, {"stop": stop}), readable=False
        )


def lock(draft: Draft) -> None:
    """Fill in a lock. One that wants a code can only be read: nobody told us the code."""
    settings = draft.settings
    draft.kind = Kind.LOCK
    draft.security = True
    payloads = {
        "locked": settings.payload("payload_lock", "LOCK"),
        "unlocked": settings.payload("payload_unlock", "UNLOCK"),
        "open": settings.payload("payload_open"),
    }
    states: dict[str | None, Value | None] = {
        settings.payload("state_locking", "LOCKING"): None,
        settings.payload("state_unlocking", "UNLOCKING"): None,
        settings.payload("state_opening", "OPENING"): None,
        settings.payload("state_jammed", "JAMMED"): "jammed",
        settings.payload("state_open", "OPEN"): "open",
        settings.payload("state_unlocked", "UNLOCKED"): "unlocked",
        settings.payload("state_locked", "LOCKED"): "locked",
    }
    if settings.payload("code_format") is not None:
        draft.problem = "it wants a code for locking and unlocking"
    publish = draft.publisher("command_topic", "command_template")
    readable = draft.read_one(Attribute.LOCK, "state_topic", "value_template", lookup(states))
    draft.add(
        Attribute.LOCK,
        Choice(offered(payloads)),
        send(publish, payloads),
        readable=readable,
        guarded=frozenset({"unlocked", "open"}),
    )


_ALARM: Final = {
    "disarmed": ("payload_disarm", "DISARM", None),
    "armed home": ("payload_arm_home", "ARM_HOME", "arm_home"),
    "armed away": ("payload_arm_away", "ARM_AWAY", "arm_away"),
    "armed night": ("payload_arm_night", "ARM_NIGHT", "arm_night"),
    "armed vacation": ("payload_arm_vacation", "ARM_VACATION", "arm_vacation"),
}


def alarm(draft: Draft) -> None:
    """Fill in an alarm panel: its state, arming, and disarming where it asks for no code."""
    settings = draft.settings
    draft.kind = Kind.ALARM
    draft.security = True
    features = settings.strings("supported_features", ("arm_home", "arm_away", "arm_night"))
    coded = settings.payload("code") is not None
    needs_code = {
        True: coded and settings.flag("code_disarm_required", True),
        False: coded and settings.flag("code_arm_required", True),
    }
    payloads = {
        word: settings.payload(key, default)
        for word, (key, default, feature) in _ALARM.items()
        if (feature is None or feature in features) and not needs_code[feature is None]
    }
    publish = draft.publisher("command_topic", "command_template", ("value", "action", "code"))

    def arm(value: Value) -> Sequence[Outgoing]:
        payload = payloads[str(value)]
        return (publish(payload, action=payload, code=""),) if publish else ()

    readable = draft.read_one(Attribute.MODE, "state_topic", "value_template", spoken)
    words = offered(payloads) or tuple(_ALARM)
    draft.add(
        Attribute.MODE,
        Choice(words),
        publish and arm if offered(payloads) else None,
        readable=readable,
        guarded=frozenset({"disarmed"}),
    )


def security_name(words: str) -> bool:
    """Whether a plain switch or button says by its name that it opens or disarms something."""
    return bool(re.search(r"\b(garage door|gate|door opener|unlock|disarm|alarm system)\b", words))
