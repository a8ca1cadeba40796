"""Typed access to the settings of one discovered component: bad ones end in a clear error.

Knows key names only as its callers give them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from edge_agent.devices.templates import Rendering, Templates
from edge_agent.devices.values import checked_topic, finite
from edge_agent.errors import DeviceError

_MAX_TEXT: Final = 4096
_MAX_OPTIONS: Final = 256


class Settings:
    """What a component says about itself."""

    def __init__(
        self, values: Mapping[str, Any], templates: Templates, reserved: Sequence[str] = ()
    ) -> None:
        """Wraps decoded settings.

        Args:
            values: The settings by their long keys.
            templates: Compiles the templates among them.
            reserved: Topic prefixes that no device may be commanded on.
        """
        self.values = values
        self._templates = templates
        self._reserved = tuple(reserved)

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def part(self, values: Mapping[str, Any]) -> "Settings":
        """Settings that lie inside these."""
        return Settings(values, self._templates, self._reserved)

    def payload(self, key: str, default: str | None = None) -> str | None:
        """A payload as text; None where it is null or, without a default, missing."""
        value = self.values.get(key, default)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, (str, int, float)) or len(str(value)) > _MAX_TEXT:
            raise DeviceError(f"{key} must be a text of at most {_MAX_TEXT} characters")
        return str(value)

    def text(self, key: str, default: str = "") -> str:
        """A text; the default where it is missing or null."""
        value = self.payload(key)
        return default if value is None else value

    def number(self, key: str, default: float) -> float:
        """A finite number."""
        value = self.values.get(key)
        return default if value is None else finite(value, key)

    def bounds(self, low: str, high: str, lowest: float, highest: float) -> tuple[float, float]:
        """Two numbers, of which the second is larger."""
        minimum, maximum = self.number(low, lowest), self.number(high, highest)
        if not minimum < maximum:
            raise DeviceError(f"{low} must be less than {high}")
        return minimum, maximum

    def flag(self, key: str, default: bool = False) -> bool:
        """A boolean."""
        value = self.values.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            return str(value).lower() in {"1", "true", "yes", "on", "enable"}
        return value

    def strings(self, key: str, default: Sequence[str] = ()) -> tuple[str, ...]:
        """A list of texts."""
        value = self.values.get(key)
        if value is None:
            return tuple(default)
        if not isinstance(value, list) or len(value) > _MAX_OPTIONS:
            raise DeviceError(f"{key} must be a list of at most {_MAX_OPTIONS} texts")
        if not all(isinstance(item, (str, int, float)) for item in value):
            raise DeviceError(f"{key} must be a list of texts")
        return tuple(str(item)[:_MAX_TEXT] for item in value)

    def topic(self, key: str) -> str | None:
        """A topic to listen on."""
        value = self.values.get(key)
        return None if value is None else checked_topic(value, key)

    def command_topic(self, key: str) -> str | None:
        """A topic to publish on; the agent's own and the discovery topics are refused."""
        topic = self.topic(key)
        if topic is not None and topic.startswith(("$", *self._reserved)):
            raise DeviceError(f"{key} may not be one of {', '.join(('$', *self._reserved))}")
        return topic

    def template(
        self, key: str, variables: Iterable[str] = ("value", "value_json")
    ) -> Rendering | None:
        """A compiled template, or None where there is none."""
        value = self.values.get(key)
        if value is None or isinstance(value, Rendering):
            return value  # a translator brings its own; no message can carry one
        if not isinstance(value, str):
            raise DeviceError(f"{key} must be a text")
        try:
            return self._templates.compile(value, variables)
        except DeviceError as error:
            raise DeviceError(f"{key}: {error}") from error
