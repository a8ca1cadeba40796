"""The real broker of the tests: mosquitto, on a port and in a folder of its own."""

import datetime as dt
import ipaddress
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Certificates:
    """Throw-away files: one authority, a server's and a client's certificate from it."""

    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path


class Mosquitto:
    """A mosquitto process that can be killed and started again on the same port."""

    def __init__(self, folder: Path, port: int, config: list[str], *, tls: bool) -> None:
        self.port = port
        self.url = f"{'mqtts' if tls else 'mqtt'}://{HOST}:{port}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "mosquitto.conf").write_text("\n".join(config) + "\n")

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")

    def start(self) -> None:
        """Start and wait until it listens."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [_mosquitto_path(), "-c", "mosquitto.conf"],
                cwd=self._folder,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self._process.poll() is None:
            with suppress(OSError), socket.create_connection((HOST, self.port), timeout=1):
                return
            time.sleep(0.01)
        self.stop()
        pytest.fail(f"mosquitto did not start:\n{self.log}")

    def kill(self) -> None:
        """Kill it without a word, as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def restart(self) -> None:
        self.kill()
        self.start()

    def pause(self) -> None:
        """Keep its connections open but answer nothing: a half-open link."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        self._process.send_signal(signal.SIGCONT)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


@pytest.fixture
def start_mosquitto(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., Mosquitto]]:
    """Return a function that starts a broker; all end with the test.

    Its arguments: `users` {name: password} (none: anyone may connect), `acl` text of an ACL file,
    `certificates` for TLS, `client_certificates=True` to demand one, `extra` lines of config.
    """
    brokers: list[Mosquitto] = []

    def start(
        *,
        users: dict[str, str] | None = None,
        acl: str | None = None,
        certificates: Certificates | None = None,
        client_certificates: bool = False,
        extra: list[str] | None = None,
    ) -> Mosquitto:
        folder = tmp_path_factory.mktemp("mosquitto")
        port = free_port()
        config = [
            f"listener {port} {HOST}",
            f"allow_anonymous {'false' if users else 'true'}",
            "persistence false",
            "log_type all",
            *(extra or []),
        ]
        if os.geteuid() == 0:
            config.append("user root")  # it would give up the right to read its files
        if users:
            lines = [f"{name}:{password}\n" for name, password in users.items()]
            (folder / "users").write_text("".join(lines))
            subprocess.run(["mosquitto_passwd", "-U", folder / "users"], check=True)
            config.append(f"password_file {folder / 'users'}")
        if acl is not None:
            (folder / "acl").write_text(acl)
            (folder / "acl").chmod(0o600)
            config.append(f"acl_file {folder / 'acl'}")
        if certificates is not None:
            config += [
                f"cafile {certificates.ca}",
                f"certfile {certificates.server}",
                f"keyfile {certificates.server_key}",
                f"require_certificate {'true' if client_certificates else 'false'}",
            ]
        broker = Mosquitto(folder, port, config, tls=certificates is not None)
        brokers.append(broker)
        broker.start()
        return broker

    yield start
    for broker in brokers:
        broker.kill()


@pytest.fixture
def mosquitto(start_mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    """Return a running broker that takes anyone."""
    return start_mosquitto()


@pytest.fixture
def make_certificates(tmp_path: Path) -> Callable[..., Certificates]:
    """Return a function that makes certificates; `days` is how long the server's is valid."""

    def make(*, days: float = 1.0, host: str = HOST) -> Certificates:
        folder = tmp_path / f"certificates-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        ca_key = ec.generate_private_key(ec.SECP256R1())
        ca = _certificate("test authority", ca_key, ca_key, "test authority", days=1.0)
        server_key = ec.generate_private_key(ec.SECP256R1())
        server = _certificate(host, server_key, ca_key, "test authority", days=days)
        client_key = ec.generate_private_key(ec.SECP256R1())
        client = _certificate("client", client_key, ca_key, "test authority", days=1.0)
        return Certificates(
            ca=_pem(folder / "ca.pem", ca),
            server=_pem(folder / "server.pem", server),
            server_key=_pem(folder / "server.key", server_key),
            client=_pem(folder / "client.pem", client),
            client_key=_pem(folder / "client.key", client_key),
        )

    return make


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _mosquitto_path() -> str:
    path = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if path is None:
        pytest.fail("mosquitto is missing: run ./install.sh test, or apt-get install mosquitto")
    return path


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    issuer: str,
    *,
    days: float,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    authority = name == issuer
    try:
        alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        alternative = x509.DNSName(name.replace(" ", "-"))
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=2))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
        .sign(issuer_key, hashes.SHA256())
    )


def _pem(path: Path, thing: x509.Certificate | ec.EllipticCurvePrivateKey) -> Path:
    if isinstance(thing, x509.Certificate):
        path.write_bytes(thing.public_bytes(serialization.Encoding.PEM))
    else:
        path.write_bytes(
            thing.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
    return path
