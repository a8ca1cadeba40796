"""What a configuration asks for, made of the parts of every layer; nothing is started here."""

import gc
from collections.abc import Callable, Sequence
from pathlib import Path

from edge_agent.config import Config, RequirementConfig
from edge_agent.core.entity import Area, Attribute, Floor, Group, Origin, Risk
from edge_agent.core.interlock import Control, Requirement, Rule
from edge_agent.core.policy import Policy, Verdict
from edge_agent.core.registry import Annotation, Registry
from edge_agent.devices.adapter import Adapter
from edge_agent.devices.appliance import Appliance
from edge_agent.devices.homeassistant import HomeAssistant
from edge_agent.devices.shelly import Shelly
from edge_agent.devices.tasmota import Tasmota
from edge_agent.devices.vss import Vss, load_vss_json
from edge_agent.devices.zigbee2mqtt import Zigbee2Mqtt
from edge_agent.language.interpreter import Interpreter
from edge_agent.models import ModelSpec, find_model
from edge_agent.mqtt.settings import BrokerSettings
from edge_agent.service.executor import Interlocks
from edge_agent.service.worker import Loaded


def broker_settings(config: Config) -> BrokerSettings:
    """Where the broker is and who we are there."""
    mqtt = config.mqtt
    return BrokerSettings(
        client_id=mqtt.client_id or f"edge-agent-{config.node}",
        url=mqtt.url,
        username=mqtt.username,
        password=config.mqtt_password,
        ca_file=mqtt.ca_file,
        cert_file=mqtt.cert_file,
        key_file=mqtt.key_file,
        keepalive=mqtt.keepalive,
        protocol=mqtt.protocol,
        backoff_min=min(1.0, mqtt.backoff_max),
        backoff_max=mqtt.backoff_max,
    )


def configured_registry(config: Config) -> Registry:
    """Areas, floors, groups and annotations, before any device is known."""
    home = config.home
    return Registry.configured(
        areas=[Area(key, item.name, item.floor, item.aliases) for key, item in home.areas.items()],
        floors=[Floor(key, item.name, item.aliases) for key, item in home.floors.items()],
        groups=[
            Group(key, item.name, item.members, item.aliases) for key, item in home.groups.items()
        ],
        annotations={
            key: Annotation(item.name, item.area, item.aliases, item.hidden)
            for key, item in home.entities.items()
        },
    )


def translators(config: Config, car: Vss | None, appliance: Appliance | None) -> list[Adapter]:
    """The translators; what knows its devices at first hand comes before Home Assistant's."""
    devices = config.devices
    found: list[tuple[bool, Callable[[], Adapter]]] = [
        (devices.zigbee2mqtt.enabled, lambda: Zigbee2Mqtt(devices.zigbee2mqtt.base)),
        (devices.tasmota.enabled, lambda: Tasmota(devices.tasmota.prefix)),
        (devices.shelly.enabled, lambda: Shelly(devices.shelly.prefixes)),
        (devices.homeassistant.enabled, lambda: HomeAssistant(devices.homeassistant.prefix)),
    ]
    adapters = [make() for enabled, make in found if enabled]
    return [*([appliance] if appliance else []), *adapters, *([car] if car else [])]


def vehicle(config: Config) -> Vss | None:
    """The translator of the configured VSS signals, if there are any."""
    signals = list(config.vehicle.signals)
    if config.vehicle.tree is not None:
        signals.extend(load_vss_json(Path(config.vehicle.tree), config.vehicle.allow))
    return Vss(signals) if signals else None


def policy(config: Config) -> Policy:
    """The defaults of the contract with the configuration's own verdicts on top."""
    default = Policy()
    verdicts: dict[Origin, dict[Risk, Verdict]] = {
        origin: {**default.verdicts[origin], **config.policy.of(origin)} for origin in Origin
    }
    return Policy(verdicts, config.pin, config.policy.deny, config.policy.confirm)


def interlocks(config: Config, vehicle: Vss | None) -> Interlocks:
    """The vehicle's rules, where there is a vehicle."""
    if vehicle is None:
        return Interlocks()
    rules = tuple(
        Rule(
            frozenset(
                Control(*control)
                for pattern in item.signals
                for control in vehicle.controls(pattern)
            ),
            item.values,
            _requirements(item.requires),
        )
        for item in config.policy.interlocks
    )
    inputs = {
        name: Control(path, Attribute.VALUE)
        for name, path in config.policy.interlock_inputs.items()
        if vehicle.has(path)
    }
    return Interlocks(rules, inputs, config.policy.interlock_max_age)


def _requirements(items: Sequence[RequirementConfig]) -> tuple[Requirement, ...]:
    return tuple(
        Requirement(
            item.signal, item.at_most, item.one_of, item.otherwise, _requirements(item.if_absent)
        )
        for item in items
    )


def chosen_model(config: Config) -> tuple[ModelSpec, Path, str | None]:
    """The model that a configuration means, its file, and the checksum if one is known.

    Raises:
        ModelError: There is no such model, or its file is not installed.
    """
    spec = find_model(config.model.name)
    if config.model.file is None:
        return spec, spec.path(), config.model.sha256 or spec.sha256
    return spec, Path(config.model.file), config.model.sha256


def model_loader(config: Config) -> Callable[[], Loaded]:
    """A function that loads the configured model; called in the worker's thread."""

    def load() -> Loaded:
        # tinygrad is imported here, so that nothing but the worker pays for it.
        from edge_agent.service.tokens import TokenModel  # noqa: PLC0415
        from edge_agent.slm.model import load_model  # noqa: PLC0415

        spec, path, sha256 = chosen_model(config)
        model = load_model(
            path,
            n_ctx=config.model.context,
            max_bytes=config.board.memory_mb << 20,
            expected_sha256=sha256,
            backend=config.slm.backend,
            threads=config.board.threads,
        )
        usage = spec.usage_of(model.metadata, path)
        model.warm()
        interpreter = Interpreter(TokenModel(model), usage.prompt, usage.calibration)
        name = spec.name if config.model.file is None else model.name
        # What is here by now stays: walking it in every collection would cost a command 70 ms.
        gc.collect()
        gc.freeze()
        return Loaded(name, model.sha256, interpreter, model.engine, model.remark)

    return load
