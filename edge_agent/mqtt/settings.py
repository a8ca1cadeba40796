"""Which broker, as whom, and how patiently; checked before the first packet."""

import ssl
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import unquote, urlsplit, urlunsplit

from edge_agent.errors import ConfigError

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_PROTOCOLS: Final = ("auto", "5", "3.1.1")


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """How to reach the broker; a user and password in the URL move to their own fields.

    Raises:
        ConfigError: A value cannot be used; the text names its key and the legal values.
    """

    client_id: str
    url: str = "mqtt://127.0.0.1:1883"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    keepalive: int = 30  # seconds
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    connect_timeout: float = 10.0  # seconds until the broker must have answered
    backoff_min: float = 1.0  # seconds
    backoff_max: float = 60.0  # seconds
    host: str = field(init=False)
    port: int = field(init=False)
    tls: bool = field(init=False)

    def __post_init__(self) -> None:
        self._split_url()
        if not 0 < len(self.client_id.encode("utf-8", "replace")) <= 128 or not (
            self.client_id.isprintable()
        ):
            raise ConfigError("mqtt.client_id: must be 1 to 128 printable characters")
        if not 5 <= self.keepalive <= 3600:
            raise ConfigError(f"mqtt.keepalive: {self.keepalive} is not within 5..3600 seconds")
        if self.protocol not in _PROTOCOLS:
            raise ConfigError(f"mqtt.protocol: {self.protocol!r} is not one of auto, 5, 3.1.1")
        if self.connect_timeout <= 0:
            raise ConfigError("mqtt.connect_timeout: must be more than 0 seconds")
        if not self.backoff_max > 0:
            raise ConfigError("mqtt.backoff_max: must be more than 0 seconds")
        if not 0 < self.backoff_min <= self.backoff_max:
            raise ConfigError("mqtt.backoff_min: must be more than 0 and at most mqtt.backoff_max")
        if self.password is not None and self.username is None:
            raise ConfigError("mqtt.password: needs mqtt.username")
        if self.key_file is not None and self.cert_file is None:
            raise ConfigError("mqtt.key_file: needs mqtt.cert_file")
        if not self.tls and (self.ca_file or self.cert_file):
            raise ConfigError("mqtt.url: certificates are only for mqtts://HOST[:PORT]")

    def tls_context(self) -> ssl.SSLContext:
        """Return a fresh TLS context, so that renewed certificates are used on reconnecting.

        Raises:
            ConfigError: A certificate file cannot be read.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise ConfigError(f"mqtt.ca_file: {self.ca_file}: {_reason(error)}") from error
        context.sslsocket_class = _TlsSocket
        if self.cert_file is not None:
            # Without a password function OpenSSL would ask on the terminal.
            try:
                context.load_cert_chain(self.cert_file, self.key_file, password=lambda: "")
            except (OSError, ValueError) as error:
                files = " with mqtt.key_file " + self.key_file if self.key_file else ""
                raise ConfigError(
                    f"mqtt.cert_file: {self.cert_file}{files}: {_reason(error)}"
                ) from error
        return context

    def _split_url(self) -> None:
        """Fill host, port and tls, and take the user and password out of the URL."""
        legal = "legal: mqtt://HOST[:PORT] or mqtts://HOST[:PORT]"
        try:
            parts = urlsplit(self.url)
            port = parts.port
        except ValueError as error:
            raise ConfigError(f"mqtt.url: {error}; {legal}") from error
        if parts.scheme not in _PORTS or not parts.hostname or port == 0:
            raise ConfigError(f"mqtt.url: not the address of a broker; {legal}")
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ConfigError(f"mqtt.url: nothing may follow the port; {legal}")
        if parts.username is not None and self.username is not None:
            raise ConfigError("mqtt.url: has a user name, and so has mqtt.username; give one")

        def put(key: str, value: object) -> None:
            object.__setattr__(self, key, value)

        if parts.username:
            put("username", unquote(parts.username))
        if parts.password is not None:
            put("password", unquote(parts.password))
        netloc = parts.netloc.rpartition("@")[2]
        put("url", urlunsplit((parts.scheme, netloc, "", "", "")))
        put("host", parts.hostname)
        put("port", port or _PORTS[parts.scheme])
        put("tls", parts.scheme == "mqtts")


class _TlsSocket(ssl.SSLSocket):
    """A TLS socket that is closed at once when the peers do not come to terms; paho leaves it."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
