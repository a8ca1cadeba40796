import socket
import threading
import time

import pytest

from edge_agent.mqtt.message import Lane, Subscription

pytestmark = pytest.mark.broker

STATE = [Subscription("home/#", Lane.STATE)]
COMMAND = Subscription("edge-agent/hall/command", Lane.REQUEST, qos=1)


def test_state_flows_again_after_kill_and_restart(mosquitto, agent, until):
    hall = agent(mosquitto.url, "hall")
    hall.client.subscribe(STATE)
    hall.start()
    device = agent(mosquitto.url, "device").start()
    for round_ in range(3):
        payload = f"round {round_}".encode()
        assert device.client.publish("home/lamp", payload)
        assert hall.take(Lane.STATE).payload == payload
        mosquitto.kill()
        until(lambda: not hall.client.connected and not device.client.connected)
        assert device.client.publish("home/lamp", b"ghost") is False
        mosquitto.start()
        until(lambda: hall.client.connected and device.client.connected)
    assert hall.waiting() == 0
    until(lambda: [event.connected for event in hall.events].count(True) == 4)


def test_broker_absent_at_start_is_waited_for(mosquitto, agent, until):
    mosquitto.stop()
    hall = agent(mosquitto.url).start(connect=False)
    hall.wait_for_problem("nothing listens")
    mosquitto.start()
    until(lambda: hall.client.connected)
    assert hall.client.problems == ()


def test_publish_that_waits_for_acknowledgement_is_not_sent_on_the_next_connection(
    mosquitto, agent, until
):
    hall = agent(mosquitto.url, "hall").start()
    mosquitto.pause()
    taken = [hall.client.publish("home/lamp/set", b"ON") for _ in range(100)]
    assert all(taken)
    mosquitto.kill()
    until(lambda: not hall.client.connected)
    mosquitto.start()
    until(lambda: hall.client.connected)
    watcher = agent(mosquitto.url, "watcher")
    watcher.client.subscribe([Subscription("home/lamp/set", Lane.STATE)])
    watcher.start()
    assert hall.client.publish("home/lamp/set", b"OFF")
    assert watcher.take(Lane.STATE).payload == b"OFF"
    assert watcher.inbox.stats().received == {Lane.STATE: 1}


def test_status_is_online_then_offline_by_stop_and_by_will(mosquitto, agent, until):
    watcher = agent(mosquitto.url, "watcher")
    watcher.client.subscribe([Subscription("status/hall", Lane.STATE)])
    watcher.start()
    hall = agent(mosquitto.url, "hall").start()
    assert watcher.take(Lane.STATE).payload == b"online"
    hall.client.stop()
    assert watcher.take(Lane.STATE).payload == b"offline"
    assert hall.client.connected is False


def test_will_is_published_and_kept_when_the_link_breaks(mosquitto, agent, until):
    hall = agent(mosquitto.url, "hall", backoff_min=60, backoff_max=60).start()
    watcher = agent(mosquitto.url, "watcher")
    watcher.client.subscribe([Subscription("status/hall", Lane.STATE)])
    watcher.start()
    assert watcher.take(Lane.STATE).payload == b"online"
    hall.client._link._paho.socket().shutdown(socket.SHUT_RDWR)
    assert watcher.take(Lane.STATE).payload == b"offline"
    later = agent(mosquitto.url, "later")
    later.client.subscribe([Subscription("status/hall", Lane.STATE)])
    later.start()
    kept = later.take(Lane.STATE)
    assert (kept.payload, kept.retain) == (b"offline", True)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_retained_command_never_arrives_as_a_request(mosquitto, agent, until, protocol):
    sender = agent(mosquitto.url, "sender").start()
    assert sender.client.publish(COMMAND.topic_filter, b"unlock the door", retain=True)
    watcher = agent(mosquitto.url, "watcher")
    watcher.client.subscribe([Subscription(COMMAND.topic_filter, Lane.STATE)])
    watcher.start()
    assert watcher.take(Lane.STATE).payload == b"unlock the door"  # the broker has it
    hall = agent(mosquitto.url, "hall", protocol=protocol)
    hall.client.subscribe([COMMAND, Subscription("edge-agent/#", Lane.STATE)])
    hall.start()
    assert sender.client.publish(COMMAND.topic_filter, b"lights on")
    assert hall.take().payload == b"lights on"
    assert sender.client.publish(COMMAND.topic_filter, b"lights off")
    assert hall.take().payload == b"lights off", "each command comes once"
    retained = 0 if protocol == "5" else 1  # 3.1.1 cannot ask the broker to keep it back
    assert hall.inbox.stats().dropped == ({"retained request": 1} if retained else {})
    assert "covers commands" in hall.client.problems[0]


def test_expiry_response_topic_and_correlation_reach_a_v5_reader(mosquitto, agent):
    hall = agent(mosquitto.url, "hall")
    hall.client.subscribe([COMMAND])
    hall.start()
    sender = agent(mosquitto.url, "sender").start()
    sender.client.publish(
        COMMAND.topic_filter,
        "lights on",
        expiry=5,
        response_topic="app/reply",
        correlation=b"\x00\x01",
    )
    message = hall.take(Lane.REQUEST)
    assert message.response_topic == "app/reply"
    assert message.correlation == b"\x00\x01"
    assert message.expiry in (4, 5)
    assert (message.qos, message.retain, message.duplicate) == (1, False, False)


def test_expired_message_is_not_delivered(mosquitto, agent, until):
    sender = agent(mosquitto.url, "sender").start()
    assert sender.client.publish("home/lamp", b"old", retain=True, expiry=1)
    assert sender.client.publish("home/fan", b"kept", retain=True, expiry=60)
    time.sleep(2.1)  # mosquitto counts in whole seconds
    hall = agent(mosquitto.url, "hall")
    hall.client.subscribe(STATE)
    hall.start()
    message = hall.take(Lane.STATE)
    assert (message.topic, message.retain) == ("home/fan", True)
    assert message.expiry < 60
    assert hall.waiting() == 0


def test_properties_are_left_out_under_3_1_1(mosquitto, agent):
    hall = agent(mosquitto.url, "hall", protocol="3.1.1")
    hall.client.subscribe([COMMAND])
    hall.start()
    assert hall.client.protocol == 4
    sender = agent(mosquitto.url, "sender", protocol="3.1.1").start()
    assert sender.client.publish(COMMAND.topic_filter, b"x", expiry=5, response_topic="a/b")
    message = hall.take(Lane.REQUEST)
    assert (message.payload, message.expiry, message.response_topic) == (b"x", None, None)


def test_own_publish_is_not_an_observation(mosquitto, agent):
    hall = agent(mosquitto.url, "hall")
    hall.client.subscribe(STATE)
    hall.start()
    device = agent(mosquitto.url, "device").start()
    assert hall.client.publish("home/lamp", b"echo")
    assert device.client.publish("home/lamp", b"device")
    assert hall.take(Lane.STATE).payload == b"device"


def test_table_is_replaced_while_connected(mosquitto, agent, until):
    hall = agent(mosquitto.url, "hall")
    hall.client.subscribe([Subscription("a", Lane.STATE), Subscription("b", Lane.STATE)])
    hall.start()
    hall.client.subscribe([Subscription("b", Lane.STATE), Subscription("c", Lane.STATE)])
    device = agent(mosquitto.url, "device").start()
    until(lambda: "hall 0 c" in mosquitto.log and "Received UNSUBSCRIBE from hall" in mosquitto.log)
    for topic in ("a", "b", "c"):
        device.client.publish(topic, b"1")
    assert [hall.take().topic for _ in range(2)] == ["b", "c"]
    assert mosquitto.log.count("hall 0 b") == 1, "an unchanged subscription is left alone"


def test_thousands_of_subscriptions_bring_every_retained_message(mosquitto, agent, until):
    device = agent(mosquitto.url, "device").start()
    count = 3000
    for number in range(count):
        topic = f"home/{number}"
        until(lambda topic=topic: device.client.publish(topic, topic.encode(), retain=True))
    hall = agent(mosquitto.url, "hall")
    hall.client.subscribe([Subscription(f"home/{n}", Lane.STATE) for n in range(count)])
    hall.start()
    until(lambda: hall.waiting() == count)
    assert mosquitto.log.count("Received SUBSCRIBE from hall") == 15


def test_state_flood_is_bounded_and_ends_with_the_newest(mosquitto, agent, until):
    hall = agent(mosquitto.url, "hall")
    hall.client.subscribe([*STATE, COMMAND])
    hall.start()
    device = agent(mosquitto.url, "device").start()
    sent = 5000
    for number in range(sent):
        until(lambda n=number: device.client.publish(f"home/{n % 10}", b"%d" % n, qos=0))
        if number == sent // 2:
            until(lambda: device.client.publish(COMMAND.topic_filter, b"lights on"))
    until(lambda: hall.inbox.stats().received.get(Lane.STATE) == sent)
    stats = hall.inbox.stats()
    assert stats.depth[Lane.STATE] == 10
    assert stats.dropped == {"superseded": sent - 10}
    assert hall.take().payload == b"lights on"
    assert {hall.take().payload for _ in range(10)} == {b"%d" % n for n in range(sent - 10, sent)}


def test_half_open_link_is_noticed_within_one_and_a_half_keepalives(mosquitto, agent, until):
    hall = agent(mosquitto.url, "hall", keepalive=5).start()
    mosquitto.pause()
    frozen = time.monotonic()
    until(lambda: hall.events and not hall.events[-1].connected, seconds=20)
    assert time.monotonic() - frozen < 1.5 * 5 + 1.0
    assert "no sign of life" in hall.events[-1].reason
    mosquitto.resume()
    until(lambda: hall.client.connected)


def test_stop_is_quick_whatever_the_link_does(mosquitto, agent):
    hall = agent(mosquitto.url, "hall").start()
    mosquitto.pause()
    start = time.monotonic()
    hall.client.stop()
    assert time.monotonic() - start < 1.5
    mosquitto.resume()


def test_publish_from_many_threads(mosquitto, agent, until):
    hall = agent(mosquitto.url, "hall")
    hall.client.subscribe([Subscription("home/#", Lane.STATE, qos=1)])
    hall.start()
    device = agent(mosquitto.url, "device").start()

    def publish(name: int) -> None:
        for number in range(50):
            assert device.client.publish(f"home/{name}/{number}", b"x" * 2000)

    threads = [threading.Thread(target=publish, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: hall.waiting() == 200)
