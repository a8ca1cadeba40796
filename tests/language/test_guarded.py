"""The guards ask about what a plan misses, and leave plans that miss nothing alone."""

from itertools import islice

import pytest
from guarded import Tally, known, tally

from edge_agent.factory.sentences.bank import Split
from edge_agent.factory.sentences.cases import load_source


@pytest.fixture(scope="module")
def found() -> Tally:
    return tally(islice(known(load_source(), Split.CALIBRATE, 1), 600))


def test_plans_that_are_right_are_carried_out(found):
    assert found.false_alarms < 0.08, found.alarms


@pytest.mark.parametrize(
    ("sort", "most", "damage", "share"),
    [
        ("corrected_target", 0.12, "the first thing", 0.85),
        ("corrected_value", 0.10, "the first number", 0.95),
        ("corrected_action", 0.20, "the first deed", 0.55),
    ],
)
def test_what_is_put_right_is_done_and_not_what_was_taken_back(sort, most, damage, share):
    found = tally(islice(known(load_source(), Split.CALIBRATE, 1, sort), 100))
    assert found.false_alarms < most, found.alarms
    assert found.damages[damage] > 30
    assert found.caught(damage) >= share, found.slipped.get(damage)


@pytest.mark.parametrize(
    ("damage", "share"),
    [
        ("denied", 0.98),
        ("called off", 0.97),
        ("exception ignored", 0.95),
        ("condition ignored", 0.95),
        ("no condition", 0.95),
        ("done now", 0.9),
        ("time ignored", 0.93),
        ("another number", 0.82),
        ("no number", 0.82),
        ("another thing", 0.8),
        ("half a plan", 0.55),
        ("the opposite", 0.33),  # of "some privacy please" no word says which way
    ],
)
def test_plans_that_miss_a_part_are_held_back(found, damage, share):
    assert found.damages[damage] > 5
    assert found.caught(damage) >= share, found.slipped.get(damage)
