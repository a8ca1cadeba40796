"""Invents appliances that run the daemon themselves: a few settings, a closed menu.

Knows no rooms: an appliance stands alone.
"""

from dataclasses import replace
from random import Random

from edge_agent.core.entity import Entity
from edge_agent.core.names import clean_name, fold, slug
from edge_agent.core.registry import Changes, Registry
from edge_agent.factory.sentences.bank import Split
from edge_agent.factory.worlds.archetypes import (
    Appliance,
    Archetypes,
    Part,
    announced,
    edition_of,
)
from edge_agent.factory.worlds.names import NameBank, split_of_name

_BARE = 0.6
"""How often entities are called by their own name alone: `size`, not `coffee maker size`."""


def invent_appliance(
    random: Random, names: NameBank, archetypes: Archetypes, *, split: Split
) -> Registry:
    """An appliance as the daemon in it would know it.

    Args:
        random: Decides everything.
        names: For brands and nicknames of the whole appliance.
        archetypes: What appliances there are.
        split: Whose names may be used.
    """
    weights = [one.weight for one in archetypes.appliances.values()]
    key, appliance = random.choices(list(archetypes.appliances.items()), weights)[0]
    case = random.choice((str.lower, str.lower, str.title))
    name = clean_name(case(_name(random, names, key, appliance, split)))
    payloads = edition_of(random, appliance.entities, archetypes.pools, split)
    for entity, payload in appliance.entities.items():
        if len(payloads) >= appliance.least:
            break
        if entity not in payloads:
            whole = {entity: {**payload, "maybe": 1.0}}
            payloads |= edition_of(random, whole, archetypes.pools, split)
    bare = random.random() < _BARE
    found: dict[str, Entity] = {}
    for part in announced(key, "zq", payloads):
        full = clean_name(case(_full(part, name, bare=bare)))
        entity_id = f"{part.entity.id.partition('.')[0]}.{slug(full)}"
        while entity_id in found:
            entity_id += "_2"
        found[entity_id] = replace(part.entity, id=entity_id, name=full, device=slug(name))
    return Registry().apply(Changes(upsert=tuple(found.values())))


def _name(random: Random, names: NameBank, key: str, appliance: Appliance, split: Split) -> str:
    thing = names.things.get("coffee_machine" if key == "coffee_maker" else key)
    if thing is not None and random.random() < 0.35:
        own = (thing.brands or thing.whole).pick_own(random, split)
        if own:
            return own
    first, *others = appliance.names
    return random.choice(
        [first, *(other for other in others if split_of_name(other) in {Split.TRAIN, split})]
    )


def _full(part: Part, name: str, *, bare: bool) -> str:
    if not part.own:
        return name
    if bare or fold(part.own).startswith(fold(name)):
        return part.own
    return f"{name} {part.own}"
