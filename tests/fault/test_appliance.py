"""The shipped coffee maker: an order over a real broker reaches the machine, word for word."""

import pytest
from support import ROOT

from edge_agent.config import load_config
from edge_agent.sim.accept import OptionLeaf, SetOne, Words
from edge_agent.sim.device import Device

CONFIG = ROOT / "firmware_configs" / "coffee-maker.yaml"


def coffee_maker():
    """The machine as its own program would be: it says what is chosen, and brews."""
    attributes = load_config(CONFIG).appliance.attributes
    base = "appliance/coffee_maker"
    commands = {
        f"{base}/{key}/set": SetOne(key, OptionLeaf(attribute.options))
        for key, attribute in attributes.items()
    }
    return Device(
        "coffee_maker",
        commands={**commands, f"{base}/start/set": Words({"PRESS": {"brewing": "yes"}})},
        reports={f"{base}/{key}": key for key in attributes},
        values={"brewing": "no", **{key: one.options[0] for key, one in attributes.items()}},
    )


@pytest.fixture
def kitchen(rig):
    return rig(coffee_maker(), config=CONFIG)


def test_an_order_is_confirmed_by_the_machine(kitchen):
    answer = kitchen.ask("set drink to iced mocha; set size to twelve ounce; press brew")
    assert answer["status"] == "ok"
    assert [(call["device"], call["params"], call["outcome"]) for call in answer["calls"]] == [
        ("coffee_maker.drink", {"option": "iced mocha"}, "confirmed"),
        ("coffee_maker.size", {"option": "twelve ounce"}, "confirmed"),
        ("coffee_maker.start", {}, "sent"),
    ]
    assert kitchen.sent("coffee_maker") == [
        ("appliance/coffee_maker/drink/set", "iced mocha"),
        ("appliance/coffee_maker/size/set", "twelve ounce"),
        ("appliance/coffee_maker/start/set", "PRESS"),
    ]
    assert kitchen.world.state("coffee_maker")["brewing"] == "yes"


def test_the_longest_entries_of_the_menu_can_be_ordered(kitchen):
    order = "set milk to a little bit of almond milk; set sugar to lots of sweetener"
    answer = kitchen.ask(f"set drink to latte; {order}")
    assert answer["status"] == "ok"
    assert kitchen.world.state("coffee_maker")["milk"] == "a little bit of almond milk"
    assert kitchen.world.state("coffee_maker")["sugar"] == "lots of sweetener"


def test_a_drink_is_asked_for_where_none_was_named(kitchen):
    answer = kitchen.ask("set milk to a little bit of almond milk")
    assert (answer["status"], answer["text"]) == ("clarify", "Which drink would you like?")
    assert kitchen.sent() == []


def test_what_is_not_on_the_menu_moves_nothing(kitchen):
    assert kitchen.ask("set drink to green tea")["status"] == "unsupported"
    assert kitchen.sent() == []


def test_what_is_chosen_can_be_asked(kitchen):
    kitchen.world.put({"coffee_maker": {"size": "twenty ounce"}})
    kitchen.world.settle()
    assert "twenty ounce" in kitchen.ask("what is size")["text"]
    assert kitchen.sent() == []
