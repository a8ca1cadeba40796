import contextlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.entity import Origin
from edge_agent.service.request import (
    PLAIN_TEXT,
    RecentRequests,
    Request,
    RequestError,
    Seen,
    parse_request,
)


def parse(body, **more):
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse_request(payload, 100.0, **more)


def test_plain_text_gets_an_id_of_its_own():
    first, second = parse(b" turn on the lamp\n"), parse(b"turn on the lamp")
    assert first.text == second.text == "turn on the lamp"
    assert first.id != second.id
    assert first.conversation_id == PLAIN_TEXT  # so that a plain "yes" answers
    assert first.origin is Origin.COMMAND
    assert first.deadline is None
    assert not first.dry_run


def test_every_key_of_the_contract_is_taken():
    request = parse(
        {
            "id": "a",
            "text": "on",
            "area": "Kitchen",
            "conversation_id": "c",
            "language": "en-GB",
            "dry_run": True,
            "pin": "0123",
            "expires_in": 2.5,
            "colour": "unknown keys are ignored",
        },
        reply_topic="replies/1",
        correlation=b"\0\xff",
    )
    assert (request.id, request.text, request.area, request.conversation_id) == (
        "a", "on", "Kitchen", "c",
    )  # fmt: skip
    assert (request.dry_run, request.pin, request.deadline) == (True, "0123", 102.5)
    assert (request.reply_topic, request.correlation) == ("replies/1", b"\0\xff")


@pytest.mark.parametrize(
    ("body", "expiry", "deadline"),
    [
        ({}, 5, 105.0),
        ({"expires_in": 2}, 5, 102.0),
        ({"expires_in": 9}, 5, 105.0),
        ({}, None, None),
    ],
)
def test_earlier_of_two_expiries_counts(body, expiry, deadline):
    assert parse({"text": "on", **body}, expiry=expiry).deadline == deadline


@pytest.mark.parametrize("body", [{"id": 7}, {"pin": 12, "id": 7}, {"conversation_id": 3, "id": 7}])
def test_numbers_are_taken_for_words(body):
    request = parse({"text": "on", **body})
    assert request.id == "7"
    assert request.pin in {None, "12"}


@pytest.mark.parametrize("empty", [None, ""])
def test_empty_ids_are_no_ids(empty):
    request = parse({"text": "on", "id": empty, "conversation_id": empty, "language": empty})
    assert len(request.id) == 32
    assert request.conversation_id == request.id


@pytest.mark.parametrize(
    ("body", "said", "named"),
    [
        (b"", "text: is empty", False),
        (b"  \n", "text: is empty", False),
        (b"\xff\xfe", "not UTF-8", False),
        (b"x" * 65537, "more than 65536 bytes", False),
        (b"{", "not usable JSON", False),
        (b'{"text": "on", "text": "off"}', "key twice", False),
        (b'{"text": NaN}', "not usable JSON", False),
        (b"{}", "required field `text`", False),
        ({"text": " ", "id": "a"}, "text: is empty", True),
        ({"text": 5, "id": "a"}, "`text`", True),
        ({"text": None, "id": "a"}, "Expected `str`", True),
        ({"text": "on", "dry_run": "yes", "id": "a"}, "`dry_run`", True),
        ({"text": "on", "expires_in": "soon", "id": "a"}, "`expires_in`", True),
        ({"text": "on", "area": ["x"], "id": "a"}, "`area`", True),
        ({"text": "on", "pin": {}, "id": "a"}, "`pin`", True),
        (
            {"text": "on", "language": "de", "id": "a"},
            "language: 'de' is not known; legal: en",
            True,
        ),
        ({"text": "on", "id": "x" * 129}, "id: must be 1 to 128 printable", False),
        ({"text": "on", "id": "a\nb"}, "id: must be 1 to 128 printable", False),
        ({"text": "on", "id": [1]}, "`id`", False),
        ({"text": "on", "id": True}, "`id`", False),
    ],
)
def test_what_is_no_request_is_named(body, said, named):
    with pytest.raises(RequestError, match=re.escape(said)) as caught:
        parse(body)
    assert (caught.value.request_id == "a") is named
    assert caught.value.request_id.isprintable()


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_refused(payload):
    with contextlib.suppress(RequestError):
        request = parse(payload)
        assert request.text.strip()
        assert request.id


KEYS = ["id", "text", "area", "conversation_id", "language", "dry_run", "pin", "expires_in"]


@given(
    st.dictionaries(
        st.sampled_from(KEYS),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
        | st.lists(st.integers(), max_size=2),
    )
)  # fmt: skip
def test_any_object_is_a_request_or_refused(body):
    with contextlib.suppress(RequestError):
        assert isinstance(parse(body), Request)


def request(name, text="on", at=0.0, **more):
    return Request(name, text, Origin.COMMAND, "c", at, **more)


def test_same_request_again_is_repeated_and_another_one_clashes():
    recent = RecentRequests()
    assert recent.meet(request("a")) is Seen.NEW
    assert recent.meet(request("a")) is Seen.REPEATED
    for other in (request("a", "off"), request("a", area="hall"), request("a", dry_run=True)):
        assert recent.meet(other) is Seen.CLASHING
    assert recent.meet(request("b")) is Seen.NEW


def test_id_is_remembered_for_ten_minutes():
    recent = RecentRequests()
    recent.meet(request("a", at=0.0))
    assert recent.meet(request("a", at=600.0)) is Seen.REPEATED
    assert recent.meet(request("a", at=600.1)) is Seen.NEW


def test_memory_is_bounded_and_forgets_the_oldest_first():
    recent = RecentRequests(most=3)
    for name in "abc":
        recent.meet(request(name))
    assert recent.meet(request("a")) is Seen.REPEATED  # full, but asked about
    assert recent.meet(request("d")) is Seen.NEW
    assert recent.meet(request("b")) is Seen.REPEATED
    assert recent.meet(request("a")) is Seen.NEW
