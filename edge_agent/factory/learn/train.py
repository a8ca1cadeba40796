"""`python -m edge_agent.factory.learn.train`: trains from a command line.

It knows arguments and files; the training itself is in `training`.
"""

import argparse
import sys
import time
from pathlib import Path

import torch

from edge_agent.errors import FactoryError
from edge_agent.factory.examples.packed import Packed
from edge_agent.factory.learn.distil import Distillation, Shares, learn_from, read_layers
from edge_agent.factory.learn.schedule import Budget, Schedule
from edge_agent.factory.learn.training import CHECKPOINT, Machine, Run, Settings, begin_anew
from edge_agent.factory.network import lora
from edge_agent.factory.network.checkpoint import Checkpoint, load_checkpoint
from edge_agent.factory.network.fast import fast_stack
from edge_agent.factory.network.net import Shape, Transform, in_turn
from edge_agent.factory.network.rounding import as_exported
from edge_agent.factory.network.speed import keep_memory, number_type, pick_device
from edge_agent.factory.program import run_program


def starting_point(out: Path, init: Path | None) -> Checkpoint:
    """The run in `out` where it is unfinished, else the checkpoint that a new one begins from.

    Raises:
        FactoryError: Neither is there, or one cannot be read.
    """
    if (own := out / CHECKPOINT).exists():
        found = load_checkpoint(own)
        if not found.meta.get("finished"):
            return found
        if init is None:
            raise FactoryError(f"{own}: that run is finished; go on from it with --init {own}")
    if init is None:
        raise FactoryError(f"{out}: no {CHECKPOINT} to go on with; --init names one to begin from")
    return begin_anew(load_checkpoint(init))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="train", description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="packed folders")
    parser.add_argument("--validation", type=Path, nargs="+", help="packed folders")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--init", type=Path, help="checkpoint to begin from")
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--minutes", type=float)
    budget.add_argument("--steps", type=int)
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate")
    parser.add_argument("--warmup", type=int, default=100, help="steps")
    parser.add_argument("--decay", type=float, default=0.25, help="last share of the budget")
    parser.add_argument("--batch-tokens", type=int, default=6144)
    parser.add_argument("--weight-decay", type=float, default=0.01)
    parser.add_argument("--ema", type=float)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint-minutes", type=float, default=5.0)
    parser.add_argument("--validate-minutes", type=float, default=5.0)
    parser.add_argument("--validation-examples", type=int, default=2000)
    parser.add_argument("--log-steps", type=int, default=10)
    parser.add_argument(
        "--rounded", action="store_true", help="train on weights rounded as they are exported"
    )
    parser.add_argument("--lora", type=int, metavar="RANK", help="train adapters only")
    parser.add_argument("--teacher", type=Path, help="checkpoint to learn from")
    parser.add_argument(
        "--layers", type=Path, help="report of prune: which of the teacher's layers were kept"
    )
    parts = Shares()
    parser.add_argument("--written", type=float, default=parts.written, help="with a teacher")
    parser.add_argument("--response", type=float, default=parts.response, help="with a teacher")
    parser.add_argument("--feature", type=float, default=parts.feature, help="with a teacher")
    parser.add_argument("--temperature", type=float, default=parts.temperature)
    parser.add_argument("--device", help="cpu or cuda")
    parser.add_argument("--threads", type=int)
    return parser


def _open(paths: list[Path], vocabulary: str | None = None) -> Packed:
    return Packed.join([Packed.open(path, vocabulary=vocabulary) for path in paths])


def _settings(arguments: argparse.Namespace) -> Settings:
    return Settings(
        budget=Budget(minutes=arguments.minutes, steps=arguments.steps),
        schedule=Schedule(arguments.rate, warmup=arguments.warmup, decay=arguments.decay),
        batch_tokens=arguments.batch_tokens,
        weight_decay=arguments.weight_decay,
        ema=arguments.ema,
        seed=arguments.seed,
        checkpoint_minutes=arguments.checkpoint_minutes,
        validate_minutes=arguments.validate_minutes,
        validation_examples=arguments.validation_examples,
        log_steps=arguments.log_steps,
    )


def _machine(device: torch.device, shape: Shape) -> Machine:
    return Machine(device, number_type(device), fast_stack(device, shape) or in_turn)


def _objective(
    arguments: argparse.Namespace, student: Shape, machine: Machine
) -> Distillation | None:
    if arguments.teacher is None:
        return None
    teacher = load_checkpoint(arguments.teacher)
    layers = list(range(student.layers)) if arguments.layers is None else None
    return learn_from(
        teacher,
        student,
        read_layers(arguments.layers) if layers is None else layers,
        shares=Shares(
            arguments.written, arguments.response, arguments.feature, arguments.temperature
        ),
        dtype=machine.dtype,
        device=machine.device,
        stack=_machine(machine.device, teacher.shape).stack,
    )


def _train(arguments: argparse.Namespace) -> None:
    device = pick_device(arguments.device)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    keep_memory()
    data = _open(arguments.data)
    start = starting_point(arguments.out, arguments.init)
    transform: Transform | None = as_exported if arguments.rounded else None
    if arguments.lora is not None:
        if arguments.rounded:
            raise FactoryError("--lora and --rounded do not go together; legal is one of them")
        if not any(map(lora.trained, start.weights)):
            start = lora.add_adapters(start, rank=arguments.lora, seed=arguments.seed)
        transform = lora.adapted(start.meta)
    machine = _machine(device, start.shape)
    Run(
        _settings(arguments),
        start,
        data,
        machine,
        out=arguments.out,
        validation=_open(arguments.validation, data.meta.vocabulary)
        if arguments.validation
        else None,
        objective=_objective(arguments, start.shape, machine),
        transform=transform,
        trained=bool if arguments.lora is None else lora.trained,
        clock=time.monotonic,
        say=lambda line: print(line, file=sys.stderr, flush=True),
    ).run()


def main(arguments: list[str] | None = None) -> int:
    """Trains; 0 when the budget is used up, 1 with a sentence on stderr when it cannot."""
    options = _parser().parse_args(arguments)
    return run_program(lambda: _train(options))


if __name__ == "__main__":
    sys.exit(main())
