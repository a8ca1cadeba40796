"""The one thread that runs the model, and the daemon's view of how the model is.

The event loop only ever awaits; a model that cannot be loaded leaves the daemon running and says
why.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from edge_agent.core.entity import Area
from edge_agent.core.registry import Registry
from edge_agent.errors import EdgeAgentError, ModelError
from edge_agent.language.interpreter import Before, Interpreter, Reading
from edge_agent.language.vocabulary import Vocabulary
from edge_agent.service.notify import Watchdog

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that is ready to read."""

    name: str
    sha256: str
    interpreter: Interpreter
    engine: str = ""
    """How the network is computed, for people."""
    remark: str | None = None
    """Why that is slower than it could be; None where it is not."""


class Worker:
    """Loads the model once and reads sentences, one at a time, in its own thread."""

    def __init__(self, load: Callable[[], Loaded], watchdog: Watchdog) -> None:
        """Keeps the loader; nothing is loaded yet."""
        self.problem: str | None = "the language model is still loading"
        self.model: Loaded | None = None
        self._load = load
        self._watchdog = watchdog
        self._vocabulary: Vocabulary | None = None
        self._stopping = False
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        # A daemon thread: the process must not wait for a model that is still being compiled.
        self._thread = threading.Thread(target=self._work, name="decode", daemon=True)

    async def start(self) -> None:
        """Load and warm the model; a failure is kept in `problem`, never raised."""
        self._thread.start()
        try:
            self.model = await self._in_thread(self._loaded)
            self.problem = None
        except Exception as error:  # a foreign file can fail in ways nobody listed
            said = str(error) if isinstance(error, EdgeAgentError) else repr(error)
            self.problem = f"no language model: {said}"

    async def read(
        self,
        text: str,
        registry: Registry,
        area: Area | None,
        cancelled: Callable[[], bool],
        *,
        among: Sequence[str] | None = None,
        before: Before | None = None,
    ) -> Reading:
        """What a sentence means, decoded in the worker's thread.

        Raises:
            ModelError: There is no model, or the decode was cancelled or failed.
        """
        model = self.model
        if model is None:
            raise ModelError(self.problem or "there is no language model")
        return await self._in_thread(
            lambda: self._read(model, text, registry, area, cancelled, among, before)
        )

    def stop(self) -> None:
        """Let the decode that runs end with its next step."""
        self._stopping = True

    def _work(self) -> None:
        while True:
            self._jobs.get()()

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[_T] = loop.create_future()

        def settle(settle_with: Callable[[Any], None], outcome: object) -> None:
            if not done.done():
                settle_with(outcome)

        def job() -> None:
            settled: tuple[Callable[[Any], None], object]
            try:
                settled = done.set_result, work()
            except Exception as error:  # handed to whoever awaits
                settled = done.set_exception, error
            with suppress(RuntimeError):  # the loop is closed: nobody awaits any more
                loop.call_soon_threadsafe(settle, *settled)

        self._jobs.put(job)
        return await done

    def _loaded(self) -> Loaded:
        loaded = self._load()
        loaded.interpreter.warm(lambda: self._stopping)
        return loaded

    def _read(
        self,
        model: Loaded,
        text: str,
        registry: Registry,
        area: Area | None,
        cancelled: Callable[[], bool],
        among: Sequence[str] | None,
        before: Before | None,
    ) -> Reading:
        def step() -> bool:
            self._watchdog.beat("decode")
            return self._stopping or cancelled()

        self._watchdog.busy("decode")
        try:
            vocabulary = self._vocabulary
            if vocabulary is None or vocabulary.registry is not registry:
                vocabulary = self._vocabulary = Vocabulary(registry)
            options = None if among is None else vocabulary.named(among)
            return model.interpreter.read(
                text, vocabulary, area, step, among=options, before=before
            )
        finally:
            self._watchdog.idle("decode")
