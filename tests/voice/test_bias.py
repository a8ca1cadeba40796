"""What a registry makes likely to be heard."""

import time
from dataclasses import replace

import pytest

from edge_agent.core.entity import ON_OFF, Area, Capability, Choice, Entity, Floor, Group, Kind
from edge_agent.core.registry import Annotation, Changes, Registry
from edge_agent.voice.bias import (
    MOST_NAMES,
    Menu,
    bias_of,
    numbers_as_known,
    said_words,
    telling,
    words_of,
)
from edge_agent.voice.ports import Bias, Heard
from edge_agent.voice.reading import distinct, is_loop, reading

POWER = Capability("power", ON_OFF)
MODE = Capability("mode", Choice(("eco", "quick_wash", "Super Dry")))
READ = Capability("temperature", Choice(()), settable=False)


def light(number: int, area: str, name: str, **more: object) -> Entity:
    return Entity(f"light.{number}", name, Kind.LIGHT, (POWER,), area=area, **more)


def home() -> Registry:
    registry = Registry.configured(
        areas=[Area("kitchen", "Kitchen", "ground", ("Galley",)), Area("study", "Study")],
        floors=[Floor("ground", "Ground Floor", ("Downstairs",))],
        groups=[Group("g", "Party Lights", ("light.1", "light.2"))],
        annotations={"light.1": Annotation(aliases=("Big Lamp",))},
    )
    washer = Entity("washer", "Waschtrockner", Kind.SELECT, (MODE,), area="kitchen")
    inside = Entity("signal", "Signal Strength", Kind.SENSOR, (READ,), area="study")
    lights = (light(1, "kitchen", "Ceiling-Light"), light(2, "study", "CEILING light"))
    return registry.apply(Changes(upsert=(replace(inside, diagnostic=True), washer, *lights)))


def test_names_places_and_values_are_heard_folded_and_once_each() -> None:
    bias = bias_of(home(), ("Wash the Blue Towels",))
    assert bias.names == (
        "party lights",
        "waschtrockner",
        "ceiling light",
        "signal strength",
        "big lamp",
    )
    assert bias.areas == ("kitchen", "galley", "study", "ground floor", "downstairs")
    assert bias.values == ("eco", "quick wash", "super dry", "on", "off")
    assert bias.phrases == ("wash the blue towels",)
    assert not bias.closed
    assert bias_of(home(), closed=True).closed


def test_an_empty_registry_biases_nothing() -> None:
    assert bias_of(Registry()) == Bias()
    assert not words_of(Bias())


def test_what_is_cut_in_a_large_home_is_cut_in_every_room_alike() -> None:
    lights = [light(n, f"room {n % 20}", f"lamp number {n}") for n in range(2 * MOST_NAMES)]
    bias = bias_of(Registry().apply(Changes(upsert=tuple(lights))))
    assert len(bias.names) == MOST_NAMES
    kept = {int(name.split()[-1]) % 20 for name in bias.names[:20]}
    assert kept == set(range(20)), "the first name of every room comes first"


def test_a_thousand_devices_cost_little() -> None:
    lights = [light(n, f"room {n % 40}", f"shelf lamp {n}") for n in range(1000)]
    registry = Registry().apply(Changes(upsert=tuple(lights)))
    started = time.process_time()
    bias_of(registry)
    assert time.process_time() - started < 0.1


def test_common_words_need_no_help() -> None:
    assert telling("turn on the a americano with open x".split()) == ("americano",)


def test_a_closed_menu_still_lets_people_talk_around_it() -> None:
    said = set(said_words(Bias(values=("flat white", "twenty ounce"), closed=True)))
    assert {"flat", "Flat", "whites", "twenty", "20", "please", "never", "two", "2"} <= said
    assert "towels" not in said


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("can i have an espresso please", True),
        ("two espressos", True),
        ("never mind", True),
        ("make it 2", True),
        ("i don't think so", False),
        ("as i can go to you at 10 then", False),
        ("", False),
        ("vorrei un espresso lungo adesso", False),
    ],
)
def test_a_menu_knows_what_is_about_it(text: str, about: bool) -> None:
    menu = Bias(values=("espresso", "flat white"))
    assert (text in Menu(replace(menu, closed=True))) == about
    assert text in Menu(menu), "open talk may be about anything"


def test_a_menu_counts_words_that_are_not_its_own() -> None:
    menu = Bias(values=("americano",), closed=True)
    assert Menu(menu).unknown("an american please") == 1
    assert Menu(menu).unknown("two americanos please") == 0
    assert Menu(replace(menu, closed=False)).unknown("an american please") == 0


@pytest.mark.parametrize(
    ("heard", "known", "text"),
    [
        ("a 20 ounce latte", ("twenty", "ounce"), "a twenty ounce latte"),
        ("a 20 ounce latte", ("latte",), "a 20 ounce latte"),
        ("turn it to 120", ("twenty",), "turn it to 120"),
    ],
)
def test_numbers_are_in_words_where_the_menu_has_words(
    heard: str, known: tuple[str, ...], text: str
) -> None:
    assert numbers_as_known(heard, known) == text


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (" Turn on the Kitchen-Light, please.", "turn on the kitchen light please"),
        ("Don\N{RIGHT SINGLE QUOTATION MARK}t open Anna's window!", "don't open anna's window"),
        ("Set it to 21.5°, or 30%.", "set it to 21.5 degrees or 30 percent"),
        ("At 7:30. Off", "at 7:30 off"),
        ("'Stop' (laughs) [Music] *sighs*", "stop"),
        ("Café — naïve", "café naïve"),
        (" ... ", ""),
        # Over silence a recogniser says it all again, and is cut off while it does.
        ("turn on the light. turn on the light. turn on", "turn on the light"),
        ("i like a latte with sugar i like a latte", "i like a latte with sugar"),
        ("turn the defroster on please turn the def", "turn the defroster on please"),
        ("a latte please a latte please a lat", "a latte please"),
        ("no no no no", "no"),
        ("uh huh uh huh uh huh uh huh please", "uh huh please"),
        # Said twice on purpose, and digits, stay.
        ("no no not that", "no no not that"),
        ("one one one two", "one one one two"),
        ("lights on lights off", "lights on lights off"),
        ("turn on the light turn on the lamp", "turn on the light turn on the lamp"),
        ("turn up the heat and turn up the volume", "turn up the heat and turn up the volume"),
    ],
)
def test_readings_are_as_they_were_said_and_once(written: str, said: str) -> None:
    assert reading(written) == said


@pytest.mark.parametrize(
    ("written", "loop"),
    [
        ("A little bit. A little bit. A little bit. A", True),
        ("twelve twelve twelve twelve", True),
        ("no no no", False),
        ("one one one one", False),
        ("1 1 2 1 1 2 1 1 2", False),
        ("turn on the light turn on the light", False),
        ("", False),
    ],
)
def test_noise_is_written_as_a_loop(written: str, loop: bool) -> None:
    assert is_loop(written) == loop


def test_readings_that_differ_in_punctuation_alone_are_one() -> None:
    heard = [Heard("a latte", -0.1), Heard("", -0.2), Heard("a latte", -0.3), Heard("latte", -0.4)]
    assert distinct(heard) == (heard[0], heard[3])
