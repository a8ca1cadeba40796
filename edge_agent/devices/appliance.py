"""One appliance with a closed menu as a translator: every attribute of it is a selector.

All of it comes from the configuration. Carries orders out no further than command by command; what
a whole one needs is told to those who make them.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import msgspec

from edge_agent.core.command import Command
from edge_agent.core.entity import Area, Attribute, Capability, Choice, Entity, Kind, Value
from edge_agent.core.names import clean_name, fold, slug
from edge_agent.core.order import Menu
from edge_agent.core.registry import Changes
from edge_agent.core.state import Availability, Observation
from edge_agent.devices.adapter import Outgoing
from edge_agent.devices.values import Words, checked_topic, spoken
from edge_agent.errors import ConfigError, DeviceError

MOST_OPTIONS: Final = 40
"""As many values of one attribute as the grammar offers."""
_KEY: Final = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_RESERVED: Final = ("$", "edge-agent/")
_MAX_PAYLOAD: Final = 256


class AttributeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An item of `appliance.attributes`: something that is chosen from a list."""

    options: tuple[str, ...]
    """The device's own values; they are spoken as they are written, `_` as a space."""
    name: str = ""
    """Empty: its key, `_` as a space."""
    aliases: tuple[str, ...] = ()
    default: str | None = None
    """The option that an order means which says nothing about this."""
    required: bool = False
    """Whether an order has to say it."""
    state_topic: str = ""
    """Empty: `appliance/<id>/<key>`."""
    command_topic: str = ""
    """Empty: `appliance/<id>/<key>/set`."""


class StartSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`appliance.start`: the button that carries out what was chosen."""

    name: str = "start"
    aliases: tuple[str, ...] = ()
    command_topic: str = ""
    """Empty: `appliance/<id>/start/set`."""
    payload: str = "PRESS"


class ApplianceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`appliance`: a device that is declared here and announces nothing."""

    name: str
    attributes: dict[str, AttributeSettings]
    """By key: lower case letters, digits and `_`."""
    id: str = ""
    """In its topics and in the ids of its entities; empty: made from the name."""
    aliases: tuple[str, ...] = ()
    area: str = ""
    start: StartSettings | None = None

    @property
    def key(self) -> str:
        """Its id."""
        return self.id or slug(clean_name(self.name))

    def state_topic(self, key: str) -> str:
        """Where the device says what is chosen."""
        return self.attributes[key].state_topic or f"appliance/{self.key}/{key}"

    def command_topic(self, key: str) -> str:
        """Where a choice is sent to."""
        return self.attributes[key].command_topic or f"appliance/{self.key}/{key}/set"

    @property
    def start_topic(self) -> str:
        """Where a press of the start button is sent to."""
        topic = self.start.command_topic if self.start else ""
        return topic or f"appliance/{self.key}/start/set"

    def check(self) -> None:
        """Refuse what cannot be served.

        Raises:
            ConfigError: The text names the key and the legal values.
        """
        if not clean_name(self.name):
            raise ConfigError("appliance.name: must have letters or digits")
        if not _KEY.fullmatch(self.key):
            raise ConfigError(f"appliance.id: {self.key!r} must be {_LEGAL_KEY}")
        if not self.attributes:
            raise ConfigError("appliance.attributes: must have at least one attribute")
        for key, attribute in self.attributes.items():
            _check_attribute(key, attribute)
        self._check_names()
        self._check_topics()

    def _check_names(self) -> None:
        """One word may not stand for two things."""
        if self.start is not None and "start" in self.attributes:
            raise ConfigError("appliance.attributes.start: that is the key of the start button")
        seen: dict[str, str] = {}
        named = [(f"attributes.{key}", _names(key, one)) for key, one in self.attributes.items()]
        if self.start is not None:
            named.append(("start", (self.start.name, *self.start.aliases)))
        for where, names in named:
            for name in names:
                if not clean_name(name):
                    raise ConfigError(f"appliance.{where}: name {name!r} has no letters or digits")
                if seen.setdefault(fold(clean_name(name)), where) != where:
                    other = seen[fold(clean_name(name))]
                    raise ConfigError(f"appliance.{where}: {name!r} is the name of {other} already")

    def _check_topics(self) -> None:
        """What is commanded on one topic must not be heard as the state of anything."""
        seen: dict[str, str] = {}
        for where, topic in self._topics():
            try:
                checked_topic(topic, where)
            except DeviceError as error:
                raise ConfigError(f"appliance.{error}") from error
            if where.endswith("command_topic") and topic.startswith(_RESERVED):
                reserved = ", ".join(_RESERVED)
                raise ConfigError(f"appliance.{where}: may not begin with one of {reserved}")
            if (other := seen.setdefault(topic, where)) != where:
                raise ConfigError(f"appliance.{where}: {topic} is that of {other} already")

    def _topics(self) -> Iterator[tuple[str, str]]:
        for key in self.attributes:
            yield f"attributes.{key}.state_topic", self.state_topic(key)
            yield f"attributes.{key}.command_topic", self.command_topic(key)
        if self.start is not None:
            yield "start.command_topic", self.start_topic


_LEGAL_KEY: Final = "lower case letters, digits and _, a letter first"


def _check_attribute(key: str, attribute: AttributeSettings) -> None:
    where = f"appliance.attributes.{key}"
    if not _KEY.fullmatch(key):
        raise ConfigError(f"{where}: a key must be {_LEGAL_KEY}")
    if not 0 < len(attribute.options) <= MOST_OPTIONS:
        raise ConfigError(f"{where}.options: must be 1 to {MOST_OPTIONS} texts")
    seen: dict[str, str] = {}
    for option in attribute.options:
        if not spoken(option) or len(option.encode()) > _MAX_PAYLOAD:
            raise ConfigError(f"{where}.options: {option[:80]!r} cannot be spoken")
        if (other := seen.setdefault(spoken(option), option)) != option:
            raise ConfigError(f"{where}.options: {option!r} and {other!r} sound the same")
    if len(seen) < len(attribute.options):
        raise ConfigError(f"{where}.options: the same option is there twice")
    if attribute.default is not None and attribute.default not in attribute.options:
        legal = ", ".join(attribute.options)
        raise ConfigError(f"{where}.default: {attribute.default!r}; legal: {legal}")
    if attribute.required and attribute.default is not None:
        raise ConfigError(f"{where}.default: what is required has none")


def _names(key: str, attribute: AttributeSettings) -> tuple[str, ...]:
    return (attribute.name or key, *attribute.aliases)


@dataclass(frozen=True, slots=True)
class _Bound:
    """An entity and its messages."""

    entity: Entity
    topic: str
    payload: Callable[[str], str]


class Appliance:
    """The attributes of one appliance, and its start button."""

    name = "appliance"

    def __init__(self, settings: ApplianceSettings) -> None:
        """Builds the entities.

        Raises:
            ConfigError: The settings cannot be served; the text names the key and what is legal.
        """
        settings.check()
        area = clean_name(settings.area)
        self._area = Area(slug(area), area) if area else None
        self._bound: dict[str, _Bound] = {}
        self._heard: dict[str, tuple[str, Mapping[str, str]]] = {}
        defaults: dict[str, Value] = {}
        for key, attribute in settings.attributes.items():
            words = Words(attribute.options)
            option = Capability(Attribute.OPTION, Choice(words.words))
            names = map(clean_name, _names(key, attribute))
            entity = self._add(f"{settings.key}.{key}", Kind.SELECT, option, tuple(names))
            self._bound[entity.id] = _Bound(entity, settings.command_topic(key), words.raw)
            raw = {words.raw(word): word for word in words.words}
            self._heard[settings.state_topic(key)] = entity.id, raw
            if attribute.default is not None:
                defaults[entity.id] = raw[attribute.default]
        slots = {key: f"{settings.key}.{key}" for key in settings.attributes}
        self.menu = Menu(
            tuple(slots.values()),
            tuple(slots[key] for key, one in settings.attributes.items() if one.required),
            MappingProxyType(defaults),
            self._add_start(settings),
        )

    @property
    def discovery_filters(self) -> tuple[str, ...]:
        """None: the appliance announces nothing."""
        return ()

    @property
    def state_topics(self) -> frozenset[str]:
        """Topics whose messages go to `observe`."""
        return frozenset(self._heard)

    @property
    def command_topics(self) -> frozenset[str]:
        """Every topic that `messages` may publish to."""
        return frozenset(bound.topic for bound in self._bound.values())

    def known(self) -> Changes:
        """All entities, as one change to an empty registry."""
        return Changes(
            upsert=tuple(bound.entity for bound in self._bound.values()),
            areas=(self._area,) if self._area else (),
        )

    def discover(self, topic: str, payload: bytes) -> Changes:  # noqa: ARG002 - the protocol's
        """Nothing: the appliance announces nothing."""
        return Changes()

    def expiry(self, entity: str) -> float | None:  # noqa: ARG002 - the protocol's
        """None: what was chosen stays chosen."""
        return None

    def observe(self, topic: str, payload: bytes) -> tuple[Observation | Availability, ...]:
        """What is chosen; unknown where the device says what is not on the menu."""
        if topic not in self._heard:
            return ()
        entity, words = self._heard[topic]
        said = payload[: _MAX_PAYLOAD + 1].decode(errors="replace").strip()
        return (Observation(entity, Attribute.OPTION, words.get(said)),)

    def messages(self, command: Command) -> tuple[Outgoing, ...]:
        """The message that carries out a command.

        Raises:
            DeviceError: The entity cannot do that; the text names the legal values.
        """
        bound = self._bound.get(command.entity)
        if bound is None:
            raise DeviceError(f"{command.entity} is not known here")
        name, (able,) = bound.entity.name, bound.entity.capabilities
        if command.attribute != able.attribute:
            raise DeviceError(f"{name} cannot set {command.attribute}; it can set {able.attribute}")
        if command.value not in able.domain:
            raise DeviceError(f"{name} {able.attribute} must be {able.domain.describe()}")
        return (Outgoing(bound.topic, bound.payload(str(command.value)).encode()),)

    def _add(
        self, entity_id: str, kind: Kind, capability: Capability, names: tuple[str, ...]
    ) -> Entity:
        name, *aliases = dict.fromkeys(names)
        return Entity(
            entity_id,
            name,
            kind,
            (capability,),
            area=self._area.id if self._area else None,
            aliases=tuple(aliases),
            device=entity_id.partition(".")[0],
        )

    def _add_start(self, settings: ApplianceSettings) -> str | None:
        """The button; who says to start the appliance means it as well."""
        start = settings.start
        if start is None:
            return None
        taken = {fold(name) for bound in self._bound.values() for name in bound.entity.names}
        whole = [name for name in (settings.name, *settings.aliases) if fold(name) not in taken]
        names = filter(None, map(clean_name, (start.name, *start.aliases, *whole)))
        press = Capability(Attribute.COMMAND, Choice(("press",)), readable=False)
        entity = self._add(f"{settings.key}.start", Kind.BUTTON, press, tuple(names))
        self._bound[entity.id] = _Bound(entity, settings.start_topic, lambda _: start.payload)
        return entity.id
