"""The seam between decoding and arithmetic: one pass of a language model over slots of a cache.

Which slots a token sees and where it stands in the text are data, so the branches of a beam share
their prefix without a copy. It knows no tensors and no token texts.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_agent.errors import ModelError


class Step(Protocol):
    """A network with a cache of slots; used by one thread at a time."""

    @property
    def n_ctx(self) -> int:
        """How many slots the cache has."""

    @property
    def vocab_size(self) -> int:
        """How many logits a row has."""

    @property
    def max_tokens(self) -> int:
        """The most tokens that one step takes."""

    def step(
        self,
        tokens: Sequence[int],
        positions: Sequence[int],
        visible: NDArray[np.bool_],
        start_slot: int,
        rows: Sequence[int],
    ) -> NDArray[np.float32]:
        """The logits after some of the tokens, float32 [len(rows), vocab_size].

        Args:
            tokens: T token ids; token i is written to slot `start_slot + i`.
            positions: T places in the text, for the rotation.
            visible: [T, start_slot + T]; whether token i attends to slot j. It sees itself and
                none after it.
            start_slot: The first slot to write; every slot before it has been written.
            rows: Indices into `tokens` whose logits are wanted; may be empty.

        Raises:
            ModelError: T is not in 1 to `max_tokens`, or the slots are too few.
        """

    def recall(self, tokens: Sequence[int]) -> bool:
        """Fills the first slots with what `keep` kept of these tokens; False where it has not."""

    def keep(self, tokens: Sequence[int]) -> None:
        """Keeps the first slots, which hold these tokens, over a restart, where that is cheap."""

    def warm(self) -> None:
        """Compiles everything, so that no later step has to; the slots' content is lost."""


def check_step(network: Step, count: int, start_slot: int) -> None:
    """Refuses a step that a network has no room for.

    Raises:
        ModelError: It has too many tokens or none, or ends behind the last slot.
    """
    if not 0 < count <= network.max_tokens or start_slot + count > network.n_ctx:
        raise ModelError(
            f"a step of {count} tokens at slot {start_slot}: legal are 1 to {network.max_tokens} "
            f"tokens that end by slot {network.n_ctx}"
        )
