"""What the things that a target stands for can do, worked out once for a snapshot of the registry.

"All lights" of a large home are hundreds of things, and every sentence offers them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from edge_agent.core.classes import is_of_air
from edge_agent.core.entity import Attribute, Capability, Choice, Range, Reading, Text
from edge_agent.core.registry import Registry

_MIXED = (Attribute.POWER, Attribute.TEMPERATURE, Attribute.CURRENT_TEMPERATURE, "humidity")


@dataclass(frozen=True, slots=True)
class Members:
    """Those of some things that can be set in one way, or read."""

    entities: tuple[str, ...]
    options: tuple[str, ...]
    """What they can be, where that is a choice."""
    ranged: bool
    """Whether one of them takes numbers between two bounds."""
    numeric: bool
    """Whether one of them is a number."""
    texts: bool
    """Whether one of them takes any text."""


@dataclass(frozen=True, slots=True)
class Ability:
    """One attribute of some things."""

    settable: Members
    readable: Members


class Abilities:
    """The abilities of the things of one registry snapshot."""

    def __init__(self, registry: Registry) -> None:
        """Works nothing out yet."""
        self._registry = registry
        self._known: dict[tuple[Sequence[str], bool], Mapping[str, Ability]] = {}

    def of(self, entities: tuple[str, ...], *, collective: bool = False) -> Mapping[str, Ability]:
        """By attribute, what some things can do.

        Args:
            entities: Their ids; one that is not there any more can do nothing.
            collective: Whether they are meant together: "everything", a room.
        """
        key = entities, collective
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = {
                attribute: Ability(
                    _members((one, known) for one, known in having.items() if known.settable),
                    _members((one, known) for one, known in having.items() if known.readable),
                )
                for attribute, having in self._capabilities(entities, collective).items()
            }
        return found

    def _capabilities(
        self, entities: Sequence[str], collective: bool
    ) -> Mapping[str, Mapping[str, Capability]]:
        """Attribute -> entity id -> capability."""
        found: dict[str, dict[str, Capability]] = {}
        kinds = set()
        for entity_id in entities:
            entity = self._registry.entities.get(entity_id)
            for capability in entity.capabilities if entity else ():
                found.setdefault(capability.attribute, {})[entity_id] = capability
            kinds.add(entity.kind if entity else None)
        if collective and len(kinds) > 1:
            # "everything" and rooms can be switched; nobody sets the position of everything.
            return {key: self._of_air(key, found[key]) for key in _MIXED if key in found}
        # "is the radio on" asks for its power, though its mute is on or off as well.
        return dict(sorted(found.items(), key=lambda item: item[0] != Attribute.POWER))

    def _of_air(self, key: str, found: Mapping[str, Capability]) -> Mapping[str, Capability]:
        """Without what is not the air of a room: nobody asks the fridge how warm the kitchen is."""
        if key == Attribute.POWER:
            return found
        entities = self._registry.entities
        air = {one: known for one, known in found.items() if is_of_air(entities[one])}
        return air or found


def _members(found: Iterable[tuple[str, Capability]]) -> Members:
    pairs = list(found)
    domains = [known.domain for _, known in pairs]
    options: dict[str, None] = {}
    for domain in domains:
        if isinstance(domain, Choice):
            options.update(dict.fromkeys(domain.options))
    return Members(
        tuple(entity for entity, _ in pairs),
        tuple(options),
        any(isinstance(domain, Range) for domain in domains),
        any(isinstance(domain, Range | Reading) for domain in domains),
        any(isinstance(domain, Text) for domain in domains),
    )
