"""What happens to a sentence on its way: lead-ins, fillers, typing errors, a recogniser's ear."""

from collections.abc import Mapping, Sequence
from random import Random

from edge_agent.factory.sentences.bank import Manner
from edge_agent.language.numbers import numbers_in

_KEYS = {"a": "sq", "e": "wr", "i": "uo", "o": "ip", "t": "ry", "n": "bm", "s": "ad", "l": "k"}


def dressed(
    text: str, manner: Manner, random: Random, *, imperative: bool, asked: bool = False
) -> str:
    """A sentence with what people put before and after it.

    Args:
        text: The sentence.
        manner: The lists that are drawn from.
        random: What decides.
        imperative: Whether it begins with a bare verb, so that "could you" may stand before it.
        asked: Whether it is a polite question: "could you ...".
    """
    if imperative and random.random() < 0.12:
        text = f"{random.choice(manner.lead_in_request)} {text}"
    roll = random.random()
    if roll < 0.12:
        text = f"{random.choice(manner.lead_in)}{random.choice((' ', ', '))}{text}"
    elif roll < 0.18:
        call = random.choice(manner.address).replace("{name}", random.choice(manner.assistant))
        text = f"{call}{random.choice((' ', ', '))}{text}"
    roll = random.random()
    if asked and roll < 0.28:
        return f"{text}{random.choice((' ', ' ', ', '))}{random.choice(manner.asks_tail)}"
    if not asked and roll < 0.12:
        text = f"{text}{random.choice((' ', ', '))}{random.choice(manner.tail)}"
    elif roll < 0.33 and roll >= 0.30:
        text = f"{text}{random.choice((' ', ', ', '. '))}{random.choice(manner.talk)}"
    return text


def noisy(text: str, manner: Manner, random: Random) -> str:
    """A sentence with the errors of tongue, ear and fingers; its numbers stay readable."""
    before = numbers_in(text)
    words = text.split()
    if random.random() < 0.07 and len(words) > 2:
        words.insert(random.randrange(1, len(words)), random.choice(manner.filler))
    if random.random() < 0.02:
        at = random.randrange(len(words))
        words.insert(at, words[at])
    if random.random() < 0.10:
        words = [word for word in words if word not in {"the", "a"} or random.random() < 0.4]
    if random.random() < 0.04 and (heard := _misheard(words, manner.mishear, random)):
        words = heard
    if random.random() < 0.05:
        words = _mistyped(words, random)
    changed = " ".join(words)
    if random.random() < 0.5:
        changed = changed.replace(",", "")
    if random.random() < 0.15:
        changed = changed.replace("'", "")
    changed = " ".join(changed.split())
    return changed if numbers_in(changed) == before else text


def _misheard(
    words: Sequence[str], table: Mapping[str, Sequence[str]], random: Random
) -> list[str] | None:
    places = [at for at, word in enumerate(words) if word in table]
    if not places:
        return None
    at = random.choice(places)
    return [*words[:at], random.choice(table[words[at]]), *words[at + 1 :]]


def _mistyped(words: Sequence[str], random: Random) -> list[str]:
    places = [at for at, word in enumerate(words) if len(word) > 3 and word.isalpha()]
    if not places:
        return list(words)
    at = random.choice(places)
    word = words[at]
    place = random.randrange(1, len(word) - 1)
    match random.randrange(4):
        case 0:
            word = word[:place] + word[place + 1 :]
        case 1:
            word = word[:place] + word[place + 1] + word[place] + word[place + 2 :]
        case 2:
            word = word[:place] + word[place] + word[place:]
        case _:
            key = random.choice(_KEYS.get(word[place], word[place]))
            word = word[:place] + key + word[place + 1 :]
    return [*words[:at], word, *words[at + 1 :]]
