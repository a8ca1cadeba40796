"""Classes of things among the candidates and in the grammar: offered where words call for them."""

import re

import pytest

from edge_agent.core.command import Ask, Query, Refusal
from edge_agent.core.entity import ON_OFF, Area, Capability, Choice, Entity, Kind
from edge_agent.core.registry import Changes, Registry
from edge_agent.language.abilities import Abilities
from edge_agent.language.grammar import Slots, compile_grammar, meaning
from edge_agent.language.vocabulary import NAMES, Vocabulary

SMOKE = Capability("smoke", Choice(("detected", "clear")), settable=False)
LOCKED = Capability("lock", Choice(("locked", "unlocked")))
HOME = Registry.configured(areas=[Area("kitchen", "Kitchen"), Area("hall", "Hall")]).apply(
    Changes(
        upsert=(
            Entity("s1", "alarm one", Kind.SENSOR, (SMOKE,), "kitchen"),
            Entity("s2", "alarm two", Kind.SENSOR, (SMOKE,), "hall"),
            Entity("l1", "front lock", Kind.LOCK, (LOCKED,), "hall", security=True),
            Entity("l2", "back lock", Kind.LOCK, (LOCKED,), "kitchen", security=True),
            Entity("lamp", "lamp", Kind.LIGHT, (Capability("power", ON_OFF),), "kitchen"),
            Entity("spot", "spot", Kind.LIGHT, (Capability("power", ON_OFF),), "hall"),
        )
    )
)
VOCABULARY = Vocabulary(HOME)


def understood(text, output, area=None, *, root="questions"):
    words = {}

    def encode(said):
        return [words.setdefault(word, len(words) + 1) for word in re.findall(r" ?[^\s;]+|;", said)]

    targets = VOCABULARY.candidates(text, HOME.areas.get(area)).targets
    grammar = compile_grammar(Abilities(HOME), Slots(targets), encode, 0)
    return meaning(getattr(grammar, root), [*encode(f" {output}"), 0])


@pytest.mark.parametrize(
    ("text", "area", "output", "entities"),
    [
        ("is there smoke anywhere", None, "any smoke sensors detected", ("s1", "s2")),
        ("is there smoke in the kitchen", None, "any kitchen smoke sensors detected", ("s1",)),
        ("is there smoke in here", "hall", "any hall smoke sensors detected", ("s2",)),
        ("is anything on", None, "any things on", ("lamp", "spot")),
        ("which lights are on", "hall", "which lights are on", ("lamp", "spot")),
        ("which lights are on in here", "hall", "which lights are on", ("spot",)),
        ("are the lights on", "hall", "is lights on", ("spot",)),
        ("are all doors locked", "hall", "is all doors locked", ("l1", "l2")),
    ],
)
def test_question_is_about_everything_that_it_asks_for(text, area, output, entities):
    query = understood(text, output, area)
    assert isinstance(query, Query)
    assert query.target.entities == entities


def test_class_is_offered_only_where_a_word_calls_for_it():
    assert understood("is there smoke", "any smoke sensors detected").ask is Ask.ANY
    assert isinstance(understood("turn on the lamp", "any smoke sensors detected"), Refusal)


@pytest.mark.parametrize(
    "output", ["turn off things", "turn off everything except things", "unlock all doors"]
)
def test_class_takes_no_command(output):
    text = "is anything on, all things and doors, everything except things"
    assert isinstance(understood(text, output, root="commands"), Refusal)


def test_classes_are_shown_among_the_names_and_do_not_make_them_more():
    lamps = tuple(
        Entity(f"x{n}", f"smoke lamp {n}", Kind.LIGHT, (Capability("power", ON_OFF),))
        for n in range(30)
    )
    vocabulary = Vocabulary(HOME.apply(Changes(upsert=lamps)))
    names = vocabulary.candidates("is there smoke near a lamp", None).names
    assert len(names) == NAMES
    assert vocabulary.describe(names[-1]) == "smoke sensors, group"
