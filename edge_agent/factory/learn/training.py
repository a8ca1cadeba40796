"""Trains a network on packed examples within a budget, and goes on where it was stopped.

It knows batches, steps, checkpoints and the clock; what is learned comes in as an objective, and
what a weight becomes before it is used as a transform.
"""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from edge_agent.errors import FactoryError
from edge_agent.factory.examples.batches import Batch, endless, in_order
from edge_agent.factory.examples.packed import Packed
from edge_agent.factory.learn.schedule import Budget, Schedule
from edge_agent.factory.network.checkpoint import Checkpoint, save_checkpoint
from edge_agent.factory.network.net import Forward, Stack, Transform, forward, in_turn, ready

CHECKPOINT, LOG = "checkpoint.pt", "log.jsonl"
_RUN = frozenset("minutes first examples epoch position data finished ema".split())


class Objective(Protocol):
    """What a network is trained for."""

    @property
    def keep(self) -> tuple[int, ...]:
        """Layers whose hidden states it looks at."""

    def loss(self, found: Forward, batch: Batch) -> Tensor:
        """The number to make small."""


@dataclass(frozen=True, slots=True)
class CrossEntropy:
    """The output as it is written in the data."""

    keep: tuple[int, ...] = ()

    def loss(self, found: Forward, batch: Batch) -> Tensor:
        """Mean negative log-likelihood of the output tokens."""
        return functional.cross_entropy(found.logits.float(), batch.targets)


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train."""

    budget: Budget
    schedule: Schedule
    batch_tokens: int = 6144
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.98)
    clip: float = 1.0
    """Largest norm of the gradient."""
    ema: float | None = None
    """Decay of a running mean of the weights, which then is the result."""
    seed: int = 0
    checkpoint_minutes: float = 5.0
    validate_minutes: float = 5.0
    validation_examples: int = 2000
    log_steps: int = 10


@dataclass(frozen=True, slots=True)
class Machine:
    """What the numbers are computed on."""

    device: torch.device
    dtype: torch.dtype
    stack: Stack = in_turn


@dataclass(frozen=True, slots=True)
class Score:
    """How well outputs are predicted."""

    loss: float
    exact: float
    """Share of examples whose greedy output is exactly the written one."""
    examples: int


def evaluate(
    checkpoint: Checkpoint,
    batches: Iterable[Batch],
    machine: Machine,
    transform: Transform | None = None,
) -> Score:
    """Loss and exact match; with the right output as its past, greedy decoding is one pass."""
    total, tokens, exact, examples = 0.0, 0, 0, 0
    weights = {name: weight.to(machine.device) for name, weight in checkpoint.weights.items()}
    with torch.no_grad():
        made = ready(checkpoint.shape, weights, machine.dtype, transform)
        for batch in (batch.to(machine.device) for batch in batches):
            logits = forward(
                checkpoint.shape, made, batch.tokens, batch.rows, stack=machine.stack
            ).logits.float()
            total += float(functional.cross_entropy(logits, batch.targets, reduction="sum"))
            tokens += len(batch.targets)
            wrong = batch.owner[logits.argmax(-1) != batch.targets]
            examples += len(batch.tokens)
            exact += len(batch.tokens) - len(wrong.unique())
    return Score(total / tokens, exact / examples, examples)


def begin_anew(found: Checkpoint) -> Checkpoint:
    """A new run from another's end: weights and optimiser go on, budget and schedule do not."""
    meta = {key: value for key, value in found.meta.items() if key not in _RUN}
    # Should the data be the same, their next pass has another order.
    return replace(found, meta={**meta, "epoch": int(found.meta.get("epoch", -1)) + 1})


class Run:
    """One training run."""

    def __init__(
        self,
        settings: Settings,
        start: Checkpoint,
        data: Packed,
        machine: Machine,
        *,
        out: Path,
        validation: Packed | None = None,
        objective: Objective | None = None,
        transform: Transform | None = None,
        trained: Callable[[str], bool] = bool,
        clock: Callable[[], float] = time.monotonic,
        say: Callable[[str], None] = print,
    ) -> None:
        """Prepares a run.

        Args:
            settings: How to train.
            start: The weights, and with `meta["minutes"]` the unfinished run to go on with.
            data: The examples.
            machine: What it is computed on.
            out: The folder for checkpoint.pt and log.jsonl.
            validation: Examples that are measured now and then.
            objective: Cross-entropy where None.
            transform: What a weight becomes before it is used.
            trained: Which weights change, by their names; all by default.
            clock: Seconds.
            say: Told about progress, a line at a time.

        Raises:
            FactoryError: The data are of another vocabulary than the network.
        """
        if data.meta.vocab_size != start.shape.vocab_size:
            raise FactoryError(
                f"the data have {data.meta.vocab_size} token ids, the network "
                f"{start.shape.vocab_size}; both must come from one vocabulary"
            )
        if start.meta.get("vocabulary", data.meta.vocabulary) != data.meta.vocabulary:
            raise FactoryError(
                f"the data belong to the vocabulary {data.meta.vocabulary!r}, the network to "
                f"{start.meta['vocabulary']!r}"
            )
        self._settings, self._shape, self._machine = settings, start.shape, machine
        self._data, self._validation, self._out = data, validation, out
        self._objective: Objective = objective or CrossEntropy()
        self._transform, self._clock, self._say = transform, clock, say
        self._weights = {
            name: weight.detach().to(machine.device, torch.float32, copy=True)
            for name, weight in start.weights.items()
        }
        self._trained = {
            name: weight.requires_grad_() for name, weight in self._weights.items() if trained(name)
        }
        self._optimiser = _optimiser(settings, self._trained)
        if start.optimiser is not None:
            self._optimiser.load_state_dict(dict(start.optimiser))
        meta = self._meta = dict(start.meta)
        self._minutes = float(meta.get("minutes", 0.0))
        self._step, self._tokens = start.step, start.tokens
        self._first = int(meta.get("first", self._step))
        self._examples = int(meta.get("examples", 0))
        self._epoch, self._position = int(meta.get("epoch", 0)), int(meta.get("position", 0))
        if meta.get("data") != _fingerprint(data):
            # Other data than before: their order starts anew, the schedule goes on.
            self._epoch, self._position = self._epoch + ("data" in meta), 0
        self._ema: dict[str, Tensor] | None = None
        if settings.ema is not None:
            ema = meta.get("ema") or self._trained
            self._ema = {name: weight.detach().clone() for name, weight in ema.items()}

    def run(self) -> Checkpoint:
        """Trains until the budget is used, and returns what it also left in checkpoint.pt.

        Raises:
            FactoryError: A checkpoint cannot be written, or the loss is no number any more.
        """
        settings = self._settings
        began, spent = self._clock(), self._minutes
        saved = validated = told = began
        told_tokens, told_examples, losses = self._tokens, self._examples, []
        batches = endless(
            self._data,
            budget=settings.batch_tokens,
            seed=settings.seed,
            epoch=self._epoch,
            position=self._position,
        )
        while (used := settings.budget.share(self._minutes, self._step - self._first)) < 1.0:
            self._epoch, self._position, batch = next(batches)
            losses.append(self._one(batch.to(self._machine.device), used))
            now = self._clock()
            self._minutes = spent + (now - began) / 60
            if (self._step - self._first) % settings.log_steps == 0:
                loss = float(torch.stack(losses).mean())
                if loss != loss:  # noqa: PLR0124
                    raise FactoryError(f"step {self._step}: the loss is not a number any more")
                seconds = max(now - told, 1e-9)
                self._tell(
                    loss,
                    (self._tokens - told_tokens) / seconds,
                    (self._examples - told_examples) / seconds,
                )
                told, told_tokens, told_examples, losses = now, self._tokens, self._examples, []
            if now - validated >= settings.validate_minutes * 60:
                self._validate()
                validated = self._clock()
            if now - saved >= settings.checkpoint_minutes * 60:
                save_checkpoint(self._out / CHECKPOINT, self.checkpoint(finished=False))
                saved = self._clock()
        final = self.checkpoint(finished=True)
        save_checkpoint(self._out / CHECKPOINT, final)
        self._validate()
        return final

    def checkpoint(self, *, finished: bool) -> Checkpoint:
        """The run as it stands."""
        result = self._weights | (self._ema or {} if finished else {})
        meta: dict[str, Any] = {
            **self._meta,
            "minutes": self._minutes,
            "first": self._first,
            "examples": self._examples,
            "epoch": self._epoch,
            "position": self._position,
            "data": _fingerprint(self._data),
            "vocabulary": self._data.meta.vocabulary,
            "finished": finished,
        }
        if self._ema is not None:
            meta["ema"] = self._ema
        return Checkpoint(
            self._shape,
            {name: weight.detach() for name, weight in result.items()},
            self._optimiser.state_dict(),
            self._step,
            self._tokens,
            self._settings.seed,
            meta,
        )

    def _one(self, batch: Batch, used: float) -> Tensor:
        """One step; its loss."""
        settings, machine = self._settings, self._machine
        rate = settings.schedule.rate(self._step - self._first, used)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        made = ready(self._shape, self._weights, machine.dtype, self._transform)
        found = forward(
            self._shape,
            made,
            batch.tokens,
            batch.rows,
            keep=self._objective.keep,
            stack=machine.stack,
        )
        loss = self._objective.loss(found, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._trained.values(), settings.clip)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        if self._ema is not None and settings.ema is not None:
            with torch.no_grad():
                for name, mean in self._ema.items():
                    mean.lerp_(self._weights[name], 1 - settings.ema)
        self._step += 1
        self._tokens += batch.size
        self._examples += len(batch.tokens)
        return loss.detach()

    def _tell(self, loss: float, tokens: float, examples: float) -> None:
        budget = self._settings.budget
        share = budget.share(self._minutes, self._step - self._first)
        left = self._minutes * (1 - share) / share if share else 0.0
        self._log(loss=loss, tokens_per_second=tokens, examples_per_second=examples)
        self._say(
            f"step {self._step}  loss {loss:.4f}  {tokens:.0f} tokens/s  "
            f"{examples:.1f} examples/s  epoch {self._epoch}  {left:.1f} min left"
        )

    def _validate(self) -> None:
        if self._validation is None:
            return
        settings = self._settings
        score = evaluate(
            self.checkpoint(finished=self._ema is not None),
            in_order(
                self._validation,
                budget=settings.batch_tokens,
                limit=settings.validation_examples,
            ),
            self._machine,
            self._transform,
        )
        self._log(validation=asdict(score))
        self._say(
            f"step {self._step}  validation loss {score.loss:.4f}  exact {score.exact:.2%} "
            f"of {score.examples}"
        )

    def _log(self, **found: Any) -> None:
        line = {"step": self._step, "minutes": round(self._minutes, 3), "tokens": self._tokens}
        try:
            self._out.mkdir(parents=True, exist_ok=True)
            with (self._out / LOG).open("a") as file:
                file.write(json.dumps(line | found) + "\n")
        except OSError as error:
            raise FactoryError(
                f"{self._out / LOG}: cannot be written: {error.strerror or error}"
            ) from error


def _optimiser(settings: Settings, weights: dict[str, Tensor]) -> torch.optim.Optimizer:
    groups = (
        {"params": [w for w in weights.values() if w.dim() > 1]},
        {"params": [w for w in weights.values() if w.dim() == 1], "weight_decay": 0.0},
    )
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=settings.schedule.peak,
        betas=settings.betas,
        weight_decay=settings.weight_decay,
        fused=True,
    )


def _fingerprint(data: Packed) -> str:
    meta = data.meta
    return f"{meta.vocabulary}/{meta.examples}/{meta.tokens}"
