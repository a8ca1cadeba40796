"""The whole service but for broker, devices and model, which are fakes with a will of their own."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edge_agent.core.command import Command
from edge_agent.core.entity import Risk
from edge_agent.core.order import Menu
from edge_agent.core.policy import Policy
from edge_agent.core.registry import Changes, Registry
from edge_agent.core.state import Availability, Observation
from edge_agent.devices.adapter import Outgoing
from edge_agent.errors import DeviceError
from edge_agent.language.confidence import Calibration
from edge_agent.language.dialogue import Dialogue
from edge_agent.language.interpreter import Interpreter
from edge_agent.language.prompt import EXAMPLES
from edge_agent.mqtt.inbox import Inbox, InboxLimits
from edge_agent.mqtt.message import Lane, Message, Subscription
from edge_agent.service.agent import Agent, urgent
from edge_agent.service.clocks import Clocks
from edge_agent.service.control import Control, Voice
from edge_agent.service.devices import Devices
from edge_agent.service.executor import Executor, Interlocks
from edge_agent.service.keeper import Keeper
from edge_agent.service.later import Later
from edge_agent.service.notify import Watchdog
from edge_agent.service.store import Disk, Files, Store
from edge_agent.service.timers import Timers
from edge_agent.service.topics import AgentTopics
from edge_agent.service.turn import Turn
from edge_agent.service.worker import Loaded, Worker

MONDAY = datetime(2026, 3, 2, 20, 0, tzinfo=UTC).timestamp()
TOPICS = AgentTopics("hall")
CALIBRATION = Calibration(
    bias=5.0,
    weight=1.0,
    act={Risk.COMFORT: 0.5, Risk.CAUTION: 0.6, Risk.SECURITY: 0.8},
    ask=0.2,
)


class Clock:
    """Monotonic seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class FakeTime:
    """The clocks of a machine: `pass_` lets time go by, `wall` can be set by anybody."""

    def __init__(self, clock: Clock, *, wall: float, boot: str = "one") -> None:
        self.clock = clock
        self.wall = wall
        self.synchronised = True
        self.clocks = Clocks(clock, lambda: self.wall, lambda: self.synchronised, boot, UTC)

    def pass_(self, seconds: float) -> None:
        self.clock.now += seconds
        self.wall += seconds


class FakeAdapter:
    """Devices that speak plainly: state/<entity>/<attribute> and set/<entity>/<attribute>."""

    name = "fake"
    discovery_filters = ("fake/+/config",)

    def __init__(self, home: Registry) -> None:
        self.home = home
        self.parts = 1
        """Messages that one command takes."""
        self.expiries: dict[str, float] = {}

    @property
    def state_topics(self) -> frozenset[str]:
        topics = {f"state/{entity.id}/available" for entity in self.home.entities.values()}
        for entity in self.home.entities.values():
            topics |= {f"state/{entity.id}/{known.attribute}" for known in entity.capabilities}
        return frozenset(topics)

    @property
    def command_topics(self) -> frozenset[str]:
        return frozenset(topic.replace("state/", "set/", 1) for topic in self.state_topics)

    def known(self) -> Changes:
        return Changes(upsert=tuple(self.home.entities.values()))

    def discover(self, topic: str, payload: bytes) -> Changes:
        if not payload:
            return Changes(remove=(topic.split("/")[1],))
        return Changes(problems=(f"{topic}: is damaged",))

    def observe(self, topic: str, payload: bytes) -> tuple[Observation | Availability, ...]:
        _, entity, attribute = topic.split("/")
        text = payload.decode()
        if attribute == "available":
            return (Availability(entity, text == "yes"),)
        try:
            return (Observation(entity, attribute, float(text)),)
        except ValueError:
            return (Observation(entity, attribute, text or None),)

    def expiry(self, entity: str) -> float | None:
        return self.expiries.get(entity)

    def messages(self, command: Command) -> tuple[Outgoing, ...]:
        if command.value == "cool":
            raise DeviceError("its compressor is broken")
        topic = f"set/{command.entity}/{command.attribute}"
        return tuple(Outgoing(topic, str(command.value).encode()) for _ in range(self.parts))


@dataclass
class Sent:
    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    expiry: int | None = None
    correlation: bytes | None = None

    @property
    def body(self) -> Any:
        return json.loads(self.payload)


@dataclass
class FakeLink:
    """A connection that keeps what goes out and lets devices react to it."""

    connected: bool = True
    takes: Callable[[str], bool] = lambda _: True
    sent: list[Sent] = field(default_factory=list)
    table: tuple[Subscription, ...] = ()
    react: Callable[[Sent], None] = lambda _: None
    answers: asyncio.Queue[Sent] = field(default_factory=asyncio.Queue)

    def subscribe(self, table: tuple[Subscription, ...]) -> None:
        self.table = table

    def publish(
        self,
        topic: str,
        payload: bytes | str,
        *,
        qos: int = 1,
        retain: bool = False,
        expiry: int | None = None,
        correlation: bytes | None = None,
    ) -> bool:
        if not self.connected or not self.takes(topic):
            return False
        data = payload.encode() if isinstance(payload, str) else payload
        self.sent.append(Sent(topic, data, qos, retain, expiry, correlation))
        self.react(self.sent[-1])
        return True

    def deliver(self, topic: str, payload: bytes, *, correlation: bytes | None = None) -> None:
        self.answers.put_nowait(Sent(topic, payload, correlation=correlation))

    @property
    def to_devices(self) -> list[tuple[str, str]]:
        """What went to devices: (topic, payload), in order."""
        return [
            (message.topic, message.payload.decode())
            for message in self.sent
            if not message.topic.startswith("edge-agent/")
        ]

    @property
    def events(self) -> list[str]:
        return [sent.body["event"] for sent in self.sent if sent.topic == TOPICS["event"]]


class Rig:
    """The service around its fakes; `run` gives it a loop."""

    def __init__(
        self,
        home: Registry,
        model: Any,
        *,
        policy: Policy | None = None,
        interlocks: Interlocks | None = None,
        confirm_timeout: float = 0.05,
        limits: InboxLimits | None = None,
        load: Callable[[], Loaded] | None = None,
        state: Path | None = None,
        files: Files | None = None,
        boot: str = "one",
        now: float = 1000.0,
        wall: float = MONDAY,
        menu: Menu | None = None,
    ) -> None:
        self.clock = Clock()
        self.clock.now = now
        self.time = FakeTime(self.clock, wall=wall, boot=boot)
        self.model = model
        self.adapter = FakeAdapter(home)
        configured = Registry.configured(
            areas=home.areas.values(), floors=home.floors.values(), groups=home.groups.values()
        )
        self.devices = Devices(configured, [self.adapter], self.clock)
        self.link = FakeLink()
        self.inbox = Inbox(urgent=urgent, limits=limits)
        self.executor = Executor(
            self.devices,
            self.link,
            interlocks or Interlocks(),
            self.clock,
            confirm_timeout,
            frozenset(filter(None, [menu and menu.start])),
        )
        self.worker = Worker(load or self._load, Watchdog(60.0, self.clock))
        self.dialogue = Dialogue()
        clocks = self.time.clocks
        self.timers = Timers(clocks, Store(state, "timers.json", files or Disk()))
        self.turn = Turn(
            worker=self.worker,
            devices=self.devices,
            executor=self.executor,
            dialogue=self.dialogue,
            later=Later(self.timers, clocks, self.devices),
            policy=policy or Policy(),
            default_area=None,
            clock=self.clock,
            menu=menu or Menu(),
        )
        self.reloads = 0
        self.voice: Voice | None = None
        self.control = Control(
            self.devices,
            self.dialogue,
            self.turn,
            self.timers,
            clocks,
            self._reload,
            lambda: self.voice,
        )
        self.agent = Agent(
            topics=TOPICS,
            inbox=self.inbox,
            link=self.link,
            devices=self.devices,
            turn=self.turn,
            control=self.control,
            response_prefixes=("edge-agent/", "replies/"),
            request_timeout=30.0,
            clock=self.clock,
        )
        self.keeper = Keeper(
            timers=self.timers,
            devices=self.devices,
            executor=self.executor,
            policy=lambda: self.turn.policy,
            connected=lambda: self.link.connected,
            announce=self.agent.announce,
            report=self.agent.report,
            clock=self.clock,
        )
        self.link.react = self.obey
        self.loop = asyncio.Runner()

    def _load(self) -> Loaded:
        return Loaded("fake", "0" * 64, Interpreter(self.model, EXAMPLES, CALIBRATION))

    async def _reload(self) -> None:
        self.reloads += 1

    def obey(self, sent: Sent) -> None:
        """What devices do by default: as they are told, at once."""
        if sent.topic.startswith("set/"):
            self.report(sent.topic.replace("set/", "state/", 1), sent.payload)

    def ignore(self, sent: Sent) -> None:
        """What dead devices do."""

    def report(self, topic: str, payload: bytes | str, *, retain: bool = False) -> None:
        """A state message from the broker."""
        data = payload.encode() if isinstance(payload, str) else payload
        self.inbox.put(Message(topic, data, retain, 0, Lane.STATE, self.clock.now))

    def observe(self, entity: str, attribute: str, value: str | float, **how: bool) -> None:
        """Put a state in place before anything runs."""
        retained = how.get("retained", False)
        self.devices.state.observe(
            Observation(entity, attribute, value), self.clock.now, retained=retained
        )

    def say(
        self, text: str | bytes | Mapping[str, Any], name: str = "command", **more: Any
    ) -> None:
        """A message on one of the agent's topics."""
        if isinstance(text, Mapping):
            text = json.dumps(text)
        payload = text.encode() if isinstance(text, str) else text
        values = {"retain": False, "qos": 1, "lane": Lane.REQUEST, "received": self.clock.now}
        self.inbox.put(Message(TOPICS[name], payload, **(values | more)))

    async def answer(self) -> Sent:
        async with asyncio.timeout(5):
            return await self.link.answers.get()

    async def ask(self, text: str | bytes | Mapping[str, Any], **more: Any) -> Any:
        """Say something and return the one response to it."""
        self.say(text, **more)
        return (await self.answer()).body

    def run(self, play: Callable[[], Any]) -> Any:
        """Run a coroutine function beside the agent; fails on a response nobody waited for."""

        async def main() -> Any:
            if self.worker.model is None:
                await self.worker.start()
            agent = asyncio.create_task(self.agent.run())
            try:
                result = await play()
                for _ in range(20):
                    await asyncio.sleep(0)
                assert self.link.answers.empty(), "a response too many"
                assert not agent.done()
                return result
            finally:
                agent.cancel()
                await asyncio.gather(agent, return_exceptions=True)

        return self.loop.run(main())

    def later(self, seconds: float) -> list[Any]:
        """Let time pass, and return what is told of all that fell due."""
        self.time.pass_(seconds)

        async def play() -> list[Any]:
            due = self.keeper.take_due()
            for timer in due:
                await self.keeper.settle(timer)
            return [(await self.answer()).body for _ in due]

        return self.run(play)

    def close(self) -> None:
        self.worker.stop()
        self.loop.close()

    def tell(self, *texts: str | bytes | Mapping[str, Any]) -> Any:
        """Say things one after the other; returns the responses, or the one."""

        async def play() -> list[Any]:
            return [await self.ask(text) for text in texts]

        answers = self.run(play)
        return answers[0] if len(texts) == 1 else answers


@pytest.fixture
def make_rig(home: Registry, make_model: Callable[..., Any]) -> Iterator[Callable[..., Rig]]:
    """Return a function: answers of the model -> service around it."""
    rigs: list[Rig] = []

    def make(answers: Mapping[str, str] | None = None, **options: Any) -> Rig:
        logprob = options.pop("logprob", 0.0)
        rigs.append(Rig(options.pop("home", home), make_model(answers, logprob), **options))
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.close()
