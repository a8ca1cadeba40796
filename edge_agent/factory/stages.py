"""The stages of making a model: each reads what those before it wrote and writes into its folder.

It does not know in which order they run, nor which are done; `build` does.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec
import torch

from edge_agent.core.entity import Risk
from edge_agent.errors import FactoryError
from edge_agent.factory.bank import Split
from edge_agent.factory.base import base_path, load_base
from edge_agent.factory.batches import in_order
from edge_agent.factory.calibrate import calibrate
from edge_agent.factory.cases import World, cases, load_source
from edge_agent.factory.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from edge_agent.factory.data import corpus, pack, write_lines
from edge_agent.factory.evaluate import Item, judge_case, labels
from edge_agent.factory.export import Exported, Label, export_model
from edge_agent.factory.fast import fast_stack
from edge_agent.factory.firmware import Firmware, bank_digest
from edge_agent.factory.judge import Judged
from edge_agent.factory.net import Shape, Transform, in_turn
from edge_agent.factory.packed import Packed, vocabulary_name
from edge_agent.factory.prune import cut_vocabulary, prune
from edge_agent.factory.recipe import Recipe
from edge_agent.factory.report import summarise
from edge_agent.factory.schedule import Budget, Schedule
from edge_agent.factory.score import Engine
from edge_agent.factory.speed import number_type
from edge_agent.factory.train import starting_point
from edge_agent.factory.training import (
    CHECKPOINT,
    Machine,
    Objective,
    Run,
    Score,
    Settings,
    evaluate,
)
from edge_agent.factory.usage import UNCALIBRATED
from edge_agent.factory.vocabulary import TokenVocabulary, choose_vocabulary
from edge_agent.language.interpreter import Calibration
from edge_agent.language.prompt import CANDIDATES
from edge_agent.language.vocabulary import Vocabulary
from edge_agent.models import calibration_json, read_calibration
from edge_agent.slm.gguf import open_gguf

TOKENS, CALIBRATION, REPORT = "tokens.json", "calibration.json", "report.json"
CAUTIOUS = Calibration(0.0, 1.0, dict.fromkeys(Risk, 0.9999), 0.4)
"""For a model whose scores nobody can judge: it asks back whatever it understood."""
_VALIDATION_SEED = 1_000_000
"""Far from the seeds of the parts of the training data."""


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

    def score(self, checkpoint: Checkpoint, transform: Transform | None = None) -> Score:
        """How well a network predicts the validation set."""
        batches = in_order(
            self.packed(Split.CALIBRATE),
            budget=self.recipe.batch_tokens,
            limit=self.recipe.validation,
        )
        return evaluate(checkpoint, batches, self.machine(checkpoint.shape), transform)

    def read(self, engine: Engine, split: Split, count: int) -> Sequence[Judged]:
        """What a model makes of sentences about worlds of this firmware."""
        found: list[Judged] = []
        for one in engine.read_all(_items(self, split, count), judge_case):
            found.append(one)
            if len(found) % 100 == 0:
                self.tell(f"{len(found)} of {count} sentences")
        return found


@lru_cache(maxsize=4)
def _machine(device: torch.device, shape: Shape) -> Machine:
    # Remembered, since the quick kernels are compiled for it.
    return Machine(device, number_type(device), fast_stack(device, shape) or in_turn)


def _items(shop: Workshop, split: Split, count: int) -> Iterator[Item]:
    found = cases(
        load_source(),
        split,
        shop.recipe.seed,
        worlds=shop.firmware.worlds(),
        a_world=12,
        own=shop.firmware.own(),
    )
    known: tuple[World, Vocabulary] | None = None
    for case, world in islice(found, count):
        if known is None or known[0] is not world:
            known = world, Vocabulary(world.registry)
        yield Item(case, known[1], labels(case, world.sort, ""))


def data(shop: Workshop) -> Result:
    """Invents cases: files of lines to learn from, and a set to watch the learning."""
    recipe = shop.recipe
    parts = -(-recipe.examples // recipe.part)
    sets = (
        (Split.TRAIN, recipe.seed, recipe.examples, parts),
        (Split.CALIBRATE, recipe.seed + _VALIDATION_SEED, recipe.validation, 1),
    )
    for split, seed, count, files in sets:
        write_lines(
            shop.folder("data"),
            split,
            seed=seed,
            count=count,
            parts=files,
            processes=shop.processes,
            make=shop.firmware,
            tell=shop.tell,
        )
    return Result(
        figures={
            "examples": recipe.examples,
            "validation": recipe.validation,
            "seed": recipe.seed,
            "worlds": dict(shop.firmware.worlds()),
            "bank": bank_digest(),
        }
    )


def vocabulary(shop: Workshop) -> Result:
    """Chooses the tokens that such sentences need."""
    recipe = shop.recipe
    files = shop.lines(Split.TRAIN)[: -(-recipe.corpus // recipe.part)]
    base = open_gguf(shop.base_file)
    chosen = choose_vocabulary(base.metadata, corpus(files), size=recipe.vocabulary)
    chosen.save(shop.folder("vocabulary") / TOKENS)
    return Result(figures={"tokens": len(chosen.tokens), "kept": len(chosen.kept)})


def _pack(job: tuple[Path, Path, Path, int]) -> int:
    source, target, tokens, longest = job
    return pack([source], target, TokenVocabulary.load(tokens), longest=longest)


def packing(shop: Workshop) -> Result:
    """Turns the lines into tokens; files that are packed already are kept."""
    tokens = shop.folder("vocabulary") / TOKENS
    files = [*shop.lines(Split.TRAIN), *shop.lines(Split.CALIBRATE)]
    jobs = [
        (file, target, tokens, shop.recipe.longest)
        for file in files
        if not (target := shop.folder("pack") / file.stem).exists()
    ]
    left_out = 0
    if shop.processes > 1 and len(jobs) > 1:
        with ProcessPoolExecutor(shop.processes, mp_context=get_context("spawn")) as pool:
            for done, count in enumerate(pool.map(_pack, jobs), 1):
                left_out += count
                shop.tell(f"{jobs[done - 1][0].stem} ({done}/{len(jobs)})")
    else:
        for done, job in enumerate(jobs, 1):
            left_out += _pack(job)
            shop.tell(f"{job[0].stem} ({done}/{len(jobs)})")
    found = shop.packed(Split.TRAIN).meta
    return Result(
        figures={"examples": found.examples, "tokens": found.tokens, "too_long": left_out}
    )


def pruning(shop: Workshop) -> Result:
    """Cuts the base model: our tokens alone, then the layers and neurons that matter."""
    recipe, chosen = shop.recipe, shop.vocabulary()
    shape, weights, _ = load_base(shop.base_file)
    shape, weights = cut_vocabulary(shape, weights, chosen.kept, chosen.added)
    meta = {"vocabulary": vocabulary_name(chosen.tokens)}
    before = shop.score(Checkpoint(shape, weights, meta=meta))
    examples = in_order(shop.packed(Split.TRAIN), budget=4096, limit=recipe.measured)
    shape, weights, report = prune(
        shape,
        weights,
        list(examples),
        layers=recipe.layers,
        ffn=recipe.ffn,
        dtype=number_type(torch.device("cpu")),
    )
    pruned = Checkpoint(shape, weights, meta=meta)
    save_checkpoint(shop.folder("prune") / CHECKPOINT, pruned)
    text = msgspec.json.format(msgspec.json.encode(report))
    write_bytes(shop.folder("prune") / "report.json", text)
    return Result(
        bytes=size_of(pruned),
        before=_accuracy(before),
        after=_accuracy(shop.score(pruned)),
        figures={"layers": report["layers"], "ffn": recipe.ffn, "parameters": parameters(pruned)},
    )


def training(shop: Workshop) -> Result:
    """Trains the pruned model to translate sentences."""
    recipe = shop.recipe
    return learn(
        shop,
        "train",
        shop.folder("prune") / CHECKPOINT,
        minutes=recipe.train_minutes,
        rate=recipe.train_rate,
    )


def learn(
    shop: Workshop,
    stage: str,
    start: Path,
    *,
    minutes: float,
    rate: float,
    objective: Objective | None = None,
    transform: Transform | None = None,
    decay: float = 0.25,
) -> Result:
    """Trains a checkpoint for some minutes; a run that was killed goes on.

    Args:
        shop: What it works with.
        stage: The folder of the run.
        start: The checkpoint that it begins from.
        minutes: How long.
        rate: The learning rate at its peak.
        objective: What it learns; the written output where None.
        transform: What the weights become before they are used.
        decay: The last share of the time, in which the rate falls.
    """
    recipe, out = shop.recipe, shop.folder(stage)
    begun = load_checkpoint(start)
    before = shop.score(begun, transform)
    own = out / CHECKPOINT
    if own.exists():
        trained = load_checkpoint(own, shape=begun.shape)
    if not own.exists() or not trained.meta.get("finished"):
        run = Run(
            Settings(
                budget=Budget(minutes=minutes),
                schedule=Schedule(rate, warmup=recipe.warmup, decay=decay),
                batch_tokens=recipe.batch_tokens,
                seed=recipe.seed,
                checkpoint_minutes=min(5.0, max(minutes / 4, 0.5)),
                validate_minutes=max(minutes / 8, 1.0),
                validation_examples=min(recipe.validation, 1000),
            ),
            starting_point(out, start),
            shop.packed(Split.TRAIN),
            shop.machine(begun.shape),
            out=out,
            validation=shop.packed(Split.CALIBRATE),
            objective=objective,
            transform=transform,
            clock=shop.clock,
            say=shop.tell,
        )
        trained = run.run()
    return Result(
        bytes=size_of(trained),
        before=_accuracy(before),
        after=_accuracy(shop.score(trained, transform)),
        figures={
            "trained_minutes": round(float(trained.meta["minutes"]), 2),
            "examples": int(trained.meta["examples"]),
            "tokens": trained.tokens,
            "steps": trained.step,
        },
    )


def calibrating(shop: Workshop) -> Result:
    """Fits what scores are worth on sentences it never saw, with the weights as they will be."""
    folder = shop.folder("calibrate")
    raw = folder / "raw.gguf"
    _export(shop, raw, UNCALIBRATED)
    engine = Engine.load(raw, device=shop.device)
    judged = shop.read(engine, Split.CALIBRATE, shop.recipe.calibrate_cases)
    raw.unlink()
    try:
        found, problem = calibrate(judged), ""
    except FactoryError as error:
        # A model that nobody can judge is still a model: one that asks before it acts.
        found, problem = CAUTIOUS, str(error)
        shop.tell(f"{problem}; the model will ask before it acts")
    write_bytes(folder / CALIBRATION, calibration_json(found).encode() + b"\n")
    right = sum(one.right for one in judged) / max(len(judged), 1)
    return Result(
        after={"understood": round(right, 4)},
        figures={"cases": len(judged), "calibrated": not problem, "bias": round(found.bias, 3)},
    )


def exporting(shop: Workshop) -> Result:
    """Writes the model file."""
    file = shop.folder("calibrate") / CALIBRATION
    try:
        calibration = read_calibration(file.read_bytes())
    except (OSError, ValueError) as error:
        raise FactoryError(f"{file}: {error}") from error
    done = _export(shop, shop.output, calibration)
    return Result(bytes=done.bytes, figures={"file": done.path.name, "sha256": done.sha256})


def _export(shop: Workshop, path: Path, calibration: Calibration) -> Exported:
    trained, recipe = shop.checkpoint("prune", "train", "quantise"), shop.recipe
    label = Label(
        name=shop.output.stem,
        prompt=CANDIDATES.name,
        calibration=calibration,
        card=(
            f"Turns an English sentence into device commands inside a grammar of the devices that "
            f"exist. Pruned from SmolLM2-135M-Instruct to {trained.shape.layers} layers and "
            f"{trained.shape.hidden_dim} neurons; trained on {recipe.examples} invented cases."
        ),
    )
    return export_model(path, trained.shape, trained.weights, shop.vocabulary(), label)


def evaluating(shop: Workshop) -> Result:
    """Reads sentences that no stage has seen as the daemon would."""
    folder = shop.folder("evaluate")
    engine = Engine.load(shop.output, device=shop.device)
    began = shop.clock()
    judged = shop.read(engine, Split.TEST, shop.recipe.test_cases)
    report = summarise(
        judged,
        engine.usage.calibration,
        name=engine.name,
        seed=shop.recipe.seed,
        seconds=shop.clock() - began,
    )
    write_bytes(folder / REPORT, msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    right = sum(one.right for one in judged) / max(len(judged), 1)
    return Result(after={"understood": round(right, 4)}, figures={"cases": len(judged)})


def parameters(checkpoint: Checkpoint) -> int:
    """How many numbers a network has."""
    return sum(weight.numel() for weight in checkpoint.weights.values())


def size_of(checkpoint: Checkpoint) -> int:
    """Bytes of its weights, as they are trained."""
    return sum(weight.nbytes for weight in checkpoint.weights.values())


def _accuracy(score: Score) -> dict[str, float]:
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
