"""Whisper as it is shipped: what it sees, what it is told, what it hears of spoken sentences."""

import math
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from measured import coffee_maker, home_and_car
from spoken import music, noise, say

from edge_agent.errors import VoiceError
from edge_agent.voice.features import BANDS, log_mel
from edge_agent.voice.pieces import Pieces, gpt2_pieces
from edge_agent.voice.ports import RATE, Bias, Recogniser
from edge_agent.voice.recogniser import RecogniserSettings, make_recogniser
from edge_agent.voice.weights import WHISPER, locate
from edge_agent.voice.whisper import prompt_tokens, unsaid_tokens

needs_weights = pytest.mark.skipif(
    find_spec("ctranslate2") is None or find_spec(WHISPER.module) is None,
    reason="the extra [voice] is not installed",
)


@pytest.fixture(scope="module")
def whisper() -> Recogniser:
    return make_recogniser(RecogniserSettings(engine="whisper"))


@pytest.fixture(scope="module")
def pieces() -> Pieces:
    return gpt2_pieces(locate(WHISPER) / "vocabulary.txt")


def mel(hertz: float) -> float:
    """Slaney's scale."""
    return hertz * 3 / 200 if hertz < 1000 else 15 + 27 * math.log(hertz / 1000) / math.log(6.4)


def hertz(mel: float) -> float:
    return mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)


def energy_of(sound: list[float], column: int, band: int) -> float:
    """One value of the picture before the logarithm, term by term from the definition."""
    edges = [hertz(mel(8000) * (band + step) / (BANDS + 1)) for step in range(3)]
    window = []
    for n in range(400):
        at = abs(column * 160 + n - 200)  # the start is mirrored
        window.append(sound[at] * (0.5 - 0.5 * math.cos(2 * math.pi * n / 400)))
    total = 0.0
    for k in range(201):
        frequency = k * RATE / 400
        rise = (frequency - edges[0]) / (edges[1] - edges[0])
        fall = (edges[2] - frequency) / (edges[2] - edges[1])
        weight = max(0.0, min(rise, fall)) * 2 / (edges[2] - edges[0])
        if weight:
            real = sum(x * math.cos(2 * math.pi * k * n / 400) for n, x in enumerate(window))
            imaginary = sum(x * math.sin(2 * math.pi * k * n / 400) for n, x in enumerate(window))
            total += weight * (real**2 + imaginary**2)
    return total


def test_the_picture_is_what_the_definition_says() -> None:
    samples = noise(0.5, 3000)
    picture = log_mel(samples, 0.5)
    assert picture.shape == (BANDS, 50)
    sound = [float(x) / 32768 for x in samples]
    for column, band in [(0, 0), (1, 3), (7, 30), (20, 55), (40, 79)]:
        expected = (math.log10(energy_of(sound, column, band)) + 4) / 4
        assert picture[band, column] == pytest.approx(expected, abs=1e-4)


def test_the_picture_of_a_tone_is_brightest_at_its_pitch_and_silence_is_dark() -> None:
    tone = (np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE) * 9000).astype(np.int16)
    picture = log_mel(tone, 2.0)
    edges = [hertz(mel(8000) * (step + 1) / (BANDS + 1)) for step in range(BANDS)]
    assert abs(edges[picture[:, 50].argmax()] - 1000) < 60
    assert picture[:, 150].max() == pytest.approx(picture.max() - 2), "8 decades below, by fours"
    assert log_mel(tone, 0.25).shape == (BANDS, 25), "longer sound is cut"


@needs_weights
def test_words_become_the_pieces_that_the_model_learnt(pieces: Pieces) -> None:
    assert pieces.decode(pieces.encode(" the")) == " the"
    assert len(pieces.encode(" the")) == 1
    # As OpenAI's tokenizer has it.
    assert pieces.encode(" cappuccino") == (1275, 381, 18863, 2879)
    assert pieces.decode(pieces.encode(" café")) == " café"


@needs_weights
def test_the_prompt_keeps_within_its_budget_and_the_likeliest_last(pieces: Pieces) -> None:
    bias = Bias(
        names=[f"lamp {word}" for word in ("quill", "fjord", "sphinx", "gazebo") * 60],
        areas=["scullery"],
        values=["espresso"],
        phrases=["brew an espresso"],
    )
    for most in (0, 1, 2, 10, 40, 200):
        prompt = prompt_tokens(bias, pieces, most)
        assert len(prompt) <= most
        assert not prompt or pieces.decode(prompt).endswith(".")
    text = pieces.decode(prompt_tokens(bias, pieces, 200))
    assert text.endswith(" scullery, brew an espresso."), "its words say espresso already"
    assert text.count("lamp quill") == 1
    assert prompt_tokens(Bias(), pieces, 200) == []


@needs_weights
def test_a_closed_menu_leaves_only_its_own_pieces(pieces: Pieces) -> None:
    unsaid = set(unsaid_tokens(Bias(values=("ristretto",), closed=True), pieces))
    assert unsaid.isdisjoint(pieces.encode(" ristretto"))
    assert unsaid.isdisjoint(pieces.encode(" please"))
    assert unsaid.issuperset(pieces.encode(" elephant"))
    assert unsaid_tokens(Bias(values=("ristretto",)), pieces) == []


@needs_weights
def test_speech_is_heard(whisper: Recogniser) -> None:
    whisper.bias(Bias(names=("kitchen light",), areas=("kitchen",)))
    heard = whisper.transcribe(say("turn on the kitchen light"))
    assert heard[0].text == "turn on the kitchen light"
    assert heard[0].score > -0.5
    assert len({one.text for one in heard}) == len(heard)


@needs_weights
def test_a_name_is_heard_once_it_is_known(whisper: Recogniser) -> None:
    sound = say("turn off the kallax shelf")
    whisper.bias(Bias())
    assert all("kallax" not in one.text for one in whisper.transcribe(sound))
    whisper.bias(Bias(names=("kallax shelf", "kitchen light", "bedroom fan"), areas=("kitchen",)))
    assert whisper.transcribe(sound)[0].text == "turn off the kallax shelf"


@needs_weights
@pytest.mark.parametrize("closed", [False, True])
def test_what_is_no_sentence_gives_nothing(whisper: Recogniser, closed: bool) -> None:
    whisper.bias(Bias(values=("espresso", "latte", "soy milk"), closed=closed))
    for sound in (np.zeros(RATE, np.int16), noise(3, 30), noise(3, 3000), music()):
        assert whisper.transcribe(sound) == ()
    assert whisper.transcribe(np.zeros(0, np.int16)) == ()


@needs_weights
@pytest.mark.parametrize(
    ("closed", "voice", "text"),
    [
        (True, "de", "Ich habe gestern lange mit meiner Schwester telefoniert."),
        (True, "de", "Mach bitte das Licht in der Küche aus."),
        (True, "es", "Me gustaría un café con leche, por favor."),
        (False, "de", "Mach bitte das Licht in der Küche aus."),
        (False, "it", "Domani andiamo al mare con gli amici."),
        (False, "fr-fr", "Est-ce que tu peux fermer la fenêtre, s'il te plaît ?"),
    ],
)
def test_other_languages_give_nothing(
    whisper: Recogniser, closed: bool, voice: str, text: str
) -> None:
    whisper.bias((coffee_maker() if closed else home_and_car()).bias)
    assert whisper.transcribe(say(text, voice)) == ()


def test_a_missing_or_damaged_model_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(VoiceError, match=r"config\.json is missing"):
        locate(WHISPER, tmp_path)
    for name in WHISPER.files:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(VoiceError, match=r"is damaged \(0 bytes\)"):
        locate(WHISPER, tmp_path)


@needs_weights
def test_files_that_are_no_model_are_refused(tmp_path: Path) -> None:
    for name in WHISPER.files:
        (tmp_path / name).write_bytes(b"junk\n")
    with pytest.raises(VoiceError, match="no vocabulary"):
        make_recogniser(RecogniserSettings(engine="whisper", path=tmp_path))
    (tmp_path / "vocabulary.txt").write_text("a\n<|endoftext|>\n")
    with pytest.raises(VoiceError, match="cannot be used"):
        make_recogniser(RecogniserSettings(engine="whisper", path=tmp_path))
