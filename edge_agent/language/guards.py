"""Checks on what was said that can only narrow what the daemon may do.

A guard may force the question root, ask back or refuse. None of them picks an action: that is the
model's part, and what it picks is measured against these.
"""

import re

from edge_agent.core.command import Action, Plan, Step
from edge_agent.language.numbers import numbers_in
from edge_agent.language.wording import EXCEPT

_STOP = frozenset(
    "stop,stop it,stop that,cancel,cancel that,cancel it,abort,never mind,nevermind,forget it,"
    "forget that,forget about it".split(",")
)
_YES = frozenset(
    "yes,yes please,yeah,yep,yup,sure,ok,okay,correct,right,do it,go ahead,please do,confirm,"
    "yes do it,that's right,exactly,of course,affirmative".split(",")
)
_NO = frozenset(
    "no,no thanks,nope,nah,don't,do not,negative,wrong,no don't,neither,none,better not".split(",")
)

_LEAD_IN = re.compile(
    r"^(?:(?:hey|hi|hello|ok|okay|so|and|well|um|uh|er|please|now|sorry|excuse me|quick question)"
    r"[\s,]+)+"
)
_ASKS = re.compile(
    r"^(?:what(?:'?s|'?re)?|which|who(?:'?s|se)?|where(?:'?s)?|why|how(?:'?s)?|is|are"
    # "when is ...", but not "when i come home ..."
    r"|when(?:'?s|(?=\s+(?:is|are|was|were|am|do|does|did|will|would|can|could|should|ha[sd]|have)\b))"
    r"|was|were|did|does|has|had|am|any|isn'?t|aren'?t|wasn'?t|didn'?t|doesn'?t|hasn'?t|should"
    r"|shall|do\s+(?:i|you|we|they|the|any|my|our)(?!\s+(?:\w+ing|floors?|lawn|carpets?|rugs?)\b)"
    r"|have\s+(?:i|you|we|they|(?:the|my|our|any)\b.+\bbeen)"
    r"|(?:can|could|will|would|may|might)\s+(?:the|it|he|she|they|this|that|these|those|my|our))\b"
)
_WONDERS = re.compile(
    r"\b(?:tell me|let me know|check|see|find out|know|wonder(?:ing)?|remember|say|ask(?:ing)?)\s+"
    r"(?:me\s+)?(?:if|whether|what|which|who|where|when|why|how)\b"
    r"|\b(?:is|are|was|were) (?:it|they)\b"
)
_POLITE = re.compile(
    r"^(?:(?:can|could|will|would|won'?t)\s+(?:you|u|someone|we|i)\b"
    r"|why do ?n'?t (?:you|we)\b|do you think (?:you|we) (?:could|can|might)\b"
    r"|(?:i was|i'?m|was|just)? ?wondering (?:if|whether) (?:you|we|i) (?:could|can|might)\b"
    r"|(?:would|is|could|might) it (?:be )?(?:\w+ )?possible\b(?! that (?!(?:you|we|i)\b))"
    r"|(?:is there )?any (?:chance|way) (?:you|we|i|of|to|for)\b"
    r"|how about\b|what about (?:some|a)\b"
    r"|(?:can|could) (?:the|my|our) .+ be (?:\w+ )*(?:\w+er|set|turned|switched)\b)"
)
_POLITE_TAG = re.compile(r"\b(?:please|will you|would you|could you|can you|ok|okay)\s*\?+\s*$")

_NEGATION = re.compile(
    r"\b(?:\w+n't|(?:do|does|did|is|are|must|should|need|would|could|have) ?nt|do n'?t|wont|cant"
    r"|not|never|neither|nor|cannot|no need|no longer|no reason|no one|nobody|none of|nothing"
    r"|leave|avoid(?:ing)?|refrain(?:ing)?|prevent(?:ing)?|keep\b.+\bfrom|instead of|rather than"
    r"|unnecessary|forbidden|hold off)\b|\bno\W*$"
)
_NO_NEGATION = re.compile(
    r"\b(?:do\s?n'?t|do not|never) (?:forget|hesitate)\b|\bnot? (?:only|bad)\b"
    r"|\bif you (?:do\s?n'?t|would ?n'?t) mind\b|\bwhy do ?n'?t (?:you|we)\b|\bwo ?n'?t you\b"
    # A complaint, not an order: "it isn't warm enough", "i can't see a thing".
    r"|\b(?:is ?n'?t|(?<!do )not|ain'?t|are ?n'?t) (?:\w+ ){0,3}enough\b"
    r"|\b(?:can'?t|can ?not|could ?n'?t|can hardly) (?:see|find|hear|read|sleep|breathe|feel)\b"
)
_CORRECTION = re.compile(
    r"\bnot (?:in )?(?:the|that|this) ([\w' ]{1,30}?) ?(?:,|\bbut\b|\bi mean\b)"
)
"""Says what is not meant before what is: "not the kitchen, the bedroom"."""
_TAKEN_BACK = re.compile(
    r"\b(?:no wait|wait no|i mean(?:t)?|sorry|actually|rather|scratch that|oops|whoops|make that"
    r"|correction|not that(?: one)?)\b|,? no,? (?=the|my|our|in)"
)

_LATER = re.compile(
    r"\b(?:tomorrow|tonight|later|soon|until|till|daily|before|afterwards?|sunset|sunrise"
    r"|midnight|noon|o'?clock|[ap]m"
    r"|every\s+(?:so|now|few|other|\d+"  # "every light" is no time
    r"|(?:\w+\s+){0,2}?(?:second|minute|hour|noon|week|month|year|time|sunset|sunrise"
    r"|\w*day|morning|afternoon|evening|(?:mid)?night)s?)"
    r"|(?:in|for|after|within)\s+(?!the second\b)(?:\w+\s+){1,4}?"
    r"(?:second|minute|hour|day|week|sec|min)s?"
    r"|(?:half an|an?) hour"
    r"|at \d+[:.]\d\d)\b"
)
_AT = re.compile(r"\bat\s+(?=\S)")
_CONDITION = re.compile(
    r"\b(?:if|when|whenever|(?<!at )once|unless|in case|as soon as|as long as|while)\b"
)
_NO_CONDITION = re.compile(
    r"\bif (?:you (?:can|could|please|would|do ?n'?t mind)|possible|that'?s okay)\b"
    r"|\bwhen(?:ever)? you (?:can|could|get|have|find)\b|\bwhile you(?:'?re| are) (?:at it|there)\b"
    r"|\bwondering (?:if|whether) (?:you|we|i)\b"
)
_SEQUENCE = re.compile(
    r"\b(?:and )?(?:after (?:that|this)|afterwards?|(?:when|once|as soon as) (?:that|this|it|you)"
    r"(?:'?s|'?re| is| are)? done(?: with that)?)\b"
)
"""Between two commands: they are carried out in the order they were said anyway."""
_IDLE_TIME = re.compile(r"\bbefore i forget\b|\bwhen you(?:'?re| are) (?:ready|free)\b")
_CALLED_OFF = re.compile(
    r"\b(?:never ?mind|nvm|forget (?:it|that|about it)|cancel(?: that| it)?|scratch that"
    r"|(?:i(?:'?ve)? )?changed my mind|ignore that|disregard that|belay that)\W*$"
)
LATER = "I cannot do things at a later time"
"""The clause about times, which are understood and not kept yet."""

_EXCEPTION = re.compile(
    r"\b(?:except|apart from|aside from|other than|besides|excluding|without|all but|barring"
    r"|save for|with the exception of|skip the"
    r"|but (?:not|the|this|that|my|our|in|on|for|leave|keep))\b"
)


_WORDS = {
    "on": r"on",
    "off": r"off|(?:go|turn|switch|put|lights?|lamps?) out|out(?! of)",
    "open": r"open\w*",
    "closed": r"clos\w*|shut",
    "locked": r"lock\w*",
    "unlocked": r"unlock\w*",
}
_OPPOSITES = {
    mine: (re.compile(rf"\b(?:{_WORDS[mine]})\b"), re.compile(rf"\b(?:{_WORDS[other]})\b"))
    for one, two in (("on", "off"), ("open", "closed"), ("locked", "unlocked"))
    for mine, other in ((one, two), (two, one))
}


def plain(text: str) -> str:
    """A sentence as the guards compare it: lower case, straight quotes, single spaces."""
    return " ".join(text.casefold().replace("\u2019", "'").split())


def is_stop(text: str) -> bool:
    """Whether the whole sentence only calls the daemon off."""
    return plain(text).strip(" .!,") in _STOP


def yes_or_no(text: str) -> bool | None:
    """What a whole sentence answers to a yes-no question; None if it is neither."""
    bare = plain(text).strip(" .!,").replace(",", "")
    if bare in _YES:
        return True
    return False if bare in _NO else None


def is_question(text: str) -> bool:
    """Whether a sentence asks: it is then decoded from the root that cannot act."""
    bare = _LEAD_IN.sub("", plain(text))
    if polite := _POLITE.search(bare):
        return bool(_WONDERS.search(bare[polite.end() :]))
    if _ASKS.search(bare) or _WONDERS.search(bare):
        return True
    if not bare.endswith("?"):
        return False
    return not _POLITE_TAG.search(bare)


def is_conditional(text: str) -> bool:
    """Whether a sentence may contain a condition."""
    return bool(_CONDITION.search(plain(text)))


def is_corrected(text: str) -> bool:
    """Whether a sentence takes back a part of itself, which a plan then rightly leaves out."""
    return bool(_TAKEN_BACK.search(plain(text)))


def is_exception(text: str) -> bool:
    """Whether a sentence may leave something out of "all"."""
    return bool(_EXCEPTION.search(plain(text)))


def unheeded(text: str, plan: Plan) -> str | None:
    """What a sentence says that its plan has no place for, as a clause; None if nothing.

    A plan that leaves out a "not", a time, a condition, an exception or a number is not what was
    said, however sure the model is.
    """
    bare = _IDLE_TIME.sub("", plain(text))
    if _CALLED_OFF.search(bare):
        return "it was called off"
    excepting = any(f" {EXCEPT} " in action.target.phrase for action in plan.actions)
    if _is_negated(bare, plan, excepting=excepting):
        return "I heard a not"
    if len(plan.actions) > 1:
        bare = _SEQUENCE.sub("", bare)
    used = _numbers_used(plan)
    timed = any(_is_time(bare[at.end() :], used) for at in _AT.finditer(bare))
    if plan.scheduled or timed or _LATER.search(bare):
        return LATER
    conditional = all(action.condition for action in plan.actions)
    if not conditional and _CONDITION.search(_NO_CONDITION.sub("", bare)):
        return "I did not understand the condition"
    if _EXCEPTION.search(bare) and not excepting:
        return "I did not understand the exception"
    if any(_contradicts(bare, action) for action in plan.actions):
        return "I may have that the wrong way round"
    if not set(numbers_in(bare)) <= used | {1.0}:  # "one" is an article more often than not
        return "I am not sure about the number"
    return None


def _is_negated(bare: str, plan: Plan, *, excepting: bool) -> bool:
    """Whether a sentence says not to, or not to some thing that the plan is about."""
    phrases = [{*action.target.phrase.split()} for action in plan.actions]

    def rest(correction: re.Match[str]) -> str:
        heeded = not any(phrase >= {*correction[1].split()} for phrase in phrases)
        return "" if heeded else correction[0]

    # The "not" of "all but not the lamp" is heeded, the one of "do not ... all but the lamp" isn't.
    exception = _EXCEPTION.search(bare) if excepting else None
    order = bare[: exception.start()] if exception else bare
    return bool(_NEGATION.search(_CORRECTION.sub(rest, _NO_NEGATION.sub("", order))))


def _contradicts(bare: str, action: Action) -> bool:
    """Whether a sentence has the opposite word of an action, and not the action's own."""
    own, opposite = _OPPOSITES.get(str(action.value), (None, None))
    if own is None or opposite is None:
        return False
    return bool(opposite.search(bare)) and not own.search(bare)


def _is_time(after_at: str, used: set[float]) -> bool:
    """Whether "at ..." gives a time: "at seven", but not "at 21" of a thermostat set to 21."""
    first, *more = after_at.split()[:4]
    if not numbers_in(first):
        return False
    return not used.intersection(numbers_in(" ".join((first, *more)), most=1))


def _numbers_used(plan: Plan) -> set[float]:
    used: set[float] = set()
    for action in plan.actions:
        value = action.value
        if isinstance(value, Step) and value.amount is not None:
            used.add(value.amount)
        elif isinstance(value, float | int):
            used.add(float(value))
        elif isinstance(value, str):
            used.update(numbers_in(value))
        used.update(numbers_in(action.target.phrase))
        if action.condition is not None:
            used.update(numbers_in(action.condition.target.phrase))
            if not isinstance(action.condition.value, str):
                used.add(action.condition.value)
    return used
