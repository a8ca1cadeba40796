"""How long to wait before the next attempt to connect. Knows no broker and no clock."""

from random import Random
from typing import Final

_MAX_DOUBLINGS: Final = 30
_MAX_TAKEOVERS: Final = 4  # 16 times the longest ordinary wait


class Backoff:
    """Full-jitter exponential back-off, with a longer one for fights over a client id.

    Args:
        shortest: Ceiling of the first wait, in seconds.
        longest: Ceiling of every ordinary wait, in seconds.
        random: Spreads the attempts of many clients.
    """

    def __init__(self, shortest: float, longest: float, random: Random) -> None:
        self._shortest = shortest
        self._longest = longest
        self._random = random
        self._failures = 0
        self._takeovers = 0

    @property
    def fighting(self) -> bool:
        """Whether the last thing that ended a connection was another client with our id."""
        return self._takeovers > 0

    def after_failure(self) -> float:
        """Return the seconds to wait after an attempt that failed."""
        ceiling = min(self._longest, self._shortest * 2**self._failures)
        self._failures = min(self._failures + 1, _MAX_DOUBLINGS)
        return self._random.uniform(0.0, ceiling)

    def after_loss(self) -> float:
        """Return the seconds to wait after a connection that stood: the trouble before is over."""
        self._takeovers = 0
        self._failures = 0
        return self.after_failure()

    def after_takeover(self) -> float:
        """Return the seconds to wait when another client took our id: long, and longer each time.

        Coming back throws the other one out; two agents that hurry would do nothing else.
        """
        self._takeovers = min(self._takeovers + 1, _MAX_TAKEOVERS)
        ceiling = self._longest * 2**self._takeovers
        return self._random.uniform(ceiling / 2, ceiling)
