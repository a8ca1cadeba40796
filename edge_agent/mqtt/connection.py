"""One connection to the broker, from CONNECT to its end; it never reconnects.

Each has a paho client of its own, so nothing that waits on a lost connection is sent later.
Knows no table and no back-off: its owner hears of everything through `Events`.
"""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

import structlog
from paho.mqtt.client import (
    Client,
    ConnectFlags,
    DisconnectFlags,
    MQTTMessage,
    MQTTMessageInfo,
)
from paho.mqtt.enums import CallbackAPIVersion, LogLevel, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge_agent.mqtt.explain import (
    KEEPALIVE_TIMEOUT,
    TAKEN_OVER,
    UNSUPPORTED_VERSION,
    explain_code,
    explain_error,
)
from edge_agent.mqtt.message import Lane, Subscription
from edge_agent.mqtt.settings import BrokerSettings

_T = TypeVar("_T")
_LOG = structlog.get_logger(__name__)
_FILTERS_PER_PACKET: Final = 200
_MAX_OUTSTANDING: Final = 500  # publishes not yet written (QoS 0) or acknowledged (QoS 1)
_RECEIVE_MAXIMUM: Final = 32
_MAXIMUM_PACKET: Final = 1 << 20
_QUICK_ACK: Final = getattr(socket, "TCP_QUICKACK", None)  # Linux alone has it


class Cause(StrEnum):
    """Why a connection ended, as far as its owner must tell the cases apart."""

    VERSION = "version"
    """The broker does not speak this version of MQTT."""
    SILENT = "silent"
    """It closed the connection or said nothing, as brokers without MQTT 5 may."""
    TAKEOVER = "takeover"
    """Another client came with our id."""
    LOST = "lost"
    """It stood, and ended without a word."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a connection."""

    cause: Cause
    sentence: str
    lived: float | None
    """Seconds since the subscriptions stood; None when they never did."""


@dataclass(frozen=True, slots=True)
class Events:
    """What a connection tells its owner, in the network thread."""

    accepted: Callable[[], None]
    """The broker accepts us: time to subscribe."""
    ready: Callable[[], None]
    """All subscriptions made so far are answered."""
    message: Callable[[MQTTMessage], None]
    refused: Callable[[Subscription, int], None]
    """The broker refuses a subscription, with an MQTT 5 reason code."""


class Connection:
    """One attempt, and the connection if it succeeds."""

    def __init__(
        self,
        settings: BrokerSettings,
        protocol: MQTTProtocolVersion,
        *,
        will: tuple[str, str],
        events: Events,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._protocol = protocol
        self._will = will
        self._events = events
        self._clock = clock
        self._lock = threading.Lock()
        self._outstanding = 0
        self._pending: dict[int, Sequence[Subscription]] = {}
        self._sent = False
        self._accepted = False
        self._ready_since: float | None = None
        self._closing = False
        self._code: int | None = None
        self._complaint = ""
        self._paho = self._make_client()

    @property
    def ready(self) -> bool:
        """Whether publishes are taken: the subscriptions stand and nobody has closed it."""
        return self._ready_since is not None and not self._closing

    def run(self) -> Ending:
        """Open the connection and serve it until it ends; never raises."""
        try:
            self._open()
            self._sent = True
            deadline = self._clock() + self._settings.connect_timeout
            while self._paho.loop(timeout=1.0) == MQTTErrorCode.MQTT_ERR_SUCCESS:
                acknowledge(self._paho.socket())
                if self._ready_since is None and self._clock() > deadline:
                    raise TimeoutError  # noqa: TRY301 - told like a connect that times out
        except Exception as error:
            sentence = explain_error(error, self._settings)
            unanswered = isinstance(error, TimeoutError) and self._sent and not self._accepted
            cause = Cause.SILENT if unanswered else Cause.OTHER
        else:
            cause, sentence = self._explain_end()
        lived = None if self._ready_since is None else self._clock() - self._ready_since
        self._ready_since = None
        self._release()
        return Ending(cause, sentence, lived)

    def close(self) -> None:
        """End the connection in good order, from any thread; `run` returns soon after."""
        self._closing = True
        with suppress(Exception):
            self._paho.disconnect()

    def publish(
        self,
        topic: str,
        payload: bytes | str,
        *,
        qos: int,
        retain: bool,
        properties: Properties | None = None,
    ) -> MQTTMessageInfo | None:
        """Hand a message to the network thread; None when it is not taken."""
        with self._lock:
            if not self.ready or self._outstanding >= _MAX_OUTSTANDING:
                return None
            self._outstanding += 1
        v5 = properties if self._protocol == MQTTProtocolVersion.MQTTv5 else None
        try:
            info = self._paho.publish(topic, payload, qos=qos, retain=retain, properties=v5)
        except (ValueError, TypeError):
            info = None
        if info is None or info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            with self._lock:
                self._outstanding -= 1
            return None
        return info

    def subscribe(self, subscriptions: Sequence[Subscription]) -> None:
        """Ask for subscriptions, many in a packet; the answers come through the events."""
        for batch in _batches(subscriptions):
            with self._lock:
                _, mid = self._paho.subscribe([(s.topic_filter, self._options(s)) for s in batch])
                if mid is not None:
                    self._pending[mid] = batch

    def unsubscribe(self, filters: Sequence[str]) -> None:
        """Give up subscriptions."""
        for batch in _batches(filters):
            self._paho.unsubscribe(list(batch))

    def _make_client(self) -> Client:
        v5 = self._protocol == MQTTProtocolVersion.MQTTv5
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._settings.client_id,
            protocol=self._protocol,
            clean_session=None if v5 else True,
            reconnect_on_failure=False,
        )
        client.connect_timeout = self._settings.connect_timeout
        if self._settings.username is not None:
            client.username_pw_set(self._settings.username, self._settings.password)
        client.will_set(*self._will, qos=1, retain=True)
        client.suppress_exceptions = True
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_log = self._on_log
        client.on_socket_open = no_delay
        # With this set paho leaves all writing to loop(): publish() in another thread only queues.
        client.on_socket_register_write = _ignore
        return client

    def _open(self) -> None:
        if self._settings.tls:
            self._paho.tls_set_context(self._settings.tls_context())
        # paho needs up to twice its interval to notice a dead link; we promise 1.5 times ours.
        keepalive = self._settings.keepalive * 2 // 3
        if self._protocol == MQTTProtocolVersion.MQTTv5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = 0
            properties.ReceiveMaximum = _RECEIVE_MAXIMUM
            properties.MaximumPacketSize = _MAXIMUM_PACKET
            self._paho.connect(
                self._settings.host,
                self._settings.port,
                keepalive,
                clean_start=True,
                properties=properties,
            )
        else:
            self._paho.connect(self._settings.host, self._settings.port, keepalive)
        if self._closing:
            self._paho.disconnect()

    def _release(self) -> None:
        """Close the socket now, and untie the client from us so that it is freed with us."""
        client = self._paho
        if (sock := client.socket()) is not None:
            sock.close()
        for event in ("connect", "disconnect", "subscribe", "publish", "message", "log"):
            setattr(client, f"on_{event}", None)

    def _explain_end(self) -> tuple[Cause, str]:
        place = f"{self._settings.host}:{self._settings.port}"
        match self._code:
            case None if not self._accepted:
                hint = f" ({self._complaint})" if self._complaint else ""
                return Cause.SILENT, f"{place} closed the connection without an answer{hint}"
            case None:
                return Cause.LOST, f"the connection to {place} was lost"
            case code if code == TAKEN_OVER:
                cause = Cause.TAKEOVER
            case code if code == UNSUPPORTED_VERSION:
                cause = Cause.VERSION
            case _:
                cause = Cause.OTHER
        return cause, explain_code(self._code, self._settings)

    def _options(self, subscription: Subscription) -> Any:
        """Return how to subscribe: a QoS for 3.1.1, options for 5."""
        if self._protocol != MQTTProtocolVersion.MQTTv5:
            return subscription.qos
        request = subscription.lane is Lane.REQUEST
        return SubscribeOptions(
            qos=subscription.qos,
            noLocal=True,  # an echo of our own publish observes nothing
            retainHandling=(
                SubscribeOptions.RETAIN_DO_NOT_SEND
                if request
                else SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE
            ),
        )

    # paho's callbacks; all run in the network thread and none may raise.

    def _on_connect(
        self, client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _props: Any
    ) -> None:
        client.on_log = None
        if reason.is_failure:
            self._code = reason.value
            return
        self._accepted = True
        self._guard(self._events.accepted)
        self._check_ready()

    def _on_disconnect(
        self, _client: Client, _data: Any, flags: DisconnectFlags, reason: ReasonCode, _props: Any
    ) -> None:
        if self._code is None and (
            flags.is_disconnect_packet_from_server or reason.value == KEEPALIVE_TIMEOUT
        ):
            self._code = reason.value

    def _on_subscribe(
        self, _client: Client, _data: Any, mid: int, reasons: list[ReasonCode], _props: Any
    ) -> None:
        with self._lock:
            batch = self._pending.pop(mid, ())
        for subscription, reason in zip(batch, reasons, strict=False):
            if reason.is_failure:
                self._guard(self._events.refused, subscription, reason.value)
        self._check_ready()

    def _on_publish(self, *_: Any) -> None:
        with self._lock:
            self._outstanding -= 1

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self._guard(self._events.message, message)

    def _on_log(self, _client: Client, _data: Any, level: int, text: str) -> None:
        """Keep the reason of a connection that ends before it is accepted; unhooked after."""
        if level == LogLevel.MQTT_LOG_ERR:
            self._complaint = text

    def _check_ready(self) -> None:
        with self._lock:
            if self._pending or self._ready_since is not None or not self._accepted:
                return
            self._ready_since = self._clock()
        self._guard(self._events.ready)

    def _guard(self, handler: Callable[..., None], *arguments: Any) -> None:
        try:
            handler(*arguments)
        except Exception:
            _LOG.exception("mqtt.handler_failed")


def _batches(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), _FILTERS_PER_PACKET):
        yield items[start : start + _FILTERS_PER_PACKET]


def _ignore(*_: Any) -> None:
    pass


def acknowledge(sock: Any) -> None:
    """Tell the broker at once what has arrived, without waiting for something to send along.

    A mosquitto as it is installed holds its next small packet back until then: 40 ms for each.
    """
    if sock is not None and _QUICK_ACK is not None:
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)


def no_delay(_client: Client, _data: Any, sock: Any) -> None:
    """Send small packets at once: a command must not wait for an acknowledgement of the last."""
    with suppress(OSError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
