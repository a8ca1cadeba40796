"""The filters and functions that templates may use, each bounded in time and size.

They follow Home Assistant's documentation of its template filters. There is no filter with a
regular expression, because a hostile one runs for ever.
"""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from jinja2 import Undefined
from jinja2.exceptions import SecurityError

from edge_agent.core.payload import decode_json
from edge_agent.errors import DeviceError

_MAX_TEXT: Final = 4096
_MAX_ITEMS: Final = 512
_MAX_NUMBER: Final = 1e18
_MISSING: Final = object()


def check_size(value: Any) -> Any:
    """The value itself, if it is small; the bound covers everything inside it."""
    _walk(value, _MAX_ITEMS)
    return value


def _walk(value: Any, left: int) -> int:
    if left <= 0:
        raise SecurityError("a value has too many parts")
    left -= 1
    match value:
        case None | bool() | Undefined():
            pass
        case str():
            if len(value) > _MAX_TEXT:
                raise SecurityError(f"a text is longer than {_MAX_TEXT} characters")
        case int() | float():
            if not abs(value) <= _MAX_NUMBER:
                raise SecurityError("a number is too large")
        case dict():
            for key, item in value.items():
                left = _walk(item, _walk(key, left))
        case list() | tuple() | range():
            for item in value:
                left = _walk(item, left)
        case _ if type(value).__name__ in {"dict_items", "dict_keys", "dict_values"}:
            left = _walk(list(value), left)
        case _:
            raise SecurityError("a value is of a kind that is not offered")
    return left


def replaced(text: Any, old: Any, new: Any) -> str:
    """The text with every `old` made `new`."""
    source, wanted, other = str(check_size(text)), str(check_size(old)), str(check_size(new))
    if (len(source) + 1) * (len(other) + 1) > 64 * _MAX_TEXT:
        raise SecurityError("a replacement could be too long")
    return str(check_size(source.replace(wanted, other)))


def joined(items: Any, separator: Any = "") -> str:
    """The items as one text."""
    parts = [str(item) for item in check_size(list(check_size(items)))]
    glue = str(check_size(separator))
    if sum(map(len, parts)) + len(glue) * len(parts) > _MAX_TEXT:
        raise SecurityError(f"a text is longer than {_MAX_TEXT} characters")
    return glue.join(parts)


def _default(value: Any, other: Any = "", boolean: bool = False) -> Any:
    return other if isinstance(value, Undefined) or (boolean and not value) else value


def _number(value: Any, convert: Callable[[Any], Any], other: Any) -> Any:
    try:
        return check_size(convert("undefined" if isinstance(value, Undefined) else value))
    except (ValueError, TypeError, OverflowError):
        if other is _MISSING:
            raise
        return other


def _float(value: Any, default: Any = _MISSING) -> Any:
    return _number(value, float, default)


def _int(value: Any, default: Any = _MISSING, base: int = 10) -> Any:
    if isinstance(value, str) and base != 10:
        return _number(value, lambda text: int(text, base), default)
    return _number(value, lambda number: int(float(number)), default)


def _round(value: Any, precision: int = 0, method: str = "common", default: Any = _MISSING) -> Any:
    def rounded(number: Any) -> Any:
        scale = 10.0 ** max(-15, min(15, precision))
        match method:
            case "ceil":
                result = math.ceil(float(number) * scale) / scale
            case "floor":
                result = math.floor(float(number) * scale) / scale
            case _:
                result = round(float(number), max(-15, min(15, precision)))
        return int(result) if precision == 0 else result

    return _number(value, rounded, default)


def _bool(value: Any, default: Any = _MISSING) -> Any:
    match str(value).strip().lower():
        case "true" | "yes" | "on" | "enable" | "1":
            return True
        case "false" | "no" | "off" | "disable" | "0":
            return False
    if default is _MISSING:
        raise ValueError("not a boolean")
    return default


def _iif(value: Any, yes: Any = True, no: Any = False, none: Any = _MISSING) -> Any:
    if value is None and none is not _MISSING:
        return none
    return yes if value else no


def _to_json(value: Any) -> str:
    return json.dumps(None if isinstance(value, Undefined) else check_size(value))


def _from_json(value: Any) -> Any:
    try:
        return decode_json(str(value).encode(), limit=_MAX_TEXT, max_keys=_MAX_ITEMS)
    except DeviceError as error:
        raise ValueError(str(error)) from error  # the data's fault, not the template's


def _multiply(value: Any, factor: Any, default: Any = _MISSING) -> Any:
    return _number(value, lambda number: float(number) * float(factor), default)


def _add(value: Any, amount: Any, default: Any = _MISSING) -> Any:
    return _number(value, lambda number: float(number) + float(amount), default)


def _range(*bounds: int) -> range:
    made = range(*bounds)
    if len(made) > _MAX_ITEMS:
        raise SecurityError(f"a range has at most {_MAX_ITEMS} numbers")
    return made


def _of(choose: Callable[[Any], Any]) -> Callable[..., Any]:
    def chosen(*values: Any) -> Any:
        return choose(check_size(values[0] if len(values) == 1 else values))

    return chosen


_least: Final = _of(min)
_most: Final = _of(max)

FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "abs": abs,
    "add": _add,
    "bool": _bool,
    "capitalize": lambda value: str(value).capitalize(),
    "count": len,
    "d": _default,
    "default": _default,
    "first": lambda value: next(iter(check_size(value)), None),
    "float": _float,
    "from_json": _from_json,
    "iif": _iif,
    "int": _int,
    "is_defined": lambda value: value,
    "join": joined,
    "last": lambda value: check_size(value)[-1],
    "length": len,
    "list": lambda value: list(check_size(value)),
    "lower": lambda value: str(value).lower(),
    "max": _most,
    "min": _least,
    "multiply": _multiply,
    "replace": replaced,
    "round": _round,
    "string": lambda value: str(check_size(value)),
    "title": lambda value: str(value).title(),
    "to_json": _to_json,
    "tojson": _to_json,
    "trim": lambda value: str(value).strip(),
    "upper": lambda value: str(value).upper(),
}
"""By the name that a template uses."""

GLOBALS: Final[Mapping[str, Callable[..., Any]]] = {
    "bool": _bool,
    "float": _float,
    "iif": _iif,
    "int": _int,
    "max": _most,
    "min": _least,
    "range": _range,
}
"""Functions by name."""
