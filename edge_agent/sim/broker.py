"""An MQTT broker inside this process, so that the demo needs nothing installed.

It speaks MQTT 3.1.1 only and listens on 127.0.0.1 alone. amqtt keeps the sessions; the sockets are
kept here, because amqtt leaves those of connected clients open when it shuts down.
"""

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Self

from edge_agent.errors import MqttError

HOST = "127.0.0.1"

_CONFIG = {
    "listeners": {"default": {"type": "external"}},
    "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
}


class EmbeddedBroker:
    """An anonymous amqtt broker on a thread and an event loop of its own."""

    def __init__(self, port: int = 0) -> None:
        """Prepare a broker on `port`; 0 takes a free one."""
        self._port = port
        self._thread = threading.Thread(target=self._serve, name="embedded-broker", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._listening = threading.Event()
        self._error: Exception | None = None
        self._clients: dict[asyncio.StreamWriter, asyncio.Task[Any] | None] = {}

    @property
    def url(self) -> str:
        """Where it listens, once it is started."""
        return f"mqtt://{HOST}:{self._port}"

    def start(self, timeout: float = 10.0) -> Self:
        """Listen; MqttError where amqtt is missing or the port is taken."""
        # Every client that leaves, or tries MQTT 5 first, is a warning to amqtt.
        for name in ("amqtt", "transitions"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._thread.start()
        if not self._listening.wait(timeout):
            raise MqttError(f"the embedded broker did not start within {timeout:g} s")
        match self._error:
            case None:
                return self
            case ImportError():
                message = "the demo needs amqtt: pip install 'edge-agent[demo]'"
            case error:
                message = f"{self.url}: the embedded broker did not start: {error}"
        raise MqttError(message) from self._error

    def stop(self, timeout: float = 5.0) -> None:
        """Close every connection and the listener; stopping twice is fine."""
        if self._loop is not None and self._stop is not None:
            with suppress(RuntimeError):  # its loop is closed: it has ended by itself
                self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(timeout)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _serve(self) -> None:
        try:
            asyncio.run(self._live())
        except Exception as error:
            self._error = error
        finally:
            self._listening.set()

    async def _live(self) -> None:
        from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter  # noqa: PLC0415
        from amqtt.broker import Broker  # noqa: PLC0415 - an extra, and slow to import

        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        broker = Broker(_CONFIG)
        broker._subscriptions = _StableDict(broker._subscriptions)  # noqa: SLF001 - see there

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._clients[writer] = asyncio.current_task()
            try:
                await broker.external_connected(
                    StreamReaderAdapter(reader), StreamWriterAdapter(writer), "default"
                )
            finally:
                del self._clients[writer]
                writer.transport.abort()

        await broker.start()
        try:
            server = await asyncio.start_server(connected, HOST, self._port)
            self._port = server.sockets[0].getsockname()[1]
            self._listening.set()
            await self._stop.wait()
            server.close()
            tasks = [task for task in self._clients.values() if task is not None]
            for writer in list(self._clients):
                writer.transport.abort()
            if tasks:
                await asyncio.wait(tasks, timeout=0.3)
        finally:
            await broker.shutdown()


class _StableDict(dict[Any, Any]):
    """May change while it is iterated, which amqtt 0.12 does to it when two clients connect."""

    def __iter__(self) -> Iterator[Any]:
        return iter(tuple(super().__iter__()))
