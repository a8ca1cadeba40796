"""A loaded model in the form that the interpreter asks for."""

from collections.abc import Callable, Sequence

from edge_agent.language.grammar import Node
from edge_agent.slm.decode import Hypothesis
from edge_agent.slm.model import Model

_HOPELESS = 6.0
"""Nats below the best branch at which one is given up: every token of it costs time."""


class TokenModel:
    """Tokenizer and decoder of one model behind the interpreter's Protocol."""

    def __init__(self, model: Model) -> None:
        """Takes the model's only decoder."""
        self._tokenizer = model.tokenizer
        self._decoder = model.decoder()

    def encode(self, text: str, /) -> Sequence[int]:
        """Token ids of a text; never a special token."""
        return self._tokenizer.encode(text)

    def special(self, name: str, /) -> int:
        """The id of a control token of this model.

        Raises:
            ModelError: It has none of that name.
        """
        return self._tokenizer.special(name)

    def text(self, tokens: Sequence[int], /) -> str:
        """The text of token ids."""
        return self._tokenizer.decode(tokens)

    def hold(self, prefix: Sequence[int], /, *, cancelled: Callable[[], bool]) -> None:
        """Makes ready what every prompt begins with."""
        self._decoder.hold(prefix, cancelled=cancelled)

    def decode(
        self,
        prompt: Sequence[int],
        start: Node,
        *,
        width: int,
        max_tokens: int,
        cancelled: Callable[[], bool],
    ) -> Sequence[Hypothesis]:
        """The best paths through the automaton from `start`, best first."""
        return self._decoder.decode(
            prompt,
            start,
            width=width,
            max_tokens=max_tokens,
            margin=_HOPELESS,
            cancelled=cancelled,
        )
