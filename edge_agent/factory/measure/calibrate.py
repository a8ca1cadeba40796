"""What the scores of a model are worth: confidences fitted to outcomes, and thresholds.

It knows judged sentences as numbers; no model and no text.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from edge_agent.core.entity import Risk
from edge_agent.errors import FactoryError
from edge_agent.factory.measure.judge import Judged, Sort, Verdict, verdict
from edge_agent.language.confidence import MOST_MARGIN, Calibration, Evidence

Floats = NDArray[np.float64]

LIMITS: Mapping[Risk, float] = MappingProxyType(
    {Risk.COMFORT: 0.006, Risk.CAUTION: 0.001, Risk.SECURITY: 0.0005}
)
"""Share of the sentences that ask for nothing after which something may be done all the same."""
FLOORS: Mapping[Risk, float] = MappingProxyType(
    {Risk.COMFORT: 0.55, Risk.CAUTION: 0.65, Risk.SECURITY: 0.75}
)
"""Confidence that is asked for at least: who is less sure than this asks, whatever was measured."""
ACTED_AT_LEAST: Mapping[Risk, float] = MappingProxyType(
    {Risk.COMFORT: 0.9, Risk.CAUTION: 0.9, Risk.SECURITY: 0.75}
)
"""Share of the rightly understood commands that are carried out whatever the limits say: a few
sentences that nobody could tell from a command must not make the daemon ask about everything. A
door is asked about once too often rather than opened once too often."""
_WRONG_SECURITY = 0.002
"""Share of the security commands that may go wrong, of those that are carried out."""
_LEAST = 50
_ASK = (0.1, 0.4)
_ASKED_FOR_NOTHING = 0.05
_PRIOR = 1.0
"""Strength of the prior that keeps the fit finite where right and wrong can be told apart."""


@dataclass(frozen=True, slots=True)
class Share:
    """A count of hits with its Wilson interval of 95 percent."""

    hits: int
    total: int

    @property
    def value(self) -> float:
        """The share, or not a number where nothing was counted."""
        return self.hits / self.total if self.total else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Between which the true share is in 95 of 100 such counts.

        https://en.wikipedia.org/wiki/Binomial_proportion_confidence_interval#Wilson_score_interval
        """
        if not self.total:
            return 0.0, 1.0
        z, n, p = 1.959964, self.total, self.value
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)

    def as_dict(self) -> dict[str, float | int | None]:
        """For JSON."""
        low, high = self.interval
        value = round(self.value, 5) if self.total else None
        return {
            "value": value,
            "hits": self.hits,
            "total": self.total,
            "low": round(low, 5),
            "high": round(high, 5),
        }


@dataclass(frozen=True, slots=True)
class Bin:
    """Readings of like confidence."""

    low: float
    high: float
    mean: float
    """Their mean confidence."""
    right: Share


def reliability(judged: Sequence[Judged], calibration: Calibration, bins: int = 10) -> list[Bin]:
    """How often readings of each confidence were right; bins without any are left out."""
    read = [one for one in judged if one.got is not Sort.REFUSAL]
    sure = [calibration.confidence(one.evidence) for one in read]
    edges = [number / bins for number in range(bins + 1)]
    found = []
    for low, high in pairwise(edges):
        last = high == edges[-1]
        inside = [
            (one, x)
            for one, x in zip(read, sure, strict=True)
            if low <= x < high or (last and x == high)
        ]
        if inside:
            right = Share(sum(one.right for one, _ in inside), len(inside))
            mean = sum(x for _, x in inside) / len(inside)
            found.append(Bin(low, high, mean, right))
    return found


def calibration_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error: mean distance of confidence and share of right ones."""
    total = sum(one.right.total for one in bins)
    if not total:
        return math.nan
    return sum(one.right.total * abs(one.mean - one.right.value) for one in bins) / total


def fit(evidence: Sequence[Evidence], right: Sequence[bool]) -> tuple[float, float, float]:
    """Bias, weight and margin of a `Calibration`: the logistic regression of being right.

    Raises:
        FactoryError: There are too few readings, or all are right, or none is.
    """
    y: Floats = np.asarray(right, np.float64)
    if len(y) < _LEAST or not 0 < y.sum() < len(y):
        raise FactoryError(
            f"a calibration needs {_LEAST} readings or more, right and wrong ones; "
            f"there are {len(y)}, {int(y.sum())} of them right"
        )
    design = np.array([(1.0, one.score, one.margin) for one in evidence])
    prior, strength = np.array([0.0, 1.0, 0.0]), np.array([0.0, _PRIOR, _PRIOR])

    def objective(beta: Floats) -> float:
        odds = design @ beta
        likely = float((y * odds - np.logaddexp(0, odds)).sum())
        return likely - 0.5 * float(strength @ (beta - prior) ** 2)

    beta: Floats = np.array([math.log(y.mean() / (1 - y.mean())), 0.0, 0.0])
    for _ in range(100):
        p = 1 / (1 + np.exp(-np.clip(design @ beta, -500, 500)))
        gradient = design.T @ (y - p) - strength * (beta - prior)
        hessian = (design * (p * (1 - p))[:, None]).T @ design + np.diag(strength + 1e-6)
        step = np.linalg.solve(hessian, gradient)
        while objective(beta + step) < objective(beta) and np.abs(step).max() > 1e-9:
            step = step / 2
        beta = beta + step
        if float(np.abs(step).max()) < 1e-8:
            break
    bias, weight, margin = beta.tolist()
    return bias, max(weight, 1e-3), max(margin, 0.0)


def calibrate(judged: Sequence[Judged], idle: Sequence[Judged] = ()) -> Calibration:
    """Confidences and thresholds for a model, from sentences that it was not trained on.

    Confidence says that the right command was understood: a plan is carried out from `FLOORS` on,
    about security from where no more than a few are wrong. That a command is meant at all is what
    its lead over nothing says: the least one that keeps false actions within `LIMITS`. Neither may
    stop more than `ACTED_AT_LEAST` lets it.

    Args:
        judged: Sentences of all sorts, as people say them.
        idle: More sentences that ask for nothing: false actions are rare, and counted well only
            among many.

    Raises:
        FactoryError: There is too little to learn from.
    """
    read = [one for one in judged if one.got is not Sort.REFUSAL]
    bias, weight, margin = fit([one.evidence for one in read], [one.right for one in read])
    found = Calibration(bias, weight, dict.fromkeys(Risk, 0.0), 0.0, margin)
    idle = [*idle, *(one for one in judged if one.meant is Sort.REFUSAL)]
    meant = [one for one in judged if one.meant is not Sort.REFUSAL]
    acting = [one for one in meant if verdict(one, found) is Verdict.ACTED]
    found = replace(found, act=_stricter({risk: _act(risk, acting, found) for risk in Risk}))
    acting = [one for one in (*meant, *idle) if verdict(one, found) is Verdict.ACTED]
    lead = {risk: _lead(risk, acting, int(LIMITS[risk] * len(idle))) for risk in Risk}
    found = replace(found, lead=_stricter(lead))
    return replace(found, ask=min(_ask(judged, found), *found.act.values()))


def _stricter(needed: Mapping[Risk, float]) -> Mapping[Risk, float]:
    """Thresholds of which none is below that of a milder risk."""
    found = dict(needed)
    for milder, stricter in pairwise(Risk):
        found[stricter] = max(found[stricter], found[milder])
    return found


def _act(risk: Risk, acting: Sequence[Judged], found: Calibration) -> float:
    """The confidence that commands of one risk class need."""
    if risk is not Risk.SECURITY:
        return FLOORS[risk]
    of_class = [(one, found.confidence(one.evidence)) for one in acting if one.risk is risk]
    wrong = [sure for one, sure in of_class if not one.right]
    right = [sure for one, sure in of_class if one.right]
    needed = _threshold(wrong, right, int(_WRONG_SECURITY * len(of_class)), ACTED_AT_LEAST[risk])
    return min(max(needed, FLOORS[risk]), 1.0)


def _lead(risk: Risk, acting: Sequence[Judged], allowed: int) -> float:
    """The lead over nothing that commands of one risk class need."""
    of_class = [one for one in acting if one.risk is risk]
    false = [one.evidence.lead for one in of_class if one.meant is not Sort.PLAN]
    right = [one.evidence.lead for one in of_class if one.right]
    return min(_threshold(false, right, allowed, ACTED_AT_LEAST[risk]), MOST_MARGIN)


def _threshold(wrong: Sequence[float], right: Sequence[float], allowed: int, kept: float) -> float:
    """What all but `allowed` of the wrong stay below, and so much of the right at least does not.

    Without any of the right, nothing says what it would cost, and the wrong alone decide.
    """
    ordered = sorted(wrong, reverse=True)
    if len(ordered) <= allowed:
        return 0.0
    needed = ordered[allowed] + 2e-6  # thresholds are rounded to six digits
    if right:
        needed = min(needed, sorted(right)[int((1 - kept) * len(right))])
    return round(needed, 6)


def _ask(judged: Sequence[Judged], calibration: Calibration) -> float:
    """The confidence below which a reading is not worth a question."""
    idle = [one for one in judged if one.meant is Sort.REFUSAL]
    asked = [
        calibration.confidence(one.evidence)
        for one in idle
        if verdict(one, calibration) in {Verdict.ASKED, Verdict.ANSWERED}
    ]
    threshold = _threshold(asked, (), int(_ASKED_FOR_NOTHING * len(idle)), 0.0)
    return round(min(max(threshold, _ASK[0]), _ASK[1]), 4)
