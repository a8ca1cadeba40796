"""Media players: the contract's own component, and those made of separate entities.

Home Assistant has no MQTT media player, so a device often shows its power, volume, mute and
transport as switches, numbers and buttons. Those are joined here into one entity.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from edge_agent.core.entity import (
    ON_OFF,
    Attribute,
    Capability,
    Choice,
    Entity,
    Kind,
    Range,
    Text,
    Value,
)
from edge_agent.core.names import clean_name
from edge_agent.devices.adapter import Outgoing
from edge_agent.devices.ha.binding import (
    Binding,
    Draft,
    Parse,
    Reader,
    Readings,
    Setter,
    lookup,
    send,
    sending,
)
from edge_agent.devices.values import Words, decimal, finite

_Convert: TypeAlias = Callable[[Value | None], Value | None]
VOLUME: Final = Range(0, 100, 1, "%")
_STATES: Final[Mapping[str, tuple[str | None, str]]] = {
    "playing": ("playing", "on"),
    "paused": ("paused", "on"),
    "idle": ("stopped", "on"),
    "stopped": ("stopped", "on"),
    "on": (None, "on"),
    "off": ("stopped", "off"),
}


def media_player(draft: Draft) -> None:
    """Fill in a media player of the contract."""
    settings = draft.settings
    draft.kind = Kind.MEDIA_PLAYER
    publish = draft.publisher("command_topic")

    def payloads(table: Mapping[str, tuple[str, str]]) -> dict[str, str]:
        found = {word: settings.payload(*keys) for word, keys in table.items()}
        return {word: payload for word, payload in found.items() if payload is not None}

    power = payloads({"on": ("payload_on", "TURN_ON"), "off": ("payload_off", "TURN_OFF")})
    playback = payloads(
        {
            "playing": ("payload_play", "PLAY"),
            "paused": ("payload_pause", "PAUSE"),
            "stopped": ("payload_stop", "STOP"),
        }
    )
    verbs = payloads(
        {"next": ("payload_next", "NEXT"), "previous": ("payload_previous", "PREVIOUS")}
    )

    def parse(text: str) -> Readings:
        playing, on = _STATES[text.lower()]
        return {Attribute.PLAYBACK: playing, Attribute.POWER: on}

    readable = draft.read(
        "state_topic", "value_template", (Attribute.PLAYBACK, Attribute.POWER), parse
    )
    draft.add(Attribute.POWER, Choice(tuple(power)), send(publish, power), readable=readable)
    draft.add(
        Attribute.PLAYBACK, Choice(tuple(playback)), send(publish, playback), readable=readable
    )
    draft.add(Attribute.COMMAND, Choice(tuple(verbs)), send(publish, verbs), readable=False)
    _volume(draft)
    mute = {
        "on": settings.payload("payload_mute", "ON"),
        "off": settings.payload("payload_unmute", "OFF"),
    }
    readable = draft.read_one(
        Attribute.MUTE,
        "mute_state_topic",
        "mute_value_template",
        lookup({payload: word for word, payload in mute.items()}),
    )
    setter = send(draft.publisher("mute_command_topic", "mute_command_template"), mute)
    draft.add(Attribute.MUTE, ON_OFF, setter, readable=readable)
    draft.add_choice(
        Attribute.SOURCE,
        Words(settings.strings("source_list")),
        draft.publisher("source_command_topic", "source_command_template"),
        ("source_state_topic", "source_value_template"),
    )
    readable = draft.read_one(
        Attribute.TITLE,
        "media_title_topic",
        "media_title_template",
        lambda text: clean_name(text) or None,
    )
    draft.add(Attribute.TITLE, Text(), None, readable=readable)


def _volume(draft: Draft) -> None:
    low, high = draft.settings.bounds("volume_min", "volume_max", 0, 100)
    publish = draft.publisher("volume_command_topic", "volume_command_template")
    readable = draft.read_one(
        Attribute.VOLUME,
        "volume_state_topic",
        "volume_value_template",
        lambda text: _to_percent(finite(text), low, high),
    )
    setter = sending(publish, lambda value: decimal(_from_percent(value, low, high)))
    draft.add(Attribute.VOLUME, VOLUME, setter, readable=readable)


def _to_percent(raw: float, low: float, high: float) -> float:
    return float(round(min(100.0, max(0.0, 100 * (raw - low) / (high - low)))))


def _from_percent(value: Value, low: float, high: float, step: float | None = None) -> float:
    """The device's number; whole where its range is wide enough to be counted in whole ones."""
    raw = low + float(value) / 100 * (high - low)
    step = step or (1.0 if high - low >= 10 else 0.01)
    return min(high, max(low, round(round(raw / step) * step, 6)))


@dataclass(frozen=True, slots=True)
class _Role:
    """What a member entity does for the player it belongs to."""

    components: tuple[str, ...]
    pattern: re.Pattern[str]
    source: str
    """Attribute of the member."""
    target: str
    """Attribute of the player."""
    word: str | None = None
    """For buttons: the value of the player's attribute that presses it."""


def _role(
    components: str, pattern: str, source: str, target: str, word: str | None = None
) -> _Role:
    return _Role(tuple(components.split()), re.compile(pattern), source, target, word)


_ROLES: Final = (
    _role("number", r"\bvolume( level)?$", Attribute.VALUE, Attribute.VOLUME),
    _role("switch", r"\bmuted?$", Attribute.POWER, Attribute.MUTE),
    _role("switch", r"^$|\bpower$", Attribute.POWER, Attribute.POWER),
    _role("button", r"\bplay$", Attribute.COMMAND, Attribute.PLAYBACK, "playing"),
    _role("button", r"\bpause$", Attribute.COMMAND, Attribute.PLAYBACK, "paused"),
    _role("button", r"\bstop$", Attribute.COMMAND, Attribute.PLAYBACK, "stopped"),
    _role("button", r"\bnext( track)?$", Attribute.COMMAND, Attribute.COMMAND, "next"),
    _role("button", r"\bprev(ious)?( track)?$", Attribute.COMMAND, Attribute.COMMAND, "previous"),
    _role("select", r"\b(source|input)$", Attribute.OPTION, Attribute.SOURCE),
    _role("sensor", r"\b(state|playback|status)$", Attribute.VALUE, Attribute.PLAYBACK),
    _role("sensor", r"\b(title|track|song)$", Attribute.VALUE, Attribute.TITLE),
)


@dataclass(frozen=True, slots=True)
class Member:
    """One entity of a device, with its name without the device's."""

    component: str
    part: str
    """Lower case; empty where the entity is named like its device."""
    binding: Binding


def join(members: Iterable[Member], name: str, taken: str) -> tuple[Binding, frozenset[str]] | None:
    """The player that a device's entities make, and the ids of those it replaces.

    A volume with a mute or a transport button makes one, and so do two transport buttons.

    Args:
        members: All entities of one device.
        name: The device's spoken name.
        taken: The id to give the player.
    """
    roles = [
        (role, member)
        for member in members
        for role in _ROLES
        if member.component in role.components and role.pattern.search(member.part)
    ]
    targets = {role.target for role, _ in roles}
    buttons = {role.word for role, _ in roles if role.word}
    is_player = Attribute.VOLUME in targets and (Attribute.MUTE in targets or buttons)
    if not (is_player or len(buttons) >= 2) or not name:
        return None
    player = _Player()
    for role, member in roles:
        player.take(role, member.binding)
    first = roles[0][1].binding
    bindings = [member.binding for _, member in roles]
    entity = Entity(
        taken,
        name,
        Kind.MEDIA_PLAYER,
        player.finished(),
        area=first.entity.area,
        device=first.entity.device,
    )
    joined = Binding(
        entity,
        tuple(player.readers),
        player.setters,
        frozenset().union(*(binding.command_topics for binding in bindings)),
        first.places,
        first.availability_mode,
    )
    return joined, frozenset(binding.entity.id for binding in bindings)


class _Player:
    """Collects what the members offer, under the attributes of a player."""

    def __init__(self) -> None:
        self.capabilities: dict[str, Capability] = {}
        self.words: dict[str, dict[str, Setter]] = {}
        self.setters: dict[str, Setter] = {}
        self.readers: list[Reader] = []

    def take(self, role: _Role, member: Binding) -> None:
        """Add one member in its role; the first one in each role counts."""
        capability = member.entity.capability(role.source)
        if capability is None:
            return
        if role.word is not None:
            if capability.settable:
                press = member.setters[role.source]
                self.words.setdefault(role.target, {}).setdefault(role.word, _press(press))
            return
        if role.target in self.capabilities:
            return
        domain = capability.domain
        to_player: _Convert = _same
        to_member: _Convert = _same
        if role.target == Attribute.VOLUME and isinstance(domain, Range):
            to_player, to_member = _scaled(domain)
            step = 100 * domain.step / (domain.maximum - domain.minimum)
            domain = replace(VOLUME, step=max(1.0, step))
        if role.target == Attribute.PLAYBACK:
            to_player = _playback
            domain = Choice(("playing", "paused", "stopped"))
        self.capabilities[role.target] = replace(capability, attribute=role.target, domain=domain)
        if capability.settable:
            self.setters[role.target] = _mapped(member.setters[role.source], to_member)
        for reader in member.readers:
            if role.source in reader.attributes:
                parse = _renamed(reader.parse, role, to_player)
                self.readers.append(replace(reader, attributes=(role.target,), parse=parse))

    def finished(self) -> tuple[Capability, ...]:
        """The capabilities, with those that buttons make."""
        for attribute, table in self.words.items():
            known = self.capabilities.get(attribute)
            self.capabilities[attribute] = Capability(
                attribute, Choice(tuple(table)), readable=known is not None and known.readable
            )
            self.setters[attribute] = _pressing(table)
        return tuple(self.capabilities.values())


def _same(value: Value | None) -> Value | None:
    return value


def _playback(value: Value | None) -> Value | None:
    return _STATES.get(str(value), (None, ""))[0]


def _scaled(domain: Range) -> tuple[_Convert, _Convert]:
    low, high, step = domain.minimum, domain.maximum, domain.step

    def to_player(value: Value | None) -> Value | None:
        return None if value is None else _to_percent(float(value), low, high)

    def to_member(value: Value | None) -> Value | None:
        return _from_percent(value or 0, low, high, step)

    return to_player, to_member


def _mapped(setter: Setter, convert: _Convert) -> Setter:
    return lambda value: setter(convert(value) or 0.0)


def _press(setter: Setter) -> Setter:
    return lambda _value: setter("press")


def _pressing(table: Mapping[str, Setter]) -> Setter:
    def press(value: Value) -> Sequence[Outgoing]:
        return table[str(value)](value)

    return press


def _renamed(parse: Parse, role: _Role, convert: _Convert) -> Parse:
    def renamed(text: str) -> Readings:
        (value,) = parse(text).values()
        return {role.target: convert(value)}

    return renamed
