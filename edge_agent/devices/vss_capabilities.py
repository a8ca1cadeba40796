"""What can be read and set through the VSS signals of one thing.

A signal's leaf gives the attribute; this module makes capabilities, readings and messages of it.
Knows no names and no zones.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from edge_agent.core.entity import (
    ON_OFF,
    Attribute,
    Capability,
    Choice,
    Domain,
    Kind,
    Range,
    Reading,
    Risk,
    Text,
    Value,
)
from edge_agent.core.names import clean_name
from edge_agent.devices import colors
from edge_agent.devices.adapter import Outgoing
from edge_agent.devices.values import Words, spoken
from edge_agent.devices.vss_signals import Signal

Raw: TypeAlias = str | float | bool
_Read: TypeAlias = Callable[[Raw], Mapping[str, Value | None]]
_Setter: TypeAlias = Callable[[Value], Sequence[Outgoing]]

CABIN_TEMPERATURE: Final = (16.0, 30.0)
"""VSS gives temperatures no range; this is what cars offer, in degrees Celsius."""

_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "IsBelted": ("fastened", "not fastened"),
    "IsCharging": ("charging", "not charging"),
    "IsEngaged": ("on", "off"),
    "IsMoving": ("moving", "standing still"),
    "IsOccupied": ("occupied", "free"),
}
_FOLDED: Final = ("folded", "unfolded")
_PAIRS: Final[Mapping[str, tuple[str, str]]] = {
    Attribute.LOCK: ("locked", "unlocked"),
    Attribute.OPENING: ("open", "closed"),
    Attribute.POWER: ("on", "off"),
}
_GUARDED: Final[Mapping[str, frozenset[str]]] = {
    Attribute.LOCK: frozenset({"unlocked"}),
    Attribute.OPENING: frozenset({"open"}),
    Attribute.POSITION: frozenset({"open"}),
}
_LETS_IN: Final = frozenset({Kind.DOOR, Kind.TRUNK})
_OFF_AT_ZERO: Final = frozenset(
    "Cooling FanSpeed Heating HeatingCooling Massage MassageLevel Ventilation".split()
)
"""What runs at a level: at 0 it is off."""
_ON: Final = 0.5  # of the highest level: what "turn on the seat heating" means
_MOVES: Final = ("Seat", "Mirrors")


@dataclass(slots=True)
class Controls:
    """The capabilities of one thing and the functions behind them."""

    capabilities: dict[str, Capability] = field(default_factory=dict)
    setters: dict[str, _Setter] = field(default_factory=dict)
    topics: set[str] = field(default_factory=set)
    paths: dict[str, str] = field(default_factory=dict)
    """By settable attribute, the signal that is written."""
    problems: list[str] = field(default_factory=list)
    readers: dict[str, list[_Read]] = field(default_factory=dict)

    def read(self, path: str, value: Raw) -> dict[str, Value | None]:
        """What a signal's value says about the thing's attributes."""
        found: dict[str, Value | None] = {}
        for reader in self.readers.get(path, ()):
            found.update({str(k): v for k, v in reader(value).items() if k in self.capabilities})
        return found

    def add(
        self,
        signal: Signal,
        attribute: str,
        domain: Domain,
        encode: Callable[[Value], Raw] | None,
        *,
        readable: bool = True,
        risk: Risk = Risk.COMFORT,
        guarded: frozenset[str] = frozenset(),
    ) -> None:
        """Add an attribute that one signal carries; `encode` is None where nothing is set."""
        known = self.capabilities.get(attribute)
        settable = encode is not None and signal.settable
        if known is not None and (known.settable or not settable):
            return
        readable = readable or (known is not None and known.readable)
        self.capabilities[attribute] = Capability(
            attribute, domain, settable, readable, risk, guarded if settable else frozenset()
        )
        if encode is not None and settable:
            topic = signal.write_topic
            self.setters[attribute] = lambda value: (Outgoing(topic, signal.encode(encode(value))),)
            self.topics.add(topic)
            self.paths[attribute] = signal.path

    def reads(self, signal: Signal, reader: _Read) -> None:
        """Add what a signal's values say."""
        self.readers.setdefault(signal.path, []).append(reader)


def build(signals: Sequence[tuple[Signal, str]], kind: Kind) -> Controls:
    """The controls of one thing from its signals and the attribute that each of them carries."""
    controls = Controls()
    direct = {attribute for _, attribute in signals}
    for signal, attribute in signals:
        match signal.datatype, attribute:
            case "boolean", _:
                _boolean(controls, signal, attribute, kind)
            case "string", Attribute.COMMAND:
                _switch(controls, signal, kind)
            case "string", Attribute.COLOR:
                _color(controls, signal)
            case "string", Attribute.PLAYBACK:
                _playback(controls, signal)
            case "string", _:
                _option(controls, signal)
            case _, Attribute.POSITION:
                _position(controls, signal, kind, derived=Attribute.OPENING not in direct)
            case _:
                _number(controls, signal, attribute)
    return controls


def _boolean(controls: Controls, signal: Signal, attribute: str, kind: Kind) -> None:
    leaf = signal.path.rpartition(".")[2]
    if leaf == "IsFolded":
        attribute, words = str(Attribute.OPTION), _FOLDED
    elif attribute in _PAIRS:
        words = _PAIRS[attribute]
    elif signal.settable:
        attribute, words = str(Attribute.POWER), _PAIRS[Attribute.POWER]
    else:
        attribute, words = "state", _WORDS.get(leaf, ("on", "off"))
    guarded = _GUARDED.get(attribute, frozenset()) if kind in _LETS_IN else frozenset()
    if kind is Kind.LOCK:
        guarded = frozenset({"off"})  # a child lock protects while it is on
    # Hazard lights may be switched on by voice, never off.
    legal = words[:1] if leaf == "IsSignaling" and signal.settable else words
    controls.reads(signal, lambda value: {attribute: words[0] if value else words[1]})
    controls.add(
        signal,
        attribute,
        Choice(legal),
        lambda value: value == words[0],
        risk=_risk(signal),
        guarded=guarded,
    )


def _risk(signal: Signal) -> Risk:
    """Seats and mirrors that move carry caution."""
    moves = any(part in _MOVES for part in signal.path.split("."))
    return (
        Risk.CAUTION
        if moves and signal.path.endswith(("Position", "Pan", "Tilt"))
        else (Risk.COMFORT)
    )


def _range(signal: Signal, limits: tuple[float, float]) -> Range:
    unit = signal.spoken_unit
    whole = signal.datatype not in {"float", "double"}
    fine = 0.5 if unit == "°C" else (limits[1] - limits[0]) / 100
    step = 1.0 if whole or unit == "%" else fine
    return Range(*limits, step, unit)


def _number(controls: Controls, signal: Signal, attribute: str) -> None:
    limits = signal.limits
    if attribute == Attribute.TEMPERATURE:
        limits = tuple(  # type: ignore[assignment]  # two stay two
            given if math.isfinite(given) else default
            for given, default in zip(limits, CABIN_TEMPERATURE, strict=True)
        )
    controls.reads(signal, lambda value: {attribute: value})
    if not signal.settable:
        controls.add(signal, attribute, Reading(signal.spoken_unit), None)
        return
    if not all(map(math.isfinite, limits)):
        controls.problems.append("it can only be read: min and max are not given")
        controls.add(signal, attribute, Reading(signal.spoken_unit), None)
        return
    domain = _range(signal, limits)
    controls.add(signal, attribute, domain, float, risk=_risk(signal))
    if not _OFF_AT_ZERO.isdisjoint(signal.path.split(".")[-2:]) and 0.0 in domain:
        _level(controls, signal, domain)
    if attribute == Attribute.VOLUME and 0.0 in domain:
        # How loud it was before is not known: it is silenced, and turned up by a number.
        controls.reads(signal, lambda value: {Attribute.MUTE: "off" if float(value) else "on"})
        controls.add(signal, Attribute.MUTE, Choice(("on",)), lambda _: 0.0)


def _level(controls: Controls, signal: Signal, domain: Range) -> None:
    """On and off for what runs at a level; cooling is another matter than heating being on."""
    on = math.ceil(domain.maximum * _ON)
    controls.reads(signal, lambda value: {Attribute.POWER: "on" if float(value) > 0 else "off"})
    controls.add(signal, Attribute.POWER, ON_OFF, lambda value: on if value == "on" else 0.0)


def _position(controls: Controls, signal: Signal, kind: Kind, *, derived: bool) -> None:
    """A position, and with it open and closed; a shade that is deployed fully is closed."""
    low, high = signal.limits
    if not signal.settable:
        controls.add(signal, Attribute.POSITION, Reading(signal.spoken_unit), None)
        controls.reads(signal, lambda value: {Attribute.POSITION: value})
        return
    closed, opened = (high, max(low, 0.0)) if kind is Kind.SHADE else (max(low, 0.0), high)
    guarded = kind in _LETS_IN

    def read(value: Raw) -> Mapping[str, Value | None]:
        found: dict[str, Value | None] = {Attribute.POSITION: value}
        if derived:
            found[Attribute.OPENING] = "closed" if value == closed else "open"
        return found

    controls.reads(signal, read)
    controls.add(
        signal,
        Attribute.POSITION,
        _range(signal, (low, high)),
        float,
        guarded=_GUARDED[Attribute.POSITION] if guarded else frozenset(),
    )
    controls.add(
        signal,
        Attribute.OPENING,
        Choice(_PAIRS[Attribute.OPENING]),
        lambda value: opened if value == "open" else closed,
        readable=derived,
        guarded=_GUARDED[Attribute.OPENING] if guarded else frozenset(),
    )


def _switch(controls: Controls, signal: Signal, kind: Kind) -> None:
    """A window's or roof's switch: it moves, but it says nothing about where it stands."""
    payloads = {
        word: next((option for option in options if option in signal.allowed), None)
        for word, options in (
            ("open", ("ONE_SHOT_OPEN", "OPEN")),
            ("closed", ("ONE_SHOT_CLOSE", "CLOSE")),
        )
    }
    legal = {word: payload for word, payload in payloads.items() if payload is not None}
    guarded = _GUARDED[Attribute.OPENING] if kind in _LETS_IN else frozenset()
    if legal:
        controls.add(
            signal,
            Attribute.OPENING,
            Choice(tuple(legal)),
            lambda value: legal[str(value)],
            readable=False,
            guarded=guarded,
        )
    if "INACTIVE" in signal.allowed:
        controls.add(
            signal, Attribute.COMMAND, Choice(("stop",)), lambda _: "INACTIVE", readable=False
        )


def _color(controls: Controls, signal: Signal) -> None:
    """A colour as `#RRGGBB`, in full or out of the colours that the signal allows."""
    table = {colors.name_of_code(code): code for code in reversed(signal.allowed)}
    table.pop(None, None)
    names = {str(name): code for name, code in reversed(table.items())} or {
        name: colors.code_of(name) for name in colors.NAMES
    }
    controls.reads(signal, lambda value: {Attribute.COLOR: colors.name_of_code(str(value))})
    controls.add(signal, Attribute.COLOR, Choice(tuple(names)), lambda value: names[str(value)])


def _playback(controls: Controls, signal: Signal) -> None:
    states = {"PLAY": "playing", "PAUSE": "paused", "STOP": "stopped"}
    verbs = {"next": "SKIP_FORWARD", "previous": "SKIP_BACKWARD"}
    words = {word: raw for raw, word in states.items() if raw in signal.allowed}
    skips = {word: raw for word, raw in verbs.items() if raw in signal.allowed}
    controls.reads(signal, lambda value: {Attribute.PLAYBACK: states.get(str(value))})
    if words:
        controls.add(
            signal, Attribute.PLAYBACK, Choice(tuple(words)), lambda value: words[str(value)]
        )
    if skips:
        controls.add(
            signal,
            Attribute.COMMAND,
            Choice(tuple(skips)),
            lambda value: skips[str(value)],
            readable=False,
        )


def _option(controls: Controls, signal: Signal) -> None:
    """One of the words that the signal allows; with `off` among them it can be switched."""
    words = Words(signal.allowed)
    if not words:
        controls.reads(signal, lambda value: {"state": clean_name(value) or None})
        controls.add(signal, "state", Text(), None)
        return
    attribute = Attribute.OPTION if signal.settable else "state"
    controls.reads(signal, lambda value: {attribute: spoken(value)})
    controls.add(signal, attribute, Choice(words.words), lambda value: words.raw(str(value)))
    others = [word for word in words.words if word != "off"]
    if "off" in words.words and others and signal.settable:
        on = "medium" if "medium" in others else others[0]
        controls.reads(
            signal, lambda value: {Attribute.POWER: "off" if spoken(value) == "off" else "on"}
        )
        controls.add(
            signal,
            Attribute.POWER,
            ON_OFF,
            lambda value: words.raw("off" if value == "off" else on),
        )
