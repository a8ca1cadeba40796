"""The automaton: whatever path a model takes, it ends in something that exists and is legal."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.core.command import (
    Action,
    Ask,
    Comparison,
    Condition,
    Extreme,
    Plan,
    Query,
    Refusal,
    Schedule,
    Step,
    Target,
    Toggle,
    When,
)
from edge_agent.core.entity import (
    ON_OFF,
    Attribute,
    Capability,
    Choice,
    Entity,
    Kind,
    Range,
    Reading,
)
from edge_agent.core.registry import Changes, Registry
from edge_agent.errors import ModelError
from edge_agent.language.abilities import Abilities
from edge_agent.language.grammar import MOST_ACTIONS, Slots, compile_grammar, meaning
from edge_agent.language.guards import UNTIMED, unheeded
from edge_agent.language.spoken import Spoken
from edge_agent.language.times import times_in
from edge_agent.language.vocabulary import Vocabulary
from edge_agent.language.wording import VALUE_FORMS
from edge_agent.models import find_model
from edge_agent.slm.gguf import open_gguf
from edge_agent.slm.tokenizer import Tokenizer

END = 0


class Words:
    """One token for each word with the space before it."""

    def __init__(self):
        self.words = ["\n"]

    def __call__(self, text):
        found = []
        for word in text.split(" "):
            if word and word not in self.words:
                self.words.append(word)
            if word:
                found.append(self.words.index(word))
        return found

    def text(self, tokens):
        return " ".join(self.words[token] for token in tokens).removesuffix(" \n")


def build(home, text, numbers=(), texts=(), *, area=None, times="", also=(), **offered):
    words = Words()
    targets = Vocabulary(home).candidates(text, area, most=40, also=also).targets
    slots = Slots(targets, numbers, texts, times_in(times), **offered)
    return compile_grammar(Abilities(home), slots, words, END), words


def say(root, words, text):
    """The meaning of a text; None where the grammar has no such path."""
    node, tokens = root, [*words(text), END]
    for token in tokens:
        if token not in node.edges:
            return None
        node = node.edges[token]
    assert not node.edges
    return meaning(root, tokens)


@pytest.fixture(scope="module")
def full(request):
    home = request.getfixturevalue("home")
    return build(
        home,
        "kitchen bedroom hall sofa lamp garage door thermostat downstairs cosy shopping list",
        (21.0, 40.0),
        ("milk", "two eggs"),
        conditional=True,
    )


@pytest.mark.parametrize(
    ("text", "entities", "attribute", "value"),
    [
        ("turn on sofa lamp", ("light.sofa",), "power", "on"),
        ("toggle desk lamp", ("light.desk",), "power", Toggle.TOGGLE),
        ("set sofa lamp brightness to 40", ("light.sofa",), "brightness", 40.0),
        ("increase sofa lamp brightness", ("light.sofa",), "brightness", Step(1)),
        ("decrease sofa lamp brightness by 21", ("light.sofa",), "brightness", Step(-1, 21.0)),
        ("set sofa lamp brightness to maximum", ("light.sofa",), "brightness", Extreme.MAXIMUM),
        ("unlock front door", ("lock.front",), "lock", "unlocked"),
        ("open garage door", ("cover.garage",), "opening", "open"),
        ("set hall thermostat mode to heat", ("climate.hall",), "mode", "heat"),
        ("press door bell", ("button.bell",), "command", "press"),
        ("add two eggs to shopping list", ("text.shopping",), "text", "two eggs"),
        ("turn off cosy", ("light.sofa", "light.desk"), "power", "off"),
    ],
)
def test_command_means_what_it_says(full, text, entities, attribute, value):
    grammar, words = full
    plan = say(grammar.commands, words, text)
    (action,) = plan.actions
    assert action.target.entities == entities
    assert (action.attribute, action.value) == (attribute, value)
    assert say(grammar.questions, words, text) is None


@pytest.mark.parametrize(
    ("text", "ask", "attribute", "value"),
    [
        ("is front door locked", Ask.STATE, "lock", "locked"),
        ("what is outdoor temperature", Ask.STATE, "temperature", None),
        ("what is hall thermostat current temperature", Ask.STATE, "current temperature", None),
        ("which lights are on", Ask.WHICH, "power", "on"),
        ("how many locks are unlocked", Ask.COUNT, "lock", "unlocked"),
        ("any lights on", Ask.ANY, "power", "on"),
        ("what is shopping list", Ask.STATE, "text", None),
    ],
)
@pytest.mark.parametrize("root", ["questions", "commands"])
def test_question_is_reached_from_both_roots(full, root, text, ask, attribute, value):
    grammar, words = full
    query = say(getattr(grammar, root), words, text)
    assert (query.ask, query.attribute, query.value) == (ask, attribute, value)


def test_refusal_is_reached_from_both_roots(full):
    grammar, words = full
    assert say(grammar.commands, words, "none") == Refusal()
    assert say(grammar.questions, words, "none") == Refusal()


@pytest.mark.parametrize(
    "text",
    [
        "turn on",
        "turn on fridge",
        "set sofa lamp brightness to 41",
        "set sofa lamp brightness to on",
        "set desk lamp brightness to 40",
        "turn on outdoor temperature",
        "turn on front door",
        "add poison to shopping list",
        "unlock all locks",
        "unlock everything",
        "open everything",
        "is door bell press",
        "turn on sofa lamp ;",
        "turn on sofa lamp turn on desk lamp",
        "if sofa lamp is on then is front door locked",
        "none ; turn on sofa lamp",
        "is front door locked ; unlock front door",
        "",
    ],
)
def test_what_does_not_exist_cannot_be_said(full, text):
    grammar, words = full
    assert say(grammar.commands, words, text) is None


@pytest.mark.parametrize("noun", ["locks", "doors", "all locks", "all doors"])
def test_all_locks_can_be_locked_at_once_and_never_unlocked(home, noun):
    grammar, words = build(home, "all the locks of the doors", area=home.area_named("hall"))
    (action,) = say(grammar.commands, words, f"lock {noun}").actions
    assert action.target.collective
    assert set(action.target.entities) == {"lock.front", "lock.back"}
    opened = say(grammar.commands, words, f"unlock {noun}")
    assert opened is None or not opened.actions[0].target.collective


def test_condition_goes_with_every_command_after_it(full):
    grammar, words = full
    plan = say(
        grammar.commands,
        words,
        "if outdoor temperature is below 21 then turn on heater ; turn on sofa lamp",
    )
    test = Condition(
        Target("outdoor temperature", ("sensor.outdoor",)), "temperature", Comparison.BELOW, 21.0
    )
    assert [action.condition for action in plan.actions] == [test, test]
    plan = say(grammar.commands, words, "if front door is locked then turn on heater")
    assert plan.actions[0].condition.value == "locked"


def test_conditions_exist_only_where_one_was_said(home):
    grammar, words = build(home, "heater", (21.0,))
    text = "if outdoor temperature is below 21 then turn on heater"
    assert say(grammar.commands, words, text) is None


def test_at_most_four_commands(full):
    grammar, words = full
    four = " ; ".join(["turn on sofa lamp"] * MOST_ACTIONS)
    assert len(say(grammar.commands, words, four).actions) == MOST_ACTIONS
    more = say(grammar.commands, words, f"{four} ; turn on sofa lamp")
    assert more == Refusal("too many commands in one sentence")


def test_first_meaning_of_a_phrase_stays():
    on_off = Choice(("on", "off"))
    radio = Entity(
        "radio",
        "radio",
        Kind.MEDIA_PLAYER,
        (Capability(Attribute.MUTE, on_off), Capability(Attribute.POWER, on_off)),
    )
    grammar, words = build(Registry().apply(Changes(upsert=(radio,))), "radio")
    assert say(grammar.questions, words, "is radio on").attribute == "power"
    assert say(grammar.commands, words, "mute radio").actions[0].attribute == "mute"


def test_read_only_is_never_set_and_silent_is_never_asked():
    thing = Entity(
        "thing",
        "thing",
        Kind.SWITCH,
        (
            Capability("power", Choice(("on", "off")), settable=False),
            Capability("level", Range(0, 10), readable=False),
            Capability("speed", Reading("km/h")),
        ),
    )
    grammar, words = build(Registry().apply(Changes(upsert=(thing,))), "thing", (5.0,))
    assert say(grammar.commands, words, "turn on thing") is None
    assert say(grammar.commands, words, "set thing speed to 5") is None
    assert say(grammar.commands, words, "set thing level to 5")
    assert say(grammar.commands, words, "is thing on")
    assert say(grammar.commands, words, "what is thing level") is None


def test_braces_in_names_and_values_are_text():
    odd = Entity(
        "odd",
        "{target} {0}",
        Kind.SELECT,
        (Capability("option", Choice(("{x}", "{target}", "}{"))),),
    )
    grammar, words = build(Registry().apply(Changes(upsert=(odd,))), "odd")
    plan = say(grammar.commands, words, "set {target} {0} to {target}")
    assert plan.actions[0].value == "{target}"


def legal(action, home):
    for entity_id in action.target.entities:
        capability = home.entities[entity_id].capability(action.attribute)
        assert capability.settable
        match action.value:
            case Step() | Extreme():
                assert isinstance(capability.domain, (Range, Choice))
            case Toggle():
                assert len(capability.domain.options) == 2
            case float():
                assert action.value in {21.0, 40.0}
            case str():
                legal_here = [
                    action.value in home.entities[member].capability(action.attribute).domain
                    for member in action.target.entities
                ]
                assert any(legal_here)


def walk(root, data, most=60):
    """A path of arbitrary choices that does not end by itself before it must."""
    node, tokens = root, []
    while node.edges and len(tokens) < most:
        token = data.draw(st.sampled_from(sorted(node.edges)))
        tokens.append(token)
        node = node.edges[token]
    return tokens if not node.edges else None


@settings(max_examples=400)
@given(st.data())
def test_every_path_of_the_command_root_is_legal(full, home, data):
    grammar, words = full
    tokens = walk(grammar.commands, data)
    if tokens is None:
        return
    found = meaning(grammar.commands, tokens)
    match found:
        case Plan(actions):
            assert 0 < len(actions) <= MOST_ACTIONS
            for action in actions:
                assert action.target.entities
                legal(action, home)
                if action.condition:
                    assert set(action.condition.target.entities) <= set(home.entities)
        case Query(target=target):
            assert target.entities
            assert set(target.entities) <= set(home.entities)
        case Refusal():
            assert words.text(tokens) == "none" or words.text(tokens).count(";") >= MOST_ACTIONS


@settings(max_examples=200)
@given(st.data())
def test_no_path_of_the_question_root_acts(full, data):
    grammar, _ = full
    tokens = walk(grammar.questions, data)
    assert tokens is not None, "questions are finite"
    assert isinstance(meaning(grammar.questions, tokens), Query | Refusal)


def nodes(root):
    seen, left = {}, [root]
    while left:
        node = left.pop()
        if id(node) not in seen:
            seen[id(node)] = node
            left.extend(node.edges.values())
    return list(seen.values())


def test_no_action_can_be_reached_from_the_question_root(full):
    grammar, _ = full
    leaves = [node.leaf for node in nodes(grammar.questions)]
    assert any(isinstance(leaf, Query) for leaf in leaves)
    assert not any(isinstance(leaf, Action | Condition) for leaf in leaves)


def test_every_state_leads_to_an_end(full):
    grammar, _ = full
    for node in nodes(grammar.commands):
        assert node.edges or node.leaf is None
        if not node.children and not node.outcome:
            assert node.leaf is None


def test_first_words_of_questions_conditions_and_commands_differ(full):
    grammar, words = full
    spoken = {words.words[token] for token in grammar.questions.children}
    assert spoken <= {"what", "is", "which", "how", "any", "where", "none"}
    every = {words.words[token] for token in grammar.commands.children}
    assert every - spoken - {"if"} <= {
        "turn", "toggle", "open", "close", "lock", "unlock", "set", "increase", "decrease", "add",
        "press", "mute", "unmute", "play", "pause", "stop", "start", "send", "activate", "next",
        "previous", "find",
    }  # fmt: skip


def test_tokenizer_that_would_mix_questions_and_commands_is_refused(home):
    targets = (Spoken(Target("sofa lamp", ("light.sofa",)), ("sofa", "lamp")),)
    with pytest.raises(ModelError, match="first words"):
        compile_grammar(
            Abilities(home), Slots(targets), lambda text: [ord(char) for char in text], END
        )


@pytest.mark.model
def test_tokenizer_of_the_model_keeps_questions_and_commands_apart(full, home):
    try:
        file = open_gguf(find_model("smollm2-135m-instruct").path())
    except ModelError as error:
        pytest.skip(str(error))
    encode = Tokenizer.from_gguf(file.metadata).encode
    targets = Vocabulary(home).candidates("kitchen", None, most=40).targets
    slots = Slots(targets, (21.0,), ("milk",), conditional=True)
    grammar = compile_grammar(Abilities(home), slots, encode, encode("\n")[0])
    verbs = {encode(f" {form.split()[0]}")[0] for form in VALUE_FORMS.values()}
    assert not verbs & set(grammar.questions.children)
    assert len(grammar.commands.children) > len(grammar.questions.children)


def test_size_depends_on_the_targets_and_not_on_the_home(home):
    many = home.apply(
        Changes(
            upsert=tuple(
                Entity(f"x{n}", f"gadget {n}", Kind.SENSOR, (Capability("value", Reading()),))
                for n in range(1000)
            )
        )
    )
    targets = (Spoken(Target("sofa lamp", ("light.sofa",)), ("sofa", "lamp")),)
    sizes = [
        len(nodes(compile_grammar(Abilities(each), Slots(targets, (21.0,)), Words(), END).commands))
        for each in (home, many)
    ]
    assert sizes[0] == sizes[1]


def test_target_whose_entities_are_gone_offers_nothing(home):
    gone = Spoken(Target("old lamp", ("light.gone",)), ("old", "lamp"))
    grammar = compile_grammar(Abilities(home), Slots((gone,), (1.0,)), Words(), END)
    assert len(grammar.commands.children) == 1  # the refusal


@pytest.fixture(scope="module")
def rich(request):
    """Everything that a sentence may offer."""
    home = request.getfixturevalue("home")
    return build(
        home,
        "kitchen hall study",
        (20.0,),
        times="in 10 minutes at 19:30",
        conditional=True,
        exceptional=True,
    )


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("turn off all lights except desk lamp", {"kitchen", "sofa", "bedroom"}),
        ("turn off all lights except desk lamp except sofa lamp", {"kitchen", "bedroom"}),
        ("turn off all lights except study lights", {"kitchen", "sofa", "bedroom"}),
        ("turn off all lights except mood lights except bedroom fan", {"kitchen", "bedroom"}),
        ("turn off all lights except ceiling light", {"sofa", "desk"}),
        ("turn off kitchen lights except desk lamp", {"kitchen"}),
    ],
)
def test_exceptions_are_left_out(rich, text, left):
    grammar, words = rich
    (action,) = say(grammar.commands, words, text).actions
    assert set(action.target.entities) == {f"light.{room}" for room in left}
    assert text == f"turn off {action.target.phrase}"
    assert action.target.collective


def test_exception_belongs_to_its_own_command(rich):
    grammar, words = rich
    text = "turn off all lights except desk lamp ; turn on all lights ; toggle sofa lamp"
    first, second, _ = say(grammar.commands, words, text).actions
    assert "light.desk" not in first.target.entities
    assert "light.desk" in second.target.entities


@pytest.mark.parametrize(
    "text",
    [
        "turn off kitchen lights except ceiling light",
        "turn off all lights except all lights",
        "turn on sofa lamp ; turn off study lights except desk lamp",
        "turn off mood lights except desk lamp except sofa lamp",
    ],
)
def test_nothing_left_is_a_refusal(rich, text):
    grammar, words = rich
    assert say(grammar.commands, words, text) == Refusal("nothing is left after the exceptions")


def test_room_that_is_excepted_is_spared_with_all_that_is_in_it(home):
    kettle = Entity(
        "switch.kettle", "kettle", Kind.SWITCH, (Capability("power", ON_OFF),), "kitchen"
    )
    home = home.apply(Changes(upsert=(kettle,)))
    grammar, words = build(home, "kitchen", exceptional=True)
    plan = say(grammar.commands, words, "turn off everything except kitchen")
    left = set(plan.actions[0].target.entities)
    assert {"switch.heater", "light.sofa"} <= left
    assert not left & {"light.kitchen", "switch.kettle"}


@pytest.mark.parametrize(
    "text",
    [
        "turn off desk lamp except sofa lamp",
        "turn off all lights except",
        "turn off all lights except fridge",
        "turn off all lights except desk lamp sofa lamp",
        "which lights are on except desk lamp",
        "turn off all lights in 10 minutes except desk lamp",
    ],
)
def test_exceptions_go_with_several_things_alone(rich, text):
    grammar, words = rich
    assert say(grammar.commands, words, text) is None


def test_exceptions_exist_only_where_one_was_said(full):
    grammar, words = full
    assert say(grammar.commands, words, "turn off all lights")
    assert say(grammar.commands, words, "turn off all lights except desk lamp") is None


IN, FOR, AT = Schedule(When.IN, 600), Schedule(When.FOR, 600), Schedule(When.AT, 70_200)


@pytest.mark.parametrize(
    ("text", "schedules"),
    [
        ("turn off desk lamp in 10 minutes", [IN]),
        ("turn on desk lamp for 10 minutes", [FOR]),
        ("set hall thermostat temperature to 20 at 19:30", [AT]),
        ("turn off all lights except desk lamp at 19:30", [AT]),
        ("turn on desk lamp ; turn off desk lamp in 10 minutes", [None, IN]),
        ("turn on desk lamp at 19:30 ; turn off sofa lamp", [AT, None]),
        ("if outdoor temperature is below 20 then turn on heater for 10 minutes", [FOR]),
        ("turn off desk lamp", [None]),
    ],
)
def test_time_goes_with_the_command_before_it(rich, text, schedules):
    grammar, words = rich
    plan = say(grammar.commands, words, text)
    assert [action.schedule for action in plan.actions] == schedules
    assert plan.scheduled == any(schedules)


@pytest.mark.parametrize(
    "text",
    [
        "turn off desk lamp in 20 minutes",
        "turn off desk lamp at 7:30",
        "turn off desk lamp in 10 minutes at 19:30",
        "turn off in 10 minutes desk lamp",
        "in 10 minutes",
        "is desk lamp on in 10 minutes",
        "what is outdoor temperature at 19:30",
        "none in 10 minutes",
    ],
)
def test_times_that_were_not_said_do_not_exist_and_nothing_is_asked_for_later(rich, text):
    grammar, words = rich
    assert say(grammar.commands, words, text) is None


@pytest.mark.parametrize("root", ["questions", "commands"])
@pytest.mark.parametrize(
    ("text", "entity", "attribute", "comparison"),
    [
        ("is outdoor temperature above 20", "sensor.outdoor", "temperature", Comparison.ABOVE),
        ("is outdoor temperature below 20", "sensor.outdoor", "temperature", Comparison.BELOW),
        ("is sofa lamp brightness above 20", "light.sofa", "brightness", Comparison.ABOVE),
        (
            "is hall thermostat current temperature below 20",
            "climate.hall",
            "current temperature",
            Comparison.BELOW,
        ),
    ],
)
def test_number_is_compared_in_a_question(rich, root, text, entity, attribute, comparison):
    grammar, words = rich
    query = say(getattr(grammar, root), words, text)
    assert query.target.entities == (entity,)
    assert query == Query(Ask.STATE, query.target, attribute, 20.0, comparison)


@pytest.mark.parametrize(
    "text",
    [
        "is outdoor temperature above 21",
        "is outdoor temperature above",
        "is outdoor temperature 20",
        "is front door above 20",
        "is sofa lamp above 20",
        "is hall thermostat mode above heat",
        "what is outdoor temperature above 20",
    ],
)
def test_comparison_needs_a_number_that_was_said_and_one_that_is_read(rich, text):
    grammar, words = rich
    assert say(grammar.commands, words, text) is None


LAMPS = (
    "lamp",
    "lamp in hall",
    "lamp at 9",
    "lamp for guests",
    "lamp except shade",
    "lamp in 7 minutes",
)


@pytest.fixture(scope="module")
def puns():
    """Names that go on as an exception or a time would."""
    lamps = tuple(Entity(name, name, Kind.LIGHT, (Capability("power", ON_OFF),)) for name in LAMPS)
    home = Registry().apply(Changes(upsert=lamps))
    last = Spoken(Target("all lights except lamp", LAMPS[1:], collective=True), ("all", "lights"))
    return build(
        home, "lamp", times="in 7 minutes at 19:30", exceptional=True, also=(last,)
    )  # fmt: skip


SEVEN = {"in": Schedule(When.IN, 420), "for": Schedule(When.FOR, 420), "at": AT}


@pytest.mark.parametrize("name", ["lamp", "lamp in hall", "lamp at 9", "lamp for guests"])
@pytest.mark.parametrize("time", ["", "in 7 minutes", "for 7 minutes", "at 19:30"])
@pytest.mark.parametrize("more", ["", " ; turn off lamp at 9"])
def test_name_with_a_time_word_in_it_is_told_from_a_time(puns, name, time, more):
    if (name, time) == ("lamp", "in 7 minutes"):
        return  # that is a name
    grammar, words = puns
    plan = say(grammar.commands, words, f"turn on {name} {time}".strip() + more)
    assert plan.actions[0].target.entities == (name,)
    assert plan.actions[0].schedule == SEVEN.get(time.partition(" ")[0])
    assert [action.target.entities for action in plan.actions[1:]] == [("lamp at 9",)] * bool(more)


def test_name_that_reads_like_a_time_is_a_name_and_is_asked_about(puns):
    grammar, words = puns
    plan = say(grammar.commands, words, "turn on lamp in 7 minutes")
    assert plan.actions[0].target.entities == ("lamp in 7 minutes",)
    assert unheeded("turn on the lamp in 7 minutes", plan) == UNTIMED


@pytest.mark.parametrize(
    ("exceptions", "spared"),
    [
        ("lamp", {"lamp"}),
        ("lamp except lamp in hall", {"lamp", "lamp in hall"}),
        ("lamp in hall except lamp at 9", {"lamp in hall", "lamp at 9"}),
        ("lamp except shade", {"lamp except shade"}),
        ("lamp except shade except lamp", {"lamp except shade", "lamp"}),
        ("lamp at 19:30", {"lamp"}),
        ("lamp for guests at 19:30", {"lamp for guests"}),
    ],
)
def test_name_with_an_exception_in_it_is_told_from_an_exception(puns, exceptions, spared):
    grammar, words = puns
    plan = say(grammar.commands, words, f"turn on all lights except {exceptions}")
    (action,) = plan.actions
    assert set(action.target.entities) == set(LAMPS) - spared
    assert (action.schedule is None) == ("19:30" not in exceptions)


@given(st.data())
def test_every_path_through_such_names_has_its_meaning(puns, data):
    grammar, words = puns
    tokens = walk(grammar.commands, data)
    if tokens is not None:
        refused = meaning(grammar.commands, tokens) == Refusal()
        assert refused == (words.text(tokens) == "none")


def test_what_is_no_path_means_nothing(rich):
    grammar, words = rich
    for text in ("turn on", "turn on desk lamp", "is desk lamp"):
        assert meaning(grammar.commands, words(text)) == Refusal()
    assert meaning(grammar.commands, [*words("fly away"), END]) == Refusal()
    assert len(nodes(grammar.commands)) < 20_000
