"""Measures how well a model understands what people say at home, in the car and for a coffee.

    python tests/language/everyday.py --place home car --model FILE

The sentences of everyday.yaml were written for this and nothing learns from them. "Text @kitchen"
is said in the kitchen. Expected is any of the outputs given. What the daemon does is right (done,
answered, nothing where nothing is meant, or asked for what was left open), asked back, refused or
wrong.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from msgspec.structs import replace

from edge_agent.config import load_config
from edge_agent.config_files import find_config
from edge_agent.core.command import Meaning, Plan, Refusal
from edge_agent.core.entity import Area
from edge_agent.core.order import Menu
from edge_agent.devices.appliance import Appliance
from edge_agent.factory.measure.judge import Judged, Verdict, judge, verdict, walk
from edge_agent.language.interpreter import Sentence
from edge_agent.parts import configured_registry, vehicle

sys.path.insert(0, str(Path(__file__).parents[1] / "voice"))
from measured import ROOT, Mind, Place, coffee_maker, share, table, with_home

SENTENCES = Path(__file__).with_suffix(".yaml")
OUTCOMES = ("right", "asked", "refused", "wrong")
"""What comes of a sentence, the harmless first."""
_HEAD = ("place", "sort", "read exactly", *OUTCOMES)


def home() -> Place:
    """The home of the demo."""
    config = load_config(find_config("smart-home-hub.yaml", ROOT))
    return Place(config, with_home(configured_registry(config)))


def car() -> Place:
    """The vehicle of the head unit."""
    config = load_config(find_config("car-head-unit.yaml", ROOT))
    signals = vehicle(config)
    assert signals is not None
    return Place(config, configured_registry(config).apply(signals.known()))


PLACES: Mapping[str, Callable[[], Place]] = {"home": home, "car": car, "coffee": coffee_maker}


@dataclass(frozen=True)
class Said:
    """A sentence of the file."""

    place: str
    sort: str
    text: str
    area: str | None
    outputs: Sequence[str]

    def meant(self, sentence: Sentence, mind: Mind) -> tuple[Sequence[Meaning], bool]:
        """What it may mean, and whether its own grammar has any of it in these words."""
        found: list[Meaning] = []
        reachable = False
        for output in self.outputs:
            tokens = mind.interpreter.tokens_of(output)
            meaning = walk(sentence.root, tokens)
            reachable = reachable or meaning is not None
            if meaning is None:
                # An output names all that it is about: its own grammar has what is no mistake.
                itself = mind.interpreter.prepare(output, mind.vocabulary, self.where(mind))
                meaning = walk(itself.root, tokens)
            if meaning is None or (isinstance(meaning, Refusal) and output != "none"):
                raise SystemExit(f"{SENTENCES.name}: {output!r} cannot be said of {self.text!r}")
            found.append(meaning)
        return found, reachable

    def where(self, mind: Mind) -> Area | None:
        """Where it is said."""
        if self.area is None:
            return None
        if (area := mind.registry.area_named(self.area)) is None:
            raise SystemExit(f"{SENTENCES.name}: no such area: {self.text} @{self.area}")
        return area


@dataclass(frozen=True)
class Result:
    """What came of a sentence."""

    said: Said
    judged: Judged
    sure: float
    """0 to 1."""
    outcome: str
    """One of `OUTCOMES`."""

    def told(self) -> str:
        """The failure as a person reads it."""
        where = f" @{self.said.area}" if self.said.area else ""
        got = f"{self.judged.said or 'nothing'}  ({self.sure:.2f})"
        notes = [note for note in (self.judged.blocked,) if note]
        if not self.judged.reachable:
            notes.append("the grammar has no such words here")
        lines = (
            f"{self.outcome}: {self.said.place}, {self.said.sort}: {self.said.text}{where}",
            f"    expected  {self.judged.expected}",
            f"    got       {'; '.join((got, *notes))}",
        )
        return "\n".join(lines)


def sentences(places: Sequence[str], count: int | None) -> Iterator[Said]:
    """The first so many of each sort in some places, or all."""
    for place, sorts in yaml.safe_load(SENTENCES.read_text()).items():
        for sort, known in sorts.items() if place in places else ():
            for key, outputs in list(known.items())[:count]:
                text, _, area = key.partition(" @")
                legal = [outputs] if isinstance(outputs, str) else outputs
                yield Said(place, sort, text, area or None, legal)


def menu_of(place: Place) -> Menu:
    """What an order of its appliance has to say; an empty one where it is none."""
    settings = place.config.appliance
    return Appliance(settings).menu if settings else Menu()


def result(said: Said, mind: Mind, menu: Menu) -> Result:
    """What the model makes of a sentence, and what the daemon would do about it."""
    sentence = mind.interpreter.prepare(said.text, mind.vocabulary, said.where(mind))
    meant, reachable = said.meant(sentence, mind)
    judged = judge(
        mind.interpreter,
        sentence,
        mind.registry,
        meant,
        expected=" | ".join(said.outputs),
        reachable=reachable,
        labels={},
    )
    calibration = mind.interpreter.calibration
    sure = calibration.confidence(judged.evidence)
    understood = walk(sentence.root, mind.interpreter.tokens_of(judged.said))
    partial = isinstance(understood, Plan) and bool(menu.missing(understood))
    done = verdict(judged, calibration)
    return Result(said, judged, sure, outcome(judged, meant, done, partial=partial))


def outcome(judged: Judged, meant: Sequence[Meaning], done: Verdict, *, partial: bool) -> str:
    """What the daemon's answer is worth to who spoke.

    Args:
        judged: What the model made of the sentence.
        meant: What the sentence may mean.
        done: What is done about that.
        partial: Whether it is an order that leaves out what an order has to say.
    """
    if done is Verdict.REFUSED:
        return "right" if any(isinstance(one, Refusal) for one in meant) else "refused"
    # Who names one of several things, or orders half of something, is to be asked for the rest.
    left_open = partial or judged.blocked == "ambiguous target"
    if judged.right and (left_open or done is not Verdict.ASKED):
        return "right"
    return "asked" if left_open or done is Verdict.ASKED else "wrong"


def row(place: str, sort: str, results: Sequence[Result]) -> Sequence[str]:
    """A line of the table."""
    total, found = len(results), Counter(one.outcome for one in results)
    exact = share(sum(one.judged.right for one in results), total)
    outcomes = (f"{found[name] / total:.1%} ({found[name]})" for name in OUTCOMES)
    return (place, sort, exact, *outcomes)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--count", type=int, default=None, help="so many of each sort, to try it")
    parser.add_argument("--place", nargs="+", default=list(PLACES), choices=list(PLACES))
    parser.add_argument("--model", type=Path, default=None, help="GGUF file; default: the shipped")
    options = parser.parse_args()
    results: list[Result] = []
    name = ""
    for key in options.place:
        place = PLACES[key]()
        if options.model is not None:
            model = replace(place.config.model, file=str(options.model))
            place = Place(replace(place.config, model=model), place.registry)
        mind = Mind(place)
        name = mind.name
        menu = menu_of(place)
        results += [result(said, mind, menu) for said in sentences([key], options.count)]
    rows = []
    for place in options.place:
        there = [one for one in results if one.said.place == place]
        rows += [
            row(place, sort, [one for one in there if one.said.sort == sort])
            for sort in dict.fromkeys(one.said.sort for one in there)
        ]
        rows.append(row(place, "all", there))
    rows.append(row("all", "all", results))
    failed = [one for one in results if one.outcome != "right" or not one.judged.right]
    for one in sorted(failed, key=lambda one: -OUTCOMES.index(one.outcome)):
        print(one.told())
    print(f"language model: {name}")
    print(table(_HEAD, rows))


if __name__ == "__main__":
    main()
