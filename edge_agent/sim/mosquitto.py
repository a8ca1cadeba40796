"""The mosquitto of this machine, as it is installed, on a free port and for this process alone.

Measurements take it where it is there: the broker in `sim.broker` looks at every subscription of a
thousand devices for each message, which no user's broker does.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

from edge_agent.errors import MqttError
from edge_agent.sim.broker import HOST, EmbeddedBroker

_PLACES = ("/usr/sbin", "/usr/local/sbin")
"""Where Debian and Homebrew put it, beside the PATH."""
_PATIENCE = 10.0
"""Seconds that it may take to listen."""


def a_broker() -> "InstalledBroker | EmbeddedBroker":
    """The broker of this machine where there is one, else our own; not started yet."""
    program = _program()
    return EmbeddedBroker() if program is None else InstalledBroker(program)


class InstalledBroker:
    """A mosquitto that anybody on this machine may use, with its own defaults."""

    def __init__(self, program: str) -> None:
        """Starts nothing yet."""
        self.url = ""
        """Where it listens, once it is started."""
        self._program = program
        self._ends = ExitStack()

    def __enter__(self) -> Self:
        """Listen; MqttError where it does not."""
        folder = Path(self._ends.enter_context(tempfile.TemporaryDirectory()))
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
        config = folder / "mosquitto.conf"
        lines = [f"listener {port} {HOST}", "allow_anonymous true", "persistence false"]
        if os.geteuid() == 0:
            lines.append("user root")  # else it becomes a user who may not read its file
        config.write_text("\n".join(lines) + "\n")
        process = subprocess.Popen(  # noqa: S603 - the broker that this machine has installed
            [self._program, "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._ends.callback(process.wait, _PATIENCE)
        self._ends.callback(process.terminate)
        deadline = time.monotonic() + _PATIENCE
        while process.poll() is None and time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
                self.url = f"mqtt://{HOST}:{port}"
                return self
            time.sleep(0.02)
        self._ends.close()
        raise MqttError(f"{self._program} does not listen on {HOST}:{port}")

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._ends.close()


def _program() -> str | None:
    return shutil.which("mosquitto", path=os.pathsep.join((os.environ.get("PATH", ""), *_PLACES)))
