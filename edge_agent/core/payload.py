"""Decodes JSON that strangers wrote: bounded before it is parsed, refused with a reason.

The limits are those of a message from the broker. Knows no topics and no devices; a payload that
it refuses raises DeviceError and nothing else, however it is formed.
"""

import json
import math
import re
from typing import Any, Final

from edge_agent.errors import DeviceError

STATE_LIMIT: Final = 64 * 1024
"""Longest state or command payload, in bytes."""
DISCOVERY_LIMIT: Final = 256 * 1024
"""Longest payload that announces one device, in bytes."""
PACKET_LIMIT: Final = 1024 * 1024
"""Longest payload of all, in bytes: a list of devices."""
MAX_DEPTH: Final = 16
MAX_KEYS: Final = 2000
_MAX_DIGITS: Final = 20  # of a 64-bit integer; longer ones overflow a float later on

# Every quantifier here succeeds without giving anything back, so hostile quotes cost linear time.
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_PARENTHESES: Final = bytes.maketrans(b"[]{}", b"()()")
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))


def decode_json(payload: bytes, *, limit: int = STATE_LIMIT, max_keys: int = MAX_KEYS) -> Any:
    """Return the JSON value in a payload: dict, list, str, int, float, bool or None.

    Strict: UTF-8 without lone surrogates, no duplicate keys, finite numbers of at most 64 bits.

    Args:
        payload: The bytes as they came.
        limit: The longest payload accepted, in bytes.
        max_keys: The most object keys accepted, all objects together.

    Raises:
        DeviceError: The payload is refused; the text says why and never quotes it.
    """
    if len(payload) > limit:
        raise DeviceError(f"the payload has {len(payload)} bytes, more than {limit}")
    _check_shape(payload, max_keys)
    try:
        value = _DECODER.decode(payload.decode("utf-8"))
        if _SURROGATE.search(payload):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeError as error:
        raise DeviceError("the payload is not valid UTF-8") from error
    except json.JSONDecodeError as error:
        raise DeviceError(f"the payload is not JSON: {error.msg} at {error.pos}") from error
    except (ValueError, RecursionError) as error:
        raise DeviceError(f"the payload is not JSON: {error}") from error
    return value


def _check_shape(payload: bytes, max_keys: int) -> None:
    """Refuse too deep or too many before the parser allocates anything for it."""
    openings = payload.count(b"[") + payload.count(b"{")
    if openings <= MAX_DEPTH and payload.count(b":") <= max_keys:
        return
    bare = _STRING.sub(b"", payload)
    if bare.count(b":") > max_keys:
        raise DeviceError(f"the payload has more than {max_keys} keys")
    brackets = bare.translate(_PARENTHESES, _NOT_BRACKETS)
    for _ in range(MAX_DEPTH):  # each pass removes the innermost level
        brackets = brackets.replace(b"()", b"")
    if brackets:
        raise DeviceError(f"the payload is nested deeper than {MAX_DEPTH} levels or unbalanced")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise DeviceError("the payload has an object with a key twice")
    return value


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) > _MAX_DIGITS:
        raise DeviceError(f"the payload has an integer of more than {_MAX_DIGITS} digits")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise DeviceError("the payload has a number that is not finite")
    return value


def _constant(name: str) -> float:
    raise DeviceError(f"the payload has {name}, which is not JSON")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_float,
    parse_constant=_constant,
)
