"""Questions about what is in a home: its states, and how many things of a kind have one."""

from edge_agent.core.command import Ask, Comparison
from edge_agent.core.entity import Capability, Choice, Value
from edge_agent.factory.bank import Phrasing
from edge_agent.factory.compose.case import Case, Miss
from edge_agent.factory.compose.fitting import Repertoire, asked, can_be
from edge_agent.factory.compose.pointing import Pointer
from edge_agent.factory.compose.resolving import Resolver
from edge_agent.factory.compose.scene import Scene
from edge_agent.factory.values import say_number, say_option, sensor_number
from edge_agent.language.vocabulary import Candidates
from edge_agent.language.wording import write_question

_SEVERAL = frozenset({Ask.COUNT, Ask.WHICH, Ask.ANY})
_COMPARISONS = {"above": Comparison.ABOVE, "below": Comparison.BELOW}


class Questions:
    """Composes questions for one home."""

    def __init__(
        self, scene: Scene, repertoire: Repertoire, pointer: Pointer, resolver: Resolver
    ) -> None:
        """Composes them of these parts."""
        self._scene = scene
        self._repertoire = repertoire
        self._pointer = pointer
        self._resolver = resolver

    def question(self) -> Case:
        """A question about something that is here."""
        scene, resolver = self._scene, self._resolver
        phrasing, able = self._repertoire.a_question(scene.random)
        entity = scene.random.choice(able)
        capability = asked(entity, phrasing)
        if capability is None:
            raise Miss
        text, value = self._valued(phrasing, capability)
        if phrasing.ask in _SEVERAL:
            ask = Ask(phrasing.ask)
            pointed = self._pointer.point_at_several(text, able)
        else:
            ask = Ask.STATE
            pointed = self._pointer.point(text, [entity], asked=capability)
        comparison = _COMPARISONS.get(phrasing.ask or "", Comparison.IS)

        def write(candidates: Candidates) -> str:
            phrase = resolver.phrase(pointed.reference, candidates, readable=True)
            return write_question(phrase, capability.attribute, ask, value, comparison)

        return resolver.case(
            area=scene.speaker_of(pointed.reference),
            text=resolver.said(pointed.text, imperative=False),
            write=write,
            what=f"ask {phrasing.ask}",
            style=phrasing.style,
            how=pointed.reference.how,
        )

    def _valued(self, phrasing: Phrasing, capability: Capability) -> tuple[str, Value | None]:
        """A question with the value put in that it compares with, and that value."""
        random = self._scene.random
        text, value = phrasing.text, phrasing.value
        number = None
        if "number" in phrasing.places:
            number = sensor_number(capability.attribute, random)
            text = text.replace("{number}", say_number(number, capability, random))
        if "option" in phrasing.places or value == "{option}":
            if not isinstance(capability.domain, Choice):
                raise Miss
            value = random.choice(capability.domain.options)
            text = text.replace("{option}", say_option(value))
        if value is not None and not can_be(capability, value):
            raise Miss
        return text, value if number is None else number
