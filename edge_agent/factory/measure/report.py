"""Counts of what was judged, as one JSON object and as tables for a person.

It knows judged sentences and thresholds; no model, no homes.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from edge_agent.core.entity import Risk
from edge_agent.factory.measure.calibrate import Share, calibration_error, reliability
from edge_agent.factory.measure.judge import Judged, Sort, Verdict, verdict
from edge_agent.language.confidence import Calibration

Report: TypeAlias = dict[str, Any]
GROUPS = ("devices", "world", "what", "style", "how", "commands")


def summarise(
    judged: Sequence[Judged],
    calibration: Calibration,
    *,
    name: str,
    seed: int,
    seconds: float,
) -> Report:
    """All figures of an evaluation, ready for JSON.

    Args:
        judged: The sentences.
        calibration: The thresholds that decide what the daemon does.
        name: Of the model.
        seed: Of the cases.
        seconds: How long the reading took.
    """
    decided = [(one, verdict(one, calibration)) for one in judged]
    commands = [pair for pair in decided if pair[0].meant is Sort.PLAN]
    questions = [pair for pair in decided if pair[0].meant is Sort.QUERY]
    nothing = [pair for pair in decided if pair[0].meant is Sort.REFUSAL]
    idle = [*questions, *nothing]
    bins = reliability(judged, calibration)
    return {
        "model": name,
        "seed": seed,
        "cases": len(judged),
        "seconds": round(seconds, 1),
        "exact": share(judged, lambda one: one.right),
        "reachable": share(judged, lambda one: one.reachable),
        "commands": {
            "exact": share([one for one, _ in commands], lambda one: one.right),
            **verdicts(commands),
        },
        "questions": {
            "exact": share([one for one, _ in questions], lambda one: one.right),
            **verdicts(questions),
        },
        "nothing": {
            "refused by the model": share([one for one, _ in nothing], lambda one: one.right),
            **verdicts(nothing),
        },
        "false actions": {
            "all": _acting(idle),
            "security": _acting(idle, lambda one: one.secure),
            "by class": {what: _acting(some) for what, some in grouped(idle, _what).items()},
        },
        "wrong actions": {
            "all": _acting(commands, lambda one: not one.right),
            "security": _acting(commands, lambda one: not one.right and one.secure),
        },
        "by": {
            group: {
                key: {"exact": share([one for one, _ in some], lambda one: one.right)}
                | verdicts(some)
                for key, some in grouped(decided, lambda one, g=group: one.labels.get(g)).items()  # type: ignore[misc]
            }
            for group in GROUPS
        },
        "asked because": dict(
            Counter(
                one.blocked or "not sure enough"
                for one, decision in commands
                if decision is Verdict.ASKED
            ).most_common()
        ),
        "calibration": {
            "bias": calibration.bias,
            "weight": calibration.weight,
            "margin": calibration.margin,
            "act": {risk.value: calibration.act[risk] for risk in Risk},
            "lead": {risk.value: calibration.lead[risk] for risk in Risk},
            "ask": calibration.ask,
            "error": round(calibration_error(bins), 4) if bins else None,
            "bins": [
                {
                    "low": one.low,
                    "high": one.high,
                    "confidence": round(one.mean, 4),
                    **one.right.as_dict(),
                }
                for one in bins
            ],
        },
    }


_Decided: TypeAlias = tuple[Judged, Verdict]


def share(some: Sequence[Judged], hit: Callable[[Judged], bool]) -> dict[str, Any]:
    """How many of some are hits, with the interval."""
    return Share(sum(map(hit, some)), len(some)).as_dict()


def _acting(
    some: Sequence[_Decided], hit: Callable[[Judged], bool] = lambda _: True
) -> dict[str, Any]:
    acted = sum(decision is Verdict.ACTED and hit(one) for one, decision in some)
    return Share(acted, len(some)).as_dict()


def verdicts(some: Sequence[_Decided]) -> dict[str, Any]:
    """What the daemon did, and how often it was right to."""
    counts: Mapping[str, Callable[[Judged, Verdict], bool]] = {
        "acted right": lambda one, did: did is Verdict.ACTED and one.right,
        "acted wrong": lambda one, did: did is Verdict.ACTED and not one.right,
        "answered right": lambda one, did: did is Verdict.ANSWERED and one.right,
        "answered wrong": lambda one, did: did is Verdict.ANSWERED and not one.right,
        "asked back": lambda _, did: did is Verdict.ASKED,
        "refused": lambda _, did: did is Verdict.REFUSED,
    }
    found = {
        key: Share(sum(bool(hit(one, did)) for one, did in some), len(some))
        for key, hit in counts.items()
    }
    return {key: count.as_dict() for key, count in found.items() if count.hits}


def _what(one: Judged) -> str:
    return one.labels.get("what", "")


def grouped(
    some: Iterable[_Decided], key: Callable[[Judged], str | None]
) -> Mapping[str, list[_Decided]]:
    """Those with the same key together; those without one are left out."""
    found: dict[str, list[_Decided]] = defaultdict(list)
    for one, decision in some:
        if (value := key(one)) is not None:
            found[value].append((one, decision))
    return dict(sorted(found.items()))


def percent(found: Mapping[str, Any]) -> str:
    """A share for a person: `91.2% (90.1%-92.2%)`."""
    if found["value"] is None:
        return "-"
    return f"{found['value']:.1%} ({found['low']:.1%}-{found['high']:.1%})"


def failures(judged: Iterable[Judged]) -> Iterator[str]:
    """What was misunderstood, a line each: sentence, what was meant, what was said, score."""
    for one in judged:
        if not one.right:
            reach = "" if one.reachable else " (out of reach)"
            score = one.evidence.score
            yield f"{one.text} | {one.expected}{reach} | {one.said or '-'} | {score:.2f}"


def text_of(report: Report) -> str:
    """The figures for a person."""
    lines = [
        f"{report['model']}: {report['cases']} cases of seed {report['seed']}",
        f"read in {report['seconds']:.0f} s",
        "",
        f"{'exact, model alone':<34} {percent(report['exact'])}",
        f"{'within reach of the grammar':<34} {percent(report['reachable'])}",
    ]
    for sort in ("commands", "questions", "nothing"):
        lines += ["", f"{sort}"]
        lines += [f"  {key:<32} {percent(found)}" for key, found in report[sort].items()]
    lines.append("")
    for sort in ("false actions", "wrong actions"):
        lines += [
            f"{f'{sort}, {part}':<34} {percent(report[sort][part])}" for part in ("all", "security")
        ]
    for group, rows in report["by"].items():
        lines += ["", f"{group:<34} {'exact':<22} {'acted wrong':<22} n"]
        for key, row in rows.items():
            exact, wrong = percent(row["exact"]), "0"
            if "acted wrong" in row:
                wrong = percent(row["acted wrong"])
            lines.append(f"  {key:<32} {exact:<22} {wrong:<22} {row['exact']['total']}")
    lines += ["", "calibration (confidence: share of right ones)"]
    lines += [
        f"  {one['confidence']:.3f}: {percent(one):<22} n = {one['total']}"
        for one in report["calibration"]["bins"]
    ]
    lines.append(f"  expected calibration error {report['calibration']['error']}")
    return "\n".join(lines)
