"""Things named alike but for a word like "left" or "2": "the bedside lamps" are all of them.

Knows names and kinds; what is done to them is the grammar's.
"""

from collections import defaultdict
from collections.abc import Iterable

from edge_agent.core.entity import Entity, Group, Kind
from edge_agent.core.names import fold

_APART = frozenset(
    "left right front rear back driver passenger co side upper lower top bottom middle center "
    "centre inner outer first second third fourth one two three four five six a b c d e f north "
    "south east west small big little large".split()
)
"""Words that tell one of several from the others."""
_MASS = ("ing", "ness", "ity")
"""How nouns end that have no plural: nobody says "seat heatings"."""


def named_alike(entities: Iterable[Entity]) -> Iterable[Group]:
    """Groups of several of one kind whose names have two words or more in common.

    What keeps somebody in or out is never in one.
    """
    found: dict[tuple[Kind, str], dict[str, None]] = defaultdict(dict)
    for entity in entities:
        if entity.security:
            continue
        for name in entity.names:
            said = fold(name).split()
            common = [word for word in said if word not in _APART and not word.isdigit()]
            if 1 < len(common) < len(said) and not common[-1].endswith(_MASS):
                found[entity.kind, plural_of(" ".join(common))][entity.id] = None
    for (kind, name), members in found.items():
        if len(members) > 1:
            yield Group(f"{kind.value} {name}", name, tuple(members))


def plural_of(noun: str) -> str:
    """A noun in the plural; one that is there already stays."""
    if noun.endswith("s"):
        return noun
    return noun + ("es" if noun.endswith(("ch", "sh", "x")) else "s")
