"""Measures recorded orders through the whole path: what is heard and understood, and its cost.

    EDGE_AGENT_SPEECH_DATA=... python tests/voice/orders.py --snr inf 6 --count 20 --cache FILE

A recording is cut as `edge-agent listen` cuts it, heard with the menu of coffee-maker.yaml and read
by its language model. Recordings have labels and no transcripts: `heard` are those whose best
reading has the words of all slots that were ordered and of no others, `slots` those whose plan has
exactly those values, `certain` those of them that need no question back.
"""

import json
import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from measured import Cache, Ears, Mind, arguments, coffee_maker, share, table
from spoken import noisy, recordings

from edge_agent.core.command import Plan
from edge_agent.language.interpreter import Reading
from edge_agent.voice.ports import Bias, Samples
from edge_agent.voice.recording import read_wav
from edge_agent.voice.vad import make_vad, speech_in

_NUMBERS = {"8": "eight", "12": "twelve", "16": "sixteen", "20": "twenty", "ounces": "ounce"}
_NUMBERS |= {"1": "one", "2": "two", "3": "three", "oz": "ounce", "shots": "shot"}
_SLOT_OF = {
    "drink": "coffeeDrink",
    "size": "size",
    "roast": "roast",
    "number_of_shots": "numberOfShots",
    "milk": "milkAmount",
    "sugar": "sugarAmount",
}
"""The labels' word for each attribute of the shipped coffee maker."""


@dataclass
class Menu:
    """The values by slot, found in a text the longest first."""

    slots: Mapping[str, Sequence[str]]

    def find(self, text: str) -> dict[str, str]:
        words = (_NUMBERS.get(word, word) for word in text.replace("-", " ").split())
        said = f" {' '.join(words)} "
        found: dict[str, str] = {}
        for value, slot in sorted(
            ((value, slot) for slot, values in self.slots.items() for value in values),
            key=lambda pair: -len(pair[0]),
        ):
            if f" {value} " in said:
                said = said.replace(f" {value} ", " | ")
                found.setdefault(slot, value)
        return found


def slots_of(reading: Reading) -> Sequence[tuple[str, object]]:
    """What a reading orders, in the labels' words; what is ordered twice is there twice."""
    if not isinstance(reading.meaning, Plan):
        return ()
    return [
        (_SLOT_OF[key], action.value)
        for action in reading.meaning.actions
        for entity in action.target.entities
        if (key := entity.partition(".")[2]) in _SLOT_OF
    ]


@dataclass
class Tally:
    """What came of the orders at one loudness of noise."""

    engine: str
    snr: float
    orders: int = 0
    heard: int = 0
    slots: int = 0
    certain: int = 0
    cpu: list[float] = field(default_factory=list)
    seconds: float = 0.0
    failures: list[dict[str, object]] = field(default_factory=list)

    def row(self) -> Sequence[str]:
        counts = (share(count, self.orders) for count in (self.heard, self.slots, self.certain))
        mean, high = np.mean(self.cpu), np.quantile(self.cpu, 0.95)
        for_three = 3 * sum(self.cpu) / self.seconds
        cost = (f"{mean:.3f}", f"{high:.3f}", f"{for_three:.3f}")
        return (self.engine, f"{self.snr:g}", *counts, *cost)

    def as_dict(self) -> dict[str, object]:
        cpu = {"mean": round(float(np.mean(self.cpu)), 4), "seconds_of_sound": self.seconds}
        counts = {name: getattr(self, name) for name in ("orders", "heard", "slots", "certain")}
        snr = f"{self.snr:g}"
        return {"engine": self.engine, "snr": snr, **counts, "cpu": cpu, "failures": self.failures}


_HEAD = ("engine", "snr dB", "heard", "slots", "certain", "CPU s", "p95", "for 3 s of sound")


def cut(file: Path, snr: float, seed: int) -> Samples:
    """A recording in noise, from its first speech to its last."""
    return speech_in(noisy(read_wav(file), snr, seed), make_vad())


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--snr", nargs="+", type=float, default=[float("inf"), 24, 12, 6])
    parser.add_argument("--bias", default="closed", choices=("closed", "open", "none"))
    parser.add_argument("--beam", type=int, default=None)
    parser.add_argument("--skip", type=int, default=0, help="leave out so many before")
    options = parser.parse_args()
    root, place = recordings(), coffee_maker()
    menu = Menu(json.loads((root / "coffee_menu.json").read_text()))
    labels = json.loads((root / "coffee_labels.json").read_text())
    files = sorted(labels)
    random.Random(0).shuffle(files)
    chosen = list(enumerate(files))[options.skip :][: options.count]
    known = {"closed": place.bias, "open": replace(place.bias, closed=False), "none": Bias()}
    mind = Mind(place)
    tallies = [Tally(engine, snr) for engine in options.engine for snr in options.snr]
    with Cache(options.cache) as cache:
        for tally in tallies:
            ears = Ears(tally.engine, known[options.bias], cache, beam=options.beam)
            for seed, file in chosen:
                sound = partial(cut, root / "coffee" / file, tally.snr, seed)
                heard = ears.hear(f"{file} {tally.snr:g} {seed}", sound)
                add(tally, mind, menu, labels[file]["slots"], heard, file)
            print(f"{tally.engine} {tally.snr:g} dB: {tally.slots}/{tally.orders}", file=sys.stderr)
    if options.json:
        print(json.dumps([tally.as_dict() for tally in tallies], indent=1))
        return
    for tally in tallies:
        for one in tally.failures:
            print(f"{tally.engine} {tally.snr:g} dB {one['file']} {one['fault']}")
            for part in ("heard", "ordered", "understood"):
                print(f"    {part:<10} {one[part]}")
    print(f"language model: {mind.name}")
    print(table(_HEAD, [tally.row() for tally in tallies]))


def add(tally, mind, menu, ordered, heard, file) -> None:
    """Count one order."""
    reading = mind.read(*heard.texts) if heard.texts else None
    right = reading is not None and sorted(slots_of(reading)) == sorted(ordered.items())
    well_heard = menu.find(heard.text) == ordered
    tally.orders += 1
    tally.heard += well_heard
    tally.slots += right
    tally.cpu.append(heard.cpu)
    tally.seconds += heard.seconds
    tally.certain += right and mind.is_clear(reading)
    if not right:
        failure = {
            "file": file,
            "fault": "misread" if well_heard else "misheard",
            "heard": heard.text,
            "ordered": ordered,
            "understood": reading.said if reading else "",
        }
        tally.failures.append(failure)


if __name__ == "__main__":
    main()
