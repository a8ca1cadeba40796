"""Measures the daemon with a voice: how long a spoken command takes, what it costs, what it holds.

    EDGE_AGENT_SPEECH_DATA=... python tests/voice/latency.py --engine whisper --count 4

The daemon is a process of its own among the simulated home and car on a real mosquitto; only its
sound devices are not real: the microphone hears, as fast as time goes, what is spoken here. Times
are from the last sample of a sentence to the message at the device, the silence included by which
its end is found. Asleep it hears a kitchen.
"""

import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from measured import ROOT, arguments, table
from spoken import kitchen, say

sys.path.insert(0, str(Path(__file__).parents[1]))
from support import start_broker

from edge_agent.background import AgentProcess
from edge_agent.config_files import find_config
from edge_agent.sim.car import HEARTBEAT, load_car
from edge_agent.sim.home import load_home
from edge_agent.sim.world import World
from edge_agent.voice.ports import RATE, Samples

BLOCK = 512
_DEVICE = Path(__file__).with_name("device")
_WAKE = {"micro": "okay nabu", "open": "hey jarvis"}
"""What each wake engine hears best of espeak-ng."""
_COMMANDS = (
    "turn on the kitchen light",
    "turn off the kitchen light",
    "set the bedside lamp to forty percent",
    "turn on the desk lamp",
    "turn off the desk lamp",
    "close the passenger window",
    "turn on the driver seat heating",
    "set the roller shutter to sixty percent",
    "turn on the coffee machine",
    "turn on the hallway light and the garden lights",
)
_GIVE_UP = 8.0
_ANSWERED = 4.0
"""Seconds after which the answer has been spoken."""


@dataclass
class Measured:
    """What one daemon did."""

    engine: str
    wake: str
    said: int = 0
    seconds: list[float] = field(default_factory=list)
    """From the end of a sentence to the device."""
    asleep: float = 0.0
    """Share of a core."""
    rss_mb: float = 0.0

    def row(self) -> Sequence[str]:
        done = f"{len(self.seconds)} of {self.said}"
        times = ["-", "-", "-"]
        if self.seconds:
            high = float(np.quantile(self.seconds, 0.95))
            found = (statistics.median(self.seconds), high, max(self.seconds))
            times = [f"{one:.2f}" for one in found]
        return (self.engine, self.wake, done, *times, f"{self.asleep:.1%}", f"{self.rss_mb:.0f}")


class Pipe:
    """What the microphone hears, 32 ms after 32 ms."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self.background: Samples | None = None
        self._said: list[Samples] = []
        self._turn = threading.Condition()
        self._ends = False
        self._hiss = np.random.default_rng(seed=3)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def hear(self, sound: Samples) -> float:
        """Let a sound be heard; back when its last block was, with the time of its end."""
        whole = np.pad(sound, (0, -len(sound) % BLOCK))
        with self._turn:
            self._said = list(whole.reshape(-1, BLOCK))
            self._turn.wait_for(lambda: not self._said)
            return time.monotonic() - (len(whole) - len(sound)) / RATE

    def close(self) -> None:
        self._ends = True
        self._thread.join(5)

    def _run(self) -> None:
        with self.path.open("wb") as pipe:
            due, at = time.monotonic(), 0
            while not self._ends:
                due += BLOCK / RATE
                time.sleep(max(0.0, due - time.monotonic()))  # a block is given when it is whole
                heard = self._hiss.standard_normal(BLOCK) * 20
                if self.background is not None:
                    heard += self.background[at : at + BLOCK]
                    at = (at + BLOCK) % (len(self.background) - BLOCK)
                with self._turn:
                    if self._said:
                        heard += self._said.pop(0)
                    try:
                        pipe.write(np.clip(heard, -32768, 32767).astype(np.int16).tobytes())
                        pipe.flush()
                    except BrokenPipeError:
                        return
                    self._turn.notify_all()


def spoken(text: str) -> Samples:
    """A sentence to its last sound."""
    sound = say(text)
    loud = np.flatnonzero(np.abs(sound.astype(np.int32)) > 0.02 * np.abs(sound).max())
    return sound[: loud[-1] + 1]


@contextmanager
def daemon(engine: str, wake: str, folder: Path) -> Iterator[tuple[AgentProcess, World, Pipe]]:
    """A daemon with a voice in the simulated home and car."""
    with ExitStack() as stack:
        broker = start_broker(folder)
        stack.callback(broker.stop)
        pipe = Pipe(folder / "microphone")
        world = stack.enter_context(
            World(broker.url, [*load_home(), *load_car()], heartbeat=HEARTBEAT)
        )
        settings = (
            f"mqtt.url={broker.url}",
            "agent.id=hall",
            "voice.enabled=true",
            f"voice.wake.engine={wake}",
            f"voice.wake.words=[{_WAKE[wake].replace(' ', '_')}]",
            f"voice.recogniser.engine={engine}",
        )
        paths = os.pathsep.join(filter(None, (str(_DEVICE), os.environ.get("PYTHONPATH"))))
        environ = {**os.environ, "PYTHONPATH": paths, "EDGE_AGENT_MICROPHONE": str(pipe.path)}
        config = find_config("car-head-unit.yaml", ROOT)
        yield stack.enter_context(AgentProcess(config, settings, environ)), world, pipe
        pipe.close()


def measure(engine: str, wake: str, count: int, asleep: float) -> Measured:
    """One daemon, so many commands, and so many seconds of sleep."""
    found = Measured(engine, wake)
    order = random.Random(0)
    with (
        tempfile.TemporaryDirectory() as folder,
        daemon(engine, wake, Path(folder)) as (agent, world, pipe),
    ):
        time.sleep(5.0)  # the voice is loaded, the devices have announced themselves
        for number in range(count):
            pipe.hear(say(_WAKE[wake]))
            time.sleep(order.uniform(0.3, 0.8))
            mark = time.monotonic()
            ended = pipe.hear(spoken(_COMMANDS[number % len(_COMMANDS)]))
            world.wait(lambda world, mark=mark: _sent(world, mark) is not None, _GIVE_UP)
            sent = _sent(world, mark)
            found.said += 1
            if sent is not None:
                found.seconds.append(sent - ended)
            time.sleep(_ANSWERED)
        pipe.background = (kitchen() // 4).astype(np.int16)
        time.sleep(1.0)
        before, since = agent.cpu_seconds(), time.monotonic()
        time.sleep(asleep)
        found.asleep = (agent.cpu_seconds() - before) / (time.monotonic() - since)
        found.rss_mb = agent.rss_bytes() / 1e6
    return found


def _sent(world: World, since: float) -> float | None:
    """When the first device was commanded after a time."""
    return next((entry.time for entry in list(world.log) if entry.time >= since), None)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--wake", nargs="+", default=["micro"], choices=tuple(_WAKE))
    parser.add_argument("--asleep", type=float, default=30.0, help="seconds")
    options = parser.parse_args()
    count = 30 if options.count is None else options.count
    found = [
        measure(engine, wake, count, options.asleep)
        for engine in options.engine
        for wake in options.wake
    ]
    if options.json:
        print(json.dumps([asdict(one) for one in found], indent=1))
        return
    head = ("engine", "wake", "done", "p50 s", "p95 s", "max s", "asleep, of a core", "RSS MB")
    print(table(head, [one.row() for one in found]))


if __name__ == "__main__":
    main()
