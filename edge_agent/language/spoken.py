"""Targets as people speak of them: one thing, several of a kind, a class; what they can be told.

Knows phrases and what they stand for, not which of them a sentence means.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from edge_agent.core.classes import ThingClass
from edge_agent.core.command import Target
from edge_agent.core.entity import Entity, Kind
from edge_agent.core.names import fold
from edge_agent.language.likeness import stem
from edge_agent.language.wording import kind_words


@dataclass(frozen=True, slots=True)
class Spoken:
    """A target with what may be done with it."""

    target: Target
    words: tuple[str, ...]
    """Folded words of its phrase, for the search."""
    question_only: bool = False
    secured: bool = False
    """Several that keep somebody in or out: all that may be done to them together is to lock and
    to shut them, though it is a question only otherwise."""
    plural: bool = False
    """Written in the plural: "which lights are on"."""
    everywhere: tuple[str, ...] = ()
    """What "which lights are on" is about, where `target` is only what is near the speaker."""
    of: ThingClass | None = None
    """The class whose members it stands for; those can be asked about and nothing else."""


def merged(first: Spoken, second: Spoken) -> Spoken:
    """One target for two of one phrase: "the door" is a car's door and a house's lock."""
    if (first.target.collective or second.target.collective) and not (
        first.secured and second.secured
    ):
        return first
    entities = dict.fromkeys((*first.target.entities, *second.target.entities))
    everywhere = dict.fromkeys((*first.everywhere, *second.everywhere))
    return replace(
        first,
        target=replace(first.target, entities=tuple(entities)),
        everywhere=tuple(everywhere),
    )


def class_target(prefix: str, one: ThingClass, members: Sequence[Entity]) -> Spoken:
    """All things of a class, those of a place after its prefix: they can only be asked about."""
    phrase = f"{prefix}{one.noun}"
    target = Target(phrase, tuple(member.id for member in members), collective=True)
    return Spoken(target, tuple(phrase.split()), question_only=True, plural=True, of=one)


def names_of(entity: Entity) -> Iterable[str]:
    """What a thing is called, folded."""
    for name in entity.names:
        yield fold(name)
        # People lock "the front door", whatever its "front door lock" is called.
        if entity.kind is Kind.LOCK and fold(name).endswith(" lock"):
            yield fold(name).removesuffix(" lock")


def kind_targets(
    prefix: str,
    kind: Kind,
    members: Sequence[Entity],
    said: set[str],
    *,
    decided: bool = True,
    anywhere: bool = False,
) -> Iterable[Spoken]:
    """The targets for things of a kind: one of them, several of them.

    Args:
        prefix: The place as it is said.
        kind: Of the things.
        members: The things.
        said: Stems of the sentence.
        decided: Whether the place decides which of them are meant.
        anywhere: Whether nothing says where the speaker is: "the lights" are all of them then.
    """
    ids = tuple(entity.id for entity in members)
    # A place decides among several lights, never among several locks.
    free = not any(entity.security for entity in members)
    for singular, plural in nouns_said(kind, said):
        if prefix and singular.startswith(prefix.strip()):
            continue  # nobody says "the garage garage door"
        phrases = {prefix + singular: False, prefix + plural: True}
        for phrase, is_plural in phrases.items():
            collective = free and (decided or (is_plural and anywhere))
            target = Target(phrase, ids, collective=collective)
            yield Spoken(target, tuple(phrase.split()), plural=is_plural)
        if not (free and (decided or anywhere)):
            # Questions about several locks are harmless.
            target = Target(prefix + plural, ids, collective=True)
            words = tuple(plural.split())
            yield Spoken(target, words, question_only=True, secured=not free, plural=True)


def nouns_said(kind: Kind, said: set[str]) -> Sequence[tuple[str, str]]:
    """The noun of a kind and its others that a sentence has the stems of: singular, plural."""
    first, *others = kind_words(kind)
    return [first, *(pair for pair in others if stem(pair[0].split()[0]) in said)]
