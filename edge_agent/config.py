"""The configuration of one device: YAML in, a frozen Config out.

Every error names the file, the key and what is legal there. A file may extend another one;
`--set a.b=value` overrides any key.
"""

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import msgspec

from edge_agent.config_errors import convert
from edge_agent.config_files import apply_override, read_layers
from edge_agent.config_voice import VoiceConfig
from edge_agent.core.entity import Origin, Risk
from edge_agent.core.interlock import MAX_AGE
from edge_agent.core.policy import Verdict
from edge_agent.devices.appliance import ApplianceSettings
from edge_agent.devices.vss_signals import Signal
from edge_agent.errors import ConfigError


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class AgentConfig(_Section, frozen=True, kw_only=True):
    """`agent`: who this daemon is and how long it waits."""

    id: str = ""
    """The node in its topics; empty: the host's name."""
    confirm_timeout: float = 2.0
    """Seconds that a device has to confirm a command."""
    request_timeout: float = 30.0
    """Seconds after which a request that still waits is dropped and reported."""
    area: str | None = None
    """Area of a speaker who names none."""
    state_dir: str | None = None
    """Where delayed commands outlive a restart; without it $STATE_DIRECTORY, or nowhere."""


class BoardConfig(_Section, frozen=True, kw_only=True):
    """`board`: what the hardware has to give."""

    threads: int = 0
    """Threads of the model; 0: one for each physical core."""
    memory_mb: int = 1024
    """Budget for the whole daemon; a model file that is bigger is refused."""


class ModelConfig(_Section, frozen=True, kw_only=True):
    """`model`: which language model."""

    name: str = "smart-home"
    """A shipped model, or one that a package carries."""
    file: str | None = None
    """A GGUF file of one's own instead; it is asked as it says, or else as `name` is."""
    sha256: str | None = None
    context: int = 1024
    """Tokens that prompt and answer may take together."""


class SlmConfig(_Section, frozen=True, kw_only=True):
    """`slm`: how the language model is computed."""

    backend: Literal["auto", "fused", "tensor"] = "auto"
    """One program for the CPU, plain tinygrad, or the first of them that can be had."""


class MqttConfig(_Section, frozen=True, kw_only=True):
    """`mqtt`: the broker."""

    url: str = "mqtt://127.0.0.1:1883"
    client_id: str | None = None
    username: str | None = None
    password_file: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    keepalive: int = 30
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    backoff_max: float = 60.0
    response_prefixes: tuple[str, ...] = ("edge-agent/",)
    """Where a Response Topic may point to."""


class HomeAssistantConfig(_Section, frozen=True, kw_only=True):
    """`devices.homeassistant`: MQTT discovery."""

    enabled: bool = True
    prefix: str = "homeassistant"


class Zigbee2MqttConfig(_Section, frozen=True, kw_only=True):
    """`devices.zigbee2mqtt`: the bridge's own list of devices."""

    enabled: bool = True
    base: str = "zigbee2mqtt"


class TasmotaConfig(_Section, frozen=True, kw_only=True):
    """`devices.tasmota`: Tasmota's own discovery."""

    enabled: bool = True
    prefix: str = "tasmota/discovery"


class ShellyConfig(_Section, frozen=True, kw_only=True):
    """`devices.shelly`: devices that do not announce themselves to Home Assistant."""

    enabled: bool = True
    prefixes: dict[str, str] = {}
    """Topic prefix -> spoken name; the first generation is found without."""


class DevicesConfig(_Section, frozen=True, kw_only=True):
    """`devices`: where devices come from."""

    homeassistant: HomeAssistantConfig = HomeAssistantConfig()
    zigbee2mqtt: Zigbee2MqttConfig = Zigbee2MqttConfig()
    tasmota: TasmotaConfig = TasmotaConfig()
    shelly: ShellyConfig = ShellyConfig()


class FloorConfig(_Section, frozen=True, kw_only=True):
    """An item of `home.floors`."""

    name: str
    aliases: tuple[str, ...] = ()


class AreaConfig(_Section, frozen=True, kw_only=True):
    """An item of `home.areas`."""

    name: str
    floor: str | None = None
    aliases: tuple[str, ...] = ()


class GroupConfig(_Section, frozen=True, kw_only=True):
    """An item of `home.groups`."""

    name: str
    members: tuple[str, ...]
    """Entity ids."""
    aliases: tuple[str, ...] = ()


class EntityConfig(_Section, frozen=True, kw_only=True):
    """An item of `home.entities`: what is added to a discovered entity."""

    name: str | None = None
    area: str | None = None
    aliases: tuple[str, ...] = ()
    hidden: bool = False


class HomeConfig(_Section, frozen=True, kw_only=True):
    """`home`: what discovery does not tell."""

    floors: dict[str, FloorConfig] = {}
    areas: dict[str, AreaConfig] = {}
    groups: dict[str, GroupConfig] = {}
    entities: dict[str, EntityConfig] = {}


class VehicleConfig(_Section, frozen=True, kw_only=True):
    """`vehicle`: signals, one by one or a whole VSS export with an allow-list."""

    signals: tuple[Signal, ...] = ()
    """COVESA VSS signals."""
    tree: str | None = None
    """A JSON export of vss-tools."""
    allow: tuple[str, ...] = ()
    """Paths of the tree that are used; `*` matches anything."""


InterlockInput: TypeAlias = Literal["speed", "gear", "current_gear", "parking_brake"]


class RequirementConfig(_Section, frozen=True, kw_only=True):
    """What an interlock asks of one input."""

    signal: InterlockInput
    at_most: float | None = None
    one_of: tuple[str, ...] = ()
    otherwise: str
    if_absent: "tuple[RequirementConfig, ...]" = ()
    """What must hold instead in a vehicle that does not have the signal."""


class InterlockConfig(_Section, frozen=True, kw_only=True):
    """An item of `policy.interlocks`."""

    signals: tuple[str, ...]
    """VSS paths; `*` matches anything."""
    values: tuple[str, ...] = ("*",)
    requires: tuple[RequirementConfig, ...]


class PolicyConfig(_Section, frozen=True, kw_only=True):
    """`policy`: who may do what."""

    command: dict[Risk, Verdict] = {}
    voice: dict[Risk, Verdict] = {}
    deny: tuple[str, ...] = ()
    confirm: tuple[str, ...] = ()
    pin_file: str | None = None
    interlocks: tuple[InterlockConfig, ...] = ()
    interlock_inputs: dict[str, str] = {}
    """Name of an input -> VSS path that carries it."""
    interlock_max_age: float = MAX_AGE

    def of(self, origin: Origin) -> Mapping[Risk, Verdict]:
        """The verdicts that are set for an origin."""
        return self.voice if origin is Origin.VOICE else self.command


class LogConfig(_Section, frozen=True, kw_only=True):
    """`log`."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class Config(_Section, frozen=True, kw_only=True):
    """Everything that one firmware config says."""

    agent: AgentConfig = AgentConfig()
    board: BoardConfig = BoardConfig()
    model: ModelConfig = ModelConfig()
    slm: SlmConfig = SlmConfig()
    mqtt: MqttConfig = MqttConfig()
    devices: DevicesConfig = DevicesConfig()
    home: HomeConfig = HomeConfig()
    vehicle: VehicleConfig = VehicleConfig()
    appliance: ApplianceSettings | None = None
    """The device that the daemon is built into, where it announces nothing itself."""
    voice: VoiceConfig = VoiceConfig()
    policy: PolicyConfig = PolicyConfig()
    log: LogConfig = LogConfig()
    mqtt_password: str | None = None
    """Filled from `mqtt.password_file` or the service manager's credentials."""
    pin: str | None = None
    """Filled from `policy.pin_file` or the service manager's credentials."""

    @property
    def node(self) -> str:
        """The agent's id in its topics."""
        return self.agent.id or socket.gethostname()


SECRETS = ("mqtt_password", "pin")
"""Fields of a Config that no file may give in the open."""


def load_config(
    path: Path,
    overrides: Sequence[str] = (),
    *,
    environ: Mapping[str, str] = os.environ,
) -> Config:
    """The configuration in a file, with what it extends and the overrides on top.

    Args:
        path: The YAML file.
        overrides: `key.path=value`, the value in YAML.
        environ: Where $CREDENTIALS_DIRECTORY is looked up.

    Raises:
        ConfigError: A file, a key or a value is wrong; the text names it and what is legal.
    """
    merged = read_layers(path, _sections())
    for override in overrides:
        apply_override(merged, override)
    for secret in SECRETS:
        if secret in merged:
            raise ConfigError(f"{path}: {secret}: unknown key; secrets come from files")
    config = convert(merged, Config, str(path), hidden=SECRETS)
    _check(config, path)
    return msgspec.structs.replace(
        config,
        mqtt_password=_secret(
            config.mqtt.password_file, "mqtt-password", environ, f"{path}: mqtt.password_file"
        ),
        pin=_secret(config.policy.pin_file, "pin", environ, f"{path}: policy.pin_file"),
    )


def _sections() -> list[str]:
    return ["extends", *(name for name in Config.__struct_fields__ if name not in SECRETS)]


def _check(config: Config, path: Path) -> None:
    def positive(key: str, value: float) -> None:
        if not 0 < value < float("inf"):
            raise ConfigError(f"{path}: {key}: {value:g} must be more than 0")

    positive("agent.confirm_timeout", config.agent.confirm_timeout)
    positive("agent.request_timeout", config.agent.request_timeout)
    positive("policy.interlock_max_age", config.policy.interlock_max_age)
    positive("board.memory_mb", config.board.memory_mb)
    positive("model.context", config.model.context)
    positive("voice.patience", config.voice.patience)
    positive("voice.follow_up", config.voice.follow_up)
    positive("voice.recogniser.threads", config.voice.recogniser.threads)
    if config.voice.recogniser.beam is not None:
        positive("voice.recogniser.beam", config.voice.recogniser.beam)
    if config.board.threads < 0:
        raise ConfigError(f"{path}: board.threads: must be 0 (all cores) or more")
    if any(char in config.node for char in "+#/$\0") or not config.node.isprintable():
        raise ConfigError(f"{path}: agent.id: {config.node!r} may not contain + # / $")
    for name, area in config.home.areas.items():
        if area.floor is not None and area.floor not in config.home.floors:
            floors = ", ".join(config.home.floors) or "none are defined"
            raise ConfigError(f"{path}: home.areas.{name}.floor: {area.floor!r}; legal: {floors}")
    if config.appliance is not None:
        try:
            config.appliance.check()
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error
    _check_interlocks(config.policy, path)


def _check_interlocks(policy: PolicyConfig, path: Path) -> None:
    for name in policy.interlock_inputs:
        if name not in get_args(InterlockInput):
            legal = ", ".join(get_args(InterlockInput))
            raise ConfigError(f"{path}: policy.interlock_inputs: {name!r}; legal: {legal}")
    for index, rule in enumerate(policy.interlocks):
        where = f"{path}: policy.interlocks[{index}].requires"
        for requirement in _all_of(rule.requires):
            if requirement.at_most is None and not requirement.one_of:
                raise ConfigError(f"{where}: needs at_most or one_of")


def _all_of(requirements: Sequence[RequirementConfig]) -> Iterator[RequirementConfig]:
    for requirement in requirements:
        yield requirement
        yield from _all_of(requirement.if_absent)


class _Secret(str):
    """Hides itself where a config is printed."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<hidden>"


def _secret(
    file: str | None, credential: str, environ: Mapping[str, str], where: str
) -> str | None:
    if file is not None:
        try:
            secret = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise ConfigError(f"{where}: {file} cannot be read: {error}") from error
        if not secret:
            raise ConfigError(f"{where}: {file} is empty")
        return _Secret(secret)
    directory = environ.get("CREDENTIALS_DIRECTORY")
    if directory is None:
        return None
    try:
        secret = (Path(directory) / credential).read_text(encoding="utf-8").strip()
        return _Secret(secret) if secret else None
    except (OSError, UnicodeDecodeError):
        return None  # every credential is optional
