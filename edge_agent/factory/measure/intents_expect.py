"""What Home Assistant's intent tests expect, in the daemon's own meanings.

Intents and slots become the meanings that the daemon should find, or a reason why it offers
nothing like that. The tests are read where they are; it does not know the model.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import yaml

from edge_agent.core.command import (
    Action,
    Ask,
    Extreme,
    Meaning,
    Plan,
    Query,
    Refusal,
    Target,
    Wanted,
)
from edge_agent.core.entity import Attribute, Choice, Value
from edge_agent.core.names import fold
from edge_agent.core.registry import Registry
from edge_agent.errors import FactoryError
from edge_agent.factory.measure.intents_home import FIXTURES, Home, Thing, build_home, read_fixtures
from edge_agent.language.guards import plain

UNSUPPORTED: Mapping[str, str] = MappingProxyType(
    {
        "HassBroadcast": "broadcast",
        "HassCancelAllTimers": "timers",
        "HassCancelTimer": "timers",
        "HassDecreaseTimer": "timers",
        "HassGetCurrentDate": "date and time",
        "HassGetCurrentTime": "date and time",
        "HassIncreaseTimer": "timers",
        "HassListCompleteItem": "completing list items",
        "HassMediaSearchAndPlay": "searching media",
        "HassPauseTimer": "timers",
        "HassRespond": "small talk",
        "HassShoppingListCompleteItem": "completing list items",
        "HassStartTimer": "timers",
        "HassTimerStatus": "timers",
        "HassUnpauseTimer": "timers",
    }
)
"""Intents that the daemon has no place for: after such a sentence nothing may be done."""

_ON: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "cover": (Attribute.OPENING, "open", "closed"),
        "valve": (Attribute.OPENING, "open", "closed"),
        "lock": (Attribute.LOCK, "locked", "unlocked"),
        "scene": (Attribute.COMMAND, "activate", ""),
        "script": (Attribute.COMMAND, "activate", ""),
        "vacuum": (Attribute.ACTIVITY, "cleaning", "returning"),
    }
)
"""What turning on and turning off are for other things than lights and switches."""


class _Intent(msgspec.Struct, frozen=True):
    name: str
    slots: dict[str, Any] | None = None
    context: dict[str, Any] | None = None


class _Test(msgspec.Struct, frozen=True):
    sentences: list[str]
    intent: _Intent | None = None
    slots: dict[str, Any] | None = None


class _File(msgspec.Struct, frozen=True):
    tests: list[_Test]


@dataclass(frozen=True, slots=True)
class Spoken:
    """One sentence of the tests."""

    text: str
    intent: str
    slots: Mapping[str, Any]
    area: str | None
    """Where the speaker is."""
    home: Home


def sentences(directory: Path) -> Iterator[Spoken]:
    """Every sentence of the tests in a directory, with the home that it is said in.

    Raises:
        FactoryError: A file is missing or is no such test; the text names it.
    """
    common = read_fixtures(directory / FIXTURES)
    home = build_home([common])
    files = [path for path in sorted(directory.rglob("*.yaml")) if path.name != FIXTURES]
    if not files:
        raise FactoryError(f"{directory}: holds no tests")
    for path in files:
        try:
            found = msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), _File)
        except (OSError, yaml.YAMLError, msgspec.ValidationError) as error:
            raise FactoryError(f"{path}: {error}") from error
        own = read_fixtures(path)
        here = build_home([common, own]) if own.entities or own.areas else home
        for test in found.tests:
            # In the newer form a folder is named after its intent.
            intent = test.intent or _Intent(path.parent.name, test.slots)
            context = intent.context or {}
            for text in test.sentences:
                yield Spoken(text, intent.name, intent.slots or {}, _one(context.get("area")), here)


def _one(slot: Any) -> Any:
    """A slot's value; some tests list several spellings of it."""
    return slot[-1] if isinstance(slot, list) and slot else slot


@dataclass(frozen=True, slots=True)
class Expected:
    """What the daemon should make of a sentence."""

    legal: tuple[Meaning, ...]
    """Any of these; a lone Refusal where nothing may be done."""
    sort: str
    """`known`, `not in this home`, or the reason why it is not offered at all."""

    @property
    def known(self) -> bool:
        """Whether the daemon should be able to do it."""
        return self.sort == "known"


NOTHING = Refusal()


def expect(spoken: Spoken) -> Expected:
    """What a sentence should come to.

    Raises:
        FactoryError: The intent is none that is known here.
    """
    if (reason := UNSUPPORTED.get(spoken.intent)) is not None:
        return Expected((NOTHING,), reason)
    if spoken.intent == "HassNevermind":
        return Expected((NOTHING,), "calling off")
    if spoken.intent not in _MEANINGS:
        legal = ", ".join(sorted({*_MEANINGS, *UNSUPPORTED}))
        raise FactoryError(f"intent {spoken.intent!r}; legal: {legal}")
    legal_meanings = tuple(_MEANINGS[spoken.intent](spoken))
    if not legal_meanings:
        return Expected((NOTHING,), "not in this home")
    return Expected(legal_meanings, "known")


def _things(spoken: Spoken, *domains: str) -> list[Thing]:
    """The things that the slots stand for."""
    slots = spoken.slots
    name, area, floor = (_folded(slots.get(key)) for key in ("name", "area", "floor"))
    domain = _one(slots.get("domain"))
    device_class = _one(slots.get("device_class"))
    found = []
    for thing in spoken.home.things:
        if name not in {None, "all"} and name not in thing.names:
            continue
        if domains and thing.domain not in domains:
            continue
        if domain is not None and thing.domain != domain:
            continue
        if device_class is not None and thing.device_class not in {device_class, ""}:
            continue
        # A thing that was asked for by name need not say where it is.
        if area is not None and thing.area != area and (name in {None, "all"} or thing.area):
            continue
        if floor is not None and thing.floor != floor:
            continue
        found.append(thing)
    if device_class is not None and any(one.device_class == device_class for one in found):
        found = [one for one in found if one.device_class == device_class]
    return found


def _folded(slot: Any) -> str | None:
    value = _one(slot)
    return fold(str(value).strip()) if value is not None else None


def _plan(things: Sequence[Thing], attribute: str, *wanted: Wanted) -> Iterator[Meaning]:
    """A plan for all of the things, for each of the values that are right."""
    if not things:
        return
    target = Target("", tuple(thing.entity for thing in things), collective=True)
    for value in wanted:
        yield Plan((Action(target, attribute, value),))


def _turned(spoken: Spoken, *, on: bool) -> Iterator[Meaning]:
    actions = []
    for thing in _things(spoken):
        attribute, yes, no = _ON.get(thing.domain, (Attribute.POWER, "on", "off"))
        entity = spoken.home.registry.entities[thing.entity]
        capability = entity.capability(attribute)
        value = yes if on else no
        if capability is not None and capability.settable and value in capability.domain:
            actions.append(Action(Target("", (thing.entity,)), attribute, value))
    if actions:
        yield Plan(tuple(actions))


def _light_set(spoken: Spoken) -> Iterator[Meaning]:
    lights = _things(spoken, "light")
    if (color := _one(spoken.slots.get("color"))) is not None:
        yield from _plan(lights, Attribute.COLOR, str(color))
    if (level := _one(spoken.slots.get("brightness"))) is not None:
        # The tests say 1 for "the lowest".
        lowest: tuple[Wanted, ...] = (Extreme.MINIMUM,) if level == 1 else ()
        yield from _plan(lights, Attribute.BRIGHTNESS, float(level), *lowest)


def _position(spoken: Spoken) -> Iterator[Meaning]:
    things, level = _things(spoken), float(_one(spoken.slots["position"]))
    yield from _plan(things, Attribute.POSITION, level)
    if level in {0.0, 100.0}:
        yield from _plan(things, Attribute.OPENING, "open" if level else "closed")


def _volume(spoken: Spoken) -> Iterator[Meaning]:
    players = _things(spoken, "media_player")
    yield from _plan(players, Attribute.VOLUME, float(_one(spoken.slots["volume_level"])))


def _media(attribute: str, value: str) -> Callable[[Spoken], Iterator[Meaning]]:
    return lambda spoken: _plan(_things(spoken, "media_player"), attribute, value)


def _vacuum(value: str) -> Callable[[Spoken], Iterator[Meaning]]:
    return lambda spoken: _plan(_things(spoken, "vacuum"), Attribute.ACTIVITY, value)


def _set_temperature(spoken: Spoken) -> Iterator[Meaning]:
    things = _things(spoken, "climate")
    wanted = float(_one(spoken.slots["temperature"]))
    yield from _plan(things, Attribute.TEMPERATURE, wanted)
    if len(things) > 1 and not {"name", "area", "floor"} & spoken.slots.keys():
        # "The temperature" of nowhere: asking which one is right, and so is the only one that
        # is called just "thermostat".
        which = Target("", tuple(thing.entity for thing in things))
        yield Plan((Action(which, Attribute.TEMPERATURE, wanted),))
        for thing in things:
            yield from _plan([thing], Attribute.TEMPERATURE, wanted)


def _get_temperature(spoken: Spoken) -> Iterator[Meaning]:
    things = _things(spoken, "climate")
    ids = tuple(thing.entity for thing in things)
    if things:
        yield Query(Ask.STATE, Target("", ids), Attribute.CURRENT_TEMPERATURE)
        # It is answered with what is measured, too.
        yield Query(Ask.STATE, Target("", ids), Attribute.TEMPERATURE)


def _add_item(spoken: Spoken) -> Iterator[Meaning]:
    item = str(_one(spoken.slots["item"]))
    name = spoken.slots.get("name", "Shopping list")
    lists = _things(replace(spoken, slots={"name": name}), "todo")
    yield from _plan(lists, Attribute.TEXT, item)


def _weather(spoken: Spoken) -> Iterator[Meaning]:
    stations = _things(spoken, "weather")
    for thing in stations:
        yield from _states(spoken.home.registry, (thing,))


def _states(registry: Registry, things: Sequence[Thing]) -> Iterator[Query]:
    """The questions for whatever the things report."""
    readable: dict[str, list[str]] = {}
    for thing in things:
        for capability in registry.entities[thing.entity].capabilities:
            if capability.readable:
                readable.setdefault(capability.attribute, []).append(thing.entity)
    for attribute, ids in readable.items():
        yield Query(Ask.STATE, Target("", tuple(ids)), attribute)


def _get_state(spoken: Spoken) -> Iterator[Meaning]:
    things, registry = _things(spoken), spoken.home.registry
    state = _one(spoken.slots.get("state"))
    if not things:
        return
    if state is None:
        yield from _states(registry, things)
        return
    ids = tuple(thing.entity for thing in things)
    attribute, value = _reported(registry, things[0], str(state))
    target = Target("", ids)
    if "name" in spoken.slots and spoken.slots["name"] != "all":
        yield Query(Ask.STATE, target, attribute, value)
        yield Query(Ask.STATE, target, attribute)
        return
    asked = {*plain(spoken.text).split()}
    if {"how", "many"} <= asked:
        asks: tuple[Ask, ...] = (Ask.COUNT,)
    elif asked & _WHICH:
        asks = (Ask.WHICH, Ask.ANY)  # both answers name those that are
    else:
        asks = (Ask.STATE,)
    for ask in asks:
        yield Query(ask, target, attribute, value)


_WHICH = frozenset({"any", "anyone", "anything", "there", "what", "which", "who"})


def _reported(registry: Registry, thing: Thing, state: str) -> tuple[str, Value]:
    """The attribute and the word for a state as the tests write it."""
    capabilities = registry.entities[thing.entity].capabilities
    readable = [one for one in capabilities if one.readable]
    for capability in readable:
        if state in capability.domain or not isinstance(capability.domain, Choice):
            return capability.attribute, state
    # Binary sensors: our words for on and off, in this order.
    domain = readable[0].domain
    options = domain.options if isinstance(domain, Choice) else ("", "")
    return readable[0].attribute, options[0] if state == "on" else options[-1]


_MEANINGS: Mapping[str, Callable[[Spoken], Iterator[Meaning]]] = MappingProxyType(
    {
        "HassClimateGetTemperature": _get_temperature,
        "HassClimateSetTemperature": _set_temperature,
        "HassGetState": _get_state,
        "HassGetWeather": _weather,
        "HassLightSet": _light_set,
        "HassListAddItem": _add_item,
        "HassMediaNext": _media(Attribute.COMMAND, "next"),
        "HassMediaPause": _media(Attribute.PLAYBACK, "paused"),
        "HassMediaPrevious": _media(Attribute.COMMAND, "previous"),
        "HassMediaUnpause": _media(Attribute.PLAYBACK, "playing"),
        "HassSetPosition": _position,
        "HassSetVolume": _volume,
        "HassShoppingListAddItem": _add_item,
        "HassTurnOff": lambda spoken: _turned(spoken, on=False),
        "HassTurnOn": lambda spoken: _turned(spoken, on=True),
        "HassVacuumReturnToBase": _vacuum("returning"),
        "HassVacuumStart": _vacuum("cleaning"),
    }
)
