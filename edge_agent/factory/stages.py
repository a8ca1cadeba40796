"""The stages of making a model: each reads what those before it wrote and writes into its folder.

It does not know in which order they run, nor which are done; `build` does.
"""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import msgspec
import torch

from edge_agent.core.entity import Risk
from edge_agent.errors import FactoryError
from edge_agent.factory.bank import Split
from edge_agent.factory.base import load_base
from edge_agent.factory.batches import in_order
from edge_agent.factory.calibrate import calibrate
from edge_agent.factory.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from edge_agent.factory.data import corpus, pack, write_lines
from edge_agent.factory.export import Exported, Label, export_model
from edge_agent.factory.firmware import bank_digest
from edge_agent.factory.net import Transform
from edge_agent.factory.packed import vocabulary_name
from edge_agent.factory.prune import cut_vocabulary, prune
from edge_agent.factory.report import summarise
from edge_agent.factory.schedule import Budget, Schedule
from edge_agent.factory.score import Engine
from edge_agent.factory.speed import number_type
from edge_agent.factory.train import starting_point
from edge_agent.factory.training import (
    CHECKPOINT,
    Objective,
    Run,
    Settings,
)
from edge_agent.factory.usage import UNCALIBRATED
from edge_agent.factory.vocabulary import TokenVocabulary, choose_vocabulary
from edge_agent.factory.workshop import (
    TOKENS,
    Result,
    Workshop,
    accuracy,
    parameters,
    size_of,
    write_bytes,
)
from edge_agent.language.interpreter import Calibration
from edge_agent.language.prompt import CANDIDATES
from edge_agent.models import calibration_json, read_calibration
from edge_agent.slm.gguf import open_gguf

CALIBRATION, REPORT = "calibration.json", "report.json"
CAUTIOUS = Calibration(0.0, 1.0, dict.fromkeys(Risk, 0.9999), 0.4)
"""For a model whose scores nobody can judge: it asks back whatever it understood."""
_VALIDATION_SEED = 1_000_000
"""Far from the seeds of the parts of the training data."""


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
        before=accuracy(before),
        after=accuracy(shop.score(pruned)),
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
        before=accuracy(before),
        after=accuracy(shop.score(trained, transform)),
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
