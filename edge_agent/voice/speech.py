"""Answers as sound: which engine speaks, and the text in the form that engines read out well.

Knows no engine from inside; they are imported when one of them is made.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, get_args

from edge_agent.core.entity import spoken_unit
from edge_agent.errors import VoiceError
from edge_agent.voice.ports import Speech

Engine = Literal["espeak", "piper"]

SLOWEST: Final = 0.5
FASTEST: Final = 3.0
_MOST_CHARACTERS: Final = 1000
"""An answer is a sentence or two; what a broken device name adds to it is not read out."""


@dataclass(frozen=True, slots=True)
class SpeechSettings:
    """How answers are spoken."""

    engine: Engine = "espeak"
    voice: str = ""
    """A voice of espeak-ng (`en-gb`), or the .onnx file of one for Piper; empty: the usual one."""
    speed: float = 1.0
    """1 is the engine's own pace, 2 twice as fast."""

    def check(self) -> None:
        """Refuse what no engine can do.

        Raises:
            VoiceError: The text names the setting and its legal values.
        """
        if self.engine not in get_args(Engine):
            legal = ", ".join(get_args(Engine))
            raise VoiceError(f"speech engine {self.engine!r}; legal: {legal}")
        if not SLOWEST <= self.speed <= FASTEST:
            raise VoiceError(f"speech speed {self.speed:g}; legal: {SLOWEST:g} to {FASTEST:g}")


def make_speech(settings: SpeechSettings) -> Speech:
    """The engine that the settings mean, ready to speak.

    Raises:
        VoiceError: It is not installed, or its voice cannot be used; the text says what to do.
    """
    settings.check()
    if settings.engine == "piper":
        from edge_agent.voice.piper import PiperSpeech  # noqa: PLC0415 - onnxruntime is heavy

        return PiperSpeech(settings.voice, settings.speed)
    from edge_agent.voice.espeak import EspeakSpeech  # noqa: PLC0415 - only what is used

    return EspeakSpeech(settings.voice, settings.speed)


_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "&": " and ",
        "+": " plus ",
        "=": " equals ",
        "@": " at ",
        "%": " percent ",
        "°": " degrees ",
        "\N{GREEK SMALL LETTER MU}": "micro",
        "\N{MICRO SIGN}": "micro",
        "\N{MINUS SIGN}": "-",
        "\N{EN DASH}": "-",
        "\N{EM DASH}": ", ",
        "\N{HORIZONTAL ELLIPSIS}": ". ",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{SUPERSCRIPT TWO}": " squared",
        "\N{SUPERSCRIPT THREE}": " cubed",
    }
)
_UNITS: Final = (
    "°C °F °K % K W kW kWh Wh V A lx km/h m/s km hPa kPa ppm ppb min s h "
    "mg µg/m³ ml L l/min mm cm Hz kHz dB dBm bar psi"
).split()
_OWN_UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "°K": " kelvin",
        "m/s": " metres per second",
        "kPa": " kilopascals",
        "ppb": " parts per billion",
        "mg": " milligrams",
        "µg/m³": " micrograms per cubic metre",
        "ml": " millilitres",
        "L": " litres",
        "l/min": " litres per minute",
        "mm": " millimetres",
        "cm": " centimetres",
        "Hz": " hertz",
        "kHz": " kilohertz",
        "dB": " decibels",
        "dBm": " decibel milliwatts",
    }
)
_ABBREVIATIONS: Final = (
    (r"e\.g\.", "for example"),
    (r"i\.e\.", "that is"),
    (r"approx\.", "about"),
    (r"No\. ?(?=\d)", "number "),
)
_SAID: Final = tuple((re.compile(rf"(?<!\w){said}"), words) for said, words in _ABBREVIATIONS)
_MEASURED: Final = re.compile(
    r"(?<=\d) ?(" + "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len)[::-1]) + r")(?!\w)"
)
_SINGULAR: Final = re.compile(
    r"(?<![\d.,])(1) (degree|watt|volt|ampere|second|minute|hour|kilometre|litre)s(?!\w)"
)
_NEGATIVE: Final = re.compile(r"(?<![\w.-])-(?=\d)")
_SPAN: Final = re.compile(r"(?<=\d) ?- ?(?=\d)")
_ROUND_ZEROS: Final = re.compile(r"(?<!\d|\.)(\d+)\.0+(?![\d.])")
_CLOCK: Final = re.compile(r"\b(\d{1,2}):00\b(?!:)")


def speakable(text: str) -> str:
    """A text with its numbers, units and abbreviations as words, and nothing but text in it.

    Markup of the engines (SSML, phonemes in brackets) loses what makes it markup, so that no name
    of a device can change how the rest is spoken.
    """
    text = unicodedata.normalize("NFC", text[:_MOST_CHARACTERS])
    text = text.replace("\N{GREEK SMALL LETTER MU}", "\N{MICRO SIGN}")
    text = _MEASURED.sub(_unit, text)
    for said, words in _SAID:
        text = said.sub(words, text)
    text = "".join(_WORDS.get(char, char) for char in text)
    text = _NEGATIVE.sub("minus ", _SPAN.sub(" to ", text))
    text = _CLOCK.sub(r"\1 o'clock", _ROUND_ZEROS.sub(r"\1", text))
    text = "".join(char if _is_spoken(char) else " " for char in text)
    text = _SINGULAR.sub(r"\1 \2", " ".join(text.split()))
    text = re.sub(r" (?=[.,;:?!])", "", text)
    return text if any(char.isalnum() for char in text) else ""


def _unit(match: re.Match[str]) -> str:
    unit = match[1]
    return _OWN_UNITS.get(unit) or spoken_unit(unit)


def _is_spoken(char: str) -> bool:
    # Symbols (S) and brackets (Ps, Pe) are markup or would be read out by their names.
    return char in "'-.,;:?! " or unicodedata.category(char)[0] in "LMN"
