"""Whether a sentence says the opposite of what a plan does: "open" of what shall close.

Knows words for values that have an opposite, and nothing of "not".
"""

import re
from collections.abc import Iterable

from edge_agent.core.command import Action, Extreme, Plan, Step
from edge_agent.core.entity import Attribute
from edge_agent.language.corrections import Span, takes_back

_WORDS = {
    "on": r"(?:turn|switch|click|flip|power)\w*(?: \w+){0,4}? on|on(?! (?:it|them|that|this|the|my"
    r"|our|all|top|a|your|to)\b)|on$",
    "off": r"off|(?:go|turn\w*|switch\w*|put|lights?|lamps?)(?: \w+){0,3} out(?! of)",
    "open": r"open\w*",
    "closed": r"clos\w*|shut",
    "locked": r"(?:re)?lock(?:ed|ing)?(?! off)",
    "unlocked": r"unlock\w*",
}
_OTHER_WORDS = {
    "on": r"on|(?<!de)activat\w*|start\w*|enabl\w*|run|engag\w*|use|(?:fire|light|power|crank"
    r"|boot) up",
    "off": r"stop\w*|kill\w*|cut|deactivat\w*|disabl\w*|shut|zap|end|quit|done|without"
    r"|no (?:more|power)|(?:want|have) (?:it|them) out|to (?:sleep|bed)|unplug|lose|disengag\w*",
    "open": r"up|lift\w*|raise\w*|retract\w*|unfold\w*|aside|apart",
    "closed": r"down|draw\w*|drop\w*|lower\w*|pull\w*|seal\w*|together|across|cover\w*|shade"
    r"|extend\w*|(?:roll\w*|window|glass|wind|bring) (?:\w+ ){0,3}up",
    "locked": r"bolt\w*|secure\w*|close\w*|shut",
    "unlocked": r"lock(?:ed)? (?:\w+ )?(?:off|out)|off lock|un lock|(?:let|get) (?:\w+ ){0,3}(?:in"
    r"|out)"
    r"|disengag\w*|disabl\w*|deactivat\w*|take|turn off|undo|unbolt\w*|open\w*|release\w*|free",
}
"""Words that may say a value as well, though they say other things too."""
_OPPOSITES = {
    mine: (
        re.compile(rf"\b(?:{_WORDS[mine]}|{_OTHER_WORDS[mine]})\b"),
        other,
        re.compile(rf"\b(?:{_WORDS[other]})\b"),
    )
    for one, two in (("on", "off"), ("open", "closed"), ("locked", "unlocked"))
    for mine, other in ((one, two), (two, one))
}
_STATED = re.compile(
    r"(?:\b(?:is|are|was|were|still|left|you (?:turned|switched|put)|with that|burning)"
    r"|n'?t (?:need|want|leave|keep)"
    r"|no need for|(?<!let)'s|'re)(?: \w+){0,5}? (?:on|off|open|closed|shut|locked|unlocked)\b"
    r"|\b(?:the|that|an|this) (?:open|closed|locked)\b(?! door)"
    r"|\b(?:from now|go|going|hang|come|carry|hold|later|early|and so|move|rely|depend|keep"
    r"|based) on\b"
    r"|\b(?:get|keep|take|clear|wipe|scare|kick|melt|seal|set|setting|fend)\b(?: [\w']+){0,6}?"
    r"(?<! to)(?<! it)(?<! them) off\b"
)
"""Says how things are, or something else than a value: "somebody left it on", "hang on"."""
_ENSURES = re.compile(r"\b(?:make sure|ensure|see to it|see that|be certain|should)\b")
_TURNED = frozenset({Attribute.POWER, Attribute.OPENING, Attribute.LOCK})
"""Attributes whose values are the words that people say: who unmutes wants the sound on."""
_UP = re.compile(
    r"\b(?:up|more(?! (?:quiet|soft|slow|gent|clos))|raise\w*|increas\w*|higher|highest|max\w*"
    r"|full\w*|brighter|brighten\w*|lighter"
    r"|warmer|hotter|louder|faster|stronger|(?<!less )open\w*)\b"
)
_DOWN = re.compile(
    r"\b(?:down|less|lower\w*|reduc\w*|decreas\w*|lowest|min(?:imum|imal|imi[sz]e)?|darker|dimmer|dim|cooler|colder"
    r"|quieter|softer|slower|weaker|clos\w*|shut)\b"
)
_SIDEWAYS = frozenset({Attribute.COLOR_TEMPERATURE})
"""Attributes of which "warmer" is less, and "more" may be either."""


def contradicts(bare: str, plan: Plan) -> bool:
    """Whether a sentence says the opposite of something that a plan does.

    Args:
        bare: The sentence as the guards compare it, without the names of what is meant.
        plan: What it was taken to mean.
    """
    said = {str(one.value) for one in plan.actions}
    said |= {str(one.condition.value) for one in plan.actions if one.condition is not None}
    return any(_contradicts(bare, action, said) for action in plan.actions)


def _contradicts(bare: str, action: Action, said: set[str]) -> bool:
    match action.value:
        case Step(direction):
            return action.attribute not in _SIDEWAYS and _ends_otherwise(bare, direction > 0)
        case Extreme():
            rises = action.value is Extreme.MAXIMUM
            return action.attribute not in _SIDEWAYS and _ends_otherwise(bare, rises)
        case str(value) if action.attribute in _TURNED and value in _OPPOSITES:
            own, other, opposite = _OPPOSITES[value]
            if other in said:
                return False
            if found := _spans(own, bare):
                return _is_taken_back(bare, found, _spans(opposite, bare))
            return bool(opposite.search(bare if _ENSURES.search(bare) else _STATED.sub(" ", bare)))
    return False


def _ends_otherwise(bare: str, rises: bool) -> bool:
    """Whether the direction of a step was taken back for the other: "up, no, down"."""
    own, opposite = (_UP, _DOWN) if rises else (_DOWN, _UP)
    return _is_taken_back(bare, _spans(own, bare), _spans(opposite, bare))


def _is_taken_back(bare: str, own: Iterable[Span], opposite: Iterable[Span]) -> bool:
    """Whether the last of a plan's own words was said before its opposite, and taken back."""
    (*_, first), (*_, then) = ((0, 0), *own), ((0, 0), *opposite)
    return 0 < first[1] <= then[0] and takes_back(bare, first, then)


def _spans(words: re.Pattern[str], bare: str) -> list[Span]:
    return [found.span() for found in words.finditer(bare)]
