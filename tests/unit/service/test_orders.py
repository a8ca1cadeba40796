"""Orders from a menu: asked for what they leave out, filled up, started once all of it is taken."""

import pytest

from edge_agent.core.entity import Attribute, Capability, Choice, Entity, Kind, Origin
from edge_agent.core.order import Menu
from edge_agent.core.registry import Changes, Registry
from edge_agent.service.request import Request
from edge_agent.service.response import Status


def selector(key, *options):
    option = Capability(Attribute.OPTION, Choice(options))
    return Entity(f"bar.{key}", key, Kind.SELECT, (option,))


PRESS = Capability(Attribute.COMMAND, Choice(("press",)), readable=False)
BAR = Registry().apply(
    Changes(
        upsert=(
            selector("drink", "latte", "mocha"),
            selector("size", "small", "large"),
            selector("milk", "none", "oat milk"),
            Entity("bar.start", "brew", Kind.BUTTON, (PRESS,)),
        )
    )
)
MENU = Menu(
    ("bar.drink", "bar.size", "bar.milk"), ("bar.drink",), {"bar.milk": "none"}, "bar.start"
)
ANSWERS = {
    "a small latte": "set drink to latte; set size to small",
    "a small latte with oat milk": ("set drink to latte; set size to small; set milk to oat milk"),
    "a small, no, a large mocha": "set size to small; set drink to mocha; set size to large",
    "a large one": "set size to large",
    "a large one, the mocha": "set size to large; set drink to mocha",
    "a large one, is it on": "set size to large",
    "is it on": "none",
    "brew a latte": "press brew; set drink to latte",
    "brew": "press brew",
    "a latte in 5 minutes": "set drink to latte in 5 minutes",
}
LATTE = [
    ("bar.drink", "latte"),
    ("bar.size", "small"),
    ("bar.milk", "none"),
    ("bar.start", "press"),
]


@pytest.fixture
def rig(make_rig):
    return make_rig(ANSWERS, home=BAR, menu=MENU)


def order(rig, *texts, **more):
    """Says things one after the other at the machine; returns the last reply."""

    async def play():
        for text in texts:
            request = Request(text, text, Origin.VOICE, "voice", rig.clock.now, **more)
            reply = await rig.turn.take(request, lambda: False, lambda *_, **__: None)
        return reply

    return rig.run(play)


def sent(rig):
    return [(topic.split("/")[1], payload) for topic, payload in rig.link.to_devices]


def test_what_is_not_said_is_filled_up_and_the_button_comes_last(rig):
    reply = order(rig, "a small latte")
    assert reply.status is Status.OK
    assert sent(rig) == LATTE


def test_what_is_said_has_no_default(rig):
    order(rig, "a small latte with oat milk")
    assert sent(rig)[2] == ("bar.milk", "oat milk")
    assert len(sent(rig)) == 4


def test_of_two_options_the_last_was_meant(rig):
    order(rig, "a small, no, a large mocha")
    assert sent(rig)[:2] == [("bar.drink", "mocha"), ("bar.size", "large")]


def test_button_is_pressed_once(rig):
    order(rig, "brew a latte")
    assert sent(rig) == [("bar.drink", "latte"), ("bar.milk", "none"), ("bar.start", "press")]


def test_button_alone_is_no_order(rig):
    order(rig, "brew")
    assert sent(rig) == [("bar.start", "press")]


def test_a_missing_drink_is_asked_for_and_the_answer_completes_the_order(rig):
    reply = order(rig, "a large one")
    assert (reply.status, reply.text) == (Status.CLARIFY, "Which drink would you like?")
    assert sent(rig) == []
    assert order(rig, "the mocha").status is Status.OK
    assert sent(rig) == [
        ("bar.size", "large"),
        ("bar.drink", "mocha"),
        ("bar.milk", "none"),
        ("bar.start", "press"),
    ]


def test_what_does_not_answer_is_read_for_itself(rig):
    assert order(rig, "a large one", "is it on").status is Status.UNSUPPORTED
    assert sent(rig) == []


@pytest.mark.parametrize("broken", ["bar.size", "bar.drink"])
def test_nothing_is_brewed_of_an_order_that_was_not_taken(rig, broken):
    obey = rig.link.react
    rig.link.react = lambda one: None if broken in one.topic else obey(one)
    reply = order(rig, "a small latte")
    assert reply.status is Status.ERROR
    assert ("bar.start", "press") not in sent(rig)
    assert "The brew: not pressed" in reply.text


def test_dry_run_orders_nothing(rig):
    reply = order(rig, "a small latte", dry_run=True)
    assert [call.outcome for call in reply.calls] == ["planned"] * 4
    assert sent(rig) == []


def test_delayed_order_is_whole_when_it_is_due(rig):
    order(rig, "a latte in 5 minutes")
    assert sent(rig) == []
    rig.later(301.0)
    assert sent(rig) == [("bar.drink", "latte"), ("bar.milk", "none"), ("bar.start", "press")]


def test_delayed_order_that_is_not_taken_is_not_brewed(rig):
    order(rig, "a latte in 5 minutes")
    rig.link.react = rig.ignore
    rig.later(301.0)
    assert ("bar.start", "press") not in sent(rig)
