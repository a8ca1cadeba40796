"""Measures whether a sentence means the same spoken as typed, in the simulated home and car.

    python tests/voice/sentences.py --engine whisper --count 10 --cache heard.json

The sentences of sentences.yaml are typed first; those that the language model reads as they are
meant there are then spoken by each voice, heard with the names of everything in home and car, and
read again. What the model cannot read at all is no fault of the voice and is counted apart.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path

import yaml
from measured import Cache, Ears, Mind, arguments, home_and_car, share, table
from spoken import VOICES, say

from edge_agent.core.command import Meaning
from edge_agent.language.grammar import meaning
from edge_agent.language.interpreter import _gist

SENTENCES = Path(__file__).with_suffix(".yaml")


@dataclass(frozen=True)
class Sentence:
    place: str
    text: str
    meant: Meaning

    def is_read(self, mind: Mind, *readings: str) -> bool:
        """Whether what was heard means this."""
        return bool(readings) and _gist(mind.read(*readings).meaning) == _gist(self.meant)


@dataclass
class Tally:
    """What came of the sentences from one voice."""

    spoken: int = 0
    heard: int = 0
    """Word by word."""
    meant: int = 0
    cpu: float = 0.0
    seconds: float = 0.0
    failures: list[dict[str, str]] = field(default_factory=list)

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    def row(self) -> Sequence[str]:
        cost = f"{3 * self.cpu / self.seconds:.3f}"
        return (share(self.heard, self.spoken), share(self.meant, self.spoken), cost)


def sentences(mind: Mind, count: int | None) -> list[Sentence]:
    """The first so many of each place, or all, with what they mean."""
    return [
        Sentence(place, text, meant(mind, text, output))
        for place, known in yaml.safe_load(SENTENCES.read_text()).items()
        for text, output in list(known.items())[:count]
    ]


def meant(mind: Mind, text: str, output: str) -> Meaning:
    """The meaning of an output of the language model, for a sentence."""
    sentence = mind.interpreter.prepare(text, mind.vocabulary, None)
    node = sentence.root
    tokens = mind.interpreter.tokens_of(output)
    for token in tokens:
        if token not in node.edges:
            raise SystemExit(f"{SENTENCES.name}: {output!r} cannot be said of {text!r}")
        node = node.edges[token]
    return meaning(sentence.root, tokens)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--voice", nargs="*", default=list(VOICES), help="none: typed only")
    options = parser.parse_args()
    place = home_and_car()
    mind = Mind(place)
    every = sentences(mind, options.count)
    read = [one for one in every if one.is_read(mind, one.text)]
    misread = [one.text for one in every if one not in read]
    tallies: defaultdict[tuple[str, str, str], Tally] = defaultdict(Tally)
    with Cache(options.cache) as cache:
        for engine in options.engine:
            ears = Ears(engine, place.bias, cache)
            for voice in options.voice:
                for one in read:
                    tally = tallies[engine, one.place, voice]
                    heard = ears.hear(f"{voice}: {one.text}", partial(say, one.text, voice))
                    same = one.is_read(mind, *heard.texts)
                    tally.spoken += 1
                    tally.heard += heard.text == one.text
                    tally.meant += same
                    tally.cpu += heard.cpu
                    tally.seconds += heard.seconds
                    if not same:
                        tally.failures.append({"said": one.text, "heard": heard.text})
                print(f"{engine} {voice}", file=sys.stderr)
    told = {f"{len(read)} of {len(every)} are read as they are meant when typed": misread}
    if options.json:
        found = [
            {"engine": engine, "place": place, "voice": voice, **vars(tally)}
            for (engine, place, voice), tally in tallies.items()
        ]
        print(json.dumps({"model": mind.name, "typed": told, "spoken": found}, indent=1))
        return
    for (engine, _, voice), tally in tallies.items():
        for failure in tally.failures:
            print(f"{engine} {voice}: {failure['said']!r} heard as {failure['heard']!r}")
    print(f"language model: {mind.name}")
    for line, texts in told.items():
        print(line, *(f"; not {text!r}" for text in texts), sep="")
    rows = [(*key, *tally.row()) for key, tally in tallies.items()]
    for engine in dict.fromkeys(engine for engine, *_ in tallies):
        whole = sum((tally for key, tally in tallies.items() if key[0] == engine), Tally())
        rows.append((engine, "both", "all", *whole.row()))
    head = ("engine", "place", "voice", "word by word", "meant the same", "CPU s for 3 s")
    print(table(head, rows))


if __name__ == "__main__":
    main()
