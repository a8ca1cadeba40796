"""A sentence in, its meaning out: prompt, constrained decode, confidence.

Knows the model only as something that scores token paths, and the home only as a vocabulary.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from edge_agent.core.command import Meaning, Plan, Query, Refusal, Target
from edge_agent.core.entity import Area, Risk
from edge_agent.core.names import fold
from edge_agent.core.registry import Registry
from edge_agent.language.confidence import MOST_MARGIN, Calibration, Evidence
from edge_agent.language.grammar import Grammar, Node, Slots, compile_grammar, meaning
from edge_agent.language.guards import (
    is_conditional,
    is_exception,
    is_question,
    plain,
    unheeded,
)
from edge_agent.language.mentions import Mentions
from edge_agent.language.numbers import numbers_in
from edge_agent.language.prompt import MOST_CHARACTERS, Context, Mark, Piece, PromptFormat
from edge_agent.language.spoken import Spoken
from edge_agent.language.times import times_in, untimed
from edge_agent.language.vocabulary import Candidates, Vocabulary

_MOST_TOKENS = 112
_WIDTH = 4
_LONGEST_TEXT = 5  # words of a list item


class Path(Protocol):
    """A decoded token path."""

    @property
    def tokens(self) -> Sequence[int]:
        """The tokens, with the end token."""
        ...

    @property
    def logprob(self) -> float:
        """Sum of the raw log-probabilities of its tokens."""
        ...

    @property
    def finished(self) -> bool:
        """Whether it came to an end of the grammar."""
        ...


class LanguageModel(Protocol):
    """What the interpreter needs of a model: token ids and scores, no tensors."""

    def encode(self, text: str, /) -> Sequence[int]:
        """Token ids of a text; never a special token."""
        ...

    def special(self, name: str, /) -> int:
        """The id of a control token of this model.

        Raises:
            ModelError: It has none of that name.
        """
        ...

    def text(self, tokens: Sequence[int], /) -> str:
        """The text of token ids."""
        ...

    def hold(self, prefix: Sequence[int], /, *, cancelled: Callable[[], bool]) -> None:
        """Makes ready what every prompt begins with; never empty."""
        ...

    def decode(
        self,
        prompt: Sequence[int],
        start: Node,
        *,
        width: int,
        max_tokens: int,
        cancelled: Callable[[], bool],
    ) -> Sequence[Path]:
        """The best paths through the automaton from `start`, best first."""
        ...


@dataclass(frozen=True, slots=True)
class Before:
    """What a conversation did last, for sentences that refer to it."""

    said: str
    """In the output language."""
    targets: tuple[Spoken, ...]


def before_of(plan: Plan, said: str) -> Before:
    """What a plan leaves for the next sentence to refer to."""
    targets = dict.fromkeys(action.target for action in plan.actions)
    return Before(said, tuple(Spoken(one, tuple(one.phrase.split())) for one in targets))


_UNASKED = Evidence(0.0)
"""Of a reading that no model was asked for."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a sentence was taken to mean."""

    meaning: Meaning
    confidence: float
    """0 to 1."""
    evidence: Evidence = _UNASKED
    """What the confidence comes of."""
    said: str = ""
    """The meaning in the output language, for logs and events."""
    unheeded: str | None = None
    """A clause about what the sentence says and the plan leaves out; it must not act then."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence made ready for the model."""

    text: str
    prompt: tuple[int, ...]
    grammar: Grammar
    asks: bool
    """Whether it is a question, which cannot act."""
    targets: tuple[Spoken, ...]
    registry: Registry
    """The snapshot that the targets belong to."""

    @property
    def root(self) -> Node:
        """Where the model begins to speak."""
        return self.grammar.questions if self.asks else self.grammar.commands


class Interpreter:
    """Understands sentences with one model, one prompt format and one calibration."""

    def __init__(
        self, model: LanguageModel, prompt: PromptFormat, calibration: Calibration
    ) -> None:
        """Encodes the constant part of the prompt once."""
        self.calibration = calibration
        self._model = model
        self._prompt = prompt
        self._prefix = tuple(model.encode(prompt.prefix))
        self._end = self._tokens([prompt.end])[0]

    def warm(self, cancelled: Callable[[], bool] = lambda: False) -> None:
        """Put the constant part of the prompt into the model's cache."""
        if self._prefix:
            self._model.hold(self._prefix, cancelled=cancelled)
        vocabulary = Vocabulary(Registry())
        self.read("hello", vocabulary, None, cancelled)

    def read(
        self,
        text: str,
        vocabulary: Vocabulary,
        area: Area | None,
        cancelled: Callable[[], bool],
        *,
        among: Sequence[Spoken] | None = None,
        before: Before | None = None,
    ) -> Reading:
        """What a sentence means in this home.

        Args:
            text: The sentence.
            vocabulary: The names of the snapshot it is decided against.
            area: Where the speaker is, which decides about "the light".
            cancelled: Asked between the steps of the model; a true answer ends the decode.
            among: Only these targets may be meant: the options of a question that was asked.
            before: What the same conversation did just before.
        """
        if len(text) > MOST_CHARACTERS:
            return Reading(Refusal("the sentence is too long"), 1.0)
        sentence = self.prepare(text, vocabulary, area, among=among, before=before)
        return self.conclude(sentence, self.decode(sentence, cancelled))

    def prepare(
        self,
        text: str,
        vocabulary: Vocabulary,
        area: Area | None,
        *,
        among: Sequence[Spoken] | None = None,
        before: Before | None = None,
    ) -> Sentence:
        """The first step of `read`, with the same arguments: no model is asked."""
        candidates = (
            vocabulary.candidates(text, area, also=before.targets if before else ())
            if among is None
            else Candidates(tuple(among), tuple(among))
        )
        targets = candidates.targets
        slots = slots_of(text, targets, vocabulary, before)
        grammar = compile_grammar(vocabulary.abilities, slots, self._model.encode, self._end)
        context = context_of(vocabulary, candidates, area, before)
        prompt = (*self._prefix, *self._tokens(self._prompt.tail(text, context)))
        asks = is_question(text, follows=before is not None)
        return Sentence(text, prompt, grammar, asks, targets, vocabulary.registry)

    def decode(
        self, sentence: Sentence, cancelled: Callable[[], bool] = lambda: False
    ) -> Sequence[Path]:
        """The second step: what the model says, the most probable first, without broken-off paths.

        Args:
            sentence: From `prepare`.
            cancelled: Asked between the steps of the model; a true answer ends the decode.
        """
        paths = self._model.decode(
            sentence.prompt,
            sentence.root,
            width=_WIDTH,
            max_tokens=_MOST_TOKENS,
            cancelled=cancelled,
        )
        finished = [path for path in paths if path.finished]
        return sorted(finished, key=lambda path: path.logprob, reverse=True)

    def conclude(self, sentence: Sentence, paths: Sequence[Path]) -> Reading:
        """The third step: what the best path means, how sure that is and what it leaves out."""
        if not paths:
            return Reading(Refusal(), 1.0)
        understood, evidence = self.weigh(sentence, paths)
        said = self._model.text([one for one in paths[0].tokens if one != self._end]).strip()
        confidence = self.calibration.confidence(evidence)
        if isinstance(understood, Refusal):
            return Reading(understood, 1 - confidence, evidence, said)
        if confidence < self.calibration.ask:
            return Reading(Refusal("not understood"), 1 - confidence, evidence, said)
        doubt = doubt_of(sentence, understood) if isinstance(understood, Plan) else None
        return Reading(understood, confidence, evidence, said, doubt)

    def weigh(self, sentence: Sentence, paths: Sequence[Path]) -> tuple[Meaning, Evidence]:
        """What the best path means, and what speaks for it.

        "Front door" and "front door lock" may be one thing: the paths that come down to the same
        are counted together.

        Args:
            sentence: From `prepare`.
            paths: From `decode`, at least one.
        """
        understood = [meaning(sentence.root, path.tokens) for path in paths]
        found: list[tuple[object, list[float]]] = []
        for gist, path in zip(map(_gist, understood), paths, strict=True):
            for known, logprobs in found:
                if known == gist:
                    logprobs.append(path.logprob)
                    break
            else:
                found.append((gist, [path.logprob]))
        (_, best), *others = ((gist, _together(logprobs)) for gist, logprobs in found)
        margin = min((best - other for _, other in others), default=MOST_MARGIN)
        lead = next((best - other for gist, other in others if gist is None), MOST_MARGIN)
        evidence = Evidence(min(0.0, best), min(margin, MOST_MARGIN), min(lead, MOST_MARGIN))
        return understood[0], evidence

    def tokens_of(self, output: str) -> tuple[int, ...]:
        """The tokens of an output, with its end: to see where the grammar leads with it."""
        return (*self._model.encode(f" {output}"), self._end)

    def _tokens(self, pieces: Sequence[Piece]) -> Sequence[int]:
        tokens: list[int] = []
        for piece in pieces:
            if isinstance(piece, Mark):
                tokens.append(self._model.special(piece))
            else:
                tokens.extend(self._model.encode(piece))
        return tokens


def _together(logprobs: Sequence[float]) -> float:
    """How likely any of several paths is, in nats."""
    return logprobs[0] + math.log(sum(math.exp(one - logprobs[0]) for one in logprobs))


def _gist(understood: Meaning) -> object:
    """What a meaning comes down to, whatever things are called in it."""

    def things(target: Target) -> tuple[tuple[str, ...], bool]:
        return target.entities, target.collective and len(target.entities) > 1

    match understood:
        case Plan(actions):
            return [
                (
                    things(one.target),
                    one.attribute,
                    one.value,
                    one.schedule,
                    one.condition
                    and (things(one.condition.target), replace(one.condition, target=_NOTHING)),
                )
                for one in actions
            ]
        case Query():
            return things(understood.target), replace(understood, target=_NOTHING)
        case Refusal():
            return None


_NOTHING = Target("", ())


def doubt_of(sentence: Sentence, plan: Plan) -> str | None:
    """A clause about what a sentence says and its plan leaves out, or None."""
    names = Mentions.of(plan, sentence.targets, sentence.registry)
    schedules = [action.schedule for action in plan.actions if action.schedule]
    if not schedules:
        return unheeded(sentence.text, plan, names)
    # What is said apart from the times that are kept must be heeded as in any other sentence.
    return unheeded(untimed(sentence.text, schedules), plan.unscheduled, names)


def context_of(
    vocabulary: Vocabulary, candidates: Candidates, area: Area | None, before: Before | None
) -> Context:
    """What a model is shown beside a sentence; training and the daemon both take it from here."""
    return Context(
        vocabulary.kinds,
        [vocabulary.describe(named) for named in candidates.names],
        fold(area.name) if area else None,
        before.said if before else None,
    )


def slots_of(
    text: str, targets: Sequence[Spoken], vocabulary: Vocabulary, before: Before | None = None
) -> Slots:
    """What a sentence offers for the open places of the grammar.

    One without a number of its own may mean the one before: "and the hall", after "to 20".
    """
    return Slots(
        targets,
        numbers_in(text) or (numbers_in(before.said) if before else ()),
        _texts(text, targets, vocabulary),
        times_in(text),
        conditional=is_conditional(text),
        exceptional=is_exception(text),
    )


def _texts(text: str, targets: Sequence[Spoken], vocabulary: Vocabulary) -> list[str]:
    takes_text = any(
        ability.settable.texts
        for target in (spoken.target for spoken in targets)
        for ability in vocabulary.abilities.of(
            target.entities, collective=target.collective
        ).values()
    )
    if not takes_text:
        return []
    words = plain(text).strip(" .!?").split()
    return [
        " ".join(words[start : start + length])
        for length in range(1, _LONGEST_TEXT + 1)
        for start in range(len(words) - length + 1)
    ]


def risk_of(plan: Plan, registry: Registry) -> Risk:
    """The highest risk class among the commands that a plan may come down to."""
    order = list(Risk)
    risks = [
        capability.risk_of(action.value if isinstance(action.value, str | float) else "*")
        for action in plan.actions
        for entity_id in action.target.entities
        if (entity := registry.entities.get(entity_id)) is not None
        and (capability := entity.capability(action.attribute)) is not None
    ]
    return max(risks, key=order.index, default=Risk.COMFORT)
