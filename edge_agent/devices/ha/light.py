"""Lights of Home Assistant's discovery: the JSON, the default and the template schema."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from edge_agent.core.entity import ON_OFF, Attribute, Choice, Kind, Range, Value
from edge_agent.core.payload import decode_json
from edge_agent.devices import colors
from edge_agent.devices.adapter import Outgoing
from edge_agent.devices.ha.binding import (
    UNKNOWN,
    Draft,
    Readings,
    Setter,
    as_text,
    lookup,
    sending,
)
from edge_agent.devices.values import Words, finite, spoken
from edge_agent.errors import DeviceError

PERCENT: Final = Range(0, 100, 1, "%")
_COLOR_MODES: Final = ("rgb", "hs", "xy", "rgbw", "rgbww")
_ATTRIBUTES: Final = (
    Attribute.POWER,
    Attribute.BRIGHTNESS,
    Attribute.COLOR_TEMPERATURE,
    Attribute.COLOR,
    Attribute.EFFECT,
)
_TEMPERATURE_STEP: Final = 300.0  # a bit warmer or colder, in kelvin


def light(draft: Draft) -> None:
    """Fill in a light."""
    draft.kind = Kind.LIGHT
    match draft.settings.text("schema", "basic"):
        case "json":
            _json(draft)
        case "template":
            _template(draft)
        case _:
            _default(draft)


def percent(level: float, scale: float) -> float:
    """Percent of a device's level; 1 at least while it is not 0."""
    share = 100 * level / scale
    return float(max(1, round(share))) if share > 0 else 0.0


def level(value: Value, scale: float) -> int:
    """A device's level for a percentage; 1 at least while it is not 0."""
    share = float(value) / 100 * scale
    return max(1, round(share)) if share > 0 else 0


class _Temperature:
    """The range of colour temperatures, in kelvin whatever the lamp counts in."""

    def __init__(self, draft: Draft) -> None:
        settings = draft.settings
        self.kelvin = settings.flag("color_temp_kelvin")
        if self.kelvin:
            low, high = settings.bounds("min_kelvin", "max_kelvin", 2000, 6535)
            self._mireds = (1e6 / high, 1e6 / low)
        else:
            low, high = settings.bounds("min_mireds", "max_mireds", 153, 500)
            self._mireds = (low, high)
            if low <= 0:
                raise DeviceError("min_mireds must be more than 0")
            low, high = 1e6 / high, 1e6 / low
        self.range = Range(math.ceil(low), math.floor(high), 1, "K")

    def raw(self, value: Value) -> int:
        """What the lamp takes for a temperature in kelvin."""
        if self.kelvin:
            return round(float(value))
        low, high = self._mireds
        return round(min(high, max(low, 1e6 / float(value))))

    def observed(self, raw: float) -> float | None:
        """The temperature in kelvin that the lamp means."""
        if raw <= 0:
            return None
        return float(round(raw if self.kelvin else 1e6 / raw))


def _json(draft: Draft) -> None:
    settings = draft.settings
    publish = draft.publisher("command_topic")
    if publish is None and draft.problem is None:
        raise DeviceError("command_topic is missing")
    modes = settings.strings("supported_color_modes")
    scale = settings.number("brightness_scale", 255) or 255
    dims = settings.flag("brightness") or bool({*modes} - {"onoff"})
    temperature = _Temperature(draft)
    has_temperature = "color_temp" in modes or settings.flag("color_temp")
    color_mode = next((mode for mode in _COLOR_MODES if mode in modes or settings.flag(mode)), None)
    effects = Words(settings.strings("effect_list") if settings.flag("effect", True) else ())

    def parse(text: str) -> Readings:
        state = decode_json(text.encode())
        if not isinstance(state, dict):
            return {}
        found: dict[str, Value | None] = {}
        power = {"ON": "on", "OFF": "off"}.get(str(state.get("state")))
        if power is not None or ("state" in state and state["state"] is None):
            found[Attribute.POWER] = power
        if power == "off":
            found[Attribute.BRIGHTNESS] = 0.0
        elif "brightness" in state and dims:
            found[Attribute.BRIGHTNESS] = percent(finite(state["brightness"]), scale)
        if has_temperature and state.get("color_temp") is not None:
            found[Attribute.COLOR_TEMPERATURE] = temperature.observed(finite(state["color_temp"]))
        if color_mode is not None and isinstance(state.get("color"), dict):
            found[Attribute.COLOR] = _color_named(state["color"])
        if state.get("effect") is not None and effects:
            found[Attribute.EFFECT] = spoken(state["effect"]) or None
        # The lamp keeps reporting the other one as an approximation: it confirms nothing.
        match state.get("color_mode"):
            case "color_temp" if Attribute.COLOR in found:
                found[Attribute.COLOR] = None
            case str(mode) if mode in _COLOR_MODES and Attribute.COLOR_TEMPERATURE in found:
                found[Attribute.COLOR_TEMPERATURE] = None
        return {name: value for name, value in found.items() if name in draft.capabilities}

    readable = draft.read("state_topic", "value_template", _ATTRIBUTES, parse)

    def styled(make: Callable[[Value], dict[str, Any]]) -> Setter | None:
        return sending(publish, lambda value: {"state": "ON", **make(value)})

    def dim(value: Value) -> Sequence[Outgoing]:
        if publish is None:
            return ()
        if not value:
            return (publish({"state": "OFF"}),)
        return (publish({"state": "ON", "brightness": level(value, scale)}),)

    power = sending(publish, lambda value: {"state": str(value).upper()})
    draft.add(Attribute.POWER, ON_OFF, power, readable=readable)
    if dims:
        draft.add(Attribute.BRIGHTNESS, PERCENT, publish and dim, readable=readable)
    if has_temperature:
        draft.add(
            Attribute.COLOR_TEMPERATURE,
            temperature.range,
            styled(lambda value: {"color_temp": temperature.raw(value)}),
            readable=readable,
            step=_TEMPERATURE_STEP,
        )
    if color_mode is not None:
        draft.add(
            Attribute.COLOR,
            Choice(colors.NAMES),
            styled(lambda value: {"color": _color_of(str(value), color_mode)}),
            readable=readable,
        )
    draft.add(
        Attribute.EFFECT,
        Choice(effects.words),
        styled(lambda value: {"effect": effects.raw(str(value))}),
        readable=readable and settings.flag("reports_effect", True),
    )


def _color_of(name: str, mode: str) -> dict[str, float]:
    match mode:
        case "hs":
            hue, saturation = colors.HS[name]
            return {"h": hue, "s": saturation}
        case "xy":
            x, y = colors.xy_of(name)
            return {"x": x, "y": y}
        case _:
            channels: dict[str, float] = dict(zip("rgb", colors.rgb_of(name), strict=True))
            return channels | dict.fromkeys({"rgbw": "w", "rgbww": "cw"}.get(mode, ""), 0)


def _color_named(color: dict[str, Any]) -> str | None:
    """The name of a colour in whichever of the documented shapes it is reported."""
    match color:
        case {"r": red, "g": green, "b": blue}:
            return colors.name_of_rgb(finite(red), finite(green), finite(blue))
        case {"h": hue, "s": saturation} | {"hue": hue, "saturation": saturation}:
            return colors.name_of_hs(finite(hue), finite(saturation))
        case {"x": x, "y": y}:
            return colors.name_of_xy(finite(x), finite(y))
        case _:
            return None


def _numbers(text: str, count: int) -> list[float]:
    parts = text.split(",")
    if len(parts) != count:
        raise DeviceError(f"expected {count} numbers")
    return [finite(part.strip()) for part in parts]


def _default(draft: Draft) -> None:
    settings = draft.settings
    payloads = {
        "on": settings.payload("payload_on", "ON"),
        "off": settings.payload("payload_off", "OFF"),
    }
    states: dict[str | None, str] = {payload: word for word, payload in payloads.items()}
    switch = draft.publisher("command_topic")
    if switch is None and draft.problem is None:
        raise DeviceError("command_topic is missing")
    scale = settings.number("brightness_scale", 255) or 255
    dimmer = draft.publisher("brightness_command_topic", "brightness_command_template")
    order = settings.text("on_command_type", "last")

    def with_on(*style: Outgoing) -> Sequence[Outgoing]:
        """The messages of a change, with the switching on where the lamp wants it."""
        if switch is None or (order == "brightness" and dimmer is not None):
            return style
        on = switch(payloads["on"])
        return (on, *style) if order == "first" else (*style, on)

    def power(value: Value) -> Sequence[Outgoing]:
        if value == "on" and order == "brightness" and dimmer is not None:
            return (dimmer(round(scale)),)
        return (switch(payloads[str(value)]),) if switch else ()

    def dim(value: Value) -> Sequence[Outgoing]:
        if not value or dimmer is None:
            return power("off")
        return with_on(dimmer(level(value, scale)))

    readable = draft.read_one(
        Attribute.BRIGHTNESS,
        "brightness_state_topic",
        "brightness_value_template",
        lambda text: percent(finite(text), scale),
    )
    draft.add(Attribute.BRIGHTNESS, PERCENT, dimmer and dim, readable=readable)
    _default_temperature(draft, with_on)
    for mode in ("rgb", "hs", "xy"):
        _default_color(draft, mode, with_on)
    effects = Words(settings.strings("effect_list"))
    effect = draft.publisher("effect_command_topic", "effect_command_template")
    readable = draft.read_one(
        Attribute.EFFECT, "effect_state_topic", "effect_value_template", spoken
    )
    draft.add(
        Attribute.EFFECT,
        Choice(effects.words),
        effect and (lambda value: with_on(effect(effects.raw(str(value))))),
        readable=readable,
    )

    def parse(text: str) -> Readings:
        word = None if text in UNKNOWN else states[text]
        # Off is no brightness, whatever level the lamp remembers.
        dark: Readings = {Attribute.BRIGHTNESS: 0.0} if word == "off" else {}
        return {Attribute.POWER: word, **dark}

    # Tasmota and other older devices say value_template here.
    old = "state_value_template" not in settings
    template = "value_template" if old else "state_value_template"
    readable = draft.read("state_topic", template, (Attribute.POWER,), parse)
    draft.add(Attribute.POWER, ON_OFF, switch and power, readable=readable)


def _default_temperature(draft: Draft, with_on: Callable[..., Sequence[Outgoing]]) -> None:
    publish = draft.publisher("color_temp_command_topic", "color_temp_command_template")
    temperature = _Temperature(draft)
    readable = draft.read_one(
        Attribute.COLOR_TEMPERATURE,
        "color_temp_state_topic",
        "color_temp_value_template",
        lambda text: temperature.observed(finite(text)),
    )
    draft.add(
        Attribute.COLOR_TEMPERATURE,
        temperature.range,
        publish and (lambda value: with_on(publish(temperature.raw(value)))),
        readable=readable,
        step=_TEMPERATURE_STEP,
    )


def _default_color(draft: Draft, mode: str, with_on: Callable[..., Sequence[Outgoing]]) -> None:
    """Colours on a topic of their own: `r,g,b`, `h,s` or `x,y`."""
    names = {
        "rgb": ("red", "green", "blue"),
        "hs": ("hue", "sat"),
        "xy": ("x", "y"),
    }[mode]
    publish = draft.publisher(
        f"{mode}_command_topic", f"{mode}_command_template", ("value", *names)
    )
    if publish is None or Attribute.COLOR in draft.capabilities:
        return

    def numbers(name: str) -> tuple[float, ...]:
        match mode:
            case "rgb":
                return colors.rgb_of(name)
            case "hs":
                return colors.HS[name]
            case _:
                return colors.xy_of(name)

    def color(value: Value) -> Sequence[Outgoing]:
        channels = numbers(str(value))
        text = ",".join(as_text(channel) for channel in channels)
        return with_on(publish(text, **dict(zip(names, channels, strict=True))))

    def named(text: str) -> str | None:
        match mode:
            case "rgb":
                return colors.name_of_rgb(*_numbers(text, 3))
            case "hs":
                return colors.name_of_hs(*_numbers(text, 2))
            case _:
                return colors.name_of_xy(*_numbers(text, 2))

    readable = draft.read_one(
        Attribute.COLOR, f"{mode}_state_topic", f"{mode}_value_template", named
    )
    draft.add(Attribute.COLOR, Choice(colors.NAMES), color, readable=readable)


def _template(draft: Draft) -> None:
    """The template schema: power, brightness and colour temperature."""
    names = ("state", "brightness", "color_temp", "red", "green", "blue", "effect", "transition")
    turn_on = draft.publisher("command_topic", "command_on_template", ("value", *names))
    turn_off = draft.publisher("command_topic", "command_off_template", ("value", *names))
    if "command_on_template" not in draft.settings or turn_on is None or turn_off is None:
        if draft.problem is None:
            raise DeviceError("command_topic or command_on_template is missing")
        return
    readable = draft.read_one(
        Attribute.POWER, "state_topic", "state_template", lookup({"on": "on", "off": "off"})
    )

    def power(value: Value) -> Sequence[Outgoing]:
        publish = turn_on if value == "on" else turn_off
        return (publish("", state=str(value)),)

    def dim(value: Value) -> Sequence[Outgoing]:
        if not value:
            return power("off")
        return (turn_on("", state="on", brightness=level(value, 255)),)

    draft.add(Attribute.POWER, ON_OFF, power, readable=readable)
    if "brightness_template" in draft.settings:
        draft.read_one(
            Attribute.BRIGHTNESS,
            "state_topic",
            "brightness_template",
            lambda text: percent(finite(text), 255),
        )
        draft.add(Attribute.BRIGHTNESS, PERCENT, dim, readable=readable)
    if "color_temp_template" in draft.settings:
        temperature = _Temperature(draft)
        draft.read_one(
            Attribute.COLOR_TEMPERATURE,
            "state_topic",
            "color_temp_template",
            lambda text: temperature.observed(finite(text)),
        )
        draft.add(
            Attribute.COLOR_TEMPERATURE,
            temperature.range,
            lambda value: (turn_on("", state="on", color_temp=temperature.raw(value)),),
            readable=readable,
            step=_TEMPERATURE_STEP,
        )
