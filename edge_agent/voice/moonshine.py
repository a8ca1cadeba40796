"""Moonshine through onnxruntime, with a search of our own that a menu or a home's names lead.

Knows no registry and no wake word; `onnxruntime` is imported by the one who makes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_agent.errors import VoiceError
from edge_agent.voice.bias import Menu, numbers_as_known, words_of
from edge_agent.voice.lexicon import Lexicon
from edge_agent.voice.pieces import sentencepieces
from edge_agent.voice.ports import RATE, Bias, Heard, Samples
from edge_agent.voice.reading import distinct, is_loop, reading
from edge_agent.voice.search import Floats, search
from edge_agent.voice.search import Path as Spelt
from edge_agent.voice.weights import INSTALL, MOONSHINE, locate

_BEGIN, _END = 1, 2
_TOKENS_A_SECOND = 6.5
"""More than anybody says in English; Moonshine's own bound against loops."""
_SHORTEST = RATE // 10
_LONGEST = 30 * RATE


@dataclass(frozen=True, slots=True)
class MoonshineSettings:
    """What is weighed against what."""

    beam: int = 4
    threads: int = 1
    bonus: float = 2.0
    """How much likelier each piece of a known name is, in nats: names are rare words to it."""
    bonus_closed: float = 1.0
    """The same where only a menu can be said: its fence does most."""
    min_score: float = -1.2
    """Average log-probability below which it is no sentence."""
    min_score_closed: float = -1.2
    """The same where only a menu can be said: its words are then written whatever was heard."""
    doubt: float = -0.5
    """Score below which it is compared with what is heard where nothing is expected."""
    min_score_both: float = -0.65
    """Mean of both scores below which it was no English, or no speech."""
    min_score_both_closed: float = -0.78
    """The same where only a menu can be said: its fence costs a mumbled order more."""


class Moonshine:
    """A recogniser that can be held to a menu."""

    def __init__(self, path: Path | None = None, settings: MoonshineSettings | None = None) -> None:
        """Loads the model; about 45 MB.

        Raises:
            VoiceError: The package or the weights are missing or damaged.
        """
        try:
            import onnxruntime  # noqa: PLC0415  (heavy, and part of an extra)
        except ImportError as error:
            raise VoiceError(f"the package onnxruntime is missing: {INSTALL}") from error
        folder = locate(MOONSHINE, path)
        self._settings = settings or MoonshineSettings()
        options: Any = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = self._settings.threads
        options.log_severity_level = 3
        options.enable_cpu_mem_arena = False  # it would keep the longest sentence's memory for good
        try:
            self._encoder, self._decoder = (
                onnxruntime.InferenceSession(
                    str(folder / file), options, providers=["CPUExecutionProvider"]
                )
                for file in ("encoder_model.ort", "decoder_model_merged.ort")
            )
        except Exception as error:  # onnxruntime's errors share no public base
            raise VoiceError(f"{MOONSHINE.title} in {folder} cannot be used: {error}") from error
        self._pieces = sentencepieces(folder / "tokenizer.bin")
        self._any = Lexicon(Bias(), self._pieces, 0.0)
        self._bias = Bias()
        self._made: tuple[Lexicon, Menu] | None = None

    @property
    def name(self) -> str:
        """The engine and its model, for people."""
        return f"{MOONSHINE.title} (onnxruntime)"

    def bias(self, bias: Bias) -> None:
        """Expect these words; what follows from them is worked out when next somebody speaks."""
        if bias != self._bias:
            self._bias, self._made = bias, None

    def transcribe(self, samples: Samples) -> Sequence[Heard]:
        """What was said, the best reading first; nothing where it was no sentence."""
        if len(samples) < _SHORTEST or not samples.any():
            return ()
        settings = self._settings
        if self._made is None:
            bonus = settings.bonus_closed if self._bias.closed else settings.bonus
            lexicon = Lexicon(self._bias, self._pieces, bonus)
            self._made = (lexicon, Menu(self._bias))
        lexicon, menu = self._made
        sound = samples[:_LONGEST].astype(np.float32)[np.newaxis] / 32768
        hidden = self._encoder.run(
            None, {"input_values": sound, "attention_mask": np.ones(sound.shape, np.int64)}
        )[0]
        longest = 8 + int(_TOKENS_A_SECOND * sound.shape[1] / RATE)
        paths = self._paths(hidden, lexicon, settings.beam, longest)
        least = settings.min_score_closed if self._bias.closed else settings.min_score
        if not paths or paths[0].score < least:
            return ()
        known = words_of(self._bias)
        if is_loop(self._pieces.decode(paths[0].pieces)):
            return ()
        heard = distinct(
            Heard(numbers_as_known(reading(self._pieces.decode(path.pieces)), known), path.score)
            for path in paths
        )
        if not heard or heard[0].text not in menu:
            return ()
        return heard if self._is_likely(heard[0].score, hidden, longest) else ()

    def _is_likely(self, score: float, hidden: Floats, longest: int) -> bool:
        """Whether something was said, or what is expected was heard into a sound."""
        settings = self._settings
        if score >= settings.doubt:
            return True
        free = self._paths(hidden, self._any, 1, longest)
        closed = self._bias.closed
        least = settings.min_score_both_closed if closed else settings.min_score_both
        return bool(free) and (score + free[0].score) / 2 >= least

    def _paths(self, hidden: Floats, lexicon: Lexicon, beam: int, longest: int) -> Sequence[Spelt]:
        step = _Decoder(self._decoder, hidden).step
        return search(step, lexicon, begin=_BEGIN, end=_END, beam=beam, longest=longest)


class _Decoder:
    """The decoder over one utterance: keeps what each path has said so far."""

    def __init__(self, session: Any, hidden: Floats) -> None:
        self._session = session
        self._hidden = hidden
        self._outputs = [output.name for output in session.get_outputs()]
        self._own: dict[str, Floats] = {}
        self._sound: dict[str, Floats] = {}
        self._empty = [
            (item.name, np.zeros((1, item.shape[1], 0, item.shape[3]), np.float32))
            for item in session.get_inputs()
            if item.name.startswith("past_key_values")
        ]

    def step(self, rows: Sequence[int], last: Sequence[int]) -> Floats:
        """The scores of what follows each path; `rows` are their places in the last call."""
        first = not self._own
        paths = len(rows)
        if first:
            past = dict(self._empty)
        else:
            past = {name: kept[rows] for name, kept in self._own.items()}
            past |= {name: _repeated(kept, paths) for name, kept in self._sound.items()}
        results = self._session.run(
            self._outputs,
            {
                "input_ids": np.array(last, np.int64)[:, np.newaxis],
                "encoder_hidden_states": _repeated(self._hidden, paths),
                # Of the samples' mask every 384th counts; one that counts stands for all.
                "encoder_attention_mask": np.ones((paths, 1), np.int64),
                "use_cache_branch": np.array([not first]),
                **past,
            },
        )
        for name, found in zip(self._outputs[1:], results[1:], strict=True):
            kept = name.replace("present", "past_key_values")
            if ".decoder." in name:
                self._own[kept] = found
            elif first:  # later it is an empty stand-in
                self._sound[kept] = found
        logits: Floats = results[0]
        return logits[:, -1]


def _repeated(array: Floats, times: int) -> Floats:
    return array if len(array) == times else np.repeat(array[:1], times, axis=0)
