import asyncio

import pytest

from edge_agent.core.command import Command
from edge_agent.core.registry import Annotation, Registry
from edge_agent.errors import PlanError
from edge_agent.mqtt.message import Lane, Message


@pytest.fixture
def rig(make_rig):
    return make_rig()


def take(rig, *messages):
    async def play():
        return await rig.devices.take(messages)

    return rig.run(play)


def state(topic, payload, *, retain=False, at=1000.0):
    return Message(topic, payload, retain, 0, Lane.STATE, at)


def discovery(topic, payload):
    return Message(topic, payload, True, 1, Lane.DISCOVERY, 1000.0)


def test_subscriptions_cover_discovery_and_every_state_once(rig):
    table = rig.devices.subscriptions()
    lanes = {entry.topic_filter: entry.lane for entry in table}
    assert len(lanes) == len(table)
    assert lanes["fake/+/config"] is Lane.DISCOVERY
    assert lanes["state/light.sofa/power"] is Lane.STATE
    assert not any(topic.startswith("set/") for topic in lanes)


def test_states_are_kept_with_their_time_and_whether_they_were_retained(rig):
    take(
        rig,
        state("state/light.sofa/power", b"on", at=1001.0),
        state("state/light.desk/power", b"off", retain=True),
        state("state/light.nobody/power", b"on"),
    )
    seen = rig.devices.state.get("light.sofa", "power")
    assert (seen.value, seen.at, seen.retained) == ("on", 1001.0, False)
    assert rig.devices.state.get("light.desk", "power").retained
    assert rig.devices.state.get("light.nobody", "power") is None


def test_removed_entity_takes_its_state_with_it(rig):
    take(rig, state("state/light.sofa/power", b"on"))
    assert take(rig, discovery("fake/light.sofa/config", b"")) is True
    assert "light.sofa" not in rig.devices.registry.entities
    assert rig.devices.state.get("light.sofa", "power") is None


def test_damaged_discovery_is_a_problem_and_no_change(rig):
    version = rig.devices.registry.version
    assert take(rig, *[discovery("fake/x/config", b"{")] * 3) is False
    assert rig.devices.problems == ["fake/x/config: is damaged"]
    assert rig.devices.registry.version == version


def test_problems_are_bounded(rig):
    take(rig, *[discovery(f"fake/{number}/config", b"{") for number in range(100)])
    assert len(rig.devices.problems) == 20
    assert rig.devices.problems[-1] == "fake/99/config: is damaged"


def test_foreign_discovery_is_nobodys(rig):
    assert take(rig, discovery("other/x/config", b"")) is False
    assert rig.devices.problems == []


def test_new_configuration_is_laid_under_what_was_discovered(rig):
    rig.observe("light.sofa", "power", "on")
    version = rig.devices.registry.version
    notes = {"light.sofa": Annotation(name="reading light"), "light.desk": Annotation(hidden=True)}
    rig.devices.reconfigure(Registry.configured(annotations=notes))
    assert rig.devices.registry.version > version
    assert rig.devices.registry.entities["light.sofa"].name == "reading light"
    assert "light.desk" not in rig.devices.registry.entities
    assert rig.devices.state.value("light.sofa", "power") == "on"


def test_command_to_nobody_is_a_plan_error(rig):
    with pytest.raises(PlanError):
        rig.devices.messages(Command("light.gone", "power", "on"))


def test_waiting_ends_with_the_state_that_is_waited_for(rig):
    def is_on():
        return rig.devices.state.value("light.sofa", "power") == "on"

    async def play():
        waiting = asyncio.create_task(rig.devices.until(is_on, 5.0))
        await asyncio.sleep(0)
        rig.report("state/light.desk/power", "on")
        await asyncio.sleep(0.01)
        assert not waiting.done()
        rig.report("state/light.sofa/power", "on")
        return await waiting, await rig.devices.until(lambda: False, 0.01)

    assert rig.run(play) == (True, False)
