"""Kills the broker again and again while commands run, and counts what went wrong.

    python tests/fault/kill_broker.py --kills 100

Twenty devices, ten commands a second, each with a number of its own: a number that reaches a
device without having been read as a command, or twice, is a ghost.
"""

import argparse
import itertools
import json
import logging
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

sys.path.insert(0, str(Path(__file__).parents[1]))

from support import Rig, start_broker, wait_for

from edge_agent.sim.accept import NumberLeaf, SetOne
from edge_agent.sim.device import Device

NAMES = (
    "alpha bravo charlie delta echo foxtrot golf hotel india juliett "
    "kilo lima mike november oscar papa quebec romeo sierra tango"
).split()
_RATE = 10.0  # commands a second


@dataclass
class Tally:
    """What a trial found."""

    kills: int = 0
    reconnects: list[float] = field(default_factory=list)
    """Seconds from the moment the broker listens until all subscriptions are confirmed."""
    recovered: int = 0
    """Kills after which a command was carried out and confirmed again."""
    said: int = 0
    """Commands handed to a broker."""
    accepted: int = 0
    """Commands that the daemon read."""
    statuses: Counter[str] = field(default_factory=Counter)
    twice: int = 0
    """Accepted commands with more than one response."""
    unheard: int = 0
    """Accepted commands without a response at the requester."""
    given_up: int = 0
    """Responses that the daemon gave up, as its health message counts them."""
    ghosts: list[str] = field(default_factory=list)
    false_ok: list[str] = field(default_factory=list)
    """Commands said to be done that no device got."""

    def p95(self) -> float:
        """The 95th percentile of the reconnects."""
        return sorted(self.reconnects)[max(0, round(0.95 * len(self.reconnects)) - 1)]


def gadgets() -> list[Device]:
    """Twenty devices that take any number."""
    return [
        Device(
            name,
            discovery={
                f"homeassistant/number/{name}/config": json.dumps(
                    {
                        "name": None,
                        "unique_id": name,
                        "device": {"identifiers": [name], "name": name},
                        "command_topic": f"gadget/{name}/set",
                        "state_topic": f"gadget/{name}",
                        "min": 0,
                        "max": 1_000_000,
                    }
                )
            },
            commands={f"gadget/{name}/set": SetOne("value", NumberLeaf(0, 1_000_000, whole=True))},
            reports={f"gadget/{name}": "value"},
            values={"value": 0},
        )
        for name in NAMES
    ]


def trial(broker: Any, kills: int, rng: random.Random, backoff_max: float = 60.0) -> Tally:
    """Kill a broker so often under commands; the tally of it."""
    tally = Tally()
    settings = (f"mqtt.backoff_max={backoff_max:g}",)
    with Rig(broker.url, gadgets(), settings=settings, heartbeat=()) as rig:
        numbers = itertools.count(1)
        with commanding(rig, numbers, rng):
            for _ in range(kills):
                time.sleep(rng.uniform(0.1, 0.6))
                tally.kills += 1
                broker.kill()
                time.sleep(rng.uniform(0.0, 0.5))
                broker.start()
                listens = time.monotonic()
                wait_for(lambda: rig.agent.app.link.connected, 60, "the agent does not come back")
                tally.reconnects.append(time.monotonic() - listens)
                wait_for(lambda: rig.world.connected and rig.tap.subscribed, 10)
                tally.recovered += recovers(rig, numbers, rng)
        time.sleep(3.0)  # the last commands time out and are answered
        tally.said = next(numbers) - 1
        judge(rig, tally)
    return tally


def sentence(number: int, rng: random.Random) -> str:
    """A command that no other one resembles."""
    return f"set {rng.choice(NAMES)} to {number}"


@contextmanager
def commanding(rig: Rig, numbers: Iterator[int], rng: random.Random) -> Iterator[None]:
    """Say commands all the while, whether a broker is there or not."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(1 / _RATE):
            if rig.tap.subscribed:
                number = next(numbers)
                say(rig, number, sentence(number, rng))

    thread = threading.Thread(target=run, name="commanding")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def say(rig: Rig, number: int, text: str) -> None:
    """Say a command once: a requester that repeats itself would be answered twice."""
    rig.tap.send(rig.topic("command"), json.dumps({"id": str(number), "text": text}))


def recovers(rig: Rig, numbers: Iterator[int], rng: random.Random) -> bool:
    """Whether a command gets through again within five seconds."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        number = next(numbers)
        say(rig, number, sentence(number, rng))
        rig.tap.wait(lambda number=number: rig.answers(str(number)), 3)
        if any(answer["status"] == "ok" for answer in rig.answers(str(number))):
            return True
    return False


def judge(rig: Rig, tally: Tally) -> None:
    """Compare what was read, what reached devices and what was answered."""
    accepted = [said.rpartition(" ")[2] for said in rig.model.heard if said.startswith("set ")]
    answers: dict[str, list[dict[str, Any]]] = {}
    for message in rig.tap.on(rig.topic("response")):
        answers.setdefault(message.body["id"], []).append(message.body)
    reached = Counter(payload for _, payload in rig.sent())
    tally.accepted = len(accepted)
    tally.statuses.update(answer[0]["status"] for answer in answers.values())
    tally.twice = sum(len(answers.get(number, ())) > 1 for number in accepted)
    tally.unheard = sum(number not in answers for number in accepted)
    tally.given_up = rig.agent.app.link.undelivered
    tally.ghosts = [
        number for number, count in reached.items() if number not in accepted or count > 1
    ]
    tally.false_ok = [
        number
        for number, (answer, *_) in answers.items()
        if answer["status"] == "ok" and number not in reached
    ]


def main() -> int:
    """Run the trial; 0 where nothing went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as folder:
        broker = start_broker(Path(folder))
        try:
            tally = trial(broker, options.kills, random.Random(options.seed))
        finally:
            broker.kill()
    print(f"kills                 {tally.kills}")
    print(f"recovered             {tally.recovered}")
    print(
        f"reconnect s           p50 {statistics.median(tally.reconnects):.2f}  "
        f"p95 {tally.p95():.2f}  max {max(tally.reconnects):.2f}"
    )
    print(f"commands said         {tally.said}, read {tally.accepted}")
    print(f"responses             {dict(tally.statuses)}")
    print(f"without a response    {tally.unheard} at the requester, {tally.given_up} given up")
    print(f"with two responses    {tally.twice}")
    print(f"ghosts                {len(tally.ghosts)} {tally.ghosts[:10]}")
    print(f"false ok              {len(tally.false_ok)} {tally.false_ok[:10]}")
    wrong = tally.kills - tally.recovered + tally.given_up + len(tally.ghosts + tally.false_ok)
    return 0 if wrong == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
