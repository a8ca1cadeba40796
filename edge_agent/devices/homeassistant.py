"""Home Assistant MQTT discovery as a translator: configurations in, entities out, and back.

Follows https://www.home-assistant.io/integrations/mqtt/ in both forms of discovery.
"""

from collections.abc import Sequence
from typing import Final

from edge_agent.core.registry import Changes
from edge_agent.devices.ha.catalogue import Catalogue
from edge_agent.devices.ha.discovery import components, parse_topic
from edge_agent.errors import DeviceError

_MAX_TOPIC: Final = 512


class HomeAssistant(Catalogue):
    """Everything that announces itself under one discovery prefix."""

    name = "homeassistant"

    def __init__(
        self, prefix: str = "homeassistant", *, reserved: Sequence[str] = ("edge-agent/",)
    ) -> None:
        """Starts knowing nothing.

        Args:
            prefix: The discovery prefix.
            reserved: Topic prefixes that no device may be commanded on, besides discovery.
        """
        super().__init__((*reserved, f"{prefix}/"))
        self._prefix = prefix

    @property
    def discovery_filters(self) -> tuple[str, ...]:
        """Both forms of discovery, with and without a node id."""
        return (f"{self._prefix}/+/+/config", f"{self._prefix}/+/+/+/config")

    def discover(self, topic: str, payload: bytes) -> Changes:
        """What a discovery message changes; an empty one removes what its topic announced."""
        address = parse_topic(self._prefix, topic) if len(topic) <= _MAX_TOPIC else None
        if address is None:
            return Changes()
        if not payload.strip():
            self.migrating.discard(topic)
            return self.replace({topic: ()})
        try:
            found = components(address, payload)
        except DeviceError as error:
            return Changes(problems=(f"{topic}: {error}",))
        except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
            return Changes(problems=(f"{topic}: it cannot be read ({type(error).__name__})",))
        if not found and topic in self.sources:
            self.migrating.add(topic)
        return self.announce(topic, found)
