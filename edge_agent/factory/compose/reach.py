"""Whether the daemon could say an output about a sentence: only that is worth learning.

Words stand for tokens; which tokens a model has is not known here.
"""

import re
from collections.abc import Sequence

from edge_agent.core.command import Refusal
from edge_agent.language.grammar import compile_grammar, meaning
from edge_agent.language.guards import is_question
from edge_agent.language.interpreter import Before, slots_of
from edge_agent.language.vocabulary import Candidates, Vocabulary
from edge_agent.language.wording import REFUSAL

_WORD = re.compile(r" ?[^\s;]+|;")
_END = 0


class Reach:
    """What the daemon can say about one home."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        """Has no words before it is asked."""
        self._vocabulary = vocabulary
        self._words: dict[str, int] = {}

    def can_say(
        self, output: str, text: str, candidates: Candidates, before: Before | None = None
    ) -> bool:
        """Whether the grammar of a sentence has an output, and the output a meaning.

        Args:
            output: In the output language.
            text: The sentence.
            candidates: What the daemon's search finds for it.
            before: What the conversation did just before.
        """
        if output == REFUSAL:
            return True
        written = f" {output.replace(';', ' ')} "
        # Only the targets that are written can matter; a grammar of all of them takes long.
        targets = [one for one in candidates.targets if f" {one.target.phrase} " in written]
        slots = slots_of(text, targets, self._vocabulary, before)
        grammar = compile_grammar(self._vocabulary.abilities, slots, self._encode, _END)
        root = (
            grammar.questions if is_question(text, follows=before is not None) else grammar.commands
        )
        tokens = (*self._encode(f" {output}"), _END)
        node = root
        for token in tokens:
            following = node.edges.get(token)
            if following is None:
                return False
            node = following
        return not isinstance(meaning(root, tokens), Refusal)

    def _encode(self, text: str, /) -> Sequence[int]:
        words = self._words
        return [words.setdefault(word, len(words) + 1) for word in _WORD.findall(text)]
