"""Topics, numbers and words as devices write them, checked and made speakable.

Shared by the translators; knows none of them.
"""

import math
from collections.abc import Iterable
from typing import Any, Final

from edge_agent.core.names import clean_name
from edge_agent.errors import DeviceError

_MAX_TOPIC: Final = 512
_FORBIDDEN: Final = frozenset("+#")


def checked_topic(value: Any, key: str) -> str:
    """A topic name without wildcards.

    Raises:
        DeviceError: It is none.
    """
    if not isinstance(value, str) or not value or len(value.encode(errors="replace")) > _MAX_TOPIC:
        raise DeviceError(f"{key} must be a topic of 1 to {_MAX_TOPIC} bytes")
    if not value.isprintable() or _FORBIDDEN & set(value):
        raise DeviceError(f"{key} must be a topic without wildcards or control characters")
    return value


def finite(value: Any, key: str = "the value") -> float:
    """A finite number from a number or its text.

    Raises:
        DeviceError: It is none.
    """
    try:
        if isinstance(value, bool) or (isinstance(value, str) and "_" in value):
            raise DeviceError(f"{key} must be a number")
        number = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise DeviceError(f"{key} must be a number") from error
    if not math.isfinite(number) or abs(number) > 1e15:
        raise DeviceError(f"{key} must be a finite number")
    return number


def decimal(number: float) -> str:
    """A number as devices read it: 21, 21.5, never 21.0 or 1e-05."""
    return f"{number:.6f}".rstrip("0").rstrip(".") if number % 1 else str(int(number))


def spoken(raw: object) -> str:
    """The words for an option or a state of a device: `fan_only` -> `fan only`."""
    return clean_name(str(raw)).lower()


class Words:
    """A device's options and the words that a person says for them."""

    def __init__(self, options: Iterable[str]) -> None:
        """Options that share their words count once; unspeakable ones not at all."""
        self._raw: dict[str, str] = {}
        for option in options:
            if word := spoken(option):
                self._raw.setdefault(word, option)

    def __bool__(self) -> bool:
        return bool(self._raw)

    @property
    def words(self) -> tuple[str, ...]:
        """The words, in the device's order."""
        return tuple(self._raw)

    def raw(self, word: str) -> str:
        """The device's own text for a word."""
        return self._raw[word]
