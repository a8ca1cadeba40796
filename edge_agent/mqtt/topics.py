"""Which topics and filters may be used, and which filter matches which topic.

Stricter than the standard where a broker would close the connection (control characters, too many
levels) or a stranger could aim our publishes. Knows no connection.
"""

import re
from collections.abc import Iterable
from typing import Final

from edge_agent.errors import MqttError

MAX_TOPIC_BYTES: Final = 512
MAX_LEVELS: Final = 128  # mosquitto drops a client that uses more than 200

# MQTT 5, 1.5.4: control characters, surrogates and non-characters may cost us the connection.
_FORBIDDEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(f"{chr(0x10000 * p + 0xFFFE)}{chr(0x10000 * p + 0xFFFF)}" for p in range(17))
    + "]"
)


def check_topic(topic: str) -> None:
    """Accept a topic that we may publish to.

    Raises:
        MqttError: It is empty, too long, or has + # $ or a character that brokers refuse.
    """
    _check_text(topic, "topic")
    if any(sign in topic for sign in "+#$"):
        raise MqttError("a topic to publish to must not have + # or $")


def check_filter(topic_filter: str) -> None:
    """Accept a topic filter that we may subscribe to.

    Raises:
        MqttError: It is empty, too long, or has a wildcard that is not a whole level.
    """
    _check_text(topic_filter, "topic filter")
    levels = topic_filter.split("/")
    if any(len(level) > 1 and ("+" in level or "#" in level) for level in levels):
        raise MqttError("the wildcards + and # of a topic filter must be whole levels")
    if "#" in levels[:-1]:
        raise MqttError("the wildcard # must be the last level of a topic filter")


def response_topic_allowed(topic: str, prefixes: Iterable[str]) -> bool:
    """Return whether an answer may go to a topic that the requester named.

    Args:
        topic: The MQTT 5 Response Topic as received.
        prefixes: Allowed beginnings; each matches whole levels only.
    """
    try:
        check_topic(topic)
    except MqttError:
        return False
    stems = (prefix.rstrip("/") for prefix in prefixes)
    return any(stem and (topic == stem or topic.startswith(stem + "/")) for stem in stems)


def filter_matches(topic_filter: str, topic: str) -> bool:
    """Return whether a valid filter matches a topic (MQTT 5, 4.7)."""
    if topic.startswith("$") and topic_filter[:1] in {"+", "#"}:
        return False
    wanted = topic_filter.split("/")
    levels = topic.split("/")
    if wanted[-1] == "#":
        wanted.pop()
        if len(levels) < len(wanted):
            return False
        levels = levels[: len(wanted)]
    return len(wanted) == len(levels) and all(
        want in ("+", level) for want, level in zip(wanted, levels, strict=True)
    )


def _check_text(text: str, what: str) -> None:
    if not text:
        raise MqttError(f"the {what} is empty")
    if _FORBIDDEN.search(text):
        raise MqttError(f"the {what} has a control character or is not valid UTF-8")
    if len(text.encode()) > MAX_TOPIC_BYTES:
        raise MqttError(f"the {what} is longer than {MAX_TOPIC_BYTES} bytes")
    if text.count("/") >= MAX_LEVELS:
        raise MqttError(f"the {what} has more than {MAX_LEVELS} levels")
