"""The phrasing bank: what people say, as YAML files that anybody can read and extend.

Loads and checks `bank/phrasings/*.yaml` and `bank/manner.yaml`. Knows no homes and no model.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import msgspec

from edge_agent.core.entity import Kind
from edge_agent.errors import FactoryError
from edge_agent.factory.sentences.orders import Orders, load_orders
from edge_agent.factory.sentences.reading import read_bank

BANK = Path(__file__).parents[1] / "bank"
"""The bank that is shipped."""

STYLES = ("direct", "elliptical", "polite", "indirect", "sloppy", "question")
PLACES = tuple("target target:one target:many target:plural place area number option text".split())
_PLACE = re.compile(r"\{([^{}]*)\}")
_USUAL_WORDS = 2
"""Words of the longest phrasing that counts as usual, besides what is put into it."""
_IF_PLACES = ("target", "place", "area", "number")
Some: TypeAlias = Annotated[list[str], msgspec.Meta(min_length=1)]
"""What is drawn from, which cannot be done with an empty list."""
_ASKS = ("state", "is", "above", "below", "count", "which", "any")


class Split(StrEnum):
    """Who may see a phrasing or a name: evaluation sees neither those of training."""

    TRAIN = "train"
    CALIBRATE = "calibrate"
    TEST = "test"


def split_of(text: str) -> Split:
    """The split of a phrasing: 85 / 5 / 10 percent, by a hash that never changes.

    The usual ones are all trained on: nobody's model may lack "turn {target} off".
    """
    if is_usual(text):
        return Split.TRAIN
    bucket = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) % 100
    if bucket < 85:
        return Split.TRAIN
    return Split.CALIBRATE if bucket < 90 else Split.TEST


def is_usual(text: str) -> bool:
    """Whether a phrasing is so short that anybody may use it: "set {target} to {number}"."""
    return len(_PLACE.sub("", text).split()) <= _USUAL_WORDS


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    """One entry as it is written."""

    say: dict[str, list[str]]
    do: str | None = None
    ask: str | None = None
    none: str | None = None
    attribute: str | None = None
    value: str | float | None = None
    of: list[str] = []
    named: list[str] = []
    lacks: str | None = None
    several: bool = False


class IfEntry(msgspec.Struct, forbid_unknown_fields=True, frozen=True, rename={"test": "if"}):
    """Ways to say one condition."""

    test: str
    of: Some
    say: Some

    def __post_init__(self) -> None:
        """Checks what the types cannot; a ValueError becomes part of the loader's."""
        if not all(self.parts):
            raise ValueError(f"if: {self.test!r}; legal: attribute=value, >{{number}}, <{{number}}")
        for name in self.of:
            _kind(name)
        _check_places(self.say, _IF_PLACES)

    @property
    def parts(self) -> tuple[str, str, str]:
        """The attribute, the sign (`=`, `<` or `>`) and the value that it is compared with."""
        sign = next((sign for sign in "><=" if sign in self.test), "=")
        attribute, _, value = self.test.partition(sign)
        return attribute, sign, value if sign == "=" or value == "{number}" else ""


class FollowUp(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Ways to go on after a command."""

    follow: Literal[
        "same_action",
        "same_target",
        "another_value",
        "more",
        "less",
        "back",
        "further",
        "opposite",
        "again",
        "other_one",
        "all_of_them",
        "here",
    ]
    say: Some
    do: str | None = None

    def __post_init__(self) -> None:
        """Checks what the types cannot; a ValueError becomes part of the loader's."""
        if (self.follow == "same_target") != (self.do is not None):
            raise ValueError(f"do: {self.do!r}; legal: attribute=value, for same_target alone")
        if self.do is not None:
            _deed(self.do)
        _check_places(self.say, PLACES)

    @property
    def deed(self) -> tuple[str, str] | None:
        """Attribute and value of another command for the same thing; None for the same command."""
        return None if self.do is None else _deed(self.do)


class Manner(
    msgspec.Struct,
    forbid_unknown_fields=True,
    frozen=True,
    rename={"for_": "for", "if_": "if", "except_": "except"},
):
    """What is said around any sentence, and how parts are joined."""

    lead_in: Some
    lead_in_request: Some
    tail: Some
    filler: Some
    join: Some
    correct: Some
    """Ways to take back a thing that was named."""
    correct_after: Some
    """The same after all of a command."""
    correct_value: Some
    """Ways to take back a value or a single word of a command, or a command by it."""
    correct_setting: Some
    """Ways to take back a value after all of a command, where it is not an amount."""
    correct_command: Some
    """Ways to take back a command by another one for the same thing."""
    correct_whole: Some
    """Ways to take back a command by one that has nothing in common with it."""
    cancel: Some
    all: Some
    everything: Some
    except_: Some
    delay: Some
    at: Some
    for_: Some
    asks_plain: Some
    """The most usual requests in the form of a question, before a command."""
    asks: Some
    asks_ing: Some
    """Such requests before a verb in -ing."""
    asks_state: Some
    asks_tail: Some
    address: Some
    assistant: Some
    talk: Some
    here: Some
    in_house: Some
    in_car: Some
    every: Some
    """All of a kind, before a place."""
    both: Some
    join_plain: Some
    verbs: Some
    """Verbs that commands begin with."""
    if_: Annotated[list[IfEntry], msgspec.Meta(min_length=1)]
    follow_up: Annotated[list[FollowUp], msgspec.Meta(min_length=1)]
    mishear: dict[str, Some]


@dataclass(frozen=True, slots=True)
class Phrasing:
    """One way to say one thing."""

    text: str
    style: str
    kinds: tuple[Kind, ...]
    do: tuple[str, str] | None = None
    """Attribute and value, as the bank writes them."""
    ask: str | None = None
    attribute: str | None = None
    value: str | None = None
    none: str | None = None
    """The class of a negative."""
    named: tuple[str, ...] = ()
    """Beginnings of words: it is said only of a device with one of them in its name. A car has
    seats that heat and seats that massage, and `my back is cold` means the first."""
    lacks: str | None = None
    """It is said only of a device without this attribute: a radio that cannot be switched off is
    stopped by "turn it off"."""
    several: bool = False
    """Without naming a thing it means all of them: "lock up" is every lock there is."""

    def suits(self, names: Iterable[str]) -> bool:
        """Whether it is said of a device with these names."""
        spaced = [f" {name.casefold()}" for name in names]
        return not self.named or any(f" {part}" in name for name in spaced for part in self.named)

    @property
    def places(self) -> frozenset[str]:
        """The names of its placeholders."""
        return frozenset(_PLACE.findall(self.text))

    @property
    def usual(self) -> bool:
        """Whether it is one of the plainest ways to say it."""
        return is_usual(self.text)

    @property
    def split(self) -> Split:
        """Who may see it."""
        return split_of(self.text)


@dataclass(frozen=True, slots=True)
class Bank:
    """Everything that people say."""

    phrasings: tuple[Phrasing, ...]
    manner: Manner
    orders: Orders = field(default_factory=Orders)
    meanings: tuple[tuple[Phrasing, ...], ...] = field(init=False, repr=False, compare=False)
    """The commands and questions, those that mean the same together: found once, for all homes."""

    def __post_init__(self) -> None:
        """Puts together what means the same."""
        groups: dict[object, list[Phrasing]] = defaultdict(list)
        for one in self.phrasings:
            if one.none is None:
                key = (one.do, one.ask, one.attribute, one.value, one.kinds, one.named, one.lacks)
                groups[key].append(one)
        object.__setattr__(self, "meanings", tuple(map(tuple, groups.values())))

    def of(self, split: Split) -> "Bank":
        """The part of one split."""
        return Bank(
            tuple(one for one in self.phrasings if one.split is split),
            self.manner,
            self.orders.only(lambda text: split_of(text) is split),
        )


def load_bank(directory: Path = BANK) -> Bank:
    """The bank in a directory.

    Raises:
        FactoryError: A file cannot be read or is wrong, or there are no phrasings at all. The text
            names file, entry and legal values.
    """
    files = sorted((directory / "phrasings").glob("*.yaml"))
    phrasings = [phrasing for file in files for phrasing in load_phrasings(file)]
    if not phrasings:
        raise FactoryError(f"{directory / 'phrasings'}: no phrasings; a model is made from them")
    manner = read_bank(directory / "manner.yaml", Manner)
    return Bank(tuple(dict.fromkeys(phrasings)), manner, load_orders(directory / "orders.yaml"))


def load_phrasings(file: Path) -> Sequence[Phrasing]:
    """The phrasings of one file.

    Raises:
        FactoryError: As `load_bank`.
    """
    return [
        phrasing
        for number, entry in enumerate(read_bank(file, list[_Entry]), 1)
        for phrasing in _phrasings(entry, f"{file}: entry {number}")
    ]


def _phrasings(entry: _Entry, where: str) -> Sequence[Phrasing]:
    if sum(part is not None for part in (entry.do, entry.ask, entry.none)) != 1:
        raise FactoryError(f"{where}: exactly one of do, ask, none is needed")
    try:
        kinds = tuple(map(_kind, entry.of))
        do = None if entry.do is None else _deed(entry.do)
    except ValueError as error:
        raise FactoryError(f"{where}: {error}") from error
    if entry.ask is not None and (entry.ask not in _ASKS or not entry.attribute):
        raise FactoryError(f"{where}: ask: {entry.ask!r}; legal with an attribute: {_ASKS}")
    found_phrasings = []
    for style, texts in entry.say.items():
        if style not in STYLES:
            raise FactoryError(f"{where}: say: {style!r}; legal: {', '.join(STYLES)}")
        for text in texts:
            _check(text, kinds, entry, where)
            found_phrasings.append(
                Phrasing(
                    " ".join(text.split()).casefold(),
                    style,
                    kinds,
                    do,
                    entry.ask,
                    entry.attribute,
                    None if entry.value is None else f"{entry.value}",
                    entry.none,
                    tuple(part.casefold() for part in entry.named),
                    entry.lacks,
                    entry.several,
                )
            )
    return found_phrasings


def _kind(name: str) -> Kind:
    if name not in set(Kind):
        raise ValueError(f"of: {name!r}; legal: {', '.join(Kind)}")
    return Kind(name)


def _deed(written: str) -> tuple[str, str]:
    attribute, _, value = written.partition("=")
    if not attribute or not value:
        raise ValueError(f"do: {written!r}; legal: attribute=value")
    return attribute, value


def _check_places(texts: Iterable[str], legal: Sequence[str]) -> None:
    for text in texts:
        if unknown := set(_PLACE.findall(text)) - set(legal):
            raise ValueError(f"{text!r} has {{{min(unknown)}}}; legal: {', '.join(legal)}")


def _check(text: str, kinds: Sequence[Kind], entry: _Entry, where: str) -> None:
    try:
        _check_places([text], PLACES)
    except ValueError as error:
        raise FactoryError(f"{where}: {error}") from error
    places = set(_PLACE.findall(text))
    if not kinds and (entry.none is None or any(place.startswith("target") for place in places)):
        raise FactoryError(f"{where}: {text!r} needs `of`, the kinds of device it is said of")
    told = f"{entry.do} {entry.value}"
    for place in ("number", "option", "text"):
        asked = f"{{{place}}}" in told or (place == "number" and entry.ask in {"above", "below"})
        if asked and place not in places:
            raise FactoryError(f"{where}: {text!r} must contain {{{place}}}")
