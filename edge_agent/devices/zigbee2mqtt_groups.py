"""What a group of zigbee2mqtt can do: what all of its members can, at their narrowest.

The bridge lists the members of a group, not what it exposes.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from edge_agent.devices.zigbee2mqtt_exposes import SPECIFIC, Feature, features_of


def common(members: Sequence[Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """What a group exposes, from what each of its members exposes."""
    for kind in SPECIFIC:
        able = [
            next((e for e in exposes if isinstance(e, dict) and e.get("type") == kind), None)
            for exposes in members
        ]
        shared = [features_of(expose) for expose in able if expose is not None]
        if shared and len(shared) == len(able):
            first, *others = shared
            features = [
                _narrowed(name, [feature, *(other[name] for other in others)])
                for name, feature in first.items()
                if all(name in other for other in others)
            ]
            yield {"type": kind, "features": features}


def _narrowed(name: str, same: Sequence[Feature]) -> dict[str, Any]:
    """One feature of several devices; groups speak of it by its plain name."""
    raw = {**same[0].raw, "property": name}
    for key, narrowest in (("value_min", max), ("value_max", min)):
        ends = [feature.raw.get(key) for feature in same]
        numbers = [end for end in ends if isinstance(end, (int, float))]
        if numbers:
            raw[key] = narrowest(numbers)
    if same[0].values:
        raw["values"] = [v for v in same[0].values if all(v in other.values for other in same)]
    return raw
