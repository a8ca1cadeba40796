"""Whether what was understood is what was meant, and what the daemon would do about it.

Two plans are the same where the same would happen, however they are written. It knows registries
and thresholds; no model and no cases.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from edge_agent.core.command import (
    Action,
    Ask,
    Condition,
    Extreme,
    Meaning,
    Plan,
    Query,
    Refusal,
    Schedule,
    Wanted,
)
from edge_agent.core.entity import Range, Risk
from edge_agent.core.registry import Registry
from edge_agent.language.confidence import Calibration, Evidence
from edge_agent.language.dialogue import ambiguous
from edge_agent.language.grammar import Node, meaning
from edge_agent.language.interpreter import Interpreter, Sentence, doubt_of, risk_of

_Test: TypeAlias = tuple[frozenset[str], str, str, str | float]
_Deed: TypeAlias = tuple[Wanted, _Test | None, Schedule | None]
Effects: TypeAlias = Mapping[tuple[str, ...], Sequence[_Deed]]
"""What a plan does to each attribute of each entity, in order."""


class Sort(StrEnum):
    """The sorts of meaning."""

    PLAN = "plan"
    QUERY = "query"
    REFUSAL = "refusal"


class Verdict(StrEnum):
    """What the daemon does about a sentence."""

    ACTED = "acted"
    ASKED = "asked"
    ANSWERED = "answered"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Judged:
    """One sentence: what was meant, and what a model made of it."""

    text: str
    expected: str
    """What was meant, in words."""
    said: str
    """What the model said, in the output language; empty where nothing was legal."""
    evidence: Evidence
    """What speaks for what it said."""
    meant: Sort
    got: Sort
    right: bool
    """Whether the same would happen, or the same would be asked."""
    reachable: bool
    """Whether the grammar of the sentence has what was meant; else no model can be right."""
    blocked: str | None
    """Why a plan is asked back whatever its confidence; None where it is not."""
    risk: Risk
    """The highest risk class in the plan that was understood."""
    secure: bool
    """Whether that plan touches a lock, a door, a gate, a garage door, a valve or an alarm."""
    labels: Mapping[str, str]
    """By what it is counted: `what`, `style`, `how`, `commands`, `world`, `devices`."""


def sort_of(understood: Meaning) -> Sort:
    """The sort of a meaning."""
    match understood:
        case Plan():
            return Sort.PLAN
        case Query():
            return Sort.QUERY
        case Refusal():
            return Sort.REFUSAL


def effects(plan: Plan, registry: Registry) -> Effects:
    """What a plan comes down to; "a; b" and "a and b" said as one group are the same."""
    found: dict[tuple[str, ...], list[_Deed]] = defaultdict(list)
    for action in plan.actions:
        test = _test(action.condition)
        entities = action.target.entities
        if len(entities) > 1 and not action.target.collective:
            # Nothing happens before the question "which one?" is answered.
            key = ("which", action.attribute, *sorted(entities))
            found[key].append((action.value, test, action.schedule))
            continue
        for entity_id in entities:
            if action.target.collective and not _can(entity_id, action, registry):
                continue
            value = _resolved(entity_id, action, registry)
            deed = (value, test, action.schedule)
            deeds = found[entity_id, action.attribute]
            if not deeds or deeds[-1] != deed:
                deeds.append(deed)
    return found


def same(one: Meaning, other: Meaning, registry: Registry) -> bool:
    """Whether two meanings come down to the same."""
    match one, other:
        case Plan(), Plan():
            return effects(one, registry) == effects(other, registry)
        case Query(), Query():
            return _asked(one) == _asked(other)
        case Refusal(), Refusal():
            return True
    return False


def _asked(query: Query) -> tuple[object, ...]:
    entities = frozenset(query.target.entities)
    # Whether any of one thing is on is whether it is on.
    ask = Ask.STATE if query.ask is Ask.ANY and len(entities) == 1 else query.ask
    return (ask, entities, query.attribute, query.value, query.comparison)


def _test(condition: Condition | None) -> _Test | None:
    if condition is None:
        return None
    entities = frozenset(condition.target.entities)
    return (entities, condition.attribute, condition.comparison.value, condition.value)


def _can(entity_id: str, action: Action, registry: Registry) -> bool:
    entity = registry.entities.get(entity_id)
    capability = entity.capability(action.attribute) if entity else None
    return capability is not None and capability.settable


def _resolved(entity_id: str, action: Action, registry: Registry) -> Wanted:
    """A value as it can be compared: "maximum" of a percentage is 100."""
    entity = registry.entities.get(entity_id)
    capability = entity.capability(action.attribute) if entity else None
    if isinstance(action.value, Extreme):
        if capability is not None and isinstance(domain := capability.domain, Range):
            return domain.minimum if action.value is Extreme.MINIMUM else domain.maximum
        return action.value
    return float(action.value) if isinstance(action.value, int) else action.value


def walk(root: Node, tokens: Sequence[int]) -> Meaning | None:
    """What a path means; None where the grammar has no such path."""
    node = root
    for token in tokens:
        edges = node.edges
        if token not in edges:
            return None
        node = edges[token]
    return None if node.edges else meaning(root, tokens)


def meant_by(output: str, sentence: Sentence, interpreter: Interpreter) -> tuple[Meaning, bool]:
    """What an output means for a sentence, and whether a model may say it there.

    An output that not even the root of commands has is taken for a refusal that no model can
    reach: it counts as wrong, whatever is said.
    """
    tokens = interpreter.tokens_of(output)
    found = walk(sentence.root, tokens)
    if found is not None:
        return found, True
    return walk(sentence.grammar.commands, tokens) or Refusal("not in the grammar"), False


def judge(
    interpreter: Interpreter,
    sentence: Sentence,
    registry: Registry,
    meant: Meaning | Sequence[Meaning],
    *,
    expected: str,
    reachable: bool,
    labels: Mapping[str, str],
) -> Judged:
    """Lets a model read a sentence and compares.

    Args:
        interpreter: Of the model.
        sentence: From its `prepare`.
        registry: What the sentence was said in.
        meant: What is right; any of several.
        expected: The same in words.
        reachable: Whether the grammar has it.
        labels: By what it is counted.
    """
    legal = [meant] if isinstance(meant, Plan | Query | Refusal) else list(meant)
    understood: Meaning = Refusal()
    evidence, said, blocked = Evidence(0.0), "", None
    if paths := interpreter.decode(sentence):
        understood, evidence = interpreter.weigh(sentence, paths)
        said = interpreter.conclude(sentence, paths).said
    risk, secure = Risk.COMFORT, False
    if isinstance(understood, Plan):
        blocked = "ambiguous target" if ambiguous(understood) else doubt_of(sentence, understood)
        risk = risk_of(understood, registry)
        secure = touches_security(understood, registry)
    return Judged(
        text=sentence.text,
        expected=expected,
        said=said,
        evidence=evidence,
        meant=sort_of(legal[0]),
        got=sort_of(understood),
        right=any(same(one, understood, registry) for one in legal)
        and (reachable or not isinstance(legal[0], Refusal)),
        reachable=reachable,
        blocked=blocked,
        risk=risk,
        secure=secure,
        labels=labels,
    )


def touches_security(plan: Plan, registry: Registry) -> bool:
    """Whether a plan is about a thing that keeps somebody or something in or out."""
    return any(
        entity.security
        for action in plan.actions
        for entity_id in action.target.entities
        if (entity := registry.entities.get(entity_id)) is not None
    )


def verdict(judged: Judged, calibration: Calibration) -> Verdict:
    """What the daemon does about a sentence with these thresholds."""
    evidence = judged.evidence
    if judged.got is Sort.REFUSAL or calibration.confidence(evidence) < calibration.ask:
        return Verdict.REFUSED
    if judged.got is Sort.QUERY:
        return Verdict.ANSWERED
    if judged.blocked is not None or not calibration.suffices(evidence, judged.risk):
        return Verdict.ASKED
    return Verdict.ACTED
