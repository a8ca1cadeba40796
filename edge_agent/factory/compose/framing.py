"""Requests in the form of a question: "could you ...?", "would you mind ...ing?".

Knows how a command is asked for; not what it commands.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from edge_agent.factory.sentences.bank import Manner, Phrasing

_FRAMED = 0.18
"""How many commands that begin with a verb are asked for."""
_STATED = 0.04
"""How many commands for a state are asked for by the state: "can we have the lights off"."""
_STATES: dict[tuple[str, str], Sequence[str]] = {
    ("power", "on"): ("on",),
    ("power", "off"): ("off",),
    ("opening", "open"): ("open",),
    ("opening", "closed"): ("closed", "shut"),
    ("lock", "locked"): ("locked",),
    ("lock", "unlocked"): ("unlocked",),
}
_VERBAL = frozenset({"direct", "follow-up"})
_ASKED = re.compile(
    r"^(?:[\w' ,]{1,40}?[, ] ?)??"
    r"(?:(?:can|could|will|would|won'?t|might|may|shall)(?:n't)? (?:you|u|ya|we|i|some\w+|any\w+)\b"
    r"|(?:is there )?any (?:chance|way|hope)\b|(?:do )?(?:you )?(?:think|reckon) (?:you|we) \w"
    r"|(?:do you |you don't )?mind \w+|(?:how|what) about\b|why (?:not|don'?t (?:you|we))\b"
    r"|(?:is|would) it (?:be )?(?:at all )?(?:possible|okay|ok|too much)\b|what if (?:you|we)\b"
    r"|are you able\b|(?:do you )?fancy\b)"
)
_BARE_VOWEL = re.compile(r"[^aeiou]*(?:qu)?[aeiou][^aeiouwxy]")


class Framing:
    """Asks for commands."""

    def __init__(self, manner: Manner, random: Random) -> None:
        """Draws from the lists of a manner."""
        self._manner = manner
        self._random = random
        self._verbs = frozenset(manner.verbs)

    def is_verbal(self, text: str, style: str) -> bool:
        """Whether a command begins with a bare verb, so that "could you" may stand before it."""
        return style in _VERBAL and text.split(maxsplit=1)[0].rstrip(",") in self._verbs

    def framed(self, texts: Sequence[str], styles: Sequence[str]) -> list[str]:
        """Commands of one sentence, now and then asked for: the frame is before the first.

        Args:
            texts: The commands in their order.
            styles: The style of each.
        """
        random, manner = self._random, self._manner
        if random.random() >= _FRAMED or not self.is_verbal(texts[0], styles[0]):
            return list(texts)
        if random.random() < 0.22:
            rest = [
                _in_ing(text) if self.is_verbal(text, style) else text
                for text, style in zip(texts, styles, strict=True)
            ]
            return [f"{random.choice(manner.asks_ing)} {rest[0]}", *rest[1:]]
        frames = manner.asks_plain if random.random() < 0.55 else manner.asks
        return [f"{random.choice(frames)} {texts[0]}", *texts[1:]]

    def stated(self, phrasing: Phrasing) -> Phrasing:
        """A command for a state, now and then asked for by that state."""
        random = self._random
        words = _STATES.get(phrasing.do) if phrasing.do is not None else None
        if words is None or "target" not in phrasing.places or random.random() >= _STATED:
            return phrasing
        text = random.choice(self._manner.asks_state).replace("{state}", random.choice(words))
        return replace(phrasing, text=text, style="polite")


def is_asked(text: str) -> bool:
    """Whether a sentence has the form of a polite question, whatever it wants."""
    return _ASKED.match(text) is not None


def _in_ing(text: str) -> str:
    """A command with its verb in -ing: "turning off the lamp"."""
    verb, _, rest = text.partition(" ")
    if verb.endswith("ie"):
        verb = f"{verb[:-2]}y"
    elif verb.endswith("e") and not verb.endswith(("ee", "ye", "oe")):
        verb = verb[:-1]
    elif _BARE_VOWEL.fullmatch(verb):
        verb += verb[-1]
    return f"{verb}ing {rest}".strip()
