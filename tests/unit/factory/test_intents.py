"""The tests' format with a home and sentences of our own."""

from pathlib import Path

import pytest

from edge_agent.core.command import Action, Ask, Plan, Query, Refusal
from edge_agent.core.entity import Kind, Risk
from edge_agent.errors import FactoryError
from edge_agent.factory.measure.intents import Examiner, summarise_intents, text_of_intents
from edge_agent.factory.measure.intents_expect import Spoken, expect, sentences
from edge_agent.factory.measure.intents_home import build_home, read_fixtures
from edge_agent.factory.measure.judge import Judged
from edge_agent.language.confidence import Calibration
from edge_agent.language.interpreter import Interpreter
from edge_agent.language.prompt import EXAMPLES

CALIBRATION = Calibration(5.0, 1.0, dict.fromkeys(Risk, 0.5), 0.2)

FIXTURES = """
language: en
floors:
  - {name: Top, id: top_id}
areas:
  - {name: Attic, id: attic_id, floor: top_id}
  - {name: Cellar, id: cellar_id}
entities:
  - {name: Reading Lamp, id: light.reading, area: attic_id}
  - {name: Beam, id: light.beam, area: attic_id}
  - {name: Skylight Shade, id: cover.sky, area: attic_id, attributes: {device_class: shade}}
  - {name: Hatch, id: lock.hatch, area: cellar_id}
  - {name: Boiler, id: climate.boiler, area: cellar_id}
  - {name: Radio, id: media_player.radio, area: attic_id}
  - {name: "Baker[']s", id: todo.bakers}
  - {name: Damp, id: binary_sensor.damp, area: cellar_id, attributes: {device_class: moisture}}
  - {name: Barrel, id: sensor.barrel, attributes: {device_class: weight, unit_of_measurement: kg}}
  - {name: Camera, id: camera.attic}
"""


@pytest.fixture(scope="module")
def directory(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("intents")
    (path / "_fixtures.yaml").write_text(FIXTURES)
    (path / "light_HassTurnOn.yaml").write_text(
        """
language: en
tests:
  - sentences: [attic lights on, "light up the attic"]
    intent:
      name: HassTurnOn
      slots: {area: Attic, domain: light}
    response: fine
  - sentences: ["start a 3 minute timer"]
    intent: {name: HassStartTimer, slots: {minutes: 3}}
  - sentences: ["cellar fan on"]
    intent: {name: HassTurnOn, slots: {area: Cellar, domain: fan, name: all}}
  - sentences: ["never mind"]
    intent: {name: HassNevermind}
"""
    )
    folder = path / "HassTurnOff"
    folder.mkdir()
    (folder / "name_only.yaml").write_text(
        """
entities:
  - {name: Lava Lamp, domain: light}
tests:
  - sentences: ["lava lamp off"]
    slots: {name: Lava Lamp}
"""
    )
    return path


@pytest.fixture(scope="module")
def home(directory: Path):
    return build_home([read_fixtures(directory / "_fixtures.yaml")])


def test_the_home_is_what_discovery_makes_of_it(home) -> None:
    entities = home.registry.entities
    kinds = {entity.name: entity.kind for entity in entities.values()}
    assert kinds["Skylight Shade"] is Kind.SHADE
    assert kinds["Bakers"] is Kind.LIST
    assert kinds["Barrel"] is Kind.SENSOR
    assert home.undiscovered == ("Camera",)
    hatch = next(entity for entity in entities.values() if entity.name == "Hatch")
    assert hatch.security
    assert home.registry.areas[hatch.area or ""].name == "Cellar"
    bakers = next(entity for entity in entities.values() if entity.name == "Bakers")
    assert bakers.aliases == ("Baker's",)


def spoken(home, intent: str, text: str = "", **slots) -> Spoken:
    return Spoken(text, intent, slots, None, home)


def only_plan(home, intent: str, **slots) -> tuple[Action, ...]:
    (meaning, *_) = expect(spoken(home, intent, **slots)).legal
    assert isinstance(meaning, Plan)
    return meaning.actions


def done(home, intent: str, **slots) -> set[tuple[str, str, object]]:
    return {
        (entity, action.attribute, action.value)
        for action in only_plan(home, intent, **slots)
        for entity in action.target.entities
    }


def test_slots_become_entities_and_values(home) -> None:
    assert done(home, "HassTurnOn", domain="light", floor="Top") == {
        ("light.reading", "power", "on"),
        ("light.beam", "power", "on"),
    }
    assert done(home, "HassTurnOff", name="skylight shade") == {("cover.sky", "opening", "closed")}
    assert done(home, "HassTurnOn", name="Hatch") == {("lock.hatch", "lock", "locked")}
    assert done(home, "HassTurnOff", name="Hatch") == {("lock.hatch", "lock", "unlocked")}
    assert done(home, "HassLightSet", name="Beam", color="red") == {("light.beam", "color", "red")}
    assert done(home, "HassSetVolume", area="Attic", volume_level=30) == {
        ("media_player.radio", "volume", 30.0)
    }
    assert done(home, "HassClimateSetTemperature", name="Boiler", temperature=20.5) == {
        ("climate.boiler", "temperature", 20.5)
    }
    assert done(home, "HassListAddItem", name=["Bakers"], item="rolls") == {
        ("text.bakers", "text", "rolls")
    }


def test_states_become_questions(home) -> None:
    wet = expect(spoken(home, "HassGetState", name="Damp", domain="binary_sensor", state="on"))
    assert isinstance(wet.legal[0], Query)
    assert (wet.legal[0].attribute, wet.legal[0].value) == ("moisture", "wet")
    count = expect(
        spoken(home, "HassGetState", "how many lights are on", domain="light", state="on")
    )
    assert isinstance(count.legal[0], Query)
    assert count.legal[0].ask is Ask.COUNT
    weight = expect(spoken(home, "HassGetState", name="Barrel", domain="sensor"))
    assert isinstance(weight.legal[0], Query)
    assert weight.legal[0].attribute == "weight"


@pytest.mark.parametrize(
    ("intent", "slots", "sort"),
    [
        ("HassStartTimer", {"minutes": 3}, "timers"),
        ("HassGetCurrentTime", {}, "date and time"),
        ("HassTurnOn", {"area": "Cellar", "domain": "light"}, "not in this home"),
        ("HassTurnOn", {"name": "Submarine"}, "not in this home"),
    ],
)
def test_what_cannot_be_done_expects_nothing(home, intent, slots, sort) -> None:
    found = expect(spoken(home, intent, **slots))
    assert found.sort == sort
    assert found.legal == (Refusal(),)


def test_an_unknown_intent_is_an_error(home) -> None:
    with pytest.raises(FactoryError, match="HassFly"):
        expect(spoken(home, "HassFly"))


@pytest.fixture
def judged(make_model, directory: Path) -> list[Judged]:
    answers = {
        "attic lights on": "turn on attic lights",
        "light up the attic": "turn off attic lights",
        "lava lamp off": "turn off lava lamp",
    }
    interpreter = Interpreter(make_model(answers), EXAMPLES, CALIBRATION)
    examiner = Examiner()
    return [examiner.read(interpreter, one) for one in sentences(directory)]


def test_sentences_are_judged_in_their_home(judged) -> None:
    found = {one.text: (one.right, one.labels["sort"]) for one in judged}
    assert found == {
        "attic lights on": (True, "known"),
        "light up the attic": (False, "known"),
        "lava lamp off": (True, "known"),
        "start a 3 minute timer": (True, "timers"),
        "cellar fan on": (True, "not in this home"),
        "never mind": (True, "calling off"),
    }
    assert all(one.reachable for one in judged)


def test_the_report_tells_what_was_done(judged) -> None:
    report = summarise_intents(judged, CALIBRATION, name="fake")
    assert report["known"]["exact"]["hits"] == 2
    assert report["known"]["acted wrong"]["hits"] == 1
    assert report["nothing to do"]["timers"]["refused"]["hits"] == 1
    assert "not in this home (1)" in text_of_intents(report)


def test_a_folder_without_tests_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FactoryError, match="_fixtures"):
        list(sentences(tmp_path))
    (tmp_path / "_fixtures.yaml").write_text("language: en")
    with pytest.raises(FactoryError, match="no tests"):
        list(sentences(tmp_path))
