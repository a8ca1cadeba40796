"""When a training run is over, and how large its steps are on the way.

It knows numbers only: no clock, no network.
"""

from dataclasses import dataclass

from edge_agent.errors import FactoryError


@dataclass(frozen=True, slots=True)
class Budget:
    """How long a run may take: minutes or steps, exactly one of them."""

    minutes: float | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        """Checks that there is one limit.

        Raises:
            FactoryError: None or both are given, or one that is not positive.
        """
        given = [value for value in (self.minutes, self.steps) if value is not None]
        if len(given) != 1 or given[0] <= 0:
            raise FactoryError(
                f"budget: minutes is {self.minutes} and steps is {self.steps}; legal is one of "
                "them, above 0"
            )

    def share(self, minutes: float, steps: int) -> float:
        """How much of the budget is used, 0 to 1."""
        if self.minutes is not None:
            return min(minutes / self.minutes, 1.0)
        return min(steps / (self.steps or 1), 1.0)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A learning rate that rises, stays and falls to 0."""

    peak: float
    warmup: int = 100
    """Steps from 0 to the peak."""
    decay: float = 0.25
    """The last share of the budget, in which it falls."""

    def rate(self, step: int, used: float) -> float:
        """The learning rate of a step.

        Args:
            step: Steps taken before it.
            used: The share of the budget used before it.
        """
        rising = min((step + 1) / max(self.warmup, 1), 1.0)
        falling = min((1.0 - used) / self.decay, 1.0) if self.decay > 0 else 1.0
        return self.peak * rising * max(falling, 0.0)
