"""How a model is asked and how its scores are read, as its own file says.

The keys are ours, under `edge_agent.`, in the metadata of a GGUF file. It does not open files.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge_agent.core.entity import Risk
from edge_agent.errors import ModelError
from edge_agent.language.confidence import MOST_MARGIN, Calibration
from edge_agent.language.grammar import VERSION
from edge_agent.language.prompt import Mark, PromptFormat, prompt_format

PREFIX = "edge_agent."
GRAMMAR_VERSION = "edge_agent.grammar_version"
PROMPT = "edge_agent.prompt"
CALIBRATION = "edge_agent.calibration"
LANGUAGE = "edge_agent.language"
CARD = "edge_agent.card"
_TOKENS = "tokenizer.ggml.tokens"


@dataclass(frozen=True, slots=True)
class Usage:
    """How one model is asked, and what its scores are worth."""

    prompt: PromptFormat
    calibration: Calibration


class _ByRisk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    comfort: float
    caution: float
    security: float


class _Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bias: float
    weight: float
    act: _ByRisk
    ask: float
    margin: float = 0.0
    lead: _ByRisk = _ByRisk(0.0, 0.0, 0.0)


def calibration_json(calibration: Calibration) -> str:
    """A calibration as a model file holds it."""
    act, lead = (
        _ByRisk(**{risk.value: of[risk] for risk in Risk})
        for of in (calibration.act, calibration.lead)
    )
    bias, weight, margin = calibration.bias, calibration.weight, calibration.margin
    written = _Calibration(bias, weight, act, calibration.ask, margin, lead)
    return msgspec.json.encode(written).decode()


def read_calibration(text: str | bytes) -> Calibration:
    """A calibration as `calibration_json` writes it.

    Raises:
        ValueError: It is damaged; the text names the key and what is legal.
    """
    read = msgspec.json.decode(text, type=_Calibration)
    if not math.isfinite(read.bias):
        raise ValueError(f"bias is {read.bias}; it must be finite")
    if not (math.isfinite(read.weight) and read.weight > 0):
        raise ValueError(f"weight is {read.weight}; legal is what is above 0")
    if not (math.isfinite(read.margin) and read.margin >= 0):
        raise ValueError(f"margin is {read.margin}; legal is 0 and what is above")
    act, lead = (
        {risk: float(getattr(of, risk.value)) for risk in Risk} for of in (read.act, read.lead)
    )
    for key, share in {"ask": read.ask, **{f"act.{r.value}": x for r, x in act.items()}}.items():
        if not 0 <= share <= 1:
            raise ValueError(f"{key} is {share}; legal are 0 to 1")
    for risk, nats in lead.items():
        if not 0 <= nats <= MOST_MARGIN:
            raise ValueError(f"lead.{risk.value} is {nats}; legal are 0 to {MOST_MARGIN:g}")
    return Calibration(read.bias, read.weight, act, read.ask, read.margin, lead)


def read_usage(metadata: Mapping[str, object], path: Path) -> Usage | None:
    """How a model wants to be asked, or None where its file does not say: it is not one of ours.

    Args:
        metadata: Of its GGUF file.
        path: The file, for errors.

    Raises:
        ModelError: It speaks another version of the grammar or another language, or what it says
            is damaged; the text names the file and the key.
    """
    if not any(key.startswith(PREFIX) for key in metadata):
        return None

    def wrong(key: str, problem: str) -> ModelError:
        return ModelError(f"{path}: {key} {problem}")

    if (version := metadata.get(GRAMMAR_VERSION)) != VERSION:
        raise wrong(GRAMMAR_VERSION, f"is {version!r}; this daemon needs {VERSION}")
    if (language := metadata.get(LANGUAGE)) != "en":
        raise wrong(LANGUAGE, f"is {language!r}; legal is 'en'")
    texts = {key: metadata.get(key) for key in (PROMPT, CALIBRATION)}
    for key, text in texts.items():
        if not isinstance(text, str):
            raise wrong(key, f"is {text!r:.80}; it must be a text")
    try:
        prompt = prompt_format(str(texts[PROMPT]))
    except ModelError as error:
        raise wrong(PROMPT, f"is unknown: {error}") from error
    try:
        calibration = read_calibration(str(texts[CALIBRATION]))
    except ValueError as error:  # msgspec's errors are such
        raise wrong(CALIBRATION, f"is damaged: {error}") from error
    tokens = metadata.get(_TOKENS)
    if prompt.shows_names:
        known = set(tokens) if isinstance(tokens, tuple) else set()
        if missing := [mark.value for mark in Mark if mark.value not in known]:
            raise wrong(_TOKENS, f"lacks {missing[0]}, which the prompt {prompt.name} needs")
    return Usage(prompt, calibration)
