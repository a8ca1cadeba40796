"""Every thing of the simulated home and car can be spoken of by its own name."""

import json

import pytest

from edge_agent.config import load_config
from edge_agent.config_files import find_config
from edge_agent.core.names import fold
from edge_agent.core.registry import Registry
from edge_agent.devices.homeassistant import HomeAssistant
from edge_agent.language.vocabulary import Vocabulary
from edge_agent.parts import configured_registry, vehicle
from edge_agent.sim.home import load_home


@pytest.fixture(scope="module")
def registry(pytestconfig) -> Registry:
    config = load_config(find_config("car-head-unit.yaml", pytestconfig.rootpath))
    home, car = HomeAssistant("homeassistant"), vehicle(config)
    registry = configured_registry(config).apply(car.known())
    for device in load_home():
        for topic, payload in device.discovery.items():
            registry = registry.apply(home.discover(topic, payload.encode()))
    return registry


def test_a_name_said_in_full_is_among_the_targets(registry):
    vocabulary = Vocabulary(registry)
    missing = [
        name
        for entity in registry.entities.values()
        if not entity.diagnostic
        and (name := fold(registry.spoken_name(entity.id)))
        and not any(
            spoken.target.phrase == name and entity.id in spoken.target.entities
            for spoken in vocabulary.candidates(f"turn on the {name} please", None).targets
        )
    ]
    assert missing == []


def test_a_name_that_is_also_a_kind_means_the_thing_of_that_name(registry):
    (named,) = [known for known in registry.entities.values() if known.name == "Thermostat"]
    candidates = Vocabulary(registry).candidates("set the thermostat to 22", None).targets
    (target,) = [one.target for one in candidates if one.target.phrase == "thermostat"]
    assert target.entities == (named.id,)


def test_names_that_contain_another_name_do_not_crowd_it_out(registry):
    flood = HomeAssistant("homeassistant")
    for number in range(100):
        config = {
            "unique_id": f"flood{number}",
            "command_topic": f"flood/{number}",
            "device": {
                "identifiers": [f"flood{number}"],
                "name": f"lock the front door {number} lock it now",
            },
        }
        topic = f"homeassistant/light/flood{number}/config"
        registry = registry.apply(flood.discover(topic, json.dumps(config).encode()))
    candidates = Vocabulary(registry).candidates("lock the front door", None).targets
    assert "front door" in [one.target.phrase for one in candidates]
