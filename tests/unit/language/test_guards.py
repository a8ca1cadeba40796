"""Tables of what people say; a guard may only narrow what the daemon does."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.command import (
    Action,
    Comparison,
    Condition,
    Plan,
    Schedule,
    Step,
    Target,
    When,
)
from edge_agent.language.guards import (
    UNTIMED,
    is_conditional,
    is_exception,
    is_question,
    is_stop,
    unheeded,
    yes_or_no,
)

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
when's the next train
when will the dryer be done
when was the door opened
when did the lamp go on
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
when it is dark turn on the light
when i come home open the garage
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
        ("turn on the lamp tomorrow", ON, "time"),
        ("turn on the lamp tonight", ON, "time"),
        ("turn on the lamp in five minutes", ON, "time"),
        ("turn on the lamp in half an hour", ON, "time"),
        ("turn on the lamp for an hour", ON, "time"),
        ("turn on the lamp in a few seconds", ON, "time"),
        ("turn on the lamp after dinner at seven", ON, "time"),
        ("turn on the lamp at 7", ON, "time"),
        ("turn on the lamp at 7:30", ON, "time"),
        ("turn on the lamp at 7 pm", ON, "time"),
        ("turn on the lamp at twenty past six", ON, "time"),
        ("set it to 21 at 7", TO_21, "time"),
        ("turn on the lamp at midnight", ON, "time"),
        ("turn on the lamp every morning", ON, "time"),
        ("turn on the lamp until i come home", ON, "time"),
        ("turn on the lamp before sunset", ON, "time"),
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


POLITE = """
why don't you turn on the lamp
why don\u2019t we turn on the lamp?
why do n't you turn on the lamp
do you think you could turn on the lamp
do you think you could turn on the lamp?
i was wondering if you could turn on the lamp
i'm wondering whether you could turn on the lamp?
wondering if you can turn on the lamp
just wondering if you might turn on the lamp
would it be possible to turn on the lamp
is it possible to turn on the lamp?
could it be possible to turn on the lamp
any chance you could turn on the lamp
is there any way you can turn on the lamp?
is there any chance of some light
how about turning on the lamp
what about some light in here
can the lamp be turned on
could the lamp be a bit brighter?
would you mind turning on the lamp
turn on the lamp if you don't mind
turn on the lamp, if possible
don't hesitate to turn on the lamp
don't forget to turn on the lamp
won't you turn on the lamp
before i forget, turn on the lamp
when you're ready turn on the lamp
while you're at it turn on the lamp
when you get a chance turn on the lamp
is it possible that you turn on the lamp
do the vacuuming
do my floors
""".strip().splitlines()

ASKED_POLITELY = """
do you think the lamp is on
do you think it is too warm?
i was wondering if the lamp is on
i'm wondering whether the door is locked
can you tell me whether the lamp is on
could you check if the door is locked
would you know if the lamp is on
is it possible that the lamp is on
could it be possible that someone left the lamp on
is there a lamp on
is there any lamp on
what about the lamp, is it on
can the lamp be seen
do my lamps work
do the blinds close
is any light on
""".strip().splitlines()


@pytest.mark.parametrize("text", POLITE)
def test_polite_order_is_neither_question_nor_refusal(text):
    assert not is_question(text)
    assert unheeded(text, ON) is None


@pytest.mark.parametrize("text", ASKED_POLITELY)
def test_polite_question_stays_a_question(text):
    assert is_question(text)


WARMER = Plan((Action(Target("heating", ("climate.h",)), "temperature", Step(1)),))

COMPLAINTS = """
it isn't warm enough in here
it isnt warm enough
it's not warm enough
it ain't warm enough
it is not nearly warm enough
the rooms aren't warm enough
we are not warm enough
i can't sleep, it is so cold
i cannot feel my feet
i can not feel my toes
i can hardly feel my toes
i couldn't sleep
can't read in here
it's not bad but a bit cold
not only cold but freezing
""".strip().splitlines()

ORDERS_NOT_TO = """
do not make it warm enough
don't make it warm enough
don't heat so i can sleep
not warmer
never make it warmer
i can't see, so don't make it warmer
it isn't cold
it's not cold in here
i don't want it warmer
i do not want the heating any warmer
nobody wants it warmer
there is no need to heat
no one asked for heating
leave the heating alone
avoid heating
keep the heating from running
hold off on heating
it is not that cold
""".strip().splitlines()


@pytest.mark.parametrize("text", COMPLAINTS)
def test_complaint_is_no_order_not_to(text):
    assert unheeded(text, WARMER) is None


@pytest.mark.parametrize("text", ORDERS_NOT_TO)
def test_order_not_to_is_heard(text):
    assert unheeded(text, WARMER) == "I heard a not"


def turn_on(*phrases):
    return Plan(tuple(Action(Target(phrase, (phrase,)), "power", "on") for phrase in phrases))


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("turn on the light, not the kitchen, the bedroom", "bedroom light"),
        ("turn on the kitchen light, no not the kitchen, the bedroom light", "bedroom light"),
        ("not the kitchen light, the bedroom light on", "bedroom light"),
        ("not the kitchen i mean the bedroom light on", "bedroom light"),
        ("not that one, the bedroom light on", "bedroom light"),
    ],
)
def test_correction_is_heeded_by_what_was_meant_alone(text, phrase):
    assert unheeded(text, turn_on(phrase)) is None
    wrong = text.partition("not the ")[2].partition(",")[0].partition(" i mean")[0].split(" but")[0]
    if wrong:
        assert unheeded(text, turn_on(wrong)) == "I heard a not"
        assert unheeded(text, turn_on(phrase, f"big {wrong}")) == "I heard a not"


@pytest.mark.parametrize(
    "text",
    [
        "turn on the kitchen light, not the bedroom light",
        "turn on the kitchen light, not the bedroom light, please",
        "turn on the kitchen light but not the bedroom light",
        "do not turn on the kitchen light, the bedroom light",
        "don't turn on the light, not the kitchen, the bedroom",
    ],
)
def test_what_is_not_meant_is_not_turned_on(text):
    assert unheeded(text, turn_on("bedroom light")) == "I heard a not"


CALLED_OFF = """
never mind
nevermind
nvm
forget it
forget about it
cancel
cancel that
cancel it
oh, scratch that
i changed my mind
i've changed my mind!
ignore that.
disregard that
belay that
""".strip().splitlines()


@pytest.mark.parametrize("ending", CALLED_OFF)
def test_sentence_that_is_called_off_at_its_end(ending):
    assert unheeded(f"turn on the lamp, {ending}", ON) == "it was called off"
    assert unheeded(f"Turn on the lamp... {ending.upper()}", ON) == "it was called off"


@pytest.mark.parametrize(
    "text",
    [
        "forget it, turn on the lamp",
        "cancel that and turn on the lamp",
        "i changed my mind, turn on the lamp",
        "turn on the lamp, i forget its name",
    ],
)
def test_sentence_that_calls_off_what_was_before_it(text):
    assert unheeded(text, ON) is None


ALL_OFF = Plan((Action(Target("all lights", ("a", "b"), collective=True), "power", "off"),))
BUT_ONE = Plan(
    (Action(Target("all lights except desk lamp", ("a",), collective=True), "power", "off"),)
)

EXCEPTIONS = """
turn off all lights except the desk lamp
turn off all lights, except for the desk lamp
turn off all the lights but the desk lamp
turn off all the lights but not the desk lamp
turn off every light apart from the desk lamp
switch off all but the desk lamp
turn off all lights but leave the desk lamp on
turn off all lights but keep the desk lamp on
turn off all lights other than the desk lamp
turn off all lights besides the desk lamp
turn off all lights, excluding the desk lamp
turn off all lights without the desk lamp
turn off all lights and skip the desk lamp
turn off all lights save for the desk lamp
turn off all lights with the exception of the desk lamp
""".strip().splitlines()


@pytest.mark.parametrize("text", EXCEPTIONS)
def test_exception_is_heeded_by_a_plan_that_has_one(text):
    assert is_exception(text)
    assert unheeded(text, BUT_ONE) is None
    assert unheeded(text, ALL_OFF) in {"I did not understand the exception", "I heard a not"}


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("do not turn off all lights except the desk lamp", "I heard a not"),
        ("don't turn off any light but the desk lamp", "I heard a not"),
        ("never turn off all lights apart from the desk lamp", "I heard a not"),
        ("no need to turn off all lights but not the desk lamp", "I heard a not"),
        ("turn off all lights except the desk lamp in ten minutes", UNTIMED),
        ("turn off all lights except the desk lamp if it is dark", "the condition"),
        ("turn off all lights except the desk lamp and set the fan to 20", "the number"),
        ("turn off all lights except the desk lamp, never mind", "called off"),
    ],
)
def test_exception_hides_nothing_else(text, clause):
    assert clause in unheeded(text, BUT_ONE)


def test_name_that_reads_like_an_exception_hides_no_not():
    named = turn_on("lamp except shade")
    assert unheeded("turn on the lamp except shade", named) is None
    assert unheeded("do not turn on the lamp", named) == "I heard a not"


@pytest.mark.parametrize(
    "text", ["turn off the light", "the buttercup lamp", "turn it off but do it fast", "nonbut the"]
)
def test_sentence_without_an_exception(text):
    assert not is_exception(text)


SEQUENCES = """
turn on the lamp and after that the fan
turn on the lamp, after this the fan
turn on the lamp and afterwards the fan
turn on the lamp, when that is done turn on the fan
turn on the lamp, once it's done the fan
turn on the lamp and as soon as you're done turn on the fan
turn on the lamp, when you are done with that turn on the fan
turn on the lamp, then the fan
""".strip().splitlines()

NO_SEQUENCES = """
turn on the lamp and in ten minutes the fan
turn on the lamp and after that in ten minutes the fan
turn on the lamp and later the fan
turn on the lamp and afterwards the fan if it is warm
turn on the lamp, the fan when the washing is done
turn on the lamp and the fan after dinner at seven
turn on the lamp and when i come home the fan
""".strip().splitlines()


@pytest.mark.parametrize("text", SEQUENCES)
def test_order_of_two_commands_is_kept_anyway(text):
    assert unheeded(text, turn_on("lamp", "fan")) is None


@pytest.mark.parametrize("text", NO_SEQUENCES)
def test_time_or_condition_between_two_commands_is_not_kept(text):
    assert unheeded(text, turn_on("lamp", "fan")) in {UNTIMED, "I did not understand the condition"}


def test_joining_words_of_half_a_plan_are_noticed():
    assert unheeded("turn on the lamp and afterwards the fan", turn_on("lamp")) == UNTIMED
    text = "turn on the lamp, when that is done turn on the fan"
    assert unheeded(text, turn_on("lamp")) == "I did not understand the condition"


@pytest.mark.parametrize(
    "text", ["turn off every light", "close every single window", "every lamp in the hall off"]
)
def test_every_thing_is_no_time(text):
    assert unheeded(text, Plan(())) is None


@pytest.mark.parametrize(
    "time",
    "every day,every 5 minutes,every other day,every monday,every single evening,every now and then"
    ",every two hours,every time".split(","),
)
def test_every_time_is_one(time):
    assert unheeded(f"turn on the lamp {time}", ON) == UNTIMED


@pytest.mark.parametrize("when", list(When))
@pytest.mark.parametrize("text", ["turn on the lamp", "turn on the lamp by one", "lamp on soonish"])
def test_plan_for_another_time_is_doubted_whatever_the_words(when, text):
    plan = Plan((*ON.actions, Action(LAMP, "power", "off", schedule=Schedule(when, 60))))
    assert unheeded(text, plan) == UNTIMED


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


@pytest.mark.parametrize(
    "text", ["what about the hall lamp?", "how about the hall too", "and what about the hall lamp"]
)
def test_the_same_once_more_is_no_question_after_a_command(text):
    assert not is_question(text, follows=True)


@pytest.mark.parametrize(
    "text",
    ["what about the hall lamp, is it on", "is the hall lamp on", "what about it", "what is on"],
)
def test_question_after_a_command_stays_one(text):
    assert is_question(text, follows=True)


OFF = Plan((Action(LAMP, "power", "off"),))
DIMMER = Plan((Action(LAMP, "brightness", Step(-1)),))
NEXT = Plan((Action(Target("radio", ("r",)), "command", "next"),))
LOCKED_THEN_ON = Plan(
    (Action(LAMP, "power", "on", Condition(LAMP, "lock", Comparison.IS, "unlocked")),)
)


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ("i don't want the lamp on", OFF),
        ("i no longer need the lamp", OFF),
        ("don't leave the lamp on", OFF),
        ("no need for the lamp any more", OFF),
        ("it doesn't need to be lit in here", OFF),
        ("nobody is here, lamp off", OFF),
        ("somebody left the lamp on", OFF),
        ("stop the lamp from flickering", OFF),
        ("don't make the lamp so bright", DIMMER),
        ("the lamp needn't be that bright", DIMMER),
        ("not so bright", DIMMER),
        ("i can't stand this song", NEXT),
        ("not this song again", NEXT),
        ("skip the adverts", NEXT),
        ("if the lamp is not locked turn it on", LOCKED_THEN_ON),
        ("leave it at 21", TO_21),
        ("don't heat it beyond 21", TO_21),
        ("set it to 20, no, 21", TO_21),
        ("turn the lamp on if you'd be so kind", ON),
        ("turn the lamp on while i'm here", ON),
        ("turn the lamp on as soon as you can", ON),
        ("play the song before this", NEXT),
    ],
)
def test_other_ways_to_say_what_is_meant_raise_no_doubt(text, plan):
    assert unheeded(text, plan) is None


@pytest.mark.parametrize(
    ("text", "plan", "clause"),
    [
        ("i don't want the lamp off", OFF, "not"),
        ("don't leave the lamp off", OFF, "not"),
        ("don't turn the lamp off", OFF, "not"),
        ("i don't want you to turn the lamp off", OFF, "not"),
        ("you don't have to turn off the lamp", OFF, "not"),
        ("don't make it so dim", DIMMER, "not"),
        ("if the lamp is not unlocked turn it on", LOCKED_THEN_ON, "not"),
        ("don't heat it beyond 25", TO_21, "not"),
        ("set it to 21, no, 20", TO_21, "number"),
        ("turn the lamp on in the morning", ON, "time"),
        ("turn the lamp on in a moment", ON, "time"),
        ("turn the lamp on before dinner", ON, "time"),
        ("turn the lamp on provided it is dark", ON, "condition"),
        ("make sure the lamp is off", ON, "wrong way"),
    ],
)
def test_what_is_not_meant_is_asked_about(text, plan, clause):
    assert clause in (unheeded(text, plan) or "")


TO_22 = Plan((Action(LAMP, "temperature", 22.0),))
BY_5 = Plan((Action(LAMP, "volume", Step(1, 5)),))
UP = Plan((Action(LAMP, "volume", Step(1)),))


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ("set it to twenty, no, twenty two", TO_22),
        ("heating to 19 i mean 22", TO_22),
        ("lamp to 8, hm 22 is better", TO_22),
        ("put it at 25 er 22 rather", TO_22),
        ("set it to 22, and not 25", TO_22),
        ("twenty, uh, twenty two degrees", TO_22),
        ("turn it up by ten five i mean", BY_5),
        ("turn the lamp off, on i mean", ON),
        ("turn the lamp off, no don't do that, turn it on", ON),
        ("turn it down, sorry, up", UP),
    ],
)
def test_what_is_put_right_is_done_and_what_was_taken_back_is_not(text, plan):
    assert unheeded(text, plan) is None
    (action,) = plan.actions
    match action.value:
        case Step(direction, None):
            wrong = [Step(-direction)]
        case Step(direction, amount):
            wrong = [Step(direction, amount + 5)]
        case str():
            wrong = ["off"]
        case _:
            wrong = [8.0, 19.0, 20.0, 25.0]
    for value in wrong:
        assert unheeded(text, Plan((replace(action, value=value),))) is not None


@pytest.mark.parametrize(
    ("text", "plan", "clause"),
    [
        ("set it to five, no, one", Plan((Action(LAMP, "temperature", 5.0),)), "number"),
        ("set it to 20 and the blind to 22, sorry", TO_22, "number"),
        ("at 7 set it to 22, sorry", TO_22, "time"),
        ("turn the lamp on, no, don't", ON, "not"),
        ("turn the lamp on, no don't, the lamp is hot", ON, "not"),
    ],
)
def test_a_word_that_takes_back_hides_nothing_else(text, plan, clause):
    assert clause in (unheeded(text, plan) or "")
