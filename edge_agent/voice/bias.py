"""From what exists here to what will probably be said: names, rooms, values, whole sentences.

Knows no recogniser: what each makes of these words is its own business.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from edge_agent.core.entity import Area, Choice, Entity, Floor
from edge_agent.core.names import fold
from edge_agent.core.registry import Registry
from edge_agent.language.synonyms import COMMON_WORDS, LITTLE_WORDS
from edge_agent.voice.ports import Bias

_DIGITS = {
    word: str(number)
    for number, word in (
        *enumerate(
            "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
            "fifteen sixteen seventeen eighteen nineteen".split()
        ),
        *(
            (10 * tens, word)
            for tens, word in enumerate(
                "twenty thirty forty fifty sixty seventy eighty ninety".split(), 2
            )
        ),
    )
}

_ANSWERS = frozenset(
    "stop cancel yes yeah yep no nope ok okay right sure nothing mind start finish ready on "
    "off".split()
) | {*_DIGITS, *_DIGITS.values()}
"""What is said to any appliance without a word of its menu."""
_LONGEST_ANSWER = 4

MOST_NAMES = 1500
"""How many names are listened for: more would cost memory and make everything likely."""
MOST_VALUES = 500
MOST_PHRASES = 100

CARRIERS = frozenset(
    "a about add all also am an and any anything are as at back be better bit both bring but by "
    "can cancel change could cup decrease do does don't done down each else enough everything "
    "extra few finish first for forget from full fully get give go going gonna good got half hand "
    "have hello hey hi how i i'd i'll i'm in increase instead is it it's its just kind last leave "
    "less let let's like little look lot lots love lower make makes making may maybe me mind mine "
    "more most much my need never next no none not nothing now of off oh ok okay on one only open "
    "or order other out over percent please pour prepare press push put quarter raise ready really "
    "regular right run same second select set should show so some something standard start still "
    "stop sure take than thank thanks that that's the them then there these thing think this those "
    "to today too try turn um up us use very wait wanna want was way we what when which while will "
    "with without would yeah yes yet you your "
    "bake boil brew brewing clean cook cool dry grill heat mix rinse spin toast warm wash "
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety "
    "hundred minute minutes hour hours seconds degree degrees".split()
)
"""Words that people say around a menu's own, whatever the menu."""


def bias_of(registry: Registry, phrases: Iterable[str] = (), *, closed: bool = False) -> Bias:
    """What a snapshot lets people say.

    Names come round by round, one of each room, main things before sensors, settings and
    diagnostics, so that what is cut in a large home is cut everywhere alike.

    Args:
        registry: The snapshot.
        phrases: Sentences that the firmware config gives as examples.
        closed: Whether nothing but these is ever said: an appliance with a menu.
    """
    entities = registry.entities.values()
    areas: Iterable[Area | Floor] = (*registry.areas.values(), *registry.floors.values())
    values = (
        option
        for entity in sorted(entities, key=_weight)
        for capability in entity.capabilities
        if capability.settable and isinstance(capability.domain, Choice)
        for option in capability.domain.options
    )
    groups = (name for group in registry.groups.values() for name in group.names)
    return Bias(
        names=_once((*groups, *_round_robin(entities)), MOST_NAMES),
        areas=_once((name for area in areas for name in area.names), MOST_NAMES),
        values=_once((value.replace("_", " ") for value in values), MOST_VALUES),
        phrases=_once(phrases, MOST_PHRASES),
        closed=closed,
    )


def words_of(bias: Bias) -> Sequence[str]:
    """Every single word of a bias, the most likely first."""
    texts = (*bias.areas, *bias.values, *bias.names, *bias.phrases)
    return tuple(dict.fromkeys(word for text in texts for word in fold(text).split()))


class Menu:
    """Tells a sentence about a closed menu from what other sounds were forced into its words."""

    def __init__(self, bias: Bias) -> None:
        """Gathers the words; where the bias is open, any sentence will do."""
        self._closed = bias.closed
        self._said = {fold(word) for word in said_words(bias)} if bias.closed else set()
        # The menu's own, with their plurals.
        own = telling(words_of(bias)) if bias.closed else ()
        self._own = {*own, *(f"{word}s" for word in own)}

    def __contains__(self, text: str) -> bool:
        """Whether it names something of the menu, or answers, and is mostly made of known words."""
        words = text.split()
        if not self._closed:
            return True
        if 3 * self.unknown(text) > len(words):
            return False
        answers = len(words) <= _LONGEST_ANSWER and not _ANSWERS.isdisjoint(words)
        return answers or not self._own.isdisjoint(words)

    def unknown(self, text: str) -> int:
        """How many words of a reading nobody says of the menu."""
        return sum(word not in self._said for word in text.split()) if self._closed else 0


def said_words(bias: Bias) -> Iterable[str]:
    """Every word that may be said of a closed menu, in each way in which it may be written."""
    for word in dict.fromkeys((*words_of(bias), *CARRIERS)):
        yield from written(word)
        if len(word) > 2 and word.isalpha() and not word.endswith("s"):
            yield from written(f"{word}s")


def written(text: str) -> Iterable[str]:
    """A word or a name in the ways in which recognisers write it.

    In capitals at the start of a sentence and as a title; numbers in digits.
    """
    yield from {text, text[:1].upper() + text[1:], " ".join(map(_capital, text.split()))}
    digits = " ".join(_DIGITS.get(word, word) for word in text.split())
    if digits != text:
        yield digits


def numbers_as_known(text: str, known: Iterable[str]) -> str:
    """A text with numbers in words where the menu has them in words: "twenty ounce"."""
    words = {_DIGITS[word]: word for word in known if word in _DIGITS}
    return " ".join(words.get(word, word) for word in text.split()) if words else text


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]


def telling(words: Iterable[str]) -> Sequence[str]:
    """Without numbers and the words that every sentence has: those need no help to be heard."""
    common = COMMON_WORDS | LITTLE_WORDS
    return tuple(
        word for word in words if word not in common and len(word) > 1 and not word.isdecimal()
    )


def _weight(entity: Entity) -> int:
    """How far back an entity's names come: what is only read after what is also set."""
    settable = any(capability.settable for capability in entity.capabilities)
    return 2 * entity.diagnostic + (not settable)


def _round_robin(entities: Iterable[Entity]) -> Iterable[str]:
    rooms: dict[tuple[int, str], list[Entity]] = defaultdict(list)
    place: dict[str, tuple[int, int]] = {}
    every = list(entities)
    for entity in every:
        room = rooms[_weight(entity), entity.area or ""]
        place[entity.id] = (_weight(entity), len(room))
        room.append(entity)
    ordered = sorted(every, key=lambda entity: place[entity.id])
    yield from (entity.name for entity in ordered)
    yield from (alias for entity in ordered for alias in entity.aliases)


def _once(texts: Iterable[str], most: int) -> Sequence[str]:
    found: dict[str, None] = {}
    for text in texts:
        if folded := fold(text):
            found.setdefault(folded)
            if len(found) == most:
                break
    return tuple(found)
