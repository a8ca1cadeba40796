"""What is composed for one small home: each sort of sentence means what it says."""

import re
from collections.abc import Callable, Sequence
from random import Random

import pytest

from edge_agent.core.entity import Kind
from edge_agent.core.names import fold
from edge_agent.core.registry import Registry
from edge_agent.errors import FactoryError
from edge_agent.factory.compose import Case, Composer, Miss
from edge_agent.factory.compose.reach import Reach
from edge_agent.factory.sentences.bank import Split
from edge_agent.factory.sentences.cases import MIX, load_source
from edge_agent.language.grammar import MOST_ACTIONS
from edge_agent.language.guards import is_conditional, is_question
from edge_agent.language.interpreter import Before
from edge_agent.language.numbers import numbers_in
from edge_agent.language.times import times_in
from edge_agent.language.vocabulary import Vocabulary
from edge_agent.language.wording import REFUSAL, SEPARATOR, kind_words

STRANGERS = (("moonbeam", Kind.LIGHT), ("old faithful", Kind.LIST))
COUNT = 25


def composer_of(registry: Registry) -> Composer:
    source = load_source()
    bank = source.bank.of(Split.TRAIN)
    return Composer(registry, bank, source.synonyms, source.items, STRANGERS, Random(5))


@pytest.fixture(scope="module")
def made(home: Registry) -> Callable[[str], Sequence[Case]]:
    """Some cases of a sort, made once."""
    composer, known = composer_of(home), dict[str, list[Case]]()

    def make(sort: str) -> Sequence[Case]:
        cases = known.setdefault(sort, [])
        for _ in range(COUNT * 40):
            if len(cases) == COUNT:
                break
            try:
                cases.append(composer.compose(sort))
            except Miss:
                continue
        assert len(cases) == COUNT, f"{sort}: it fits this home too seldom"
        return cases

    return make


@pytest.mark.parametrize("sort", MIX)
def test_every_sort_of_sentence_is_composed_and_shown_as_the_daemon_shows_it(
    home: Registry, made: Callable[[str], Sequence[Case]], sort: str
) -> None:
    vocabulary = Vocabulary(home)
    for case in made(sort):
        assert case.text
        also = case.before.targets if case.before else ()
        assert case.candidates == vocabulary.candidates(case.text, case.area, also=also)
        assert list(case.context.names) == [vocabulary.describe(n) for n in case.candidates.names]
        assert case.context.kinds == vocabulary.kinds
        assert case.context.area == (fold(case.area.name) if case.area else None)
    assert len({case.text for case in made(sort)}) > COUNT / 2


def test_a_sort_that_is_none_is_told_with_the_legal_ones(home: Registry) -> None:
    with pytest.raises(FactoryError, match=r"'joke'; legal: command, several, "):
        composer_of(home).compose("joke")


def test_commands_hold_as_many_as_they_say(made: Callable[[str], Sequence[Case]]) -> None:
    for case in made("command"):
        assert case.commands in {1, 2}
        assert not is_question(case.text)
    for case in made("several"):
        assert case.commands >= 2
        written = case.output.split(SEPARATOR)
        assert 1 <= len(written) <= min(case.commands, MOST_ACTIONS)


def test_a_time_that_is_said_is_written(made: Callable[[str], Sequence[Case]]) -> None:
    for case in made("timed"):
        said = {time.phrase for time in times_in(case.text)}
        assert any(case.output.endswith(f" {phrase}") for phrase in said), case
    assert {case.what for case in made("timed")} == {"timed"}


def test_a_condition_comes_first_and_is_said(made: Callable[[str], Sequence[Case]]) -> None:
    for case in made("conditional"):
        assert is_conditional(case.text)
        assert re.match(r"if .+ then .+", case.output)


def test_numbers_that_are_written_were_said(made: Callable[[str], Sequence[Case]]) -> None:
    seen = 0
    for sort in ("command", "several", "corrected", "question", "follow_up"):
        for case in made(sort):
            found = re.search(r" (?:to|by|above|below) (-?\d+(?:\.\d+)?)$", case.output)
            if found:
                seen += 1
                before = numbers_in(case.before.said) if case.before else ()
                assert float(found[1]) in (numbers_in(case.text) or before), case
    assert seen > 3


def test_a_follow_up_knows_what_was_before(made: Callable[[str], Sequence[Case]]) -> None:
    for case in made("follow_up"):
        assert case.before is not None
        assert case.before.said == case.context.before
        assert case.before.targets[0].target.phrase in case.before.said
        assert case.candidates.names[0] == case.before.targets[0]


def test_questions_are_questions_and_command_nothing(
    made: Callable[[str], Sequence[Case]],
) -> None:
    for case in made("question"):
        assert case.commands == 0
        assert re.match(r"(?:what is|is|where is|which|how many|any) ", case.output), case


@pytest.mark.parametrize("sort", ["nothing", "absent", "cancelled"])
def test_after_a_negative_nothing_is_done(made: Callable[[str], Sequence[Case]], sort: str) -> None:
    for case in made(sort):
        assert case.output == REFUSAL
        assert case.what.startswith("none ")
        assert case.commands == 0


def test_what_is_absent_is_not_here(home: Registry, made: Callable[[str], Sequence[Case]]) -> None:
    nouns = {noun for kind in Kind for pair in kind_words(kind) for noun in pair}
    # "The siren" is here, "the spare room siren" is not.
    names = {fold(name) for one in home.entities.values() for name in one.names} - nouns
    absent = [case for case in made("absent") if case.what == "none absent"]
    plain = [case for case in absent if case.style == "direct"]
    assert plain
    assert not any(f" {name} " in f" {case.text} " for case in plain for name in names)


def test_what_is_called_off_is_a_command_but_for_its_end(
    home: Registry, made: Callable[[str], Sequence[Case]]
) -> None:
    ends = load_source().bank.manner.cancel
    words = {word for end in ends for word in re.findall(r"\w+", end)}
    assert all(words & set(re.findall(r"\w+", case.text)) for case in made("cancelled"))


def test_all_and_everything_never_mean_what_secures_the_house(home: Registry) -> None:
    composer, seen = composer_of(home), 0
    for _ in range(600):
        try:
            case = composer.compose("command")
        except Miss:
            continue
        for spoken in case.candidates.targets:
            target = spoken.target
            if spoken.question_only:
                continue
            if target.collective and re.search(rf"\b{target.phrase}\b", case.output):
                every = target.phrase.startswith(("all ", "everything"))
                seen += every
                assert not every or not any(home.entities[e].security for e in target.entities)
    assert seen > 5


@pytest.mark.parametrize("sort", [sort for sort in MIX if sort != "nothing"])
def test_in_an_empty_home_there_is_nothing_to_say(sort: str) -> None:
    composer = composer_of(Registry())
    for _ in range(5):
        with pytest.raises(Miss):
            composer.compose(sort)


def test_only_what_the_daemon_can_say_is_sayable(home: Registry) -> None:
    vocabulary = Vocabulary(home)
    reach = Reach(vocabulary)

    def can_say(output: str, text: str) -> bool:
        return reach.can_say(output, text, vocabulary.candidates(text, None))

    assert can_say("turn on bedroom fan", "turn on the bedroom fan")
    assert can_say("set bedroom fan speed to 40", "bedroom fan to forty percent")
    assert can_say(REFUSAL, "tell me a joke")
    assert not can_say("set bedroom fan speed to 40", "bedroom fan to fifty percent")
    assert not can_say("turn on bedroom fan", "is the bedroom fan on")
    assert not can_say("lock bedroom fan", "lock the bedroom fan")
    assert not can_say("turn on attic fan", "turn on the attic fan")
    assert not can_say("turn on all fans except bedroom fan", "all fans on except the bedroom fan")
    spoken = vocabulary.candidates("bedroom fan", None).targets[0]
    before = Before("set bedroom fan speed to 40", (spoken,))
    candidates = vocabulary.candidates("and the bedroom fan", None)
    assert reach.can_say("set bedroom fan speed to 40", "and the bedroom fan", candidates, before)
    assert not reach.can_say("set bedroom fan speed to 40", "and the bedroom fan", candidates)
    many = "turn on bedroom fan; " * MOST_ACTIONS + "turn off bedroom fan"
    assert not can_say(many, "bedroom fan on on on on off")
