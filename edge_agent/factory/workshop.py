"""What the stages of a build work with: its folders, its settings, and the machine.

It knows where things are and how they are measured; not what the stages do.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import torch

from edge_agent.errors import FactoryError
from edge_agent.factory.examples.batches import in_order
from edge_agent.factory.examples.packed import Packed
from edge_agent.factory.examples.vocabulary import TokenVocabulary
from edge_agent.factory.firmware import Firmware
from edge_agent.factory.learn.training import (
    CHECKPOINT,
    Machine,
    Score,
    evaluate,
)
from edge_agent.factory.measure.evaluate import Item, judge_case, labels
from edge_agent.factory.measure.judge import Judged
from edge_agent.factory.measure.score import Engine
from edge_agent.factory.network.base import base_path
from edge_agent.factory.network.checkpoint import Checkpoint, load_checkpoint
from edge_agent.factory.network.fast import fast_stack
from edge_agent.factory.network.net import Shape, Transform, in_turn
from edge_agent.factory.network.speed import number_type
from edge_agent.factory.recipe import Recipe
from edge_agent.factory.sentences.bank import Split
from edge_agent.factory.sentences.cases import MIX, World, cases, load_source
from edge_agent.language.vocabulary import Vocabulary

TOKENS, PRUNED = "tokens.json", "report.json"
SUMMARY = "stages.json"
"""The records of all stages together, for the model's card."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a stage came to."""

    bytes: int | None = None
    """Size of the model behind it."""
    before: Mapping[str, float] = field(default_factory=dict)
    """Accuracy of the model as it came in, where the stage changes one."""
    after: Mapping[str, float] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)
    """Everything else worth keeping."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What all stages work with."""

    recipe: Recipe
    firmware: Firmware
    work: Path
    output: Path
    device: torch.device
    processes: int
    clock: Callable[[], float]
    tell: Callable[[str], None]
    """Hears of progress, a line at a time."""
    base: Path | None = None
    """The GGUF file that the model begins as; None for SmolLM2."""

    def folder(self, stage: str) -> Path:
        """Where a stage puts its files."""
        return self.work / stage

    @property
    def base_file(self) -> Path:
        """The GGUF file that the model begins as."""
        return self.base or base_path()

    def machine(self, shape: Shape) -> Machine:
        """What a network of that shape is computed on."""
        return _machine(self.device, shape)

    def vocabulary(self) -> TokenVocabulary:
        """The tokens that were chosen."""
        return TokenVocabulary.load(self.folder("vocabulary") / TOKENS)

    def lines(self, split: Split) -> Sequence[Path]:
        """The files of one split."""
        return sorted(self.folder("data").glob(f"{split}-*.jsonl"))

    def packed(self, split: Split) -> Packed:
        """The packed examples of one split."""
        folders = sorted(self.folder("pack").glob(f"{split}-*[0-9]"))
        if not folders:
            raise FactoryError(f"{self.folder('pack')}: holds no examples of the split {split}")
        return Packed.join([Packed.open(folder) for folder in folders])

    def checkpoint(self, *stages: str) -> Checkpoint:
        """What the last of these stages that has one left."""
        found = [path for stage in stages if (path := self.folder(stage) / CHECKPOINT).exists()]
        if not found:
            raise FactoryError(f"{self.work}: no {CHECKPOINT} of the stages {', '.join(stages)}")
        return load_checkpoint(found[-1])

    def score(
        self,
        checkpoint: Checkpoint,
        transform: Transform | None = None,
        *,
        limit: int | None = None,
    ) -> Score:
        """How well a network predicts the validation set, or some of it."""
        batches = in_order(
            self.packed(Split.CALIBRATE),
            budget=self.recipe.batch_tokens,
            limit=limit or self.recipe.validation,
        )
        return evaluate(checkpoint, batches, self.machine(checkpoint.shape), transform)

    def read(
        self, engine: Engine, split: Split, count: int, mix: Mapping[str, float] = MIX
    ) -> Sequence[Judged]:
        """What a model makes of sentences, of sorts in these shares, about this firmware."""
        found: list[Judged] = []
        for one in engine.read_all(_items(self, split, count, mix), judge_case):
            found.append(one)
            if len(found) % 100 == 0:
                self.tell(f"{len(found)} of {count} sentences")
        return found


@lru_cache(maxsize=4)
def _machine(device: torch.device, shape: Shape) -> Machine:
    # Remembered, since the quick kernels are compiled for it.
    return Machine(device, number_type(device), fast_stack(device, shape) or in_turn)


def _items(shop: Workshop, split: Split, count: int, mix: Mapping[str, float]) -> Iterator[Item]:
    found = cases(
        load_source(),
        split,
        shop.recipe.seed,
        worlds=shop.firmware.worlds(),
        mix=mix,
        a_world=12,
        own=shop.firmware.own(),
    )
    known: tuple[World, Vocabulary] | None = None
    for case, world in islice(found, count):
        if known is None or known[0] is not world:
            known = world, Vocabulary(world.registry)
        yield Item(case, known[1], labels(case, world.sort, ""))


def parameters(checkpoint: Checkpoint) -> int:
    """How many numbers a network has."""
    return sum(weight.numel() for weight in checkpoint.weights.values())


def size_of(checkpoint: Checkpoint) -> int:
    """Bytes of its weights, as they are trained."""
    return sum(weight.nbytes for weight in checkpoint.weights.values())


def accuracy(score: Score) -> dict[str, float]:
    """A score as a record of a stage holds it."""
    return {"loss": round(score.loss, 4), "exact": round(score.exact, 4)}


def make_folder(path: Path) -> None:
    """A folder, with those above it.

    Raises:
        FactoryError: It cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FactoryError(f"{path}: cannot be made: {error.strerror or error}") from error


def write_bytes(path: Path, content: bytes) -> None:
    """A file that is there as a whole or not at all.

    Raises:
        FactoryError: It cannot be written.
    """
    partial = path.with_name(f"{path.name}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise FactoryError(f"{path}: cannot be written: {error.strerror or error}") from error


def write_json(path: Path, content: object) -> None:
    """As `write_bytes`, for a person to read.

    Raises:
        FactoryError: It cannot be written.
    """
    write_bytes(path, msgspec.json.format(msgspec.json.encode(content)) + b"\n")
