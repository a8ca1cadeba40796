"""What is composed of questions about classes of things, and of what nothing here knows."""

from collections.abc import Iterator

from edge_agent.factory.compose import Case
from edge_agent.factory.sentences.bank import Split
from edge_agent.factory.sentences.cases import cases, load_source


def made(sort: str, count: int, seed: int) -> Iterator[Case]:
    found = cases(
        load_source(), Split.TRAIN, seed, worlds={"home": 1.0}, mix={sort: 1.0}, devices=40
    )
    return (case for case, _ in (next(found) for _ in range(count)))


def test_people_batteries_and_all_of_a_kind_are_asked_about() -> None:
    outputs = [case.output for case in made("question", 250, 3)]
    for part in (" people ", " motion sensors ", " things ", "is all ", "any ", "how many "):
        assert any(part in f" {output}" for output in outputs), part


def test_question_that_nothing_can_answer_is_none() -> None:
    asked = [case for case in made("absent", 80, 4) if case.what == "none unknown"]
    assert asked
    assert all(case.output == "none" for case in asked)
