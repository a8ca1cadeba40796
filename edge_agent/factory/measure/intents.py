"""Scores Home Assistant's intent tests, which others wrote: sentences, slots and a home.

Nothing of them is kept: they are read where they are. It does not know how the model is run.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_agent.core.command import Action, Meaning, Plan, Query, Refusal
from edge_agent.core.entity import Area, Risk
from edge_agent.factory.measure.intents_expect import Spoken, expect, sentences
from edge_agent.factory.measure.intents_home import Home
from edge_agent.factory.measure.judge import Judged, Sort, judge, same, verdict
from edge_agent.factory.measure.reader import Reader
from edge_agent.factory.measure.report import Report, grouped, percent, share, verdicts
from edge_agent.language.confidence import Calibration, Evidence
from edge_agent.language.grammar import Node
from edge_agent.language.guards import is_stop
from edge_agent.language.interpreter import Interpreter
from edge_agent.language.vocabulary import Vocabulary


def score_intents(reader: Reader, directory: Path) -> tuple[list[Judged], Report]:
    """What a model makes of every sentence of the tests, and the figures.

    Raises:
        FactoryError: The directory holds no such tests.
    """
    started = time.monotonic()
    judged = list(reader.read_all(sentences(directory), Examiner().read))
    report = summarise_intents(judged, reader.usage.calibration, name=reader.name)
    return judged, report | {"seconds": round(time.monotonic() - started, 1)}


def summarise_intents(judged: Sequence[Judged], calibration: Calibration, *, name: str) -> Report:
    """All figures, ready for JSON."""
    decided = [(one, verdict(one, calibration)) for one in judged]
    sorts = grouped(decided, _label("sort"))
    known = sorts.get("known", [])

    def row(some: Sequence[tuple[Judged, Any]]) -> dict[str, Any]:
        read = [one for one, _ in some]
        return {
            "exact": share(read, lambda one: one.right),
            "exact within reach": share(
                [one for one in read if one.reachable], lambda one: one.right
            ),
            "reachable": share(read, lambda one: one.reachable),
            **verdicts(some),
        }

    return {
        "model": name,
        "sentences": len(judged),
        "known": row(known),
        "nothing to do": {sort: verdicts(some) for sort, some in sorts.items() if sort != "known"},
        "by intent": {key: row(some) for key, some in grouped(known, _label("what")).items()},
        "by slots": {key: row(some) for key, some in grouped(known, _label("how")).items()},
    }


def _label(name: str) -> Callable[[Judged], str | None]:
    return lambda one: one.labels.get(name)


def text_of_intents(report: Report) -> str:
    """The figures for a person."""
    lines = [f"{report['model']}: {report['sentences']} sentences", "", "to be understood"]
    lines += [f"  {key:<36} {percent(found)}" for key, found in report["known"].items()]
    lines += ["", "nothing may be done after"]
    for sort, row in report["nothing to do"].items():
        total = next(iter(row.values()))["total"]
        lines.append(f"  {f'{sort} ({total})':<36} acted: {_hits(row)}")
    for group in ("by intent", "by slots"):
        lines += ["", f"{group:<38} {'exact':<22} within reach of the grammar"]
        lines += [
            f"  {key:<36} {percent(row['exact']):<22} {percent(row['reachable'])}"
            for key, row in report[group].items()
        ]
    return "\n".join(lines)


def _hits(row: Mapping[str, Any]) -> int:
    return sum(row[key]["hits"] for key in ("acted right", "acted wrong") if key in row)


class Examiner:
    """Reads the tests with interpreters; keeps the vocabulary of each home."""

    def __init__(self) -> None:
        """Has read nothing."""
        self._known: dict[int, tuple[Home, Vocabulary]] = {}

    def read(self, interpreter: Interpreter, spoken: Spoken) -> Judged:
        """What a model makes of a sentence."""
        home, expected = spoken.home, expect(spoken)
        if id(home) not in self._known:
            self._known[id(home)] = home, Vocabulary(home.registry)
        vocabulary = self._known[id(home)][1]
        area: Area | None = home.registry.area_named(spoken.area)
        labels = {
            "what": spoken.intent,
            "how": " ".join(sorted(spoken.slots)) or "nothing",
            "sort": expected.sort,
        }
        words = f"{spoken.intent} " + " ".join(f"{k}={v}" for k, v in spoken.slots.items())
        sentence = interpreter.prepare(spoken.text, vocabulary, area)
        if is_stop(spoken.text):
            # The daemon calls off by itself; the model is not asked.
            return _called_off(spoken.text, words, labels)
        reachable = not expected.known or any(
            same(one, leaf, home.registry)
            for leaf in single_meanings(sentence.root)
            for one in expected.legal
        )
        return judge(
            interpreter,
            sentence,
            home.registry,
            expected.legal,
            expected=words,
            reachable=reachable,
            labels=labels,
        )


def _called_off(text: str, words: str, labels: Mapping[str, str]) -> Judged:
    return Judged(
        text=text,
        expected=words,
        said="",
        evidence=Evidence(0.0),
        meant=Sort.REFUSAL,
        got=Sort.REFUSAL,
        right=labels["what"] == "HassNevermind",
        reachable=True,
        blocked=None,
        risk=Risk.COMFORT,
        secure=False,
        labels=labels,
    )


def single_meanings(root: Node) -> Iterator[Meaning]:
    """Every meaning of one command or question that the grammar has."""
    seen: set[int] = set()
    open_ = [root]
    while open_:
        node = open_.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        match node.leaf:
            case Query() | Refusal() as leaf:
                yield leaf
            case Action() as leaf:
                yield Plan((leaf,))
        open_.extend(node.children.values())
