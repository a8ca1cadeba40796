"""A daemon whose model reads what is spelt out to it, between a real broker and simulated devices.

Shared by the fault tests and by the programs beside them; everything but the model is real.
"""

import copy
import functools
import json
import re
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge_agent.background import AgentThread
from edge_agent.errors import ModelError
from edge_agent.language.grammar import Node
from edge_agent.language.interpreter import Interpreter
from edge_agent.models import find_model
from edge_agent.service.worker import Loaded
from edge_agent.sim.car import HEARTBEAT, load_car
from edge_agent.sim.device import Device
from edge_agent.sim.home import load_home
from edge_agent.sim.world import World

ROOT = Path(__file__).parents[1]
CAR = ROOT / "firmware_configs" / "car-head-unit.yaml"
NODE = "hall"
_USAGE = find_model("smollm2-135m-instruct").usage
assert _USAGE is not None


@dataclass(frozen=True)
class Spelt:
    """The path that spells a sentence out, beyond all doubt."""

    tokens: tuple[int, ...]
    logprob: float = 0.0
    finished: bool = True


class SpellingModel:
    """A language model that follows the grammar to the sentence itself, one token a word.

    "the" may be said and is passed over. What cannot be spelt is refused. While `gate` is closed
    it computes on and on, and honours a cancellation as the real one does.
    """

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._words: list[str] = []
        self._ids: dict[str, int] = {}
        self.gate = threading.Event()
        self.gate.set()
        self.reading = threading.Event()

    def encode(self, text: str, /) -> Sequence[int]:
        return [self._id(word) for word in re.findall(r" ?[^\s;]+|;|\s", text)]

    def text(self, tokens: Sequence[int], /) -> str:
        return "".join(self._words[token] for token in tokens)

    def hold(self, prefix: Sequence[int], /, **_rest: object) -> None:
        """Nothing: it has no cache to put the prefix into."""

    def decode(
        self,
        prompt: Sequence[int],
        start: Node,
        *,
        width: int,
        max_tokens: int,
        cancelled: Callable[[], bool],
    ) -> Sequence[Spelt]:
        said = self.text(prompt).rpartition("Request: ")[2].removesuffix("\nCommand:")
        self.heard.append(said)
        self.reading.set()
        while not self.gate.wait(0.01):
            if cancelled():
                raise ModelError("the request was cancelled")
        phrase = re.sub(r"\bthe |[?.!]$", "", said)
        spelt = (self._spell(f" {text}\n", start) for text in (phrase, "none"))
        return [path for path in spelt if path is not None][:1]

    def load(self) -> Loaded:
        """What a daemon loads instead of a file."""
        return Loaded("speller", "0" * 64, Interpreter(self, _USAGE.prompt, _USAGE.calibration))

    def _id(self, word: str) -> int:
        if word not in self._ids:
            self._ids[word] = len(self._words)
            self._words.append(word)
        return self._ids[word]

    def _spell(self, text: str, node: Node) -> Spelt | None:
        tokens = self.encode(text)
        for token in tokens:
            following = node.edges.get(token)
            if following is None:
                return None
            node = following
        return Spelt(tuple(tokens))


@dataclass(frozen=True)
class Heard:
    """One message that the tap saw."""

    time: float
    topic: str
    payload: bytes
    retain: bool
    correlation: bytes | None

    @property
    def body(self) -> Any:
        return json.loads(self.payload)


class Tap:
    """An MQTT 5 client that hears everything; a context manager that is subscribed inside."""

    def __init__(self, url: str, client_id: str = "tap") -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 1883)
        self._arrived = threading.Condition()
        self._subscribed = threading.Event()
        self.heard: list[Heard] = []
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv5
        )
        self._client.reconnect_delay_set(0.05, 0.05)
        self._client.on_socket_open = lambda _client, _data, sock: sock.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_disconnect = lambda *_: self._subscribed.clear()
        self._client.on_message = self._on_message

    def __enter__(self) -> Self:
        self._client.connect(*self._address, keepalive=30)
        self._client.loop_start()
        assert self._subscribed.wait(5), "the broker does not answer"
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def subscribed(self) -> bool:
        """Whether it hears everything now."""
        return self._subscribed.is_set()

    def publish(
        self,
        topic: str,
        payload: bytes | str,
        *,
        qos: int = 1,
        retain: bool = False,
        expiry: int | None = None,
        response_topic: str | None = None,
        correlation: bytes | None = None,
    ) -> None:
        """Publish as a stranger would; back when the broker has it."""
        properties = Properties(PacketTypes.PUBLISH)
        if expiry is not None:
            properties.MessageExpiryInterval = expiry
        if response_topic is not None:
            properties.ResponseTopic = response_topic
        if correlation is not None:
            properties.CorrelationData = correlation
        info = self._client.publish(topic, payload, qos, retain, properties)
        if qos:
            info.wait_for_publish(5)

    def send(self, topic: str, payload: bytes | str) -> None:
        """Publish with QoS 0 and do not wait."""
        self._client.publish(topic, payload, 0)

    def wait(self, condition: Callable[[], object], seconds: float = 5.0) -> bool:
        """Wait until a condition on what was heard holds; whether it did in time."""
        with self._arrived:
            return bool(self._arrived.wait_for(condition, seconds))

    def on(self, topic: str) -> list[Heard]:
        """What was heard on a topic."""
        return [message for message in list(self.heard) if message.topic == topic]

    def forget(self) -> None:
        """Forget what was heard."""
        with self._arrived:
            self.heard.clear()

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        correlation = getattr(message.properties, "CorrelationData", None)
        with self._arrived:
            self.heard.append(
                Heard(time.monotonic(), message.topic, message.payload, message.retain, correlation)
            )
            self._arrived.notify_all()


@dataclass
class Rig:
    """A daemon among its devices, with a tap on the broker."""

    url: str
    devices: Iterable[Device] = ()
    settings: tuple[str, ...] = ()
    config: Path = CAR
    load_model: Callable[[], Loaded] | None = None
    """The real model where it is None and `spelling` is false."""
    spelling: bool = True
    heartbeat: Sequence[str] = HEARTBEAT
    model: SpellingModel = field(default_factory=SpellingModel)

    def __enter__(self) -> Self:
        self.tap = Tap(self.url).__enter__()
        self.world = World(self.url, self.devices, heartbeat=self._beating())
        self.world._client.reconnect_delay_set(0.1, 0.1)  # faster than a real home, for short tests
        self.world.start()
        settings = (f"mqtt.url={self.url}", f"agent.id={NODE}", "mqtt.backoff_max=1")
        load = self.load_model or (self.model.load if self.spelling else None)
        self.agent = AgentThread(self.config, [*settings, *self.settings], load)
        try:
            self.agent.__enter__()
            self.wait_for_devices()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.model.gate.set()
        self.agent.__exit__()
        self.world.stop()
        self.tap.__exit__()

    def topic(self, name: str) -> str:
        """One of the agent's topics."""
        return f"edge-agent/{NODE}/{name}"

    def wait_for_devices(self) -> None:
        """Wait until the daemon has the world's devices with their states."""
        before, since = (-1, -1), time.monotonic()
        while time.monotonic() - since < 0.1:
            if (known := self._known()) != before:
                before, since = known, time.monotonic()
            time.sleep(0.02)

    def ask(self, text: str, **more: Any) -> dict[str, Any]:
        """The first response to a sentence."""
        request = {"id": uuid.uuid4().hex, "text": text, **more}
        self.tap.publish(self.topic("command"), json.dumps(request))
        return self.answer(request["id"], 10.0 if self.spelling else 180.0)

    def control(self, operation: str, **more: Any) -> dict[str, Any]:
        """The response to a control operation."""
        request = {"id": uuid.uuid4().hex, "op": operation, **more}
        self.tap.publish(self.topic("control"), json.dumps(request))
        return self.answer(request["id"], 10.0 if self.spelling else 180.0)

    def answer(self, request_id: str, seconds: float = 10.0) -> dict[str, Any]:
        """The first response with an id."""
        assert self.tap.wait(lambda: self.answers(request_id), seconds), "no response"
        return self.answers(request_id)[0]

    def answers(self, request_id: str) -> list[dict[str, Any]]:
        """All responses with an id, on the response topic."""
        heard = (message.body for message in self.tap.on(self.topic("response")))
        return [body for body in heard if body["id"] == request_id]

    def events(self, request_id: str) -> list[str]:
        """The names of the events of a request."""
        heard = (message.body for message in self.tap.on(self.topic("event")))
        return [body["event"] for body in heard if body["id"] == request_id]

    def health(self) -> dict[str, Any]:
        """The newest health message."""
        heard = self.tap.on(self.topic("health"))
        return heard[-1].body if heard else {}

    def sent(self, device: str | None = None) -> list[tuple[str, str]]:
        """Topics and payloads of all commands that reached devices, or one device, by now.

        A response may be here before a message that went out ahead of it is at its device.
        """
        self.world.settle(1.0)
        return [
            (seen.topic, seen.payload)
            for seen in list(self.world.log)
            if device in (None, seen.device)
        ]

    def _beating(self) -> list[str]:
        self.devices = list(self.devices)
        present = {device.id for device in self.devices}
        return [device for device in self.heartbeat if device in present]

    def _known(self) -> tuple[int, int]:
        devices = self.agent.app.devices
        seen = sum(
            devices.state.get(entity.id, known.attribute) is not None
            for entity in devices.registry.entities.values()
            for known in entity.capabilities
        )
        return len(devices.registry.entities), seen


def pick(*wanted: str, pace: float = 0.0) -> list[Device]:
    """Devices of the simulated home and signals of the car, by id; all where none is named."""
    every = _every(pace)
    return [copy.deepcopy(every[name]) for name in wanted or every]


@functools.cache
def _every(pace: float) -> Mapping[str, Device]:
    return {device.id: device for device in (*load_home(pace), *load_car(pace))}


def wait_for(condition: Callable[[], object], seconds: float = 5.0, what: str = "") -> None:
    """Wait until a condition holds; an AssertionError where it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.01)


def start_broker(folder: Path) -> Any:
    """The mosquitto of the tests, for programs: an object with url, start, kill and stop."""
    from conftest import Mosquitto, free_port  # noqa: PLC0415 - pytest has another conftest

    port = free_port()
    config = [f"listener {port} 127.0.0.1", "allow_anonymous true", "user root"]
    broker = Mosquitto(folder, port, config, tls=False)
    broker.start()
    return broker
