"""How sure a reading is, from what a model's log-probabilities say for it; and what is enough.

Knows numbers and risk classes; no sentences.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_agent.core.entity import Risk

MOST_MARGIN = 8.0
"""Nats from which on it says nothing more that another meaning is less likely."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the raw log-probabilities of the paths say for the meaning of the best one, in nats."""

    score: float
    """How likely it is."""
    margin: float = MOST_MARGIN
    """By how much it is likelier than the next meaning, as far as that counts."""
    lead: float = MOST_MARGIN
    """By how much it is likelier than that nothing is meant, as far as that counts."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Turns the evidence of one model with one prompt into confidences, and says what is enough.

    The confidence of a reading is `sigmoid(bias + weight * evidence.score + margin *
    evidence.margin)`. Which of two lamps is meant may be doubtful where it is beyond doubt that
    one is, and the other way round: so a command needs both, confidence and lead.
    """

    bias: float
    weight: float
    act: Mapping[Risk, float]
    """Confidence from which a command of this risk class is carried out; below, it is asked."""
    ask: float
    """Confidence below which a reading is not even worth a question."""
    margin: float = 0.0
    lead: Mapping[Risk, float] = field(default_factory=lambda: dict.fromkeys(Risk, 0.0))
    """Lead from which a command of this risk class is carried out; below, it is asked."""

    def confidence(self, evidence: Evidence) -> float:
        """How likely a reading with this evidence is right, 0 to 1."""
        odds = self.bias + self.weight * evidence.score + self.margin * evidence.margin
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, odds))))

    def suffices(self, evidence: Evidence, risk: Risk) -> bool:
        """Whether a command of a risk class is carried out on this evidence, unasked."""
        sure = self.confidence(evidence) >= self.act[risk]
        return sure and evidence.lead >= self.lead[risk]
