"""The words of the output language: how each command, question and kind is written.

Data for `grammar` and `vocabulary`; nothing here looks at a sentence that somebody said.
"""

from collections.abc import Mapping

from edge_agent.core.command import Ask, Comparison, Step, Toggle, Wanted
from edge_agent.core.entity import Attribute, Kind, Value
from edge_agent.language.numbers import spell

REFUSAL = "none"
SEPARATOR = ";"
EXCEPT = "except"
THEN = "then"

VALUE_FORMS: Mapping[tuple[str, Wanted], str] = {
    (Attribute.POWER, "on"): "turn on {target}",
    (Attribute.POWER, "off"): "turn off {target}",
    (Attribute.POWER, Toggle.TOGGLE): "toggle {target}",
    (Attribute.OPENING, "open"): "open {target}",
    (Attribute.OPENING, "closed"): "close {target}",
    (Attribute.LOCK, "locked"): "lock {target}",
    (Attribute.LOCK, "unlocked"): "unlock {target}",
    (Attribute.MUTE, "on"): "mute {target}",
    (Attribute.MUTE, "off"): "unmute {target}",
    (Attribute.PLAYBACK, "playing"): "play {target}",
    (Attribute.PLAYBACK, "paused"): "pause {target}",
    (Attribute.PLAYBACK, "stopped"): "stop {target}",
    (Attribute.ACTIVITY, "cleaning"): "start {target}",
    (Attribute.ACTIVITY, "mowing"): "start {target}",
    (Attribute.ACTIVITY, "paused"): "pause {target}",
    (Attribute.ACTIVITY, "idle"): "stop {target}",
    (Attribute.ACTIVITY, "docked"): "send home {target}",
    (Attribute.ACTIVITY, "returning"): "send home {target}",
    (Attribute.COMMAND, "stop"): "stop {target}",
    (Attribute.COMMAND, "press"): "press {target}",
    (Attribute.COMMAND, "activate"): "activate {target}",
    (Attribute.COMMAND, "next"): "next {target}",
    (Attribute.COMMAND, "previous"): "previous {target}",
    (Attribute.COMMAND, "locate"): "find {target}",
}
"""Values with a verb of their own; every other value is `set {target} {attribute} to {value}`."""

BARE_ATTRIBUTES = frozenset({Attribute.VALUE, Attribute.OPTION, Attribute.TEXT})
"""Attributes that are not named: `set {target} to {value}`."""

QUESTION_FORMS: Mapping[str, str] = {
    Attribute.LOCATION: "where is {target}",
    Attribute.ITEMS: "what is on {target}",
    Attribute.TITLE: "what is playing on {target}",
    Attribute.VALUE: "what is {target}",
    Attribute.OPTION: "what is {target}",
    Attribute.TEXT: "what is {target}",
    "state": "what is {target}",
}
"""Questions with words of their own; every other one is `what is {target} {attribute}`."""

KIND_WORDS: Mapping[Kind, tuple[tuple[str, str], ...]] = {
    Kind.LIGHT: (("light", "lights"), ("lamp", "lamps")),
    Kind.OUTLET: (("outlet", "outlets"), ("plug", "plugs")),
    Kind.CLIMATE: (("thermostat", "thermostats"), ("heating", "heating"), ("ac", "ac")),
    Kind.MEDIA_PLAYER: (("speaker", "speakers"), ("music", "music"), ("tv", "tvs")),
    Kind.VACUUM: (("vacuum", "vacuums"), ("robot", "robots")),
    Kind.LAWN_MOWER: (("mower", "mowers"), ("lawn mower", "lawn mowers")),
    Kind.BLIND: (("blind", "blinds"),),
    Kind.GARAGE_DOOR: (("garage door", "garage doors"), ("garage", "garages")),
    Kind.WATER_HEATER: (("water heater", "water heaters"), ("boiler", "boilers")),
    Kind.TRUNK: (("trunk", "trunks"), ("boot", "boots")),
    Kind.LOCK: (("lock", "locks"), ("door", "doors")),
}
"""Singular and plural nouns of a kind, its own first; kinds not listed use their own noun."""


def kind_words(kind: Kind) -> tuple[tuple[str, str], ...]:
    """The nouns that a kind answers to."""
    return KIND_WORDS.get(kind, ((kind.value, kind.plural),))


def write_command(phrase: str, attribute: str, wanted: Wanted) -> str:
    """One command in the output language, about a target with this phrase."""
    form = VALUE_FORMS.get((attribute, wanted))
    if form is not None:
        return form.format(target=phrase)
    name = _with_attribute(phrase, attribute)
    match wanted:
        case Toggle():
            return f"toggle {name}"
        case Step(direction, amount):
            by = "" if amount is None else f" by {spell(amount)}"
            return f"{'increase' if direction > 0 else 'decrease'} {name}{by}"
        case float() | int():
            return f"set {name} to {spell(wanted)}"
        case str() if attribute == Attribute.TEXT:
            return f"add {wanted} to {phrase}"
        case _:
            return f"set {name} to {wanted}"


def write_question(
    phrase: str,
    attribute: str,
    ask: Ask,
    value: Value | None = None,
    comparison: Comparison = Comparison.IS,
) -> str:
    """One question in the output language."""
    match ask:
        case Ask.COUNT:
            return f"how many {phrase} are {value}"
        case Ask.WHICH:
            return f"which {phrase} are {value}"
        case Ask.ANY:
            return f"any {phrase} {value}"
    if isinstance(value, str):
        return f"is {phrase} {value}"
    if value is not None:
        return f"is {_with_attribute(phrase, attribute)} {comparison} {spell(value)}"
    if (form := QUESTION_FORMS.get(attribute)) is not None:
        return form.format(target=phrase)
    # "what is outdoor temperature", not "what is outdoor temperature temperature"
    return f"what is {_with_attribute(phrase, attribute)}"


def write_condition(phrase: str, attribute: str, comparison: Comparison, value: Value) -> str:
    """One condition in the output language, up to its "then"."""
    if isinstance(value, str):
        return f"if {phrase} {comparison} {value}"
    return f"if {_with_attribute(phrase, attribute)} is {comparison} {spell(value)}"


def _with_attribute(phrase: str, attribute: str) -> str:
    if attribute in BARE_ATTRIBUTES or f" {attribute} " in f" {phrase} ":
        return phrase
    return f"{phrase} {attribute}"
