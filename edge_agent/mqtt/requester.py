"""The other end of the contract: says sentences to a running daemon and waits for its answers.

Used by the command line, the demo and the bench. Knows the agent's topics and nothing else of it.
"""

import json
import ssl
import threading
import time
import uuid
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.errors import MqttError
from edge_agent.mqtt.connection import acknowledge, no_delay
from edge_agent.mqtt.settings import BrokerSettings

_CONNECT_TIMEOUT = 5.0


class Requester:
    """A client of one agent; a context manager that is connected inside."""

    def __init__(self, settings: BrokerSettings, node: str, *, timeout: float = 60.0) -> None:
        """Prepares the client.

        Args:
            settings: The broker, with a client id of our own.
            node: The agent's id.
            timeout: Seconds to wait for an answer.
        """
        self._settings = settings
        self._base = f"edge-agent/{node}"
        self._timeout = timeout
        self._answers: dict[str, dict[str, Any]] = {}
        self._events: dict[str, list[dict[str, Any]]] = {}
        self._arrived = threading.Condition()
        self._subscribed = threading.Event()
        self._refusal = ""
        # 3.1.1 is enough for a requester, and every broker speaks it.
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id,
            protocol=paho.MQTTv311,
        )
        self._client.on_socket_open = no_delay
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.on_publish = lambda client, *_: acknowledge(client.socket())
        if settings.username is not None:
            self._client.username_pw_set(settings.username, settings.password)
        if settings.tls:
            self._client.tls_set_context(settings.tls_context())

    def __enter__(self) -> Self:
        """Connect and subscribe.

        Raises:
            MqttError: The broker cannot be reached or refuses us.
        """
        where = f"{self._settings.host}:{self._settings.port}"
        try:
            self._client.connect(self._settings.host, self._settings.port, keepalive=30)
        except (OSError, ssl.SSLError) as error:
            raise MqttError(f"the broker at {where} cannot be reached: {error}") from error
        self._client.loop_start()
        if not self._subscribed.wait(_CONNECT_TIMEOUT):
            self.__exit__()
            raise MqttError(f"the broker at {where} refuses us: {self._refusal or 'no answer'}")
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def ask(
        self, text: str, *, area: str | None = None, dry_run: bool = False, **more: object
    ) -> dict[str, Any]:
        """The response to a sentence.

        Raises:
            MqttError: No agent answered in time.
        """
        body: dict[str, object] = {"id": uuid.uuid4().hex, "text": text, "dry_run": dry_run, **more}
        if area is not None:
            body["area"] = area
        return self._exchange("command", body)

    def control(self, operation: str, **more: object) -> dict[str, Any]:
        """The response to a control operation.

        Raises:
            MqttError: No agent answered in time.
        """
        return self._exchange("control", {"id": uuid.uuid4().hex, "op": operation, **more})

    def events(self, request_id: str) -> list[dict[str, Any]]:
        """The events that were seen of a request so far."""
        with self._arrived:
            return list(self._events.get(request_id, ()))

    def _exchange(self, topic: str, body: dict[str, object]) -> dict[str, Any]:
        request_id = str(body["id"])
        deadline = time.monotonic() + self._timeout
        info = self._client.publish(f"{self._base}/{topic}", json.dumps(body), qos=1)
        if info.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise MqttError(f"the request was not sent: {paho.error_string(info.rc)}")
        with self._arrived:
            while request_id not in self._answers:
                if not self._arrived.wait(deadline - time.monotonic()):
                    raise MqttError(
                        f"no agent answered on {self._base}/response within "
                        f"{self._timeout:g} s: is it running, and is its id right?"
                    )
            return self._answers.pop(request_id)

    def _on_connect(
        self, client: paho.Client, _data: Any, _flags: Any, reason: ReasonCode, _more: Any
    ) -> None:
        if reason.is_failure:
            self._refusal = str(reason)
            return
        client.subscribe([(f"{self._base}/response", 1), (f"{self._base}/event", 0)])

    def _on_subscribe(self, *_: Any) -> None:
        self._subscribed.set()

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            body = json.loads(message.payload)
        except ValueError:
            return
        if not isinstance(body, dict) or not isinstance(body.get("id"), str):
            return
        with self._arrived:
            if message.topic.endswith("/event"):
                self._events.setdefault(body["id"], []).append(body)
            else:
                self._answers[body["id"]] = body
            self._arrived.notify_all()
