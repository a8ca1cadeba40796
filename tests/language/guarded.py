"""Counts plans that the guards hold back: right ones, and ones that miss part of what was said.

python tests/language/guarded.py --count 2000 --split calibrate

The sentences come with their meaning from the generator, so no model is asked. A right plan that
is held back is a daemon that does not understand; a damaged one that is not is a wrong deed.
"""

import argparse
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from edge_agent.core.command import Action, Plan, Step, Target
from edge_agent.factory.compose import Case
from edge_agent.factory.sentences.bank import Split
from edge_agent.factory.sentences.cases import WORLDS, Source, cases, load_source
from edge_agent.language.grammar import compile_grammar, meaning
from edge_agent.language.guards import is_question
from edge_agent.language.interpreter import Sentence, doubt_of, slots_of
from edge_agent.language.vocabulary import Vocabulary
from edge_agent.language.wording import EXCEPT

MIX: Mapping[str, float] = {
    "command": 0.5,
    "several": 0.22,
    "timed": 0.04,
    "conditional": 0.08,
    "corrected": 0.06,
    "follow_up": 0.10,
}
"""Shares of the sorts of sentence that command."""

_END = 0
_OPPOSITES = {
    one: other
    for pair in (("on", "off"), ("open", "closed"), ("locked", "unlocked"))
    for one, other in (pair, pair[::-1])
}


@dataclass(frozen=True)
class Known:
    """A sentence and the plan that it means."""

    case: Case
    sentence: Sentence
    plan: Plan


class _Words:
    """Words as token ids: enough to follow an output through the grammar."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}

    def encode(self, text: str, /) -> Sequence[int]:
        spaced = text.replace(";", " ;").split()
        return [self._ids.setdefault(word, len(self._ids) + 1) for word in spaced]


def known(source: Source, split: Split, seed: int) -> Iterator[Known]:
    """Sentences that command, with their plans, without end."""
    vocabulary: Vocabulary | None = None
    words = _Words()
    for case, world in cases(source, split, seed, worlds=WORLDS, mix=MIX, devices=None):
        if vocabulary is None or vocabulary.registry is not world.registry:
            vocabulary = Vocabulary(world.registry)
        # A grammar of all targets takes long, and only those that are written can matter to it.
        written = f" {case.output.replace(';', ' ')} "
        every = case.candidates.targets
        named = [one for one in every if f" {one.target.phrase} " in written]
        slots = slots_of(case.text, named, vocabulary)
        grammar = compile_grammar(world.registry, slots, words.encode, _END)
        plan = meaning(grammar.commands, (*words.encode(case.output), _END))
        if isinstance(plan, Plan):
            asks = is_question(case.text)
            yield Known(case, Sentence(case.text, (), grammar, asks, every, world.registry), plan)


def held_back(said: Known) -> str | None:
    """The class of false alarm that a right plan raises; None where it is carried out.

    Plans for another time are asked back whatever their sentence says.
    """
    if said.sentence.asks:
        return "taken for a question"
    return None if said.plan.scheduled else doubt_of(said.sentence, said.plan)


def damaged(said: Known, rng: random.Random) -> Iterator[tuple[str, Sentence, Plan]]:
    """Sentences with plans that miss a part of them, by what they miss."""
    for name, damage in DAMAGES.items():
        for text, plan in damage(said, rng):
            if plan.actions and (text != said.case.text or plan != said.plan):
                yield name, replace(said.sentence, text=text), plan


Damage = Callable[[Known, random.Random], Iterator[tuple[str, Plan]]]


def _half(said: Known, rng: random.Random) -> Iterator[tuple[str, Plan]]:
    """Half of two commands is left out."""
    actions = said.plan.actions
    if len(actions) > 1:
        left = rng.randrange(len(actions))
        yield said.case.text, Plan((*actions[:left], *actions[left + 1 :]))


def _other_number(said: Known, _: random.Random) -> Iterator[tuple[str, Plan]]:
    """The number of the plan is not the one that was said."""
    if any(_amount(action) is not None for action in said.plan.actions):
        changed = tuple(_with_amount(action, 3.0) for action in said.plan.actions)
        yield said.case.text, Plan(changed)


def _no_number(said: Known, _: random.Random) -> Iterator[tuple[str, Plan]]:
    """The number that was said is not in the plan."""
    if any(_amount(action) is not None for action in said.plan.actions):
        yield said.case.text, Plan(tuple(_without_amount(one) for one in said.plan.actions))


def _amount(action: Action) -> float | None:
    value = action.value
    if isinstance(value, Step):
        return value.amount
    return value if isinstance(value, float) else None


def _with_amount(action: Action, more: float) -> Action:
    amount = _amount(action)
    if amount is None:
        return action
    if isinstance(action.value, Step):
        return replace(action, value=replace(action.value, amount=amount + more))
    return replace(action, value=amount + more)


def _without_amount(action: Action) -> Action:
    if _amount(action) is None:
        return action
    return replace(action, value=Step(action.value.direction if _is_step(action) else 1))


def _is_step(action: Action) -> bool:
    return isinstance(action.value, Step)


def _no_condition(said: Known, _: random.Random) -> Iterator[tuple[str, Plan]]:
    """A condition is left out."""
    if any(action.condition for action in said.plan.actions):
        yield said.case.text, Plan(tuple(replace(a, condition=None) for a in said.plan.actions))


def _no_time(said: Known, _: random.Random) -> Iterator[tuple[str, Plan]]:
    """What was meant for later is done now."""
    if said.plan.scheduled:
        yield said.case.text, Plan(tuple(replace(a, schedule=None) for a in said.plan.actions))


def _no_exception(said: Known, _: random.Random) -> Iterator[tuple[str, Plan]]:
    """What was left out of "all" is done as well."""
    if any(f" {EXCEPT} " in action.target.phrase for action in said.plan.actions):
        yield said.case.text, Plan(tuple(_unexcepted(action, said) for action in said.plan.actions))


def _unexcepted(action: Action, said: Known) -> Action:
    phrase = action.target.phrase.partition(f" {EXCEPT} ")[0]
    targets = (one.target for one in said.sentence.targets)
    return replace(action, target=next(one for one in targets if one.phrase == phrase))


def _flipped(said: Known, _: random.Random) -> Iterator[tuple[str, Plan]]:
    """The opposite of what was said, of one command with its own word."""
    (first, *more) = said.plan.actions
    if not more and str(first.value) in _OPPOSITES:
        yield said.case.text, Plan((replace(first, value=_OPPOSITES[str(first.value)]),))


def _other_thing(said: Known, _: random.Random) -> Iterator[tuple[str, Plan]]:
    """Another thing than the one that was named in full."""
    (first, *more) = said.plan.actions
    if not more and f" {first.target.phrase} " in f" {said.case.text} ":
        other = Target("something else", ("nowhere.else",))
        yield said.case.text, Plan((replace(first, target=other),))


def _ending(endings: Sequence[str]) -> Damage:
    def add(said: Known, rng: random.Random) -> Iterator[tuple[str, Plan]]:
        if not (said.plan.scheduled or any(one.condition for one in said.plan.actions)):
            yield f"{said.case.text.rstrip(' .!?,')} {rng.choice(endings)}", said.plan

    return add


def _denied(said: Known, rng: random.Random) -> Iterator[tuple[str, Plan]]:
    if said.case.text.split()[0] in _VERBS:
        yield f"{rng.choice(_DENIALS)} {said.case.text}", said.plan


_VERBS = frozenset("turn switch set put open close lock unlock start stop play make raise".split())
_DENIALS = (
    "don't",
    "do not",
    "never",
    "please don't",
    "you must not",
    "you mustn't",
    "i don't want you to",
    "no need to",
    "you shouldn't",
    "you don't have to",
    "please never",
    "i didn't say",
    "nobody told you to",
    "there's no reason to",
    "dont",
    "whatever you do, do not",
    "hey, don't you dare",
    "i do not want anyone to",
    "i never said",
)
_TIMES = (
    "tomorrow",
    "tonight",
    "later",
    "in ten minutes",
    "in half an hour",
    "in a bit",
    "in a moment",
    "in a couple of hours",
    "for an hour",
    "for 20 minutes",
    "at seven",
    "at 7",
    "at 6:30",
    "at half past eight",
    "at 9 pm",
    "at noon",
    "every morning",
    "every day at six",
    "on sunday",
    "until eight",
    "until i come back",
    "after sunset",
    "before dinner",
    "after the film",
    "this evening",
    "in the morning",
    "next week",
    "on monday morning",
    "by 8 o'clock",
    "from 8 to 10",
)
_CONDITIONS = (
    "if it rains",
    "if it's dark",
    "when i come home",
    "when it gets dark",
    "unless i'm asleep",
    "once the sun is down",
    "as soon as the doorbell rings",
    "whenever somebody comes in",
    "in case it freezes",
    "as long as nobody is here",
    "while i'm away",
    "if the window is open",
    "provided that it's cold",
    "only if it is cold outside",
)
_EXCEPTIONS = (
    "except the one in the corner",
    "but not the small one",
    "apart from the left one",
    "other than the one in the hall",
    "all but the first one",
    "without the big one",
    "but leave the old one alone",
    "excluding the one by the door",
)
_CALLED_OFF = (
    ", never mind",
    ", no, don't",
    ", forget it",
    ", cancel that",
    ", i changed my mind",
    ", actually don't",
    ", scratch that",
    ", no wait, never mind",
    ", don't bother",
    ", on second thought, no",
    ", leave it as it is",
    ", not now",
)

DAMAGES: Mapping[str, Damage] = {
    "half a plan": _half,
    "another number": _other_number,
    "no number": _no_number,
    "no condition": _no_condition,
    "done now": _no_time,
    "no exception": _no_exception,
    "the opposite": _flipped,
    "another thing": _other_thing,
    "denied": _denied,
    "time ignored": _ending(_TIMES),
    "condition ignored": _ending(_CONDITIONS),
    "exception ignored": _ending(_EXCEPTIONS),
    "called off": _ending(_CALLED_OFF),
}


@dataclass(frozen=True)
class Tally:
    """What the guards did about many plans."""

    sentences: int
    alarms: Mapping[str, Sequence[str]]
    """Class of false alarm -> the sentences."""
    damages: Mapping[str, int]
    """Sort of damage -> how many plans have it."""
    slipped: Mapping[str, Sequence[str]]
    """Sort of damage -> the sentences whose damaged plan is not held back."""

    @property
    def false_alarms(self) -> float:
        """Share of right plans that are held back."""
        return sum(map(len, self.alarms.values())) / self.sentences

    def caught(self, damage: str) -> float:
        """Share of plans with a sort of damage that are held back."""
        return 1 - len(self.slipped.get(damage, ())) / max(self.damages[damage], 1)


def tally(said: Iterator[Known], seed: int = 1) -> Tally:
    """Counts both sides over sentences."""
    rng = random.Random(seed)
    alarms: dict[str, list[str]] = defaultdict(list)
    slipped: dict[str, list[str]] = defaultdict(list)
    damages: Counter[str] = Counter()
    sentences = 0
    for one in said:
        sentences += 1
        alarm = held_back(one)
        if alarm is not None:
            kind = alarm.partition(" about the ")[0]
            alarms[kind].append(f"{one.case.text} -> {one.case.output} ({alarm})")
        for name, sentence, plan in damaged(one, rng):
            damages[name] += 1
            if not sentence.asks and doubt_of(sentence, plan) is None:
                slipped[name].append(f"{sentence.text} -> {one.case.output}")
    return Tally(sentences, alarms, damages, slipped)


def main() -> int:
    """Print the tally; 0 always, for it only measures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--split", type=Split, default=Split.CALIBRATE)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=5, help="examples of each class")
    options = parser.parse_args()
    found = tally(islice(known(load_source(), options.split, options.seed), options.count))
    print(f"sentences {found.sentences}, right plans held back {found.false_alarms:.1%}")
    for kind, texts in sorted(found.alarms.items(), key=lambda item: -len(item[1])):
        print(f"  {len(texts):4d} {kind}")
        for text in texts[: options.show]:
            print(f"         {text}")
    print("damaged plans held back")
    for name, total in found.damages.items():
        print(f"  {found.caught(name):6.1%} of {total:4d} {name}")
        for text in found.slipped.get(name, ())[: options.show]:
            print(f"         {text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
