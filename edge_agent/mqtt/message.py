"""What travels between the broker and the daemon's loop. Knows neither of them."""

from dataclasses import dataclass
from enum import StrEnum


class Lane(StrEnum):
    """Where a message waits for the loop, most pressing first."""

    URGENT = "urgent"
    """A request that must overtake the others, such as "stop"."""
    REJECTED = "rejected"
    """A request that found no room: to be answered, never executed."""
    REQUEST = "request"
    """A command or control message."""
    DISCOVERY = "discovery"
    """A description of a device, retained as a rule."""
    STATE = "state"
    """A value that a newer one on the same topic replaces."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message from the broker."""

    topic: str
    payload: bytes
    retain: bool
    """True when the broker had it in store; a live message has False."""
    qos: int
    lane: Lane
    received: float
    """Monotonic seconds."""
    response_topic: str | None = None
    """Where the sender wants its answer (MQTT 5); to be checked against the allowed prefixes."""
    correlation: bytes | None = None
    expiry: int | None = None
    """Seconds it had left to live when it came."""
    duplicate: bool = False
    """The broker may have delivered it before (QoS 1)."""
    rejection: str | None = None
    """In the REJECTED lane, why: "busy" or "too large" (the payload is then left out)."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A topic filter and the lane of what it brings: REQUEST, DISCOVERY or STATE."""

    topic_filter: str
    lane: Lane
    qos: int = 0
