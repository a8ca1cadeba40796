"""The card of a model: what it is, how it was made, and what was measured, in Markdown.

Every figure comes from the file itself, from the build's records or from a report. It measures
nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import yaml

from edge_agent.core.entity import Risk
from edge_agent.errors import FactoryError
from edge_agent.factory.measure.plots import draw
from edge_agent.factory.measure.report import percent
from edge_agent.factory.sentences.bank import BANK, Split, load_bank
from edge_agent.slm.gguf import open_gguf, sha256_file
from edge_agent.slm.llama import LlamaConfig

_CLASSES = 25


class Record(msgspec.Struct, frozen=True):
    """What the card tells of a stage of a build; the build writes more."""

    stage: str
    finished: bool
    minutes: float = 0.0
    bytes: int | None = None
    before: dict[str, float] = {}
    after: dict[str, float] = {}
    figures: dict[str, Any] = {}


class _Summary(msgspec.Struct, frozen=True):
    """What a build writes about its stages."""

    config: str
    stages: list[Record]


@dataclass(frozen=True, slots=True)
class Made:
    """How a model was made."""

    config: str
    stages: Sequence[Record]

    @classmethod
    def read(cls, path: Path) -> "Made":
        """The records that `build-model` left in `stages.json`.

        Raises:
            FactoryError: The file cannot be read or is damaged; the text names file and key.
        """
        try:
            found = msgspec.json.decode(path.read_bytes(), type=_Summary)
        except OSError as error:
            raise FactoryError(f"{path}: cannot be read: {error.strerror or error}") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise FactoryError(f"{path}: {error}") from error
        return cls(found.config, tuple(found.stages))

    def figure(self, stage: str, name: str) -> Any:
        """A figure of a stage, or None."""
        for record in self.stages:
            if record.stage == stage:
                return record.figures.get(name)
        return None


def write_card(
    path: Path,
    model: Path,
    report: Mapping[str, Any],
    stages: Path | None = None,
    *,
    bank: Path = BANK,
) -> None:
    """Writes a card, with its pictures beside it where matplotlib is installed.

    Args:
        path: The Markdown file.
        model: The GGUF file that was measured.
        report: What `eval-model` counted.
        stages: The `stages.json` of the build; None leaves out how it was made.
        bank: The bank that it was trained from.

    Raises:
        FactoryError: A file cannot be read or written.
        ModelError: The model is damaged.
    """
    made = Made.read(stages) if stages is not None else None
    try:
        pictures = draw(report, path.parent, path.stem)
    except ImportError:
        pictures = {}
    sections = [
        _head(model, report),
        _making(made) if made is not None else [],
        _data(bank, made),
        _results(report),
        _groups(report),
        _calibration(report),
        [f"![{caption}]({file.name})" for caption, file in pictures.items()],
        _limits(report),
    ]
    text = "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FactoryError(f"{path}: cannot be written: {error.strerror or error}") from error


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table; nothing where there are no rows."""
    if not rows:
        return []
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines]


def _head(model: Path, report: Mapping[str, Any]) -> list[str]:
    file = open_gguf(model)
    shape = LlamaConfig.from_gguf(file.metadata)
    size = model.stat().st_size
    numbers = sum(_count(size) for size in shape.shapes().values())
    kinds = sorted({tensor.ggml_type.name for tensor in file.tensors.values()})
    about = file.metadata.get("edge_agent.card")
    base = file.metadata.get("general.base_model.0.name")
    rows = [
        ("file", model.name),
        ("SHA-256", f"`{sha256_file(model)}`"),
        ("size", f"{size / (1 << 20):.1f} MiB ({size:,} bytes)"),
        ("parameters", f"{numbers / 1e6:.1f} million"),
        ("layers, width, neurons", f"{shape.layers}, {shape.dim}, {shape.hidden_dim}"),
        ("tokens", f"{shape.vocab_size:,}"),
        ("weights", ", ".join(kinds)),
        ("prompt", str(file.metadata.get("edge_agent.prompt", "examples"))),
    ]
    if isinstance(base, str):
        rows.append(("made from", f"{base} ({file.metadata.get('general.license', '')})"))
    text = [about, ""] if isinstance(about, str) and about else []
    return [f"# {report['model']}", "", *text, *table(("", ""), rows)]


def _count(size: Sequence[int]) -> int:
    found = 1
    for number in size:
        found *= number
    return found


def _making(made: Made) -> list[str]:
    rows = [
        (
            record.stage,
            f"{record.minutes:.1f}",
            f"{record.bytes / (1 << 20):.1f} MiB" if record.bytes is not None else "",
            _scores(record.before),
            _scores(record.after),
        )
        for record in made.stages
        if record.finished
    ]
    head = ("stage", "minutes", "size behind it", "before", "after")
    return ["## How it was made", "", f"Firmware config: {made.config}", "", *table(head, rows)]


def _scores(scores: Mapping[str, float]) -> str:
    return ", ".join(
        f"{name} {value:.3f}" if name == "loss" else f"{name} {value:.1%}"
        for name, value in scores.items()
    )


def _data(bank: Path, made: Made | None) -> list[str]:
    phrasings = load_bank(bank).phrasings
    rows = [("phrasings", f"{len(phrasings):,}")]
    rows += [
        (f"phrasings, {split}", f"{sum(one.split is split for one in phrasings):,}")
        for split in Split
    ]
    rows.append(("negative phrasings", f"{sum(one.none is not None for one in phrasings):,}"))
    rows.append(("names and parts of names", f"{_texts(bank / 'names'):,}"))
    for name, label in (("examples", "cases that it learnt from"), ("seed", "seed")):
        if made is not None and (value := made.figure("data", name)) is not None:
            rows.append((label, f"{value:,}"))
    return [
        "## Data",
        "",
        "Homes, cars, appliances and sentences are invented; phrasings and names of the splits",
        "calibrate and test are never trained on.",
        "",
        *table(("", ""), rows),
    ]


def _texts(directory: Path) -> int:
    """How many different texts the files of a directory list."""
    found: set[str] = set()

    def collect(part: Any) -> None:
        match part:
            case str():
                found.add(part)
            case list():
                for item in part:
                    collect(item)
            case dict():
                for item in part.values():
                    collect(item)

    for file in sorted(directory.glob("*.yaml")):
        try:
            collect(yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader))
        except (OSError, yaml.YAMLError) as error:
            raise FactoryError(f"{file}: {error}") from error
    return len(found)


def _results(report: Mapping[str, Any]) -> list[str]:
    rows = [
        ("exact, the model alone", percent(report["exact"])),
        ("within reach of the grammar", percent(report["reachable"])),
    ]
    rows += [
        (f"{sort}: {key}", percent(found))
        for sort in ("commands", "questions", "nothing")
        for key, found in report[sort].items()
    ]
    rows += [
        (f"{sort}, {part}", percent(report[sort][part]))
        for sort in ("false actions", "wrong actions")
        for part in ("all", "security")
    ]
    return [
        "## Results",
        "",
        f"{report['cases']:,} sentences of the seed {report['seed']}, said in homes that the model",
        "never saw, decoded inside the grammar as the daemon does it. Exact: what would happen is",
        "what was meant, whatever the words. In brackets the 95 % interval (Wilson). A false",
        "action follows a sentence that asks for none; a wrong one a command for something else.",
        "Security: locks, doors, gates, garage doors, gas and water valves, alarms.",
        "",
        *table(("", "share"), rows),
    ]


def _groups(report: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    for group, found in report["by"].items():
        rows = sorted(found.items(), key=lambda item: -item[1]["exact"]["total"])[:_CLASSES]
        if group in {"devices", "commands"}:
            rows.sort(key=lambda item: item[0])
        body = [
            (
                key.lstrip("0") or "0",
                f"{row['exact']['total']}",
                percent(row["exact"]),
                f"{row.get('acted wrong', {}).get('hits', 0)}",
            )
            for key, row in rows
        ]
        if body:
            lines += [f"### By {group}", ""]
            lines += [*table((group, "n", "exact", "acted wrongly"), body), ""]
    false = report["false actions"]["by class"]
    rows_false = [(key, f"{row['hits']} of {row['total']}") for key, row in false.items()]
    lines += ["### Actions after sentences that ask for none", ""]
    lines += table(("class", "acted"), rows_false)
    return lines


def _calibration(report: Mapping[str, Any]) -> list[str]:
    found = report["calibration"]
    rows = [
        (f"{one['low']:.1f} to {one['high']:.1f}", f"{one['confidence']:.3f}", percent(one))
        for one in found["bins"]
    ]
    act = "; ".join(
        f"{risk.value} {found['act'][risk.value]:.3f} and {found['lead'][risk.value]:.2f}"
        for risk in Risk
    )
    return [
        "## Calibration",
        "",
        f"Confidence is sigmoid({found['bias']:.3f} + {found['weight']:.3f} * score +",
        f"{found['margin']:.3f} * margin): the log-probability of the meaning, and by how much",
        "it is likelier than the next one. A command is carried out from this confidence, and this",
        f"lead in nats over that nothing is meant: {act}.",
        f"Below {found['ask']:.3f} it is not even asked about.",
        f"Expected calibration error: {found['error']}.",
        "",
        *table(("confidence", "mean", "right"), rows),
    ]


def _limits(report: Mapping[str, Any]) -> list[str]:
    asked = [f"{key} ({count})" for key, count in report["asked because"].items()]
    lines = [
        "## Limits",
        "",
        "- English only. One sentence at a time, at most 300 characters and 4 commands.",
        "- It speaks the daemon's output language and nothing else; without the grammar it is of",
        "  no use.",
        "- The sentences above come from the same bank as those it learnt from, though from other",
        "  phrasings and names; people say more than a bank holds.",
    ]
    if asked:
        lines.append(f"- Commands that were asked back, and why: {', '.join(asked)}.")
    return lines
