from typing import Any

from edge_agent.sim.accept import (
    Append,
    JsonObject,
    NumberLeaf,
    OptionLeaf,
    SetOne,
    TextLeaf,
    Words,
)
from edge_agent.sim.device import HOLD, NEXT, PREVIOUS, Device, Motion

SET = "lamp/set"
STATE = "lamp"


def a_json_lamp() -> Device:
    on = {"state": "ON"}
    return Device(
        "lamp",
        commands={
            SET: JsonObject(
                {
                    "state": SetOne("state", OptionLeaf(("ON", "OFF"))),
                    "brightness": SetOne(
                        "brightness", NumberLeaf(0, 254, whole=True), on, {"state": "OFF"}
                    ),
                    "transition": SetOne(None, NumberLeaf(0, 300, 0.1)),
                }
            )
        },
        reports={STATE: {"state": "state", "brightness": "brightness"}},
        values={"state": "OFF", "brightness": 10},
    )


def a_cover(closed: float = 0.0) -> Device:
    return Device(
        "cover",
        commands={
            "set": Words({"OPEN": {"p": 100}, "CLOSE": {"p": 0}, "STOP": {"p": HOLD}}),
            "pos": SetOne("p", NumberLeaf(0, 100, whole=True)),
        },
        reports={"state": "state", "position": "p"},
        values={"p": 0, "state": "closed" if closed == 0 else "open"},
        motions={"p": Motion(seconds=4, tells="state", closed=closed)},
    )


def payloads(messages: list[Any]) -> dict[str, str]:
    return {message.topic: message.payload for message in messages}


def test_command_is_answered_with_the_new_state():
    answer = a_json_lamp().handle(SET, '{"state": "ON", "brightness": 200}', 0.0)
    assert answer == [(STATE, '{"state":"ON","brightness":200}', True)]


def test_repeated_command_is_answered_again():
    lamp = a_json_lamp()
    assert lamp.handle(SET, '{"state": "OFF"}', 0.0) == lamp.handle(SET, '{"state": "OFF"}', 1.0)


def test_brightness_alone_turns_the_lamp_on_and_zero_turns_it_off():
    lamp = a_json_lamp()
    lamp.handle(SET, '{"brightness": 5}', 0.0)
    assert lamp.values == {"state": "ON", "brightness": 5}
    lamp.handle(SET, '{"brightness": 0}', 0.0)
    assert lamp.values == {"state": "OFF", "brightness": 5}


def test_written_state_beats_the_implied_one_in_any_order():
    for payload in ('{"state":"OFF","brightness":9}', '{"brightness":9,"state":"OFF"}'):
        lamp = a_json_lamp()
        lamp.handle(SET, payload, 0.0)
        assert lamp.values == {"state": "OFF", "brightness": 9}


def test_payload_that_a_real_lamp_would_ignore_changes_nothing():
    for payload in (
        "",
        "ON",
        "{}",
        "[]",
        "{",
        '{"state": "on"}',
        '{"state": true}',
        '{"brightness": 255}',
        '{"brightness": "20"}',
        '{"brightness": 20.5}',
        '{"brightness": true}',
        '{"brightness": NaN}',
        '{"state": "ON", "color_mode": "hs"}',
        '{"state": "ON", "brightness": -1}',
        "[" * 100_000,
    ):
        lamp = a_json_lamp()
        assert lamp.handle(SET, payload, 0.0) == []
        assert lamp.values == {"state": "OFF", "brightness": 10}


def test_other_topic_is_ignored():
    assert a_json_lamp().handle("lamp/other", '{"state":"ON"}', 0.0) == []


def test_number_topic_takes_only_decimals_on_its_grid():
    leaf = NumberLeaf(5, 30, 0.5)
    taken = {text: leaf.from_text(text) for text in ("5", "21.5", "30.0", "5.0")}
    assert taken == {"5": 5, "21.5": 21.5, "30.0": 30.0, "5.0": 5.0}
    for text in (
        "4.5",
        "30.5",
        "21.3",
        "1e1",
        " 20",
        "20 ",
        "+20",
        "nan",
        "inf",
        "",
        "20,5",
        "٢٠",
        "9" * 5000,
    ):
        assert leaf.from_text(text) is None, text


def test_whole_number_topic_refuses_a_decimal_point():
    assert NumberLeaf(0, 100, whole=True).from_text("40.0") is None


def test_cover_tells_where_it_is_until_it_arrives():
    cover = a_cover()
    first = payloads(cover.handle("pos", "50", 10.0))
    assert first == {"state": "opening", "position": "0"}
    seen = []
    while cover.due is not None:
        seen.append((cover.due, payloads(cover.tick(cover.due))))
    assert seen[0] == (10.25, {"position": "6"})
    assert seen[-1] == (12.0, {"state": "open", "position": "50"})
    assert cover.tick(20.0) == []


def test_stopped_cover_stays_half_way():
    cover = a_cover()
    cover.handle("set", "OPEN", 0.0)
    assert payloads(cover.handle("set", "STOP", 1.0)) == {"state": "open", "position": "25"}
    assert cover.due is None


def test_cover_turned_round_starts_from_where_it_was():
    cover = a_cover()
    cover.handle("set", "OPEN", 0.0)
    assert payloads(cover.handle("set", "CLOSE", 2.0)) == {"state": "closing", "position": "50"}
    assert payloads(cover.tick(4.0)) == {"state": "closed", "position": "0"}


def test_cover_that_counts_backwards_closes_at_100():
    cover = a_cover(closed=100.0)
    assert payloads(cover.handle("pos", "100", 0.0))["state"] == "closing"
    assert payloads(cover.tick(4.0)) == {"state": "closed", "position": "100"}


def test_lock_says_what_it_is_doing():
    lock = Device(
        "lock",
        commands={"set": Words({"LOCK": {"lock": "LOCKED"}, "UNLOCK": {"lock": "UNLOCKED"}})},
        reports={"state": "lock"},
        values={"lock": "LOCKED"},
        motions={"lock": Motion(seconds=0.5, via={"UNLOCKED": "UNLOCKING"})},
    )
    assert payloads(lock.handle("set", "UNLOCK", 0.0)) == {"state": "UNLOCKING"}
    assert payloads(lock.tick(0.5)) == {"state": "UNLOCKED"}
    assert payloads(lock.handle("set", "LOCK", 1.0)) == {"state": "LOCKED"}, "no word on the way"


def test_opposite_device_does_the_contrary_and_says_so():
    lamp = a_json_lamp()
    assert payloads(lamp.handle(SET, '{"state":"ON"}', 0.0, opposite=True)) == {
        STATE: '{"state":"OFF","brightness":10}'
    }
    cover = a_cover()
    cover.put({"p": 50}, 0.0)
    cover.tick(9.0)
    cover.handle("set", "OPEN", 10.0, opposite=True)
    cover.tick(20.0)
    assert cover.values == {"p": 0, "state": "closed"}


def test_playlist_goes_round_in_both_directions():
    player = Device(
        "player",
        commands={"set": Words({"NEXT": {"title": NEXT}, "PREVIOUS": {"title": PREVIOUS}})},
        reports={"title": "title"},
        values={"title": "a"},
        cycles={"title": ("a", "b", "c")},
    )
    steps = ("PREVIOUS", "NEXT", "NEXT")
    assert [player.handle("set", step, 0.0)[0].payload for step in steps] == ["c", "a", "b"]


def test_list_grows_by_the_text():
    shopping = Device(
        "list",
        commands={"add": Append("items", "last", TextLeaf(10))},
        reports={"items": {"items": "items"}},
        values={"items": ["milk"], "last": "milk"},
    )
    assert shopping.handle("add", "bread", 0.0)[0].payload == '{"items":["milk","bread"]}'
    assert shopping.handle("add", "x" * 11, 0.0) == []
