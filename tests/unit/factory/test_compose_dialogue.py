"""Corrections and follow-ups in one small home: what is said last, or after, is what is done."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

import pytest

from edge_agent.core.registry import Registry
from edge_agent.factory.compose import Case, Miss
from edge_agent.factory.compose.clauses import Clause, Clauses
from edge_agent.factory.compose.correcting import Corrections
from edge_agent.factory.compose.fitting import Repertoire
from edge_agent.factory.compose.following import FollowUps
from edge_agent.factory.compose.framing import Framing
from edge_agent.factory.compose.pointing import Pointer
from edge_agent.factory.compose.resolving import Resolver
from edge_agent.factory.compose.scene import Scene
from edge_agent.factory.sentences.bank import FollowUp, Split
from edge_agent.factory.sentences.cases import load_source
from edge_agent.language.numbers import numbers_in

STEPS = r"(increase|decrease) (.*?)(?: by \S+)?$"


def scene_of(home: Registry) -> Scene:
    source = load_source()
    return Scene(home, source.bank.manner, source.synonyms, source.items, Random(7))


@pytest.fixture(scope="module")
def corrections(home: Registry) -> Corrections:
    scene, bank = scene_of(home), load_source().bank.of(Split.TRAIN)
    repertoire, pointer = Repertoire(bank, scene.by_kind), Pointer(scene)
    framing = Framing(bank.manner, scene.random)
    clauses = Clauses(scene, repertoire, pointer, framing)
    return Corrections(scene, repertoire, pointer, clauses, Resolver(scene, framing), framing)


def follow_ups(home: Registry, sort: str, say: Sequence[str]) -> Sequence[Case]:
    """Some follow-ups of one sort, said in these ways alone."""
    scene, bank = scene_of(home), load_source().bank.of(Split.TRAIN)
    entry = FollowUp(sort, list(say))  # type: ignore[arg-type]
    scene.manner = type(bank.manner)(
        **{
            name: [entry] if name == "follow_up" else getattr(bank.manner, name)
            for name in bank.manner.__struct_fields__
        }
    )
    repertoire, pointer = Repertoire(bank, scene.by_kind), Pointer(scene)
    framing = Framing(bank.manner, scene.random)
    clauses = Clauses(scene, repertoire, pointer, framing)
    made = FollowUps(scene, pointer, clauses, Resolver(scene, framing), framing)
    return some(made.follow_up)


def some(make: Callable[[], Case], count: int = 15) -> Sequence[Case]:
    found: list[Case] = []
    for _ in range(count * 60):
        try:
            found.append(make())
        except Miss:
            continue
        if len(found) == count:
            return found
    raise AssertionError("it fits this home too seldom")


def clauses_of(make: Callable[[], Clause], count: int = 40) -> Sequence[Clause]:
    found: list[Clause] = []
    for _ in range(count * 30):
        try:
            found.append(make())
        except Miss:
            continue
    return found[:count]


def test_things_values_and_actions_are_corrected_and_once_each(corrections: Corrections) -> None:
    cases = some(corrections.corrected, 40)
    assert {case.how for case in cases} == {"corrected"}
    assert {case.commands for case in cases} == {1}
    assert len({case.what for case in cases}) > 10


def test_of_two_values_the_one_that_is_meant_is_written(corrections: Corrections) -> None:
    seen = Counter[bool]()
    for clause in clauses_of(corrections.of_value):
        assert "\ue000" not in clause.text
        if isinstance(clause.wanted, float):
            numbers = numbers_in(clause.text)
            assert clause.wanted in numbers, clause.text
            denied = re.search(r"\bnot\b", clause.text) is not None
            seen[denied] += len(set(numbers)) > 1
    assert seen[False] > 5


def test_an_action_that_is_put_right_is_another_one(corrections: Corrections) -> None:
    clauses = clauses_of(corrections.of_action)
    assert len(clauses) == 40
    for clause in clauses:
        assert "\ue000" not in clause.text
        assert "{" not in clause.text
        ends = re.search(r"\b(on|off),? i mean$", clause.text)
        if ends and clause.attribute == "power":
            assert clause.wanted == ends[1]


def test_every_way_to_take_a_value_back_begins_with_what_is_marked() -> None:
    manner = load_source().bank.manner
    for pattern in (*manner.correct_value, *manner.correct_setting):
        assert pattern.startswith(("{wrong}", "{right}"))
        assert pattern.count("{wrong}") == pattern.count("{right}") == 1
    for pattern in (*manner.correct_after, *manner.correct_command, *manner.correct_whole):
        assert pattern.startswith("{wrong}")
        assert pattern.count("{right}") == 1


@pytest.mark.parametrize("sort", ["more", "further", "less", "back", "opposite"])
def test_a_bit_more_goes_on_the_way_it_went(home: Registry, sort: str) -> None:
    seen = 0
    for case in follow_ups(home, sort, ["so"]):
        assert case.before is not None
        before, after = (re.match(STEPS, one) for one in (case.before.said, case.output))
        assert after, case
        if before:
            seen += 1
            assert before[2] == after[2]
            if sort == "less":
                assert after[1] == "decrease"
            else:
                assert (before[1] == after[1]) is (sort in {"more", "further"})
    assert seen


def test_a_place_alone_is_the_same_there(home: Registry) -> None:
    places = (*home.areas.values(), *home.floors.values())
    known = {name.casefold() for place in places for name in place.names}
    for case in follow_ups(home, "same_action", ["and {area}", "{place} too"]):
        assert case.before is not None
        assert case.output != case.before.said
        assert case.output.split()[0] == case.before.said.split()[0]
        assert any(name in case.output for name in known)


def test_another_value_is_for_the_same_thing(home: Registry) -> None:
    for case in follow_ups(home, "another_value", ["make it {number}", "rather {option}"]):
        assert case.before is not None
        assert case.before.targets[0].target.phrase in case.output
        assert case.output.startswith("set ")
        assert case.output != case.before.said
