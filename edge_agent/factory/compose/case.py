"""What is composed: a sentence, the home's view of it, and its meaning in the output language."""

from dataclasses import dataclass

from edge_agent.core.entity import Area
from edge_agent.language.interpreter import Before
from edge_agent.language.prompt import Context
from edge_agent.language.vocabulary import Candidates


@dataclass(frozen=True, slots=True)
class Case:
    """A sentence in a home, and what it means there."""

    text: str
    output: str
    """In the output language."""
    area: Area | None
    before: Before | None
    context: Context
    candidates: Candidates
    what: str
    """What is meant, as the bank calls it: `power=on`, `ask state`, `none report`."""
    style: str
    how: str
    """How the thing is referred to."""
    commands: int
    """How many commands it holds."""


class Miss(Exception):  # noqa: N818 - not an error: the sentence does not fit this home
    """A sentence that this home, or the daemon's own search, has no place for."""
