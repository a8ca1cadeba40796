"""Counts plans that the guards hold back: right ones, and ones that miss part of what was said.

python tests/language/guarded.py --count 300 --split calibrate --sort corrected_value

The sentences come with their meaning from the generator, so no model is asked. A right plan that
is held back is a daemon that does not understand; a damaged one that is not is a wrong deed. Both
are counted by sort of sentence, or by the sorts that are given.
"""

import argparse
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from edge_agent.core.command import Action, Extreme, Plan, Step, Target
from edge_agent.factory.compose import Case
from edge_agent.factory.compose.correcting import WRONG
from edge_agent.factory.sentences.bank import Split
from edge_agent.factory.sentences.cases import WORLDS, Source, cases, load_source
from edge_agent.language.abilities import Abilities
from edge_agent.language.grammar import compile_grammar, meaning
from edge_agent.language.guards import is_question
from edge_agent.language.interpreter import Sentence, doubt_of, slots_of
from edge_agent.language.numbers import numbers_in
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
SORTS = (*(sort for sort in MIX if sort != "corrected"), *(f"corrected_{one}" for one in WRONG))
"""What is counted apart."""

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
    sort: str | None


class _Words:
    """Words as token ids: enough to follow an output through the grammar."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}

    def encode(self, text: str, /) -> Sequence[int]:
        spaced = text.replace(";", " ;").split()
        return [self._ids.setdefault(word, len(self._ids) + 1) for word in spaced]


def known(source: Source, split: Split, seed: int, sort: str | None = None) -> Iterator[Known]:
    """Sentences that command, with their plans, without end: of one sort, or mixed."""
    mix = MIX if sort is None else {sort: 1.0}
    vocabulary: Vocabulary | None = None
    words = _Words()
    for case, world in cases(source, split, seed, worlds=WORLDS, mix=mix, devices=None):
        if vocabulary is None or vocabulary.registry is not world.registry:
            vocabulary = Vocabulary(world.registry)
        # A grammar of all targets takes long, and only those that are written can matter to it.
        written = f" {case.output.replace(';', ' ')} "
        every = case.candidates.targets
        named = [one for one in every if f" {one.target.phrase} " in written]
        slots = slots_of(case.text, named, vocabulary, case.before)
        grammar = compile_grammar(Abilities(world.registry), slots, words.encode, _END)
        plan = meaning(grammar.commands, (*words.encode(case.output), _END))
        if isinstance(plan, Plan):
            asks = is_question(case.text, follows=case.before is not None)
            sentence = Sentence(case.text, (), grammar, asks, every, world.registry)
            yield Known(case, sentence, plan, sort)


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


def _first_number(said: Known, _: random.Random) -> Iterator[tuple[str, Plan]]:
    """The number that was said and taken back."""
    (first, *more) = said.plan.actions
    amount = _amount(first)
    if more or amount is None or said.sort != "corrected_value":
        return
    names = {number for one in said.sentence.targets for number in numbers_in(one.target.phrase)}
    for number in numbers_in(said.case.text):
        if number not in {amount, *names}:
            yield said.case.text, Plan((_with_amount(first, number - amount),))


def _first_thing(said: Known, _: random.Random) -> Iterator[tuple[str, Plan]]:
    """The thing that was said and taken back."""
    (first, *more) = said.plan.actions
    words = {*said.case.text.replace(",", " ").replace(".", " ").split()}
    if more or said.sort != "corrected_target":
        return
    for one in said.sentence.targets:
        target = one.target
        meant = set(target.entities) & set(first.target.entities)
        named = words >= {*target.phrase.split()} and one.of is None and not one.question_only
        if named and not meant and _can(said, target, first.attribute):
            yield said.case.text, Plan((replace(first, target=target),))


def _can(said: Known, target: Target, attribute: str) -> bool:
    entities = said.sentence.registry.entities
    found = [entities[one].capability(attribute) for one in target.entities]
    return any(capability is not None and capability.settable for capability in found)


def _first_deed(said: Known, _: random.Random) -> Iterator[tuple[str, Plan]]:
    """The opposite, which was said and taken back."""
    (first, *more) = said.plan.actions
    other = _opposite(first)
    if not more and said.sort == "corrected_action" and other is not None:
        yield said.case.text, Plan((other,))


def _opposite(action: Action) -> Action | None:
    match action.value:
        case Step(direction):
            return replace(action, value=replace(action.value, direction=-direction))
        case Extreme.MINIMUM:
            return replace(action, value=Extreme.MAXIMUM)
        case Extreme.MAXIMUM:
            return replace(action, value=Extreme.MINIMUM)
    other = _OPPOSITES.get(str(action.value))
    return None if other is None else replace(action, value=other)


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
    "the first number": _first_number,
    "the first thing": _first_thing,
    "the first deed": _first_deed,
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
    """Print both sides; 0 always, for it only measures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=300, help="sentences of each sort")
    parser.add_argument("--split", type=Split, default=Split.CALIBRATE)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sort", choices=SORTS, action="append", help="all where none is given")
    parser.add_argument("--show", type=int, default=0, help="examples of each class")
    options = parser.parse_args()
    for sort in options.sort or SORTS:
        said = known(load_source(), options.split, options.seed, sort)
        show(sort, tally(islice(said, options.count)), options.show)
    return 0


def show(sort: str, found: Tally, most: int) -> None:
    """Print what the guards did about one sort of sentence."""
    print(f"{sort}: {found.sentences} right plans, {found.false_alarms:.1%} held back")
    for kind, texts in sorted(found.alarms.items(), key=lambda item: -len(item[1])):
        _show(f"{len(texts):6d} {kind}", texts[:most])
    missed = sum(map(len, found.slipped.values()))
    total = sum(found.damages.values())
    print(f"{sort}: {total} damaged plans, {1 - missed / max(total, 1):.1%} held back")
    for name, count in found.damages.items():
        _show(f"{found.caught(name):6.1%} of {count:4d} {name}", found.slipped.get(name, ())[:most])


def _show(line: str, texts: Sequence[str]) -> None:
    print(f"  {line}")
    for text in texts:
        print(f"         {text}")


if __name__ == "__main__":
    sys.exit(main())
