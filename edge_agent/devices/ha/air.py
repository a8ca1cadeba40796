"""Climate, fans, humidifiers and water heaters of Home Assistant's discovery."""

from collections.abc import Sequence
from typing import Final

from edge_agent.core.entity import ON_OFF, Attribute, Choice, Kind, Range, Risk, Value
from edge_agent.devices.adapter import Outgoing
from edge_agent.devices.ha.binding import (
    UNKNOWN,
    Draft,
    Publish,
    Readings,
    Setter,
    lookup,
    send,
    sending,
)
from edge_agent.devices.ha.settings import Settings
from edge_agent.devices.values import Words, finite, spoken
from edge_agent.errors import DeviceError

_MODES: Final = ("auto", "off", "cool", "heat", "dry", "fan_only")
_HEATER_MODES: Final = (
    "off",
    "eco",
    "electric",
    "gas",
    "heat_pump",
    "high_demand",
    "performance",
)
_ON_MODES: Final = ("heat cool", "heat", "auto", "cool", "eco", "performance")


def climate(draft: Draft) -> None:
    """Fill in a climate device; what it sets costs money or cold, so it carries caution."""
    settings = draft.settings
    draft.kind = Kind.CLIMATE
    fahrenheit = _fahrenheit(settings)
    low, high = settings.bounds("min_temp", "max_temp", *((45, 95) if fahrenheit else (7, 35)))
    step = settings.number("temp_step", 1) or 1
    draft.add_range(
        Attribute.TEMPERATURE,
        Range(low, high, step, "°F" if fahrenheit else "°C"),
        draft.publisher("temperature_command_topic", "temperature_command_template"),
        ("temperature_state_topic", "temperature_state_template"),
        risk=Risk.CAUTION,
        step=max(step, 1.0),
    )
    _modes(draft, _MODES)
    for attribute, key, options in (
        (Attribute.FAN_MODE, "fan_mode", ("auto", "low", "medium", "high")),
        (Attribute.SWING, "swing_mode", ("on", "off")),
    ):
        draft.add_choice(
            attribute,
            Words(settings.strings(f"{key}s", options)),
            draft.publisher(f"{key}_command_topic", f"{key}_command_template"),
            (f"{key}_state_topic", f"{key}_state_template"),
        )
    _presets(draft, "preset_mode_value_template", reset="none")
    _humidity(draft, "target_humidity_state_template", (30, 99))
    draft.add_reading(
        Attribute.CURRENT_TEMPERATURE,
        "°F" if fahrenheit else "°C",
        ("current_temperature_topic", "current_temperature_template"),
    )
    draft.add_words(Attribute.ACTION, ("action_topic", "action_template"))


def water_heater(draft: Draft) -> None:
    """Fill in a water heater."""
    settings = draft.settings
    draft.kind = Kind.WATER_HEATER
    fahrenheit = _fahrenheit(settings)
    unit = "°F" if fahrenheit else "°C"
    low, high = settings.bounds("min_temp", "max_temp", *((110, 140) if fahrenheit else (43.3, 60)))
    draft.add_range(
        Attribute.TEMPERATURE,
        Range(low, high, 1, unit),
        draft.publisher("temperature_command_topic", "temperature_command_template"),
        ("temperature_state_topic", "temperature_state_template"),
        risk=Risk.CAUTION,
    )
    _modes(draft, _HEATER_MODES)
    draft.add_reading(
        Attribute.CURRENT_TEMPERATURE,
        unit,
        ("current_temperature_topic", "current_temperature_template"),
    )


def _fahrenheit(settings: Settings) -> bool:
    return settings.text("temperature_unit", "C").upper().endswith("F")


def _modes(draft: Draft, default: Sequence[str]) -> None:
    """Modes, and power as far as there is a topic or a mode `off` for it."""
    settings = draft.settings
    modes = Words(settings.strings("modes", default))
    publish = draft.publisher("mode_command_topic", "mode_command_template")
    to_on = next((word for word in _ON_MODES if word in modes.words), None)
    power = draft.publisher("power_command_topic", "power_command_template")
    payloads = {
        "on": settings.payload("payload_on", "ON"),
        "off": settings.payload("payload_off", "OFF"),
    }
    setter: Setter | None = send(power, payloads)
    has_off = "off" in modes.words
    if setter is None and publish is not None and has_off and to_on is not None:

        def switch(value: Value) -> Sequence[Outgoing]:
            return (publish(modes.raw("off" if value == "off" else to_on)),)

        setter = switch

    def mode(text: str) -> Readings:
        word = None if text in UNKNOWN else spoken(text)
        found: dict[str, Value | None] = {Attribute.MODE: word}
        if has_off:
            found[Attribute.POWER] = word and ("off" if word == "off" else "on")
        return found

    readable = draft.read(
        "mode_state_topic", "mode_state_template", (Attribute.MODE, Attribute.POWER), mode
    )
    draft.add(
        Attribute.MODE,
        Choice(modes.words),
        sending(publish, lambda value: modes.raw(str(value))),
        readable=readable,
        risk=Risk.CAUTION,
    )
    draft.add(Attribute.POWER, ON_OFF, setter, readable=readable and has_off, risk=Risk.CAUTION)


def _presets(draft: Draft, template: str, reset: str | None = None) -> None:
    options = draft.settings.strings("preset_modes")
    if not options:
        return
    words = Words((*options, reset) if reset else options)
    draft.add_choice(
        Attribute.PRESET,
        words,
        draft.publisher("preset_mode_command_topic", "preset_mode_command_template"),
        ("preset_mode_state_topic", template),
    )


def _humidity(draft: Draft, template: str, bounds: tuple[float, float]) -> None:
    low, high = draft.settings.bounds("min_humidity", "max_humidity", *bounds)
    draft.add_range(
        Attribute.HUMIDITY,
        Range(low, high, 1, "%"),
        draft.publisher("target_humidity_command_topic", "target_humidity_command_template"),
        ("target_humidity_state_topic", template),
    )
    draft.add_reading(
        Attribute.CURRENT_HUMIDITY, "%", ("current_humidity_topic", "current_humidity_template")
    )


def _power(draft: Draft, template: str) -> Setter | None:
    """Add on and off; the setter, for what is switched off by another attribute."""
    settings = draft.settings
    payloads = {
        "on": settings.payload("payload_on", "ON"),
        "off": settings.payload("payload_off", "OFF"),
    }
    setter = send(draft.publisher("command_topic", "command_template"), payloads)
    states: dict[str | None, str] = {payload: word for word, payload in payloads.items()}

    def parse(text: str) -> Readings:
        word = None if text in UNKNOWN else states[text]
        # Off is no speed, whatever level the fan remembers.
        still: Readings = {Attribute.SPEED: 0.0} if word == "off" else {}
        return {Attribute.POWER: word, **still}

    readable = draft.read("state_topic", template, (Attribute.POWER,), parse)
    draft.add(Attribute.POWER, ON_OFF, setter, readable=readable)
    return setter


def fan(draft: Draft) -> None:
    """Fill in a fan."""
    settings = draft.settings
    draft.kind = Kind.FAN
    power = _power(draft, "state_value_template")
    _speed(draft, draft.publisher("percentage_command_topic", "percentage_command_template"), power)
    draft.readers.reverse()  # where one message carries both, the last word is power's
    _presets(draft, "preset_mode_value_template")
    oscillation = {
        "on": settings.payload("payload_oscillation_on", "oscillate_on"),
        "off": settings.payload("payload_oscillation_off", "oscillate_off"),
    }
    direction = {"forward": "forward", "reverse": "reverse"}
    for attribute, key, payloads in (
        (Attribute.OSCILLATION, "oscillation", oscillation),
        (Attribute.DIRECTION, "direction", direction),
    ):
        setter = send(draft.publisher(f"{key}_command_topic", f"{key}_command_template"), payloads)
        states = {payload: word for word, payload in payloads.items()}
        readable = draft.read_one(
            attribute, f"{key}_state_topic", f"{key}_value_template", lookup(states)
        )
        draft.add(attribute, Choice(tuple(payloads)), setter, readable=readable)


def _speed(draft: Draft, publish: Publish | None, power: Setter | None) -> None:
    """Speed in percent of the device's own range; 0 percent is off."""
    settings = draft.settings
    low, high = settings.bounds("speed_range_min", "speed_range_max", 1, 100)
    steps = high - low + 1
    reset = settings.text("payload_reset_percentage", "None")

    def speed(value: Value) -> Sequence[Outgoing]:
        if not value and power is not None:
            return power("off")
        raw = round(low - 1 + float(value) / 100 * steps)
        if value and raw < low:
            raise DeviceError(f"the slowest speed is {round(100 / steps)} percent")
        return (publish(raw),) if publish else ()

    def parse(text: str) -> float | None:
        if text == reset:
            return None
        share = 100 * (finite(text) - low + 1) / steps
        return float(round(min(100.0, max(0.0, share))))

    readable = draft.read_one(
        Attribute.SPEED, "percentage_state_topic", "percentage_value_template", parse
    )
    draft.add(
        Attribute.SPEED,
        # One more than the device's own step, for its percentages are rounded.
        Range(0, 100, 1 if steps >= 100 else 1 + 100 / steps, "%"),
        publish and speed,
        readable=readable,
    )


def humidifier(draft: Draft) -> None:
    """Fill in a humidifier or dehumidifier."""
    settings = draft.settings
    dries = settings.text("device_class") == "dehumidifier" or "dehumidifier" in draft.words
    draft.kind = Kind.DEHUMIDIFIER if dries else Kind.HUMIDIFIER
    _power(draft, "state_value_template")
    _humidity(draft, "target_humidity_state_template", (0, 100))
    draft.add_choice(
        Attribute.MODE,
        Words(settings.strings("modes")),
        draft.publisher("mode_command_topic", "mode_command_template"),
        ("mode_state_topic", "mode_state_template"),
    )
    draft.add_words(Attribute.ACTION, ("action_topic", "action_template"))
