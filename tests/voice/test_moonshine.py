"""Moonshine as it is shipped, and the search and the lexicon that lead it."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from spoken import music, noise, say

from edge_agent.errors import VoiceError
from edge_agent.voice.lexicon import Lexicon
from edge_agent.voice.pieces import Pieces, sentencepieces
from edge_agent.voice.ports import RATE, Bias, Recogniser
from edge_agent.voice.recogniser import RecogniserSettings, make_recogniser
from edge_agent.voice.search import search
from edge_agent.voice.weights import MOONSHINE

needs_weights = pytest.mark.skipif(
    find_spec("onnxruntime") is None or find_spec(MOONSHINE.module) is None,
    reason="the extra [voice] is not installed",
)

LETTERS = Pieces([b"<s>", b"</s>", *(bytes([byte]) for byte in range(128))], first=2)
BEGIN, END = 0, 1


def spelling(*readings: tuple[str, float]) -> "Speller":
    return Speller(dict(readings))


class Speller:
    """A decoder whose sound is given: how likely each of some readings is, letter by letter."""

    def __init__(self, readings: dict[str, float]) -> None:
        self.readings = readings
        self.paths: list[str] = []

    def step(self, rows: list[int], last: list[int]) -> np.ndarray:
        before = self.paths
        self.paths = [
            "" if piece == BEGIN else before[row] + LETTERS.decode([piece])
            for row, piece in zip(rows, last, strict=True)
        ]
        scores = np.full((len(rows), len(LETTERS)), -12.0, np.float32)
        for row, path in enumerate(self.paths):
            for text, likely in self.readings.items():
                if text == path:
                    scores[row, END] = likely
                elif text.startswith(path):
                    at = LETTERS.encode(text[len(path)])[0]
                    scores[row, at] = np.maximum(scores[row, at], likely)
        return scores


def best(decoder: Speller, bias: Bias, *, bonus: float = 1.0, beam: int = 4) -> list[str]:
    lexicon = Lexicon(bias, LETTERS, bonus)
    paths = search(decoder.step, lexicon, begin=BEGIN, end=END, beam=beam, longest=40)
    return [LETTERS.decode(path.pieces).strip() for path in paths]


def test_without_a_bias_the_likeliest_is_first() -> None:
    readings = spelling((" mocker", 0.0), (" mocha", -0.5))
    assert best(readings, Bias())[:2] == ["mocker", "mocha"]


def test_a_known_name_wins_over_what_merely_sounds_like_it() -> None:
    readings = spelling((" mocker", 0.0), (" mocha", -0.5))
    assert best(readings, Bias(values=("mocha",)))[0] == "mocha"


def test_half_a_name_is_worth_nothing() -> None:
    readings = spelling((" moc", 0.0), (" nip", -0.1), (" mochaccino", -9.0))
    heard = best(readings, Bias(values=("mochaccino",)))
    assert heard.index("moc") < 2, "it is the likelier one by itself"
    lexicon = Lexicon(Bias(values=("mocha",)), LETTERS, 1.0)
    place = lexicon.start
    for letter in " mo":
        place = lexicon.step(place, LETTERS.encode(letter)[0])
    leaving, better = lexicon.gains(place)
    assert leaving == -3.0, "what three letters were given is taken back"
    assert better[LETTERS.encode("c")[0]] == 1.0
    for letter in "cha":
        place = lexicon.step(place, LETTERS.encode(letter)[0])
    assert lexicon.gains(place)[0] == 0.0, "a whole name keeps it"


def test_a_closed_menu_lets_nothing_else_through() -> None:
    readings = spelling((" a mocker", 0.0), (" a mocha", -3.0))
    heard = best(readings, Bias(values=("mocha", "latte"), closed=True))
    assert heard[0] == "a mocha"
    known = {"a", "mocha", "latte", "mochas", "lattes"}
    assert all(set(text.lower().split()) & known for text in heard)


def test_names_of_several_words_are_followed_through() -> None:
    readings = spelling((" ice mocker", 0.0), (" iced mocha", -0.6))
    assert best(readings, Bias(values=("iced mocha",), closed=True))[0] == "iced mocha"


def test_nothing_is_found_where_nothing_ends() -> None:
    class Endless(Speller):
        def step(self, rows: list[int], last: list[int]) -> np.ndarray:
            scores = np.zeros((len(rows), len(LETTERS)), np.float32)
            scores[:, END] = -np.inf
            return scores

    lexicon = Lexicon(Bias(), LETTERS, 1.0)
    assert not [
        path
        for path in search(Endless({}).step, lexicon, begin=BEGIN, end=END, beam=2, longest=9)
        if np.isfinite(path.worth)
    ]


@pytest.fixture(scope="module")
def moonshine() -> Recogniser:
    return make_recogniser(RecogniserSettings(engine="moonshine"))


@needs_weights
def test_speech_is_heard(moonshine: Recogniser) -> None:
    moonshine.bias(Bias(names=("kitchen light",)))
    heard = moonshine.transcribe(say("please turn on the kitchen light"))
    assert heard[0].text == "please turn on the kitchen light"
    assert heard[0].score > -0.5
    assert len({one.text for one in heard}) == len(heard)


@needs_weights
def test_a_name_is_heard_once_it_is_known(moonshine: Recogniser) -> None:
    sound = say("turn off the gazebo")
    moonshine.bias(Bias())
    assert all("gazebo" not in one.text for one in moonshine.transcribe(sound))
    known = Bias(names=("gazebo", "kallax shelf", "bedroom fan"), areas=("kitchen",))
    moonshine.bias(known)
    assert moonshine.transcribe(sound)[0].text == "turn off the gazebo"
    assert moonshine.transcribe(say("what time is it in london"))[0].text.endswith("in london")


@needs_weights
def test_long_speech_is_heard_to_its_end(moonshine: Recogniser) -> None:
    moonshine.bias(Bias())
    sentence = say("please turn on the light")
    heard = moonshine.transcribe(np.concatenate([np.zeros(14 * RATE, np.int16), sentence]))
    assert heard[0].text.endswith("turn on the light")


@needs_weights
def test_a_menu_is_heard_whole(moonshine: Recogniser) -> None:
    menu = Bias(values=("latte", "mocha", "soy milk", "large", "twenty ounce"), closed=True)
    moonshine.bias(menu)
    heard = moonshine.transcribe(say("can i have a twenty ounce mocha with soy milk"))
    assert heard[0].text == "can i have a twenty ounce mocha with soy milk"


@needs_weights
def test_other_talk_and_other_languages_are_no_order(moonshine: Recogniser) -> None:
    menu = Bias(values=("latte", "mocha", "soy milk", "large"), closed=True)
    moonshine.bias(menu)
    assert not moonshine.transcribe(say("I think my sister will visit us next weekend"))
    for voice, text in (
        ("de", "Kannst du bitte morgen den Wagen in die Werkstatt bringen"),
        ("fr-fr", "Je pense que nous devrions partir avant la nuit"),
        ("pl", "Wczoraj byliśmy razem w kinie na nowym filmie"),
        ("es", "¿Puedes encender la luz de la cocina?"),
        ("it", "Vorrei un cappuccino e un cornetto, per favore."),
    ):
        assert not moonshine.transcribe(say(text, voice)), voice


@needs_weights
def test_what_is_no_sentence_gives_nothing(moonshine: Recogniser) -> None:
    moonshine.bias(Bias(values=("latte", "mocha"), closed=True))
    for sound in (np.zeros(RATE, np.int16), noise(3, 30), noise(3, 3000), music(), noise(0.05, 9)):
        assert moonshine.transcribe(sound) == ()


@needs_weights
def test_files_that_are_no_model_are_refused(tmp_path: Path) -> None:
    for name in MOONSHINE.files:
        (tmp_path / name).write_bytes(b"junk")
    with pytest.raises(VoiceError, match="cannot be used"):
        make_recogniser(RecogniserSettings(engine="moonshine", path=tmp_path))


def test_pieces_that_end_within_one_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "tokenizer.bin"
    file.write_bytes(b"\x03<s>\x05cut")
    with pytest.raises(VoiceError, match="ends within one"):
        sentencepieces(file)


def test_without_any_engine_every_remedy_is_named(tmp_path: Path) -> None:
    with pytest.raises(VoiceError, match=r"model\.bin.*tokenizer\.bin"):
        make_recogniser(RecogniserSettings(path=tmp_path))
