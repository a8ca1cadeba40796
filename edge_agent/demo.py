"""The product in a box: broker, simulated home and car, and the real agent, with nothing set up.

Shows for each sentence what was understood, what was sent, what the device answered and what is
said about it.
"""

import json
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent.background import AgentThread
from edge_agent.config_files import find_config
from edge_agent.mqtt.requester import Requester
from edge_agent.service.logs import configure_logs
from edge_agent.sim.broker import EmbeddedBroker
from edge_agent.sim.car import HEARTBEAT, load_car
from edge_agent.sim.home import load_home
from edge_agent.sim.world import World

EXAMPLES = (
    "turn on the kitchen light",
    "lock the front door",
    "is the garage door open?",
    "open the driver window",
)

_CONFIG = "car-head-unit.yaml"
_SETTLE = 3.0  # seconds in which the last devices announce themselves


@dataclass(frozen=True, slots=True)
class Seen:
    """What happened around one sentence."""

    response: dict[str, Any]
    understood: str
    messages: Sequence[tuple[str, str]]
    """Topic and payload of what was sent to devices."""
    changes: Sequence[tuple[str, str, object, object]]
    """Device, attribute, before and after."""
    milliseconds: float
    """From the command's sending to the device message; to the response where there is none."""


def demo(*, say: str | None, area: str | None, as_json: bool, overrides: Sequence[str] = ()) -> int:
    """Run the demo; returns its exit code.

    Args:
        say: One sentence; without it examples are shown, then sentences are read from a person.
        area: The speaker's room or zone.
        as_json: One JSON object a sentence instead of text.
        overrides: `key=value` for the configuration.

    Returns:
        With `say`, 0 only if a simulated device changed, 1 otherwise.
    """
    logging.getLogger("amqtt").setLevel(logging.CRITICAL)
    configure_logs("error", journal=False)
    _note("starting broker, home, car and agent; the first time it compiles the model for a while")
    with (
        EmbeddedBroker() as broker,
        World(broker.url, [*load_home(), *load_car()], heartbeat=HEARTBEAT) as world,
        AgentThread(
            find_config(_CONFIG, Path.cwd()),
            # The embedded broker speaks 3.1.1 only, and is silent about it.
            [f"mqtt.url={broker.url}", "mqtt.protocol=3.1.1", "agent.id=demo", *overrides],
        ) as agent,
        agent.requester as client,
    ):
        talk = _Talk(client, world, area, as_json=as_json)
        if say is not None:
            return 0 if talk.say(say).changes else 1
        count = len(client.control("devices")["devices"])
        _note(f"ready: {count} devices. For example:")
        for sentence in EXAMPLES:
            talk.say(sentence)
        _note("now it is your turn; an empty line ends the demo")
        _converse(talk)
    return 0


def _converse(talk: "_Talk") -> None:
    while True:
        if sys.stdin.isatty():
            sys.stdout.write("> ")
            sys.stdout.flush()
        line = sys.stdin.readline().strip()
        if not line:
            return
        talk.say(line)


class _Talk:
    """Says sentences and shows what happens."""

    def __init__(self, client: Requester, world: World, area: str | None, *, as_json: bool) -> None:
        self._client = client
        self._world = world
        self._area = area
        self._as_json = as_json
        # One conversation: "the bedroom one" answers the question before it.
        self._conversation = f"demo-{time.time_ns()}"

    def say(self, sentence: str) -> Seen:
        """Say a sentence and show what came of it."""
        mark, started = self._world.mark(), time.monotonic()
        response = self._client.ask(sentence, area=self._area, conversation_id=self._conversation)
        ended = time.monotonic()
        if response["calls"]:
            # A device that moves slowly may still be on its way.
            self._world.wait(lambda world: bool(world.changes(mark)), _SETTLE)
        entries = [entry for entry in self._world.log if entry.time >= started]
        commanded = {entry.device for entry in entries}
        seen = Seen(
            response,
            next(
                (
                    event["meaning"]
                    for event in self._client.events(response["id"])
                    if event["event"] == "decided"
                ),
                "",
            ),
            [(entry.topic, entry.payload) for entry in entries],
            [
                (change.device, change.attribute, change.old, change.new)
                for change in self._world.changes(mark)
                if change.device in commanded
            ],
            ((entries[0].time if entries else ended) - started) * 1e3,
        )
        if self._as_json:
            sys.stdout.write(json.dumps(_as_dict(sentence, seen)) + "\n")
        else:
            sys.stdout.write(_as_text(sentence, seen))
        sys.stdout.flush()
        return seen


def _note(text: str) -> None:
    sys.stderr.write(f"demo: {text}\n")
    sys.stderr.flush()


def _as_dict(sentence: str, seen: Seen) -> dict[str, Any]:
    return {
        "said": sentence,
        "understood": seen.understood,
        "messages": seen.messages,
        "changes": seen.changes,
        "milliseconds": round(seen.milliseconds, 1),
        "response": seen.response,
    }


def _as_text(sentence: str, seen: Seen) -> str:
    response = seen.response
    lines = ["", f"  you         {sentence}"]
    if seen.understood:
        lines.append(f"  understood  {seen.understood}   ({response['confidence']:.0%} sure)")
    lines += [f"  sent        {topic}  {payload}" for topic, payload in seen.messages]
    lines += [
        f"  device      {device}: {attribute} {old} -> {new}"
        for device, attribute, old, new in seen.changes
    ]
    lines.append(f"  answer      {response['text']}   [{response['status']}]")
    what = "to the device" if seen.messages else "to the answer"
    lines.append(f"  time        {seen.milliseconds:.0f} ms {what}")
    return "\n".join(lines) + "\n"
