"""Documents into structs, with errors that a person can act on: the whole key and what is legal."""

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec

from edge_agent.errors import ConfigError

_T = TypeVar("_T")


def convert(
    document: Mapping[str, Any], kind: type[_T], where: str, *, hidden: Sequence[str] = ()
) -> _T:
    """A document as a struct.

    Args:
        document: As YAML gives it.
        kind: The struct.
        where: The file, for errors.
        hidden: Fields that are never named as legal.

    Raises:
        ConfigError: Something does not fit; the text names the file, the key and what is legal.
    """
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        said = _explained(str(error), document, kind, hidden)
        raise ConfigError(f"{where}: {said}") from error


_STEP = re.compile(r"\.(\w+)|\[(\d+|\.\.\.)\]")


def _explained(message: str, document: Any, kind: Any, hidden: Sequence[str]) -> str:
    """The message of msgspec with the whole key in front and the legal values behind."""
    text, _, at = message.partition(" - at `")
    place, value, expected = "", document, kind
    for name, index in _STEP.findall(at):
        if name:
            fields = {field.name: field.type for field in msgspec.structs.fields(expected)}
            place, value, expected = f"{place}.{name}", value.get(name), _given(fields[name])
        elif index == "...":  # msgspec does not say which key of a mapping it was
            item = get_args(expected)[1]
            key = next(key for key in value if not _fits(value[key], item))
            place, value, expected = f"{place}.{key}", value[key], item
        else:
            place, expected = f"{place}[{index}]", get_args(expected)[0]
            value = value[int(index)]
    if at.startswith("key"):
        expected = get_args(expected)[0]
    legal = _legal(expected, hidden)
    return f"{place.strip('.') or 'top level'}: {text}" + (f"; legal: {legal}" if legal else "")


def _given(kind: Any) -> Any:
    """What may be left out, where it is not left out."""
    kinds = get_args(kind)
    return kinds[0] if kinds[1:] == (NoneType,) else kind


def _fits(value: object, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def _legal(kind: Any, hidden: Sequence[str]) -> str:
    """The keys of a section or the values of a closed list; empty for everything else."""
    if get_origin(kind) is Literal:
        return ", ".join(get_args(kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return ", ".join(str(member.value) for member in kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return ", ".join(name for name in kind.__struct_fields__ if name not in hidden)
    return ""
