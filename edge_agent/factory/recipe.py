"""Every number that a model and its making depend on.

It knows no files, no clock and no tensors.
"""

from dataclasses import dataclass, replace

from edge_agent.errors import FactoryError


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a model is made."""

    seed: int = 0
    examples: int = 1_000_000
    """Cases that it learns from."""
    part: int = 10_000
    """Cases of a file: what a kill can lose of the data."""
    validation: int = 4_000
    corpus: int = 60_000
    """Cases that tokens are chosen by."""
    vocabulary: int = 8192
    longest: int = 320
    """Tokens of a case; longer ones are left out."""
    layers: int = 12
    ffn: int = 1536
    measured: int = 500
    """Cases on which importances are measured."""
    batch_tokens: int = 6144
    warmup: int = 100
    teacher_minutes: float = 0.0
    """0: no teacher."""
    teacher_rate: float = 3e-4
    train_minutes: float = 300.0
    train_rate: float = 1e-3
    quantise_minutes: float = 30.0
    quantise_rate: float = 2e-4
    lora_rank: int = 16
    lora_minutes: float = 4.0
    lora_rate: float = 1e-3
    calibrate_cases: int = 2_000
    test_cases: int = 2_000

    def __post_init__(self) -> None:
        """Checks that there is something to do.

        Raises:
            FactoryError: A number that must be above 0 is not.
        """
        for name in "examples part validation corpus measured train_minutes lora_minutes".split():
            if getattr(self, name) <= 0:
                raise FactoryError(f"{name} is {getattr(self, name)}; legal is what is above 0")
        for name in ("teacher_minutes", "quantise_minutes"):
            if getattr(self, name) < 0:
                raise FactoryError(f"{name} is {getattr(self, name)}; legal is 0 or more")

    def lasting(self, minutes: float) -> "Recipe":
        """The same with this much time for training, of which rounding gets its usual share."""
        if not minutes > 0:
            raise FactoryError(f"minutes is {minutes}; legal is what is above 0")
        share = self.quantise_minutes / (self.train_minutes + self.quantise_minutes)
        return replace(
            self,
            train_minutes=minutes * (1 - share),
            quantise_minutes=minutes * share,
            lora_minutes=minutes,
        )


FULL = Recipe()
QUICK = Recipe(
    examples=60_000,
    validation=1_000,
    corpus=20_000,
    ffn=768,
    measured=100,
    batch_tokens=2048,
    warmup=50,
    train_minutes=12.0,
    quantise_minutes=1.5,
    calibrate_cases=300,
    test_cases=300,
)
"""A usable model in twenty minutes of a processor."""
ADAPT = Recipe(
    examples=20_000,
    part=5_000,
    validation=500,
    batch_tokens=2048,
    warmup=20,
    calibrate_cases=300,
    test_cases=300,
)
"""A finished model and the names of one home, in minutes."""
