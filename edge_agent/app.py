"""The composition root: builds, starts and stops everything, on one screen."""

import asyncio
import dataclasses
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import structlog

from edge_agent.config import Config, load_config
from edge_agent.core.entity import Origin
from edge_agent.core.order import Menu
from edge_agent.core.registry import Registry
from edge_agent.devices.appliance import Appliance
from edge_agent.errors import EdgeAgentError
from edge_agent.language.dialogue import Dialogue
from edge_agent.mqtt.client import ConnectionEvent, MqttClient
from edge_agent.mqtt.inbox import Inbox
from edge_agent.mqtt.requester import Requester
from edge_agent.parts import (
    broker_settings,
    configured_registry,
    interlocks,
    model_loader,
    policy,
    translators,
    vehicle,
)
from edge_agent.service import control
from edge_agent.service.agent import Agent, urgent
from edge_agent.service.clocks import Clocks, system_clocks
from edge_agent.service.devices import Devices
from edge_agent.service.executor import Executor
from edge_agent.service.health import Health
from edge_agent.service.keeper import Keeper
from edge_agent.service.later import Later
from edge_agent.service.notify import Notifier, Watchdog
from edge_agent.service.request import Request
from edge_agent.service.response import Reply
from edge_agent.service.store import Disk, Store, state_directory
from edge_agent.service.timers import Timers
from edge_agent.service.topics import AgentTopics
from edge_agent.service.turn import Turn
from edge_agent.service.worker import Loaded, Worker

if TYPE_CHECKING:
    from edge_agent.hearing import Hearing

_LOG = structlog.get_logger()

_BROKER_WAIT = 5.0
"""Seconds that readiness waits for the broker; later it is ready without, and says so."""
_STUCK_AFTER = 20.0
"""Seconds without a step of a busy worker after which the watchdog is no longer pinged."""


class App:
    """The daemon of one configuration."""

    def __init__(
        self,
        config: Config,
        reload: Callable[[], Config],
        load_model: Callable[[], Loaded] | None = None,
        clocks: Clocks | None = None,
    ) -> None:
        """Builds everything; touches neither network nor model yet.

        Args:
            config: The configuration.
            reload: Reads it again.
            load_model: Loads another model than the configured one.
            clocks: What delayed commands go by, if not the clocks of this machine.

        Raises:
            EdgeAgentError: The configuration cannot work; the text says where and why.
        """
        clock = time.monotonic
        topics = AgentTopics(config.node)
        self._topics = topics
        self._read_config = reload
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self.notifier = Notifier.from_environment(os.environ, os.getpid())
        self.watchdog = Watchdog(_STUCK_AFTER, clock)
        self.inbox = Inbox(urgent=urgent)
        self.link = MqttClient(
            broker_settings(config),
            inbox=self.inbox,
            will=(topics["status"], "offline"),
            birth=(topics["status"], "online"),
            on_change=self._connection_changed,
            clock=clock,
            random=Random(),
        )
        self.worker = Worker(load_model or model_loader(config), self.watchdog)
        car = vehicle(config)
        appliance = Appliance(config.appliance) if config.appliance else None
        menu = appliance.menu if appliance else Menu()
        self.devices = Devices(
            configured_registry(config), translators(config, car, appliance), clock
        )
        self.executor = Executor(
            self.devices,
            self.link,
            interlocks(config, car),
            clock,
            config.agent.confirm_timeout,
            frozenset(filter(None, [menu.start])),
        )
        dialogue, clocks = Dialogue(), clocks or system_clocks()
        kept_in = state_directory(config.agent.state_dir, os.environ)
        timers = Timers(clocks, Store(kept_in, "timers.json", Disk()))
        self.turn = Turn(
            worker=self.worker,
            devices=self.devices,
            executor=self.executor,
            dialogue=dialogue,
            later=Later(timers, clocks, self.devices),
            policy=policy(config),
            default_area=config.agent.area,
            clock=clock,
            menu=menu,
        )
        self.control = control.Control(
            self.devices,
            dialogue,
            self.turn,
            timers,
            clocks,
            self.reload,
            voice=lambda: self.hearing,
        )
        self.agent = Agent(
            topics=topics,
            inbox=self.inbox,
            link=self.link,
            devices=self.devices,
            turn=self.turn,
            control=self.control,
            response_prefixes=config.mqtt.response_prefixes,
            request_timeout=config.agent.request_timeout,
            clock=clock,
        )
        self.keeper = Keeper(
            timers=timers,
            devices=self.devices,
            executor=self.executor,
            policy=lambda: self.turn.policy,
            connected=lambda: self.link.connected,
            announce=self._announce,
            report=self.agent.report,
            clock=clock,
        )
        self.hearing = hearing(
            config,
            self.agent,
            lambda: self.devices.registry,
            lambda wav: self.link.publish(topics["speech"], wav, qos=0),
        )
        self.health = Health(
            topic=topics["health"],
            link=self.link,
            inbox=self.inbox,
            devices=self.devices,
            worker=self.worker,
            timers=timers,
            figures=self.agent.figures,
            notifier=self.notifier,
            watchdog=self.watchdog,
            clock=clock,
            voice=lambda: self.hearing.problems if self.hearing else (),
        )

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that it serves in."""
        assert self._loop is not None  # noqa: S101 - it serves
        return self._loop

    async def run(self, on_ready: Callable[[str], None]) -> None:
        """Serve until SIGTERM or SIGINT; SIGHUP reads the configuration again.

        Args:
            on_ready: Told once, with a line for a person, when commands are taken.
        """
        loop, stopping = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        await self.serve(on_ready, stopping)

    async def serve(self, on_ready: Callable[[str], None], stopping: asyncio.Event) -> None:
        """Serve until `stopping` is set; installs no signal handlers."""
        self._loop = asyncio.get_running_loop()
        tasks = [
            asyncio.create_task(self.agent.run(), name="agent"),
            asyncio.create_task(self.keeper.run(), name="timers"),
            asyncio.create_task(self.health.run(), name="health"),
            asyncio.create_task(self._become_ready(on_ready), name="ready"),
        ]
        self.link.start()
        if self.hearing is not None:
            self.hearing.start()
        try:
            await self._until(stopping, tasks)
        finally:
            self.notifier.stopping()
            if self.hearing is not None:
                self.hearing.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.link.stop()
            self.worker.stop()

    async def reload(self) -> None:
        """Read the configuration again and take over what can change while running.

        Names, areas, groups, policy and `voice.mode` change at once; broker, model and the rest
        of the voice need a restart.

        Raises:
            EdgeAgentError: The file is wrong, or its wake word cannot be loaded; everything stays
                as it was.
        """
        self.notifier.reloading(int(self._clock() * 1e6))
        try:
            config = self._read_config()
            if self.hearing is not None:
                await self.hearing.reconfigure(config)
            self.devices.reconfigure(configured_registry(config))
            self.turn.policy = policy(config)
            _LOG.info("config.reloaded")
        finally:
            self.notifier.ready("ready")

    def _announce(self, request: Request, reply: Reply) -> None:
        """Tell what became of something that was put off, to whoever said it."""
        self.agent.announce(request, reply)
        if self.hearing is not None and request.origin is Origin.VOICE:
            self.hearing.report(reply)

    async def _become_ready(self, on_ready: Callable[[str], None]) -> None:
        self.notifier.status("loading the language model")
        await self.worker.start()
        give_up = self._clock() + _BROKER_WAIT
        while not self.link.connected and self._clock() < give_up:
            await asyncio.sleep(0.05)
        degraded = self.health.degraded()
        line = "; ".join(degraded) if degraded else "all is well"
        self.notifier.ready(line)
        _LOG.info("agent.ready", degraded=len(degraded))
        on_ready(f"edge-agent {self._topics.node} is ready: {line}")

    async def _until(self, stopping: asyncio.Event, tasks: Sequence[asyncio.Task[None]]) -> None:
        stop = asyncio.create_task(stopping.wait(), name="stop")
        ended = {stop, *(task for task in tasks if task.get_name() != "ready")}
        done, _ = await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        for task in done - {stop}:
            task.result()  # a task that died takes the daemon with it: systemd restarts us whole

    def _hang_up(self) -> None:
        async def reload() -> None:
            try:
                await self.reload()
            except EdgeAgentError as error:
                _LOG.error("config.not_reloaded", reason=str(error))

        self._reloading = asyncio.ensure_future(reload())

    def _connection_changed(self, event: ConnectionEvent) -> None:
        _LOG.info("mqtt.connection", connected=event.connected, reason=event.reason or None)
        if not event.connected and self._loop is not None:
            self._loop.call_soon_threadsafe(self.devices.connection_lost)


def hearing(
    config: Config,
    agent: Agent,
    registry: Callable[[], Registry],
    publish: Callable[[bytes], object],
) -> "Hearing | None":
    """The voice of a configuration; None where it has none, which then costs nothing."""
    if not config.voice.enabled:
        return None
    from edge_agent.hearing import Hearing  # noqa: PLC0415

    return Hearing(config, agent, registry, publish)


def run(path: Path, overrides: Sequence[str], on_ready: Callable[[str], None]) -> None:
    """Run the daemon of a config file until it is told to stop.

    Raises:
        EdgeAgentError: The configuration cannot work.
    """

    def reload() -> Config:
        return load_config(path, overrides)

    config = reload()

    async def serve() -> None:
        await App(config, reload).run(on_ready)

    asyncio.run(serve())


def requester(path: Path, overrides: Sequence[str]) -> Requester:
    """A client of the daemon that runs with a config.

    Raises:
        ConfigError: The configuration is wrong.
    """
    config = load_config(path, overrides)
    settings = dataclasses.replace(
        broker_settings(config), client_id=f"edge-agent-cli-{os.getpid()}"
    )
    return Requester(settings, config.node)
