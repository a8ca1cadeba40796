"""Orders that say what they do not want."""

from pathlib import Path

import pytest

from edge_agent.config import load_config
from edge_agent.core.command import Action, Plan
from edge_agent.core.entity import Attribute
from edge_agent.devices.appliance import Appliance
from edge_agent.language.guards import unheeded
from edge_agent.language.mentions import Mentions
from edge_agent.language.vocabulary import Vocabulary
from edge_agent.parts import configured_registry

COFFEE = Path(__file__).parents[3] / "firmware_configs/coffee-maker.yaml"


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    config = load_config(COFFEE)
    assert config.appliance is not None
    return Vocabulary(configured_registry(config).apply(Appliance(config.appliance).known()))


def doubt(vocabulary: Vocabulary, text: str, **settings: str) -> str | None:
    """What is not heeded of an order that is taken to set these."""
    targets = vocabulary.candidates(text, None).targets
    known = {one.target.phrase: one.target for one in targets}
    actions = tuple(
        Action(known[name.replace("_", " ")], Attribute.OPTION, value)
        for name, value in settings.items()
    )
    return unheeded(text, Plan(actions), Mentions.of(Plan(actions), targets, vocabulary.registry))


@pytest.mark.parametrize(
    "text",
    [
        "a latte, no sugar",
        "latte without milk please",
        "a latte but no sugar",
        "latte hold the sugar",
        "a latte, i don't want any milk",
        "give me a latte with no milk and no sugar",
    ],
)
def test_what_is_not_wanted_is_heeded_by_not_setting_it(vocabulary, text) -> None:
    assert doubt(vocabulary, text, drink="latte") is None


@pytest.mark.parametrize(
    "text", ["a latte, no sugar", "latte without sugar", "latte with no sugar please"]
)
def test_what_is_not_wanted_is_never_set(vocabulary, text) -> None:
    assert doubt(vocabulary, text, drink="latte", sugar="sugar") is not None


def test_one_for_another_is_a_correction_and_no_refusal(vocabulary) -> None:
    assert doubt(vocabulary, "a latte no mocha", drink="mocha") is None


@pytest.mark.parametrize("text", ["i don't want any coffee", "don't make a latte"])
def test_a_refused_order_stays_refused(vocabulary, text) -> None:
    drink = "coffee" if "coffee" in text else "latte"
    assert doubt(vocabulary, text, drink=drink) is not None
