"""COVESA VSS signals as a configuration or a vss-tools export lists them.

Knows paths, data types and ranges, and which paths nobody may set; not what they are called.
Source: https://covesa.github.io/vehicle_signal_specification/
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from edge_agent.core.names import clean_name
from edge_agent.devices.values import checked_topic, decimal
from edge_agent.errors import ConfigError, DeviceError

_MAX_TREE: Final = 32 << 20
_MAX_DEPTH: Final = 32
_PATH: Final = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*", re.ASCII)
_WHOLE: Final = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_TYPES: Final = frozenset({"actuator", "sensor", "attribute"})

_LIMITS: Final[Mapping[str, tuple[float, float]]] = {
    "uint8": (0, 255),
    "int8": (-128, 127),
    "uint16": (0, 65535),
    "int16": (-32768, 32767),
    "uint32": (0, 2**32 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "uint64": (0, 2**64 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "float": (-math.inf, math.inf),
    "double": (-math.inf, math.inf),
}
DATATYPES: Final = ("boolean", "string", *_LIMITS)

_UNITS: Final[Mapping[str, str]] = {
    "celsius": "°C",
    "fahrenheit": "°F",
    "kelvin": "K",
    "lux": "lx",
    "percent": "%",
}

_DENIED: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"Vehicle\.ADAS\..*",
        r"Vehicle\.Body\.Hood\..*",
        r"Vehicle\.Body\.Horn\..*",
        r"Vehicle\.Body\.Lights\.(Backup|Beam|Brake|DirectionIndicator)\..*",
        r"Vehicle\.Chassis\.(?!SteeringWheel\.(HeatingCooling|IsHeatingOn)$).*",
        r"Vehicle\.MotionManagement\..*",
        r"Vehicle\.(OBD|Service|VehicleIdentification|VersionVSS)\..*",
        r"Vehicle\.Powertrain\.(?!TractionBattery\.Charging\.ChargeLimit$).*",
        r"Vehicle\.[A-Za-z]+",  # speed, ignition and the like, right under the root
    )
)


class Signal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One signal, with the keys of the contract."""

    path: str
    datatype: str
    type: Literal["actuator", "sensor", "attribute"] = "actuator"
    min: float | None = None
    max: float | None = None
    allowed: tuple[str, ...] = ()
    unit: str = ""
    name: str | None = None
    zone: str | None = None
    aliases: tuple[str, ...] = ()
    state_topic: str | None = None
    command_topic: str | None = None

    @property
    def settable(self) -> bool:
        """Whether it is an actuator that may be set at all."""
        return self.type == "actuator" and not denied(self.path)

    @property
    def read_topic(self) -> str:
        """Where its value is published."""
        return self.state_topic or f"vss/{self.path.replace('.', '/')}"

    @property
    def write_topic(self) -> str:
        """Where a new value is sent."""
        return self.command_topic or f"vss/{self.path.replace('.', '/')}/set"

    @property
    def spoken_unit(self) -> str:
        """The unit as entities carry it."""
        return _UNITS.get(self.unit, self.unit)

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the largest legal number; infinite where nobody said."""
        low, high = _LIMITS[self.datatype]
        if self.spoken_unit == "%" and self.min is None and self.max is None:
            return (-100 if low < 0 and not math.isinf(low) else 0), 100
        return (low if self.min is None else self.min), (high if self.max is None else self.max)

    def check(self) -> None:
        """Refuse what cannot be served.

        Raises:
            ConfigError: The text names the signal, the key and the legal values.
        """
        where = f"vehicle signal {self.path[:100]!r}"
        if not _PATH.fullmatch(self.path):
            raise ConfigError(f"{where}: path must be letters and digits with dots between")
        if self.datatype not in DATATYPES:
            raise ConfigError(f"{where}: datatype must be one of {', '.join(DATATYPES)}")
        if self.type not in _TYPES:
            raise ConfigError(f"{where}: type must be one of {', '.join(sorted(_TYPES))}")
        if self.datatype in _LIMITS and not self.limits[0] < self.limits[1]:
            raise ConfigError(f"{where}: min must be less than max")
        if self.name is not None and not clean_name(self.name):
            raise ConfigError(f"{where}: name must have letters or digits")
        try:
            checked_topic(self.read_topic, "state_topic")
            checked_topic(self.write_topic, "command_topic")
        except DeviceError as error:
            raise ConfigError(f"{where}: {error}") from error

    def decode(self, text: str) -> str | float | bool | None:
        """The value in a payload; None for what is of another type or out of range."""
        text = text.strip()
        match self.datatype:
            case "boolean":
                return {"true": True, "false": False}.get(text)
            case "string":
                return text if not self.allowed or text in self.allowed else None
        if self.datatype in {"float", "double"}:
            try:
                number = float(text) if "_" not in text else math.nan
            except ValueError:
                return None
        elif _WHOLE.fullmatch(text):
            number = float(int(text))
        else:
            return None
        low, high = self.limits
        return number if math.isfinite(number) and low <= number <= high else None

    def encode(self, value: str | float | bool) -> bytes:
        """A value as it is published: `true`, `21.5`, or one of `allowed`."""
        if isinstance(value, bool):
            return b"true" if value else b"false"
        if isinstance(value, str):
            return value.encode()
        whole = self.datatype not in {"float", "double"}
        return decimal(float(round(value)) if whole else value).encode()


def denied(path: str) -> bool:
    """Whether a path can never be set, whatever a configuration says of it."""
    return any(pattern.fullmatch(path) for pattern in _DENIED)


def load_vss_json(source: Path | bytes, allow: Sequence[str]) -> tuple[Signal, ...]:
    """The signals of a vss-tools JSON export whose paths match one of the patterns.

    Args:
        source: The file, or what is in it.
        allow: Patterns with `*` and `?`; nothing is taken that matches none of them.

    Raises:
        ConfigError: The file cannot be read or is no such export.
    """
    where = str(source) if isinstance(source, Path) else "the VSS export"
    try:
        data = source.read_bytes() if isinstance(source, Path) else source
        if len(data) > _MAX_TREE:
            raise ConfigError(f"{where}: it is larger than {_MAX_TREE >> 20} MiB")
        tree = json.loads(data)
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{where}: it cannot be read as JSON ({error})") from error
    if not isinstance(tree, dict):
        raise ConfigError(f"{where}: a vss-tools JSON export is an object")
    found = []
    for path, leaf in _leaves(tree, (), where):
        if any(fnmatchcase(path, pattern) for pattern in allow):
            signal = _signal(path, leaf)
            if signal is not None:
                signal.check()
                found.append(signal)
    return tuple(found)


def _leaves(
    branch: Mapping[str, Any], above: tuple[str, ...], where: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if len(above) > _MAX_DEPTH:
        raise ConfigError(f"{where}: its branches are nested too deeply")
    for name, node in branch.items():
        if not isinstance(node, dict):
            raise ConfigError(f"{where}: {'.'.join((*above, name))[:100]} must be an object")
        children = node.get("children")
        if isinstance(children, dict):
            yield from _leaves(children, (*above, name), where)
        elif "datatype" in node:
            yield ".".join((*above, name)), node


def _signal(path: str, leaf: Mapping[str, Any]) -> Signal | None:
    """A signal of the tree; None for arrays and structures, which nobody speaks of."""
    datatype, kind = leaf.get("datatype"), leaf.get("type")
    if datatype not in DATATYPES or kind not in _TYPES:
        return None
    low, high = leaf.get("min"), leaf.get("max")
    allowed = leaf.get("allowed")
    return Signal(
        path,
        str(datatype),
        kind,
        float(low) if isinstance(low, (int, float)) else None,
        float(high) if isinstance(high, (int, float)) else None,
        tuple(map(str, allowed)) if isinstance(allowed, list) else (),
        str(leaf.get("unit") or ""),
    )
