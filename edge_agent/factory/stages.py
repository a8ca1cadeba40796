"""The stages of making a model: each reads what those before it wrote and writes into its folder.

It does not know in which order they run, nor which are done; `build` does.
"""

from collections.abc import Sequence
from pathlib import Path

import torch

from edge_agent.core.entity import Risk
from edge_agent.errors import FactoryError
from edge_agent.factory.examples.batches import in_order
from edge_agent.factory.examples.data import corpus, pack, write_lines
from edge_agent.factory.examples.packed import vocabulary_name
from edge_agent.factory.examples.vocabulary import TokenVocabulary, choose_vocabulary
from edge_agent.factory.firmware import bank_digest
from edge_agent.factory.learn.training import (
    CHECKPOINT,
)
from edge_agent.factory.measure.calibrate import calibrate
from edge_agent.factory.measure.card import write_card
from edge_agent.factory.measure.evaluate import NOTHING
from edge_agent.factory.measure.judge import Judged
from edge_agent.factory.measure.report import summarise
from edge_agent.factory.measure.score import Engine
from edge_agent.factory.measure.usage import UNCALIBRATED
from edge_agent.factory.network.base import load_base
from edge_agent.factory.network.checkpoint import Checkpoint, save_checkpoint
from edge_agent.factory.network.export import Exported, Label, export_model
from edge_agent.factory.network.prune import cut_vocabulary, prune
from edge_agent.factory.network.speed import number_type
from edge_agent.factory.processes import spread
from edge_agent.factory.sentences.bank import Split
from edge_agent.factory.workshop import (
    PRUNED,
    SUMMARY,
    TOKENS,
    Result,
    Workshop,
    accuracy,
    parameters,
    size_of,
    write_bytes,
    write_json,
)
from edge_agent.language.confidence import Calibration
from edge_agent.language.prompt import CANDIDATES
from edge_agent.models import calibration_json, read_calibration
from edge_agent.slm.gguf import open_gguf

CALIBRATION, REPORT = "calibration.json", "report.json"
CAUTIOUS = Calibration(0.0, 1.0, dict.fromkeys(Risk, 0.9999), 0.4)
"""For a model whose scores nobody can judge: it asks back whatever it understood."""
_GLANCE = 100
"""Cases that an untrained network is judged on: it is large, and knows nothing of our language."""
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
    for done, (job, count) in enumerate(spread(_pack, jobs, shop.processes), 1):
        left_out += count
        shop.tell(f"{job[0].stem} ({done}/{len(jobs)})")
    found = shop.packed(Split.TRAIN).meta
    return Result(
        figures={"examples": found.examples, "tokens": found.tokens, "too_long": left_out}
    )


def cut_base(shop: Workshop) -> Checkpoint:
    """The base model with our tokens alone."""
    chosen = shop.vocabulary()
    shape, weights, _ = load_base(shop.base_file)
    shape, weights = cut_vocabulary(shape, weights, chosen.kept, chosen.added)
    return Checkpoint(shape, weights, meta={"vocabulary": vocabulary_name(chosen.tokens)})


def pruning(shop: Workshop) -> Result:
    """Cuts the base model: our tokens alone, then the layers and neurons that matter."""
    recipe, base = shop.recipe, cut_base(shop)
    before = shop.score(base, limit=_GLANCE)
    examples = in_order(shop.packed(Split.TRAIN), budget=4096, limit=recipe.measured)
    shape, weights, report = prune(
        base.shape,
        dict(base.weights),
        list(examples),
        layers=recipe.layers,
        ffn=recipe.ffn,
        dtype=number_type(torch.device("cpu")),
    )
    pruned = Checkpoint(shape, weights, meta=base.meta)
    save_checkpoint(shop.folder("prune") / CHECKPOINT, pruned)
    write_json(shop.folder("prune") / PRUNED, report)
    return Result(
        bytes=size_of(pruned),
        before=accuracy(before),
        after=accuracy(shop.score(pruned, limit=_GLANCE)),
        figures={"layers": report["layers"], "ffn": recipe.ffn, "parameters": parameters(pruned)},
    )


def calibrating(shop: Workshop) -> Result:
    """Fits what scores are worth on sentences it never saw, with the weights as they will be."""
    folder = shop.folder("calibrate")
    raw = folder / "raw.gguf"
    _export(shop, raw, UNCALIBRATED)
    engine = Engine.load(raw, device=shop.device)
    judged = shop.read(engine, Split.CALIBRATE, shop.recipe.calibrate_cases)
    idle = shop.read(engine, Split.CALIBRATE, shop.recipe.calibrate_cases, NOTHING)
    raw.unlink()
    try:
        found, problem = calibrate(judged, idle), ""
    except FactoryError as error:
        # A model that nobody can judge is still a model: one that asks before it acts.
        found, problem = CAUTIOUS, str(error)
        shop.tell(f"{problem}; the model will ask before it acts")
    write_bytes(folder / CALIBRATION, calibration_json(found).encode() + b"\n")
    return Result(
        after={"understood": understood(judged)},
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
    trained, recipe = shop.checkpoint("prune", "train", "quantise", "adapt"), shop.recipe
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
    write_json(shop.folder("evaluate") / REPORT, report)
    write_card(shop.output.with_suffix(".md"), shop.output, report, shop.work / SUMMARY)
    return Result(
        after={"understood": understood(judged)},
        figures={
            "cases": len(judged),
            "false_actions": report["false actions"]["all"]["hits"],
            "wrong_actions": report["wrong actions"]["all"]["hits"],
            "card": shop.output.with_suffix(".md").name,
        },
    )


def understood(judged: Sequence[Judged]) -> float:
    """The share of sentences that were taken as they were meant."""
    return round(sum(one.right for one in judged) / max(len(judged), 1), 4)
