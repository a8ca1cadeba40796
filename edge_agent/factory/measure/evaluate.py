"""Scores a model file on invented homes, as the daemon would use it: `edge-agent eval-model`.

Prompt, grammar, guards and thresholds are the daemon's own; only the network may be a quicker one.
It does not know how the model was trained.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from edge_agent.core.command import Meaning
from edge_agent.errors import FactoryError
from edge_agent.factory.compose import Case
from edge_agent.factory.measure.calibrate import calibrate
from edge_agent.factory.measure.judge import Judged, judge, meant_by
from edge_agent.factory.measure.reader import Reader, open_reader
from edge_agent.factory.measure.report import Report, failures, summarise, text_of
from edge_agent.factory.sentences.bank import Split
from edge_agent.factory.sentences.cases import MIX, WORLDS, Source, cases, load_source
from edge_agent.language.interpreter import Interpreter
from edge_agent.language.vocabulary import Vocabulary
from edge_agent.models import calibration_json

SIZES = (10, 40, 100, 200)
"""Devices of the homes that are scored."""
_A_WORLD = 12


@dataclass(frozen=True, slots=True)
class Item:
    """A case with the vocabulary of its world."""

    case: Case
    vocabulary: Vocabulary
    labels: Mapping[str, str]


NOTHING: Mapping[str, float] = {"nothing": 0.7, "absent": 0.2, "cancelled": 0.1}
"""Shares of the sorts of sentence where only those count that nothing may be done after."""


def items(
    source: Source, split: Split, seed: int, count: int, mix: Mapping[str, float] = MIX
) -> Iterator[Item]:
    """Cases to score: homes of each size alike, cars and appliances, in their usual shares."""
    homes = WORLDS["home"] / sum(WORLDS.values())
    parts: list[tuple[str, int | None, float]] = [
        ("home", size, homes / len(SIZES)) for size in SIZES
    ]
    parts += [
        (sort, None, share / sum(WORLDS.values()))
        for sort, share in WORLDS.items()
        if sort != "home"
    ]
    for number, (sort, size, share) in enumerate(parts):
        wanted = max(1, round(count * share))
        made = cases(
            source,
            split,
            seed * 100 + number,
            worlds={sort: 1.0},
            mix=mix,
            devices=size,
            a_world=_A_WORLD,
        )
        world, vocabulary = None, None
        for case, found in islice(made, wanted):
            if vocabulary is None or found is not world:
                world, vocabulary = found, Vocabulary(found.registry)
            label = f"{size:03d}" if size else ""
            yield Item(case, vocabulary, labels(case, sort, label))


def labels(case: Case, world: str, devices: str) -> Mapping[str, str]:
    """By what a case is counted."""
    found = {
        "what": case.what,
        "style": case.style,
        "how": case.how,
        "commands": str(case.commands),
        "world": world,
    }
    return {**found, "devices": devices} if devices else found


def judge_case(interpreter: Interpreter, item: Item) -> Judged:
    """What a model makes of a case."""
    case, vocabulary = item.case, item.vocabulary
    sentence = interpreter.prepare(case.text, vocabulary, case.area, before=case.before)
    meant: Meaning
    meant, reachable = meant_by(case.output, sentence, interpreter)
    return judge(
        interpreter,
        sentence,
        vocabulary.registry,
        meant,
        expected=case.output,
        reachable=reachable,
        labels=item.labels,
    )


def evaluate(
    reader: Reader,
    split: Split,
    *,
    seed: int,
    count: int,
    mix: Mapping[str, float] = MIX,
    tell: Callable[[int], None] = lambda _: None,
) -> list[Judged]:
    """A model's readings of invented cases.

    Args:
        reader: The model.
        split: Whose phrasings and names are said.
        seed: The same seed gives the same cases.
        count: How many.
        mix: Shares of the sorts of sentence.
        tell: Hears how many were read.

    Raises:
        FactoryError: The bank is wrong.
        ModelError: The model cannot be used.
    """
    judged: list[Judged] = []
    for one in reader.read_all(items(load_source(), split, seed, count, mix), judge_case):
        judged.append(one)
        tell(len(judged))
    return judged


def eval_model(options: argparse.Namespace) -> int:
    """The command; 0 when the figures are printed.

    Raises:
        EdgeAgentError: The model or the bank cannot be used.
    """
    path = options.model or _shipped()
    reader = open_reader(
        path, options.engine, vocabulary=options.vocabulary, threads=options.threads
    )
    if options.intents is not None:
        from edge_agent.factory.measure.intents import score_intents, text_of_intents  # noqa: PLC0415

        judged, report = score_intents(reader, options.intents)
        _tell(report, text_of_intents, judged, options)
        return 0
    calibration = reader.usage.calibration
    if options.calibrate is not None:
        calibration = calibrate(
            *(
                evaluate(
                    reader,
                    Split.CALIBRATE,
                    seed=options.seed,
                    count=options.cases,
                    mix=mix,
                    tell=_progress,
                )
                for mix in (MIX, NOTHING)
            )
        )
        try:
            options.calibrate.write_text(calibration_json(calibration) + "\n", encoding="utf-8")
        except OSError as error:
            raise FactoryError(f"{options.calibrate}: cannot be written: {error}") from error
    started = time.monotonic()
    judged = evaluate(
        reader,
        Split.TEST,
        seed=options.seed,
        count=options.cases,
        mix=NOTHING if options.nothing else MIX,
        tell=_progress,
    )
    seconds = time.monotonic() - started
    report = summarise(judged, calibration, name=reader.name, seed=options.seed, seconds=seconds)
    if options.card is not None:
        from edge_agent.factory.measure.card import write_card  # noqa: PLC0415

        write_card(options.card, path, report, options.stages)
    _tell(report, text_of, judged, options)
    return 0


def _progress(read: int) -> None:
    if read % 200 == 0:
        print(f"  {read} sentences", file=sys.stderr, flush=True)


def _tell(
    report: Report,
    text: Callable[[Report], str],
    judged: Sequence[Judged],
    options: argparse.Namespace,
) -> None:
    """Prints the figures as they were asked for."""
    misread = list(failures(judged)) if options.failures else []
    if options.json:
        print(json.dumps(report | {"failures": misread} if options.failures else report))
    else:
        print("\n".join((text(report), *(["", *misread] if misread else []))))


def _shipped() -> Path:
    from edge_agent.models import find_model, model_names  # noqa: PLC0415

    return find_model(model_names()[0]).path()
