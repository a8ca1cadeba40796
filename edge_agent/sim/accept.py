"""What a simulated device accepts: a payload read strictly, or ignored as a real one would.

Knows no topics, no time and none of the agent's own translators, so that it can check them.
"""

# ruff: noqa: D102 - the two protocols say what the methods of every class here do
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from edge_agent.errors import DeviceError

Values: TypeAlias = dict[str, Any]
"""Attribute -> value; a value is whatever the device's firmware would keep."""

_DECIMAL = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,12})?")
_WHOLE = re.compile(r"-?[0-9]{1,12}")


class Accept(Protocol):
    """What one command topic takes."""

    def read(self, payload: str, now: Mapping[str, Any]) -> Values | None:
        """The changes that `payload` asks for given the values `now`; None: ignored."""

    def flip(self, changes: Values) -> Values:
        """The opposite of `changes`, for a device that does the wrong thing."""


class Leaf(Protocol):
    """The legal values of one attribute."""

    def from_text(self, text: str) -> Any | None:
        """The value in a plain payload; None where it is not legal."""

    def from_json(self, value: Any) -> Any | None:
        """The value of a JSON key; None where it is not legal."""

    def other(self, value: Any) -> Any:
        """A legal value that is not `value`, as far away as there is."""


@dataclass(frozen=True, slots=True)
class OptionLeaf:
    """One of a closed list of words."""

    options: tuple[str, ...]

    def from_text(self, text: str) -> str | None:
        return text if text in self.options else None

    def from_json(self, value: Any) -> str | None:
        return value if isinstance(value, str) and value in self.options else None

    def other(self, value: Any) -> str:
        return next((option for option in self.options if option != value), self.options[0])


@dataclass(frozen=True, slots=True)
class NumberLeaf:
    """A number from `low` to `high` on a grid of `step`; `whole` refuses a decimal point."""

    low: float
    high: float
    step: float = 1.0
    whole: bool = False

    def from_text(self, text: str) -> float | None:
        if not (_WHOLE if self.whole else _DECIMAL).fullmatch(text):
            return None
        return self._legal(float(text) if "." in text else int(text))

    def from_json(self, value: Any) -> float | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return None if self.whole and not isinstance(value, int) else self._legal(value)

    def other(self, value: Any) -> float:
        return self.low if value > (self.low + self.high) / 2 else self.high

    def _legal(self, value: float) -> float | None:
        if not self.low <= value <= self.high:  # nor is NaN, and no integer is too big to compare
            return None
        steps = (value - self.low) / self.step
        return value if abs(steps - round(steps)) < 1e-6 else None


@dataclass(frozen=True, slots=True)
class TextLeaf:
    """Any text of one to `longest` characters."""

    longest: int = 255

    def from_text(self, text: str) -> str | None:
        return text if 0 < len(text) <= self.longest else None

    def from_json(self, value: Any) -> str | None:
        return self.from_text(value) if isinstance(value, str) else None

    def other(self, value: Any) -> str:
        return f"not {value}"[: self.longest]


@dataclass(frozen=True, slots=True)
class ChannelsLeaf:
    """A colour: named numbers, `{"r": 255, ...}` in JSON and `255,0,0` in plain text."""

    channels: Mapping[str, tuple[float, float]]

    def from_text(self, text: str) -> Values | None:
        parts = text.split(",")
        if len(parts) != len(self.channels) or not all(map(_DECIMAL.fullmatch, parts)):
            return None
        return self.from_json(dict(zip(self.channels, map(float, parts), strict=True)))

    def from_json(self, value: Any) -> Values | None:
        if not isinstance(value, dict) or value.keys() != self.channels.keys():
            return None
        for name, (low, high) in self.channels.items():
            if isinstance(value[name], bool) or not isinstance(value[name], int | float):
                return None
            if not low <= value[name] <= high:
                return None
        return dict(value)

    def other(self, value: Any) -> Values:
        return {
            name: low if value[name] > (low + high) / 2 else high
            for name, (low, high) in self.channels.items()
        }


@dataclass(frozen=True, slots=True)
class MapLeaf:
    """A closed list of words that stand for other values (OPEN for 100)."""

    words: Mapping[str, Any]

    def from_text(self, text: str) -> Any | None:
        return self.words.get(text)

    def from_json(self, value: Any) -> Any | None:
        return self.words.get(value) if isinstance(value, str) else None

    def other(self, value: Any) -> Any:
        return next((other for other in self.words.values() if other != value), value)


@dataclass(frozen=True, slots=True)
class SetOne:
    """One attribute set by the payload; `also` follows from it, `zero` follows from a 0."""

    attribute: str | None
    """None where the value is taken and forgotten (a transition time)."""
    leaf: Leaf
    also: Mapping[str, Any] = field(default_factory=dict)
    zero: Mapping[str, Any] = field(default_factory=dict)

    def read(self, payload: str, now: Mapping[str, Any]) -> Values | None:
        del now
        return self.changes(self.leaf.from_text(payload))

    def changes(self, value: Any | None) -> Values | None:
        """What follows from a read value."""
        if value is None:
            return None
        if self.attribute is None:
            return {}
        if self.zero and value == 0:
            return dict(self.zero)
        return {**self.also, self.attribute: value}

    def flip(self, changes: Values) -> Values:
        if self.attribute is None or self.attribute not in changes:
            return {}
        return self.changes(self.leaf.other(changes[self.attribute])) or {}


@dataclass(frozen=True, slots=True)
class Append:
    """A list that grows by the payload."""

    attribute: str
    last: str
    """The attribute that shows the newest item."""
    leaf: TextLeaf

    def read(self, payload: str, now: Mapping[str, Any]) -> Values | None:
        item = self.leaf.from_text(payload)
        if item is None:
            return None
        return {self.attribute: [*now[self.attribute], item], self.last: item}

    def flip(self, changes: Values) -> Values:
        return {self.attribute: changes[self.attribute][:-2], self.last: ""}


@dataclass(frozen=True, slots=True)
class Words:
    """A closed list of verbs, each with the changes it causes."""

    words: Mapping[str, Mapping[str, Any]]

    def read(self, payload: str, now: Mapping[str, Any]) -> Values | None:
        del now
        found = self.words.get(payload)
        return None if found is None else dict(found)

    def flip(self, changes: Values) -> Values:
        for other in self.words.values():
            if other.keys() == changes.keys() and dict(other) != changes:
                return dict(other)
        return {}


@dataclass(frozen=True, slots=True)
class JsonObject:
    """A JSON object; one unknown key or illegal value and the whole payload is ignored."""

    keys: Mapping[str, SetOne]

    def read(self, payload: str, now: Mapping[str, Any]) -> Values | None:
        del now
        try:
            data = json.loads(payload)
        except (ValueError, RecursionError):
            return None
        if not isinstance(data, dict) or not data or not data.keys() <= self.keys.keys():
            return None
        implied: Values = {}
        explicit: Values = {}
        for key, value in data.items():
            one = self.keys[key]
            changes = one.changes(one.leaf.from_json(value))
            if changes is None:
                return None
            # {"state": "OFF", "brightness": 9} is off: what is written beats what follows.
            for name, new in changes.items():
                (explicit if name == one.attribute else implied)[name] = new
        return {**implied, **explicit}

    def flip(self, changes: Values) -> Values:
        flipped: Values = {}
        for one in self.keys.values():
            flipped |= one.flip(changes)
        return flipped


@dataclass(frozen=True, slots=True)
class Either:
    """A topic that takes two forms of payload, as zigbee2mqtt's and the siren's do."""

    forms: tuple[Accept, ...]

    def read(self, payload: str, now: Mapping[str, Any]) -> Values | None:
        read = (form.read(payload, now) for form in self.forms)
        return next((changes for changes in read if changes is not None), None)

    def flip(self, changes: Values) -> Values:
        flipped = (form.flip(changes) for form in self.forms)
        return next((found for found in flipped if found), {})


def accept_from(spec: Mapping[str, Any], where: str) -> Accept:
    """The acceptor that a table entry describes; DeviceError names `where` if it is none."""
    forms: list[Accept] = []
    if "words" in spec:
        forms.append(Words(spec["words"]))
    if "json" in spec:
        keys = {key: _set_one(key, one, where) for key, one in spec["json"].items()}
        forms.append(JsonObject(keys))
    if "append" in spec:
        forms.append(Append(spec["append"], spec["last"], TextLeaf(spec["text"])))
    if "set" in spec:
        forms.append(_set_one(spec["set"], spec, where))
    if not forms:
        raise DeviceError(f"{where}: {dict(spec)} has none of words, json, append, set")
    return forms[0] if len(forms) == 1 else Either(tuple(forms))


def _set_one(attribute: str, spec: Mapping[str, Any], where: str) -> SetOne:
    return SetOne(
        attribute=spec.get("set", attribute),
        leaf=_leaf_from(spec, where),
        also=spec.get("also", {}),
        zero=spec.get("zero", {}),
    )


def _leaf_from(spec: Mapping[str, Any], where: str) -> Leaf:
    match spec:
        case {"of": [*options]}:
            return OptionLeaf(tuple(options))
        case {"range": [low, high]}:
            return NumberLeaf(low, high, spec.get("step", 1.0), spec.get("whole", False))
        case {"text": int(longest)}:
            return TextLeaf(longest)
        case {"channels": dict(channels)}:
            return ChannelsLeaf({name: (low, high) for name, (low, high) in channels.items()})
        case {"map": dict(words)}:
            return MapLeaf(words)
        case _:
            legal = "of, range, text, channels, map"
            raise DeviceError(f"{where}: {dict(spec)} has none of {legal}")
