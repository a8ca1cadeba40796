"""What is wrong on this machine and how to mend it: config, model, broker, CPU, memory, audio."""

import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_agent.app import App
from edge_agent.config import Config, ModelConfig, load_config
from edge_agent.core.registry import Registry
from edge_agent.errors import EdgeAgentError, ModelError
from edge_agent.models import ModelSpec, find_model
from edge_agent.mqtt.requester import Requester
from edge_agent.parts import broker_settings, chosen_model, model_loader
from edge_agent.service.health import rss_bytes

_MEGABYTE = 1 << 20
_LEAST_FREE = 50
"""Megabytes that the system keeps for itself."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    ok: bool
    found: str
    remedy: str = ""
    """How to mend it; empty where nothing is wrong."""

    def line(self) -> str:
        """For a person."""
        text = f"{'ok  ' if self.ok else 'BAD '} {self.subject:<10} {self.found}"
        return f"{text}\n     -> {self.remedy}" if self.remedy else text

    def as_dict(self) -> dict[str, Any]:
        """For a program."""
        return asdict(self)


def check(path: Path, overrides: Sequence[str]) -> list[Finding]:
    """Everything that was looked at; a config that cannot be read ends it early.

    Raises:
        ConfigError: The config is wrong: nothing else can be looked at.
    """
    config = load_config(path, overrides)
    app = App(config, lambda: config)  # what the daemon would refuse at its start is refused here
    findings = [Finding("config", ok=True, found=f"{path} for node {config.node}")]
    loaded: list[object] = []  # all that the daemon has in memory, until it has been weighed
    findings += [*_model(config), *_compiler(config), *_engine(config, loaded), *_broker(config)]
    findings += [*_processor(config), *_voice(config, app.devices.registry, loaded)]
    return [*findings, _memory(config)]


def models_to_fetch(wanted: Sequence[str]) -> list[str]:
    """What pip has to install so that models are there and whole; nothing for those we ship.

    Args:
        wanted: Names of models, or config files, ending in .yaml, that name them.

    Raises:
        EdgeAgentError: A config is wrong, there is no such model, or a shipped one is damaged.
    """
    names: list[str] = []
    for item in wanted:
        model = load_config(Path(item)).model if item.endswith(".yaml") else ModelConfig(name=item)
        names += [model.name] if model.file is None else []
    requirements = []
    for name in dict.fromkeys(names):
        spec = find_model(name)
        try:
            _look_whole(spec)
        except ModelError:
            if spec.requirement is None:
                raise
            requirements.append(spec.requirement)
    return requirements


def _look_whole(spec: ModelSpec) -> None:
    from edge_agent.slm.gguf import sha256_file  # noqa: PLC0415

    path = spec.path()
    if sha256_file(path) != spec.sha256:
        raise ModelError(f"{path} is damaged: its SHA-256 is not {spec.sha256}")


def _model(config: Config) -> Iterator[Finding]:
    # sha256_file comes with tinygrad's neighbours, but does not load it.
    from edge_agent.slm.gguf import open_gguf, sha256_file  # noqa: PLC0415

    try:
        spec, path, wanted = chosen_model(config)
        file = open_gguf(path, max_bytes=config.board.memory_mb * _MEGABYTE)
        spec.usage_of(file.metadata, path)
        if wanted is not None and sha256_file(path) != wanted.lower():
            yield Finding("model", ok=False, found=f"{path} is damaged", remedy="install it again")
            return
    except EdgeAgentError as error:
        yield Finding("model", ok=False, found=str(error), remedy="see model.name and model.file")
        return
    size = path.stat().st_size / _MEGABYTE
    yield Finding("model", ok=True, found=f"{spec.name}, {size:.0f} MB, {path}")


def _compiler(_config: Config) -> Iterator[Finding]:
    compiler = shutil.which(os.environ.get("CC", "clang"))
    if compiler is None:
        cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "tinygrad"
        yield Finding(
            "clang",
            ok=(cache / "cache.db").exists(),
            found="not installed; kernels that are not in the cache cannot be compiled",
            remedy="apt install clang",
        )
        return
    yield Finding("clang", ok=True, found=compiler)


def _engine(config: Config, kept: list[object]) -> Iterator[Finding]:
    started = time.monotonic()
    try:
        loaded = model_loader(config)()
        kept.append(loaded)
    except EdgeAgentError as error:
        yield Finding("engine", ok=False, found=str(error), remedy="see slm.backend")
        return
    yield Finding(
        "engine",
        ok=loaded.remark is None,
        found=f"{loaded.engine}, loaded in {time.monotonic() - started:.1f} s",
        remedy=loaded.remark or "",
    )


def _broker(config: Config) -> Iterator[Finding]:
    from dataclasses import replace  # noqa: PLC0415

    settings = replace(broker_settings(config), client_id=f"edge-agent-check-{os.getpid()}")
    started = time.monotonic()
    try:
        with Requester(settings, config.node):
            took = (time.monotonic() - started) * 1e3
            yield Finding("broker", ok=True, found=f"{config.mqtt.url} answers in {took:.0f} ms")
    except EdgeAgentError as error:
        yield Finding(
            "broker",
            ok=False,
            found=str(error),
            remedy="start the broker, or set mqtt.url, mqtt.username and mqtt.password_file",
        )


def _processor(config: Config) -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0))
    threads = config.board.threads
    too_many = threads > cores
    yield Finding(
        "cpu",
        ok=not too_many,
        found=f"{platform.machine()}, {cores} cores; board.threads is {threads or 'all'}",
        remedy=f"set board.threads to at most {cores}" if too_many else "",
    )


def _voice(config: Config, registry: Registry, kept: list[object]) -> Iterator[Finding]:
    if not config.voice.enabled:
        yield Finding("audio", ok=True, found="voice is off (voice.enabled); text over MQTT works")
        return
    from edge_agent.check_voice import VoiceCheck  # noqa: PLC0415 - only who has a voice

    voice = VoiceCheck(config, registry)
    kept.append(voice)
    yield from voice.findings()


def _memory(config: Config) -> Finding:
    """What is loaded by now, against what the board has to give."""
    used, free = rss_bytes() / _MEGABYTE, _available_memory() / _MEGABYTE
    budget = config.board.memory_mb
    remedy = ""
    if used > budget:
        remedy = "raise board.memory_mb where the board has more"
        if config.voice.speech.engine == "piper":
            remedy += ", or set voice.speech.engine to espeak"
        elif config.voice.enabled:
            remedy += ", or switch voice.enabled off"
    elif 0 < free < _LEAST_FREE:
        remedy = "end other programs: beside the daemon nothing fits any more"
    return Finding(
        "memory",
        ok=not remedy,
        found=f"{used:.0f} MB with all of this, of {budget} (board.memory_mb); {free:.0f} are free",
        remedy=remedy,
    )


def _available_memory(read: Callable[[], str] = Path("/proc/meminfo").read_text) -> int:
    for line in read().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return 0
