"""A model from a firmware config: the stages, in their order.

A stage is done when its record in the work folder says so and its settings are still the same; one
that was killed goes on where it was. It does not know what the stages do.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from edge_agent.errors import FactoryError
from edge_agent.factory import adapt, learning, stages
from edge_agent.factory.workshop import SUMMARY, Result, Workshop, make_folder, write_json
from edge_agent.slm.gguf import sha256_file

_SCORES = (("loss", "{:.3f}"), ("exact", "{:.1%}"), ("understood", "{:.1%}"))


@dataclass(frozen=True, slots=True)
class Stage:
    """One step on the way to a model."""

    name: str
    heading: str
    run: Callable[[Workshop], Result]
    settings: tuple[str, ...] = ()
    """The numbers of the recipe that its result depends on."""
    after: tuple[str, ...] = ()
    """The stages whose results it uses."""
    told: Callable[[Workshop], Any] = lambda _: None
    """What else its result depends on."""
    wanted: Callable[[Workshop], bool] = lambda _: True
    leaves: Callable[[Workshop], Path] | None = None
    """The file that must be there when it is done, outside its folder."""


_DATA = Stage(
    "data",
    "Inventing homes, cars and sentences",
    stages.data,
    ("seed", "examples", "part", "validation"),
    told=lambda shop: shop.firmware.digest(),
)
_PACK = Stage(
    "pack", "Turning sentences into tokens", stages.packing, ("longest",), ("data", "vocabulary")
)
_END = (
    Stage(
        "calibrate",
        "Fitting confidences",
        stages.calibrating,
        ("calibrate_cases", "seed"),
        ("train", "quantise", "adapt"),
    ),
    Stage(
        "export",
        "Writing the model file",
        stages.exporting,
        after=("calibrate",),
        told=lambda shop: str(shop.output),
        leaves=lambda shop: shop.output,
    ),
    Stage(
        "evaluate",
        "Reading sentences that it never saw",
        stages.evaluating,
        ("test_cases", "seed"),
        ("export",),
        leaves=lambda shop: shop.output.with_suffix(".md"),
    ),
)
STAGES: Sequence[Stage] = (
    _DATA,
    Stage(
        "vocabulary",
        "Choosing the tokens",
        stages.vocabulary,
        ("vocabulary", "corpus"),
        ("data",),
        told=lambda shop: shop.base_file.name,
    ),
    _PACK,
    Stage(
        "prune",
        "Pruning the base model",
        stages.pruning,
        ("layers", "ffn", "measured"),
        ("pack",),
    ),
    Stage(
        "teacher",
        "Training the whole base model as a teacher",
        learning.teaching,
        ("teacher_minutes", "teacher_rate", "batch_tokens", "warmup"),
        ("pack",),
        wanted=lambda shop: shop.recipe.teacher_minutes > 0,
    ),
    Stage(
        "train",
        "Training",
        learning.training,
        ("train_minutes", "train_rate", "batch_tokens", "warmup"),
        ("prune", "teacher"),
    ),
    Stage(
        "quantise",
        "Training on four bits",
        learning.quantising,
        ("quantise_minutes", "quantise_rate"),
        ("train",),
        wanted=lambda shop: shop.recipe.quantise_minutes > 0,
    ),
    *_END,
)
"""From nothing but a base model."""

ADAPTING: Sequence[Stage] = (
    _DATA,
    Stage(
        "vocabulary",
        "Taking over the tokens",
        adapt.vocabulary,
        told=lambda shop: sha256_file(shop.base_file),
    ),
    _PACK,
    Stage("load", "Taking over the weights", adapt.loading, after=("vocabulary",)),
    Stage(
        "adapt",
        "Learning the names",
        adapt.adapting,
        ("lora_rank", "lora_minutes", "lora_rate", "batch_tokens", "warmup"),
        ("pack", "load"),
    ),
    *_END,
)
"""From a finished model, to the devices of one home or car."""


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of a stage: `work/<stage>.json`."""

    stage: str
    digest: str
    """Of its settings and of those before it."""
    finished: bool
    minutes: float = 0.0
    bytes: int | None = None
    before: dict[str, float] = {}
    after: dict[str, float] = {}
    figures: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Build:
    """The making of one model."""

    shop: Workshop
    plan: Sequence[Stage] = STAGES
    say: Callable[[str], None] = print
    """Hears headings and results."""

    def run(self, until: str | None = None) -> Sequence[Record]:
        """Runs every stage that is not done yet.

        Args:
            until: The last stage to run; None for all.

        Raises:
            EdgeAgentError: A stage cannot be done; what was done before is kept.
        """
        wanted = [stage for stage in self.plan if stage.wanted(self.shop)]
        names = [stage.name for stage in wanted]
        if until is not None and until not in names:
            raise FactoryError(f"stage {until!r}; legal: {', '.join(names)}")
        make_folder(self.shop.work)
        self._check_work()
        for stage in self.plan:
            if stage.name not in names:
                _put_aside(self.shop.folder(stage.name))
        records: list[Record] = []
        digests: dict[str, str] = {}
        for stage in wanted:
            digests[stage.name] = digest = self._digest(stage, digests)
            records.append(self._one(stage, digest))
            self._summarise(records)
            if stage.name == until:
                break
        self.say(table(records))
        return records

    def _check_work(self) -> None:
        """Two sorts of build in one folder would take each other's results for their own."""
        ours = {stage.name for stage in self.plan}
        for stage in (*STAGES, *ADAPTING):
            if stage.name not in ours and self.shop.folder(stage.name).exists():
                raise FactoryError(
                    f"{self.shop.work}: holds {stage.name!r} of another sort of build; "
                    "legal is a work folder for each"
                )

    def _digest(self, stage: Stage, before: Mapping[str, str]) -> str:
        told = {
            "stage": stage.name,
            "settings": {name: getattr(self.shop.recipe, name) for name in stage.settings},
            "told": stage.told(self.shop),
            "after": [before[name] for name in stage.after if name in before],
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]

    def _one(self, stage: Stage, digest: str) -> Record:
        shop = self.shop
        path, folder = shop.work / f"{stage.name}.json", shop.folder(stage.name)
        known = read_record(path)
        left = folder if stage.leaves is None else stage.leaves(shop)
        if known is not None and known.digest == digest and known.finished and left.exists():
            self.say(f"{stage.heading}: done before ({_result(known)})")
            return known
        self.say(f"{stage.heading} ...")
        if known is None or known.digest != digest:
            _put_aside(folder)
        elif folder.exists():
            self.say("  going on where it was stopped")
        write_record(path, Record(stage.name, digest, finished=False))
        make_folder(folder)
        began = shop.clock()
        found = stage.run(shop)
        minutes = (shop.clock() - began) / 60
        record = Record(
            stage.name,
            digest,
            finished=True,
            minutes=round(float(found.figures.get("trained_minutes", 0)) or minutes, 2),
            bytes=found.bytes,
            before=dict(found.before),
            after=dict(found.after),
            figures=dict(found.figures),
        )
        write_record(path, record)
        self.say(f"  {_result(record)}")
        return record

    def _summarise(self, records: Sequence[Record]) -> None:
        content = {
            "config": self.shop.firmware.config.name,
            "stages": [msgspec.to_builtins(record) for record in records],
        }
        write_json(self.shop.work / SUMMARY, content)


def read_record(path: Path) -> Record | None:
    """The record of a stage; None where there is none, or one that nobody can read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None  # the stage is then done anew, and what it left is put aside


def write_record(path: Path, record: Record) -> None:
    """Writes the record of a stage; it is there as a whole or not at all."""
    write_json(path, record)


def table(records: Sequence[Record]) -> str:
    """All stages for a person: a line each."""
    lines = [f"{'stage':<12}{'minutes':>8}{'size':>10}  {'loss':<18}{'exact':<18}understood"]
    for record in records:
        size = "" if record.bytes is None else f"{record.bytes / (1 << 20):.1f} MiB"
        loss, exact, right = (_change(record, name, form) for name, form in _SCORES)
        line = f"{record.stage:<12}{record.minutes:>8.1f}{size:>10}  {loss:<18}{exact:<18}{right}"
        lines.append(line.rstrip())
    return "\n".join(lines)


def _change(record: Record, name: str, form: str) -> str:
    found = [part[name] for part in (record.before, record.after) if name in part]
    return " -> ".join(form.format(value) for value in found)


def _result(record: Record) -> str:
    parts = [f"{record.minutes:.1f} min"]
    if record.bytes is not None:
        parts.append(f"{record.bytes / (1 << 20):.1f} MiB")
    parts += [f"{name} {text}" for name, form in _SCORES if (text := _change(record, name, form))]
    parts += [f"{name} {value}" for name, value in record.figures.items() if _short(value)]
    return ", ".join(parts)


def _short(value: Any) -> bool:
    return isinstance(value, int | float | str) and len(str(value)) < 24


def _put_aside(folder: Path) -> None:
    """What a stage made with other settings stays once, as `<stage>.old`."""
    if not folder.exists():
        return
    old = folder.with_name(f"{folder.name}.old")
    try:
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    except OSError as error:
        raise FactoryError(f"{folder}: cannot be moved: {error.strerror or error}") from error
