"""Tables of what people say; a guard may only narrow what the daemon does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.command import Action, Comparison, Condition, Plan, Step, Target
from edge_agent.language.guards import is_conditional, is_question, is_stop, unheeded, yes_or_no

QUESTIONS = """
what is the temperature in the kitchen
what's the temperature outside?
what lights are on
whats playing
which lights are on
which windows are open?
who is at the door
whose turn is it
where is the robot
where's my phone?
when does the washing machine finish
why is the hall light on
why are the blinds closed
how warm is it in the bedroom
how's the weather
how many lights are on?
how much power does the heater use
is the front door locked
is the front door locked?
Is the garage door open?
is it cold outside
are the lights on
are any windows open
was the door open
were the lights on
did i lock the door
did you turn off the heater
does the lamp work
has the washing machine finished
had the door been locked
am i at home
any lights on
isn't the door locked
isn\u2019t the door locked?
aren't the blinds closed
wasn't the light off
didn't you turn off the heater
doesn't the lamp dim
hasn't the dryer finished
should i close the window
should i unlock the door?
shall i close the blinds
do i need to close the windows
do the blinds close
do you know if the door is locked
have the lights been turned off
have you locked the door
have i left the oven on
hey what's the temperature
ok is the door locked
so are the lights on
please tell me if the door is locked
tell me whether the garage is open
can you tell me if the front door is locked
could you check whether the windows are closed
let me know if the light is on
i want to know if the heater is on
i wonder whether the door is locked
find out if the gate is open
check if the door is locked
see if the lights are off
quick question is the heater on
sorry, what is the volume
will the garage door open by itself
would the blinds close in the wind
can the cat get out
could it be that the door is open
might the heater be on
the door is locked?
the lights are off, right?
front door unlocked?
lights on?
""".strip().splitlines()

IMPERATIVES = """
turn on the light
turn off the kitchen lights
please turn on the light
can you turn on the light
can you turn on the light?
could you turn off the heater
could you turn off the heater, please?
will you close the blinds
will you close the blinds?
would you open the garage door
would you open the garage door?
won't you turn on the light
can we have the lights on
can i get some light in here?
can someone turn on the fan
can u turn it up
hey can you dim the lamp
ok turn on the lamp
okay, so turn on the lamp
well, open the blinds
um could you close the window
hello please lock the door
sorry, could you lock the door
lock the front door please
lock the front door, will you?
turn on the light, would you?
close the blinds, could you?
close the blinds, please?
turn up the heating ok?
set the thermostat to 21
set the lamp to half
make the bedroom brighter
i am freezing
it is too dark in here
it's too loud
play some music
stop the music
next song
open the blinds a bit
close all the windows
activate good night
put milk on the shopping list
add eggs to the list
i would like the light on
i want the heating at 21
lights on
lights on please
goodnight
increase the volume by ten
unlock the garage
dim the lights if it is after sunset
turn on the light when it is dark
do lock the door
isolate the heater
anything but the island light off
whenever lamp on
""".strip().splitlines()


@pytest.mark.parametrize("text", QUESTIONS)
def test_question_is_decoded_from_the_root_that_cannot_act(text):
    assert is_question(text)
    assert is_question(text.upper())
    assert is_question(f"  {text}  ")


@pytest.mark.parametrize("text", IMPERATIVES)
def test_request_is_not_taken_for_a_question(text):
    assert not is_question(text)


def test_tables_are_as_long_as_they_should_be():
    assert len(set(QUESTIONS)) >= 60
    assert len(set(IMPERATIVES)) >= 40


LAMP = Target("lamp", ("light.lamp",))
ON = Plan((Action(LAMP, "power", "on"),))
TO_21 = Plan((Action(LAMP, "temperature", 21.0),))
BOTH = Plan((Action(LAMP, "temperature", 21.0), Action(LAMP, "brightness", 40)))
DARK = Condition(LAMP, "brightness", Comparison.BELOW, 20)
CONDITIONAL = Plan((Action(LAMP, "power", "on", condition=DARK),))


@pytest.mark.parametrize(
    ("text", "plan", "clause"),
    [
        ("do not turn on the lamp", ON, "not"),
        ("don't turn on the lamp", ON, "not"),
        ("don\u2019t turn on the lamp", ON, "not"),
        ("dont turn on the lamp", ON, "not"),
        ("never turn on the lamp", ON, "not"),
        ("please do not ever turn on the lamp", ON, "not"),
        ("you must not turn on the lamp", ON, "not"),
        ("you mustn't turn on the lamp", ON, "not"),
        ("you shouldn't turn on the lamp", ON, "not"),
        ("no need to turn on the lamp", ON, "not"),
        ("leave the lamp on", ON, "not"),
        ("turn on the fan, not the lamp", ON, "not"),
        ("turn on the lamp tomorrow", ON, "later"),
        ("turn on the lamp tonight", ON, "later"),
        ("turn on the lamp in five minutes", ON, "later"),
        ("turn on the lamp in half an hour", ON, "later"),
        ("turn on the lamp for an hour", ON, "later"),
        ("turn on the lamp in a few seconds", ON, "later"),
        ("turn on the lamp after dinner at seven", ON, "later"),
        ("turn on the lamp at 7", ON, "later"),
        ("turn on the lamp at 7:30", ON, "later"),
        ("turn on the lamp at 7 pm", ON, "later"),
        ("turn on the lamp at twenty past six", ON, "later"),
        ("set it to 21 at 7", TO_21, "later"),
        ("turn on the lamp at midnight", ON, "later"),
        ("turn on the lamp every morning", ON, "later"),
        ("turn on the lamp until i come home", ON, "later"),
        ("turn on the lamp before sunset", ON, "later"),
        ("turn on the lamp if it is dark", ON, "condition"),
        ("turn on the lamp when i come home", ON, "condition"),
        ("unless it is late turn on the lamp", ON, "condition"),
        ("turn on the lamp once it is dark", ON, "condition"),
        ("turn on everything except the lamp", ON, "exception"),
        ("turn on all lights apart from the lamp", ON, "exception"),
        ("turn on everything but the lamp", ON, "exception"),
        ("turn on all lights but not the lamp", ON, "not"),
        ("turn on all but one lamp", ON, "exception"),
        ("turn on the lights without the lamp", ON, "exception"),
        ("set the lamp to 40", ON, "number"),
        ("set the lamp to forty percent", ON, "number"),
        ("set it to 21 and the blind to 40", TO_21, "number"),
        ("set it to 22", TO_21, "number"),
        ("open the blind halfway", ON, "number"),
    ],
)
def test_what_the_plan_leaves_out_is_noticed(text, plan, clause):
    assert clause in (unheeded(text, plan) or "")


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ("turn on the lamp", ON),
        ("turn on one lamp", ON),
        ("turn on a lamp", ON),
        ("turn the lamp on at once", ON),
        ("turn the lamp on if you can", ON),
        ("turn the lamp on at the front", ON),
        ("turn the lamp on in the second bedroom", ON),
        ("don't forget to turn on the lamp", ON),
        ("set it to 21", TO_21),
        ("set it to twenty-one degrees", TO_21),
        ("set the heating at 21", TO_21),
        ("set the heating at twenty one degrees", TO_21),
        ("set it to 21 and the lamp to 40", BOTH),
        ("increase it by 3", Plan((Action(LAMP, "volume", Step(1, 3)),))),
        ("select channel 5", Plan((Action(LAMP, "source", "Channel 5"),))),
        ("turn on lamp 2", Plan((Action(Target("lamp 2", ("x",)), "power", "on"),))),
        ("if it is below 20 turn on the lamp", CONDITIONAL),
    ],
)
def test_what_the_plan_heeds_raises_no_doubt(text, plan):
    assert unheeded(text, plan) is None


@pytest.mark.parametrize(
    "text", ["stop", "Stop!", " cancel ", "never mind", "Forget it.", "STOP IT", "cancel that"]
)
def test_sentence_that_only_calls_off(text):
    assert is_stop(text)


@pytest.mark.parametrize(
    "text", ["stop the music", "cancel the alarm", "do not stop", "stop stop", "", "nonstop"]
)
def test_sentence_that_does_more_than_call_off(text):
    assert not is_stop(text)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("yes", True),
        ("Yes!", True),
        ("yes, please", True),
        ("Yes, do it.", True),
        ("that\u2019s right", True),
        ("go ahead", True),
        ("no", False),
        ("No, don\u2019t.", False),
        ("no thanks", False),
        ("better not", False),
        ("yes?", None),
        ("yes turn on the lamp", None),
        ("no, the other lamp", None),
        ("yesterday", None),
        ("know", None),
        ("", None),
        ("1234", None),
    ],
)
def test_only_a_whole_yes_or_no_answers(text, answer):
    assert yes_or_no(text) is answer


@pytest.mark.parametrize("text", ["if it is dark", "Unless it rains", "as soon as i come"])
def test_conditions_are_offered_where_one_is_said(text):
    assert is_conditional(text)
    assert not is_conditional("the gift is for the wife")


@given(st.text(max_size=120))
def test_any_text_gets_an_answer_from_every_guard(text):
    assert is_question(text) in {True, False}
    assert is_stop(text) in {True, False}
    assert yes_or_no(text) in {True, False, None}
    assert unheeded(text, ON) is None or isinstance(unheeded(text, ON), str)


@given(st.text(alphabet=" aidontcdleaveif'", max_size=300))
def test_guards_do_not_stumble_over_near_misses(text):
    is_question(text)
    unheeded(text, ON)
