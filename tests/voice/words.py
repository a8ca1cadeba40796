"""Measures recognisers on recorded orders of a closed menu: what is heard and what it costs.

EDGE_AGENT_SPEECH_DATA names a folder with `coffee/*.wav` (mono, 16 kHz, int16),
`coffee_labels.json` (by file: slots), `coffee_menu.json` (by slot: its values) and `kitchen.wav`.

    python tests/voice/words.py --engine whisper moonshine --bias closed --snr clean 6 --limit 40

The recordings have labels and no transcripts, so words are counted over the slots: `heard` are
orders with every slot's words in the best reading, `exact` those whose best reading has the
menu's values that were ordered and no others, `any` those where some reading has, and `missed` is
the share of slot words that the best reading lacks.
"""

import argparse
import json
import os
import random
import sys
import time
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from edge_agent.voice.ports import Bias, Samples
from edge_agent.voice.recogniser import RecogniserSettings, make_recogniser

_NUMBERS = {"8": "eight", "12": "twelve", "16": "sixteen", "20": "twenty", "ounces": "ounce"}
_NUMBERS |= {"1": "one", "2": "two", "3": "three", "oz": "ounce", "shots": "shot"}


@dataclass
class Menu:
    """The values by slot, found in a text the longest first."""

    slots: Mapping[str, Sequence[str]]

    def find(self, text: str) -> dict[str, str]:
        said = f" {_plain(text)} "
        found = {}
        for value, slot in sorted(
            ((value, slot) for slot, values in self.slots.items() for value in values),
            key=lambda pair: -len(pair[0]),
        ):
            if f" {value} " in said:
                said = said.replace(f" {value} ", " | ")
                found.setdefault(slot, value)
        return found


@dataclass
class Tally:
    orders: int = 0
    heard: int = 0
    exact: int = 0
    any: int = 0
    words: int = 0
    missed: int = 0
    cpu: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def line(self) -> str:
        share = [f"{name} {getattr(self, name) / self.orders:6.1%}" for name in _SHARES]
        return (
            f"{self.orders} orders  {'  '.join(share)}  missed {self.missed / self.words:5.1%}  "
            f"cpu {np.mean(self.cpu):.3f} s a clip (p95 {np.quantile(self.cpu, 0.95):.3f}, "
            f"{sum(self.cpu) / self.seconds:.3f} a second of sound)"
        )


_SHARES = ("heard", "exact", "any")


def _plain(text: str) -> str:
    return " ".join(_NUMBERS.get(word, word) for word in text.replace("-", " ").split())


def load(path: Path) -> Samples:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def noisy(clip: Samples, noise: Samples, snr: str, seed: int) -> Samples:
    """A clip with noise `snr` dB below it, from a place that the seed decides."""
    if snr == "clean":
        return clip
    at = random.Random(seed).randrange(len(noise) - len(clip))
    part = noise[at : at + len(clip)].astype(np.float64)
    loudness = np.sqrt(np.mean(clip.astype(np.float64) ** 2) / np.mean(part**2))
    mixed = clip + part * loudness * 10 ** (-float(snr) / 20)
    return np.clip(mixed, -32768, 32767).astype(np.int16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--engine", nargs="+", default=["whisper", "moonshine"])
    parser.add_argument("--bias", nargs="+", default=["closed"], help="none, open, closed")
    parser.add_argument("--snr", nargs="+", default=["clean"], help="clean, or decibels")
    parser.add_argument("--limit", type=int, default=None, help="so many orders")
    parser.add_argument("--beam", type=int, default=None)
    parser.add_argument("--skip", type=int, default=0, help="leave out so many before")
    parser.add_argument("--wrong", action="store_true", help="print what was misheard")
    options = parser.parse_args()
    folder = os.environ.get("EDGE_AGENT_SPEECH_DATA")
    if not folder:
        sys.exit("EDGE_AGENT_SPEECH_DATA names no folder")
    root = Path(folder)
    menu = Menu(json.loads((root / "coffee_menu.json").read_text()))
    labels = json.loads((root / "coffee_labels.json").read_text())
    noise = load(root / "kitchen.wav")
    files = sorted(labels)
    random.Random(0).shuffle(files)
    values = tuple(dict.fromkeys(value for values in menu.slots.values() for value in values))
    known = Bias(names=("coffee maker",), values=values)
    biases = {"none": Bias(), "open": known, "closed": replace(known, closed=True)}
    for engine in options.engine:
        recogniser = make_recogniser(RecogniserSettings(engine=engine, beam=options.beam))
        for bias in options.bias:
            recogniser.bias(biases[bias])
            recogniser.transcribe(load(root / "coffee" / files[0]))  # warm
            for snr in options.snr:
                tally = Tally()
                for seed, file in list(enumerate(files))[options.skip :][: options.limit]:
                    clip = noisy(load(root / "coffee" / file), noise, snr, seed)
                    started = time.process_time()
                    readings = recogniser.transcribe(clip)
                    tally.cpu.append(time.process_time() - started)
                    tally.seconds += len(clip) / 16_000
                    slots = labels[file]["slots"]
                    best = readings[0].text if readings else ""
                    words = [word for value in slots.values() for word in value.split()]
                    lacking = [word for word in words if word not in _plain(best).split()]
                    tally.orders += 1
                    tally.words += len(words)
                    tally.missed += len(lacking)
                    tally.heard += all(
                        f" {value} " in f" {_plain(best)} " for value in slots.values()
                    )
                    exact = menu.find(best) == slots
                    tally.exact += exact
                    tally.any += any(menu.find(reading.text) == slots for reading in readings)
                    if options.wrong and not exact:
                        score = f"{readings[0].score:.2f}" if readings else "-"
                        print(f"  {score} {best!r} for {slots}")
                print(f"{engine} {bias} {snr}: {tally.line()}", flush=True)


if __name__ == "__main__":
    main()
