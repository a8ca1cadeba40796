"""Says sentences that must do nothing to a real daemon and counts what reaches devices.

Shared by the programs beside it; the sentences are built from the names of the simulated home.
"""

import argparse
import json
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import structlog

sys.path.insert(0, str(Path(__file__).parents[1]))

from support import Rig, pick, start_broker

Thing = dict[str, Any]
"""A device as the control operation `devices` lists it."""


def spread(
    shapes: Sequence[tuple[Callable[[Thing], bool], str]],
    things: Sequence[Thing],
    count: int,
    rng: random.Random,
) -> list[str]:
    """`count` different sentences: shape after shape, each with a thing that it fits.

    Args:
        shapes: What a thing must be, and the sentence with {name}, {kind}, {kinds} and {area}.
        things: What there is.
        count: How many.
        rng: Picks the things.
    """
    found: dict[str, None] = {}
    fitting = [(text, [thing for thing in things if fits(thing)]) for fits, text in shapes]
    fitting = [(text, some) for text, some in fitting if some]
    while len(found) < count:
        before = len(found)
        for text, some in fitting:
            thing = rng.choice(some)
            kind = str(thing["kind"])
            found[
                text.format(
                    name=str(thing["name"]).lower(),
                    kind=kind,
                    kinds=kind + "s",
                    area=str(thing["area"] or "house").lower(),
                )
            ] = None
        if len(found) == before and rng.random() < 0.01:
            break
    sentences = list(found)[:count]
    rng.shuffle(sentences)
    return sentences


def has(*attributes: str) -> Callable[[Thing], bool]:
    """Whether a thing shows or takes one of these attributes."""
    return lambda thing: any(
        name in thing["state"] or name in thing["settable"] for name in attributes
    )


def takes(*attributes: str) -> Callable[[Thing], bool]:
    """Whether a thing can be commanded so."""
    return lambda thing: any(name in thing["settable"] for name in attributes)


def main(about: str, build: Callable[[Sequence[Thing], int, random.Random], list[str]]) -> int:
    """Build the sentences, say them, print the tally; 0 where nothing reached a device."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=Path, help="write every sentence with its answer here")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as folder:
        broker = start_broker(Path(folder))
        try:
            with Rig(broker.url, pick(), spelling=False) as rig:
                things = rig.control("devices")["devices"]
                sentences = build(things, options.count, random.Random(options.seed))
                return _say(rig, sentences, options.log)
        finally:
            broker.kill()


def _say(rig: Rig, sentences: Sequence[str], log: Path | None) -> int:
    statuses: Counter[str] = Counter()
    acted: list[tuple[str, list[tuple[str, str]]]] = []
    lines = []
    for sentence in sentences:
        mark, started = len(rig.world.log), time.monotonic()
        answer = rig.ask(sentence)
        took = time.monotonic() - started
        statuses[answer["status"]] += 1
        sent = rig.sent()[mark:]
        if sent or answer["calls"]:
            acted.append((sentence, sent))
        lines.append(json.dumps([sentence, answer["status"], answer["text"], sent, took]))
        if log is not None:
            log.write_text("\n".join(lines) + "\n")
    time.sleep(1.0)  # whatever comes late counts too
    topics = {topic for device in rig.devices for topic in device.topics}
    published = [heard for heard in list(rig.tap.heard) if heard.topic in topics]
    print(f"sentences                        {len(sentences)}")
    print(f"statuses                         {dict(statuses)}")
    print(f"messages on device command topics {len(published)}")
    for sentence, sent in acted:
        print(f"  acted on: {sentence!r} {sent}")
    return 0 if not published else 1
