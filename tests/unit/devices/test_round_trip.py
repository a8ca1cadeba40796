"""Every command that the translators can send, carried out by the simulated home and car."""

import pytest

from edge_agent.core.command import Command
from edge_agent.core.entity import Choice, Range
from edge_agent.core.state import Observation
from edge_agent.devices.homeassistant import HomeAssistant
from edge_agent.devices.vss import Signal, Vss
from edge_agent.sim.car import load_car, load_signals
from edge_agent.sim.home import load_home


def home():
    adapter, devices = HomeAssistant(), load_home(pace=0)
    for device in devices:
        for message in device.announce():
            assert not adapter.discover(message.topic, message.payload.encode()).problems
    return adapter, devices


def car():
    def frozen(value):
        return tuple(value) if isinstance(value, list) else value

    signals = [Signal(**{key: frozen(v) for key, v in item.items()}) for item in load_signals()]
    return Vss(signals), load_car(pace=0)


class World:
    def __init__(self, adapter, devices):
        self.adapter = adapter
        self.by_topic = {topic: device for device in devices for topic in device.topics}
        self.now = 0.0
        self.said = {}
        for device in devices:
            self.hear(device.report())

    def hear(self, messages):
        for message in messages or ():
            for change in self.adapter.observe(message.topic, message.payload.encode()):
                if isinstance(change, Observation):
                    self.said[change.entity, change.attribute] = change.value

    def carry_out(self, command):
        for message in self.adapter.messages(command):
            device = self.by_topic[message.topic]
            self.now += 60
            self.hear(device.handle(message.topic, message.payload.decode(), self.now))
            for _ in range(4):
                self.now += 60
                self.hear(device.tick(self.now))


def wanted(domain):
    match domain:
        case Choice(options):
            return options
        case Range(low, high):
            return (low, (low + high) // 2, high)
        case _:
            return ("milk",)


@pytest.mark.parametrize("make", [home, car])
def test_every_command_is_carried_out_and_confirmed(make):
    adapter, devices = make()
    world = World(adapter, devices)
    confirmed = 0
    for entity in adapter.known().upsert:
        for capability in entity.capabilities:
            for value in wanted(capability.domain) if capability.settable else ():
                world.carry_out(Command(entity.id, capability.attribute, value))
                if not capability.readable:
                    continue
                seen = world.said.get((entity.id, str(capability.attribute)))
                assert capability.matches(value, seen), (entity.id, value, seen)
                confirmed += 1
    assert confirmed > 150
