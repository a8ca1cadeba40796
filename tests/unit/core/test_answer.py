import pytest

from edge_agent.core.answer import answer
from edge_agent.core.command import Ask, Comparison, Query, Target
from edge_agent.core.entity import Area, Attribute, Capability, Choice, Entity, Kind, Range, Reading
from edge_agent.core.registry import Changes, Registry
from edge_agent.core.state import Availability, Observation, StateStore

POWER = Capability("power", Choice(("on", "off")))
LAMPS = tuple(
    Entity(f"lamp{number}", f"lamp {number}", Kind.LIGHT, (POWER,), "hall") for number in range(7)
)
OTHERS = (
    Entity("door", "front door", Kind.LOCK, (Capability("lock", Choice(("locked", "unlocked"))),)),
    Entity(
        "heating",
        "heating",
        Kind.CLIMATE,
        (
            Capability("temperature", Range(5, 30, unit="°C")),
            Capability(Attribute.CURRENT_TEMPERATURE, Reading("°C"), settable=False),
        ),
    ),
    Entity(
        "outside", "outdoor temperature", Kind.SENSOR, (Capability("temperature", Reading("°C")),)
    ),
)
HOME = Registry.configured(areas=[Area("hall", "Hall")]).apply(Changes(upsert=LAMPS + OTHERS))


@pytest.fixture
def state():
    store = StateStore()
    seen = {
        ("lamp0", "power"): "on",
        ("lamp1", "power"): "off",
        ("lamp2", "power"): "on",
        ("door", "lock"): "locked",
        ("heating", "temperature"): 21.0,
        ("heating", "current temperature"): 19.5,
        ("outside", "temperature"): -3.0,
    }
    for (entity, attribute), value in seen.items():
        store.observe(Observation(entity, attribute, value), now=1.0, retained=False)
    return store


def ask(state, kind, entities, attribute, value=None):
    return answer(Query(kind, Target("lamps", entities), attribute, value), HOME, state)


@pytest.mark.parametrize(
    ("kind", "entities", "attribute", "value", "said"),
    [
        (Ask.STATE, ("lamp0",), "power", None, "The lamp 0 is on."),
        (Ask.STATE, ("lamp0",), "power", "on", "Yes, the lamp 0 is on."),
        (Ask.STATE, ("lamp0",), "power", "off", "No, the lamp 0 is on."),
        (Ask.STATE, ("door",), "lock", "locked", "Yes, the front door is locked."),
        (
            Ask.STATE,
            ("heating",),
            "temperature",
            None,
            (
                "The heating current temperature is 19.5 degrees. "
                "The heating temperature is set to 21 degrees."
            ),
        ),
        (Ask.STATE, ("outside",), "temperature", None, "The outdoor temperature is -3 degrees."),
        (
            Ask.STATE,
            ("heating",),
            "current temperature",
            None,
            "The heating current temperature is 19.5 degrees.",
        ),
        (Ask.STATE, ("lamp6",), "power", None, "I do not know the power of the lamp 6."),
        (Ask.STATE, ("lamp0", "lamp1"), "power", None, "The lamp 0 is on. The lamp 1 is off."),
        (Ask.STATE, ("gone",), "power", None, "I found nothing like that."),
        (
            Ask.COUNT,
            ("lamp0", "lamp1", "lamp2"),
            "power",
            "on",
            "2 of 3 lamps are on: the lamp 0 and the lamp 2.",
        ),
        (Ask.COUNT, ("lamp1",), "power", "on", "0 of 1 lamps are on."),
        (Ask.WHICH, ("lamp0", "lamp1"), "power", "on", "The lamp 0 is on."),
        (Ask.WHICH, ("lamp1",), "power", "on", "No lamps are on."),
        (
            Ask.ANY,
            ("lamp0", "lamp1", "lamp2"),
            "power",
            "on",
            "Yes, the lamp 0 and the lamp 2 are on.",
        ),
        (Ask.ANY, ("lamp1",), "power", "on", "No, no lamps are on."),
        (
            Ask.ANY,
            ("lamp5", "lamp6"),
            "power",
            "on",
            "I do not know: nothing was heard from the lamp 5 and the lamp 6 yet.",
        ),
    ],
)
def test_answer_comes_from_what_was_observed(state, kind, entities, attribute, value, said):
    assert ask(state, kind, entities, attribute, value) == said


def test_stale_values_are_told_as_memories(state):
    state.mark_stale()
    assert ask(state, Ask.STATE, ("lamp0",), "power") == "The lamp 0 was last seen on."
    assert ask(state, Ask.STATE, ("lamp0",), "power", "on") == (
        "Yes, as far as I know: the lamp 0 was last seen on."
    )
    assert ask(state, Ask.COUNT, ("lamp0",), "power", "on").endswith("as far as I know.")


def test_unreachable_device_is_said_to_be_that(state):
    state.observe(Availability("lamp0", available=False), now=2.0, retained=False)
    said = "The lamp 0 cannot be reached; it was last seen on."
    assert ask(state, Ask.STATE, ("lamp0",), "power") == said
    assert ask(state, Ask.STATE, ("lamp0",), "power", "on") == said
    state.observe(Availability("lamp6", available=False), now=2.0, retained=False)
    assert ask(state, Ask.STATE, ("lamp6",), "power") == "The lamp 6 cannot be reached."


def test_unreachable_device_makes_a_count_uncertain(state):
    state.observe(Availability("lamp0", available=False), now=2.0, retained=False)
    assert ask(state, Ask.COUNT, ("lamp0", "lamp1"), "power", "on").endswith("as far as I know.")


def test_long_list_is_cut_and_counted(state):
    said = ask(state, Ask.STATE, tuple(lamp.id for lamp in LAMPS), "power")
    assert said.endswith("And 2 more.")
    assert said.count(".") == 6


def compare(state, entities, attribute, comparison, number, home=HOME):
    target = Target("it", entities)
    return answer(Query(Ask.STATE, target, attribute, number, comparison), home, state)


@pytest.mark.parametrize(
    ("entity", "attribute", "comparison", "number", "said"),
    [
        ("outside", "temperature", "above", -5.0, "Yes, the outdoor temperature is -3 degrees."),
        ("outside", "temperature", "below", -5.0, "No, the outdoor temperature is -3 degrees."),
        ("outside", "temperature", "above", -3.0, "No, the outdoor temperature is -3 degrees."),
        ("outside", "temperature", "below", -3.0, "No, the outdoor temperature is -3 degrees."),
        ("outside", "temperature", "is", -3.0, "Yes, the outdoor temperature is -3 degrees."),
        ("outside", "temperature", "is not", -3.0, "No, the outdoor temperature is -3 degrees."),
        ("heating", "temperature", "above", 20.0, "Yes, the heating temperature is 21 degrees."),
        (
            "heating",
            "current temperature",
            "above",
            20,
            "No, the heating current temperature is 19.5 degrees.",
        ),
        ("heating", "humidity", "above", 20.0, "I do not know the humidity of the heating."),
        ("lamp0", "power", "above", 20.0, "The lamp 0 is on."),
    ],
)
def test_question_with_a_number_compares_what_was_observed(
    state, entity, attribute, comparison, number, said
):
    assert compare(state, (entity,), attribute, Comparison(comparison), number) == said


def test_stale_number_is_compared_as_a_memory(state):
    state.mark_stale()
    said = compare(state, ("outside",), "temperature", Comparison.BELOW, 0.0)
    assert said == "Yes, as far as I know: the outdoor temperature was last seen -3 degrees."


def test_unreachable_sensor_compares_nothing(state):
    state.observe(Availability("outside", available=False), now=2.0, retained=False)
    said = compare(state, ("outside",), "temperature", Comparison.BELOW, 0.0)
    assert said == "The outdoor temperature cannot be reached; it was last seen -3 degrees."


def test_number_that_its_device_forgot_is_not_known(state):
    state.observe(Observation("outside", "temperature", None), now=2.0, retained=False)
    said = compare(state, ("outside",), "temperature", Comparison.BELOW, 0.0)
    assert said == "I do not know the temperature of the outdoor temperature."


def test_room_is_compared_by_what_is_measured_there_one_by_one(state):
    said = compare(state, ("heating", "outside"), "temperature", Comparison.ABOVE, 19.0)
    assert said == (
        "Yes, the heating current temperature is 19.5 degrees. "
        "No, the outdoor temperature is -3 degrees."
    )


@pytest.mark.parametrize("comparison", list(Comparison))
@pytest.mark.parametrize(("observed", "value"), [(1.0, 2.0), (2.0, 2), (3, 2.0), ("on", 2.0)])
def test_comparison_is_the_one_that_its_name_says(comparison, observed, value):
    expected = {
        Comparison.IS: observed == value,
        Comparison.IS_NOT: observed != value,
        Comparison.ABOVE: observed == 3,
        Comparison.BELOW: observed == 1,
    }
    assert comparison.holds(observed, value) is expected[comparison]
    if comparison in {Comparison.ABOVE, Comparison.BELOW}:
        assert not comparison.holds("9", "1")
        assert not comparison.holds(9.0, "1")
