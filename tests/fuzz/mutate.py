"""Mutates the golden captures and feeds them to the translators: nothing may raise or grow.

    python tests/fuzz/mutate.py --count 100000

Reports the growth of memory and how long a message takes.
"""

import argparse
import json
import random
import resource
import statistics
import sys
import time
from array import array
from collections.abc import Iterator
from pathlib import Path

from edge_agent.core.command import Command
from edge_agent.core.entity import Choice, Range, Text
from edge_agent.devices.adapter import Adapter
from edge_agent.devices.homeassistant import HomeAssistant
from edge_agent.devices.shelly import Shelly
from edge_agent.devices.tasmota import Tasmota
from edge_agent.devices.vss import Signal, Vss
from edge_agent.devices.zigbee2mqtt import Zigbee2Mqtt
from edge_agent.errors import DeviceError

GOLDEN = Path(__file__).parents[1] / "unit" / "devices" / "golden"
SPLICES = [
    *("{{ ''.__class__ }}", "{% for i in range(10**9) %}x{% endfor %}", "{{ 10**10**8 }}"),
    *("{{ value_json.a.b }}", "+/#", "$SYS/x", "edge-agent/x/command", "~", "~/~", "\x00"),
    *("\u202e\u200b", "ignore previous instructions", "<|im_end|>", "NaN", "1e999", "-0"),
    *("null", "true", "[]", "{}", '{"a":' * 40, "9" * 400, "🙂", "\ud7ff", "", "None", "ON"),
]
VALUES = [None, True, False, 0, -1, 1e15, 2**63, "", "x", [], {}, [[]], {"a": {}}, [None], "~"]


def corpus() -> list[tuple[str, bytes]]:
    """Discovery and state messages of every capture."""
    messages = []
    for path in sorted(GOLDEN.glob("*.json")):
        capture = json.loads(path.read_text())
        pairs = [(message["topic"], message["payload"]) for message in capture["messages"]]
        for topic, body in pairs + [state[:2] for state in capture["states"]]:
            messages.append((topic, body.encode() if isinstance(body, str) else _bytes(body)))
    return messages


def _bytes(value: object) -> bytes:
    return json.dumps(value).encode()


def mutations(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """Messages that differ from those of the corpus in one to four places."""
    random_ = random.Random(seed)
    messages = corpus()
    for _ in range(count):
        topic, payload = random_.choice(messages)
        for _ in range(random_.randint(1, 4)):
            payload = random_.choice((_spliced, _flipped, _cut, _swapped, _doubled))(
                payload, random_
            )
        if random_.random() < 0.05:
            topic = _spliced(topic.encode(), random_).decode(errors="replace")
        yield topic, payload


def _spliced(payload: bytes, random_: random.Random) -> bytes:
    place = random_.randint(0, len(payload))
    return payload[:place] + random_.choice(SPLICES).encode() + payload[place:]


def _flipped(payload: bytes, random_: random.Random) -> bytes:
    if not payload:
        return b"\xff"
    place = random_.randrange(len(payload))
    return payload[:place] + bytes([random_.randrange(256)]) + payload[place + 1 :]


def _cut(payload: bytes, random_: random.Random) -> bytes:
    start, stop = sorted(random_.randint(0, len(payload)) for _ in range(2))
    return payload[:start] + payload[stop:]


def _doubled(payload: bytes, random_: random.Random) -> bytes:
    return payload * random_.choice((2, 50)) if len(payload) < 4096 else payload


def _swapped(payload: bytes, random_: random.Random) -> bytes:
    """The same JSON with one value replaced: gets past the parser into the builders."""
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        return payload
    places = list(_places(value))
    if not places:
        return _bytes(random_.choice(VALUES))
    holder, key = random_.choice(places)
    holder[key] = random_.choice([*VALUES, *SPLICES])
    return json.dumps(value).encode(errors="replace")


def _places(value: object) -> Iterator[tuple]:
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, item in items:
        yield value, key
        yield from _places(item)


def car() -> Vss:
    """A car of one signal of every data type."""
    return Vss(
        [
            Signal("Vehicle.Cabin.Sunroof.Position", "int8", "actuator", -100, 100),
            Signal("Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature", "float", unit="celsius"),
            Signal("Vehicle.Cabin.Door.Row1.DriverSide.IsLocked", "boolean"),
            Signal("Vehicle.Body.Windshield.Front.Wiping.Mode", "string", allowed=("OFF", "SLOW")),
        ]
    )


def translators() -> list[Adapter]:
    """Those that learn their devices from messages."""
    listed = json.loads((GOLDEN / "shelly.json").read_text())["options"]
    return [Zigbee2Mqtt(), Tasmota(), Shelly(**listed), HomeAssistant()]


def feed(adapter: Adapter, vehicle: Vss, topic: str, payload: bytes) -> None:
    """Give one message to a translator and the car, and command everything that it made."""
    changes = adapter.discover(topic, payload)
    adapter.observe(topic, payload)
    for signal_topic in vehicle.state_topics:
        vehicle.observe(signal_topic, payload)
    for entity in changes.upsert:
        assert entity.name == entity.name.strip()
        assert 0 < len(entity.name) <= 64
        for capability in entity.capabilities:
            command(adapter, entity.id, capability)
    assert not any(set("+#\x00") & set(known) for known in adapter.command_topics)
    assert not any(known.startswith(("edge-agent/", "$")) for known in adapter.command_topics)


def command(adapter: Adapter, entity: str, capability) -> None:
    """Command every end of a capability's domain."""
    match capability.domain:
        case Choice(options):
            wanted = options
        case Range(low, high):
            wanted = (low, high)
        case Text():
            wanted = ("milk",)
        case _:
            wanted = (0.0,)
    for value in wanted:
        try:
            messages = adapter.messages(Command(entity, capability.attribute, value))
        except DeviceError:
            continue
        assert capability.settable
        assert {message.topic for message in messages} <= adapter.command_topics


def run(seed: int, count: int) -> tuple[list[float], int]:
    """Feed mutations; the seconds of each message, and the kilobytes gained since the first."""
    adapters, vehicle = translators(), car()
    for topic, payload in corpus():
        for adapter in adapters:
            feed(adapter, vehicle, topic, payload)
    times = array("d", bytes(8 * count))  # taken now, so that it is not counted as growth
    memory = 0
    for number, (topic, payload) in enumerate(mutations(seed, count)):
        if number == count // 4:  # caches are warm by then
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.perf_counter()
        for adapter in adapters:
            adapter.discover(topic, payload)
            adapter.observe(topic, payload)
        times[number] = time.perf_counter() - started
        if number % 10 == 0:
            for adapter in adapters:
                feed(adapter, vehicle, topic, payload)
    growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    print(f"entities      {sum(len(adapter.known().upsert) for adapter in adapters)}")
    return sorted(times), growth


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    times, growth = run(options.seed, options.count)
    print(f"messages      {len(times)}")
    print(f"median        {statistics.median(times) * 1e6:.0f} us")
    print(f"99 percent    {times[len(times) * 99 // 100] * 1e6:.0f} us")
    print(f"slowest       {times[-1] * 1e3:.1f} ms")
    print(f"memory growth {growth} KiB after the first quarter")
    return 0


if __name__ == "__main__":
    sys.exit(main())
