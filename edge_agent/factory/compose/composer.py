"""The composer: every sort of sentence that can be made for one home, by its name."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from random import Random

from edge_agent.core.entity import Kind
from edge_agent.core.registry import Registry
from edge_agent.errors import FactoryError
from edge_agent.factory.compose.case import Case
from edge_agent.factory.compose.clauses import Clauses
from edge_agent.factory.compose.commands import Commands
from edge_agent.factory.compose.correcting import WRONG, Corrections
from edge_agent.factory.compose.fitting import Repertoire
from edge_agent.factory.compose.following import FollowUps
from edge_agent.factory.compose.framing import Framing
from edge_agent.factory.compose.negatives import Negatives
from edge_agent.factory.compose.orders import Ordering
from edge_agent.factory.compose.pointing import Pointer
from edge_agent.factory.compose.questions import Questions
from edge_agent.factory.compose.resolving import Resolver
from edge_agent.factory.compose.scene import Scene
from edge_agent.factory.sentences.bank import Bank
from edge_agent.factory.sentences.refer import Synonyms


class Composer:
    """Composes cases for one registry."""

    def __init__(
        self,
        registry: Registry,
        bank: Bank,
        synonyms: Synonyms,
        items: Sequence[str],
        strangers: Sequence[tuple[str, Kind]],
        random: Random,
    ) -> None:
        """Indexes the registry.

        Args:
            registry: The home or car.
            bank: The phrasings that may be used.
            synonyms: Other nouns for kinds and rooms.
            items: What people put on lists.
            strangers: Names of things of other homes.
            random: What decides.
        """
        self._scene = scene = Scene(registry, bank.manner, synonyms, items, random)
        repertoire = Repertoire(bank, scene.by_kind, of_car=scene.is_car)
        pointer = Pointer(scene)
        framing = Framing(bank.manner, random)
        clauses = Clauses(scene, repertoire, pointer, framing)
        resolver = Resolver(scene, framing)
        commands = Commands(scene, repertoire, pointer, clauses, resolver, framing)
        corrections = Corrections(scene, repertoire, pointer, clauses, resolver, framing)
        follow_ups = FollowUps(scene, pointer, clauses, resolver, framing)
        ordering = Ordering(scene, bank.orders, resolver)
        questions = Questions(scene, repertoire, pointer, resolver)
        negatives = Negatives(scene, repertoire, pointer, clauses, resolver, strangers)
        self._sorts: Mapping[str, Callable[[], Case]] = {
            "command": commands.command,
            "several": lambda: ordering.or_else(commands.several),
            "timed": commands.timed,
            "conditional": commands.conditional,
            "corrected": corrections.corrected,
            **{f"corrected_{wrong}": partial(corrections.corrected, wrong) for wrong in WRONG},
            "follow_up": follow_ups.follow_up,
            "cancelled": commands.cancelled,
            "question": questions.question,
            "nothing": negatives.nothing,
            "absent": negatives.absent,
        }

    def compose(self, sort: str) -> Case:
        """A sentence of a sort.

        Raises:
            Miss: What was drawn does not fit this home; another try may.
            FactoryError: There is no such sort; the text lists the legal ones.
        """
        if sort not in self._sorts:
            raise FactoryError(f"sentence {sort!r}; legal: {', '.join(self._sorts)}")
        self._scene.speaker = None
        return self._sorts[sort]()
