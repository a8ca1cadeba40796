"""Answers to questions, from observed state alone. Nothing here can act."""

from collections.abc import Sequence
from dataclasses import replace

from edge_agent.core.command import Ask, Query
from edge_agent.core.entity import Entity
from edge_agent.core.names import fold
from edge_agent.core.outcome import join_names, say_number, sentence, unit_of
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
    known = [
        (entity, seen)
        for entity in entities
        if (seen := state.get(entity.id, query.attribute)) is not None and seen.value is not None
    ]
    if not known:
        return sentence(f"I do not know: nothing was heard from {_names(entities, registry)} yet")
    matching = [entity for entity, seen in known if seen.value == query.value]
    doubtful = any(seen.stale or not state.available(entity.id) for entity, seen in known)
    unsure = " as far as I know" if doubtful else ""
    return sentence(_summary(query, matching, len(known), registry) + unsure)


def _summary(query: Query, matching: Sequence[Entity], known: int, registry: Registry) -> str:
    names, what = _names(matching, registry), query.target.phrase
    verb = "is" if len(matching) == 1 else "are"
    match query.ask:
        case Ask.COUNT:
            listed = f": {names}" if matching else ""
            return f"{len(matching)} of {known} {what} {verb} {query.value}{listed}"
        case Ask.ANY:
            return (
                f"yes, {names} {verb} {query.value}"
                if matching
                else f"no, no {what} are {query.value}"
            )
        case _:
            return f"{names} {verb} {query.value}" if matching else f"no {what} are {query.value}"


def _states(query: Query, entities: Sequence[Entity], registry: Registry, state: StateStore) -> str:
    sentences = []
    for entity in entities[:_MOST_SPOKEN]:
        measured = f"current {query.attribute}"
        # Of a room, people ask what is measured there, not what its heating is set to.
        known = len(entities) > 1 and entity.capability(measured) is not None
        asked = replace(query, attribute=measured) if known else query
        sentences.append(sentence(_state(entity, asked, registry, state)))
    if len(entities) > _MOST_SPOKEN:
        sentences.append(f"And {len(entities) - _MOST_SPOKEN} more.")
    return " ".join(sentences) or "I found nothing like that."


_MOST_SPOKEN = 5


def _state(entity: Entity, query: Query, registry: Registry, state: StateStore) -> str:
    name = registry.spoken_name(entity.id)
    capability = entity.capability(query.attribute)
    seen = state.get(entity.id, query.attribute)
    if not state.available(entity.id):
        last = _last(seen, unit_of(capability))
        return f"the {name} cannot be reached{last}"
    if seen is None or seen.value is None:
        return f"I do not know the {query.attribute} of the {name}"
    value = say_number(seen.value, unit_of(capability))
    known = "was last seen" if seen.stale else "is"
    if isinstance(query.value, str):
        return _yes_no(f"the {name}", value, seen, query)
    plain = query.attribute in {"power", "opening", "lock", "state"} or fold(
        query.attribute
    ) in fold(name)
    subject = f"the {name}" if plain else f"the {name} {query.attribute}"
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
    return f"{yes}, {subject} is {said}"


def _last(seen: Observed | None, unit: str) -> str:
    if seen is None or seen.value is None:
        return ""
    return f"; it was last seen {say_number(seen.value, unit)}"


def _names(entities: Sequence[Entity], registry: Registry) -> str:
    return join_names([registry.spoken_name(entity.id) for entity in entities])
