"""Wake words, on speech that espeak-ng makes."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edge_agent.errors import VoiceError
from edge_agent.voice.ports import RATE, Samples, WakeWord
from edge_agent.voice.wake import Engine, WakeSettings, WakeWords, make_wake_word

MICRO = ("okay_nabu", "hey_jarvis", "hey_mycroft", "alexa")
OPEN = (*MICRO, "hey_rhasspy")


def package(engine: Engine) -> Path:
    """The folder of an engine's package."""
    module = pytest.importorskip(f"py{engine}_wakeword", reason="needs the extra [voice]")
    return Path(module.__file__).parent


def load(engine: Engine, *words: str, **settings: float) -> WakeWords:
    package(engine)
    return make_wake_word(WakeSettings(engine, words, **settings))


def spoken(text: str, *, voice: str = "en") -> Samples:
    """A sentence between a second of silence before and one after."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("needs espeak-ng: apt-get install espeak-ng")
    ran = subprocess.run(
        ["espeak-ng", "-v", voice, "-s", "130", "--stdout", text], capture_output=True, check=True
    )
    sound = np.frombuffer(ran.stdout[44:], np.int16)  # 22,050 Hz behind a header
    at = np.arange(len(sound) * RATE // 22_050) * 22_050 / RATE
    silence = np.zeros(RATE, np.int16)
    resampled = np.interp(at, np.arange(len(sound)), sound).astype(np.int16)
    return np.concatenate([silence, resampled, silence])


def heard(wake: WakeWord, sound: Samples, block: int = 800) -> list[str]:
    names = [wake.feed(sound[at : at + block]) for at in range(0, len(sound), block)]
    return [name for name in names if name]


SAID = [
    (Engine.MICRO, "okay nabu"),
    (Engine.MICRO, "hey mycroft"),
    (Engine.MICRO, "alexa"),
    (Engine.OPEN, "hey jarvis"),
    (Engine.OPEN, "alexa"),
]


@pytest.mark.parametrize(("engine", "text"), SAID)
def test_hears_each_of_several_wake_words_once(engine: Engine, text: str) -> None:
    wake = load(engine, *(MICRO if engine is Engine.MICRO else OPEN))
    assert heard(wake, spoken(text)) == [text]


@pytest.mark.parametrize(("engine", "text"), SAID)
def test_takes_no_other_sentence_for_its_name(engine: Engine, text: str) -> None:
    wake = load(engine, text)
    assert heard(wake, spoken("turn on the lights in the kitchen please")) == []
    assert heard(wake, np.zeros(3 * RATE, np.int16)) == []


@pytest.mark.parametrize("engine", Engine)
@pytest.mark.parametrize("block", [1, 160, 1023, 100_000])
def test_takes_blocks_of_any_length(engine: Engine, block: int) -> None:
    wake = load(engine, "alexa")
    sound = spoken("alexa")[RATE // 2 : -RATE // 2]
    assert heard(wake, sound, block) == ["alexa"]
    assert wake.feed(np.zeros(0, np.int16)) is None


@pytest.mark.parametrize("engine", Engine)
def test_hears_the_same_again_after_a_reset_in_the_middle(engine: Engine) -> None:
    sound = spoken("alexa")
    wake = load(engine, "alexa")
    for _ in range(2):
        heard(wake, sound[: len(sound) // 2])
        wake.reset()
        assert heard(wake, sound) == ["alexa"]
        wake.reset()


def test_forgets_half_a_wake_word_with_a_reset() -> None:
    sound = spoken("okay nabu")
    half = len(sound) // 2
    whole, cut = load(Engine.MICRO, "okay_nabu"), load(Engine.MICRO, "okay_nabu")
    assert heard(whole, sound[:half]) == heard(cut, sound[:half]) == []
    cut.reset()
    assert heard(whole, sound[half:]) == ["okay nabu"]
    assert heard(cut, sound[half:]) == []


def test_rests_after_a_wake_word() -> None:
    twice = np.concatenate([spoken("alexa"), spoken("alexa")])
    assert heard(load(Engine.MICRO, "alexa"), twice) == ["alexa", "alexa"]
    assert heard(load(Engine.MICRO, "alexa", rest=10.0), twice) == ["alexa"]


def test_a_threshold_of_ones_own_goes_over_what_the_model_advises() -> None:
    sound = spoken("hey jarvis", voice="en-us")
    assert heard(load(Engine.OPEN, "hey_jarvis"), sound) == ["hey jarvis"]
    assert heard(load(Engine.OPEN, "hey_jarvis", threshold=0.9999999), sound) == []


@pytest.mark.parametrize("engine", Engine)
@pytest.mark.parametrize("threshold", [0.0, 1.0, -1.0, 7.0])
def test_refuses_a_threshold_that_is_no_probability(engine: Engine, threshold: float) -> None:
    with pytest.raises(VoiceError, match="between 0 and 1"):
        load(engine, "alexa", threshold=threshold)


@pytest.mark.parametrize(("engine", "legal"), [(Engine.MICRO, MICRO), (Engine.OPEN, OPEN)])
def test_an_unknown_name_is_answered_with_the_known_ones(
    engine: Engine, legal: tuple[str, ...]
) -> None:
    with pytest.raises(VoiceError, match="'hey you'") as error:
        load(engine, "alexa", "hey you")
    assert ", ".join(sorted(legal)) in str(error.value)


def test_no_wake_word_at_all_is_refused() -> None:
    with pytest.raises(VoiceError, match="no wake word"):
        make_wake_word(WakeSettings(words=()))


@pytest.mark.parametrize("name", ["Okay Nabu", "okay_nabu", "OKAY NABU"])
def test_a_name_is_taken_as_people_write_it(name: str) -> None:
    assert load(Engine.MICRO, name, "okay_nabu").names == ["okay nabu"]


@pytest.mark.parametrize("engine", Engine)
def test_a_model_file_of_ones_own_is_taken_by_its_path(engine: Engine, tmp_path: Path) -> None:
    own = tmp_path / "my_machine.tflite"
    shutil.copy(package(engine) / "models" / "alexa.tflite", own)
    wake = load(engine, str(own))
    assert wake.names == ["my machine"]
    sound = spoken("alexa")
    assert heard(wake, sound) == ["my machine"]
    own.unlink()  # while it is in use
    wake.reset()
    assert heard(wake, sound) == ["my machine"]


def test_a_description_beside_a_model_names_it_and_its_threshold(tmp_path: Path) -> None:
    shipped = package(Engine.MICRO) / "models"
    shutil.copy(shipped / "alexa.tflite", tmp_path / "alexa.tflite")
    described = json.loads((shipped / "alexa.json").read_text()) | {"wake_word": "Hello Box"}
    (tmp_path / "alexa.json").write_text(json.dumps(described))
    sound = spoken("alexa")
    for name in ("alexa.json", "alexa.tflite"):
        assert heard(load(Engine.MICRO, str(tmp_path / name)), sound) == ["hello box"]
    described["micro"]["probability_cutoff"] = 0.99999
    (tmp_path / "alexa.json").write_text(json.dumps(described))
    assert heard(load(Engine.MICRO, str(tmp_path / "alexa.json")), sound) == []


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"model": "alexa.tflite"}', '{"model": "a", "wake_word": "b", "micro": 3}'],
)
def test_a_damaged_description_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_text(text)
    with pytest.raises(VoiceError, match=r"own\.json does not describe a wake word"):
        load(Engine.MICRO, str(path))


def test_a_description_of_a_model_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_text('{"model": "gone.tflite", "wake_word": "b", "micro": {}}')
    with pytest.raises(VoiceError, match=r"gone\.tflite, which is missing"):
        load(Engine.MICRO, str(path))


@pytest.mark.parametrize("engine", Engine)
@pytest.mark.parametrize("damage", ["empty", "text", "half", "end", "zeros", "scrambled"])
def test_a_damaged_model_is_refused_and_nothing_crashes(
    engine: Engine, damage: str, tmp_path: Path
) -> None:
    good = (package(engine) / "models" / "alexa.tflite").read_bytes()
    path = tmp_path / "own.tflite"
    path.write_bytes(
        {
            "empty": b"",
            "text": b"no model\n" * 100,
            "half": good[: len(good) // 2],
            "end": good[:-2000],
            "zeros": good[:8] + bytes(len(good) - 8),
            "scrambled": good[:64] + bytes(byte ^ 0xFF for byte in good[64:]),
        }[damage]
    )
    with pytest.raises(VoiceError, match=r"own\.tflite is damaged"):
        load(engine, str(path))


@pytest.mark.parametrize("engine", Engine)
def test_a_model_of_the_other_engine_is_refused(engine: Engine) -> None:
    other = Engine.OPEN if engine is Engine.MICRO else Engine.MICRO
    package(engine)
    path = package(other) / "models" / "alexa.tflite"
    own = make_refused(engine, str(path))
    assert f"is it for {other}?" in own


def test_a_network_that_is_no_wake_word_is_refused() -> None:
    embedding = package(Engine.OPEN) / "models" / "embedding_model.tflite"
    assert "not made for open" in make_refused(Engine.OPEN, str(embedding))


def make_refused(engine: Engine, word: str) -> str:
    with pytest.raises(VoiceError) as error:
        load(engine, word)
    return str(error.value)


@pytest.mark.parametrize("engine", Engine)
def test_a_missing_model_is_named(engine: Engine, tmp_path: Path) -> None:
    assert "gone.tflite is missing" in make_refused(engine, str(tmp_path / "gone.tflite"))


@pytest.mark.parametrize("engine", Engine)
def test_a_missing_package_is_answered_with_what_to_install(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, f"py{engine}_wakeword", None)
    with pytest.raises(VoiceError, match=rf"py{engine}-wakeword.*service --voice.*\.\[voice\]"):
        make_wake_word(WakeSettings(engine))
