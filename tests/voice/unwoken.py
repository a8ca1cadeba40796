"""Counts how often talk and noise without the wake word wake the daemon, and what it would do then.

    EDGE_AGENT_SPEECH_DATA=... python tests/voice/unwoken.py --minutes 2 --wake micro

News, stories and talk (unwoken.txt) are spoken by every voice, in quiet and in a kitchen, with
pauses and with the kitchen alone in between, as fast as the wake engine can follow. What is said
next after a false wake is heard and read as a command to the simulated home and car; `actions` are
those that would be carried out at once.
"""

import argparse
import itertools
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from measured import Mind, home_and_car, table
from spoken import CLEAN, VOICES, kitchen, noisy, say

from edge_agent.core.command import Plan
from edge_agent.voice.endpoint import Endpoint, EndpointSettings
from edge_agent.voice.events import Speech
from edge_agent.voice.ports import RATE, Samples
from edge_agent.voice.recogniser import RecogniserSettings, make_recogniser
from edge_agent.voice.session import SessionSettings
from edge_agent.voice.vad import CHUNK, make_vad
from edge_agent.voice.wake import Engine, WakeSettings, make_wake_word

WORDS = ("okay_nabu", "hey_jarvis", "alexa")
_TEXTS = Path(__file__).with_suffix(".txt")
_BLOCK = 512
_KITCHEN = 10.0
"""Seconds of the kitchen alone, after every tenth sentence."""


@dataclass
class Count:
    """What came of the sound at one wake engine."""

    engine: str
    minutes: float = 0.0
    wakes: list[str] = field(default_factory=list)
    """The word, and what was being said."""
    heard: list[str] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    cpu: float = 0.0

    def row(self) -> Sequence[str]:
        share = self.cpu / (60 * self.minutes)
        counts = (len(self.wakes), len(self.heard), len(self.actions))
        return (self.engine, f"{self.minutes:.1f}", *map(str, counts), f"{share:.1%}")


def sounds(minutes: float) -> Iterator[tuple[str, Samples]]:
    """What is said or sounds, and its sound, until the time is over."""
    left = minutes * 60 * RATE
    texts = _TEXTS.read_text().splitlines()
    # Every voice reads every text; with each text it is the next one's turn.
    for number in itertools.count():
        turn, at = divmod(number, len(texts))
        voice = VOICES[(turn + at) % len(VOICES)]
        pause = np.zeros(round((0.3 + 0.4 * (number % 4)) * RATE), np.int16)
        sound = np.concatenate([say(texts[at], voice), pause])
        snr = (CLEAN, 12.0, 6.0)[number % 3]
        parts = [(f"{voice} {snr:g} dB: {texts[at]}", noisy(sound, snr, number))]
        if number % 10 == 9:
            start = number * 11 * RATE % (len(kitchen()) - round(_KITCHEN * RATE))
            parts.append(("kitchen", kitchen()[start : start + round(_KITCHEN * RATE)]))
        for name, part in parts:
            if left <= 0:
                return
            left -= len(part)
            yield name, part


def count(engine: Engine, every: Sequence[tuple[str, Samples]], words: Sequence[str]) -> Count:
    """Let an engine hear everything; what wakes it is kept with where it was."""
    wake = make_wake_word(WakeSettings(engine, tuple(words)))
    found = Count(engine.value)
    whole = np.concatenate([sound for _, sound in every])
    ends = np.cumsum([len(sound) for _, sound in every])
    found.minutes = len(whole) / RATE / 60
    woken = []
    started = time.process_time()
    for at in range(0, len(whole), _BLOCK):
        name = wake.feed(whole[at : at + _BLOCK])
        if name is not None:
            said = every[int(np.searchsorted(ends, at, side="right"))][0]
            found.wakes.append(f"{name}: {said}")
            woken.append(at + _BLOCK)
    found.cpu = time.process_time() - started
    follow(found, whole, woken)
    return found


def follow(found: Count, whole: Samples, woken: Sequence[int]) -> None:
    """What is heard and would be done after each wake."""
    if not woken:
        return
    place = home_and_car()
    mind, recogniser = Mind(place), make_recogniser(RecogniserSettings())
    recogniser.bias(place.bias)
    for at in woken:
        readings = recogniser.transcribe(utterance(whole[at:]))
        if not readings:
            continue
        texts = [one.text for one in readings]
        reading = mind.read(*texts)
        found.heard.append(texts[0])
        if isinstance(reading.meaning, Plan) and mind.is_clear(reading):
            found.actions.append(f"{texts[0]}: {reading.said}")


def utterance(sound: Samples) -> Samples:
    """The first sentence in a sound, as the session finds it; nothing where none begins in time."""
    vad, ends = make_vad(), Endpoint(EndpointSettings())
    ends.open(SessionSettings().patience)
    start = 0
    for at in range(0, len(sound), CHUNK):
        for probability in vad.feed(sound[at : at + CHUNK]):
            match ends.feed(probability):
                case Speech.BEGAN:
                    start = max(0, at + CHUNK - round(ends.lead * RATE))
                case Speech.ENDED | Speech.TOO_LONG:
                    return sound[start : at + CHUNK]
                case Speech.NONE:
                    return sound[:0]
    return sound[:0]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--wake", nargs="+", default=list(Engine), type=Engine)
    parser.add_argument("--word", nargs="+", default=list(WORDS), help="several at once")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    every = list(sounds(options.minutes))
    found = [count(engine, every, options.word) for engine in options.wake]
    if options.json:
        print(json.dumps([asdict(one) for one in found], indent=1))
        return
    for one in found:
        for wake in one.wakes:
            print(f"{one.engine} woken by {wake!r}")
        for heard in one.heard:
            print(f"{one.engine} then heard {heard!r}")
        for action in one.actions:
            print(f"{one.engine} would have done {action!r}")
    print(
        table(
            ("engine", "minutes", "wakes", "heard", "actions", "of a core"), map(Count.row, found)
        )
    )


if __name__ == "__main__":
    main()
