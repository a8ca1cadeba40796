"""The whole product with its real language model: the demo, and the daemon on mosquitto."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.background import AgentThread
from edge_agent.sim.car import HEARTBEAT, load_car
from edge_agent.sim.home import load_home
from edge_agent.sim.world import World

ROOT = Path(__file__).parents[2]
CAR = ROOT / "firmware_configs" / "car-head-unit.yaml"

pytestmark = pytest.mark.model


def demo(sentence: str) -> tuple[int, dict]:
    """The exit code of the demo with one sentence, and what it shows."""
    result = subprocess.run(
        [sys.executable, "-m", "edge_agent.cli", "demo", "--json", "--say", sentence],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        cwd=ROOT,
    )
    assert result.stdout, result.stderr
    return result.returncode, json.loads(result.stdout.splitlines()[-1])


def test_a_command_moves_a_device_and_the_demo_exits_0():
    code, shown = demo("turn on the kitchen light")
    assert code == 0, shown
    assert [change[0] for change in shown["changes"]] == ["kitchen_light"]
    assert shown["response"]["status"] == "ok"


def test_a_question_changes_nothing_and_the_demo_exits_1():
    code, shown = demo("is the front door locked?")
    assert code == 1
    assert shown["messages"] == []
    assert shown["changes"] == []
    assert shown["response"]["status"] == "ok"


def test_the_real_model_over_a_real_broker(mosquitto):
    settings = [f"mqtt.url={mosquitto.url}", "agent.id=system"]
    with (
        World(mosquitto.url, [*load_home(0), *load_car(0)], heartbeat=HEARTBEAT) as world,
        AgentThread(CAR, settings) as agent,
        agent.requester as client,
    ):
        done = client.ask("turn on the desk lamp")
        assert done["status"] == "ok"
        assert [call["outcome"] for call in done["calls"]] == ["confirmed"]
        assert world.state("desk_lamp")["state"] == "ON"
        sent = len(world.log)
        assert sent == 1
        asked = client.ask("is the desk lamp on?")
        assert (asked["status"], asked["calls"]) == ("ok", [])
        assert asked["text"] == "Yes, the Desk Lamp is on."
        assert len(world.log) == sent
