"""The daemon's link to the broker: keeps one connection up, its subscriptions and its status.

A lost connection is opened again with full-jitter back-off and every subscription is renewed, as
paho does not. Only answers are kept while it is down: a command that comes late is a ghost.
Knows no devices and no commands; what comes in goes to the inbox.
"""

import select
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Final

import structlog
from paho.mqtt.client import MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge_agent.errors import MqttError
from edge_agent.mqtt.backoff import Backoff
from edge_agent.mqtt.connection import Cause, Connection, Ending, Events
from edge_agent.mqtt.explain import explain_code
from edge_agent.mqtt.inbox import Inbox
from edge_agent.mqtt.message import Message, Subscription
from edge_agent.mqtt.outbox import Letter, Outbox
from edge_agent.mqtt.settings import BrokerSettings
from edge_agent.mqtt.table import SubscriptionTable
from edge_agent.mqtt.topics import MAX_TOPIC_BYTES, check_topic

_LOG = structlog.get_logger(__name__)
_STOP_TIME: Final = 1.0  # seconds that stop() may take
_PROBE_TIME: Final = 2.0  # seconds
_PROBE_PATIENCE: Final = 0.3  # seconds
_SILENT_TWICE: Final = 2  # one unanswered CONNECT may be a broker that is being restarted
_MAX_EXPIRY: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class ConnectionEvent:
    """The connection came up or went down; told once for each and for each new reason."""

    connected: bool
    protocol: int
    """MQTT version: 5, or 4 for 3.1.1."""
    reason: str
    """A sentence; empty when it came up."""


class MqttClient:
    """One client on one broker, with one table of subscriptions.

    Args:
        settings: The broker and our name there.
        inbox: Takes the messages.
        will: Retained topic and payload that say we are gone; published by the broker when the
            link breaks, by `stop` otherwise.
        birth: Retained topic and payload that say we are here, published on every connect.
        on_change: Told of the connection, in the network thread; must return soon.
        clock: Monotonic seconds.
        random: Spreads the reconnects.

    Raises:
        ConfigError: A certificate file cannot be used.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        *,
        inbox: Inbox,
        will: tuple[str, str],
        birth: tuple[str, str],
        on_change: Callable[[ConnectionEvent], None],
        clock: Callable[[], float],
        random: Random,
    ) -> None:
        if settings.tls:
            settings.tls_context()
        self._settings = settings
        self._inbox = inbox
        self._will = will
        self._birth = birth
        self._on_change = on_change
        self._clock = clock
        self._events = Events(
            accepted=self._accepted,
            ready=self._ready,
            message=self._receive,
            refused=self._refused_filter,
        )
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._table_lock = threading.Lock()
        self._table = SubscriptionTable()
        self._refused: dict[str, str] = {}
        self._link: Connection | None = None
        self._link_accepted = False
        self._protocol = (
            MQTTProtocolVersion.MQTTv311
            if settings.protocol == "3.1.1"
            else MQTTProtocolVersion.MQTTv5
        )
        self._proven = False
        self._silent = 0
        self._drops = 0
        self._backoff = Backoff(settings.backoff_min, settings.backoff_max, random)
        self._trouble = "not connected yet"
        self._outbox = Outbox(clock)

    @property
    def undelivered(self) -> int:
        """How many messages of `deliver` were given up."""
        return self._outbox.lost

    @property
    def connected(self) -> bool:
        """Whether the broker has confirmed every subscription and publishes are taken."""
        link = self._link
        return link is not None and link.ready

    @property
    def protocol(self) -> int:
        """MQTT version in use or tried next: 5, or 4 for 3.1.1."""
        return int(self._protocol)

    @property
    def problems(self) -> tuple[str, ...]:
        """Sentences about what does not work now; empty when all is well."""
        with self._table_lock:
            sentences = [*self._table.invalid.values(), *self._refused.values()]
        if self._trouble:
            sentences.insert(0, self._trouble)
        return tuple(sentences)

    def start(self) -> None:
        """Begin to connect, in a thread of our own; a broker that is away is waited for."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Say that we are gone, disconnect and end the thread, within a second."""
        deadline = self._clock() + _STOP_TIME
        self._stopping.set()
        link = self._link
        if link is not None:
            if info := link.publish(*self._will, qos=1, retain=True):
                with suppress(ValueError, RuntimeError):
                    info.wait_for_publish(_STOP_TIME / 2)
            link.close()
        if self._thread is not None:
            self._thread.join(max(0.0, deadline - self._clock()))

    def subscribe(self, table: Iterable[Subscription]) -> None:
        """Make this the table of subscriptions, now and on every later connection."""
        newer = SubscriptionTable(table)
        with self._table_lock:
            added, removed = self._table.changes(newer)
            self._table = newer
            for topic_filter in (*removed, *(entry.topic_filter for entry in added)):
                self._refused.pop(topic_filter, None)
            if self._link is not None and self._link_accepted:
                self._link.unsubscribe(removed)
                self._link.subscribe(added)

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
    ) -> bool:
        """Send a message now or never, from any thread; returns whether it was taken.

        False means: not connected, too much on its way already, or a topic that must not be
        published to. True is no proof of delivery. MQTT 3.1.1 has no properties; they are left out.

        Args:
            topic: Without wildcards.
            payload: Text is sent as UTF-8.
            qos: 0 or 1.
            retain: Whether the broker keeps it.
            expiry: Seconds after which the broker must not deliver it any more.
            response_topic: Where the receiver may answer.
            correlation: What the answer is to repeat.
        """
        link = self._link
        if link is None:
            return False
        try:
            check_topic(topic)
            if response_topic is not None:
                check_topic(response_topic)
            data = payload.encode() if isinstance(payload, str) else payload
        except (MqttError, UnicodeEncodeError) as error:
            _LOG.warning("mqtt.publish_refused", reason=str(error))
            return False
        properties = _properties(expiry, response_topic, correlation)
        info = link.publish(topic, data, qos=qos, retain=retain, properties=properties)
        return info is not None

    def deliver(self, topic: str, payload: bytes, *, correlation: bytes | None = None) -> None:
        """Send a message with QoS 1, again on the next connection if this one loses it.

        The broker may get it twice where its acknowledgement was lost. After a minute, or behind
        256 newer ones, it is given up and counted in `undelivered`.

        Raises:
            MqttError: The topic must not be published to.
        """
        check_topic(topic)
        self._outbox.put(Letter(topic, payload, correlation), self._post)

    def _post(self, letter: Letter) -> MQTTMessageInfo | None:
        link = self._link
        if link is None:
            return None
        properties = _properties(None, None, letter.correlation)
        return link.publish(
            letter.topic, letter.payload, qos=1, retain=False, properties=properties
        )

    # The network thread.

    def _run(self) -> None:
        """Keep a connection until `stop`."""
        while not self._stopping.is_set():
            link = Connection(
                self._settings,
                self._protocol,
                will=self._will,
                events=self._events,
                clock=self._clock,
            )
            with self._table_lock:
                self._link, self._link_accepted = link, False
            ending = link.run()
            with self._table_lock:
                self._link, self._link_accepted = None, False
            del link
            if not self._stopping.is_set():
                ending = self._recognise_takeover(ending)
                self._complain(ending)
                self._stopping.wait(self._delay(ending))
        self._tell(ConnectionEvent(False, self.protocol, "stopped"))

    def _recognise_takeover(self, ending: Ending) -> Ending:
        """Return the ending, as a takeover where a living broker dropped us twice in short time.

        Needed for 3.1.1, which has no word for it, and for mosquitto 2.0.11, which uses none.
        """
        if ending.cause is not Cause.LOST or not self._broker_lives():
            self._drops = 0
            return ending
        soon = ending.lived is not None and ending.lived < self._settings.backoff_max
        self._drops = self._drops + 1 if soon else 1
        if self._drops == 1:
            return ending
        place, client_id = f"{self._settings.host}:{self._settings.port}", self._settings.client_id
        sentence = (
            f"the broker at {place} closes our connection again and again: "
            f"does another client use the id {client_id!r} too (mqtt.client_id)?"
        )
        return Ending(Cause.TAKEOVER, sentence, ending.lived)

    def _broker_lives(self) -> bool:
        """Whether the broker takes a connection and waits for its first packet.

        A broker that is dying, or a proxy before a dead one, may take it but closes it at once.
        """
        address = (self._settings.host, self._settings.port)
        try:
            with socket.create_connection(address, timeout=_PROBE_TIME) as probe:
                return not select.select([probe], [], [], _PROBE_PATIENCE)[0]
        except OSError:
            return False

    def _delay(self, ending: Ending) -> float:
        """Return how long to wait before the next attempt, in seconds."""
        if ending.cause is Cause.TAKEOVER:
            return self._backoff.after_takeover()
        if ending.lived is None:
            return 0.0 if self._change_protocol(ending) else self._backoff.after_failure()
        return self._backoff.after_loss()

    def _change_protocol(self, ending: Ending) -> bool:
        """Turn to 3.1.1 where 5 is refused, and back where that was no help; whether it did."""
        if self._settings.protocol != "auto" or self._proven:
            return False
        if self._protocol == MQTTProtocolVersion.MQTTv311:
            self._protocol = MQTTProtocolVersion.MQTTv5
            return False
        self._silent = self._silent + 1 if ending.cause is Cause.SILENT else 0
        if ending.cause is Cause.VERSION or self._silent >= _SILENT_TWICE:
            self._protocol, self._silent = MQTTProtocolVersion.MQTTv311, 0
            return True
        return False

    def _complain(self, ending: Ending) -> None:
        if ending.sentence != self._trouble or ending.lived is not None:
            self._trouble = ending.sentence
            _LOG.warning("mqtt.disconnected", reason=ending.sentence)
            self._tell(ConnectionEvent(False, self.protocol, ending.sentence))

    def _accepted(self) -> None:
        with self._table_lock:
            self._refused.clear()
            if self._link is not None:
                self._link_accepted = True
                self._link.subscribe(list(self._table))

    def _ready(self) -> None:
        link = self._link
        if link is None or self._stopping.is_set():
            return
        self._proven = True
        # A fight over our id is a problem even while we hold it.
        self._trouble = self._trouble if self._backoff.fighting else ""
        link.publish(*self._birth, qos=1, retain=True)
        self._outbox.resend(self._post)
        _LOG.info("mqtt.connected", protocol=self.protocol)
        self._tell(ConnectionEvent(True, self.protocol, ""))

    def _refused_filter(self, subscription: Subscription, code: int) -> None:
        said = explain_code(code, self._settings)
        sentence = f"no subscription to {subscription.topic_filter!r}: {said}"
        with self._table_lock:
            self._refused[subscription.topic_filter] = sentence
        _LOG.warning("mqtt.subscription_refused", filter=subscription.topic_filter, reason=said)

    def _receive(self, received: MQTTMessage) -> None:
        try:
            topic = received.topic
        except UnicodeDecodeError:
            self._inbox.count_drop("bad topic")
            return
        if len(topic.encode()) > MAX_TOPIC_BYTES:
            self._inbox.count_drop("bad topic")
            return
        lane = self._table.lane_of(topic)
        if lane is None:
            self._inbox.count_drop("unsubscribed")
            return
        properties = received.properties
        self._inbox.put(
            Message(
                topic=topic,
                payload=bytes(received.payload),
                retain=received.retain,
                qos=received.qos,
                lane=lane,
                received=self._clock(),
                response_topic=getattr(properties, "ResponseTopic", None),
                correlation=getattr(properties, "CorrelationData", None),
                expiry=getattr(properties, "MessageExpiryInterval", None),
                duplicate=received.dup,
            )
        )

    def _tell(self, event: ConnectionEvent) -> None:
        try:
            self._on_change(event)
        except Exception:
            _LOG.exception("mqtt.handler_failed")


def _properties(
    expiry: int | None, response_topic: str | None, correlation: bytes | None
) -> Properties | None:
    if expiry is None and response_topic is None and correlation is None:
        return None
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    if expiry is not None:
        properties.MessageExpiryInterval = max(0, min(expiry, _MAX_EXPIRY))
    if response_topic is not None:
        properties.ResponseTopic = response_topic
    if correlation is not None:
        properties.CorrelationData = correlation
    return properties
