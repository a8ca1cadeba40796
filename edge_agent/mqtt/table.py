"""The one table of subscriptions: what changed, and which lane a topic belongs to.

A wildcard that also covers a command topic is left out: the broker would deliver each command
twice, and a command without an id would act twice.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from edge_agent.errors import MqttError
from edge_agent.mqtt.message import Lane, Subscription
from edge_agent.mqtt.topics import check_filter, filter_matches

_PRECEDENCE: Final = {Lane.REQUEST: 0, Lane.DISCOVERY: 1, Lane.STATE: 2}


class SubscriptionTable:
    """Subscriptions by filter, without those that no broker would take."""

    def __init__(self, subscriptions: Iterable[Subscription] = ()) -> None:
        self._entries: dict[str, Subscription] = {}
        self.invalid: dict[str, str] = {}
        """Sentences about filters that were left out, by filter."""
        for entry in subscriptions:
            try:
                check_filter(entry.topic_filter)
            except MqttError as error:
                self.invalid[entry.topic_filter] = (
                    f"no subscription to {entry.topic_filter!r}: {error}"
                )
                continue
            known = self._entries.get(entry.topic_filter)
            if known is None or _PRECEDENCE[entry.lane] < _PRECEDENCE[known.lane]:
                self._entries[entry.topic_filter] = entry
        self._leave_out_overlaps()
        self._wild = sorted(
            (entry for entry in self._entries.values() if _is_wild(entry.topic_filter)),
            key=lambda entry: _PRECEDENCE[entry.lane],
        )

    def __iter__(self) -> Iterator[Subscription]:
        return iter(self._entries.values())

    def __contains__(self, topic_filter: str) -> bool:
        return topic_filter in self._entries

    def changes(self, newer: "SubscriptionTable") -> tuple[list[Subscription], list[str]]:
        """Return the subscriptions to make and the filters to give up, on the way to `newer`."""
        added = [entry for entry in newer if self._entries.get(entry.topic_filter) != entry]
        removed = [topic_filter for topic_filter in self._entries if topic_filter not in newer]
        return added, removed

    def lane_of(self, topic: str) -> Lane | None:
        """Return the lane of a topic; None when nobody asked for it.

        Where several filters match, DISCOVERY wins over STATE.
        """
        exact = self._entries.get(topic)
        lanes = [exact.lane] if exact is not None else []
        wild = (e.lane for e in self._wild if filter_matches(e.topic_filter, topic))
        lanes.extend(lane for lane in (next(wild, None),) if lane is not None)
        return min(lanes, key=_PRECEDENCE.__getitem__, default=None)

    def _leave_out_overlaps(self) -> None:
        requests = [f for f, entry in self._entries.items() if entry.lane is Lane.REQUEST]
        for topic_filter in [f for f in self._entries if _is_wild(f)]:
            for request in requests:
                if request != topic_filter and filter_matches(topic_filter, request):
                    self._entries.pop(topic_filter, None)
                    self.invalid[topic_filter] = (
                        f"no subscription to {topic_filter!r}: it covers commands on {request!r}"
                    )


def _is_wild(topic_filter: str) -> bool:
    return "+" in topic_filter or "#" in topic_filter
