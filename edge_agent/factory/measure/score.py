"""A model as the daemon would run it, in PyTorch: the daemon's own decoder over a quick network.

Several sentences are read at once, each in a lane of its own, and the steps of all lanes are
computed as one batch. It does not know what the sentences are, nor what is right.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from edge_agent.errors import FactoryError, ModelError
from edge_agent.factory.examples.vocabulary import TokenVocabulary
from edge_agent.factory.measure.usage import UNCALIBRATED, usage_of
from edge_agent.factory.network.base import load_base
from edge_agent.factory.network.checkpoint import load_checkpoint
from edge_agent.factory.network.net import Shape, Weights
from edge_agent.factory.network.slots import Feed, Network
from edge_agent.language.interpreter import Interpreter
from edge_agent.language.prompt import CANDIDATES
from edge_agent.models import Usage
from edge_agent.service.tokens import TokenModel
from edge_agent.slm.model import Model
from edge_agent.slm.tokenizer import Tokenizer

LANES = 8
_PHRASES = 300_000
_T = TypeVar("_T")
_R = TypeVar("_R")


class _Batcher:
    """Lets several threads step through one network together.

    One thread alone computes, the one that serves: PyTorch keeps a pool of threads for each
    thread that computes, and several pools on one processor are in each other's way.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.change = threading.Condition()
        """Notified whenever a step is wanted or done, or a thread has ended."""
        self.active = 0
        """Threads that are reading."""
        self._waiting: list[Feed] = []
        self._found: dict[int, NDArray[np.float32] | Exception] = {}

    def step(self, feed: Feed) -> NDArray[np.float32]:
        """The logits of a feed; waits until every thread that reads has one."""
        with self.change:
            self._waiting.append(feed)
            self.change.notify_all()
            while feed.lane not in self._found:
                self.change.wait()
            found = self._found.pop(feed.lane)
        if isinstance(found, Exception):
            raise found
        return found

    def serve(self, enough: Callable[[], bool]) -> None:
        """Computes steps until there is enough; `change` must be held."""
        while not enough():
            if not self._waiting or len(self._waiting) < self.active:
                self.change.wait()
                continue
            feeds, self._waiting = self._waiting, []
            try:
                logits: Sequence[NDArray[np.float32] | Exception] = self.network.run(feeds)
            except Exception as error:
                # Every thread has to hear of it, or it waits for ever.
                logits = [error] * len(feeds)
            self._found.update((feed.lane, row) for feed, row in zip(feeds, logits, strict=True))
            self.change.notify_all()


@dataclass(frozen=True, slots=True)
class Lane:
    """The `Step` of one lane."""

    number: int
    _batcher: _Batcher

    @property
    def n_ctx(self) -> int:
        """How many slots the cache has."""
        return self._batcher.network.n_ctx

    @property
    def vocab_size(self) -> int:
        """How many logits a row has."""
        return self._batcher.network.shape.vocab_size

    @property
    def max_tokens(self) -> int:
        """The most tokens that one step takes."""
        return self.n_ctx

    def step(
        self,
        tokens: Sequence[int],
        positions: Sequence[int],
        visible: NDArray[np.bool_],
        start_slot: int,
        rows: Sequence[int],
    ) -> NDArray[np.float32]:
        """The logits after some of the tokens; see `Step`."""
        if not tokens or start_slot + len(tokens) > self.n_ctx:
            raise ModelError(
                f"a step of {len(tokens)} tokens at slot {start_slot}: legal are 1 or more that "
                f"end by slot {self.n_ctx}"
            )
        return self._batcher.step(Feed(self.number, tokens, positions, visible, start_slot, rows))

    def recall(self, _tokens: Sequence[int]) -> bool:
        """Nothing is kept."""
        return False

    def keep(self, _tokens: Sequence[int]) -> None:
        """Keeps nothing."""

    def warm(self) -> None:
        """There is nothing to compile."""


class _Remembering(TokenModel):
    """A language model that encodes the phrases of a grammar once: homes say them again and again.

    They are the same in every lane, so the lanes share what they remember.
    """

    def __init__(self, model: Model, known: dict[str, Sequence[int]]) -> None:
        super().__init__(model)
        self._known = known

    def encode(self, text: str, /) -> Sequence[int]:
        found = self._known.get(text)
        if found is None:
            if len(self._known) > _PHRASES:
                self._known.clear()
            found = self._known[text] = super().encode(text)
        return found


class Engine:
    """A model that reads many sentences quickly, each exactly as the daemon would."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        usage: Usage,
        shape: Shape,
        weights: Weights,
        *,
        name: str = "model",
        path: Path = Path(),
        lanes: int = LANES,
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Prepares `lanes` readers over one network."""
        self.name = name
        self.usage = usage
        network = Network(shape, weights, lanes=lanes, device=device, dtype=dtype)
        self._batcher = _Batcher(network)
        known: dict[str, Sequence[int]] = {}
        self.models: tuple[TokenModel, ...] = tuple(
            _Remembering(Model(name, path, "", {}, tokenizer, Lane(number, self._batcher)), known)
            for number in range(lanes)
        )
        """The language model of each lane, as the interpreter wants it."""

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        vocabulary: Path | None = None,
        lanes: int = LANES,
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> Self:
        """An engine for a GGUF file, or for a checkpoint and the vocabulary that goes with it.

        Raises:
            ModelError: The GGUF file is damaged, or nobody says how it is asked.
            FactoryError: The checkpoint is damaged, or its vocabulary is not given.
        """
        if path.suffix == ".gguf":
            shape, weights, file = load_base(path)
            tokenizer = Tokenizer.from_gguf(file.metadata)
            usage = usage_of(file.metadata, path)
            name = str(file.metadata.get("general.name") or path.stem)
        else:
            if vocabulary is None:
                raise FactoryError(f"{path}: a checkpoint needs its vocabulary as well")
            found = load_checkpoint(path)
            shape, weights = found.shape, dict(found.weights)
            tokenizer = TokenVocabulary.load(vocabulary).tokenizer()
            if tokenizer.vocab_size != shape.vocab_size:
                raise FactoryError(
                    f"{vocabulary}: has {tokenizer.vocab_size} tokens, the network of {path} "
                    f"{shape.vocab_size}"
                )
            usage, name = Usage(CANDIDATES, UNCALIBRATED), path.stem
        return cls(
            tokenizer,
            usage,
            shape,
            weights,
            name=name,
            path=path,
            lanes=lanes,
            device=device,
            dtype=dtype,
        )

    def read_all(self, items: Iterable[_T], read: Callable[[Interpreter, _T], _R]) -> Iterator[_R]:
        """What `read` makes of each item, in order; as many at once as there are lanes.

        Args:
            items: What is read, sentences for example; taken ahead of what is asked for.
            read: Called in threads with the interpreter of a lane and an item.

        Raises:
            Exception: What `read` raises; no further item is begun then.
        """
        work = _Work(enumerate(items), read, self._batcher)
        for model in self.models:
            reader = Interpreter(model, self.usage.prompt, self.usage.calibration)
            work.start(reader)
        try:
            yield from work.results()
        finally:
            work.stop()


class _Work(Generic[_T, _R]):
    """The threads of one `read_all`."""

    def __init__(
        self,
        items: Iterator[tuple[int, _T]],
        read: Callable[[Interpreter, _T], _R],
        batcher: _Batcher,
    ) -> None:
        self._items = items
        self._read = read
        self._batcher = batcher
        self._found: dict[int, _R] = {}
        self._failed: Exception | None = None
        self._stopped = False
        self._taking = threading.Lock()  # making an item takes its time, computing goes on
        self._threads: list[threading.Thread] = []

    def start(self, reader: Interpreter) -> None:
        """Begin to take items with one more reader."""
        with self._batcher.change:
            self._batcher.active += 1
        thread = threading.Thread(target=self._run, args=(reader,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        """Begin no further item, and wait for those that were begun."""
        with self._batcher.change:
            self._stopped = True
            self._batcher.serve(lambda: not self._batcher.active)
        for thread in self._threads:
            thread.join()

    def results(self) -> Iterator[_R]:
        """What was read, in order."""
        index = 0
        while True:
            with self._batcher.change:
                self._batcher.serve(partial(self._is_decided, index))
                if self._failed is not None:
                    raise self._failed
                if index not in self._found:
                    return
                found = self._found.pop(index)
            yield found
            index += 1

    def _is_decided(self, index: int) -> bool:
        over = self._failed is not None or not self._batcher.active
        return over or index in self._found

    def _run(self, reader: Interpreter) -> None:
        change = self._batcher.change
        try:
            while (job := self._next()) is not None:
                index, item = job
                found = self._read(reader, item)
                with change:
                    self._found[index] = found
                    change.notify_all()
        except Exception as error:
            with change:
                self._failed = self._failed or error
        finally:
            with change:
                self._batcher.active -= 1
                change.notify_all()

    def _next(self) -> tuple[int, _T] | None:
        with self._taking:
            if self._stopped or self._failed is not None:
                return None
            return next(self._items, None)
