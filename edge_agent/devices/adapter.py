"""What every translator offers: topics and payloads in, entities and states out, and back.

Translators are pure: no sockets, no clock. They keep what discovery told them about topics, so
one translator belongs to one connection. None of their methods raises on what a device sent.
"""

from dataclasses import dataclass
from typing import Protocol

from edge_agent.core.command import Command
from edge_agent.core.registry import Changes
from edge_agent.core.state import Availability, Observation


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that makes a device do something; never retained."""

    topic: str
    payload: bytes


class Adapter(Protocol):
    """One family of devices."""

    name: str

    @property
    def discovery_filters(self) -> tuple[str, ...]:
        """Topic filters whose messages go to `discover`."""
        ...

    @property
    def state_topics(self) -> frozenset[str]:
        """Topics whose messages go to `observe`; changes with discovery."""
        ...

    @property
    def command_topics(self) -> frozenset[str]:
        """Every topic that `messages` may publish to: nothing else here moves a device."""
        ...

    def known(self) -> Changes:
        """Everything that is known now, as it was told last; asked at the start and on reload."""
        ...

    def discover(self, topic: str, payload: bytes) -> Changes:
        """What a discovery message changes; damaged ones end in `Changes.problems`."""
        ...

    def observe(self, topic: str, payload: bytes) -> tuple[Observation | Availability, ...]:
        """What a state message says; empty for what cannot be read."""
        ...

    def expiry(self, entity: str) -> float | None:
        """Seconds after which a silent entity's state is unknown; None: it stays known."""
        ...

    def messages(self, command: Command) -> tuple[Outgoing, ...]:
        """The messages that carry out a command, in order.

        Raises:
            DeviceError: The entity cannot do that; the text names the legal values.
        """
        ...
