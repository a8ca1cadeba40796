"""The real daemon inside another program: in a thread, or as a process that can be measured."""

import asyncio
import functools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from edge_agent.app import App, requester
from edge_agent.config import Config, load_config
from edge_agent.errors import EdgeAgentError
from edge_agent.mqtt.requester import Requester
from edge_agent.service.worker import Loaded

START_TIMEOUT = 600.0
"""Seconds; the first start compiles the model's kernels."""


class AgentThread:
    """A daemon in a thread of this process; a context manager that is ready inside."""

    def __init__(
        self,
        config: Path,
        overrides: Sequence[str],
        load_model: Callable[[], Loaded] | None = None,
    ) -> None:
        """Keeps the configuration; nothing runs yet."""
        self.app: App | None = None
        self._load_model = load_model
        self._config = config
        self._overrides = overrides
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._stop: Callable[[], object] = lambda: None
        self._thread = threading.Thread(target=self._run, name="agent", daemon=True)

    @property
    def requester(self) -> Requester:
        """A client of this agent."""
        return requester(self._config, self._overrides)

    def __enter__(self) -> Self:
        """Start and wait until commands are taken.

        Raises:
            EdgeAgentError: It did not become ready with a model.
        """
        self._thread.start()
        if not self._ready.wait(START_TIMEOUT) or self._error is not None:
            raise EdgeAgentError(f"the agent did not start: {self._error or 'no reason known'}")
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self._stop()
        self._thread.join(5)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._error = error
            self._ready.set()

    async def _serve(self) -> None:
        def config_again() -> Config:
            return load_config(self._config, self._overrides)

        self.app = app = App(config_again(), config_again, self._load_model)
        loop, stopping = asyncio.get_running_loop(), asyncio.Event()
        self._stop = functools.partial(loop.call_soon_threadsafe, stopping.set)

        def ready(_line: str) -> None:
            if app.worker.problem:
                self._error = EdgeAgentError(app.worker.problem)
            self._ready.set()

        await app.serve(ready, stopping)


class AgentProcess:
    """A daemon as its own process; a context manager that is ready inside."""

    def __init__(
        self, config: Path, overrides: Sequence[str], environ: Mapping[str, str] = os.environ
    ) -> None:
        """Keeps the configuration; nothing runs yet."""
        self.ready_line = ""
        self.seconds_to_ready = 0.0
        self._config = config
        self._overrides = overrides
        self._environ = dict(environ)
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """The process id; 0 before the start."""
        return self._process.pid if self._process else 0

    @property
    def requester(self) -> Requester:
        """A client of this agent."""
        return requester(self._config, self._overrides)

    def __enter__(self) -> Self:
        """Start and wait for the line that says it is ready.

        Raises:
            EdgeAgentError: It ended instead.
        """
        sets = [part for override in self._overrides for part in ("--set", override)]
        started = time.monotonic()
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "edge_agent.cli", "run", "--config", str(self._config), *sets],
            stdout=subprocess.PIPE,
            text=True,
            env=self._environ,
        )
        assert self._process.stdout is not None  # noqa: S101 - narrows the type
        self.ready_line = self._process.stdout.readline().strip()
        self.seconds_to_ready = time.monotonic() - started
        if not self.ready_line:
            raise EdgeAgentError(f"the daemon ended with exit code {self._process.wait()}")
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it, by force if it does not go."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def rss_bytes(self) -> int:
        """Its resident memory."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGESIZE")

    def cpu_seconds(self) -> float:
        """The processor time that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2]
        user, system = fields.split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
