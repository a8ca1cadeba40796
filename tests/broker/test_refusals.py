import time
from contextlib import suppress

import pytest

from edge_agent.errors import ConfigError
from edge_agent.mqtt.message import Lane, Subscription

pytestmark = pytest.mark.broker

V5_OK = b"\x20\x03\x00\x00\x00"
V3_OK = b"\x20\x02\x00\x00"
V5_WRONG_VERSION = b"\x20\x03\x00\x84\x00"
V3_WRONG_VERSION = b"\x20\x02\x00\x01"


def only_3_1_1(refusal: bytes | None):
    return lambda level: V3_OK if level == 4 else refusal


@pytest.mark.parametrize("refusal", [V5_WRONG_VERSION, V3_WRONG_VERSION, b"", None])
def test_falls_back_to_3_1_1_and_remembers_it(fake_broker, agent, until, refusal):
    broker = fake_broker(only_3_1_1(refusal))
    hall = agent(broker.url, connect_timeout=0.2)
    hall.client.subscribe([Subscription("home/#", Lane.STATE)])
    hall.start()
    assert hall.client.protocol == 4
    refused = broker.levels[:-1]
    assert set(refused) == {5}
    assert len(refused) == (1 if refusal else 2), "one silence may be a restarting broker"
    broker._sessions[-1].shutdown(2)
    until(lambda: len(hall.events) > 2 and hall.client.connected)
    assert broker.levels[len(refused) :] == [4, 4]


def test_returns_to_5_when_3_1_1_does_not_help(fake_broker, agent, until):
    broker = fake_broker(lambda level: b"")
    agent(broker.url).start(connect=False)
    until(lambda: len(broker.levels) >= 6)
    assert broker.levels[:6] == [5, 5, 4, 5, 5, 4]


def test_no_fall_back_where_the_protocol_is_fixed(fake_broker, agent, until):
    broker = fake_broker(only_3_1_1(V5_WRONG_VERSION))
    hall = agent(broker.url, protocol="5").start(connect=False)
    until(lambda: len(broker.levels) >= 3)
    assert set(broker.levels) == {5}
    assert "mqtt.protocol" in hall.client.problems[0]


def test_refused_filter_is_a_problem_and_the_others_work(fake_broker, agent, until):
    broker = fake_broker(lambda level: V5_OK, suback=0x87)
    hall = agent(broker.url)
    hall.client.subscribe([Subscription("home/#", Lane.STATE), Subscription("a/b#", Lane.STATE)])
    hall.start()
    invalid, refused = hall.client.problems
    assert "'a/b#'" in invalid
    assert "'home/#'" in refused
    assert "does not authorize anonymous clients" in refused
    hall.client.subscribe([])
    assert hall.client.problems == ()


def test_broker_that_accepts_and_says_nothing_is_given_up(fake_broker, agent, until):
    broker = fake_broker(lambda level: None)
    hall = agent(broker.url, connect_timeout=0.2).start(connect=False)
    hall.wait_for_problem("did not answer within 0.2 s")


@pytest.mark.parametrize(
    "packet",
    [
        b"\x30\x05\x00\x02\xff\xfe\x00",  # a topic that is not UTF-8
        b"\x30\x04\x00\x01a\x7f",  # properties that end too soon
        b"\x30\x01\x00",
        b"\x90\x02\x00\x63",  # SUBACK to nothing
        b"\x90\x00",
        b"\xf0\x00",
        b"\x30\xff\xff\xff\xff\xff",
        b"\x40\x01\x00",
        b"\xe0\x01\x01",
    ],
)
def test_malformed_packet_costs_at_most_the_connection(fake_broker, agent, until, packet):
    broker = fake_broker(lambda level: V5_OK)
    hall = agent(broker.url)
    hall.client.subscribe([Subscription("home/#", Lane.STATE)])
    hall.start()
    broker.send(packet)
    with suppress(OSError):  # the client may have hung up already, which closes the session
        broker._sessions[-1].shutdown(2)
    until(lambda: len(broker.levels) == 2 and hall.client.connected)


def test_wrong_password_is_said_and_tried_again(start_mosquitto, agent, until):
    broker = start_mosquitto(users={"hall": "right"})
    wrong = agent(broker.url, username="hall", password="wrong").start(connect=False)
    until(lambda: wrong.client.problems != ("not connected yet",))
    assert "mqtt.username and mqtt.password" in wrong.client.problems[0]
    until(lambda: broker.log.count("New connection from") >= 4)
    right = agent(broker.url.replace("://", "://hall:right@"), "right").start()
    assert right.client.problems == ()


def test_name_that_does_not_resolve_is_said(agent, until):
    hall = agent("mqtt://broker.invalid").start(connect=False)
    hall.wait_for_problem("cannot be resolved")


def test_takeover_is_complained_of_and_not_answered_in_kind(fake_broker, agent, until):
    broker = fake_broker(lambda level: V5_OK)
    hall = agent(broker.url, backoff_max=30).start()
    broker.send(b"\xe0\x02\x8e\x00")
    until(lambda: not hall.client.connected)
    hall.wait_for_problem("two agents need two ids")
    time.sleep(0.5)
    assert broker.levels == [5]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_two_agents_with_one_id_do_not_throw_each_other_out_for_ever(
    mosquitto, agent, until, protocol
):
    settings = {"backoff_max": 30, "protocol": protocol}
    twins = [agent(mosquitto.url, "same", **settings).start() for _ in range(2)]

    def complaints():
        return [p for one in twins for p in one.client.problems if "the id 'same' too" in p]

    until(complaints)
    until(lambda: sum(one.client.connected for one in twins) == 1)
    before = mosquitto.log.count("already connected")
    time.sleep(0.5)  # many times the ordinary back-off of these tests
    assert mosquitto.log.count("already connected") == before
    assert len(complaints()) == 1


def test_tls_with_our_own_authority(start_mosquitto, make_certificates, agent):
    certificates = make_certificates()
    broker = start_mosquitto(certificates=certificates)
    agent(broker.url, ca_file=str(certificates.ca)).start()


def test_tls_with_a_client_certificate(start_mosquitto, make_certificates, agent, until):
    certificates = make_certificates()
    broker = start_mosquitto(certificates=certificates, client_certificates=True)
    ca = str(certificates.ca)
    known = agent(
        broker.url,
        "known",
        ca_file=ca,
        cert_file=str(certificates.client),
        key_file=str(certificates.client_key),
    ).start()
    assert known.client.problems == ()
    unknown = agent(broker.url, "unknown", ca_file=ca).start(connect=False)
    unknown.wait_for_problem("without an answer")


@pytest.mark.parametrize(
    ("server", "sentence"),
    [
        ({"days": -1.0}, "has expired"),
        ({"host": "other.example"}, "is for another address than '127.0.0.1'"),
    ],
)
def test_bad_certificate_is_a_sentence(start_mosquitto, make_certificates, agent, server, sentence):
    certificates = make_certificates(**server)
    broker = start_mosquitto(certificates=certificates)
    hall = agent(broker.url, ca_file=str(certificates.ca)).start(connect=False)
    hall.wait_for_problem(sentence)


def test_certificate_of_an_unknown_authority_is_a_sentence(
    start_mosquitto, make_certificates, agent
):
    broker = start_mosquitto(certificates=make_certificates())
    hall = agent(broker.url).start(connect=False)
    hall.wait_for_problem("unknown authority: name its certificate in mqtt.ca_file")


def test_certificate_file_that_is_missing_names_its_key(agent):
    with pytest.raises(ConfigError, match=r"mqtt\.ca_file: /nowhere/ca\.pem: No such file"):
        agent("mqtts://127.0.0.1", ca_file="/nowhere/ca.pem")
