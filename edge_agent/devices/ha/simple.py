"""The plain components of Home Assistant's discovery: one attribute each, or little more."""

from collections.abc import Sequence
from typing import Any, Final

from edge_agent.core.entity import (
    ON_OFF,
    Attribute,
    Choice,
    Kind,
    Range,
    Risk,
    Text,
    Value,
)
from edge_agent.core.names import clean_name
from edge_agent.core.payload import decode_json
from edge_agent.devices.adapter import Outgoing
from edge_agent.devices.ha.binding import Draft, Readings, lookup, send, sending
from edge_agent.devices.ha.opening import security_name
from edge_agent.devices.values import Words
from edge_agent.errors import DeviceError

_LIST_WORDS: Final = frozenset({"list", "lists", "tasks", "todo", "shopping"})
_ITEM_KEYS: Final = ("summary", "name", "item", "text", "title")
_DONE: Final = frozenset({"completed", "complete", "done", "checked", "true"})


def switch(draft: Draft) -> None:
    """Fill in a switch or an outlet."""
    settings = draft.settings
    draft.kind = Kind.OUTLET if settings.text("device_class") == "outlet" else Kind.SWITCH
    payloads = {
        "on": settings.payload("payload_on", "ON"),
        "off": settings.payload("payload_off", "OFF"),
    }
    states: dict[str | None, Value | None] = {
        settings.payload("state_on") or payloads["on"]: "on",
        settings.payload("state_off") or payloads["off"]: "off",
    }
    draft.security = security_name(draft.words)
    setter = send(draft.publisher("command_topic", "command_template"), payloads)
    readable = draft.read_one(Attribute.POWER, "state_topic", "value_template", lookup(states))
    guarded = frozenset({"on", "off"}) if draft.security else frozenset()
    draft.add(Attribute.POWER, ON_OFF, setter, readable=readable, guarded=guarded)


def siren(draft: Draft) -> None:
    """Fill in a siren: it takes JSON unless a template says otherwise."""
    settings = draft.settings
    draft.kind = Kind.SIREN
    payloads = {
        "on": settings.payload("payload_on", "ON"),
        "off": settings.payload("payload_off", "OFF"),
    }
    states: dict[str | None, Value | None] = {
        settings.payload("state_on") or payloads["on"]: "on",
        settings.payload("state_off") or payloads["off"]: "off",
    }
    tones = Words(settings.strings("available_tones"))
    variables = ("value", "state", "tone", "duration", "volume_level")
    publish = draft.publisher("command_topic", "command_template", variables)

    def make(state: str | None, **others: str) -> Sequence[Outgoing]:
        if publish is None:
            return ()
        if settings.values.get("command_template") is None:
            return (publish({"state": state, **others}),)
        return (publish(state, state=state, **others),)

    def parse(text: str) -> Readings:
        state: Any = text
        found: dict[str, Value | None] = {}
        if text.startswith("{"):
            parts = decode_json(text.encode())
            state = parts.get("state")
            if tones and isinstance(parts.get("tone"), str):
                found[Attribute.TONE] = clean_name(parts["tone"]).lower()
        if state in states:
            found[Attribute.POWER] = states[state]
        return found

    attributes = (Attribute.POWER, *((Attribute.TONE,) if tones else ()))
    readable = draft.read("state_topic", "state_value_template", attributes, parse)
    draft.add(
        Attribute.POWER,
        ON_OFF,
        publish and (lambda value: make(payloads[str(value)])),
        readable=readable,
        risk=Risk.CAUTION,
    )
    draft.add(
        Attribute.TONE,
        Choice(tones.words),
        publish and (lambda value: make(payloads["on"], tone=tones.raw(str(value)))),
        readable=readable,
        risk=Risk.CAUTION,
    )


def number(draft: Draft) -> None:
    """Fill in a number."""
    settings = draft.settings
    draft.kind = Kind.NUMBER
    low, high = settings.bounds("min", "max", 1, 100)
    step = settings.number("step", 1)
    if step <= 0:
        raise DeviceError("step must be more than 0")
    draft.add_range(
        Attribute.VALUE,
        Range(low, high, step, clean_unit(settings)),
        draft.publisher("command_topic", "command_template"),
        ("state_topic", "value_template"),
        risk=_risk(draft),
    )


def clean_unit(draft_settings: Any) -> str:
    """The unit as the device writes it, at most 16 printable characters."""
    unit = draft_settings.text("unit_of_measurement")
    return "".join(char for char in unit if char.isprintable())[:16].strip()


def select(draft: Draft) -> None:
    """Fill in a selector."""
    draft.kind = Kind.SELECT
    words = Words(draft.settings.strings("options"))
    if not words:
        raise DeviceError("options must be a list of texts")
    publish = draft.publisher("command_topic", "command_template")
    state = ("state_topic", "value_template")
    draft.add_choice(Attribute.OPTION, words, publish, state, risk=_risk(draft))


def button(draft: Draft) -> None:
    """Fill in a button."""
    draft.kind = Kind.BUTTON
    payload = draft.settings.payload("payload_press", "PRESS")
    draft.security = security_name(draft.words)
    draft.add(
        Attribute.COMMAND,
        Choice(("press",)),
        send(draft.publisher("command_topic", "command_template"), {"press": payload}),
        readable=False,
        risk=_risk(draft),
        guarded=frozenset({"press"}) if draft.security else frozenset(),
    )


def _risk(draft: Draft) -> Risk:
    """What configures, restarts or updates a device carries caution."""
    settings = draft.settings
    if settings.text("device_class") in {"restart", "update"}:
        return Risk.CAUTION
    configures = settings.text("entity_category") == "config"
    return Risk.CAUTION if configures else Risk.COMFORT


def scene(draft: Draft) -> None:
    """Fill in a scene."""
    draft.kind = Kind.SCENE
    payload = draft.settings.payload("payload_on", "ON")
    draft.add(
        Attribute.COMMAND,
        Choice(("activate",)),
        send(draft.publisher("command_topic"), {"activate": payload}),
        readable=False,
    )


def text(draft: Draft) -> None:
    """Fill in a text, or a list where its class or its name says so: setting it appends."""
    settings = draft.settings
    words = {*draft.words.split(), settings.text("device_class").lower()}
    is_list = bool(words & _LIST_WORDS) or "to do" in draft.words
    draft.kind = Kind.LIST if is_list else Kind.TEXT
    high = int(min(settings.number("max", 255), 255))
    publish = draft.publisher("command_topic", "command_template")
    readable = draft.read_one(
        Attribute.TEXT, "state_topic", "value_template", lambda value: clean_name(value) or None
    )
    draft.add(
        Attribute.TEXT,
        Text(max(1, high)),
        sending(publish, str),
        readable=readable,
    )
    if is_list:
        has_items = draft.read(
            "json_attributes_topic",
            "json_attributes_template",
            (Attribute.ITEMS,),
            lambda payload: {Attribute.ITEMS: items_of(decode_json(payload.encode()))},
        )
        draft.add(Attribute.ITEMS, Text(2000), None, readable=has_items)


def items_of(attributes: Any) -> str:
    """The open items of a list, with commas; empty where there are none.

    Takes a list, or the first list inside an object, of texts or of objects like
    `{"summary": "milk", "status": "needs_action"}`.
    """
    if isinstance(attributes, dict):
        lists = (value for value in attributes.values() if isinstance(value, list))
        attributes = attributes.get("items", next(lists, []))
    if not isinstance(attributes, list):
        raise DeviceError("the attributes carry no list")
    names = (clean_name(_item(item)) for item in attributes[:100])
    return ", ".join(name for name in names if name)


def _item(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    state = {str(item.get(key)).lower() for key in ("status", "complete", "completed", "checked")}
    if state & _DONE:
        return None
    return next((item[key] for key in _ITEM_KEYS if key in item), None)
