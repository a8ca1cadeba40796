"""The daemon's picture of its devices: registry, observed state, and the translators behind them.

Messages come in, changes go out to whoever waits. Knows topics only through the translators.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from edge_agent.core.command import Command
from edge_agent.core.entity import Entity
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
        """Starts from the configured registry and asks the translators what they know already.

        Args:
            registry: What the configuration says.
            adapters: The translators. A device that several of them know belongs to the first.
            clock: Monotonic seconds.
        """
        self.registry = registry
        self.state = StateStore()
        self.problems: list[str] = []
        self._known: list[tuple[Adapter, dict[str, Entity]]] = [(known, {}) for known in adapters]
        self._served: dict[str, tuple[Adapter, Entity]] = {}  # by entity id
        self._clock = clock
        self._changed = asyncio.Condition()
        self._settle([self._learn(known, adapter.known()) for adapter, known in self._known])

    def subscriptions(self) -> tuple[Subscription, ...]:
        """What has to be subscribed now; changes with discovery."""
        table: dict[str, Subscription] = {}
        for adapter, _ in self._known:
            for topic_filter in adapter.discovery_filters:
                table[topic_filter] = Subscription(topic_filter, Lane.DISCOVERY, qos=1)
            for topic in adapter.state_topics:
                table.setdefault(topic, Subscription(topic, Lane.STATE))
        return tuple(table.values())

    async def take(self, messages: Sequence[Message]) -> bool:
        """Work a batch of messages in; returns whether the subscriptions may have changed."""
        changes: list[Changes] = []
        for message in messages:
            if message.lane is Lane.DISCOVERY:
                changes += self._discover(message)
        changed = self._settle(changes)
        for message in messages:
            self._observe(message)  # discovery too: some devices announce themselves by their state
        async with self._changed:
            self._changed.notify_all()
        return changed

    def commands(self, topic: str) -> bool:
        """Whether a message on this topic would move a device."""
        return any(topic in adapter.command_topics for adapter, _ in self._known)

    def messages(self, command: Command) -> tuple[Outgoing, ...]:
        """The messages that carry out a command.

        Raises:
            PlanError: No translator serves the entity any more.
            DeviceError: The entity cannot do that.
        """
        if command.entity not in self._served:
            raise PlanError("it is not there any more")
        adapter, _ = self._served[command.entity]
        return adapter.messages(command)

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
        entities = tuple(entity for _, entity in self._served.values())
        known = [adapter.known() for adapter, _ in self._known]
        self.registry = self.registry.apply(_with_places(Changes(entities), known))

    def expire(self) -> None:
        """Forget states that their devices would have repeated by now (`expire_after`)."""
        now = self._clock()
        for entity, (adapter, _) in self._served.items():
            if (max_age := adapter.expiry(entity)) is not None:
                self.state.expire(entity, max_age, now)

    def connection_lost(self) -> None:
        """Nothing observed so far counts as fresh any more."""
        self.state.mark_stale()

    def _discover(self, message: Message) -> Iterator[Changes]:
        for adapter, known in self._known:
            if any(_covers(listens, message.topic) for listens in adapter.discovery_filters):
                yield self._learn(known, adapter.discover(message.topic, message.payload))

    def _learn(self, known: dict[str, Entity], changes: Changes) -> Changes:
        for problem in changes.problems:
            self._report(problem)
        for entity_id in changes.remove:
            known.pop(entity_id, None)
        known.update((entity.id, entity) for entity in changes.upsert)
        return changes

    def _settle(self, changes: Sequence[Changes]) -> bool:
        """Bring the registry up to what the translators know; whether anything changed."""
        if not any(changes):
            return False
        served = self._arbitrated()
        gone = tuple(entity for entity in self._served if entity not in served)
        found = tuple(
            entity
            for _, entity in served.values()
            if self._served.get(entity.id, (None, None))[1] != entity
        )
        self._served = served
        for entity_id in gone:
            self.state.forget(entity_id)
        self.registry = self.registry.apply(_with_places(Changes(found, gone), changes))
        return True

    def _arbitrated(self) -> dict[str, tuple[Adapter, Entity]]:
        """Who serves which entity: a device, and an id, belong to the first that knows them.

        A bridge lists its devices itself and has them announced to Home Assistant as well; they
        would be there twice, whichever message comes first.
        """
        served: dict[str, tuple[Adapter, Entity]] = {}
        devices: dict[str, Adapter] = {}
        for adapter, known in self._known:
            for entity in known.values():
                device = entity.device or f"{adapter.name} {entity.id}"
                if devices.setdefault(device, adapter) is not adapter:
                    continue
                if served.setdefault(entity.id, (adapter, entity))[0] is not adapter:
                    other = served[entity.id][0].name
                    self._report(f"{entity.id} of {adapter.name} is left out: {other} has that id")
        return served

    def _report(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)
            del self.problems[:-_MOST_PROBLEMS]

    def _observe(self, message: Message) -> None:
        for adapter, _ in self._known:
            if message.topic not in adapter.state_topics:
                continue
            for change in adapter.observe(message.topic, message.payload):
                if change.entity in self._served and self._served[change.entity][0] is adapter:
                    self.state.observe(change, message.received, retained=message.retain)


def _with_places(entities: Changes, changes: Sequence[Changes]) -> Changes:
    """Changes of entities with the areas and groups of others."""
    return replace(
        entities,
        areas=tuple(area for change in changes for area in change.areas),
        groups=tuple(group for change in changes for group in change.groups),
    )


def _covers(topic_filter: str, topic: str) -> bool:
    return topic.startswith(topic_filter.split("+", 1)[0].split("#", 1)[0])
