"""Ties the attributes of one entity to topics: what builders of components fill in.

A reader turns a message into values, a setter turns a value into messages. Knows no component.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from edge_agent.core.entity import (
    Capability,
    Choice,
    Domain,
    Entity,
    Kind,
    Range,
    Reading,
    Risk,
    Text,
    Value,
)
from edge_agent.core.payload import STATE_LIMIT, decode_json
from edge_agent.devices.adapter import Outgoing
from edge_agent.devices.ha.settings import Settings
from edge_agent.devices.templates import Rendering
from edge_agent.devices.values import Words, decimal, finite, spoken
from edge_agent.errors import DeviceError

Readings: TypeAlias = Mapping[str, Value | None]
Parse: TypeAlias = Callable[[str], Readings]
Setter: TypeAlias = Callable[[Value], Sequence[Outgoing]]
Publish: TypeAlias = Callable[..., Outgoing]

UNKNOWN: Final = frozenset({"None", "none", "unknown", "unavailable", "null"})


class Message:
    """A state message, decoded at most once however many entities it speaks of."""

    def __init__(self, payload: bytes) -> None:
        """Takes a payload.

        Raises:
            DeviceError: It is too long or not UTF-8.
        """
        if len(payload) > STATE_LIMIT:
            raise DeviceError(f"the payload is longer than {STATE_LIMIT} bytes")
        try:
            self.text = payload.decode()
        except UnicodeError as error:
            raise DeviceError("the payload is not UTF-8") from error
        self._payload = payload
        self._variables: dict[str, Any] | None = None

    def render(self, template: Rendering | None) -> str:
        """What a value template makes of the message; its text where there is none."""
        if template is None:
            return self.text
        if self._variables is None:
            self._variables = {"value": self.text}
            with suppress(DeviceError):  # plain text has no value_json
                self._variables["value_json"] = decode_json(self._payload)
        return template.render(**self._variables)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads some attributes from one topic."""

    topic: str
    attributes: tuple[str, ...]
    template: Rendering | None
    parse: Parse

    def read(self, message: Message) -> Readings:
        """The values in a message: empty where it says nothing, None where it is broken."""
        try:
            text = message.render(self.template)
        except DeviceError:
            return dict.fromkeys(self.attributes)
        if not text:
            return {}
        try:
            return self.parse(text)
        except (DeviceError, AttributeError, LookupError, TypeError, ValueError):
            return {}  # parsers take what is documented; anything else says nothing


@dataclass(frozen=True, slots=True)
class Place:
    """One availability topic."""

    topic: str
    template: Rendering | None
    available: str
    unavailable: str

    def read(self, message: Message) -> bool | None:
        """Whether the message says available; None where it says neither."""
        try:
            text = message.render(self.template)
        except DeviceError:
            return None
        return {self.available: True, self.unavailable: False}.get(text)


@dataclass(frozen=True, slots=True)
class Binding:
    """An entity with everything that is needed to read and to command it."""

    entity: Entity
    readers: tuple[Reader, ...] = ()
    setters: Mapping[str, Setter] = field(default_factory=dict)
    command_topics: frozenset[str] = frozenset()
    places: tuple[Place, ...] = ()
    availability_mode: str = "latest"
    expire_after: float | None = None
    """Seconds after which an observation no longer counts."""

    @property
    def state_topics(self) -> frozenset[str]:
        """Every topic that is read for this entity."""
        return frozenset([*(r.topic for r in self.readers), *(p.topic for p in self.places)])

    def mirrored(self, topics: Mapping[str, Sequence[str]]) -> "Binding":
        """The same, read from other topics too that carry what one of its topics carries."""
        more = (
            replace(reader, topic=topic)
            for reader in self.readers
            for topic in topics.get(reader.topic, ())
        )
        return replace(self, readers=(*self.readers, *more))


class Draft:
    """A binding in the making; a component's builder fills it from the settings."""

    def __init__(self, settings: Settings, words: str) -> None:
        """Starts empty.

        Args:
            settings: What the component says about itself.
            words: Its name in lower case, as a hint where the settings leave things open.
        """
        self.settings = settings
        self.words = words
        self.kind = Kind.SENSOR
        self.security = False
        self.problem: str | None = None
        self.capabilities: dict[str, Capability] = {}
        self.readers: list[Reader] = []
        self.setters: dict[str, Setter] = {}
        self.command_topics: set[str] = set()

    def read(
        self,
        topic: str,
        template: str | None,
        attributes: Sequence[str],
        parse: Parse,
    ) -> bool:
        """Read attributes from the topic under a key; whether there is such a topic."""
        try:
            source = self.settings.topic(topic)
            if source is None:
                return False
            compiled = self.settings.template(template) if template else None
        except DeviceError as error:
            self.problem = str(error)
            return True
        self.readers.append(Reader(source, tuple(attributes), compiled, parse))
        return True

    def read_one(
        self,
        attribute: str,
        topic: str,
        template: str | None,
        parse: Callable[[str], Value | None],
    ) -> bool:
        """Read one attribute; texts like `None` mean that the device does not know."""

        def parse_one(text: str) -> Readings:
            return {attribute: None if text in UNKNOWN else parse(text)}

        return self.read(topic, template, (attribute,), parse_one)

    def publisher(
        self, topic: str, template: str | None = None, variables: Sequence[str] = ("value",)
    ) -> Publish | None:
        """A function that makes the message for a value, or None where there is no such topic.

        The function takes the value and, by keyword, the template's other variables.
        """
        try:
            target = self.settings.command_topic(topic)
            if target is None:
                return None
            compiled = self.settings.template(template, variables) if template else None
        except DeviceError as error:
            self.problem = str(error)
            return None
        self.command_topics.add(target)

        def publish(value: Any, **others: Any) -> Outgoing:
            if compiled is None:
                return Outgoing(target, as_text(value).encode())
            plain = {key: _plain(item) for key, item in others.items()}
            return Outgoing(target, compiled.render(value=_plain(value), **plain).encode())

        return publish

    def add(
        self,
        attribute: str,
        domain: Domain,
        setter: Setter | None,
        *,
        readable: bool,
        risk: Risk = Risk.COMFORT,
        guarded: frozenset[str] = frozenset(),
        step: float | None = None,
    ) -> None:
        """Add a capability, if it can be set or read and says anything new."""
        if attribute in self.capabilities or (setter is None and not readable):
            return
        if isinstance(domain, Choice) and not domain.options:
            return
        settable = setter is not None
        self.capabilities[attribute] = Capability(
            attribute, domain, settable, readable, risk, guarded, step
        )
        if setter is not None:
            self.setters[attribute] = setter

    def add_choice(
        self,
        attribute: str,
        words: Words,
        publish: Publish | None,
        state: tuple[str, str],
        *,
        risk: Risk = Risk.COMFORT,
    ) -> None:
        """Add one of the device's own lists of options, with its state topic and template keys."""

        def parse(text: str) -> Readings:
            # `none` may be one of the options: a preset, an effect.
            unknown = text in UNKNOWN and spoken(text) not in words.words
            return {attribute: None if unknown else spoken(text) or None}

        readable = self.read(*state, (attribute,), parse)
        setter = sending(publish, lambda value: words.raw(str(value)))
        self.add(attribute, Choice(words.words), setter, readable=readable, risk=risk)

    def add_range(
        self,
        attribute: str,
        domain: Range,
        publish: Publish | None,
        state: tuple[str, str],
        *,
        risk: Risk = Risk.COMFORT,
        step: float | None = None,
    ) -> None:
        """Add a number that the device takes as it is."""
        readable = self.read_one(attribute, *state, finite)
        setter = sending(publish)
        self.add(attribute, domain, setter, readable=readable, risk=risk, step=step)

    def add_reading(self, attribute: str, unit: str, state: tuple[str, str]) -> None:
        """Add a number that can only be read."""
        readable = self.read_one(attribute, *state, finite)
        self.add(attribute, Reading(unit), None, readable=readable)

    def add_words(self, attribute: str, state: tuple[str, str]) -> None:
        """Add words that can only be read."""
        readable = self.read_one(attribute, *state, lambda text: spoken(text) or None)
        self.add(attribute, Text(), None, readable=readable)

    def bind(self, entity: Entity, **rest: Any) -> Binding:
        """The finished binding; read only if anything was found damaged."""
        capabilities = tuple(self.capabilities.values())
        setters, topics = dict(self.setters), frozenset(self.command_topics)
        if self.problem is not None:
            capabilities = tuple(replace(c, settable=False) for c in capabilities)
            setters, topics = {}, frozenset()
        entity = replace(
            entity,
            kind=self.kind,
            capabilities=capabilities,
            security=self.security,
            problem=self.problem,
        )
        return Binding(entity, tuple(self.readers), setters, topics, **rest)


def as_text(value: Any) -> str:
    """A value as a device reads it: decimal numbers, compact JSON, text as it is."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return decimal(value)
        case _:
            return json.dumps(value, separators=(",", ":"))


def _plain(value: Any) -> Any:
    """Whole numbers as integers, so that a template prints 21 and not 21.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def lookup(table: Mapping[str | None, Value | None]) -> Callable[[str], Value | None]:
    """A parser that takes the payloads of a table and nothing else."""
    return lambda text: table[text]


def sending(
    publish: Publish | None, make: Callable[[Value], Any] = lambda value: value
) -> Setter | None:
    """A setter that sends what is made of a value; None where there is nothing to send on."""
    if publish is None:
        return None
    return lambda value: (publish(make(value)),)


def send(publish: Publish | None, table: Mapping[str, str | None]) -> Setter | None:
    """A setter that sends one payload a word; None where there is nothing to send."""
    return sending(publish, lambda value: table[str(value)])


def offered(table: Mapping[str, str | None]) -> tuple[str, ...]:
    """The words that have a payload."""
    return tuple(word for word, payload in table.items() if payload is not None)
