"""Answers to questions, from observed state alone. Nothing here can act."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from edge_agent.core.classes import CLASS_OF
from edge_agent.core.command import Ask, Query
from edge_agent.core.entity import Entity, Kind
from edge_agent.core.names import fold
from edge_agent.core.outcome import join, say_number, sentence, unit_of
from edge_agent.core.registry import Registry
from edge_agent.core.state import Observed, StateStore


def answer(query: Query, registry: Registry, state: StateStore) -> str:
    """The sentence that answers a question about the entities of its target."""
    entities = [
        registry.entities[entity_id]
        for entity_id in query.target.entities
        if entity_id in registry.entities
    ]
    if query.ask is Ask.STATE:
        return _states(query, entities, registry, state)
    known = _known(query, entities, state)
    if not known:
        return sentence(f"I do not know: nothing was heard from {_names(entities, registry)} yet")
    matching = [entity for entity, seen in known if seen.value == query.value]
    return sentence(
        _summary(query, matching, len(known), registry) + _unsure(known, state, len(entities))
    )


_Known: TypeAlias = Sequence[tuple[Entity, Observed]]


def _known(query: Query, entities: Sequence[Entity], state: StateStore) -> _Known:
    """What was seen of those entities that were heard of, in the words that are asked with."""
    found = []
    for entity in entities:
        seen = _seen(query, entity, state)
        if seen is not None and seen.value is not None:
            found.append((entity, seen))
    return found


def _seen(query: Query, entity: Entity, state: StateStore) -> Observed | None:
    """What was seen of an entity, where a class is asked about in the words of the class."""
    one = CLASS_OF.get(query.attribute) if isinstance(query.value, str) else None
    attribute = one.attribute_of(entity) if one else None
    seen = state.get(entity.id, attribute or query.attribute)
    if one is None or attribute is None or seen is None or seen.value is None:
        return seen
    return (
        replace(seen, value=one.state_of(attribute, seen.value))
        if isinstance(query.value, str)
        else seen
    )


def _unsure(known: _Known, state: StateStore, asked: int) -> str:
    doubtful = len(known) < asked or any(
        seen.stale or not state.available(entity.id) for entity, seen in known
    )
    return " as far as I know" if doubtful else ""


def _summary(query: Query, matching: Sequence[Entity], known: int, registry: Registry) -> str:
    names, what = _names(matching, registry), query.target.phrase.removeprefix("all ")
    says = _says(query.attribute, query.value, many=len(matching) != 1)
    none = _none(query)
    match query.ask:
        case Ask.COUNT:
            listed = f": {names}" if matching else ""
            return f"{len(matching)} of {known} {what} {says}{listed}"
        case Ask.ANY:
            return f"yes, {names} {says}" if matching else f"no, {none}"
        case _:
            return f"{names} {says}" if matching else none


def _none(query: Query) -> str:
    """Write "no lights are on"."""
    subject = {"people": "nobody", "things": "nothing"}.get(query.target.phrase)
    if subject is not None:
        return f"{subject} {_says(query.attribute, query.value, many=False)}"
    return f"no {query.target.phrase} {_says(query.attribute, query.value, many=True)}"


def _says(attribute: str, value: object, *, many: bool) -> str:
    """The predicate that a state is said with: `is on`, `detects smoke`, `have a problem`."""
    what = _DETECTED.get(attribute, attribute)
    match value:
        case "detected":
            return f"{'detect' if many else 'detects'} {what}"
        case "clear" if attribute in CLASS_OF:
            return f"{'detect' if many else 'detects'} no {what}"
        case "problem":
            return f"{'have' if many else 'has'} a problem"
        case "available" if attribute == "update":
            return f"{'have' if many else 'has'} an update"
    return f"{'are' if many else 'is'} {value}"


_DETECTED: Mapping[str, str] = {"occupancy": "presence", "tamper": "tampering"}
"""What a sensor is said to detect, where that is not called as its class."""


def _all(query: Query, known: _Known, registry: Registry, unsure: str) -> str:
    """The sentence that answers whether several things all have one state."""
    last = query.target.phrase.split()[-1]
    what = (
        f" {query.target.phrase.removeprefix('all ')}" if last in _MANY or last[-1] == "s" else ""
    )
    every = "both" if len(known) == 2 else f"all {len(known)}"
    others = [(entity, seen) for entity, seen in known if seen.value != query.value]
    matching = len(known) - len(others)
    if not others:
        says = _says(query.attribute, query.value, many=True)
        return f"yes, {every}{what} {says}{unsure}"
    values = dict.fromkeys(seen.value for _, seen in others)
    if not matching and len(values) == 1:
        says = _says(query.attribute, *values, many=True)
        return f"no, {every}{what} {says}{unsure}"
    told = []
    for value in values:
        named = [entity for entity, seen in others if seen.value == value]
        says = _says(query.attribute, value, many=len(named) > 1)
        told.append(f"{_names(named, registry)} {says}")
    says = _says(query.attribute, query.value, many=matching > 1)
    only = f"only {matching}" if matching else "none"
    return f"no, {only} of {len(known)}{what} {says}; {', '.join(told)}{unsure}"


_MANY = ("people", "heating", "music", "ac")
"""Words for several things that have no s."""


def _states(query: Query, entities: Sequence[Entity], registry: Registry, state: StateStore) -> str:
    if isinstance(query.value, str) and len(entities) > 1:
        known = _known(query, entities, state)
        if len(known) > 1:
            return sentence(_all(query, known, registry, _unsure(known, state, len(entities))))
    sentences = []
    rooms = {fold(name) for area in registry.areas.values() for name in area.names}
    for entity in entities[:_MOST_SPOKEN]:
        measured = replace(query, attribute=f"current {query.attribute}")
        # Of a room, people ask what is measured there, not what its heating is set to; of a
        # thermostat, either may be meant.
        of_room = len(entities) > 1 or query.target.phrase in rooms
        asked = [query]
        if of_room and entity.capability(measured.attribute) is not None:
            asked = [measured]
        elif query.value is None and state.value(entity.id, measured.attribute) is not None:
            asked = [measured, query]
        sentences += [sentence(_state(entity, one, registry, state)) for one in asked]
    if len(entities) > _MOST_SPOKEN:
        sentences.append(f"And {len(entities) - _MOST_SPOKEN} more.")
    return " ".join(sentences) or "I found nothing like that."


_MOST_SPOKEN = 5


def _state(entity: Entity, query: Query, registry: Registry, state: StateStore) -> str:
    name = _name(entity, registry)
    capability = entity.capability(query.attribute)
    seen = _seen(query, entity, state)
    if not state.available(entity.id):
        last = _last(seen, unit_of(capability))
        return f"{name} cannot be reached{last}"
    if seen is None or seen.value is None:
        return f"I do not know the {query.attribute} of {name}"
    value = say_number(seen.value, unit_of(capability))
    is_set = entity.capability(f"current {query.attribute}") is not None
    known = "was last seen" if seen.stale else "is set to" if is_set else "is"
    if isinstance(query.value, str):
        return _yes_no(name, value, seen, query)
    plain = query.attribute in {"power", "opening", "lock", "state"} or fold(
        query.attribute
    ) in fold(name)
    subject = name if plain else f"{name} {query.attribute}"
    # Whether a word is above 20 cannot be said; what was seen can.
    if query.value is not None and not isinstance(seen.value, str):
        return _yes_no(subject, value, seen, query)
    return f"{subject} {known} {value}"


def _yes_no(subject: str, said: str, seen: Observed, query: Query) -> str:
    yes = "no"
    if seen.value is not None and query.value is not None:
        yes = "yes" if query.comparison.holds(seen.value, query.value) else "no"
    if seen.stale:
        return f"{yes}, as far as I know: {subject} was last seen {said}"
    if isinstance(query.value, str):
        return f"{yes}, {subject} {_says(query.attribute, said, many=False)}"
    return f"{yes}, {subject} is {said}"


def _last(seen: Observed | None, unit: str) -> str:
    if seen is None or seen.value is None:
        return ""
    return f"; it was last seen {say_number(seen.value, unit)}"


def _name(entity: Entity, registry: Registry) -> str:
    name = registry.spoken_name(entity.id)
    return name if entity.kind is Kind.TRACKER else f"the {name}"


def _names(entities: Sequence[Entity], registry: Registry) -> str:
    return join([_name(entity, registry) for entity in entities])
