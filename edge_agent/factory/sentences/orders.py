"""What is said to order from a machine, as `bank/orders.yaml` has it. Knows no machine."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from edge_agent.errors import FactoryError
from edge_agent.factory.sentences.reading import read_bank

SLOT = re.compile(r"\{(\w+)\}")


class _Written(msgspec.Struct, forbid_unknown_fields=True):
    slots: dict[str, list[str]]
    say: list[str]


@dataclass(frozen=True, slots=True)
class Orders:
    """Sentences with slots, and which settings fill a slot."""

    slots: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """How the names of the settings end that fill each slot."""
    say: tuple[str, ...] = ()

    def only(self, wanted: Callable[[str], bool]) -> "Orders":
        """The same with some of the sentences."""
        return replace(self, say=tuple(filter(wanted, self.say)))


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
    return Orders(written.slots, tuple(" ".join(text.split()).casefold() for text in written.say))
