"""The stages that learn: a teacher, the pruned model, and the model on rounded weights.

A run that was killed goes on from its checkpoint. It does not know what the examples say.
"""

from pathlib import Path

from edge_agent.errors import FactoryError
from edge_agent.factory.learn.distil import Shares, learn_from, read_layers
from edge_agent.factory.learn.schedule import Budget, Schedule
from edge_agent.factory.learn.training import CHECKPOINT, Objective, Run, Settings, begin_anew
from edge_agent.factory.network.checkpoint import Checkpoint, load_checkpoint
from edge_agent.factory.network.lora import trained as is_adapter
from edge_agent.factory.network.net import Transform
from edge_agent.factory.network.rounding import as_exported
from edge_agent.factory.sentences.bank import Split
from edge_agent.factory.stages import cut_base
from edge_agent.factory.workshop import PRUNED, Result, Workshop, accuracy, size_of


def teaching(shop: Workshop) -> Result:
    """Trains the whole base model, so that a smaller one can learn from it."""
    recipe = shop.recipe
    _, found = learn(
        shop,
        shop.folder("teacher"),
        cut_base(shop),
        minutes=recipe.teacher_minutes,
        rate=recipe.teacher_rate,
    )
    return found


def training(shop: Workshop) -> Result:
    """Trains the pruned model to translate sentences, with its teacher where there is one."""
    recipe, start = shop.recipe, shop.checkpoint("prune")
    objective = None
    if recipe.teacher_minutes:
        teacher = shop.checkpoint("teacher")
        machine = shop.machine(teacher.shape)
        objective = learn_from(
            teacher,
            start.shape,
            read_layers(shop.folder("prune") / PRUNED),
            shares=Shares(),
            dtype=machine.dtype,
            device=machine.device,
            stack=machine.stack,
        )
    _, found = learn(
        shop,
        shop.folder("train"),
        start,
        minutes=recipe.train_minutes,
        rate=recipe.train_rate,
        objective=objective,
    )
    return found


def quantising(shop: Workshop) -> Result:
    """Goes on training with the weights rounded to four bits, as the file will hold them."""
    recipe = shop.recipe
    _, found = learn(
        shop,
        shop.folder("quantise"),
        shop.checkpoint("train"),
        minutes=recipe.quantise_minutes,
        rate=recipe.quantise_rate,
        transform=as_exported,
        decay=1.0,
    )
    return found


def learn(
    shop: Workshop,
    out: Path,
    start: Checkpoint,
    *,
    minutes: float,
    rate: float,
    objective: Objective | None = None,
    transform: Transform | None = None,
    decay: float = 0.25,
) -> tuple[Checkpoint, Result]:
    """Trains for some minutes, and measures before and after.

    Args:
        shop: What it works with.
        out: The folder of the run; one that is unfinished there goes on.
        start: What it begins from; where it has adapters, these alone are trained.
        minutes: How long.
        rate: The learning rate at its peak.
        objective: What is learnt; the written output where None.
        transform: What the weights become before they are used.
        decay: The last share of the time, in which the rate falls.

    Raises:
        FactoryError: The run in the folder is of another shape, or a file cannot be written.
    """
    recipe, own = shop.recipe, out / CHECKPOINT
    before = shop.score(start, transform)
    adapters = any(map(is_adapter, start.weights))
    known = load_checkpoint(own, shape=start.shape) if own.exists() else None
    if known is not None and known.weights.keys() != start.weights.keys():
        raise FactoryError(f"{own}: its weights are not those that this run trains")
    if known is None or not known.meta.get("finished"):
        known = Run(
            Settings(
                budget=Budget(minutes=minutes),
                schedule=Schedule(rate, warmup=recipe.warmup, decay=decay),
                batch_tokens=recipe.batch_tokens,
                seed=recipe.seed,
                checkpoint_minutes=min(5.0, max(minutes / 4, 0.5)),
                validate_minutes=max(minutes / 8, 1.0),
                validation_examples=min(recipe.validation, 1000),
            ),
            begin_anew(start) if known is None else known,
            shop.packed(Split.TRAIN),
            shop.machine(start.shape),
            out=out,
            validation=shop.packed(Split.CALIBRATE),
            objective=objective,
            transform=transform,
            trained=is_adapter if adapters else bool,
            clock=shop.clock,
            say=shop.tell,
        ).run()
    found = Result(
        bytes=size_of(known),
        before=accuracy(before),
        after=accuracy(shop.score(known, transform)),
        figures={
            "trained_minutes": round(float(known.meta["minutes"]), 2),
            "examples": int(known.meta["examples"]),
            "steps": known.step - start.step,
        },
    )
    return known, found
