"""What is said to order from a machine, as `bank/orders.yaml` has it. Knows no machine."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from edge_agent.errors import FactoryError
from edge_agent.factory.sentences.reading import read_bank

SLOT = re.compile(r"\{(\w+)\}")


class Menu(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an order is put together from what is said for each slot."""

    main: list[str] = []
    """What is ordered: the first slot of these that a machine has."""
    before: list[str] = []
    """Slots that are said before it, in this order."""
    after: list[str] = []
    """Slots that are said after it."""
    nouns: dict[str, str] = {}
    """What stands behind options that do not say it: `soy` is said as "soy milk"."""
    counted: dict[str, str] = {}
    """What stands behind a number."""
    openers: list[str] = []
    """What is said around an {order}."""
    partial: list[str] = []
    """What is said around an order without its main part."""
    articles: list[str] = []
    withs: list[str] = []
    """What stands before the first thing that is said after the main part,"""
    ands: list[str] = []
    """and before the next ones."""
    corrections: list[str] = []
    """What stands between an option that was wrong and the right one."""
    afterthoughts: list[str] = []
    """What stands behind an order, before another option than the one that was said."""
    unwanted: dict[str, str] = {}
    """What people say that they do not want of a slot."""
    withouts: list[str] = []
    """What stands before that."""


class _Written(msgspec.Struct, forbid_unknown_fields=True):
    slots: dict[str, list[str]]
    say: list[str]
    menu: Menu = Menu()


@dataclass(frozen=True, slots=True)
class Orders:
    """Sentences with slots, and which settings fill a slot."""

    slots: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """How the names of the settings end that fill each slot."""
    say: tuple[str, ...] = ()
    menu: Menu = field(default_factory=Menu)

    def only(self, wanted: Callable[[str], bool]) -> "Orders":
        """The same with some of the sentences."""
        menu = msgspec.structs.replace(
            self.menu,
            openers=list(filter(wanted, self.menu.openers)),
            partial=list(filter(wanted, self.menu.partial)),
        )
        return replace(self, say=tuple(filter(wanted, self.say)), menu=menu)


def load_orders(file: Path) -> Orders:
    """The orders in a file; none where there is no such file.

    Raises:
        FactoryError: It cannot be read, or a sentence has a slot that the file does not know.
    """
    if not file.exists():
        return Orders()
    written = read_bank(file, _Written)
    for text in written.say:
        if unknown := set(SLOT.findall(text)) - written.slots.keys():
            legal = ", ".join(written.slots)
            raise FactoryError(f"{file}: {text!r} has {{{min(unknown)}}}; legal: {legal}")
    say = tuple(" ".join(text.split()).casefold() for text in written.say)
    return Orders(written.slots, say, written.menu)
