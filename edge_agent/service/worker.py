"""The one thread that runs the model, and the daemon's view of how the model is.

The event loop only ever awaits; a model that cannot be loaded leaves the daemon running and says
why.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from edge_agent.core.entity import Area
from edge_agent.core.registry import Registry
from edge_agent.errors import EdgeAgentError, ModelError
from edge_agent.language.interpreter import Interpreter, Reading
from edge_agent.language.vocabulary import Vocabulary
from edge_agent.service.notify import Watchdog


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that is ready to read."""

    name: str
    sha256: str
    interpreter: Interpreter


class Worker:
    """Loads the model once and reads sentences, one at a time, in its own thread."""

    def __init__(self, load: Callable[[], Loaded], watchdog: Watchdog) -> None:
        """Keeps the loader; nothing is loaded yet."""
        self.problem: str | None = "the language model is still loading"
        self.model: Loaded | None = None
        self._load = load
        self._watchdog = watchdog
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="decode")
        self._vocabulary: Vocabulary | None = None

    async def start(self) -> None:
        """Load and warm the model; a failure is kept in `problem`, never raised."""
        loop = asyncio.get_running_loop()
        try:
            self.model = await loop.run_in_executor(self._thread, self._loaded)
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
    ) -> Reading:
        """What a sentence means, decoded in the worker's thread.

        Raises:
            ModelError: There is no model, or the decode was cancelled or failed.
        """
        model = self.model
        if model is None:
            raise ModelError(self.problem or "there is no language model")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._thread, self._read, model, text, registry, area, cancelled, among
        )

    def stop(self) -> None:
        """Let the thread end after the step it is in."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _loaded(self) -> Loaded:
        loaded = self._load()
        loaded.interpreter.warm()
        return loaded

    def _read(
        self,
        model: Loaded,
        text: str,
        registry: Registry,
        area: Area | None,
        cancelled: Callable[[], bool],
        among: Sequence[str] | None,
    ) -> Reading:
        def step() -> bool:
            self._watchdog.beat("decode")
            return cancelled()

        self._watchdog.busy("decode")
        try:
            vocabulary = self._vocabulary
            if vocabulary is None or vocabulary.registry is not registry:
                vocabulary = self._vocabulary = Vocabulary(registry)
            options = None if among is None else vocabulary.named(among)
            return model.interpreter.read(text, vocabulary, area, step, among=options)
        finally:
            self._watchdog.idle("decode")
