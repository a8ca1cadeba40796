"""What the programs that measure the voice share: what was heard, kept; what it means; tables."""

import argparse
import asyncio
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from edge_agent.config import Config, load_config
from edge_agent.config_files import find_config
from edge_agent.core.entity import Origin
from edge_agent.core.registry import Registry
from edge_agent.devices.appliance import Appliance
from edge_agent.devices.homeassistant import HomeAssistant
from edge_agent.hearing import is_closed
from edge_agent.language.dialogue import Dialogue
from edge_agent.language.interpreter import Reading
from edge_agent.language.vocabulary import Vocabulary
from edge_agent.parts import configured_registry, model_loader, vehicle
from edge_agent.service.notify import Watchdog
from edge_agent.service.reader import Reader
from edge_agent.service.request import Request
from edge_agent.service.worker import Worker
from edge_agent.sim.home import load_home
from edge_agent.voice import recogniser
from edge_agent.voice.bias import bias_of
from edge_agent.voice.ports import RATE, Bias, Heard, Recogniser, Samples
from edge_agent.voice.recogniser import RecogniserSettings, make_recogniser

ROOT = Path(__file__).parents[2]
ENGINES = ("whisper", "moonshine")
_SAVE_EVERY = 20.0
"""Seconds."""
_HEARS = (
    "bias features lexicon moonshine pieces reading recogniser search weights whisper vad"
).split()
"""Modules of the voice that decide what is heard."""


@dataclass(frozen=True)
class Place:
    """What a firmware config is about: where sentences are said."""

    config: Config
    registry: Registry

    @property
    def bias(self) -> Bias:
        """What its recogniser is told."""
        closed = is_closed(self.config)
        return bias_of(self.registry, self.config.voice.phrases, closed=closed)


def coffee_maker() -> Place:
    """The appliance with a closed menu."""
    config = load_config(find_config("coffee-maker.yaml", ROOT))
    assert config.appliance is not None
    return Place(config, configured_registry(config).apply(Appliance(config.appliance).known()))


def home_and_car() -> Place:
    """Everything of the demo."""
    config = load_config(find_config("car-head-unit.yaml", ROOT))
    car = vehicle(config)
    assert car is not None
    return Place(config, with_home(configured_registry(config).apply(car.known())))


def with_home(registry: Registry) -> Registry:
    """A registry with what the home of the demo announces."""
    home = HomeAssistant("homeassistant")
    for device in load_home():
        for topic, payload in device.discovery.items():
            registry = registry.apply(home.discover(topic, payload.encode()))
    return registry


class Mind:
    """The language model of a place, asked as the daemon asks it about what was heard."""

    def __init__(self, place: Place) -> None:
        self.registry = place.registry
        self._runner = asyncio.Runner()
        worker = Worker(model_loader(place.config), Watchdog(60.0, time.monotonic))
        self._runner.run(worker.start())
        if worker.model is None:
            raise SystemExit(worker.problem)
        self.interpreter = worker.model.interpreter
        self.vocabulary = Vocabulary(place.registry)
        self.name = f"{worker.model.name} {worker.model.sha256[:12]}"
        self._reader = Reader(worker, Dialogue(), time.monotonic)

    def read(self, *readings: str) -> Reading:
        """What a sentence means, given every way it may have been heard, the best first."""
        text, *others = readings
        request = Request(
            id="",
            text=text,
            origin=Origin.VOICE,
            conversation_id="",
            received=time.monotonic(),
            readings=tuple(others),
        )
        asked = self._reader.read(request, None, self.registry, None, lambda: False)
        return self._runner.run(asked)[0]

    def is_clear(self, reading: Reading) -> bool:
        """Whether it would be acted on, or answered, without a question."""
        return self._reader._is_clear(reading, self.registry)


@dataclass(frozen=True)
class Recognised:
    """What one engine made of one sound."""

    readings: tuple[Heard, ...]
    cpu: float
    """Seconds."""
    seconds: float
    """Of sound."""

    @property
    def texts(self) -> Sequence[str]:
        """The readings, the best first."""
        return [one.text for one in self.readings]

    @property
    def text(self) -> str:
        """The best reading; empty where there is none."""
        return self.readings[0].text if self.readings else ""


class Ears:
    """A recogniser with a bias; it is loaded when something is heard that was not heard before.

    What was heard is kept in a file, by what the sound is called, the engine, the bias and the
    program of the recogniser: with another language model nothing is heard anew.
    """

    def __init__(self, engine: str, bias: Bias, cache: "Cache", *, beam: int | None = None) -> None:
        self._settings = RecogniserSettings(engine=engine, beam=beam)
        self._bias = bias
        self._cache = cache
        about = json.dumps([engine, beam, asdict(bias), _program()])
        self._digest = hashlib.sha256(about.encode()).hexdigest()[:16]
        self._recogniser: Recogniser | None = None

    def hear(self, name: str, sound: Callable[[], Samples]) -> Recognised:
        """What is heard in a sound of this name."""
        key = f"{self._digest} {name}"
        known = self._cache.get(key)
        if known is None:
            known = self._heard(sound())
            self._cache.put(key, known)
        return known

    def _heard(self, samples: Samples) -> Recognised:
        if self._recogniser is None:
            self._recogniser = make_recogniser(self._settings)
            self._recogniser.bias(self._bias)
            self._recogniser.transcribe(samples)  # warm
        started = time.process_time()
        readings = self._recogniser.transcribe(samples) if samples.size else ()
        return Recognised(tuple(readings), time.process_time() - started, len(samples) / RATE)


class Cache:
    """What was heard, in a JSON file; in memory alone where none is named."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: dict[str, Any] = {}
        if path is not None and path.is_file():
            self._known = json.loads(path.read_text())
        self._saved = time.monotonic()

    def get(self, key: str) -> Recognised | None:
        if key not in self._known:
            return None
        readings, cpu, seconds = self._known[key]
        return Recognised(tuple(Heard(*one) for one in readings), cpu, seconds)

    def put(self, key: str, heard: Recognised) -> None:
        readings = [[one.text, round(one.score, 4)] for one in heard.readings]
        self._known[key] = [readings, round(heard.cpu, 4), round(heard.seconds, 3)]
        if time.monotonic() - self._saved > _SAVE_EVERY:
            self.save()

    def save(self) -> None:
        if self._path is not None:
            new = self._path.with_name(f"{self._path.name}.{os.getpid()}")
            new.write_text(json.dumps(self._known, indent=0))
            new.replace(self._path)
        self._saved = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.save()


def _program() -> str:
    folder = Path(recogniser.__file__).parent
    sources = b"".join((folder / f"{name}.py").read_bytes() for name in _HEARS)
    return hashlib.sha256(sources).hexdigest()


def arguments(about: str | None) -> argparse.ArgumentParser:
    """A parser with the options that all these programs have."""
    parser = argparse.ArgumentParser(description=(about or "").split("\n", 1)[0])
    parser.add_argument("--engine", nargs="+", default=list(ENGINES), choices=ENGINES)
    parser.add_argument("--count", type=int, default=None, help="so many, to try it")
    parser.add_argument("--cache", type=Path, default=None, help="JSON file of what was heard")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def share(hits: int, total: int) -> str:
    """A count as people read it: "97.3 % (146 of 150)"."""
    return f"{hits / total:.1%} ({hits} of {total})" if total else "none"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows below each other, columns aligned."""
    lines = [list(map(str, line)) for line in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
