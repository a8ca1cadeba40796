"""The daemon's picture of its devices: registry, observed state, and the translators behind them.

Messages come in, changes go out to whoever waits. Knows topics only through the translators.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from edge_agent.core.command import Command
from edge_agent.core.registry import Changes, Registry
from edge_agent.core.state import StateStore
from edge_agent.devices.adapter import Adapter, Outgoing
from edge_agent.errors import PlanError
from edge_agent.mqtt.message import Lane, Message, Subscription

_MOST_PROBLEMS: Final = 20


class Devices:
    """Everything that is known about the devices, and how to reach them."""

    def __init__(
        self, registry: Registry, adapters: Sequence[Adapter], clock: Callable[[], float]
    ) -> None:
        """Starts from the configured registry and asks the translators what they know already."""
        self.registry = registry
        self.state = StateStore()
        self.problems: list[str] = []
        self._adapters = tuple(adapters)
        self._clock = clock
        self._changed = asyncio.Condition()
        for adapter in self._adapters:
            self._apply(adapter.known())

    def subscriptions(self) -> tuple[Subscription, ...]:
        """What has to be subscribed now; changes with discovery."""
        table: dict[str, Subscription] = {}
        for adapter in self._adapters:
            for topic_filter in adapter.discovery_filters:
                table[topic_filter] = Subscription(topic_filter, Lane.DISCOVERY, qos=1)
            for topic in adapter.state_topics:
                table.setdefault(topic, Subscription(topic, Lane.STATE))
        return tuple(table.values())

    async def take(self, messages: Iterable[Message]) -> bool:
        """Work a batch of messages in; returns whether the subscriptions may have changed."""
        discovered = False
        for message in messages:
            if message.lane is Lane.DISCOVERY:
                discovered |= self._discover(message)
            else:
                self._observe(message)
        async with self._changed:
            self._changed.notify_all()
        return discovered

    def messages(self, command: Command) -> tuple[Outgoing, ...]:
        """The messages that carry out a command.

        Raises:
            PlanError: No translator serves the entity any more.
            DeviceError: The entity cannot do that.
        """
        for adapter in self._adapters:
            if adapter.owns(command.entity):
                return adapter.messages(command)
        raise PlanError("it is not there any more")

    async def until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until a condition on the observed state is true, at most `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout), self._changed:
                await self._changed.wait_for(condition)
        except TimeoutError:
            return condition()
        return True

    def reconfigure(self, registry: Registry) -> None:
        """Lay what was discovered over a registry that was configured anew."""
        version = self.registry.version + 1
        self.registry = replace(registry, version=version)
        for adapter in self._adapters:
            self._apply(adapter.known())

    def expire(self) -> None:
        """Forget states that their devices would have repeated by now (`expire_after`)."""
        now = self._clock()
        for entity in self.registry.entities:
            for adapter in self._adapters:
                if (max_age := adapter.expiry(entity)) is not None:
                    self.state.expire(entity, max_age, now)

    def connection_lost(self) -> None:
        """Nothing observed so far counts as fresh any more."""
        self.state.mark_stale()

    def _discover(self, message: Message) -> bool:
        changed = False
        for adapter in self._adapters:
            if any(_covers(known, message.topic) for known in adapter.discovery_filters):
                changed |= self._apply(adapter.discover(message.topic, message.payload))
        return changed

    def _apply(self, changes: Changes) -> bool:
        for problem in changes.problems:
            if problem not in self.problems:
                self.problems.append(problem)
        del self.problems[:-_MOST_PROBLEMS]
        for entity in changes.remove:
            self.state.forget(entity)
        self.registry = self.registry.apply(changes)
        return bool(changes)

    def _observe(self, message: Message) -> None:
        for adapter in self._adapters:
            if message.topic in adapter.state_topics:
                for change in adapter.observe(message.topic, message.payload):
                    self.state.observe(change, message.received, retained=message.retain)


def _covers(topic_filter: str, topic: str) -> bool:
    return topic.startswith(topic_filter.split("+", 1)[0].split("#", 1)[0])
