"""What hangs on a relay: a switch, or by its name a valve, which is guarded.

Shared by the translators of devices that only know "on" and "off".
"""

import re
from collections.abc import Mapping
from typing import Any, Final

_VALVE: Final = re.compile(r"\bvalve\b")
_RADIATOR: Final = re.compile(r"\b(radiator|thermostat\w*|trv|heating)\b")
_GAS: Final = re.compile(r"\bgas\b")
_KEYS: Final = {
    "payload_on": "payload_open",
    "payload_off": "payload_close",
    "state_on": "state_open",
    "state_off": "state_closed",
}


def relay(words: str, settings: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The component that a relay is, and its settings.

    Args:
        words: Everything that the device says about itself in words.
        settings: Those of a switch.
    """
    words = words.lower()
    states = {"state_on": settings.get("payload_on"), "state_off": settings.get("payload_off")}
    settings = {**states, **settings}
    if not _VALVE.search(words) or _RADIATOR.search(words):
        return "switch", settings
    valve = {_KEYS.get(key, key): value for key, value in settings.items()}
    return "valve", valve | {"device_class": "gas" if _GAS.search(words) else "water"}
