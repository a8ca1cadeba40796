"""An MQTT broker inside this process, so that the demo needs nothing installed.

It speaks MQTT 3.1.1 only and listens on 127.0.0.1 alone.
"""

import asyncio
import logging
import socket
import threading
from typing import Any, Self

from edge_agent.errors import MqttError

HOST = "127.0.0.1"


class EmbeddedBroker:
    """An anonymous amqtt broker on a thread and an event loop of its own."""

    def __init__(self, port: int = 0) -> None:
        """Prepare a broker on `port`; 0 takes a free one."""
        self._port = port or _free_port()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="embedded-broker", daemon=True)
        self._broker: Any = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"mqtt://{HOST}:{self._port}"

    def start(self, timeout: float = 10.0) -> Self:
        """Listen; MqttError where amqtt is missing or the port is taken."""
        try:
            from amqtt.broker import Broker  # noqa: PLC0415 - an extra, and slow to import
        except ImportError as error:
            self._end()
            message = "the demo needs amqtt: pip install 'edge-agent[demo]'"
            raise MqttError(message) from error
        # Every client that leaves, or tries MQTT 5 first, is a warning to amqtt.
        for name in ("amqtt", "transitions"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._thread.start()
        try:
            self._broker = self._call(_start(Broker, self._port), timeout)
        except Exception as error:
            self._end()
            raise MqttError(f"{self.url}: the embedded broker did not start: {error}") from error
        return self

    def stop(self, timeout: float = 5.0) -> None:
        """Close every connection and the listener; stopping twice is fine."""
        if self._loop.is_closed():
            return
        if self._broker is not None:
            self._call(self._broker.shutdown(), timeout)
            self._broker = None
        self._end()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _call(self, work: Any, timeout: float) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.close()

    def _end(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(2.0)
        else:
            self._loop.close()


async def _start(broker_class: Any, port: int) -> Any:
    broker = broker_class(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"{HOST}:{port}"}},
            "plugins": {
                "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}
            },
        }
    )
    await broker.start()
    return broker


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
