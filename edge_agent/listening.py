"""`edge-agent listen` and `say`: the voice tried by hand, on a recording or at the microphone.

What is said is only looked at unless it is to be carried out; the agent that looks is one of its
own beside the daemon, so that a running one is not disturbed.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from edge_agent.app import App
from edge_agent.background import AgentThread
from edge_agent.config import Config, load_config
from edge_agent.errors import VoiceError
from edge_agent.hearing import Hearing, Mind, answer_of, recogniser_of, speaker_of, speech_of
from edge_agent.service.response import Reply
from edge_agent.voice.audio import Audio
from edge_agent.voice.level import dbfs, meter
from edge_agent.voice.listener import Listener, Observer
from edge_agent.voice.microphone import Microphone
from edge_agent.voice.ports import RATE, Heard, Samples, Source
from edge_agent.voice.recording import read_wav, write_wav
from edge_agent.voice.speaker import Speaker
from edge_agent.voice.vad import make_vad, speech_in

_SETTLED = 0.7
"""Seconds without a new device after which all are taken to be known,"""
_LONGEST = 5.0
"""and seconds after which it goes on in any case."""


@dataclass(frozen=True, slots=True)
class Listened:
    """What came of one utterance."""

    readings: Sequence[Heard]
    reply: Reply | None
    """None where nothing was heard."""
    recognise_ms: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON, in the words of the contract."""
        found: dict[str, Any] = {
            "heard": [{"text": one.text, "score": round(one.score, 3)} for one in self.readings],
            "recognise_ms": round(self.recognise_ms, 1),
        }
        if self.reply is not None:
            found |= {
                "status": self.reply.status.value,
                "text": self.reply.text,
                "calls": [msgspec.structs.asdict(call) for call in self.reply.calls],
                "confidence": round(self.reply.confidence, 4),
                "understand_ms": round(self.reply.understand_ms, 1),
            }
            if self.reply.reason is not None:
                found["reason"] = self.reply.reason
        return found

    def lines(self) -> list[str]:
        """For a person."""
        if self.reply is None:
            return ["heard       nothing that is a sentence"]
        first, *others = self.readings
        lines = [f"heard       {first.text}  ({first.score:.2f})"]
        lines += [f"or          {one.text}  ({one.score:.2f})" for one in others]
        for call in self.reply.calls:
            values = ", ".join(str(value) for value in call.params.values())
            lines.append(f"{call.outcome:<11} {call.name}: {call.action} {values}".rstrip())
        return [*lines, f"{self.reply.status.value:<11} {self.reply.text}"]


def listen_to_recording(
    path: Path, overrides: Sequence[str], wav: Path, *, execute: bool, as_json: bool
) -> bool:
    """What is heard in a recording, and what would be done; whether it was understood.

    Raises:
        EdgeAgentError: The recording, the configuration or an engine cannot be used.
    """
    samples = speech_in(read_wav(wav), make_vad())
    config = load_config(path, overrides)
    with AgentThread(path, _aside(config, overrides)) as agent:
        app = _app_with_devices(agent)
        recogniser = recogniser_of(config, lambda: app.devices.registry)
        began = time.monotonic()
        readings = recogniser.transcribe(samples) if samples.size else ()
        found = Listened(readings, None, (time.monotonic() - began) * 1e3)
        if readings:
            mind = Mind(config, app.agent, app.loop, dry_run=not execute)
            found = replace(found, reply=mind.submit([one.text for one in readings]).result())
    _tell(found, as_json=as_json)
    return found.reply is not None and answer_of(found.reply).understood


def _aside(config: Config, overrides: Sequence[str]) -> list[str]:
    """Another agent than the one that may be running."""
    return [*overrides, f"agent.id={config.node}-listen-{os.getpid()}", "voice.enabled=false"]


def _app_with_devices(agent: AgentThread) -> App:
    """The daemon of a thread, once it knows its devices."""
    app = agent.app
    assert app is not None  # noqa: S101 - inside its context
    if not app.link.connected:
        return app
    began = last = time.monotonic()
    count = len(app.devices.registry.entities)
    while (now := time.monotonic()) - last < _SETTLED and now - began < _LONGEST:
        time.sleep(0.05)
        if len(app.devices.registry.entities) != count:
            count, last = len(app.devices.registry.entities), time.monotonic()
    return app


def say(path: Path, overrides: Sequence[str], text: str, wav: Path | None) -> float:
    """Speaks a text, or writes it as a recording; the seconds that it lasts.

    Raises:
        EdgeAgentError: The engine or the speaker cannot be used.
    """
    config = load_config(path, overrides)
    speech = speech_of(config)
    if speech is None:
        raise VoiceError("voice.speech.engine is none: nothing speaks; legal: espeak, piper")
    if wav is None and not config.voice.has_speaker:
        raise VoiceError("voice.speaker is none: take --wav FILE, or name a speaker")
    samples = speech.synthesise(text)
    if wav is not None:
        write_wav(wav, samples)
    else:
        Speaker(Audio.system(), config.voice.speaker).play(samples)
    return len(samples) / RATE


class _Metered:
    """A source that shows how loud it is."""

    def __init__(self, source: Source, show: Callable[[float], None]) -> None:
        self._source = source
        self._show = show

    def read(self) -> Samples | None:
        block = self._source.read()
        if block is not None:
            self._show(dbfs(block))
        return block

    def close(self) -> None:
        self._source.close()


def listen_live(path: Path, overrides: Sequence[str], *, execute: bool, as_json: bool) -> None:
    """Listens at the microphone as the daemon does, and tells what it hears, until Ctrl-C.

    Raises:
        EdgeAgentError: The configuration or an engine cannot be used.
    """
    config = load_config(path, overrides)
    state = ["asleep"]

    def show(level: float) -> None:
        if sys.stderr.isatty():
            print(f"\r{meter(level)} {state[0]:<10}", end="", file=sys.stderr, flush=True)

    with AgentThread(path, _aside(config, overrides)) as agent:
        app = _app_with_devices(agent)
        audio = Audio.system()
        microphone = Microphone(audio, config.voice.microphone).open()
        hearing = Hearing(config, app.agent, lambda: app.devices.registry)
        stages = hearing.stages(_Metered(microphone, show), speaker_of(config, audio))
        spent = [0.0]

        def told(readings: Sequence[Heard], reply: Reply) -> None:
            _tell(Listened(readings, reply, spent[0] * 1e3), as_json=as_json)

        mind = Mind(config, app.agent, app.loop, dry_run=not execute, told=told)

        def heard(readings: Sequence[Heard], seconds: float) -> None:
            spent[0] = seconds
            if not readings:
                _tell(Listened((), None, seconds * 1e3), as_json=as_json)

        def failed(stage: str, problem: str | None) -> None:
            if problem is not None:
                print(f"{stage}: {problem}", file=sys.stderr)

        observer = Observer(
            woken=lambda name: print(f"woken       {name}", file=sys.stderr),
            heard=heard,
            failed=failed,
        )
        listener = Listener(stages, hearing.settings(), mind.ask, mind.call_off, observer)
        thread = threading.Thread(target=listener.run, name="voice", daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                state[0] = listener.state
                thread.join(0.1)
        finally:
            listener.close()


def _tell(found: Listened, *, as_json: bool) -> None:
    print(json.dumps(found.as_dict()) if as_json else "\n".join(found.lines()), flush=True)
