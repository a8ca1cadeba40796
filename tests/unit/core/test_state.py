import pytest

from edge_agent.core.state import Availability, Observation, StateStore


@pytest.fixture
def store():
    store = StateStore()
    store.observe(Observation("lamp", "power", "on"), now=10.0, retained=False)
    return store


def test_value_is_fresh_up_to_its_age(store):
    assert store.fresh("lamp", "power", now=12.0, max_age=2.0) == "on"
    assert store.fresh("lamp", "power", now=12.1, max_age=2.0) is None
    assert store.value("lamp", "power") == "on"


def test_retained_value_is_known_but_never_fresh(store):
    store.observe(Observation("lamp", "power", "off"), now=10.0, retained=True)
    assert store.value("lamp", "power") == "off"
    assert store.fresh("lamp", "power", now=10.0, max_age=2.0) is None


def test_lost_connection_makes_everything_stale_until_it_is_repeated(store):
    store.observe(Observation("fan", "power", "off"), now=10.0, retained=False)
    store.mark_stale()
    assert store.get("lamp", "power").stale
    assert store.fresh("lamp", "power", now=10.0, max_age=2.0) is None
    assert store.value("lamp", "power") == "on"
    store.observe(Observation("lamp", "power", "on"), now=11.0, retained=False)
    assert store.fresh("lamp", "power", now=11.0, max_age=2.0) == "on"
    assert store.fresh("fan", "power", now=11.0, max_age=2.0) is None


def test_device_that_says_it_does_not_know_is_not_known(store):
    store.observe(Observation("lamp", "power", None), now=11.0, retained=False)
    assert store.get("lamp", "power").value is None
    assert store.fresh("lamp", "power", now=11.0, max_age=2.0) is None


def test_silent_state_expires_at_its_age_and_no_earlier(store):
    store.expire("lamp", max_age=5.0, now=15.0)
    assert store.value("lamp", "power") == "on"
    store.expire("lamp", max_age=5.0, now=15.1)
    assert store.value("lamp", "power") is None
    store.expire("nobody", max_age=5.0, now=15.1)


def test_silence_counts_as_reachable_and_a_word_as_the_word(store):
    assert store.available("lamp")
    store.observe(Availability("lamp", available=False), now=11.0, retained=True)
    assert not store.available("lamp")
    assert store.value("lamp", "power") == "on"


def test_forgotten_entity_leaves_nothing_behind(store):
    store.observe(Availability("lamp", available=False), now=11.0, retained=False)
    store.forget("lamp")
    store.forget("nobody")
    assert store.get("lamp", "power") is None
    assert store.available("lamp")
