"""Requests in the form of a question: how a command is asked for, and what it must stay."""

from random import Random

import pytest

from edge_agent.core.entity import Kind
from edge_agent.factory.compose.framing import Framing, is_asked
from edge_agent.factory.sentences.bank import Manner, Phrasing
from edge_agent.factory.sentences.cases import load_source


@pytest.fixture(scope="module")
def manner() -> Manner:
    return load_source().bank.manner


def test_a_command_is_asked_for_before_its_verb_or_with_the_verb_in_ing(manner: Manner) -> None:
    framing = Framing(manner, Random(1))
    said = [framing.framed(["shut the gate"], ["direct"])[0] for _ in range(600)]
    before = {f"{ask} shut the gate" for ask in (*manner.asks_plain, *manner.asks)}
    in_ing = {f"{ask} shutting the gate" for ask in manner.asks_ing}
    framed = [one for one in said if one != "shut the gate"]
    assert 60 < len(framed) < 180
    assert set(framed) <= before | in_ing
    assert before & set(framed)
    assert in_ing & set(framed)


def test_one_frame_is_around_two_commands(manner: Manner) -> None:
    framing = Framing(manner, Random(2))
    pairs = [framing.framed(["dim the lamp", "close it"], ["direct"] * 2) for _ in range(600)]
    assert ["dimming the lamp", "closing it"] in [
        [first.split(" mind ", 1)[-1], second] for first, second in pairs
    ]
    assert all(
        second == ("closing it" if " dimming " in f" {first}" else "close it")
        for first, second in pairs
    )


def test_what_begins_with_no_verb_is_not_asked_for(manner: Manner) -> None:
    framing = Framing(manner, Random(3))
    for text, style in (("lamp off", "elliptical"), ("i want it off", "direct")):
        assert {framing.framed([text], [style])[0] for _ in range(100)} == {text}


def test_a_state_is_asked_for_in_words_of_that_state_alone(manner: Manner) -> None:
    framing = Framing(manner, Random(4))
    shut = Phrasing("close {target}", "direct", (Kind.BLIND,), ("opening", "closed"))
    dim = Phrasing("dim {target}", "direct", (Kind.LIGHT,), ("brightness", "-"))
    said = {framing.stated(shut) for _ in range(600)} - {shut}
    assert said
    assert all({"shut", "closed"} & set(one.text.split()) for one in said)
    assert all(one.do == shut.do and "{target}" in one.text for one in said)
    assert {framing.stated(dim) for _ in range(200)} == {dim}


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("could you turn off the lamp", True),
        ("would you mind closing it", True),
        ("any chance we could have it off", True),
        ("turn off the lamp", False),
        ("is the lamp on", False),
    ],
)
def test_a_polite_question_is_told_by_its_form(text: str, asked: bool) -> None:
    assert is_asked(text) is asked
