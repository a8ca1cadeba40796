"""A car as a translator: VSS signals in, entities out, and back.

Several signals make one thing where a person speaks of one (a door opens and locks); what things
are called is in `vss_things`. Every signal is also reported raw, as `value` of its own path, which
is what the interlocks read.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Final, TypeAlias

from edge_agent.core.command import Command
from edge_agent.core.entity import (
    Area,
    Attribute,
    Entity,
    Group,
    Kind,
    Value,
)
from edge_agent.core.names import clean_name, fold, slug
from edge_agent.core.registry import Changes
from edge_agent.core.state import Availability, Observation
from edge_agent.devices.adapter import Outgoing
from edge_agent.devices.vss_capabilities import Controls, build
from edge_agent.devices.vss_signals import Signal, load_vss_json
from edge_agent.devices.vss_things import ZONES, Thing, thing_of
from edge_agent.errors import ConfigError, DeviceError

__all__ = ["Signal", "Vss", "load_vss_json"]

_MAX_PAYLOAD: Final = 4096
_ROWS: Final = (
    ("front", (), frozenset({"driver", "passenger"})),
    ("rear", ("back",), frozenset({"rear_left", "rear_right"})),
)
"""What a row of seats is called, and its zones."""
_IN_ROWS: Final = (Kind.WINDOW, Kind.LIGHT, Kind.SHADE, Kind.MIRROR)
"""What people speak of by its row: "the rear windows"."""
_SECURITY: Final = frozenset({Kind.DOOR, Kind.TRUNK, Kind.LOCK})
_Parts: TypeAlias = list[tuple[Signal, Thing]]


@dataclass(slots=True)
class _Bound:
    """One entity and the functions behind its attributes."""

    entity: Entity
    controls: Controls


class Vss:
    """The signals of one vehicle; all of them come from the configuration."""

    name = "vss"

    def __init__(self, signals: Sequence[Signal], *, driver: str = "left") -> None:
        """Builds the entities.

        Args:
            signals: What the configuration lists; of signals with one path the first counts.
            driver: Where the driver sits, `left` or `right`; names the doors of the rear row.

        Raises:
            ConfigError: A signal cannot be served; the text names it, the key and what is legal.
        """
        if driver not in {"left", "right"}:
            raise ConfigError("driver must be one of left, right")
        self._signals: dict[str, Signal] = {}
        for signal in signals:
            signal.check()
            self._signals.setdefault(signal.path, signal)
        self._areas: dict[str, Area] = {}
        self._problems: list[str] = []
        self._bound: dict[str, _Bound] = {}
        self._routes: dict[str, list[tuple[Signal, _Bound]]] = {}
        for parts in self._grouped(driver):
            self._bind(parts)

    @property
    def discovery_filters(self) -> tuple[str, ...]:
        """None: a car announces nothing."""
        return ()

    @property
    def state_topics(self) -> frozenset[str]:
        """Topics whose messages go to `observe`."""
        return frozenset(self._routes)

    @property
    def command_topics(self) -> frozenset[str]:
        """Every topic that `messages` may publish to: those of the settable signals."""
        return frozenset(topic for bound in self._bound.values() for topic in bound.controls.topics)

    def known(self) -> Changes:
        """All entities, zones and rows, as one change to an empty registry."""
        entities = tuple(bound.entity for bound in self._bound.values())
        return Changes(
            upsert=entities,
            areas=tuple(self._areas.values()),
            groups=tuple(_rows(entities)),
            problems=tuple(self._problems),
        )

    def has(self, path: str) -> bool:
        """Whether the vehicle has this signal."""
        return path in self._signals

    def controls(self, pattern: str) -> tuple[tuple[str, str], ...]:
        """Entity and attribute of every settable signal whose path fits; `*` fits anything."""
        return tuple(
            (entity, attribute)
            for entity, bound in self._bound.items()
            for attribute, path in bound.controls.paths.items()
            if fnmatchcase(path, pattern)
        )

    def discover(self, topic: str, payload: bytes) -> Changes:  # noqa: ARG002 - the protocol's
        """Nothing: a car announces nothing."""
        return Changes()

    def expiry(self, entity: str) -> float | None:  # noqa: ARG002 - the protocol's
        """None: how old a value may be is for the interlocks to say."""
        return None

    def observe(self, topic: str, payload: bytes) -> tuple[Observation | Availability, ...]:
        """What a signal says; one that cannot be read now is unknown, as interlocks must see."""
        routes = self._routes.get(topic)
        if not routes:
            return ()
        try:
            text = payload.decode() if len(payload) <= _MAX_PAYLOAD else None
        except UnicodeError:
            text = None
        said: list[Observation | Availability] = []
        for signal, bound in routes:
            value = None if text is None else signal.decode(text)
            if value is None:
                said.append(Observation(signal.path, str(Attribute.VALUE), None))
                continue
            readings = bound.controls.read(signal.path, value)
            said.extend(
                Observation(bound.entity.id, attribute, reading)
                for attribute, reading in readings.items()
            )
            if signal.path != bound.entity.id or Attribute.VALUE not in readings:
                said.append(Observation(signal.path, str(Attribute.VALUE), _raw(value)))
        return tuple(said)

    def messages(self, command: Command) -> tuple[Outgoing, ...]:
        """The messages that carry out a command.

        Raises:
            DeviceError: The thing cannot do that; the text names the legal values.
        """
        bound = self._bound.get(command.entity)
        if bound is None:
            raise DeviceError(f"{command.entity} is not known here")
        entity, setters = bound.entity, bound.controls.setters
        capability = entity.capability(command.attribute)
        setter = setters.get(command.attribute)
        if capability is None or setter is None or not capability.settable:
            able = ", ".join(setters) or "nothing"
            raise DeviceError(f"{entity.name} cannot set {command.attribute}; it can set {able}")
        if command.value not in capability.domain:
            legal = capability.domain.describe()
            raise DeviceError(f"{entity.name} {command.attribute} must be {legal}")
        return tuple(setter(command.value))

    def _grouped(self, driver: str) -> list[_Parts]:
        """Signals by thing; one with a name of its own that differs is a thing of its own."""
        things: dict[str, _Parts] = {}
        for signal in self._signals.values():
            thing = thing_of(signal.path, driver)
            things.setdefault(thing.id, []).append((signal, thing))
        groups: list[_Parts] = []
        for parts in things.values():
            named = [signal.name for signal, _ in parts if signal.name]
            main = fold(min(named, key=len)) if named else ""
            own = [part for part in parts if not fold(part[0].name or main).startswith(main)]
            groups.append([part for part in parts if part not in own])
            groups.extend([(signal, replace(thing, id=signal.path))] for signal, thing in own)
        return groups

    def _bind(self, parts: _Parts) -> None:
        first, thing = parts[0]
        named = [signal.name for signal, _ in parts if signal.name]
        name = clean_name(min(named, key=len) if named else thing.name)
        zone = next((signal.zone for signal, _ in parts if signal.zone), thing.zone)
        controls = build([(signal, part.attribute) for signal, part in parts], thing.kind)
        self._problems.extend(f"{first.path}: {problem}" for problem in controls.problems)
        if not controls.capabilities or not name:
            return
        given = [alias for signal, _ in parts for alias in signal.aliases]
        spoken = map(clean_name, given or thing.aliases)
        entity = Entity(
            thing.id,
            name,
            thing.kind,
            tuple(controls.capabilities.values()),
            area=self._area(zone),
            aliases=tuple(dict.fromkeys(alias for alias in spoken if alias)),
            security=thing.kind in _SECURITY,
            problem="; ".join(controls.problems) or None,
        )
        bound = self._bound[entity.id] = _Bound(entity, controls)
        for signal, _ in parts:
            self._routes.setdefault(signal.read_topic, []).append((signal, bound))

    def _area(self, zone: str | None) -> str | None:
        name = clean_name(zone)
        if not name:
            return None
        area = Area(slug(name), name, aliases=ZONES.get(name, ()), seat=True)
        self._areas.setdefault(area.id, area)
        return area.id


def _rows(entities: Iterable[Entity]) -> Iterator[Group]:
    """What a row has several of: "front windows"."""
    for row, others, zones in _ROWS:
        for kind in _IN_ROWS:
            members = [one.id for one in entities if one.kind is kind and one.area in zones]
            if len(members) > 1:
                names = [f"{word} {kind.plural}" for word in (row, *others)]
                yield Group(slug(names[0]), names[0], tuple(members), tuple(names[1:]))


def _raw(value: str | float | bool) -> Value:
    return ("true" if value else "false") if isinstance(value, bool) else value
