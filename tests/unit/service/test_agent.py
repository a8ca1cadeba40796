"""From the inbox to the response: every command gets one, and only what may act acts."""

import asyncio
import json
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.core.entity import Origin, Risk
from edge_agent.core.policy import Policy, Verdict
from edge_agent.errors import ModelError
from edge_agent.mqtt.inbox import InboxLimits
from edge_agent.mqtt.message import Lane, Message
from edge_agent.service.agent import urgent
from edge_agent.service.request import Request
from edge_agent.service.response import Status
from edge_agent.service.topics import AgentTopics

ANSWERS = {
    "sofa lamp on": "turn on sofa lamp",
    "sofa lamp off": "turn off sofa lamp",
    "unlock the front door": "unlock front door",
    "is the front door locked": "is front door locked",
}
SOFA_ON = ("set/light.sofa/power", "on")


@pytest.fixture
def rig(make_rig):
    return make_rig(ANSWERS)


def test_response_has_every_key_of_the_contract(rig):
    response = rig.tell({"id": "a", "text": "sofa lamp on", "conversation_id": "c"})
    assert set(response) == {
        "id", "conversation_id", "status", "text", "calls", "confidence", "timing_ms", "model",
    }  # fmt: skip
    assert (response["id"], response["conversation_id"]) == ("a", "c")
    assert (response["status"], response["text"]) == ("ok", "The sofa lamp is on.")
    assert response["calls"] == [
        {
            "device": "light.sofa",
            "name": "sofa lamp",
            "action": "turn_on",
            "params": {},
            "outcome": "confirmed",
        }
    ]
    assert set(response["timing_ms"]) == {"queue", "understand", "act", "total"}
    assert response["model"] == "fake"
    assert 0.9 < response["confidence"] <= 1


def test_plain_text_is_a_command(rig):
    assert rig.tell("sofa lamp on")["status"] == "ok"
    assert rig.link.to_devices == [SOFA_ON]


def test_events_tell_the_story(rig):
    rig.tell("sofa lamp on")
    assert rig.link.events == ["heard", "decided", "confirmed", "answered"]


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"{", "usable JSON"),
        (b"\xff", "UTF-8"),
        (b'{"id": "a"}', "text"),
        (b'{"text": "on", "dry_run": 1}', "dry_run"),
        (b"", "empty"),
        (b'{"text": "on", "language": "fr"}', "legal: en"),
    ],
)
def test_unreadable_command_is_answered_with_what_is_wrong(rig, payload, said):
    response = rig.tell(payload)
    assert response["status"] == "error"
    assert said in response["text"]
    assert response["id"]
    assert rig.link.to_devices == []


@pytest.mark.parametrize("text", ["sofa lamp on", "unlock the front door"])
def test_retained_command_never_acts(rig, text):
    async def play():
        rig.say(text, retain=True)
        return await rig.ask("is the front door locked")

    assert rig.run(play)["status"] == "ok"
    assert rig.link.to_devices == []


def test_expired_command_never_acts(rig):
    async def play():
        late = rig.clock.now - 10
        short = await rig.ask({"text": "sofa lamp on", "expires_in": 5}, received=late)
        ours = await rig.ask("sofa lamp on", received=late, expiry=3)
        waited = await rig.ask("sofa lamp on", received=rig.clock.now - 31)
        gone = await rig.ask({"text": "sofa lamp on", "expires_in": -1})
        return short, ours, waited, gone

    for response in rig.run(play):
        assert (response["status"], response["reason"]) == ("rejected", "expired")
    assert rig.link.to_devices == []
    assert "sofa lamp on" not in rig.model.read


def test_repeated_id_acts_once(rig):
    body = {"id": "a", "text": "sofa lamp on"}
    first, second, other = rig.tell(body, body, {"id": "a", "text": "unlock the front door"})
    assert first["status"] == "ok"
    assert (second["status"], second["reason"]) == ("rejected", "repeated id")
    assert (other["status"], other["reason"]) == ("rejected", "id clash")
    assert rig.link.to_devices == [SOFA_ON]


def test_redelivery_by_the_broker_gets_no_second_answer(rig):
    body = {"id": "a", "text": "sofa lamp on"}

    async def play():
        await rig.ask(body)
        rig.say(body, duplicate=True)
        return await rig.ask("is the front door locked")

    rig.run(play)
    assert rig.link.to_devices == [SOFA_ON]


def test_redelivery_that_was_never_seen_is_answered(rig):
    async def play():
        return await rig.ask({"id": "a", "text": "sofa lamp on"}, duplicate=True)

    assert rig.run(play)["status"] == "ok"


@pytest.mark.parametrize(
    ("wanted", "allowed"),
    [
        ("replies/me", True),
        ("edge-agent/me/answers", True),
        ("zigbee2mqtt/lock/set", False),
        ("set/lock.front/lock", False),
        ("repliesx/me", False),
        ("replies/+", False),
        ("replies/#", False),
        ("replies/\0", False),
        ("$SYS/replies", False),
        ("", False),
        ("edge-agent/hall/command", False),
        ("edge-agent/hall/control", False),
        ("edge-agent/hall/status", False),
        ("edge-agent/hall/health", False),
        ("edge-agent/hall/event", False),
        ("edge-agent/other/command", False),
        ("edge-agent/other/control", False),
        ("replies/" + "x" * 600, False),
    ],
)
@pytest.mark.parametrize("payload", ["sofa lamp on", "{"])
def test_answer_goes_where_it_is_wanted_only_inside_the_prefixes(rig, wanted, allowed, payload):
    async def play():
        rig.say(payload, response_topic=wanted, correlation=b"\0\xff")
        return await rig.answer()

    sent = rig.run(play)
    assert sent.topic == (wanted if allowed else "edge-agent/hall/response")
    assert sent.correlation == (b"\0\xff" if allowed else None)


def test_question_publishes_to_no_device(rig):
    rig.observe("lock.front", "lock", "locked")
    assert rig.tell("is the front door locked")["text"] == "Yes, the front door lock is locked."
    assert rig.link.to_devices == []


def test_busy_is_said_and_the_waiting_ones_are_served(make_rig):
    rig = make_rig(ANSWERS, limits=InboxLimits(requests=2))

    async def play():
        for number in range(4):
            rig.say({"id": f"{number}", "text": "sofa lamp on"})
        return [(await rig.answer()).body for _ in range(4)]

    by_id = {response["id"]: response for response in rig.run(play)}
    assert [by_id[f"{n}"]["status"] for n in range(4)] == ["ok", "ok", "error", "error"]
    assert by_id["3"]["reason"] == "busy"
    assert "busy" in by_id["3"]["text"]
    assert len(rig.link.to_devices) == 2


def test_too_large_is_said(rig):
    response = rig.tell(b'{"text": "' + b"x" * 70_000 + b'"}')
    assert (response["status"], response["reason"]) == ("error", "too large")


def test_sentence_that_is_too_long_is_unsupported(rig):
    response = rig.tell("x" * 400)
    assert (response["status"], response["reason"]) == ("unsupported", "the sentence is too long")


def test_without_a_model_it_says_so(make_rig):
    def fail():
        raise ModelError("the file is missing")

    rig = make_rig(load=fail)
    response = rig.tell("sofa lamp on")
    assert response["status"] == "error"
    assert "the file is missing" in response["text"]
    assert response["model"] == ""


def test_model_that_fails_costs_one_request_and_not_the_daemon(rig):
    def fail(sentence):
        if sentence == "crash":
            raise RuntimeError("a bug")

    rig.model.before = fail
    first, second = rig.tell("crash", "sofa lamp on")
    assert first["status"] == "error"
    assert "nothing more was done" in first["text"]
    assert second["status"] == "ok"


def test_stop_cancels_what_waits_and_what_runs(rig):
    rig.link.react = rig.ignore
    rig.executor._confirm_timeout = 30.0

    async def play():
        rig.say({"id": "a", "text": "sofa lamp on"})
        while not rig.link.to_devices:
            await asyncio.sleep(0)
        rig.say({"id": "b", "text": "unlock the front door"})
        rig.clock.now += 1
        rig.say({"id": "s", "text": "Stop!"})
        await asyncio.sleep(0.02)
        rig.report("state/switch.heater/power", "off")  # any news wakes the one who waits
        return {(found := (await rig.answer()).body)["id"]: found for _ in range(3)}

    by_id = rig.run(play)
    assert by_id["s"]["status"] == "ok"
    assert by_id["a"]["status"] in {"error", "rejected"}
    assert by_id["b"]["status"] == "rejected"
    assert ("set/lock.front/lock", "unlocked") not in rig.link.to_devices


def test_stop_forgets_what_was_asked_back(make_rig):
    policy = Policy({origin: dict.fromkeys(Risk, Verdict.CONFIRM) for origin in Origin})
    rig = make_rig(ANSWERS, policy=policy)
    talk = [{"text": text, "conversation_id": "c"} for text in ("sofa lamp on", "stop", "yes")]
    asked, stopped, yes = rig.tell(*talk)
    assert [asked["status"], stopped["status"], yes["status"]] == ["clarify", "ok", "unsupported"]
    assert rig.link.to_devices == []


def test_conversation_goes_on_by_its_id(make_rig):
    policy = Policy({origin: dict.fromkeys(Risk, Verdict.CONFIRM) for origin in Origin})
    rig = make_rig(ANSWERS, policy=policy)
    asked, stranger, yes = rig.tell(
        {"text": "sofa lamp on", "conversation_id": "c"},
        {"text": "yes", "conversation_id": "d"},
        {"text": "yes", "conversation_id": "c"},
    )
    assert [asked["status"], stranger["status"], yes["status"]] == ["clarify", "unsupported", "ok"]
    assert rig.link.to_devices == [SOFA_ON]


def test_pin_is_in_no_response_and_no_event(make_rig):
    rig = make_rig(ANSWERS, policy=Policy(
        {origin: dict.fromkeys(Risk, Verdict.CONFIRM) for origin in Origin}, pin="2468"
    ))  # fmt: skip
    response = rig.tell({"text": "unlock the front door", "pin": "2468"})
    assert response["status"] == "ok"
    everything = json.dumps(response).encode() + b"".join(sent.payload for sent in rig.link.sent)
    assert b"2468" not in everything


@pytest.mark.parametrize(
    ("document", "status", "said"),
    [
        ({"op": "devices"}, "ok", "I know 16 devices."),
        ({"op": "reload"}, "ok", "read again"),
        ({"op": "cancel"}, "ok", "cancelled"),
        ({"op": "approve"}, "error", "Nothing waits"),
        (
            {"op": "reboot"},
            "error",
            "legal: reload, devices, timers, cancel, approve, listen, voice",
        ),
        ({"op": "listen"}, "error", "no voice here: voice.enabled is false"),
        ({"op": "voice", "mode": "loud"}, "error", "no voice here: voice.enabled is false"),
        ({}, "error", "is not known"),
        (b"{", "error", "not JSON"),
        (b"[1]", "error", "is not known"),
        (b"\xff", "error", "UTF-8"),
        ({"op": ["x"]}, "error", "is not known"),
        ({"op": None, "text": "unlock the front door"}, "error", "is not known"),
    ],
)
def test_control_is_answered_like_a_command(rig, document, status, said):
    async def play():
        return await rig.ask(document, name="control")

    response = rig.run(play)
    assert response["status"] == status
    assert said in response["text"]
    assert rig.link.to_devices == []


def test_devices_are_listed_with_state_and_what_can_be_set(rig):
    rig.observe("light.sofa", "power", "on")

    async def play():
        return await rig.ask({"op": "devices", "id": "x"}, name="control")

    listed = {device["id"]: device for device in rig.run(play)["devices"]}
    sofa = listed["light.sofa"]
    assert sofa["state"] == {"power": "on", "brightness": None}
    assert sofa["settable"] == {"power": "on, off", "brightness": "0 to 100 percent"}
    assert (sofa["area"], sofa["kind"], sofa["available"]) == ("Hall", "light", True)
    assert listed["sensor.outdoor"]["settable"] == {}


def test_operator_approves_what_waits(make_rig):
    policy = Policy({origin: dict.fromkeys(Risk, Verdict.CONFIRM) for origin in Origin})
    rig = make_rig(ANSWERS, policy=policy)

    async def play():
        await rig.ask({"text": "unlock the front door", "conversation_id": "c"})
        return await rig.ask({"op": "approve", "conversation_id": "c"}, name="control")

    assert rig.run(play)["status"] == "ok"
    assert rig.link.to_devices == [("set/lock.front/lock", "unlocked")]


def test_reload_happens_once_for_a_repeated_id(rig):
    async def play():
        first = await rig.ask({"op": "reload", "id": "r"}, name="control")
        return first, await rig.ask({"op": "reload", "id": "r"}, name="control")

    first, second = rig.run(play)
    assert (first["status"], second["status"]) == ("ok", "rejected")
    assert rig.reloads == 1


@pytest.mark.parametrize(
    ("payload", "overtakes"),
    [
        (b"stop", True),
        (b"Never mind.", True),
        (b'{"text": "cancel"}', True),
        (b'{"op": "cancel"}', True),
        (b'{"op": "cancel", "timer": "1.1"}', False),
        (b"stop the music", False),
        (b'{"op": "reload"}', False),
        (b'{"text": 5}', False),
        (b"{", False),
        (b"[]", False),
        (b"\xff", False),
        (b"", False),
        (b"stop" + b" " * 2000, False),
    ],
)
def test_only_calling_off_overtakes(payload, overtakes):
    message = Message("t", payload, False, 1, Lane.REQUEST, 0.0)
    assert urgent(message) is overtakes


@pytest.mark.parametrize(
    ("payload", "overtakes"),
    [
        (b'{"op": "listen"}', True),
        (b'{"op": "listen", "button": "down"}', True),
        (b'{"op": "voice", "muted": true}', True),
        (b'{"op": "voice", "mode": "wake-word"}', False),
        (b'{"op": "voice", "mode": "wake-word", "muted": true}', False),
        (b'{"op": ["listen"]}', False),
        (b'{"op": "devices"}', False),
        (b'"listen"', False),
        (b"listen", False),
        (b'{"op": "listen"}' + b" " * 2000, False),
    ],
)
def test_a_hand_on_button_or_switch_overtakes_as_control_alone(payload, overtakes):
    for name, then in (("control", overtakes), ("command", False)):
        assert (
            urgent(Message(AgentTopics("hall")[name], payload, False, 1, Lane.REQUEST, 0.0)) is then
        )


@given(st.binary(max_size=100))
def test_any_payload_is_urgent_or_not(payload):
    assert urgent(Message("t", payload, False, 1, Lane.REQUEST, 0.0)) in {True, False}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    payload=st.one_of(
        st.binary(max_size=80),
        st.text(max_size=60).map(str.encode),
        st.fixed_dictionaries(
            {"text": st.text(max_size=30)}, optional={"area": st.text(max_size=9)}
        )
        .map(json.dumps)
        .map(str.encode),
    ),
    name=st.sampled_from(["command", "control"]),
)
def test_any_message_gets_exactly_one_response_and_moves_nothing(rig, payload, name):
    async def play():
        return await rig.ask(payload, name=name)

    assert rig.run(play)["status"] in {"ok", "error", "unsupported", "rejected"}
    assert rig.link.to_devices == []


def test_topics_of_other_nodes_are_reserved_too():
    topics = AgentTopics("hall")
    assert topics.reserved("edge-agent/other/command")
    assert not topics.reserved("edge-agent/hall/response")
    assert not topics.reserved("edge-agent/command")
    assert not topics.reserved("edge-agent/a/b/command")


def heard(rig, text, **more):
    return Request(text, text, Origin.VOICE, "speaker", rig.clock.now, **more)


def test_what_is_heard_is_done_and_answered_like_a_message(rig):
    async def play():
        reply = await rig.agent.hear(heard(rig, "sofa lamp on", area="living room"))
        return reply, (await rig.answer()).body

    reply, published = rig.run(play)
    assert (reply.status, reply.text) == (Status.OK, "The sofa lamp is on.")
    assert (published["id"], published["text"]) == ("sofa lamp on", reply.text)
    assert rig.link.to_devices == [SOFA_ON]


def test_who_is_heard_is_asked_before_a_lock_is_opened(rig):
    async def play():
        asked = await rig.agent.hear(heard(rig, "unlock the front door"))
        await rig.answer()
        done = await rig.agent.hear(heard(rig, "yes"))
        await rig.answer()
        return asked, done

    asked, done = rig.run(play)
    assert (asked.status, done.status) == (Status.CLARIFY, Status.OK)
    assert rig.link.to_devices == [("set/lock.front/lock", "unlocked")]


def test_stop_is_heard_while_something_else_is_read(rig):
    reading, stopped = threading.Event(), threading.Event()

    def wait(_sentence):
        reading.set()
        assert stopped.wait(5)
        raise ModelError("cancelled")

    async def play():
        rig.model.before = wait
        first = asyncio.create_task(rig.agent.hear(heard(rig, "sofa lamp on")))
        await asyncio.to_thread(reading.wait, 5)
        rig.clock.now += 1
        stop = await rig.agent.hear(heard(rig, "stop"))
        stopped.set()
        answers = [stop, await first]
        for _ in answers:
            await rig.answer()
        return answers

    stop, first = rig.run(play)
    assert stop.text == "Okay, cancelled."
    assert (first.status, first.text) == (Status.REJECTED, "Cancelled.")
    assert rig.link.to_devices == []
