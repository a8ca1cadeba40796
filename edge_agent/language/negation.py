"""Whether a sentence says not to do what a plan does.

"Don't" and "no need to" forbid. "I can't see a thing" gives a reason, and "it doesn't need to be
on" asks for the opposite: those must not be asked about. What is none of them is taken for a "not".
"""

import re
from collections.abc import Iterable, Sequence

from edge_agent.core.command import Action, Extreme, Plan, Step, Toggle
from edge_agent.language.numbers import numbers_in

_NEGATION = re.compile(
    r"\b(?:\w+n't|(?:do|does|did|is|are|must|should|need|would|could|have|wo|ca|was|were) ?nt"
    r"|do n'?t"
    r"|not|never|neither|nor|cannot|no need|no longer|no reason|no one|nobody|none of|nothing"
    r"|avoid(?:ing)?|refrain(?:ing)?|prevent(?:ing)?|(?:keep|stop)\b.+\bfrom|instead of|rather than"
    r"|unnecessary|forbidden|hold off"
    r"|(?<!about to )(?<!before i )(?<!before we )(?<!when i )(?<!when we )(?<!we )(?<!to )leave"
    r")\b|\bno\W*$"
)
_ACTS = (
    r"(?:turn|switch|put|set|open|close|shut|lock|unlock|start|stop|play|pause|let|have|be|do"
    r"|make(?! out| anything| sense)"
    r"|raise|lower|increase|decrease|reduce|dim|brighten|activate|deactivate|change|touch|move|run"
    r"|use|add|press|mute|unmute|heat|cool|warm|arm|disarm|keep|leave|just|go|bring|send"
    r"|clean)(?:s|d|ed|ing)?"
)
"""Words that say what may be done to a thing: "I can't" before one of them is no complaint."""
_NOT_A_BIT = r"(?:really|even|properly|quite|ever|exactly|hardly|still|possibly|so) "
_QUALITY = (
    r"(?:cold|hot|warm|cool|dark|bright|dim|loud|quiet|noisy|on|off|open|closed|locked|unlocked"
    r"|shut|high|low|fast|slow|strong|necessary|needed|required|allowed|supposed|meant|wanted|to"
    r"|going|time|safe|okay|ok|good|worth|really|that|so|too|very|quite|the|my|our|this|now|yet"
    r"|permitted|fine|right)\b"
)
_HARMLESS = re.compile(
    # Said of something else than the deed: "don't forget", "if it's not too much trouble".
    r"\bdo not disturb\b"
    r"|\b(?:(?:do|does|did) ?n'?t|do not|never|not) (?:you )?(?:forget|hesitate|worry|be shy)\b"
    r"|\bnot? (?:only|just|merely|simply|bad|to mention|a problem|a (?:single|breath|thing|soul"
    r"|sound))\b"
    r"|\bwhy (?:do ?n'?t (?:you|we)|not)\b"
    r"|\b(?:wo|ca|could|would) ?n'?t (?:you|we)\b|\bcan ?not you\b|\byou could ?n'?t (?:just"
    r"|possibly)\b"
    r"|\bif (?:you (?:do ?n'?t|would ?n'?t|do not|would not) mind"
    r"|(?:it'?s|it is|that'?s|it ?is ?n'?t|that is ?n'?t) (?:not )?(?:too much|a|any|no) "
    r"(?:trouble|bother|problem|hassle))\b"
    r"|\bnever ?mind\b(?=[\s,]+\w)(?! (?:the|my|our|about|that|this)\b)"
    r"|\bdo ?n'?t you (?:think|agree)\b"
    r"|\bbut not (?:off|quite|completely|all the way|entirely|too much)\b"
    r"|\b(?:almost|nearly|next to|practically|down to) nothing\b"
    r"|\bnot (?:a fan|in the mood|feeling|my (?:kind|thing|taste|cup))\b"
    r"|\bdid ?n'?t (?:hear|mean|get|catch|see|notice)\b"
    r"|\bshould ?n'?t be (?:this |so |that )?(?:dark|cold|hot|loud|bright|warm)\b"
    r"|\b(?:is|are) ?(?:n'?t|not) (?:on|off|open|closed|locked|running)\b"
    r"(?=.* (?:put|turn|switch|add|open|close|lock|start) (?:it|them)\b)"
    r"|\bwould ?n'?t (?:mind|hurt|go amiss|be bad|say no)\b"
    r"|\b(?:which|what)ever (?:it|they|he|she) (?:is|are) ?n'?t\b"
    r"|,? (?:is|are|does|has|was) ?n'?t (?:it|they|he|she)\W*$"
    r"|\b(?:do ?n'?t|do not) (?:let|make) (?:me|us) (?:forget|wait|freeze|sweat|boil|suffer|sit)\b"
    r"|\b(?:do ?n'?t|do not) leave (?:me|us)\b"
    r"|\b(?:for|do|does|doing|see|sees|hear|feel|feels|is) nothing\b"
    r"|\bnothing (?:but|better|like|good|nice|interesting|decent|would|(?:i|we) (?:like|want))\b"
    r"|\bfor no (?:good )?reason\b"
    # A complaint: "it isn't warm enough", "i can't see a thing", "the mirrors won't fit".
    r"|\b(?:is ?n'?t|(?<!do )not|ain'?t|are ?n'?t|does ?n'?t|does not|was ?n'?t"
    r"|(?:i|we|they) do ?n'?t) (?:\w+ ){0,4}enough\b"
    rf"|\b(?:ca ?n'?t|can ?not|can hardly|could ?n'?t|could not|cannae) (?:{_NOT_A_BIT})*"
    rf"(?!{_NOT_A_BIT}|(?:{_ACTS})\b)[a-z]+(?: nothing)?\b"
    r"|\b(?:wo ?n'?t|will not) (?:fit|do|work|help|budge|stop|last|reach)\b"
    r"|\b(?:does ?n'?t|does not) (?:seem|look|feel|sound|work|help|fit|reach|give|do)\b"
    r"|\b(?:do ?n'?t|do not) (?:seem|feel|fit|reach|sleep|see|hear|know|understand|remember|think"
    r"|care)\b"
    rf"|\b(?:i|we) (?:do ?n'?t|do not) (?:want|like) (?:to|the (?:cold|dark|heat|glare"
    rf"|noise))\b(?! (?:{_ACTS})\b)"
    r"|\b(?:i|we|they) (?:do ?n'?t|do not|have ?n'?t) (?:have|got|feel) (?!to\b)"
    # What somebody or something is not: "we are not in a nightclub", never "it isn't cold".
    rf"|\b(?:is ?n'?t|are ?n'?t|was ?n'?t|(?:is|are|am|'m|'s|'re|was|were) not"
    rf"|ain'?t) (?!{_QUALITY})\w"
    r"|\b(?:nobody|no one)(?:'s|'ll| is| was| can| could| will| has| ever)? "
    r"(?!(?:want|should|must|may|ask|tell|told|said|say|allow|need|to\b|is\b|on\b|in\b|at\b"
    rf"|(?:turn|switch|open|close|lock|unlock|start|play|touch|set)s?\b))\w"
    r"|\b(?:nobody|no one)(?:'s| is| are)? (?:in|at|on|home|here|there|left)\b"
    r"|\bthere'?s (?:no one|nobody)\b"
    r"|\bnot (?:this|that|these|those)? ?(?:one|song|track|channel|station|color|colour|shade)"
    r" (?=\w)(?:again)?"
    r"|\bnot again\b"
)
_ORDER = (
    r"(?:do ?n'?t|do not|does ?n'?t|does not|did ?n'?t|no|never|no longer|need ?n'?t|need not"
    r"|not to|to not"
    r"|should ?n'?t|should not|must ?n'?t|must not|is ?n'?t|is not|are ?n'?t|was ?n'?t|not)"
)
_STATE = re.compile(
    rf"\b(?:{_ORDER}) (?:(?:have|has|had|got|really|ever|want|need|like|fancy|let|leave|keep|use"
    rf"|using|watch"
    r"|watching|require|be|stay|remain|run|running|going|all|much|need(?:s|ed)?|for|reason|anybody"
    r"|anyone|to|just|my|the|this|that|any|it|them)\b ?){1,4}"
    r"|\b(?:nobody|no one) (?:needs?|wants?|is using|uses)\b"
    r"|\bno (?:longer|need for|need to (?:light|wipe|run|blow|heat|cool|waste))\b"
    r"|\bno need(?= (?:for|any ?more|now|to run)\b)"
    rf"|\b(?:not to|to not|don'?t want .+ to) (?!{_ACTS}\b)\w"
)
"""Says what shall not be so: "I don't want it on", "it needn't be lit", "don't let it run"."""
_PUT = re.compile(
    r"\b(?:turn|switch|put|set|open|close|shut|lock|unlock|start|play|raise|lower|increase|decrease"
    r"|dim|activate|deactivate|change|touch|dare|stop|make|get|pull|push|draw|move|kill|cut|drop"
    r"|roll"
    r"|send|bring|press|mute|pause|unmute|disarm|arm|disable|enable)\b"
)
_SOMEBODY = re.compile(r"\b(?:you|anyone|anybody|someone|somebody)\b")
_CLAUSE = re.compile(r"[,;.!?]| so | and | but | because | since ")
_STOPPED = re.compile(r"\b(?:stop|keep|prevent)\w*\b.+?\bfrom (?=\w)")
_LACKS = re.compile(
    r"(?:(?:\b(?:is|are|am|was)|'s|'re|'m|\bain) ?(?:n'?t|not|never)|^not) "
    r"(?:(?:very|really|particularly|exactly|terribly|always) )?(?P<how>\w+)"
    r"(?! (?:it|them|the|my|our|this|that|all|any|every\w*)\b)"
)
"""Says what there is too little of: "it's not very warm", and not "never open the blinds"."""
_TOO = re.compile(
    rf"\b(?:{_ORDER}|wish it was ?n'?t) (?:(?!not\b)\w+ ){{0,6}}?"
    r"(?:so|as|this|that|quite so|too|so very) (?P<how>\w+)\b(?! as\b)"
)
_MUCH = frozenset(
    "bright loud warm hot high fast hard intense strong open far harsh long big noisy powerful"
    " heavy humid wet wide brightly loudly quickly tight sweet white".split()
)
_LITTLE = frozenset(
    "dim dark cold quiet low slow cool weak soft dry little gloomy silent slowly quietly".split()
)
"""Of what there is too much or too little, where it shall not be so."""
_IS_NOT_THAT = re.compile(
    r"(?<!wish it )(?:'s|\b(?:is|are|was)) ?(?:n'?t|not) (?:all |really )?(?:so|as|this|that|too)\b"
)
_DOWN = frozenset("off closed stopped paused idle docked locked folded next previous stop".split())
_WORD_FOR = {
    "off": re.compile(r"\b(?:off|out)\b"),
    "closed": re.compile(r"\b(?:clos|shut|down)\w*"),
    "locked": re.compile(r"\block\w*"),
    "folded": re.compile(r"\bfold\w*"),
    "stopped": re.compile(r"\bstop\w*"),
    "paused": re.compile(r"\bpaus\w*"),
}
_LIMIT = re.compile(
    r"\b(?:do ?n'?t|do not|not|never|rather not) (?:\w+ ){0,5}?"
    r"(?:beyond|past|over|above|below|under|more than|less than|higher than|lower than|exceed) "
    r"(?P<rest>.+)"
)
_LEAVE_AT = re.compile(
    r"\bleave (?:(?!on\b|off\b|open\b|closed\b|alone\b|as\b|be\b)[\w'-]+ ){1,8}?"
    r"(?:(?:at|on|in|half|dark)\b|(?=\d))"
)
_TEST = re.compile(
    r"\b(?:if|when|whenever|once|unless|in case|as soon as|as long as|while|provided|should)\b"
    r"[^,;]*?(?P<not>\b(?:is|are|'s|was|has|does|do|isn|aren|wasn)(?: still| currently)?"
    r" ?(?:n'?t|not)\b|\b(?:is|are|'s)? ?nothing(?: is|'s)?\b|\bno longer\b)"
)
_TURNED_ROUND = {"on": "on", "off": "off", "open": "open", "closed": r"(?:closed|shut)"} | {
    one: one for one in ("locked", "unlocked", "playing", "cleaning", "running")
}


def is_denied(bare: str, plan: Plan) -> bool:
    """Whether a sentence says not to do what its plan does.

    Args:
        bare: The sentence as the guards compare it, without the names of what is meant and
            without what was taken back or left out of "all".
        plan: What it was taken to mean.
    """
    bare = _tested(bare, plan.actions)
    bare = _HARMLESS.sub(" ", bare)
    if not _NEGATION.search(bare):
        return False
    if _within_limit(bare, plan.actions) or _left_at(bare, plan.actions):
        bare = _LEAVE_AT.sub(" ", _LIMIT.sub(" ", bare))
    bare = _opposite_asked(bare, plan.actions)
    return bool(_NEGATION.search(bare))


def _tested(bare: str, actions: Iterable[Action]) -> str:
    """Without the "not" of a condition that the plan has: "if it is not locked"."""
    conditions = [action.condition for action in actions if action.condition is not None]
    found = _TEST.search(bare)
    if not conditions or found is None:
        return bare
    for condition in conditions:
        word = _TURNED_ROUND.get(str(condition.value))
        # "Not locked" is not the condition "locked".
        if word is not None and re.match(rf"(?: \w+)? {word}\b", bare[found.end("not") :]):
            return bare
    return f"{bare[: found.start('not')]} is {bare[found.end('not') :]}"


def _opposite_asked(bare: str, actions: tuple[Action, ...]) -> str:
    """Without a "not" that asks for just what the plan does: "I don't want it on" turns it off."""
    too = _TOO.search(bare)
    heeded = too is not None and all(_answers(action, too["how"]) for action in actions)
    if heeded and not _IS_NOT_THAT.search(bare):
        bare = _TOO.sub(" ", bare)
    lacks = _LACKS.search(bare)
    if lacks is not None and all(_supplies(action, lacks["how"]) for action in actions):
        bare = bare.replace(lacks[0], " ")
    if all(_takes_away(action) for action in actions):
        bare = _STOPPED.sub(" ", bare)
        own = [_WORD_FOR.get(str(action.value)) for action in actions]
        bare = _STATE.sub(lambda found: _unless_denied(found, own), bare)
    return bare


def _unless_denied(found: re.Match[str], own: Sequence[re.Pattern[str] | None]) -> str:
    """Nothing for what shall not be; all of it where that is the plan: "I don't want it off"."""
    clause = _CLAUSE.split(found.string[found.end() :])[0]
    said = f"{found[0]} {clause}"
    if found.string[: found.start()].endswith("you ") or _SOMEBODY.search(said):
        return found[0]
    if _PUT.search(said) or any(word is not None and word.search(said) for word in own):
        return found[0]
    return " "


def _takes_away(action: Action) -> bool:
    value = action.value
    return str(value) in _DOWN and not isinstance(value, Step | Extreme | Toggle)


def _answers(action: Action, how: str) -> bool:
    """Whether a command changes what shall not be so bright, or so dim."""
    match action.value:
        case float() | int():
            return how in _MUCH | _LITTLE | {"much"}
        case Step(direction):
            return how == "much" or how in (_MUCH if direction < 0 else _LITTLE)
        case Extreme():
            return how in (_MUCH if action.value is Extreme.MINIMUM else _LITTLE)
        case _:
            return False


def _supplies(action: Action, how: str) -> bool:
    """Whether a command gives more of what there is too little of."""
    match action.value:
        case Step(direction):
            return how in (_MUCH if direction > 0 else _LITTLE)
        case Extreme():
            return how in (_MUCH if action.value is Extreme.MAXIMUM else _LITTLE)
        case _:
            return False


def _within_limit(bare: str, actions: Iterable[Action]) -> bool:
    """Whether "don't charge beyond 80" is what a plan sets to 80."""
    limit = _LIMIT.search(bare)
    if limit is None:
        return False
    numbers = set(numbers_in(limit["rest"])[:1])
    return bool(numbers) and any(action.value in numbers for action in actions)


def _left_at(bare: str, actions: Iterable[Action]) -> bool:
    """Whether "leave it at 20" names the value that a plan sets, which is no order to leave off."""
    leave = _LEAVE_AT.search(bare)
    if leave is None:
        return False
    after = bare[leave.start() :]
    numbers = set(numbers_in(after))
    return any(
        action.value in numbers
        if isinstance(action.value, float | int)
        else (str(action.value) == "off" and " dark" in after)
        or f" in {action.value}" in after
        or (str(action.value) not in {"on", "open", "closed", "off"} and str(action.value) in after)
        for action in actions
    )
