"""A small home and a model that says what it is told to, shared by the unit tests."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import settings

from edge_agent.core.entity import (
    ON_OFF,
    Area,
    Attribute,
    Capability,
    Choice,
    Entity,
    Floor,
    Group,
    Kind,
    Range,
    Reading,
    Risk,
    Text,
)
from edge_agent.core.registry import Changes, Registry
from edge_agent.language.grammar import Node
from edge_agent.language.prompt import Mark

# A busy machine must not fail a test that measures nothing.
settings.register_profile("unit", deadline=None)
settings.load_profile("unit")

POWER = Capability(Attribute.POWER, ON_OFF)
BRIGHTNESS = Capability(Attribute.BRIGHTNESS, Range(0, 100, unit="%"))
OPENING = Capability(Attribute.OPENING, Choice(("open", "closed")))
POSITION = Capability(Attribute.POSITION, Range(0, 100, unit="%"))
LOCK = Capability(Attribute.LOCK, Choice(("locked", "unlocked")), guarded=frozenset({"unlocked"}))
TEMPERATURE = Capability(Attribute.TEMPERATURE, Range(5, 30, step=0.5, unit="°C"))


def build_home() -> Registry:
    """Two floors, five rooms, and one entity or two of each kind that matters."""
    registry = Registry.configured(
        areas=[
            Area("kitchen", "Kitchen", "ground"),
            Area("hall", "Hall", "ground", aliases=("entrance",)),
            Area("bedroom", "Bedroom", "upstairs"),
            Area("study", "Study", "upstairs", aliases=("office",)),
            Area("garage", "Garage"),
        ],
        floors=[
            Floor("ground", "ground floor", aliases=("downstairs",)),
            Floor("upstairs", "upstairs"),
        ],
        groups=[Group("mood", "mood lights", ("light.sofa", "light.desk"), aliases=("cosy",))],
    )
    garage_door = Capability(
        Attribute.OPENING, Choice(("open", "closed")), guarded=frozenset({"open"})
    )
    entities = (
        Entity("light.kitchen", "ceiling light", Kind.LIGHT, (POWER, BRIGHTNESS), "kitchen"),
        Entity("light.sofa", "sofa lamp", Kind.LIGHT, (POWER, BRIGHTNESS), "hall"),
        Entity("light.desk", "desk lamp", Kind.LIGHT, (POWER,), "study", aliases=("work light",)),
        Entity("light.bedroom", "ceiling light", Kind.LIGHT, (POWER,), "bedroom"),
        Entity("cover.bedroom", "bedroom blind", Kind.BLIND, (OPENING, POSITION), "bedroom"),
        Entity("cover.study", "study blind", Kind.BLIND, (OPENING, POSITION), "study"),
        Entity("lock.front", "front door lock", Kind.LOCK, (LOCK,), "hall", security=True),
        Entity("lock.back", "back door lock", Kind.LOCK, (LOCK,), "kitchen", security=True),
        Entity(
            "cover.garage",
            "garage door",
            Kind.GARAGE_DOOR,
            (garage_door,),
            "garage",
            security=True,
        ),
        Entity(
            "climate.hall",
            "hall thermostat",
            Kind.CLIMATE,
            (
                TEMPERATURE,
                Capability(Attribute.MODE, Choice(("off", "heat", "cool"))),
                Capability(Attribute.CURRENT_TEMPERATURE, Reading("°C"), settable=False),
            ),
            "hall",
        ),
        Entity(
            "fan.bedroom",
            "bedroom fan",
            Kind.FAN,
            (POWER, Capability(Attribute.SPEED, Range(0, 100, unit="%"))),
            "bedroom",
        ),
        Entity(
            "sensor.outdoor",
            "outdoor temperature",
            Kind.SENSOR,
            (Capability("temperature", Reading("°C"), settable=False),),
        ),
        Entity(
            "button.bell",
            "door bell",
            Kind.BUTTON,
            (Capability(Attribute.COMMAND, Choice(("press",)), readable=False),),
        ),
        Entity("text.shopping", "shopping list", Kind.LIST, (Capability("text", Text(64)),)),
        Entity("switch.heater", "heater", Kind.SWITCH, (POWER,), "garage"),
        Entity(
            "siren.attic",
            "siren",
            Kind.SIREN,
            (Capability(Attribute.POWER, ON_OFF, risk=Risk.CAUTION),),
            security=True,
        ),
    )
    return registry.apply(Changes(upsert=entities))


@pytest.fixture(scope="session")
def home() -> Registry:
    """Return the home; it is immutable."""
    return build_home()


@dataclass(frozen=True)
class FakePath:
    tokens: tuple[int, ...]
    logprob: float
    finished: bool = True


class FakeModel:
    """A LanguageModel whose answers are given: sentence -> output text.

    A token is a word with the space before it, or a line end. It walks the automaton to the path
    that reads like the answer, as constrained decoding does, and fails where there is no such
    path, so a test cannot ask for what the grammar does not allow.
    """

    def __init__(self, answers: Mapping[str, str] | None = None, logprob: float = 0.0) -> None:
        self.answers = dict(answers or {})
        self.logprob = logprob
        self.read: list[str] = []
        """The sentences that were decoded, in order."""
        self.held = ""
        """What every prompt begins with."""
        self.before: Callable[[str], None] = lambda _: None
        """Called with each sentence before it is answered."""
        self._words: list[str] = []
        self._ids: dict[str, int] = {}

    def encode(self, text: str, /) -> Sequence[int]:
        return [self._id(word) for word in re.findall(r" ?[^\s;]+| ?;|\s", text)]

    def text(self, tokens: Sequence[int], /) -> str:
        return "".join(self._words[token] for token in tokens)

    def hold(self, prefix: Sequence[int], /, **_rest: object) -> None:
        self.held = self.text(prefix)

    def decode(
        self,
        prompt: Sequence[int],
        start: Node,
        *,
        width: int,
        max_tokens: int,
        cancelled: Callable[[], bool],
    ) -> Sequence[FakePath]:
        sentence = self.text(prompt).rpartition("Request: ")[2].removesuffix("\nCommand:")
        self.read.append(sentence)
        self.before(sentence)
        return [self._follow(start, self.encode(f" {self.answers.get(sentence, 'none')}\n"))]

    def _follow(self, start: Node, wanted: Sequence[int]) -> FakePath:
        node = start
        for at, token in enumerate(wanted):
            if token not in node.edges:
                return FakePath(tuple(wanted[:at]), self.logprob, finished=False)
            node = node.edges[token]
        assert not node.edges, "an output ends with its end token"
        return FakePath(tuple(wanted), self.logprob)

    def _id(self, word: str) -> int:
        if word not in self._ids:
            self._ids[word] = len(self._words)
            self._words.append(word)
        return self._ids[word]


@pytest.fixture
def make_model() -> type[FakeModel]:
    """Return the class of the fake model."""
    return FakeModel


class MarkedModel(FakeModel):
    """A fake of our own models: names are shown to it between control tokens that are no words."""

    def __init__(self, answers: Mapping[str, str] | None = None, logprob: float = 0.0) -> None:
        super().__init__(answers, logprob)
        self.prompts: list[str] = []
        """What it was shown, in order."""

    def special(self, name: str, /) -> int:
        return -1 - list(Mark).index(Mark(name))

    def text(self, tokens: Sequence[int], /) -> str:
        marks = list(Mark)
        return "".join(
            marks[-1 - token] if token < 0 else super(MarkedModel, self).text([token])
            for token in tokens
        )

    def decode(
        self,
        prompt: Sequence[int],
        start: Node,
        *,
        width: int,
        max_tokens: int,
        cancelled: Callable[[], bool],
    ) -> Sequence[FakePath]:
        self.prompts.append(self.text(prompt))
        sentence = self.prompts[-1].rpartition(Mark.SAID)[2].removesuffix(Mark.DO).strip()
        self.read.append(sentence)
        wanted = self.encode(f" {self.answers.get(sentence, 'none')}")
        return [self._follow(start, [*wanted, self.special(Mark.END)])]


@pytest.fixture
def make_marked_model() -> type[MarkedModel]:
    """Return the class of the fake of our own models."""
    return MarkedModel
