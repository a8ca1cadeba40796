"""From what was said to a case: the daemon's search finds the targets, the output is written.

Where the daemon could not be right about a sentence, there is no case of it. Knows no bank.
"""

from collections.abc import Callable, Sequence

from edge_agent.core.entity import Area
from edge_agent.factory.compose.case import Case, Miss
from edge_agent.factory.compose.clauses import Clause
from edge_agent.factory.compose.framing import Framing, is_asked
from edge_agent.factory.compose.reach import Reach
from edge_agent.factory.compose.scene import Scene
from edge_agent.factory.sentences.noise import dressed, noisy
from edge_agent.factory.sentences.refer import Reference
from edge_agent.language.guards import is_conditional, is_exception, is_question
from edge_agent.language.interpreter import Before, context_of
from edge_agent.language.prompt import MOST_CHARACTERS
from edge_agent.language.vocabulary import Candidates, Vocabulary
from edge_agent.language.wording import EXCEPT, REFUSAL, SEPARATOR, write_command

_COLLECTIVE = frozenset({"kind", "here", "place", "all", "room", "implied", "plural", "group"})
"""Ways of referring that mean more than the name of one thing."""
_BARE = 0.45
"""How many sentences are said as they are, with nothing around them and no slip."""
_MARKED = 0.7
_MARKED_QUESTION = 0.5
"""How many requests in the form of a question, and how many questions, end in its mark."""
_LIKE_COMMANDS = frozenset({"none absent", "none cancelled"})
"""Negatives that are worded as commands are."""


class Resolver:
    """Makes cases of sentences in one home."""

    def __init__(self, scene: Scene, framing: Framing) -> None:
        """Indexes the names of the home as the daemon does."""
        self._scene = scene
        self._framing = framing
        self._vocabulary = Vocabulary(scene.registry)
        self._reach = Reach(self._vocabulary)

    def commands(
        self,
        clauses: Sequence[Clause],
        text: str,
        area: Area | None,
        *,
        before: Before | None = None,
        condition: Callable[[Candidates], str] | None = None,
        how: str | None = None,
    ) -> Case:
        """A sentence that commands.

        Args:
            clauses: Its commands in their order.
            text: All of it, as it is meant to be said.
            area: Where the speaker is.
            before: What the conversation did just before.
            condition: Writes what the commands depend on, up to the "then".
            how: How things are referred to; None for the way of the first.
        """
        first = clauses[0].phrasing
        text = self.said(text, imperative=self._framing.is_verbal(text, first.style), command=True)
        asks = is_question(text, follows=before is not None)
        if asks or (condition is not None and not is_conditional(text)):
            raise Miss

        def write(candidates: Candidates) -> str:
            written = [
                self._written(clause, target, text, candidates)
                for clause in clauses
                for target in clause.targets
            ]
            prefix = condition(candidates) if condition is not None else ""
            return prefix + f"{SEPARATOR} ".join(dict.fromkeys(written))

        commands = sum(len(clause.targets) for clause in clauses)
        what = "conditional" if condition else "timed" if clauses[0].time else "several"
        if commands == 1 and what == "several":
            what = "=".join(first.do or ())
        how = how or clauses[0].targets[0].how
        return self.case(
            text, area, write, what, style=first.style, how=how, commands=commands, before=before
        )

    def refusal(self, text: str, what: str, style: str, *, dress: bool = True) -> Case:
        """A sentence after which nothing may be done.

        Args:
            text: The sentence.
            what: Its class.
            style: Its style.
            dress: Whether anything is said around it.
        """
        random = self._scene.random
        if what in _LIKE_COMMANDS:
            text = self._framing.framed([text], [style])[0]
        said = self.said(text, imperative=False) if dress else self._ended(text)
        area = random.choice([None, *self._scene.registry.areas.values()])
        area = area if random.random() < 0.5 else None
        return self.case(said, area, lambda _: REFUSAL, what, style=style, how="none")

    def case(
        self,
        text: str,
        area: Area | None,
        write: Callable[[Candidates], str],
        what: str,
        *,
        style: str,
        how: str,
        commands: int = 0,
        before: Before | None = None,
    ) -> Case:
        """The case of a sentence whose output `write` makes of what the search finds for it."""
        vocabulary = self._vocabulary
        candidates = vocabulary.candidates(text, area, also=before.targets if before else ())
        context = context_of(vocabulary, candidates, area, before)
        output = write(candidates)
        if not self._reach.can_say(output, text, candidates, before):
            raise Miss
        return Case(text, output, area, before, context, candidates, what, style, how, commands)

    def said(self, text: str, *, imperative: bool, command: bool = False) -> str:
        """A sentence with what people say around it, and their slips.

        Args:
            text: The sentence.
            imperative: Whether it begins with a bare verb.
            command: Whether it commands: it has no question mark then that makes it a question.
        """
        random, manner = self._scene.random, self._scene.manner
        text, asked = " ".join(text.split()), is_asked(text)
        said = text[:MOST_CHARACTERS]
        if random.random() >= _BARE:
            said = dressed(text, manner, random, imperative=imperative, asked=asked)
            said = noisy(said, manner, random)[:MOST_CHARACTERS]
        ended = self._ended(said, asked=asked)
        return said if command and is_question(ended) else ended

    def _ended(self, text: str, *, asked: bool | None = None) -> str:
        """A sentence, often with the question mark that belongs to it."""
        text = " ".join(text.split())
        if text.endswith(("?", ".", "!")):
            return text
        if is_asked(text) if asked is None else asked:
            often = _MARKED
        else:
            often = _MARKED_QUESTION if is_question(text) else 0.0
        return f"{text}?" if self._scene.random.random() < often else text

    def phrase(
        self, reference: Reference, candidates: Candidates, *, readable: bool = False
    ) -> str:
        """How the grammar writes a reference; a Miss where the search did not find it.

        Args:
            reference: What is meant.
            candidates: What the search found.
            readable: Whether it is asked about, so that what takes no command will do.
        """
        targets = candidates.targets
        offered = {
            one.target.phrase: one
            for one in targets
            if readable or one.secured or not one.question_only
        }
        wanted = set(reference.entities)
        for phrase in reference.phrases:
            if phrase in offered and wanted & set(offered[phrase].target.entities):
                return phrase
        if reference.how not in _COLLECTIVE:
            for one in targets:
                if set(one.target.entities) == wanted and not one.question_only:
                    return one.target.phrase
        raise Miss

    def _written(self, clause: Clause, target: Reference, text: str, candidates: Candidates) -> str:
        phrase = self.phrase(target, candidates)
        written = write_command(phrase, clause.attribute, clause.wanted)
        for other in target.excluded:
            if not is_exception(text):
                raise Miss
            written += f" {EXCEPT} {self.phrase(other, candidates)}"
        return written if clause.time is None else f"{written} {clause.time}"
