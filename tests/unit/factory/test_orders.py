"""Orders fill several settings of one machine, each with what was said for it."""

import re
from pathlib import Path
from random import Random

import pytest

from edge_agent.core.entity import Attribute, Capability, Choice, Entity, Kind, Range
from edge_agent.core.registry import Changes, Registry
from edge_agent.errors import FactoryError
from edge_agent.factory.compose import Case, Composer, Miss
from edge_agent.factory.sentences.bank import Split
from edge_agent.factory.sentences.cases import load_source
from edge_agent.factory.sentences.orders import load_orders

MENU = {
    "drink": ("latte", "mocha"),
    "size": ("small", "large"),
    "milk": ("none", "oat"),
}


@pytest.fixture(scope="module")
def orders() -> list[Case]:
    """What is composed for a small coffee maker."""
    entities = [
        Entity(f"select.{name}", name, Kind.SELECT, (option(choices),))
        for name, choices in MENU.items()
    ]
    number = Capability(Attribute.VALUE, Range(0, 5), settable=True)
    entities.append(Entity("number.sugar", "sugar", Kind.NUMBER, (number,)))
    source = load_source()
    registry = Registry().apply(Changes(upsert=tuple(entities)))
    bank = source.bank.of(Split.TRAIN)
    composer = Composer(registry, bank, source.synonyms, source.items, (), Random(3))
    made = []
    for _ in range(300):
        try:
            made.append(composer.compose("several"))
        except Miss:
            continue
    return [case for case in made if case.style == "order"]


def option(choices: tuple[str, ...]) -> Capability:
    return Capability(Attribute.OPTION, Choice(choices), settable=True)


def test_an_order_sets_all_that_it_says(orders: list[Case]) -> None:
    assert len({case.output for case in orders}) > 10
    for case in orders:
        parts = case.output.split("; ")
        assert len(parts) == case.commands
        for part in parts:
            name, _, wanted = part.removeprefix("set ").partition(" to ")
            assert name in {*MENU, "sugar"}
            assert wanted in MENU[name] if name in MENU else 1 <= float(wanted) <= 5


def test_nobody_orders_none_milk(orders: list[Case]) -> None:
    for case in orders:
        if "none" in case.output:
            assert re.search(r"\b(?:no|without|hold|skip|minus|not?|don't)\b", case.text)


def test_a_slot_that_is_not_known_is_told_with_the_legal_ones(tmp_path: Path) -> None:
    file = tmp_path / "orders.yaml"
    file.write_text('{slots: {drink: [drink]}, say: ["a {size} {drink}"]}')
    with pytest.raises(FactoryError, match=r"orders\.yaml.*\{size\}; legal: drink"):
        load_orders(file)
