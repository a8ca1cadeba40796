"""Gives devices names as people give them, each home in its own manner.

Knows things and rooms; not what the devices can do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from edge_agent.core.names import clean_name, fold
from edge_agent.factory.sentences.bank import Split
from edge_agent.factory.worlds.names import NameBank, Thing, split_of_name

_TRIES = 8
_KNOWN = 0.06
"""How often, at each try, a held-out home takes a name that training may see as well."""
_SOBER = 0.4
"""Share of homes whose things are called what they are."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Manner:
    """How the people of one home give names."""

    plain: float
    """How often a name is a usual one at least: `ceiling light`."""
    roomed: float
    """How often a name begins with the room."""
    brands: float
    owners: float
    jokes: float
    foreign: float
    typos: float
    sides: float
    case: Callable[[str], str]
    people: tuple[str, ...]
    """Who lives there."""


def manner_of(random: Random, names: NameBank, split: Split) -> Manner:
    """The manner of one home."""

    def rarely(most: float) -> float:
        return random.random() ** 3 * most

    family = random.randint(1, 5)
    sober = random.random() < _SOBER
    odd = 0.0 if sober else 1.0
    return Manner(
        plain=0.85 if sober else 0.0,
        roomed=random.choice((0.03, 0.15, 0.4, 0.7, 0.95)),
        brands=odd * rarely(0.45),
        owners=rarely(0.4),
        jokes=odd * rarely(0.5),
        foreign=odd * rarely(0.35),
        typos=odd * rarely(0.12),
        sides=rarely(0.5),
        case=random.choice((str.lower, str.lower, _titled, _titled, _sentence)),
        people=tuple(names.people.pick(random, split, common=0.35) for _ in range(family)),
    )


def _titled(text: str) -> str:
    return " ".join(word[:1].upper() + word[1:] for word in text.split())


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


@dataclass(frozen=True, slots=True)
class Namer:
    """Names the things of one home."""

    random: Random
    names: NameBank
    manner: Manner
    split: Split

    def name(self, thing: Thing, room: str | None, *, plain: float = 0.35) -> str:
        """A name for one thing in a room, clean and in this home's manner.

        What is put together is split by the whole phrase as well, so that a held-out home has
        phrases that training never sees even where it has seen every word of them.

        Args:
            thing: What it is.
            room: Where it is, as it is called; None for nowhere.
            plain: How often the name is a usual one (`ceiling light`).
        """
        name = ""
        for _ in range(_TRIES):
            name, whole = self._draft(thing, room, plain)
            if not name:
                continue
            if self._fits(name, whole):
                break
        return clean_name(self.manner.case(self._misspelt(name)))

    def _fits(self, name: str, whole: str) -> bool:
        if self.split is Split.TRAIN:
            return bool(whole) or split_of_name(name) is Split.TRAIN
        if whole == "own" or (not whole and split_of_name(name) is self.split):
            return True
        return self.random.random() < _KNOWN

    def owner(self) -> str:
        """Somebody of this home, as an owner: `emma's`."""
        person = self.random.choice(self.manner.people)
        if self.random.random() < 0.25:
            return person if person.endswith("s") else person + "s"
        many = person.startswith("the ") and person.endswith("s")
        short = many or (person.endswith("s") and self.random.random() < 0.4)
        return person + ("'" if short else "'s")

    def _draft(self, thing: Thing, room: str | None, plain: float) -> tuple[str, str]:
        """A name, and why its whole needs no look: `own` is of this split, `common` of all."""
        random, manner, split = self.random, self.manner, self.split
        for share, items in (
            (manner.brands, thing.brands),
            (manner.jokes, thing.whole),
            (manner.foreign, thing.foreign),
        ):
            if random.random() < share and (name := items.pick_own(random, split)):
                return name, "own"
        if random.random() < max(plain, manner.plain) or not (thing.heads and thing.parts):
            core, common = random.choice(thing.common), True
        else:
            core, common = self._composed(thing), False
        if thing.owned and random.random() < manner.owners:
            return f"{self.owner()} {core}", ""
        if thing.series and random.random() < manner.sides:
            core, common = f"{random.choice(random.choice(self.names.sides))} {core}", False
        roomed = room and thing.roomed and random.random() < manner.roomed
        if room and roomed and fold(room) not in fold(core):
            return _joined(random, room, core), ""
        return core, "common" if common else ""

    def _composed(self, thing: Thing) -> str:
        random, names, split = self.random, self.names, self.split
        head = random.choice(thing.heads)
        roll = random.random()
        if thing.series and roll < 0.18:
            part = names.spots.pick(random, split)
        elif roll < 0.28:
            part = names.adjectives.pick(random, split)
        else:
            part = thing.parts.pick(random, split)
        if roll > 0.95:
            part = f"{names.adjectives.pick(random, split)} {part}"
        return f"{part} {head}"

    def _misspelt(self, name: str) -> str:
        if self.random.random() >= self.manner.typos or len(name) < 5:
            return name
        at = self.random.randrange(1, len(name) - 1)
        if not (name[at].isalpha() and name[at + 1].isalpha()):
            return name
        match self.random.randrange(4):
            case 0:
                return name[:at] + name[at + 1] + name[at] + name[at + 2 :]
            case 1:
                return name[:at] + name[at + 1 :]
            case 2:
                return name[:at] + name[at] + name[at:]
            case _:
                return name[:at] + self.random.choice(_LETTERS) + name[at + 1 :]


def _joined(random: Random, room: str, core: str) -> str:
    """Room and core in one phrase, mostly with the room in front."""
    if random.random() < 0.06:
        return f"{core} {room}"
    return f"{room} {core}"
