"""Every shape of negation that the program beside this says is heard as one."""

from negations import SHAPES
from questions import SHAPES as QUESTIONS

from edge_agent.core.command import Action, Plan, Target
from edge_agent.core.entity import Attribute
from edge_agent.language.guards import is_question, unheeded

PLAN = Plan((Action(Target("hall lamp", ("light.hall",)), Attribute.POWER, "on"),))


def said(text: str) -> str:
    return text.format(name="hall lamp", kind="light", kinds="lights", area="hall")


def test_a_command_that_is_denied_is_never_simply_done():
    done = [
        text for _, text in SHAPES if not is_question(said(text)) and not unheeded(said(text), PLAN)
    ]
    assert done == []


def test_a_question_is_never_taken_for_a_command():
    assert [text for _, text in QUESTIONS if not is_question(said(text))] == []
