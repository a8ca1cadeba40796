"""How the daemon is: the retained health message, the status line, and the watchdog's ping."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from edge_agent import __version__
from edge_agent.mqtt.client import MqttClient
from edge_agent.mqtt.inbox import Inbox
from edge_agent.mqtt.message import Lane
from edge_agent.service.agent import Figures
from edge_agent.service.devices import Devices
from edge_agent.service.notify import Notifier, Watchdog
from edge_agent.service.timers import Timers
from edge_agent.service.worker import Worker

_PERIOD = 30.0
"""Seconds between two health messages when nothing changes."""
_TICK = 1.0
_REQUESTS = (Lane.REQUEST, Lane.URGENT)


class Health:
    """Publishes health when it changes, and pings the watchdog while there is progress."""

    def __init__(
        self,
        *,
        topic: str,
        link: MqttClient,
        inbox: Inbox,
        devices: Devices,
        worker: Worker,
        timers: Timers,
        figures: Figures,
        notifier: Notifier,
        watchdog: Watchdog,
        clock: Callable[[], float],
        voice: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """Keeps what it looks at; `voice` tells what is wrong with the voice."""
        self._topic = topic
        self._link = link
        self._inbox = inbox
        self._devices = devices
        self._worker = worker
        self._timers = timers
        self._figures = figures
        self._notifier = notifier
        self._watchdog = watchdog
        self._clock = clock
        self._voice = voice
        self._published_at = float("-inf")
        self._published: tuple[object, ...] = ()

    async def run(self) -> None:
        """Look around every second until cancelled."""
        interval = self._notifier.watchdog_interval
        pinged_at = float("-inf")
        while True:
            now = self._clock()
            if interval is not None and now - pinged_at >= interval / 2 - _TICK:
                if not self._watchdog.stuck():
                    self._notifier.watchdog()
                pinged_at = now
            self._publish_if_due(now)
            await asyncio.sleep(_TICK)

    def degraded(self) -> list[str]:
        """Sentences about what does not work now."""
        reasons = [*self._link.problems, *self._devices.problems, *self._timers.problems]
        if self._worker.problem:
            reasons.append(self._worker.problem)
        if self._worker.model is not None and self._worker.model.remark:
            reasons.append(self._worker.model.remark)
        reasons.extend(self._voice())
        return reasons

    def report(self) -> dict[str, Any]:
        """The health message."""
        stats = self._inbox.stats()
        model = self._worker.model
        return {
            "version": __version__,
            "model": None
            if model is None
            else {"name": model.name, "sha256": model.sha256, "engine": model.engine},
            "devices": len(self._devices.registry.entities),
            "timers": len(self._timers),
            "queue_depth": sum(stats.depth[lane] for lane in _REQUESTS),
            "last_latency_ms": self._figures.last_latency_ms,
            "rss_bytes": rss_bytes(),
            "degraded": self.degraded(),
            "dropped": dict(stats.dropped),
            "answered": self._figures.answered,
            "unanswered": self._link.undelivered,
        }

    def _publish_if_due(self, now: float) -> None:
        degraded = self.degraded()
        key = (self._link.connected, len(self._devices.registry.entities), tuple(degraded))
        if key == self._published and now - self._published_at < _PERIOD:
            return
        if key != self._published:
            count = len(self._devices.registry.entities)
            self._notifier.status("; ".join(degraded) or f"ready, {count} devices")
        if self._link.publish(self._topic, msgspec.json.encode(self.report()), retain=True):
            self._published, self._published_at = key, now


def rss_bytes() -> int:
    """Resident memory of this process in bytes; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 - no Path needed
            return int(statm.read().split()[1]) * 4096
    except (OSError, ValueError, IndexError):
        return 0
