import pytest

from edge_agent.core.command import Target
from edge_agent.core.entity import ON_OFF, Area, Capability, Choice, Entity, Kind
from edge_agent.core.names import fold
from edge_agent.core.registry import Changes, Registry
from edge_agent.devices.vss import Signal, Vss
from edge_agent.language.likeness import stem
from edge_agent.language.spoken import Spoken
from edge_agent.language.synonyms import OTHER_WORDS
from edge_agent.language.vocabulary import NAMES, Vocabulary

POWER = Capability("power", ON_OFF)
SIDES = ("Driver", "Passenger")
SECURITY = {"lock.front", "lock.back", "cover.garage", "siren.attic"}


def targets(home, text, area=None):
    found = Vocabulary(home).candidates(text, home.area_named(area)).targets
    return {spoken.target.phrase: spoken for spoken in found if not spoken.question_only}


def entities(home, text, phrase, area=None):
    spoken = targets(home, text, area).get(phrase)
    return spoken and spoken.target.entities


@pytest.fixture(scope="module")
def city():
    """A thousand lamps, plugs, blinds and locks in forty rooms, all called something else."""
    adjectives = "old new big small red blue left right upper lower inner outer".split()
    nouns = "desk shelf bench stove piano mirror window corner ladder cabinet".split()
    kinds = [
        (Kind.LIGHT, "lamp"),
        (Kind.OUTLET, "plug"),
        (Kind.BLIND, "blind"),
        (Kind.LOCK, "lock"),
        (Kind.FAN, "fan"),
    ]
    made = []
    for number in range(1000):
        kind, word = kinds[number % 5]
        rest = number // 5
        name = f"{adjectives[rest % 12]} {nouns[rest // 12 % 10]} {word}"
        if rest >= 120:
            name = f"second {name}"
        made.append(
            Entity(
                f"e.{number}", name, kind, (POWER,), f"room_{number % 40}",
                security=kind is Kind.LOCK,
            )
        )  # fmt: skip
    return Registry().apply(Changes(upsert=tuple(made)))


def test_every_name_of_a_thousand_is_reached_by_saying_it(city):
    vocabulary = Vocabulary(city)
    unheard = []
    for number, entity in enumerate(city.entities.values()):
        if number % 3:  # a third of them is enough to notice
            continue
        found = vocabulary.candidates(f"please switch the {entity.name} on now", None).targets
        hits = [s.target.entities for s in found if s.target.phrase == fold(entity.name)]
        if hits != [(entity.id,)]:
            unheard.append(entity.name)
    assert not unheard


def test_number_of_candidates_does_not_grow_with_the_home(city):
    for text in ("turn on the lamp", "second old", "room 1 room 2 room 3", "", "x " * 150):
        found = Vocabulary(city).candidates(text, city.area_named("room 7")).targets
        named = [s for s in found if len(s.target.entities) == 1 and not s.target.collective]
        assert len(named) <= 2 * NAMES
        assert len(found) <= 200


def test_every_name_and_alias_of_the_home_is_reached(home):
    for entity in home.entities.values():
        for name in entity.names:
            assert entity.id in entities(home, f"{name} on", fold(name)), name


def test_misspelt_name_is_reached(home):
    assert entities(home, "turn on the sofa lmap", "sofa lamp") == ("light.sofa",)
    assert "outdoor temperature" in targets(home, "what is the outdor temprature")


def test_lock_answers_to_its_door(home):
    assert entities(home, "lock the front door", "front door") == ("lock.front",)


def test_group_stands_for_its_members(home):
    for said in ("mood lights", "cosy"):
        spoken = targets(home, f"turn on {said}")[said]
        assert spoken.target == Target(said, ("light.sofa", "light.desk"), collective=True)


def test_group_forgets_a_member_that_is_gone(home):
    smaller = home.apply(Changes(remove=("light.desk",)))
    assert entities(smaller, "cosy", "cosy") == ("light.sofa",)


@pytest.mark.parametrize("room", ["study", "office"])
def test_room_and_its_alias_stand_for_its_lights_and_kinds(home, room):
    found = targets(home, f"{room} please")
    assert found[room].target == Target(room, ("light.desk",), collective=True)
    assert found[f"{room} lights"].target.entities == ("light.desk",)
    assert found[f"{room} blinds"].target.entities == ("cover.study",)


@pytest.mark.parametrize("floor", ["ground floor", "downstairs"])
def test_floor_stands_for_its_rooms(home, floor):
    found = targets(home, f"turn off the {floor} lights")
    assert found[f"{floor} lights"].target.entities == ("light.kitchen", "light.sofa")


def test_the_light_is_the_one_where_the_speaker_is(home):
    assert entities(home, "turn on the light", "light", "study") == ("light.desk",)
    somewhere = targets(home, "turn on the light")["light"].target
    assert len(somewhere.entities) == 4
    assert not somewhere.collective


@pytest.mark.parametrize(
    ("phrase", "area", "collective"),
    [
        ("lights", None, True),  # nobody knows where the speaker is
        ("light", None, False),
        ("lights", "Hall", True),
        ("lights", "Garage", False),  # there is none here: which are meant?
        ("locks", None, False),
        ("garage door", None, False),
    ],
)
def test_the_lights_are_all_of_them_where_no_place_is_known(home, phrase, area, collective):
    found = targets(home, f"turn the {phrase} off", area)[phrase].target
    assert found.collective is collective


def test_the_windows_are_those_of_the_whole_car_and_the_window_ones_own():
    paths = [f"Cabin.Door.Row{row}.{side}Side.Window" for row in (1, 2) for side in SIDES]
    signals = [
        Signal(f"Vehicle.{path}.Position", "uint8", "actuator", 0, 100, (), "percent")
        for path in paths
    ]
    known = Vss(signals).known()
    car = Registry().apply(known)
    found = targets(car, "close the windows", "driver")
    assert set(found["windows"].target.entities) == {one.id for one in known.upsert}
    assert found["windows"].target.collective
    assert len(found["window"].target.entities) == 1


def test_several_locks_are_never_one_target_of_a_command(home):
    for area in (None, "hall", "kitchen"):
        for said in ("unlock everything", "unlock all locks", "unlock the doors", "hall locks"):
            for spoken in targets(home, said, area).values():
                if SECURITY & set(spoken.target.entities):
                    assert not spoken.target.collective, spoken


def test_all_and_everything_leave_out_security(home):
    found = targets(home, "turn off everything and all sirens and all locks")
    everything = set(found["everything"].target.entities)
    assert everything
    assert not everything & SECURITY
    assert "all locks" not in found
    assert "all sirens" not in found
    assert set(found["all lights"].target.entities) >= {"light.kitchen", "light.bedroom"}


def test_buttons_and_diagnostics_are_reached_by_name_alone(home):
    quiet = Entity("switch.led", "plug led", Kind.SWITCH, (POWER,), "study", diagnostic=True)
    home = home.apply(Changes(upsert=(quiet,)))
    found = targets(home, "turn off all switches and all buttons in the study")
    for phrase, spoken in found.items():
        if {"switch.led", "button.bell"} & set(spoken.target.entities):
            assert phrase in {"plug led", "door bell"}
    assert entities(home, "plug led", "plug led") == ("switch.led",)


def test_namesakes_are_one_phrase_that_has_to_be_asked_about(home):
    both = targets(home, "turn on the ceiling light")["ceiling light"].target
    assert both == Target("ceiling light", ("light.kitchen", "light.bedroom"))


def test_namesakes_are_told_apart_by_their_rooms(home):
    for room in ("kitchen", "bedroom"):
        phrase = f"{room} ceiling light"
        assert entities(home, f"turn on the {phrase}", phrase) == (f"light.{room}",)


def test_what_is_said_of_an_entity_is_understood_of_it(home):
    for entity_id in home.entities:
        name = home.spoken_name(entity_id)
        assert entities(home, f"the {name}", fold(name)) == (entity_id,)


def test_answer_to_which_one_is_decoded_among_the_options(home):
    found = Vocabulary(home).named(["light.kitchen", "light.bedroom"])
    phrases = {spoken.target.phrase: spoken.target.entities for spoken in found}
    assert phrases == {
        "kitchen ceiling light": ("light.kitchen",),
        "kitchen": ("light.kitchen",),
        "bedroom ceiling light": ("light.bedroom",),
        "bedroom": ("light.bedroom",),
    }


def test_empty_home_has_no_targets():
    assert Vocabulary(Registry()).candidates("turn on the light", None).targets == ()


@pytest.mark.parametrize("text", ["", " ", "\0", "x" * 300, "\N{GRINNING FACE} " * 40, "' - ."])
def test_any_text_can_be_searched_for(home, text):
    assert Vocabulary(home).candidates(text, Area("hall", "Hall"))


def test_plural_and_punctuation_do_not_matter_to_the_search():
    assert stem("lights,") == stem("light")
    assert stem("glass") == "glass"
    assert stem("anna's") == "annas"[:-1]


def names(home, text, area=None, **more):
    """What the model is shown, best first."""
    vocabulary = Vocabulary(home)
    found = vocabulary.candidates(text, home.area_named(area), **more).names
    return [vocabulary.describe(named) for named in found]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("i am freezing", "hall thermostat"),
        ("it is stuffy, some breeze please", "bedroom fan"),
        ("there is too much glare", "study blind, blind"),
        ("arm against burglars, make it scream with an alarm", "siren"),
        ("i need to buy eggs", "shopping list"),
        ("let the car in, open the garage", "garage door"),
    ],
)
def test_thing_is_found_by_what_it_is_for(home, text, name):
    assert any(found.startswith(name.partition(",")[0]) for found in names(home, text))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("brighter in the corridor", "hall, room"),
        ("entryway lamp", "hall, room"),
        ("light in the workspace", "study, room"),
        ("everything upper off", "upstairs, floor"),
    ],
)
def test_place_is_found_by_another_word_for_it(home, text, place):
    assert place in names(home, text)


def test_word_that_was_said_counts_more_than_another_for_it():
    rooms = [Area(word, word) for word in ("lounge", "living room", "sitting room")]
    home = Registry.configured(areas=rooms)
    for room in rooms:
        assert names(home, f"the {room.name} please")[0] == f"{room.name}, room"


def test_other_words_work_both_ways_and_are_as_the_search_compares_them():
    for word, others in OTHER_WORDS.items():
        assert word == fold(word)
        assert word not in others
        assert all(word in OTHER_WORDS[other] for other in others)


def test_thing_of_many_names_is_shown_once_unless_more_were_said(home):
    def desk(text):
        both = {"desk lamp, light in study", "work light, in study"}
        return [name for name in names(home, text) if name in both]

    assert desk("desk light") == ["desk lamp, light in study"]
    assert desk("work light") == ["work light, in study"]
    assert sorted(desk("work light or desk lamp")) == [
        "desk lamp, light in study",
        "work light, in study",
    ]


def test_thing_where_the_speaker_is_comes_first(city):
    vocabulary = Vocabulary(city)
    for room in ("room 5", "room 15"):
        first, *_ = vocabulary.candidates("the lamp please", city.area_named(room)).names
        assert city.area_of(first.target.entities[0]).name == room
    elsewhere = vocabulary.candidates("upper stove lamp", city.area_named("room 7")).names[0]
    assert elsewhere.target.phrase == "upper stove lamp"


def test_thing_that_is_referred_to_comes_first_and_is_offered(home):
    heater = Spoken(Target("heater", ("switch.heater",)), ("heater",))
    assert "heater" not in targets(home, "turn it off again")
    for text in ("turn it off again", "turn the heater off again"):
        found = Vocabulary(home).candidates(text, None, also=(heater,))
        assert found.names[0] == heater
        phrases = [s.target.phrase for s in found.targets if not s.question_only]
        assert phrases.count("heater") == 1
    many = tuple(Spoken(Target(f"x{n}", ("switch.heater",)), (f"x{n}",)) for n in range(2 * NAMES))
    assert len(Vocabulary(home).candidates("on", None, also=many).names) == NAMES


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("sofa lamp", "sofa lamp, light in hall"),
        ("bedroom fan", "bedroom fan"),
        ("hall thermostat", "hall thermostat"),
        ("ceiling light", "ceiling light"),
        ("heater", "heater, switch in garage"),
        ("mood lights", "mood lights, group"),
        ("kitchen", "kitchen, room"),
        ("upstairs", "upstairs, floor"),
        ("outdoor temperature", "outdoor temperature, sensor"),
    ],
)
def test_name_is_shown_with_what_and_where_it_is_unless_it_says_so(home, said, shown):
    assert shown in names(home, said)


def test_what_is_gone_is_still_shown_as_it_was_called(home):
    gone = Spoken(Target("old lamp", ("light.gone", "light.gone2")), ("old", "lamp"))
    assert names(home, "it", "study", also=(gone,))[0] == "old lamp"


def test_work_for_a_sentence_is_a_few_looks_at_each_thing():
    looks = 0

    class Watched(Entity):
        def __getattribute__(self, name):
            nonlocal looks
            looks += 1
            return super().__getattribute__(name)

    kinds = [Kind.LIGHT, Kind.OUTLET, Kind.BLIND, Kind.LOCK, Kind.FAN, Kind.SENSOR]
    things = tuple(
        Watched(f"e{n}", f"thing {n} lamp", kinds[n % 6], (POWER,), f"room_{n % 40}")
        for n in range(1000)
    )
    home = Registry().apply(Changes(upsert=things))
    vocabulary = Vocabulary(home)
    rooms = "room 1 room 2 room 3 room 4 room 5 room 6 room 7 room 8 room 9 room 10"
    for text, most in (("turn on thing 7 lamp", 15), ("all lights off", 15), (rooms, 60)):
        looks = 0
        vocabulary.candidates(text, home.area_named("room 3"))
        assert 0 < looks <= most * len(things), (text, looks)


def test_what_can_be_chosen_brings_its_thing_to_mind(home):
    source = Capability("option", Choice(("bluetooth", "radio am")))
    radio = Entity("select.source", "media source", Kind.SELECT, (source,))
    known = Vocabulary(home.apply(Changes(upsert=(radio,))))
    shown = [known.describe(one) for one in known.candidates("switch to bluetooth", None).names]
    assert "media source, selector" in shown
    shown = [known.describe(one) for one in known.candidates("am i late", None).names]
    assert "media source, selector" not in shown
