"""Checks on what was said that can only narrow what the daemon may do.

A guard may force the question root, ask back or refuse. None of them picks an action: that is the
model's part, and what it picks is measured against these.
"""

import re

from edge_agent.core.command import Plan, Step
from edge_agent.core.registry import Registry
from edge_agent.language.mentions import Mentions, puts_right
from edge_agent.language.negation import is_denied
from edge_agent.language.numbers import numbers_in
from edge_agent.language.opposites import contradicts
from edge_agent.language.unwanted import sets_unwanted, without_unwanted
from edge_agent.language.wording import EXCEPT

_STOP = frozenset(
    "stop,stop it,stop that,cancel,cancel that,cancel it,abort,never mind,nevermind,forget it,"
    "forget that,forget about it".split(",")
)
_YES = frozenset(
    "yes,yes please,yeah,yep,yup,sure,ok,okay,correct,right,do it,go ahead,please do,confirm,"
    "yes do it,that's right,exactly,of course,affirmative".split(",")
)
_ALL = frozenset(
    "all,all of them,all of those,all of these,all please,all of them please,them all,do them all,"
    "both,both of them,both please,both of them please,each,each one,each of them,every one,"
    "every one of them,every single one,everyone,everything,the lot,the whole lot,just all of them,"
    "yes all of them".split(",")
)
_NO = frozenset(
    "no,no thanks,nope,nah,don't,do not,negative,wrong,no don't,neither,none,better not".split(",")
)

_LEAD_IN = re.compile(
    r"^(?:(?:hey|hi|hello|ok|okay|so|and|well|um|uh|er|please|now|sorry|excuse me|quick question"
    r"|are you there|you there|can you hear me|(?:i )?(?:tell )?you know what(?! (?:is|are|the"
    r"|that|this)\b)"
    r"|yes|yeah|right|alright|by the way|one (?:more )?thing)"
    r"[\s,]+)+"
)
_ASKS = re.compile(
    r"^(?:what(?:'?s|'?re)?|which|who(?:'?s|se)?|where(?:'?s)?|why|how(?:'?s)?|is|are"
    # "when is ...", but not "when i come home ..."
    r"|when(?:'?s|(?=\s+(?:is|are|was|were|am|do|does|did|will|would|can|could|should|ha[sd]"
    r"|have)\b))"
    r"|was|were|did|does|has|had|am|any|isn'?t|aren'?t|wasn'?t|didn'?t|doesn'?t|hasn'?t|should"
    r"|shall|do\s+(?:i|you|we|they|the|any|my|our)(?!\s+(?:\w+ing|floors?|lawn|carpets?|rugs?"
    r"|(?:[\w']+\s+){0,4}(?:thing|routine|scene|stuff|trick|usual|opposite|reverse))\b)"
    r"|have\s+(?:i|you|we|they|(?:the|my|our|any)\b.+\bbeen)"
    r"|(?:can|could|will|would|may|might)\s+(?:the|it|he|she|they|this|that|these|those|my|our))\b"
)
_WONDERS = re.compile(
    r"\b(?:tell me|let me know|check|see|find out|know|wonder(?:ing)?|remember|say|ask(?:ing)?)\s+"
    r"(?:me\s+)?(?:if|whether|what|which|who|where|when|why|how)\b"
    r"|\b(?:is|are|was|were) (?:it|they)\b"
)
_SAYING = re.compile(
    r"\b(?:you )?know what i mean\b|\byou know what\b(?! (?:is|are|the|that|this)\b)"
    r"|\b(?:can'?t|can ?not|can hardly|need to|want to) see (?=what|who|where|how)"
)
_POLITE = re.compile(
    r"^(?:(?:can|could|will|would|won'?t)\s+(?:you|u|someone|we|i)\b"
    r"|why do ?n'?t (?:you|we)\b|do you think (?:you|we) (?:could|can|might)\b"
    r"|do you mind\b|would it be (?:ok|okay|alright|all right|fine) (?:to|if (?:you|we|i))\b"
    r"|what if (?:you|we)\b|(?:may|might) (?:i|you|we)\b"
    r"|(?:i was|i'?m|was|just|i)? ?wonder(?:ing)? (?:if|whether) (?:you|we|i) (?:could|can|might)\b"
    r"|(?:would|is|could|might) it (?:be )?(?:\w+ )?possible\b(?! that (?!(?:you|we|i)\b))"
    r"|(?:is there )?any (?:chance|way) (?:you|we|i|of|to|for)\b"
    r"|how about\b|what about (?:some|a)\b"
    r"|(?:can|could|might) (?:(?:the|my|our|this|that) .+|it) "
    r"(?:be|go|get|blow|run|play|spin|shine|sound) (?:\w+ )*(?:\w+er|less|more)\b"
    r"|(?:can|could) (?:the|my|our) .+ be (?:\w+ )*(?:set|turned|switched|pressed|dimmed|lowered"
    r"|raised|increased|decreased|started|stopped|paused|muted|unmuted|activated|brightened)\b"
    r"|could (?:the|my|our) .+ (?:stop|start) \w+ing\b)"
)
_ONCE_MORE = re.compile(
    r"^(?:and |oh |but )*(?:what|how) about (?!(?:it|that|this)\b)"
    r"(?!.*\b(?:is|are|does|do|did|was|were|has|have)\b)[^,?]*\W*$"
)
_REQUESTS = re.compile(
    r"\b(?:can|could|will|would|do) (?:you|u|we|someone|somebody) (?:please |just |also |maybe )?"
    r"(?!(?:see|know|check|tell|say|remember|hear|have|think|find)\b)\w|\bany chance\b"
)
"""What makes a request of a sentence that ends like a question, whatever is said before it."""
_POLITE_TAG = re.compile(r"\b(?:please|will you|would you|could you|can you|ok|okay)\s*\?+\s*$")

_CORRECTION = re.compile(
    r"\bnot (?:in )?(?:the|that|this) ([\w' ]{1,30}?) ?(?:,|\bbut\b|\bi mean\b)"
)
"""Says what is not meant before what is: "not the kitchen, the bedroom"."""
_SOME = (
    r"(?:\d\S*|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty"
    r"|thirty|forty|fifty|sixty|ninety|half|quarter|few|couple|some|several|many|another|next|about"
    r"|around|like|exactly|roughly|the|of|and|-|or|so|more|less|than|at|least|most|hundred)"
)
_WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?"
_LATER = re.compile(
    r"\b(?:tomorrow|tonight|later|soon|until|till|daily|nightly|weekly|hourly|sunset|sunrise"
    r"|midnight|noon|o'?clock|midday|(?:on|next|this|every) "
    rf"{_WEEKDAY}|next (?:week|month|year|weekend)|this (?:weekend|afternoon|evening)|(?:at|by"
    rf"|after) (?:bedtime|dawn|dusk|night)"
    r"|in the (?:morning|afternoon|evening|night)"
    r"|in (?:a|another) (?:bit|moment|while|sec|second|minute|jiffy|little)"
    r"|for (?:a|the next|another) (?:little |short |long )?(?:bit|moment|while|sec|second|minute"
    r"|night|day)"
    r"|(?<!one )(?<!song )(?<!track )before (?!this\b|that\b|i forget)\w+|beforehand|afterwards?"
    r"|after (?!(?:this|that)\b)(?:the|my|our|i|we|you|he|she|they|it|dinner|lunch|breakfast|work"
    r"|school|supper|\d)"
    # "every light" is no time
    r"|every\s+(?:so|now|few|other (?:day|night|week|hour|morning|evening|month)|\d+"
    r"|(?:\w+\s+){0,2}?(?:second|minute|hour|noon|week|month|year|time|sunset|sunrise"
    r"|\w*day|morning|afternoon|evening|(?:mid)?night)s?)"
    rf"|(?:in|for|after|within)\s+(?!the second\b)(?:{_SOME}[\s-]+){{1,6}}?"
    r"(?:second|minute|hour|day|week|sec|min)s?"
    r"|(?:half an|an?) hour"
    r"|at \d+[:.]\d\d)\b"
    rf"|\b(?:\d|{_SOME}) ?[ap]\.?m\b"
)
_AT = re.compile(r"\bat\s+(?=\S)")
_CONDITION = re.compile(
    r"\b(?:if|when|whenever|(?<!at )(?<!just )(?<!for )once(?! more| again| and for)|unless|in case"
    r"(?! you (?:did|have|hadn|didn))|as soon as|as long as|(?<!a )(?<!the )while|provided|assuming"
    r"|only should)\b"
)
_NO_CONDITION = re.compile(
    r"\bif (?:you (?:all )?(?:can|could|please|will|would|may|might|do ?n'?t|would ?n'?t|want|like"
    r"|get"
    r"|have|find|do not|would not)\b|you'?d\b|(?:it |that )?(?:is |be )?(?:at all )?possible"
    r"|(?:that|it)(?:'?s| is| would be)(?: all| no| not| ?n'?t)?(?: too)?(?: much| a| an| any)?"
    r" ?(?:ok|okay|alright|right|fine|possible|bother|trouble|problem|hassle|cool|good"
    r"|convenient)\b"
    r"|it (?:is|would) ?n'?t (?:be )?(?:too much|a|any) (?:bother|trouble|problem|hassle)"
    r"|i may|i might|i could (?:ask|have)|i can (?:ask|have)|i had to|anything|need be|necessary"
    r"|we (?:can|could|may|might)\b)"
    r"|\bwhen(?:ever)? (?:you (?:can|could|get|have|find|are|'?re)|you'?re"
    r"|it (?:suits|is convenient)|possible|convenient)\b"
    r"|\b(?:as (?:soon|quickly|fast) as|once) (?:you (?:can|could|get|have|find)|possible"
    r"|humanly)\b"
    r"|\bwhile (?:you(?:'?re| are) (?:at it|there|on it|up|about it)"
    r"|i(?:'?m| am) (?:here|at it)|(?:i|we) (?:think|remember)|we(?:'?re| are) at it)\b"
    r"|\bwonder(?:ing)? (?:if|whether) (?:you|we|i)\b|\b(?:mind|great|nice|lovely|good"
    r"|appreciate it"
    r"|love it|wonderful|help|grateful|prefer it|happy|better|glad|okay|ok|alright) if\b"
    r"|\bwhat if (?:you|we)\b"
    r"|\bas if\b|\beven if\b|\bif only\b|\bif not\b"
)
_SEQUENCE = re.compile(
    r"\b(?:and )?(?:after (?:that|this)|afterwards?|(?:when|once|as soon as) (?:that|this|it|you)"
    r"(?:'?s|'?re| is| are)? ?(?:all )?(?:done|finished|over)(?: with (?:that|it|this))?)\b"
)
"""Between two commands: they are carried out in the order they were said anyway."""
_IDLE_TIME = re.compile(
    r"\bbefore (?:i|we) (?:forget|go on)\b|\bwhen you(?:'?re| are) (?:ready|free)\b"
    r"|\bsooner (?:or later|the better)\b|\b(?:see|talk to) you (?:later|soon|tomorrow)\b"
    r"|\b(?:have|has|'ve|'s) been (?:\w+ ){0,6}?for (?:\w+ ){1,3}(?:second|minute|hour|day"
    r"|week)s?\b"
    r"|\btomorrow'?s\b|\bas soon as (?:you can|possible|humanly)\b"
    r"|^(?:i'?ll |i'?m )?(?:be )?back in (?:\w+ ){1,3}?(?:sec|second|minute|moment|bit|hour)s?\b"
    r"|\bi'?ll be back (?:in (?:\w+ ){1,3}?(?:sec|second|minute|moment|bit|hour)s?|soon|later)\b"
    r"|\b(?:un)?till? (?:it'?s|it is|they'?re) (?:at|barely|just|nearly|almost|fully|all"
    r"|completely)\b"
    r"|\bafter (?:the car|me|us)\b"
    r"|\b(?:this|right this) (?:minute|second|instant)\b"
)
_STEPPED_IN = re.compile(r"\bin a (?:bit|little)\b")
_A_WHILE = re.compile(r"\bfor (?:a|one|half a) (?:bit|moment|sec|second|minute|mo|while)\b")
_AT_TIMES = re.compile(r"\bevery .*|\b(?:once in a while|now and then)\b")
_FOR_NOW = re.compile(
    r"\bfor (?:tonight|today|the (?:night|day|evening|moment|time being))\b|\bno more .+ tonight\b"
)
_CALLED_OFF = re.compile(
    r"\b(?:never ?mind|nvm|forget (?:it|that|about it)|cancel(?: that| it)?|scratch that"
    r"|(?:i(?:'?ve)? )?changed my mind|ignore that|disregard that|belay that)\W*$"
)
UNTIMED = "I did not understand the time"
"""The clause about a time that was said and has no place in the plan."""

_EXCEPTION = re.compile(
    r"\b(?:except|apart from|aside from|other than|besides|excluding|without|all but|barring"
    r"|save for|with the exception of|skip the"
    r"|but (?:not|the|this|that|my|our|in|on|for|leave|keep))\b"
)
_SKIPPED = re.compile(
    r"\bskip the\b|\b(?:anything|something) (?:but|other than|except) (?:this|that)\b"
)
_NO_EXCEPTION = re.compile(
    r"\b(?:and |plus )?besides (?:that|this)\b|\b(?:and|but|plus),? besides\b"
    r"|\b(?:do|go|live|get by|manage) without\b"
    r"|\bwithout (?:music|light|coffee|heat\w*|air\w*|a|an|any|some|asking|further|delay|fail)\b"
    r"|\b(?:can ?n(?:o|')?t|can not|could ?n'?t|nothing|boring|lost|dead)\b.* without\b"
    r"|\bskip the (?:song|track|intro|ad|ads|current|music|rest|tune|one)\b"
    r"|\bbut (?:on top|on the other|for (?:now|heaven|goodness)|in the meantime|(?:that"
    r"|this)(?:'?s| is))\b"
    r"|\bother than that\b|\bapart from that\b|\baside from that\b"
)


_COUNTED = re.compile(
    r"\b(?:the|all|these|those|my|our|both|of) (?:two|three|four|five|six|[2-6])(?= [a-z])"
)
"""How many there are: "the two windows"."""
_IDLE_NUMBER = re.compile(
    r"\b(?:\d+|two|three|four|five|six|ten|hundred|(?:a )?thousand|twenty) (?:clicks?|notch(?:es)?"
    r"|steps?"
    r"|times|met(?:re|er)s|cars|blankets|jumpers|sweaters|layers|people|of us|kids|ways|rooms"
    r"|things)\b"
    r"|\bhalf (?:deaf|blind|asleep|dead|frozen|a mo)\b|\bto eleven\b|\bzero (?:light|visibility)\b"
    r"|\bfour-ways?\b"
)
"""Numbers that no value is made of: "two notches", "I've heard it a hundred times"."""


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


def means_all(text: str) -> bool:
    """Whether a whole sentence answers "which one?" with all of them."""
    return plain(text).strip(" .!,").replace(",", "") in _ALL


def is_question(text: str, *, follows: bool = False) -> bool:
    """Whether a sentence asks: it is then decoded from the root that cannot act.

    Args:
        text: The sentence.
        follows: Whether the same speaker commanded something just before; then "what about the
            hall" may be the same command once more.
    """
    bare = _LEAD_IN.sub("", plain(text))
    bare = _SAYING.sub("", bare)
    if follows and _ONCE_MORE.search(bare):
        return False
    if polite := _POLITE.search(bare):
        return bool(_WONDERS.search(bare[polite.end() :]))
    if _ASKS.search(bare) or _WONDERS.search(bare):
        return True
    if not bare.endswith("?"):
        return False
    return not (_POLITE_TAG.search(bare) or _REQUESTS.search(bare))


def is_conditional(text: str) -> bool:
    """Whether a sentence may contain a condition."""
    return bool(_CONDITION.search(plain(text)))


def is_exception(text: str) -> bool:
    """Whether a sentence may leave something out of "all"."""
    return bool(_EXCEPTION.search(plain(text)))


def unheeded(text: str, plan: Plan, names: Mentions | None = None) -> str | None:
    """What a sentence says that its plan has no place for, as a clause; None if nothing.

    A plan that leaves out a "not", a time, a condition, an exception or a number is not what was
    said, however sure the model is.

    Args:
        text: The sentence.
        plan: What it was taken to mean.
        names: What the things are called that it names; without them, their phrases in the plan.
    """
    names = names or Mentions.of(plan, (), Registry())
    bare = _IDLE_TIME.sub("", plain(text))
    if _CALLED_OFF.search(bare):
        return "it was called off"
    if sets_unwanted(bare, plan):
        return "I heard a not"
    used = _numbers_used(plan)
    bare = names.meant(without_unwanted(bare, plan, names.other_words), used)
    excepting = any(f" {EXCEPT} " in action.target.phrase for action in plan.actions)
    if _is_negated(bare, plan, names, excepting=excepting):
        return "I heard a not"
    counted = _IDLE_NUMBER.sub("", bare)
    if any(len(action.target.entities) > 1 for action in plan.actions):
        counted = _COUNTED.sub("", counted)
    numbers, bare_names = numbers_in(counted), bare
    bare = names.plain(bare)
    if len(plan.actions) > 1:
        bare = _SEQUENCE.sub("", bare)
    if _is_timed(bare, plan, used):
        return UNTIMED
    conditional = all(action.condition for action in plan.actions)
    if not conditional and _CONDITION.search(_NO_CONDITION.sub("", bare)):
        return "I did not understand the condition"
    if not excepting and _is_excepted(bare, plan):
        return "I did not understand the exception"
    if contradicts(bare, plan):
        return "I may have that the wrong way round"
    if puts_right(counted, used) or not set(numbers) <= used | names.numbers | {
        1.0
    }:  # "one" is an article more often than not
        return "I am not sure about the number"
    if (phrase := names.put_right(bare_names) or names.left_out(bare_names)) is not None:
        return f"I did not understand the part about the {phrase}"
    return None


def _is_excepted(bare: str, plan: Plan) -> bool:
    """Whether a sentence leaves something out of "all"."""
    if {str(action.value) for action in plan.actions} & {"next", "previous"}:
        bare = _SKIPPED.sub("", bare)
    return bool(_EXCEPTION.search(_NO_EXCEPTION.sub("", bare)))


def _is_timed(bare: str, plan: Plan, used: set[float]) -> bool:
    """Whether a sentence names another time than now."""
    if plan.scheduled:
        return True
    values = {str(action.value) for action in plan.actions}
    if values <= {"off", "closed", "locked", "activate", "stopped", "paused"}:
        bare = _FOR_NOW.sub("", bare)
    if values <= {"paused", "stopped", "stop", "idle", "activate"}:
        bare = _A_WHILE.sub("", bare)  # how long a pause is nobody has to say
    if values == {"interval"}:
        bare = _AT_TIMES.sub("", bare)
    if all(isinstance(action.value, Step) for action in plan.actions):
        bare = _STEPPED_IN.sub("", bare)
    return bool(_LATER.search(bare)) or any(
        _is_time(bare[at.end() :], used) for at in _AT.finditer(bare)
    )


def _is_negated(bare: str, plan: Plan, names: Mentions, *, excepting: bool) -> bool:
    """Whether a sentence says not to, or not to some thing that the plan is about."""
    phrases = [{*action.target.phrase.split()} for action in plan.actions]

    def rest(correction: re.Match[str]) -> str:
        heeded = not any(phrase >= {*correction[1].split()} for phrase in phrases)
        return "" if heeded else correction[0]

    # The "not" of "all but not the lamp" is heeded, the one of "do not ... all but the lamp" isn't.
    exception = _EXCEPTION.search(bare) if excepting else None
    order = bare[: exception.start()] if exception else bare
    return is_denied(names.plain(_CORRECTION.sub(rest, order)), plan)


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
            used.update((value.amount, value.direction * value.amount))  # "minus 20"
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
