"""Turns what went wrong with a connection into a sentence for a person, with the way out."""

import socket
import ssl
from typing import Final

from edge_agent.errors import EdgeAgentError
from edge_agent.mqtt.settings import BrokerSettings

TAKEN_OVER: Final = 0x8E
UNSUPPORTED_VERSION: Final = 0x84
KEEPALIVE_TIMEOUT: Final = 0x8D

# MQTT 5, 2.4; paho translates the codes of 3.1.1 into these.
_REASONS: Final = {
    UNSUPPORTED_VERSION: "does not speak this version of MQTT (mqtt.protocol)",
    0x85: "does not accept the client id {client_id!r} (mqtt.client_id)",
    0x86: "refused the user name or password (mqtt.username, mqtt.password)",
    0x87: "does not authorize {client}: check its access rules, mqtt.username and mqtt.password",
    0x88: "is not available now",
    0x89: "is too busy now",
    0x8A: "has banned {client}",
    0x8B: "is shutting down",
    KEEPALIVE_TIMEOUT: "gave no sign of life for the keepalive time; the link is cut",
    TAKEN_OVER: "gave our place to another client with the id {client_id!r}: "
    "two agents need two ids (mqtt.client_id)",
    0x95: "found one of our packets too large",
    0x97: "says that a quota is exceeded",
    0x9C: "wants us to use another server",
    0x9D: "has moved to another server",
    0x9F: "says that we connect too often",
}

# X509_V_ERR_* of OpenSSL.
_CERTIFICATE: Final = {
    9: "is not valid yet: check this device's clock",
    10: "has expired: renew it, or check this device's clock",
    18: "is self-signed: name it in mqtt.ca_file",
    19: "was signed by an unknown authority: name its certificate in mqtt.ca_file",
    20: "was signed by an unknown authority: name its certificate in mqtt.ca_file",
    62: "is for another host name than {host!r}",
    64: "is for another address than {host!r}",
}


def explain_error(error: Exception, settings: BrokerSettings) -> str:
    """Return why a connection could not be opened, as a sentence."""
    place = f"{settings.host}:{settings.port}"
    match error:
        case EdgeAgentError():
            return str(error)
        case socket.gaierror():
            return f"the name {settings.host!r} in mqtt.url cannot be resolved: {error.strerror}"
        case ConnectionRefusedError():
            return f"nothing listens at {place}: is the broker running?"
        case TimeoutError():
            return f"{place} did not answer within {settings.connect_timeout:g} s"
        case ssl.SSLCertVerificationError():
            detail = _CERTIFICATE.get(error.verify_code, f"is refused: {error.verify_message}")
            return f"the certificate of {place} {detail.format(host=settings.host)}"
        case ssl.SSLError():
            return f"TLS with {place} failed: {error.reason or error}"
        case OSError():
            return f"{place} cannot be reached: {error.strerror or error}"
        case _:
            return f"{place} sent something that is not MQTT: {type(error).__name__}"


def explain_code(code: int, settings: BrokerSettings) -> str:
    """Return what a broker said with an MQTT 5 reason code, as a sentence."""
    user = f"user {settings.username!r}" if settings.username else "anonymous clients"
    said = _REASONS.get(code, f"ended the connection (reason 0x{code:02X})")
    return f"the broker at {settings.host}:{settings.port} " + said.format(
        client_id=settings.client_id, client=user
    )
