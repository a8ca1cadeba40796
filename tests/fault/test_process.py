"""The daemon as a process: how it starts without a usable model, reloads and ends."""

import contextlib
import json
import os
import signal
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import NODE, Tap, pick, wait_for

from edge_agent.background import AgentProcess
from edge_agent.models import find_model
from edge_agent.sim.world import World

HUB = "extends: smart-home-hub.yaml\n"
RESPONSE = f"edge-agent/{NODE}/response"
HEALTH = f"edge-agent/{NODE}/health"
STATUS = f"edge-agent/{NODE}/status"


@pytest.fixture
def start(mosquitto, tmp_path) -> Iterator[Callable[..., tuple[AgentProcess, Tap]]]:
    """Return a function that starts a daemon with a model file and settings."""
    config = tmp_path / "hub.yaml"
    config.write_text(HUB)
    with contextlib.ExitStack() as stack:
        tap = stack.enter_context(Tap(mosquitto.url))
        stack.enter_context(World(mosquitto.url, pick("desk_lamp")))

        def begin(model: Path, *settings: str) -> tuple[AgentProcess, Tap]:
            every = [f"mqtt.url={mosquitto.url}", f"agent.id={NODE}", f"model.file={model}"]
            process = AgentProcess(config, [*every, *settings], {**os.environ, "TERM": "dumb"})
            return stack.enter_context(process), tap

        yield begin


def say(tap: Tap, text: str) -> dict:
    before = len(tap.on(RESPONSE))
    tap.publish(f"edge-agent/{NODE}/command", text)
    assert tap.wait(lambda: len(tap.on(RESPONSE)) > before, 10)
    return tap.on(RESPONSE)[before].body


def foreign(path: Path) -> None:
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 0))


def text(path: Path) -> None:
    path.write_text("this is not a model\n" * 100)


def empty(path: Path) -> None:
    path.touch()


def truncated(path: Path) -> None:
    with find_model("smollm2-135m-instruct").path().open("rb") as whole:
        path.write_bytes(whole.read(1 << 20))


def missing(path: Path) -> None:
    assert not path.exists()


@pytest.mark.parametrize("damage", [missing, empty, text, foreign, truncated])
def test_without_a_usable_model_it_serves_and_says_why(start, tmp_path, damage):
    model = tmp_path / "model.gguf"
    damage(model)
    process, tap = start(model)
    assert "is ready" in process.ready_line
    assert "no language model" in process.ready_line
    answer = say(tap, "turn on the desk lamp")
    assert answer["status"] == "error"
    assert answer["calls"] == []
    assert str(model) in answer["reason"]
    # Before, it says that the model is still loading.
    assert tap.wait(lambda: "no language model" in str(health(tap)[-1:]))
    assert health(tap)[-1]["model"] is None


def health(tap: Tap) -> list[dict]:
    return [message.body for message in tap.on(HEALTH)]


@pytest.mark.model
def test_a_model_with_one_flipped_bit_is_refused(start, tmp_path):
    spec = find_model("smollm2-135m-instruct")
    raw = bytearray(spec.path().read_bytes())
    raw[len(raw) // 2] ^= 1
    model = tmp_path / "flipped.gguf"
    model.write_bytes(raw)
    process, tap = start(model, f"model.sha256={spec.sha256}")
    assert "no language model" in process.ready_line
    assert "SHA-256" in say(tap, "turn on the desk lamp")["reason"]


def test_sigterm_ends_it_within_two_seconds_and_says_offline(start, tmp_path):
    process, tap = start(tmp_path / "none.gguf")
    assert tap.wait(lambda: tap.on(STATUS))
    started = time.monotonic()
    os.kill(process.pid, signal.SIGTERM)
    code = process._process.wait(5)
    assert time.monotonic() - started < 2
    assert code == 0
    assert tap.wait(lambda: tap.on(STATUS)[-1].payload == b"offline", 2)


def test_kill_9_is_noticed_by_the_last_will(start, tmp_path):
    process, tap = start(tmp_path / "none.gguf")
    os.kill(process.pid, signal.SIGKILL)
    process._process.wait(5)
    assert tap.wait(lambda: tap.on(STATUS)[-1].payload == b"offline", 2)


def test_sighup_takes_over_new_aliases(start, tmp_path):
    process, tap = start(tmp_path / "none.gguf")
    assert tap.wait(lambda: health(tap) and health(tap)[-1]["devices"] == 1)
    (tmp_path / "hub.yaml").write_text(
        HUB + "home: {entities: {light.desk_lamp: {aliases: [writing light]}}}\n"
    )
    os.kill(process.pid, signal.SIGHUP)
    wait_for(lambda: aliases(tap) == ["writing light"], 5)


def test_sighup_with_a_broken_file_changes_nothing(start, tmp_path):
    process, tap = start(tmp_path / "none.gguf")
    assert tap.wait(lambda: health(tap) and health(tap)[-1]["devices"] == 1)
    (tmp_path / "hub.yaml").write_text("home: [")
    os.kill(process.pid, signal.SIGHUP)
    time.sleep(0.3)
    assert aliases(tap) == []
    assert process._process.poll() is None


def aliases(tap: Tap) -> list[str]:
    before = len(tap.on(RESPONSE))
    tap.publish(f"edge-agent/{NODE}/control", json.dumps({"op": "devices"}))
    assert tap.wait(lambda: len(tap.on(RESPONSE)) > before, 5)
    (lamp,) = tap.on(RESPONSE)[before].body["devices"]
    return lamp["aliases"]
