"""Questions about all things of a class: who belongs to it, and what is said about it."""

import pytest

from edge_agent.core.answer import answer
from edge_agent.core.classes import CLASS_OF, is_of_air
from edge_agent.core.command import Ask, Query, Target
from edge_agent.core.entity import Area, Attribute, Capability, Choice, Entity, Kind, Reading, Text
from edge_agent.core.registry import Changes, Registry
from edge_agent.core.state import Observation, StateStore


def sensor(ident, name, attribute, *options, **more):
    domain = Choice(options) if options else Reading("%")
    return Entity(
        ident, name, Kind.SENSOR, (Capability(attribute, domain, settable=False),), **more
    )


def tracker(ident, name):
    return Entity(
        ident, name, Kind.TRACKER, (Capability(Attribute.LOCATION, Text(), settable=False),)
    )


ENTITIES = (
    sensor("kitchen", "kitchen radar", "occupancy", "detected", "clear", area="kitchen"),
    sensor("hall", "hall motion", "motion", "detected", "clear", area="hall"),
    sensor("den", "den presence", "presence", "home", "away", area="den"),
    sensor("smoke", "smoke alarm", "smoke", "detected", "clear"),
    sensor("door", "door battery", "battery", diagnostic=True),
    sensor("gate", "gate battery", "battery", "low", "normal", diagnostic=True),
    tracker("ann", "Ann"),
    tracker("bob", "Bob"),
    tracker("car", "Red Car"),
)
HOME = Registry.configured(areas=[Area("kitchen", "Kitchen"), Area("hall", "Hall")]).apply(
    Changes(upsert=ENTITIES)
)


@pytest.fixture
def state():
    store = StateStore()
    seen = {
        ("kitchen", "occupancy"): "detected",
        ("hall", "motion"): "clear",
        ("den", "presence"): "home",
        ("smoke", "smoke"): "clear",
        ("door", "battery"): 12.0,
        ("gate", "battery"): "normal",
        ("ann", "location"): "home",
        ("bob", "location"): "office",
        ("car", "location"): "home",
    }
    for (entity, attribute), value in seen.items():
        store.observe(Observation(entity, attribute, value), now=1.0, retained=False)
    return store


@pytest.mark.parametrize(
    ("attribute", "members"),
    [
        ("motion", {"kitchen", "hall", "den"}),
        ("smoke", {"smoke"}),
        ("battery", {"door", "gate"}),
        (Attribute.LOCATION, {"ann", "bob"}),
        ("power", set()),
    ],
)
def test_members_of_a_class_are_those_that_answer_for_it(attribute, members):
    one = CLASS_OF[attribute]
    assert {entity.id for entity in ENTITIES if one.has(entity)} == members


@pytest.mark.parametrize(
    ("ask", "attribute", "entities", "value", "said"),
    [
        (Ask.ANY, "smoke", ("smoke",), "detected", "No, no smoke sensors detect smoke."),
        (
            Ask.WHICH,
            "motion",
            ("kitchen", "hall", "den"),
            "detected",
            "The kitchen radar and the den presence detect motion.",
        ),
        (Ask.ANY, "battery", ("door", "gate"), "low", "Yes, the door battery is low."),
        (Ask.WHICH, "battery", ("gate",), "low", "No batteries are low."),
        (Ask.WHICH, "location", ("ann", "bob"), "home", "Ann is home."),
        (Ask.WHICH, "location", ("bob",), "home", "Nobody is home."),
        (Ask.COUNT, "location", ("ann", "bob"), "away", "1 of 2 people is away: Bob."),
        (Ask.STATE, "location", ("bob",), "home", "No, Bob is away."),
        (
            Ask.STATE,
            "location",
            ("ann", "bob"),
            "home",
            "No, only 1 of 2 people is home; Bob is away.",
        ),
    ],
)
def test_class_is_answered_for_in_its_own_words(state, ask, attribute, entities, value, said):
    query = Query(ask, Target(CLASS_OF[attribute].noun, entities), attribute, value)
    assert answer(query, HOME, state) == said


WINDOWS = tuple(
    Entity(f"w{number}", f"window {number}", Kind.WINDOW, (Capability("opening", Choice(
        ("open", "closed")), settable=False),))
    for number in range(3)
)  # fmt: skip


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (("closed", "closed", "closed"), "Yes, all 3 windows are closed."),
        (("open", "open", "open"), "No, all 3 windows are open."),
        (
            ("closed", "open", "closed"),
            "No, only 2 of 3 windows are closed; the window 1 is open.",
        ),
        (("closed", "closed", None), "Yes, both windows are closed as far as I know."),
    ],
)
def test_whether_all_have_a_state_is_one_answer(values, said):
    home = Registry().apply(Changes(upsert=WINDOWS))
    store = StateStore()
    for number, value in enumerate(values):
        store.observe(Observation(f"w{number}", "opening", value), now=1.0, retained=False)
    target = Target("all windows", ("w0", "w1", "w2"), collective=True)
    assert answer(Query(Ask.STATE, target, "opening", "closed"), home, store) == said


def test_room_is_as_warm_as_it_is_measured_there():
    heating = Entity(
        "heating",
        "heating",
        Kind.CLIMATE,
        (
            Capability("temperature", Reading("°C")),
            Capability("current temperature", Reading("°C"), settable=False),
        ),
        "kitchen",
    )
    home = Registry.configured(areas=[Area("kitchen", "Kitchen")]).apply(Changes(upsert=(heating,)))
    store = StateStore()
    store.observe(Observation("heating", "temperature", 21.0), now=1.0, retained=False)
    store.observe(Observation("heating", "current temperature", 18.0), now=1.0, retained=False)
    ids = ("heating",)
    room = Query(Ask.STATE, Target("kitchen", ids), "temperature")
    assert answer(room, home, store) == "The heating current temperature is 18 degrees."
    thing = Query(Ask.STATE, Target("heating", ids), "temperature")
    assert answer(thing, home, store) == (
        "The heating current temperature is 18 degrees. "
        "The heating temperature is set to 21 degrees."
    )


def test_fridge_does_not_tell_how_warm_the_kitchen_is():
    assert is_of_air(sensor("a", "kitchen sensor", "temperature"))
    assert not is_of_air(sensor("b", "fridge temperature", "temperature"))
