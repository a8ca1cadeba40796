"""What an order says that it does not want: "no sugar", "hold the ice", "without milk".

Such words forbid nothing else, as a "not" would, and leave nothing out of "all".
"""

import re
from collections.abc import Set as AbstractSet

from edge_agent.core.command import Action, Plan
from edge_agent.core.entity import Attribute
from edge_agent.core.names import fold
from edge_agent.language.likeness import stem

_UNWANTED = re.compile(
    r"(?:[ ,]|\b(?:and|but|with)\b)*(?<![\w'])"
    r"(?:no|not any|without(?: any)?|hold the|skip the|minus the"
    r"|(?:i )?(?:do ?n'?t|do not) (?:want|need) any) (?P<what>[a-z]+)(?![\w'])"
)
_SETTINGS = frozenset({Attribute.OPTION, Attribute.VALUE})
_NONE = frozenset({"no", "none", "without", "off", "zero", "black"})
"""Words of values that set just what is not wanted."""


def is_order(plan: Plan) -> bool:
    """Whether a plan sets up a machine, and does nothing else but start it."""
    sets = [action.attribute in _SETTINGS for action in plan.actions]
    return any(sets) and all(
        one or action.value == "press" for one, action in zip(sets, plan.actions, strict=True)
    )


def sets_unwanted(bare: str, plan: Plan) -> bool:
    """Whether an order sets what the sentence does not want: sugar, after "no sugar"."""
    unwanted = {stem(found["what"]) for found in _UNWANTED.finditer(bare)}
    return is_order(plan) and any(
        not unwanted.isdisjoint(_own(action)) and _NONE.isdisjoint(_value(action))
        for action in plan.actions
    )


def without_unwanted(bare: str, plan: Plan, others: AbstractSet[str]) -> str:
    """A sentence without what its order heeds by not setting it, or by setting none of it.

    Args:
        bare: The sentence as the guards compare it.
        plan: What it was taken to mean.
        others: Stems of what else could have been set.
    """
    if not is_order(plan):
        return bare
    set_to = {stem(word) for action in plan.actions for word in _value(action)}
    none = {word for action in plan.actions if _heeds(action) for word in _own(action)}

    def rest(found: re.Match[str]) -> str:
        what = stem(found["what"])
        return "" if what in none or (what in others and what not in set_to) else found[0]

    return _UNWANTED.sub(rest, bare)


def _heeds(action: Action) -> bool:
    return not _NONE.isdisjoint(_value(action))


def _own(action: Action) -> set[str]:
    """The words of what is set: "sugar", "ice level"."""
    return {stem(word) for word in fold(action.target.phrase).split()}


def _value(action: Action) -> set[str]:
    return set(fold(str(action.value)).split())
