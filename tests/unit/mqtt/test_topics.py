import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from edge_agent.errors import MqttError
from edge_agent.mqtt.topics import (
    check_filter,
    check_topic,
    filter_matches,
    response_topic_allowed,
)

LEVELS = st.lists(st.sampled_from(["a", "b", "", "$SYS"]), min_size=1, max_size=4)


@pytest.mark.parametrize("topic", ["a", "zigbee2mqtt/Küche/set", "/", "x" * 512, "a b/c"])
def test_topics_to_publish_to(topic):
    check_topic(topic)


@pytest.mark.parametrize(
    "topic",
    ["", "a/+", "#", "a#b", "$SYS/x", "a\x00b", "a\nb", "\ud800", "\uffff", "é" * 257, "/" * 128],
)
def test_topics_never_published_to(topic):
    with pytest.raises(MqttError):
        check_topic(topic)


@pytest.mark.parametrize("topic_filter", ["#", "+", "a/+/c", "a/#", "+/#", "$SYS/#", "/+"])
def test_filters_to_subscribe_to(topic_filter):
    check_filter(topic_filter)


@pytest.mark.parametrize(
    "topic_filter", ["", "a#", "a/#/b", "a+", "+a/b", "a\x00", "##", "a" * 513]
)
def test_filters_never_subscribed_to(topic_filter):
    with pytest.raises(MqttError):
        check_filter(topic_filter)


@pytest.mark.parametrize(
    ("topic", "allowed"),
    [
        ("edge-agent/replies", True),
        ("edge-agent/replies/app/1", True),
        ("edge-agent/repliesx", False),
        ("edge-agent", False),
        ("zigbee2mqtt/lock/set", False),
        ("edge-agent/replies/+", False),
        ("edge-agent/replies/$x", False),
        ("", False),
    ],
)
def test_response_topic_matches_whole_levels_of_a_prefix(topic, allowed):
    assert response_topic_allowed(topic, ["", "edge-agent/replies/"]) is allowed


def test_no_prefix_allows_nothing():
    assert not response_topic_allowed("a", [])
    assert not response_topic_allowed("a", ["", "/"])


@given(
    st.lists(st.sampled_from(["a", "b", "", "+"]), min_size=1, max_size=4), LEVELS, st.booleans()
)
def test_matching_is_that_of_the_standard(wanted, levels, hash_):
    topic_filter, topic = "/".join([*wanted, "#"] if hash_ else wanted), "/".join(levels)
    assert filter_matches(topic_filter, topic) == topic_matches_sub(topic_filter, topic)
