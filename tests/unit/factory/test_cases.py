"""Endless cases: every one of them is within the daemon's reach, and the splits keep apart."""

import re
import shutil
from collections.abc import Sequence
from functools import cache
from itertools import islice
from pathlib import Path

import pytest

from edge_agent.core.command import Plan, Query, Refusal
from edge_agent.core.names import fold
from edge_agent.core.registry import Registry
from edge_agent.errors import FactoryError
from edge_agent.factory.compose import Case
from edge_agent.factory.sentences.bank import BANK, Bank, Split
from edge_agent.factory.sentences.cases import OWN, WORLDS, Source, World, cases, load_source
from edge_agent.factory.worlds.names import split_of_name
from edge_agent.language.abilities import Abilities
from edge_agent.language.grammar import MOST_ACTIONS, compile_grammar, meaning
from edge_agent.language.guards import is_question
from edge_agent.language.interpreter import slots_of
from edge_agent.language.vocabulary import Vocabulary
from edge_agent.language.wording import REFUSAL, SEPARATOR

COUNT = 45
"""Cases of each split and sort of world: some 400 in all."""
END = 0


@cache
def some(split: Split, sort: str) -> Sequence[tuple[Case, World]]:
    return list(islice(cases(load_source(), split, 4, worlds={sort: 1.0}, a_world=15), COUNT))


class Words:
    """A token is a word with the space before it, or a sign."""

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}

    def __call__(self, text: str, /) -> Sequence[int]:
        return [
            self.ids.setdefault(word, len(self.ids) + 1)
            for word in re.findall(r" ?[^\s;]+|;", text)
        ]


@pytest.mark.parametrize("sort", WORLDS)
@pytest.mark.parametrize("split", Split)
def test_the_daemon_can_say_every_output_and_it_means_something(split: Split, sort: str) -> None:
    words, vocabularies = Words(), dict[int, Vocabulary]()
    for case, world in some(split, sort):
        vocabulary = vocabularies.setdefault(id(world), Vocabulary(world.registry))
        slots = slots_of(case.text, case.candidates.targets, vocabulary, case.before)
        grammar = compile_grammar(Abilities(world.registry), slots, words, END)
        asks = is_question(case.text, follows=case.before is not None)
        root = grammar.questions if asks else grammar.commands
        tokens, node = (*words(f" {case.output}"), END), root
        for token in tokens:
            assert token in node.edges, case
            node = node.edges[token]
        match meaning(root, tokens):
            case Plan(actions):
                assert len(actions) == len(case.output.split(SEPARATOR)) <= MOST_ACTIONS
                assert all(action.target.entities for action in actions)
                assert case.commands
            case Query(_, target):
                assert target.entities
                assert case.what.startswith("ask ")
            case Refusal():
                assert case.output == REFUSAL
                assert case.what.startswith("none ")


@pytest.mark.parametrize("split", Split)
def test_every_split_has_commands_questions_and_negatives(split: Split) -> None:
    made = [case for sort in WORLDS for case, _ in some(split, sort)]
    assert sum(case.output == REFUSAL for case in made) > COUNT / 5
    assert sum(case.commands > 0 for case in made) > COUNT
    assert sum(case.commands > 1 for case in made) > COUNT / 10
    assert sum(case.what.startswith("ask ") for case in made) > COUNT / 15


@pytest.mark.parametrize("sort", WORLDS)
def test_a_world_is_of_the_sort_that_is_asked_for_and_counted(sort: str) -> None:
    worlds = [world for _, world in some(Split.TRAIN, sort)]
    assert {world.sort for world in worlds} == {sort}
    assert all(world.devices == len(world.registry.entities) for world in worlds)


def test_the_names_of_a_test_home_are_mostly_new() -> None:
    def names(split: Split) -> set[str]:
        worlds = {id(world): world for _, world in some(split, "home")}.values()
        return {fold(one.name) for world in worlds for one in world.registry.entities.values()}

    seen, new = names(Split.TRAIN), names(Split.TEST)
    assert len(new - seen) > 0.8 * len(new)
    held_out = {
        word for name in new for word in name.split() if split_of_name(word) is not Split.TRAIN
    }
    assert held_out - {word for name in seen for word in name.split()}


def test_the_same_seed_gives_the_same_cases_and_another_gives_others() -> None:
    def texts(seed: int) -> list[tuple[str, str]]:
        made = cases(load_source(), Split.TEST, seed, devices=10)
        return [(case.text, case.output) for case, _ in islice(made, 20)]

    assert texts(1) == texts(1)
    assert texts(1) != texts(2)


def test_shares_decide_which_worlds_and_sentences_there_are(home: Registry) -> None:
    made = cases(
        load_source(), Split.TRAIN, 1, worlds={OWN: 1.0}, mix={"timed": 1.0}, own=home, a_world=4
    )
    for case, world in islice(made, 8):
        assert world == World(OWN, home, len(home.entities))
        assert case.what == "timed"


def test_a_sort_of_world_that_is_none_is_told_with_the_legal_ones() -> None:
    with pytest.raises(FactoryError, match="'boat'; legal: home, car, appliance"):
        next(cases(load_source(), Split.TEST, 1, worlds={"boat": 1.0}))


def test_a_bank_without_phrasings_of_a_split_is_told() -> None:
    source = load_source()
    one = next(one for one in source.bank.phrasings if one.split is Split.TRAIN)
    poor = Source(
        Bank((one,), source.bank.manner),
        source.names,
        source.archetypes,
        source.synonyms,
        source.items,
    )
    with pytest.raises(FactoryError, match="no phrasings in the split test"):
        next(cases(poor, Split.TEST, 1))


@pytest.mark.parametrize("items", [None, "milk: 2", "- [", "[]"])
def test_items_that_are_missing_wrong_or_none_are_told(tmp_path: Path, items: str | None) -> None:
    shutil.copytree(BANK / "names", tmp_path / "names")
    if items is not None:
        (tmp_path / "items.yaml").write_text(items)
    with pytest.raises(FactoryError, match=r"items\.yaml: "):
        load_source(tmp_path)
