"""A world of simulated devices on a broker: it announces them, moves them and keeps a log.

Faults can be set on any device. Knows nothing of the agent, not even its topics.
"""

import heapq
import itertools
import random
import socket
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Self
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edge_agent.errors import DeviceError, MqttError
from edge_agent.sim.accept import Values
from edge_agent.sim.device import Device, Message

EVERY = "*"
"""Stands for all devices where a fault is set."""

_LOG_LENGTH = 10_000
_BATCH = 100  # topic filters in one SUBSCRIBE
_BEAT = 0.5  # seconds between two repeats of a heartbeat
_SETTLED = "simulated-world/settled"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a device."""

    delay: tuple[float, float] = (0.0, 0.0)
    """Seconds before it reacts: drawn evenly from this range for every command."""
    drop: bool = False
    """It acts, but its answer is lost."""
    dead: bool = False
    """It never reacts."""
    refuse: bool = False
    """It stays as it was and says so."""
    opposite: bool = False
    """It does the contrary, and says so."""


HEALTHY = Fault()


@dataclass(frozen=True, slots=True)
class Seen:
    """One message on a command topic."""

    time: float
    device: str
    topic: str
    payload: str
    understood: bool
    """False where a real device would have ignored it."""


@dataclass(frozen=True, slots=True)
class Change:
    """One attribute that changed, by a command, by hand or by moving."""

    time: float
    device: str
    attribute: str
    old: Any
    new: Any


class World:
    """Simulated devices behind one MQTT 3.1.1 client of their own.

    Args:
        url: The broker, mqtt://[user:password@]host[:port].
        devices: What lives in it; ids and command topics are unique.
        heartbeat: Ids of devices whose states are repeated twice a second.
        client_id: Of its MQTT client.
        clock: Seconds, monotonic.
        rng: Draws the delays.
    """

    def __init__(
        self,
        url: str,
        devices: Iterable[Device],
        *,
        heartbeat: Iterable[str] = (),
        client_id: str = "simulated-world",
        clock: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self.log: deque[Seen] = deque(maxlen=_LOG_LENGTH)
        self._url = url
        self._devices: dict[str, Device] = {}
        self._owners: dict[str, Device] = {}
        self._heartbeat = frozenset(heartbeat)
        self._clock = clock
        self._rng = rng or random.Random(0)
        self._faults: defaultdict[str, Fault] = defaultdict(lambda: HEALTHY)
        self._changes: list[Change] = []
        self._wake = threading.Condition(threading.RLock())
        self._pending: list[tuple[float, int, Callable[[float], None]]] = []
        self._count = itertools.count()
        self._moving: set[str] = set()
        self._running = False
        self._subscribed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="simulated-world", daemon=True)
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv311
        )
        # Thousands of retained messages go out at once when a large home announces itself.
        self._client.max_queued_messages_set(0)
        self._client.max_inflight_messages_set(1000)
        self._client.reconnect_delay_set(min_delay=1, max_delay=2)
        self._client.on_socket_open = _no_delay
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        for device in devices:
            self._adopt(device)

    def start(self, timeout: float = 10.0) -> Self:
        """Connect and announce everything; back when the broker has it all. MqttError if not."""
        parts = urlsplit(self._url)
        if parts.username:
            self._client.username_pw_set(parts.username, parts.password)
        try:
            self._client.connect(parts.hostname or "127.0.0.1", parts.port or 1883)
        except OSError as error:
            raise MqttError(f"{self._url}: the simulated world cannot connect: {error}") from error
        self._running = True
        self._client.loop_start()
        self._thread.start()
        deadline = time.monotonic() + timeout
        if not self._subscribed.wait(timeout) or not self.settle(deadline - time.monotonic()):
            self.stop()
            raise MqttError(f"{self._url}: the broker did not answer within {timeout:g} s")
        return self

    def stop(self) -> None:
        """Disconnect, after saying that the devices are gone."""
        with self._wake:
            if not self._running:
                return
            self._running = False
            self._publish(
                message for device in self._devices.values() for message in device.leave()
            )
            self._wake.notify_all()
        self.settle(1.0)
        self._client.disconnect()
        self._client.loop_stop()
        self._thread.join(2.0)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self._client.is_connected()

    @property
    def devices(self) -> tuple[str, ...]:
        """The ids of all devices."""
        return tuple(self._devices)

    def settle(self, timeout: float = 5.0) -> bool:
        """Wait until the broker has everything published so far; False where it has not."""
        # A broker handles one client's packets in order, so the last one's receipt stands for all.
        receipt = self._client.publish(_SETTLED, b"", qos=1)
        try:
            receipt.wait_for_publish(max(timeout, 0.0))
        except (RuntimeError, ValueError):
            return False
        return receipt.is_published()

    def state(self, device: str) -> Values:
        """A copy of a device's values."""
        with self._wake:
            return dict(self._devices[device].values)

    def states(self) -> dict[str, Values]:
        """A copy of every device's values."""
        with self._wake:
            return {name: dict(device.values) for name, device in self._devices.items()}

    def mark(self) -> int:
        """A point in time for `changes`."""
        with self._wake:
            return len(self._changes)

    def changes(self, since: int = 0) -> list[Change]:
        """What changed since a mark."""
        with self._wake:
            return self._changes[since:]

    def wait(self, condition: Callable[[Self], bool], timeout: float = 5.0) -> bool:
        """Wait until `condition(world)` holds; whether it did in time."""
        with self._wake:
            return self._wake.wait_for(lambda: condition(self), timeout)

    def fault(self, fault: Fault = HEALTHY, device: str = EVERY) -> None:
        """Set what is wrong with a device, or with all; no argument mends everything."""
        with self._wake:
            if device == EVERY:
                self._faults.clear()
                self._faults.default_factory = lambda: fault
            else:
                self._faults[self._devices[device].id] = fault

    def put(self, changes: Mapping[str, Values]) -> None:
        """Change devices as a hand or the weather would: device id -> {attribute: value}."""
        with self._wake:
            now = self._clock()
            for name, values in changes.items():
                device = self._devices[name]
                self._act(device, now, partial(device.put, values, now))

    def come(self, device: str) -> None:
        """A device says that it is available."""
        with self._wake:
            self._publish(self._devices[device].come())

    def leave(self, device: str) -> None:
        """A device's last will says that it is gone."""
        with self._wake:
            self._publish(self._devices[device].leave())

    def add(self, devices: Iterable[Device]) -> None:
        """New devices, announced at once."""
        with self._wake:
            for device in devices:
                self._adopt(device)
                if device.topics:
                    self._client.subscribe([(topic, 1) for topic in device.topics])
                self._publish(device.announce())

    def remove(self, device: str) -> None:
        """Take a device away, with everything it left at the broker."""
        with self._wake:
            gone = self._devices.pop(device)
            self._moving.discard(device)
            for topic in gone.topics:
                del self._owners[topic]
                self._client.unsubscribe(topic)
            self._publish(gone.forget())

    # From here on everything runs with the lock held, on paho's thread or on ours.

    def _adopt(self, device: Device) -> None:
        clash = [topic for topic in device.topics if topic in self._owners]
        if clash or device.id in self._devices:
            raise DeviceError(f"{device.id}: its id or one of {clash} is already taken")
        self._devices[device.id] = device
        self._owners.update(dict.fromkeys(device.topics, device))

    def _on_connect(self, client: paho.Client, _: Any, __: Any, reason: Any, ___: Any) -> None:
        if reason.is_failure:
            return
        with self._wake:
            for batch in _batches([*self._owners, _SETTLED], _BATCH):
                client.subscribe([(topic, 1) for topic in batch])
            # A broker that was restarted may have forgotten what it retained.
            for device in self._devices.values():
                self._publish(device.announce())

    def _on_subscribe(self, *_: Any) -> None:
        # Runs on paho's thread after _on_connect is through: everything is announced by then.
        self._subscribed.set()

    def _on_message(self, _: paho.Client, __: Any, message: paho.MQTTMessage) -> None:
        payload = message.payload.decode("utf-8", "replace")
        with self._wake:
            device = self._owners.get(message.topic)
            if device is None:
                return
            now = self._clock()
            changes = device.understand(message.topic, payload)
            self.log.append(Seen(now, device.id, message.topic, payload, changes is not None))
            self._wake.notify_all()
            fault = self._faults[device.id]
            if changes is None or fault.dead:
                return
            react = self._reaction(device, message.topic, payload, fault)
            delay = self._rng.uniform(*fault.delay)
            if delay > 0:
                heapq.heappush(self._pending, (now + delay, next(self._count), react))
            else:
                react(now)

    def _reaction(
        self, device: Device, topic: str, payload: str, fault: Fault
    ) -> Callable[[float], None]:
        def react(now: float) -> None:
            if fault.refuse:
                changes = device.understand(topic, payload)
                self._answer(device, device.report(changes))
            else:
                handle = partial(device.handle, opposite=fault.opposite)
                self._act(device, now, partial(handle, topic, payload, now))

        return react

    def _act(self, device: Device, now: float, step: Callable[[], list[Message]]) -> None:
        """Let a device take a step: note what changed, send its answers."""
        before = dict(device.values)
        answers = step()
        self._changes += [
            Change(now, device.id, attribute, before.get(attribute), new)
            for attribute, new in device.values.items()
            if before.get(attribute) != new
        ]
        if device.due is None:
            self._moving.discard(device.id)
        else:
            self._moving.add(device.id)
        self._answer(device, answers)
        self._wake.notify_all()

    def _answer(self, device: Device, answers: Iterable[Message]) -> None:
        fault = self._faults[device.id]
        if not fault.drop and not fault.dead:
            self._publish(answers)

    def _publish(self, messages: Iterable[Message]) -> None:
        for topic, payload, retain in messages:
            self._client.publish(topic, payload, qos=0, retain=retain)

    def _run(self) -> None:
        beat = self._clock()
        with self._wake:
            while self._running:
                now = self._clock()
                if now >= beat:
                    beat = now + _BEAT
                    for name in self._heartbeat & self._devices.keys():
                        self._answer(self._devices[name], self._devices[name].report())
                while self._pending and self._pending[0][0] <= now:
                    heapq.heappop(self._pending)[2](now)
                for name in sorted(self._moving):
                    device = self._devices[name]
                    if device.due is not None and device.due <= now:
                        self._act(device, now, partial(device.tick, now))
                self._wake.wait(max(self._next(beat) - self._clock(), 0.001))

    def _next(self, beat: float) -> float:
        """When something is to be done again."""
        dues = [device.due for name in self._moving if (device := self._devices[name])]
        times = [due for due in dues if due is not None]
        if self._pending:
            times.append(self._pending[0][0])
        return min([beat, *times])


def _no_delay(_client: paho.Client, _data: Any, sock: Any) -> None:
    """Send an answer at once: with Nagle's algorithm it waits 40 ms behind its acknowledgement."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _batches(topics: list[str], size: int) -> Iterable[list[str]]:
    return (topics[start : start + size] for start in range(0, len(topics), size))
