"""What the model of one firmware config has to know: sorts of worlds, and its very own devices.

Reads the config and, where there is one, the list that `edge-agent devices --json` prints. Knows no
sentences and no tensors.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from random import Random
from types import MappingProxyType

import msgspec

from edge_agent.config import Config, load_config
from edge_agent.core.entity import Area, Capability, Choice, Domain, Entity, Kind, Range, Reading
from edge_agent.core.entity import Text as FreeText
from edge_agent.core.names import slug
from edge_agent.core.registry import Changes, Registry
from edge_agent.errors import ConfigError, FactoryError
from edge_agent.factory.examples.data import Line, lines
from edge_agent.factory.sentences.bank import BANK, Split
from edge_agent.factory.sentences.cases import OWN, load_source
from edge_agent.factory.worlds import Archetypes
from edge_agent.parts import configured_registry, vehicle

OWN_SHARE = 0.3
"""Of all cases, where a config lists devices."""
ADAPTED_SHARE = 0.7
"""Of the cases that a finished model is adapted with; the others keep what it can do."""

_HOME: Mapping[str, float] = MappingProxyType({"home": 0.85, "appliance": 0.15})
_CAR: Mapping[str, float] = MappingProxyType({"car": 0.75, "home": 0.2, "appliance": 0.05})
_SECURITY = frozenset(
    {Kind.LOCK, Kind.GARAGE_DOOR, Kind.GATE, Kind.DOOR, Kind.TRUNK, Kind.VALVE, Kind.ALARM}
)
_RANGE = re.compile(r"(-?[\d.e+]+) to (-?[\d.e+]+)( .*)?")
_TEXT = re.compile(r"up to (\d+) characters")


@dataclass(frozen=True, slots=True)
class Firmware:
    """A firmware config as the factory sees it; small, so that processes can be told of it."""

    config: Path
    overrides: tuple[str, ...] = ()
    devices: Path | None = None
    """What `edge-agent devices --json` printed; its devices count as listed by the config."""
    own_share: float = OWN_SHARE

    @property
    def name(self) -> str:
        """What the model is called if nobody says otherwise."""
        return self.config.stem

    def load(self) -> Config:
        """The config, checked.

        Raises:
            ConfigError: It is wrong, or there is no source of devices in it.
        """
        return _load(self)

    def own(self) -> Registry | None:
        """The devices that are listed; None where all of them are only found at run time.

        Raises:
            EdgeAgentError: The config or the list is wrong; the text says where.
        """
        return _own(self)

    def worlds(self) -> Mapping[str, float]:
        """Shares of the sorts of world that its model learns."""
        config = self.load()
        signals = config.vehicle.signals or config.vehicle.tree is not None
        shares = dict(_CAR if signals else _HOME)
        if self.own() is None:
            return shares
        rest = 1 - self.own_share
        return {**{sort: share * rest for sort, share in shares.items()}, OWN: self.own_share}

    def digest(self) -> str:
        """Changes when the config's devices or worlds do."""
        config = self.load()
        told = {"devices": config.devices, "home": config.home, "vehicle": config.vehicle}
        parts = [msgspec.json.encode(told), str(self.own_share).encode()]
        paths = [self.devices, Path(config.vehicle.tree) if config.vehicle.tree else None]
        parts += [_bytes(path) for path in paths if path is not None]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]

    def __call__(self, split: Split, seed: int, count: int) -> Iterator[Line]:
        """Lines of data: firmwares are passed to `write_lines` as what makes them."""
        return lines(split, seed, count, worlds=self.worlds(), own=self.own())


@lru_cache(maxsize=2)
def _load(firmware: Firmware) -> Config:
    config = load_config(firmware.config, firmware.overrides)
    found = config.devices
    sources = (found.homeassistant, found.zigbee2mqtt, found.tasmota, found.shelly)
    car = config.vehicle
    listed = car.signals or car.tree is not None or firmware.devices is not None
    if not listed and not any(source.enabled for source in sources):
        raise ConfigError(
            f"{firmware.config}: devices: a model needs a source of devices; legal: "
            "homeassistant, zigbee2mqtt, tasmota or shelly enabled, or vehicle.signals"
        )
    return config


@lru_cache(maxsize=2)
def _own(firmware: Firmware) -> Registry | None:
    config = firmware.load()
    registry = configured_registry(config)
    if (car := vehicle(config)) is not None:
        registry = registry.apply(car.known())
    if firmware.devices is not None:
        registry = registry.apply(read_devices(firmware.devices))
    missing = [
        entity_id
        for entity_id in config.home.entities
        if "." in entity_id and entity_id not in registry.entities
    ]
    if missing:
        stand_ins = _stand_ins(load_source().archetypes, missing)
        registry = registry.apply(Changes(upsert=tuple(stand_ins)))
    return registry if registry.entities else None


class _Listed(msgspec.Struct, frozen=True):
    """One device as `edge-agent devices --json` prints it."""

    id: str
    name: str
    kind: Kind
    area: str | None = None
    aliases: tuple[str, ...] = ()
    state: dict[str, str | float | None] = {}
    settable: dict[str, str] = {}


def read_devices(path: Path) -> Changes:
    """The devices in a list that `edge-agent devices --json` printed.

    Raises:
        FactoryError: It is missing, damaged or empty; the text names the place.
    """
    try:
        listed = msgspec.json.decode(_bytes(path), type=list[_Listed])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FactoryError(
            f"{path}: is not what `edge-agent devices --json` prints: {error}"
        ) from error
    if not listed:
        raise FactoryError(f"{path}: lists no devices")
    areas = {one.area: Area(slug(one.area), one.area) for one in listed if one.area}
    return Changes(
        upsert=tuple(_entity(one) for one in listed),
        areas=tuple(areas.values()),
    )


def _entity(one: _Listed) -> Entity:
    settable = [Capability(name, _domain(told)) for name, told in one.settable.items()]
    readable = [
        Capability(name, Reading(), settable=False)
        for name in one.state
        if name not in one.settable
    ]
    area = slug(one.area) if one.area else None
    return Entity(
        one.id,
        one.name,
        one.kind,
        (*settable, *readable),
        area,
        one.aliases,
        security=one.kind in _SECURITY,
    )


def _domain(told: str) -> Domain:
    """The legal values that `Domain.describe` put into words."""
    if match := _RANGE.fullmatch(told):
        return Range(float(match[1]), float(match[2]), unit=_unit(match[3] or ""))
    if match := _TEXT.fullmatch(told):
        return FreeText(int(match[1]))
    return Choice(tuple(told.split(", ")))


def _unit(spoken: str) -> str:
    return {" percent": "%", " degrees": "°C", " kelvin": "K"}.get(spoken, spoken.strip())


def _stand_ins(archetypes: Archetypes, ids: Sequence[str]) -> Iterator[Entity]:
    """Devices that a config annotates and discovery has yet to find: some of the same sort.

    The sort is what stands before the point of an id, as in `light.floor_lamp`.
    """
    random = Random("stand-ins")
    known: dict[str, Entity] = {}
    for key in archetypes.devices:
        for part in archetypes.parts(random, key, "device", Split.TRAIN):
            if not part.entity.diagnostic and not part.own:
                known.setdefault(part.entity.id.partition(".")[0], part.entity)
    for entity_id in ids:
        sort, _, name = entity_id.partition(".")
        if sort in known:
            spoken = name.replace("_", " ")
            yield replace(known[sort], id=entity_id, name=spoken, area=None, device=None)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FactoryError(f"{path}: cannot be read: {error.strerror or error}") from error


def bank_digest(directory: Path = BANK) -> str:
    """Changes when what data are made of does."""
    digest = hashlib.sha256()
    for file in sorted(directory.rglob("*.yaml")):
        digest.update(f"{file.relative_to(directory)}\0".encode() + _bytes(file))
    return digest.hexdigest()[:16]
