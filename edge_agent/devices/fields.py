"""Readers and writers of JSON members, where a translator knows the shape of its messages.

They stand where Home Assistant's messages carry templates. Knows no device.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def as_is(value: Any) -> Any:
    """The value itself."""
    return value


@dataclass(frozen=True, slots=True)
class Field:
    """Reads one member of a JSON object; nothing where it is missing or of another shape."""

    names: tuple[str, ...]
    """The member's name, and others that it may have instead."""
    make: Callable[[Any], Any] = as_is
    """What is said for a value; a function of a module, so that equal fields are equal."""
    plain: bool = False
    """Whether the message may also be the bare value."""

    def render(self, **variables: Any) -> str:
        """The member as text: JSON for objects, `None` for null."""
        state = variables.get("value_json")
        try:
            if isinstance(state, dict):
                value = next(state[name] for name in self.names if name in state)
            elif self.plain:
                value = variables["value"]
            else:
                return ""
            said = None if value is None else self.make(value)
        except (AttributeError, LookupError, StopIteration, TypeError, ValueError):
            return ""
        return json.dumps(said) if isinstance(said, (dict, list)) else str(said)


@dataclass(frozen=True, slots=True)
class Member:
    """Writes a value as the only member of a JSON object."""

    name: str
    raw: tuple[tuple[Any, Any], ...] = ()
    """Values of ours, and what the device has for them."""

    def render(self, **variables: Any) -> str:
        """The object as compact JSON."""
        value = variables["value"]
        raw = next((theirs for ours, theirs in self.raw if ours == value), value)
        return json.dumps({self.name: raw}, separators=(",", ":"))
