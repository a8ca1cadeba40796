"""What was observed, when, and whether it still counts.

Time comes in as an argument: seconds of a monotonic clock.
"""

from dataclasses import dataclass, replace

from edge_agent.core.entity import Value


@dataclass(frozen=True, slots=True)
class Observation:
    """What a device said about one attribute; None means that it said it does not know."""

    entity: str
    attribute: str
    value: Value | None


@dataclass(frozen=True, slots=True)
class Availability:
    """What a device said about being reachable."""

    entity: str
    available: bool


@dataclass(frozen=True, slots=True)
class Observed:
    """A value with the moment it was seen."""

    value: Value | None
    at: float
    """Monotonic seconds."""
    retained: bool = False
    """The broker's memory: true as far as anybody knows, but of unknown age."""
    stale: bool = False
    """Seen before the last (re)connect and not repeated since."""


class StateStore:
    """The newest observation of every attribute."""

    def __init__(self) -> None:
        """Starts knowing nothing."""
        self._values: dict[str, dict[str, Observed]] = {}
        self._available: dict[str, bool] = {}

    def observe(self, change: Observation | Availability, now: float, *, retained: bool) -> None:
        """Keep what a device said at `now`.

        A retained value is a memory of the broker: it answers questions, but it never counts as
        fresh, because nobody knows how old it is.
        """
        if isinstance(change, Availability):
            self._available[change.entity] = change.available
            return
        known = self._values.setdefault(change.entity, {})
        known[change.attribute] = Observed(change.value, now, retained=retained)

    def get(self, entity: str, attribute: str) -> Observed | None:
        """The newest observation, or None where nothing was ever seen."""
        return self._values.get(entity, {}).get(attribute)

    def value(self, entity: str, attribute: str) -> Value | None:
        """The last known value, stale or not."""
        observed = self.get(entity, attribute)
        return observed.value if observed else None

    def fresh(self, entity: str, attribute: str, now: float, max_age: float) -> Value | None:
        """The value if it was seen within `max_age` seconds and since the last reconnect."""
        observed = self.get(entity, attribute)
        if observed is None or observed.retained or observed.stale or now - observed.at > max_age:
            return None
        return observed.value

    def available(self, entity: str) -> bool:
        """Whether the device is reachable as far as it told us; silence counts as reachable."""
        return self._available.get(entity, True)

    def expire(self, entity: str, max_age: float, now: float) -> None:
        """Forget what an entity said more than `max_age` seconds ago."""
        for attribute, seen in self._values.get(entity, {}).items():
            if seen.value is not None and now - seen.at > max_age:
                self._values[entity][attribute] = replace(seen, value=None)

    def mark_stale(self) -> None:
        """Nothing seen so far counts as fresh any more (the connection was lost)."""
        for values in self._values.values():
            for attribute, seen in values.items():
                values[attribute] = replace(seen, stale=True)

    def forget(self, entity: str) -> None:
        """Drop everything about an entity that no longer exists."""
        self._values.pop(entity, None)
        self._available.pop(entity, None)
