"""Invents cars: a subset of VSS signals with names and aliases, through the daemon's translator.

Knows the places in a car; what a signal means is the translator's.
"""

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any, Final

import msgspec

from edge_agent.core.names import clean_name
from edge_agent.core.registry import Registry
from edge_agent.devices.vss import Vss
from edge_agent.devices.vss_signals import Signal
from edge_agent.errors import FactoryError
from edge_agent.factory.sentences.bank import Split
from edge_agent.factory.worlds.archetypes import Archetypes, Signals
from edge_agent.factory.worlds.names import NameBank, split_of_name

_FRONT: Final = (("Row1.DriverSide", "Driver"), ("Row1.PassengerSide", "Passenger"))
_REAR: Final = (("Row2.DriverSide", "Rear Left"), ("Row2.PassengerSide", "Rear Right"))
_ROWS: Final = (("Row1", "Row1"), ("Row2", "Row2"))
_WHEELS: Final = tuple(
    (f"Row{row}.Wheel.{side}", f"{end} {side}")
    for row, end in ((1, "front"), (2, "rear"))
    for side in ("Left", "Right")
)
_OWNED: Final = 0.12
"""How often a seat is somebody's."""
_NO_PLACE: Final = (("", None),)
_PLACES: Final[Mapping[str, Sequence[tuple[str, str | None]]]] = {
    "": _NO_PLACE,
    "seats": (*_FRONT, *_REAR),
    "front": _FRONT,
    "rear": _REAR,
    "rows": _ROWS,
    "mirrors": (("DriverSide", "Driver"), ("PassengerSide", "Passenger")),
    "wheels": _WHEELS,
}


def invent_car(
    random: Random,
    names: NameBank,
    archetypes: Archetypes,
    *,
    split: Split,
    home: Registry | None = None,
) -> Registry:
    """A car as the daemon would know it.

    Args:
        random: Decides everything.
        names: Whose seat it is, where that is said.
        archetypes: What cars consist of.
        split: Whose names may be used.
        home: What the same daemon knows beside it; None for nothing.
    """
    car = _Car(random, names, archetypes, split)
    known = Vss(tuple(car.signals())).known()
    return (home or Registry()).apply(known)


class _Car:
    """The manner of one car: how its firmware names things, and which seats it has."""

    def __init__(
        self, random: Random, names: NameBank, archetypes: Archetypes, split: Split
    ) -> None:
        self._random = random
        self._cars = archetypes.cars
        self._split = split
        self._richness = random.choice((0.4, 0.7, 1.0, 1.0, 1.3, 2.0))
        self._named = random.choice((0.0, 0.5, 0.9, 1.0, 1.0))
        self._aliases = random.choice((0.0, 0.2, 0.5, 0.8))
        self._seats = random.choice(("seats", "seats", "seats", "front"))
        self._case = random.choice((str.lower, str.lower, str.lower, str.capitalize, str.title))
        self._words = {zone: self._pick(words) for zone, words in self._cars.words.items()}
        self._owners: dict[str, str] = {}
        for zone in ("Driver", "Passenger"):
            if random.random() < _OWNED:
                self._owners[zone] = f"{names.people.pick(random, split, common=0.5)}'s"
        if self._words["Driver"].startswith("front"):
            self._words["Passenger"] = "front right"
        elif self._words["Passenger"] == "front right":
            self._words["Passenger"] = "passenger"

    def signals(self) -> Iterator[Signal]:
        """The signals of this car."""
        for key, feature in self._cars.features.items():
            if self._random.random() < feature.share * self._richness:
                yield from self._feature(key, feature)

    def _feature(self, key: str, feature: Signals) -> Iterator[Signal]:
        random = self._random
        legal = _PLACES.get(feature.places)
        if legal is None:
            raise FactoryError(f"cars.yaml: {key}.places must be one of {', '.join(_PLACES)}")
        wanted = [signal for signal in feature.signals if random.random() < signal.get("maybe", 1)]
        chosen = [_varied(random, signal) for signal in wanted or feature.signals[:1]]
        named = bool(feature.names) and random.random() < self._named
        noun = self._pick(feature.names) if named else None
        aliases = self._some_aliases(feature.aliases) if random.random() < self._aliases else ()
        for at, zone in self._places(legal):
            name = self._name(noun, zone)
            own = self._placed(aliases, zone, noun)
            own = tuple(alias for alias in own if alias != (name or "").lower())
            for signal in chosen:
                yield self._signal(key, signal, at, name, zone if named else None, own)

    def _places(self, legal: Sequence[tuple[str, str | None]]) -> Sequence[tuple[str, str | None]]:
        """Fewer places in smaller cars, and now and then for one feature."""
        two = self._seats == "front" or self._random.random() < 0.25
        return legal[:2] if two and legal == _PLACES["seats"] else legal

    def _name(self, noun: str | None, zone: str | None) -> str | None:
        if noun is None:
            return None
        if zone is None:
            return clean_name(self._case(noun))
        return clean_name(self._case(f"{self._words.get(zone, zone)} {noun}"))

    def _placed(
        self, aliases: Sequence[str], zone: str | None, noun: str | None
    ) -> tuple[str, ...]:
        if zone is None:
            return tuple(aliases)
        word = self._words.get(zone, zone)
        placed = [f"{word} {alias}" for alias in aliases]
        if noun and zone in self._owners:
            placed.append(f"{self._owners[zone]} {noun}")
        return tuple(placed)

    def _some_aliases(self, aliases: Sequence[str]) -> Sequence[str]:
        seen = (Split.TRAIN, self._split)
        legal = [alias for alias in aliases if split_of_name(alias) in seen]
        count = min(len(legal), self._random.choice((1, 1, 2, 3)))
        return self._random.sample(legal, count)

    def _signal(
        self,
        key: str,
        written: Mapping[str, Any],
        at: str,
        name: str | None,
        zone: str | None,
        aliases: tuple[str, ...],
    ) -> Signal:
        settings = {k: v for k, v in written.items() if k != "maybe"}
        settings["path"] = settings["path"].replace("{at}", at)
        settings.setdefault("zone", zone if zone in self._words else None)
        settings |= {"name": name, "aliases": aliases}
        try:
            return msgspec.convert(settings, Signal)
        except msgspec.ValidationError as error:
            raise FactoryError(f"cars.yaml: {key}: {error}") from error

    def _pick(self, words: Sequence[str]) -> str:
        """A word that this split may use; the first ones are everybody's."""
        seen = (Split.TRAIN, self._split)
        legal = [word for word in words if word == words[0] or split_of_name(word) in seen]
        return self._random.choice(legal)


def _varied(random: Random, signal: Mapping[str, Any]) -> dict[str, Any]:
    settings = dict(signal)
    vary = settings.pop("vary", None)
    return settings | random.choice(vary) if vary else settings
