"""Measures this machine: the model alone, and whole commands over a real link.

A program, not a test: figures depend on what else runs.
"""

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edge_agent.background import AgentProcess
from edge_agent.config import load_config
from edge_agent.config_files import find_config
from edge_agent.errors import EdgeAgentError
from edge_agent.models import find_model
from edge_agent.service.logs import configure_logs
from edge_agent.sim.crowd import many
from edge_agent.sim.mosquitto import a_broker
from edge_agent.sim.world import World

SIZES = (10, 100, 1000)
_ROUNDS = 30
_PAUSE = 0.1
"""Seconds between two commands: nobody says the next while the last is being done."""
_IDLE_SECONDS = 10.0


def bench(model: Path | None, threads: int | None, against: Path | None = None) -> dict[str, Any]:
    """The figures of this machine.

    Args:
        model: Another GGUF file than the configured one.
        threads: Threads of the model; one, and one for each core, without it.
        against: llama.cpp's `llama-bench`, to be measured in turn on the same file.

    Returns:
        `engine` (see `measure_engine`), `start_cold_s`, and by number of devices `commands`:
        milliseconds, `rss_mb`, `idle_cpu_percent` of one core, `start_s` with a warm cache.

    Raises:
        EdgeAgentError: The model or the other program cannot be used.
    """
    from edge_agent.bench_engine import measure_engine  # noqa: PLC0415 - it loads tinygrad
    from edge_agent.slm.fused.pool import physical_cores  # noqa: PLC0415

    configure_logs("error", journal=False)
    figures: dict[str, Any] = {"machine": _machine()}
    file = model
    if file is None:
        hub = load_config(find_config("smart-home-hub.yaml", Path.cwd()))
        file = find_model(hub.model.name).path()
    counts = (threads,) if threads else tuple(sorted({1, physical_cores()}))
    figures["engine"] = measure_engine(file, counts, against)
    figures["start_cold_s"] = _cold_start()
    overrides = [] if model is None else [f"model.file={model}"]
    overrides += [] if threads is None else [f"board.threads={threads}"]
    figures["commands"] = {str(size): _commands(size, overrides) for size in SIZES}
    return figures


def table(figures: dict[str, Any]) -> str:
    """The figures for a person."""
    from edge_agent.bench_engine import engine_lines  # noqa: PLC0415

    lines = [f"machine   {figures['machine']}", *engine_lines(figures["engine"])]
    lines += [
        f"start     {figures['start_cold_s']:.1f} s until warm without a kernel cache",
        f"          {min(row['start_s'] for row in figures['commands'].values()):.1f} s with it",
        "",
        "devices   to device p50   p95      whole p50   p95      RSS       idle CPU",
    ]
    for size, row in figures["commands"].items():
        device, whole = row["to_device_ms"], row["whole_ms"]
        lines.append(
            f"{size:>7}   {device['p50']:>8.0f} ms {device['p95']:>5.0f} ms"
            f"   {whole['p50']:>6.0f} ms {whole['p95']:>5.0f} ms"
            f"   {row['rss_mb']:>4.0f} MB   {row['idle_cpu_percent']:.2f} %"
        )
    return "\n".join(lines)


def _machine() -> str:
    return f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores"


def _commands(devices: int, overrides: Sequence[str]) -> dict[str, Any]:
    """Whole commands to a daemon of its own, in a home of so many devices."""
    config = find_config("smart-home-hub.yaml", Path.cwd())
    with a_broker() as broker, World(broker.url, many(devices)) as world:
        sets = [f"mqtt.url={broker.url}", "mqtt.protocol=3.1.1", "agent.id=bench"]
        sets += ["log.level=error", *overrides]
        with AgentProcess(config, sets) as agent, agent.requester as client:
            _until(lambda: len(client.control("devices")["devices"]) >= devices, 60)
            names = [
                device["name"]
                for device in client.control("devices")["devices"]
                if "power" in device["settable"]
            ]
            to_device, whole = [], []
            for index in range(_ROUNDS + 1):
                sent = time.monotonic()
                name = names[index * 7 % len(names)]
                client.ask(f"turn {'on' if index % 2 else 'off'} the {name}")
                done = time.monotonic()
                seen = [entry.time for entry in world.log if entry.time >= sent]
                if index:  # the first one after a start is not like the others
                    whole.append(done - sent)
                    to_device += [min(seen) - sent] if seen else []
                time.sleep(_PAUSE)
            cpu, since = agent.cpu_seconds(), time.monotonic()
            time.sleep(_IDLE_SECONDS)
            idle = (agent.cpu_seconds() - cpu) / (time.monotonic() - since)
            return {
                "start_s": round(agent.seconds_to_ready, 2),
                "asked": len(whole),
                "acted": len(to_device),
                "to_device_ms": _percentiles(to_device),
                "whole_ms": _percentiles(whole),
                "rss_mb": round(agent.rss_bytes() / (1 << 20), 1),
                "idle_cpu_percent": round(idle * 100, 2),
            }


def _cold_start() -> float:
    """Seconds until the model is warm where no kernel was ever compiled."""
    config = find_config("smart-home-hub.yaml", Path.cwd())
    with tempfile.TemporaryDirectory() as cache:
        started = time.monotonic()
        subprocess.run(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "edge_agent.cli", "warm", "--config", str(config)],
            env={**os.environ, "XDG_CACHE_HOME": cache},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return round(time.monotonic() - started, 2)


def _until(condition: Callable[[], bool], timeout: float) -> None:
    give_up = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > give_up:
            raise EdgeAgentError("the simulated devices were not discovered in time")
        time.sleep(0.05)


def _percentiles(seconds: Sequence[float]) -> dict[str, float]:
    if not seconds:
        return {"p50": float("nan"), "p95": float("nan")}
    ordered = sorted(seconds)
    return {
        "p50": round(statistics.median(ordered) * 1e3, 1),
        "p95": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))] * 1e3, 1),
    }
