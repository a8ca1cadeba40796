"""Measures where speech is found to begin and end, on recordings, clean and in noise.

    EDGE_AGENT_SPEECH_DATA=... python tests/voice/endpoints.py --snr inf 24 12 6

Around each recording comes a second of its own room before and two after. Where a sentence ends is
taken from the clean recording: the last chunk that the detector calls speech. Every limit of the
settings can be tried: `--set hang=0.4 noisy_hang=0.4`.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from spoken import CLEAN, noisy, recordings

from edge_agent.voice.endpoint import Endpoint, EndpointSettings
from edge_agent.voice.events import Speech
from edge_agent.voice.ports import RATE, Samples
from edge_agent.voice.recording import read_wav
from edge_agent.voice.vad import CHUNK, CHUNK_SECONDS, SileroVad, make_vad

ROOM = RATE // 4
"""Samples of a recording that stand for its room."""


@dataclass
class Found:
    """What came of some recordings."""

    clips: int = 0
    early: int = 0
    """An end before the end."""
    missed: int = 0
    """No end at all."""
    too_long: int = 0
    hangs: list[float] = field(default_factory=list)
    began: list[float] = field(default_factory=list)
    """Seconds from the first speech to its being noticed."""
    latency: list[float] = field(default_factory=list)
    """Seconds from the end of speech to its being noticed."""

    def add(
        self, probabilities: Sequence[float], clean: Sequence[float], settings: EndpointSettings
    ) -> None:
        speech = np.flatnonzero(np.array(clean) >= 0.5)
        endpoint = Endpoint(settings)
        self.clips += 1
        began = False
        for at, probability in enumerate(probabilities):
            hang = endpoint.hang
            match endpoint.feed(probability):
                case Speech.BEGAN if not began:
                    began = True
                    self.began.append((at - speech[0]) * CHUNK_SECONDS)
                case Speech.ENDED | Speech.TOO_LONG as end:
                    self.hangs.append(hang)
                    self.too_long += end is Speech.TOO_LONG
                    if at <= speech[-1]:
                        self.early += 1
                    else:
                        self.latency.append((at - speech[-1]) * CHUNK_SECONDS)
                    return
        self.missed += 1

    def line(self) -> str:
        late = np.quantile(self.latency, [0.5, 0.95, 1.0])
        return (
            f"{self.clips:5}  {self.early / self.clips:6.1%}  {self.missed:6}  {self.too_long:8}"
            f"  {np.median(self.began):5.2f}  {np.mean(self.hangs):5.2f}"
            f"  {late[0]:6.2f}  {late[1]:6.2f}  {late[2]:6.2f}"
        )


def roomy(clip: Samples) -> Samples:
    """A recording with its own room before and after: its quietest moment, to and fro."""
    starts = range(0, len(clip) - ROOM, ROOM // 5)
    at = min(starts, key=lambda at: np.mean(clip[at : at + ROOM].astype(np.float64) ** 2))
    quiet = clip[at : at + ROOM]
    second = np.tile(np.concatenate([quiet, quiet[::-1]]), 2)
    return np.concatenate([second, clip, second, second])


def probabilities(vad: SileroVad, sound: Samples) -> list[float]:
    vad.reset()
    return vad.feed(sound)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--snr", nargs="+", type=float, default=[CLEAN, 24, 12, 6], help="dB")
    parser.add_argument("--limit", type=int, default=None, help="so many recordings")
    parser.add_argument("--skip", type=int, default=0, help="leave out so many before")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=NUMBER")
    options = parser.parse_args()
    folder = recordings()
    changes = dict(change.split("=", 1) for change in options.set)
    settings = replace(EndpointSettings(), **{key: float(text) for key, text in changes.items()})
    files = list(enumerate(sorted((folder / "coffee").glob("*.wav"))))
    found = {snr: Found() for snr in options.snr}
    vad, heard, started = make_vad(), 0.0, time.process_time()
    for seed, file in files[options.skip :][: options.limit]:
        clip = read_wav(file)
        sound = roomy(clip)
        clean = probabilities(vad, sound)
        heard += len(clean) * CHUNK / RATE
        for snr, tally in found.items():
            given = clean
            if snr != CLEAN:
                given = probabilities(vad, noisy(sound, snr, seed, clip=clip))
                heard += len(given) * CHUNK / RATE
            tally.add(given, clean, settings)
    print("  snr  clips   early  missed  too long  began   hang  end p50     p95     max")
    for snr, tally in found.items():
        print(f"{snr:>5g}  {tally.line()}")
    print(f"{(time.process_time() - started) / heard:.1%} of a core")


if __name__ == "__main__":
    main()
