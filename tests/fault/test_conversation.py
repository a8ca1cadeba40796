"""Confirmation and PIN: what policy asks for, over several messages."""

import pytest
from support import pick

CONFIRM = "policy.command.security=confirm"
ASK = "unlock front door lock"


@pytest.fixture
def start(rig, tmp_path):
    """Return a function that starts a home whose lock is locked."""

    def home(*, pin: str | None = None):
        settings = [CONFIRM]
        if pin is not None:
            (tmp_path / "pin").write_text(f"{pin}\n")
            settings.append(f"policy.pin_file={tmp_path / 'pin'}")
        devices = pick("front_door_lock", "zigbee_bridge", "kitchen_light")
        return rig(*devices, settings=tuple(settings))

    return home


def test_a_risky_command_is_asked_back_and_done_after_yes(start):
    home = start()
    asked = home.ask(ASK, conversation_id="c")
    assert (asked["status"], asked["calls"]) == ("clarify", [])
    assert asked["text"] == "Shall I unlock the Front Door Lock?"
    assert home.sent() == []
    done = home.ask("yes", conversation_id="c")
    assert done["status"] == "ok"
    assert [call["action"] for call in done["calls"]] == ["unlock"]


def test_no_leaves_it(start):
    home = start()
    home.ask(ASK, conversation_id="c")
    assert home.ask("no", conversation_id="c")["calls"] == []
    home.ask("yes", conversation_id="c")
    assert home.sent() == []


def test_a_yes_counts_once_and_only_in_its_conversation(start):
    home = start()
    home.ask(ASK, conversation_id="c")
    home.ask("yes", conversation_id="another")
    home.ask("yes")
    assert home.sent() == []
    home.ask("yes", conversation_id="c")
    home.ask("yes", conversation_id="c")
    assert len(home.sent()) == 1


def test_another_sentence_in_between_closes_the_question(start):
    home = start()
    home.ask(ASK, conversation_id="c")
    home.ask("is kitchen light on", conversation_id="c")
    home.ask("yes", conversation_id="c")
    assert home.sent() == []


def test_stop_closes_every_question(start):
    home = start()
    home.ask(ASK, conversation_id="c")
    home.ask("stop")
    home.ask("yes", conversation_id="c")
    assert home.sent() == []


def test_locking_never_asks(start):
    assert start(pin="4711").ask("lock front door lock")["status"] == "ok"


@pytest.mark.parametrize("how", ["key", "sentence"])
def test_the_right_pin_opens(start, how):
    home = start(pin="4711")
    asked = home.ask(ASK, conversation_id="c")
    assert asked["status"] == "clarify"
    assert "PIN" in asked["text"]
    answer = {"key": ("yes", {"pin": "4711"}), "sentence": ("4711", {})}[how]
    assert home.ask(answer[0], conversation_id="c", **answer[1])["status"] == "ok"


def test_the_right_pin_in_the_command_itself_opens(start):
    assert start(pin="4711").ask(ASK, pin="4711")["status"] == "ok"


@pytest.mark.parametrize("pin", ["0000", "", "47110", "4711 ", 4712])
def test_a_wrong_pin_is_rejected(start, pin):
    home = start(pin="4711")
    answer = home.ask(ASK, pin=pin)
    assert answer["status"] == "rejected"
    assert "4711" not in str(answer)
    assert home.sent() == []


def test_yes_is_no_pin(start):
    home = start(pin="4711")
    home.ask(ASK, conversation_id="c")
    assert home.ask("yes", conversation_id="c")["status"] == "clarify"
    assert home.sent() == []


def test_after_five_wrong_pins_the_right_one_is_refused(start):
    home = start(pin="4711")
    for guess in range(5):
        home.ask(ASK, pin=str(guess))
    answer = home.ask(ASK, pin="4711")
    assert answer["status"] == "rejected"
    assert home.sent() == []


def test_the_pin_appears_in_no_message_of_the_agent(start):
    home = start(pin="4711")
    home.ask(ASK, pin="4711")
    home.ask(ASK, pin="0815")
    home.control("devices")
    said = b"".join(
        message.payload
        for message in home.tap.heard
        if message.topic.startswith("edge-agent/") and not message.topic.endswith("/command")
    )
    assert b"4711" not in said
    assert b"0815" not in said


def test_an_operator_approves_what_waits(start):
    home = start()
    home.ask(ASK, conversation_id="c")
    done = home.control("approve", conversation_id="c")
    assert done["status"] == "ok"
    assert [call["outcome"] for call in done["calls"]] == ["confirmed"]
    assert home.control("approve", conversation_id="c")["status"] == "error"


def test_an_approval_needs_the_pin_where_one_is_set(start):
    home = start(pin="4711")
    home.ask(ASK, conversation_id="c")
    assert home.control("approve", conversation_id="c")["status"] == "clarify"
    assert home.sent() == []
    assert home.control("approve", conversation_id="c", pin="4711")["status"] == "ok"
