from edge_agent.mqtt.message import Lane, Subscription
from edge_agent.mqtt.table import SubscriptionTable

COMMAND = Subscription("edge-agent/hall/command", Lane.REQUEST, qos=1)
LAMP = Subscription("home/lamp", Lane.STATE)
DISCOVERY = Subscription("homeassistant/+/+/config", Lane.DISCOVERY)


def test_lane_of_a_topic_is_that_of_its_filter():
    table = SubscriptionTable([COMMAND, LAMP, DISCOVERY])
    assert table.lane_of("edge-agent/hall/command") is Lane.REQUEST
    assert table.lane_of("home/lamp") is Lane.STATE
    assert table.lane_of("homeassistant/light/x/config") is Lane.DISCOVERY
    assert table.lane_of("home/fan") is None


def test_discovery_wins_over_state_where_both_match():
    table = SubscriptionTable([Subscription("homeassistant/#", Lane.STATE), DISCOVERY])
    assert table.lane_of("homeassistant/light/x/config") is Lane.DISCOVERY
    assert table.lane_of("homeassistant/status") is Lane.STATE


def test_command_filter_cannot_be_made_a_state_topic():
    state = Subscription(COMMAND.topic_filter, Lane.STATE)
    for order in ([COMMAND, state], [state, COMMAND]):
        assert list(SubscriptionTable(order)) == [COMMAND]


def test_wildcard_over_a_command_topic_is_left_out_and_said():
    table = SubscriptionTable([COMMAND, LAMP, Subscription("#", Lane.STATE)])
    assert list(table) == [COMMAND, LAMP]
    assert table.invalid == {
        "#": "no subscription to '#': it covers commands on 'edge-agent/hall/command'"
    }


def test_changes_are_what_a_broker_must_be_told():
    older = SubscriptionTable([COMMAND, LAMP])
    louder = Subscription("home/lamp", Lane.STATE, qos=1)
    newer = SubscriptionTable([louder, DISCOVERY])
    assert older.changes(newer) == ([louder, DISCOVERY], [COMMAND.topic_filter])
    assert older.changes(older) == ([], [])


def test_filter_that_no_broker_takes_is_left_out():
    table = SubscriptionTable([Subscription("a/#/b", Lane.STATE), LAMP])
    assert list(table) == [LAMP]
    assert "'a/#/b'" in table.invalid["a/#/b"]
