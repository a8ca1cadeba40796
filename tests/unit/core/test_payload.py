import contextlib
import json
import statistics
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.payload import DISCOVERY_LIMIT, MAX_DEPTH, MAX_KEYS, STATE_LIMIT, decode_json
from edge_agent.errors import DeviceError

SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=15,
)


@given(VALUES)
def test_every_modest_json_value_decodes_to_itself(value):
    encoded = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    assert decode_json(encoded) == value


def test_real_state_payload():
    payload = b'{"state":"ON","brightness":254,"color":{"x":0.45,"y":0.41},"a":[null,true]}'
    assert decode_json(payload) == {
        "state": "ON",
        "brightness": 254,
        "color": {"x": 0.45, "y": 0.41},
        "a": [None, True],
    }


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"[" + b"0," * STATE_LIMIT + b"0]", "more than 65536"),
        (b"[" * 17 + b"]" * 17, "deeper than 16"),
        (b"[" * 60_000, "deeper than 16"),
        (b'{"a":' * 9000 + b"1" + b"}" * 9000, "2000 keys"),
        (b"{" + b",".join(b'"%d":0' % n for n in range(MAX_KEYS + 1)) + b"}", "2000 keys"),
        (b'{"a":1,"a":2}', "key twice"),
        (b'{"b":{"a":1,"a":1}}', "key twice"),
        (b"NaN", "NaN"),
        (b"[-Infinity]", "-Infinity"),
        (b"1e999", "not finite"),
        (b"9" * 5000, "20 digits"),
        (b"\xff\xfe", "UTF-8"),
        (b'"\\ud800"', "UTF-8"),
        (b"\xef\xbb\xbf1", "not JSON"),
        (b"", "not JSON"),
        (b"ON", "not JSON"),
        (b'{"a":1} x', "not JSON"),
        (b'"' + b'\\"' * 30_000, "not JSON"),
        (b"[}" * 20, "not JSON"),
        (b'{"a":[' * 20, "deeper than 16 levels or unbalanced"),
        (b'"\x00"', "not JSON"),
    ],
)
def test_refused_with_the_reason(payload, reason):
    with pytest.raises(DeviceError, match=reason):
        decode_json(payload)


def test_deepest_and_longest_accepted():
    assert decode_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    wide = b"[" + b",".join([b"[[]]"] * 1000) + b"]"
    assert len(decode_json(wide)) == 1000
    assert len(decode_json(b'"' + b"x" * (STATE_LIMIT - 2) + b'"')) == STATE_LIMIT - 2
    many = b"{" + b",".join(b'"%d":0' % n for n in range(MAX_KEYS)) + b"}"
    assert len(decode_json(many)) == MAX_KEYS


def test_brackets_and_colons_inside_strings_do_not_count():
    text = '[{:"\\' * 3000
    assert decode_json(json.dumps({"a": text}).encode()) == {"a": text}


def test_limits_of_the_caller():
    long = b'"' + b"x" * STATE_LIMIT + b'"'
    with pytest.raises(DeviceError):
        decode_json(long)
    assert decode_json(long, limit=DISCOVERY_LIMIT)
    with pytest.raises(DeviceError, match="more than 2 keys"):
        decode_json(b'{"a":1,"b":2,"c":3}', max_keys=2)


def test_surrogate_pair_is_text():
    assert decode_json(b'"\\ud83d\\ude00"') == "\U0001f600"


@given(st.binary(max_size=200))
def test_any_bytes_decode_or_are_refused(payload):
    with contextlib.suppress(DeviceError):
        decode_json(payload)


@given(
    st.sampled_from([b'{"state":"ON","brightness":254,"color":{"x":0.4}}', b'[{"a":[1,2.5,"b"]}]']),
    st.lists(st.tuples(st.integers(0, 60), st.binary(min_size=1, max_size=3)), max_size=4),
)
def test_mutated_payloads_decode_or_are_refused(payload, edits):
    for at, piece in edits:
        payload = payload[:at] + piece + payload[at + 1 :]
    with contextlib.suppress(DeviceError):
        decode_json(payload)


@pytest.mark.parametrize(
    "payload",
    [
        b'"' + b'\\"' * 100_000,
        b'"' * 200_000,
        b"[" * 200_000,
        b'{"a":' * 50_000,
        b"[{" * 100_000,
        b"\\" * 200_000,
    ],
)
def test_hostile_payload_costs_milliseconds_not_seconds(payload):
    took = []
    for _ in range(3):
        start = time.process_time()
        with pytest.raises(DeviceError):
            decode_json(payload, limit=DISCOVERY_LIMIT)
        took.append(time.process_time() - start)
    assert statistics.median(took) < 0.5  # a quadratic scan takes minutes
