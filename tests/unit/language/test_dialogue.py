import pytest

from edge_agent.core.command import Action, Plan, Refusal, Target
from edge_agent.core.entity import Entity, Kind, Origin
from edge_agent.core.registry import Changes, Registry
from edge_agent.language.dialogue import (
    ANSWER_TIME,
    CONFIRM_TIME,
    RECALL_TIME,
    Confirm,
    Dialogue,
    Which,
    ambiguous,
    answers,
    which_question,
)
from edge_agent.language.interpreter import Reading, before_of

PLAN = Plan((Action(Target("front door", ("lock.front",)), "lock", "unlocked"),))
WHICH = Which(
    "turn on the ceiling light", ("light.kitchen", "light.bedroom"), Reading(Refusal(), 1.0)
)


@pytest.fixture
def dialogue():
    dialogue = Dialogue()
    dialogue.ask("c", Origin.VOICE, Confirm(PLAN), now=100.0)
    return dialogue


def test_answer_in_time_closes_the_question(dialogue):
    assert dialogue.take("c", Origin.VOICE, now=100.0 + CONFIRM_TIME) == Confirm(PLAN)
    assert dialogue.take("c", Origin.VOICE, now=101.0) is None


def test_late_answer_finds_nothing(dialogue):
    assert dialogue.take("c", Origin.VOICE, now=100.1 + CONFIRM_TIME) is None


def test_confirmation_waits_shorter_than_which_one():
    assert CONFIRM_TIME <= 15.0 < ANSWER_TIME
    dialogue = Dialogue()
    dialogue.ask("c", Origin.VOICE, WHICH, now=0.0)
    assert dialogue.take("c", Origin.VOICE, now=ANSWER_TIME) == WHICH


def test_other_origin_cannot_answer_and_neither_can_anyone_then(dialogue):
    assert dialogue.take("c", Origin.COMMAND, now=101.0) is None
    assert dialogue.take("c", Origin.VOICE, now=101.0) is None


def test_other_conversation_has_its_own_question(dialogue):
    assert dialogue.take("d", Origin.VOICE, now=101.0) is None
    assert dialogue.take("c", Origin.VOICE, now=101.0) == Confirm(PLAN)


def test_new_question_replaces_the_open_one(dialogue):
    dialogue.ask("c", Origin.VOICE, WHICH, now=101.0)
    assert dialogue.take("c", Origin.VOICE, now=102.0) == WHICH


def test_calling_off_forgets_every_question(dialogue):
    dialogue.clear()
    assert dialogue.take("c", Origin.VOICE, now=101.0) is None


def test_flood_of_conversations_drops_the_oldest(dialogue):
    for number in range(64):
        dialogue.ask(f"flood {number}", Origin.VOICE, WHICH, now=101.0)
    assert dialogue.take("c", Origin.VOICE, now=102.0) is None
    assert dialogue.take("flood 0", Origin.VOICE, now=102.0) == WHICH


@pytest.mark.parametrize(
    "text",
    ["the kitchen one", "Kitchen", "kitchen!", "the bedroom", "ceiling light", "bedroom please"],
)
def test_short_sentence_that_names_an_option_answers(home, text):
    assert answers(text, WHICH, home)


@pytest.mark.parametrize(
    "text",
    [
        "the garage",
        "both",
        "",
        "stop",
        "is the front door locked",
        "set the kitchen light to forty percent please now",
    ],
)
def test_other_sentence_is_a_new_one(home, text):
    assert not answers(text, WHICH, home)


def test_question_names_the_options(home):
    assert which_question(home, WHICH.options) == (
        "Which one: the Kitchen ceiling light or the Bedroom ceiling light?"
    )
    three = ("light.sofa", "light.desk", "switch.heater")
    assert which_question(home, three) == ("Which one: the sofa lamp, the desk lamp or the heater?")


def test_question_about_many_names_two():
    lamps = tuple(Entity(f"l{n}", f"lamp {n}", Kind.LIGHT, ()) for n in range(20))
    home = Registry().apply(Changes(upsert=lamps))
    assert which_question(home, tuple(home.entities)) == (
        "Which one? There are 20, lamp 0 and lamp 1 among them."
    )


def test_namesakes_without_a_room_are_asked_for_theirs():
    twins = tuple(Entity(f"l{n}", "lamp", Kind.LIGHT, ()) for n in range(2))
    home = Registry().apply(Changes(upsert=twins))
    assert which_question(home, ("l0", "l1")) == "There are several called lamp. In which room?"


def test_only_a_single_target_of_several_entities_is_ambiguous():
    def plan(*targets):
        return Plan(tuple(Action(target, "power", "on") for target in targets))

    one, both = Target("a", ("a",)), Target("x", ("a", "b"))
    group = Target("group", ("a", "b"), collective=True)
    assert ambiguous(plan(one, group)) == ()
    assert ambiguous(plan(one, both)) == ("a", "b")


BEFORE = before_of(PLAN, "unlock front door")


@pytest.fixture
def memory():
    memory = Dialogue()
    memory.remember("c", Origin.VOICE, BEFORE, now=100.0)
    return memory


def test_what_was_done_is_known_for_a_while(memory):
    assert memory.before("c", Origin.VOICE, now=100.0) == BEFORE
    assert memory.before("c", Origin.VOICE, now=100.0 + RECALL_TIME) == BEFORE
    assert memory.before("c", Origin.VOICE, now=100.1 + RECALL_TIME) is None


def test_what_another_kind_of_speaker_did_is_not_it(memory):
    assert memory.before("c", Origin.COMMAND, now=101.0) is None
    assert memory.before("c", Origin.VOICE, now=101.0) == BEFORE


def test_what_another_conversation_did_is_not_it(memory):
    assert memory.before("d", Origin.VOICE, now=101.0) is None


def test_last_thing_that_was_done_is_it(memory):
    other = before_of(Plan((Action(Target("heater", ("h",)), "power", "on"),)), "turn on heater")
    memory.remember("c", Origin.VOICE, other, now=150.0)
    assert memory.before("c", Origin.VOICE, now=150.0 + RECALL_TIME) == other


def test_calling_off_forgets_what_was_done(memory):
    memory.clear()
    assert memory.before("c", Origin.VOICE, now=101.0) is None


def test_open_question_and_what_was_done_do_not_touch(memory):
    memory.ask("c", Origin.VOICE, WHICH, now=101.0)
    assert memory.before("c", Origin.VOICE, now=102.0) == BEFORE
    assert memory.take("c", Origin.VOICE, now=102.0) == WHICH
    assert memory.before("c", Origin.VOICE, now=102.0) == BEFORE


def test_flood_of_conversations_forgets_the_one_that_was_silent_longest(memory):
    memory.remember("d", Origin.VOICE, BEFORE, now=101.0)
    memory.remember("c", Origin.VOICE, BEFORE, now=102.0)
    for number in range(63):
        memory.remember(f"flood {number}", Origin.VOICE, BEFORE, now=103.0)
    assert memory.before("d", Origin.VOICE, now=104.0) is None
    assert memory.before("c", Origin.VOICE, now=104.0) == BEFORE


def test_things_of_a_plan_are_what_may_be_referred_to_once_each():
    lamp, fan = Target("sofa lamp", ("l",)), Target("fan", ("f",))
    plan = Plan(tuple(Action(target, "power", "on") for target in (lamp, fan, lamp)))
    before = before_of(plan, "said")
    assert before.said == "said"
    assert [spoken.target for spoken in before.targets] == [lamp, fan]
    assert before.targets[0].words == ("sofa", "lamp")
