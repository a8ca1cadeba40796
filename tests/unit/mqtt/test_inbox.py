import asyncio
import threading
from dataclasses import replace

import pytest

from edge_agent.mqtt.inbox import Inbox, InboxLimits
from edge_agent.mqtt.message import Lane, Message


def message(lane: Lane, topic: str = "t", payload: bytes = b"", **values) -> Message:
    fields = {"retain": False, "qos": 0, "received": 0.0, **values}
    return Message(topic=topic, payload=payload, lane=lane, **fields)


def request(payload: bytes, **values) -> Message:
    return message(Lane.REQUEST, "command", payload, **values)


def drain(inbox: Inbox, *lanes: Lane) -> list[Message]:
    """Return what waits, one message at a time."""

    async def read() -> list[Message]:
        taken = []
        while sum(
            depth for lane, depth in inbox.stats().depth.items() if lane in lanes or not lanes
        ):
            taken.append(await inbox.get(*lanes))
        return taken

    return asyncio.run(read())


def payloads(messages: list[Message]) -> list[bytes]:
    return [one.payload for one in messages]


def test_state_keeps_the_newest_of_each_topic_in_place():
    inbox = Inbox()
    for number, topic in enumerate(["a", "b", "a", "c", "a"]):
        inbox.put(message(Lane.STATE, topic, b"%d" % number))
    assert [(m.topic, m.payload) for m in drain(inbox)] == [("a", b"4"), ("b", b"1"), ("c", b"3")]
    assert inbox.stats().dropped == {"superseded": 2}


def test_state_drops_the_oldest_topic_when_full():
    inbox = Inbox(limits=InboxLimits(state_topics=2))
    for topic in "abc":
        inbox.put(message(Lane.STATE, topic))
    assert [m.topic for m in drain(inbox)] == ["b", "c"]
    assert inbox.stats().dropped == {"state overflow": 1}


def test_state_is_bounded_in_bytes_too():
    inbox = Inbox(limits=InboxLimits(state_bytes=200_000))
    for number in range(50):
        inbox.put(message(Lane.STATE, f"{number}", bytes(60_000)))
    assert [m.topic for m in drain(inbox)] == ["47", "48", "49"]
    assert inbox.stats().dropped == {"state overflow": 47}
    inbox.put(message(Lane.STATE, "later", bytes(60_000)))
    assert inbox.stats().depth[Lane.STATE] == 1


def test_newest_request_is_rejected_as_busy_and_waits_for_its_answer():
    inbox = Inbox(limits=InboxLimits(requests=2))
    for number in range(4):
        inbox.put(request(b"%d" % number))
    assert payloads(drain(inbox, Lane.REQUEST)) == [b"0", b"1"]
    rejected = drain(inbox, Lane.REJECTED)
    assert payloads(rejected) == [b"2", b"3"]
    assert {m.rejection for m in rejected} == {"busy"}
    assert inbox.stats().dropped == {"busy": 2}


def test_urgent_request_overtakes_and_finds_room_in_a_flood():
    inbox = Inbox(urgent=lambda m: m.payload == b"stop", limits=InboxLimits(requests=2))
    for number in range(5):
        inbox.put(request(b"%d" % number))
    inbox.put(request(b"stop"))
    first = asyncio.run(inbox.get())
    assert (first.payload, first.lane) == (b"stop", Lane.URGENT)


def test_flood_of_urgent_requests_is_bounded():
    inbox = Inbox(urgent=lambda m: True, limits=InboxLimits(urgent=3, rejected=2))
    for number in range(10):
        inbox.put(request(b"%d" % number))
    assert payloads(drain(inbox, Lane.URGENT)) == [b"0", b"1", b"2"]
    assert payloads(drain(inbox, Lane.REJECTED)) == [b"8", b"9"]
    assert inbox.stats().dropped == {"busy": 7, "rejected overflow": 5}


def test_predicate_that_fails_does_not_cost_the_request():
    inbox = Inbox(urgent=lambda m: bool(1 / 0))
    inbox.put(request(b"lights on"))
    assert asyncio.run(inbox.get()).lane is Lane.REQUEST


def test_retained_request_is_dropped():
    inbox = Inbox(urgent=lambda m: True)
    inbox.put(request(b"unlock", retain=True))
    assert drain(inbox) == []
    assert inbox.stats().dropped == {"retained request": 1}


@pytest.mark.parametrize(
    ("lane", "longest"), [(Lane.STATE, 64 * 1024), (Lane.DISCOVERY, 1024 * 1024)]
)
def test_payload_over_the_limit_is_dropped(lane, longest):
    inbox = Inbox()
    inbox.put(message(lane, "fits", bytes(longest)))
    inbox.put(message(lane, "long", bytes(longest + 1)))
    assert [m.topic for m in drain(inbox)] == ["fits"]
    assert inbox.stats().dropped == {"too large": 1}


def test_request_over_the_limit_is_answered_without_its_payload():
    inbox = Inbox(urgent=lambda m: True)
    inbox.put(request(bytes(64 * 1024 + 1), correlation=b"7"))
    (rejected,) = drain(inbox)
    assert (rejected.lane, rejected.rejection) == (Lane.REJECTED, "too large")
    assert (rejected.payload, rejected.correlation) == (b"", b"7")


def test_one_reader_of_everything_starves_neither_requests_nor_state():
    inbox = Inbox()
    for number in range(3):
        inbox.put(request(b"r%d" % number))
        inbox.put(message(Lane.STATE, f"s{number}", b"s%d" % number))
    assert payloads(drain(inbox)) == [b"r0", b"s0", b"r1", b"s1", b"r2", b"s2"]


def test_batch_is_bounded_and_in_order_of_lanes():
    inbox = Inbox()
    for number in range(5):
        inbox.put(message(Lane.STATE, f"s{number}"))
        inbox.put(message(Lane.DISCOVERY, f"d{number}"))
    batch = asyncio.run(inbox.get_many(Lane.DISCOVERY, Lane.STATE, most=7))
    assert [m.topic for m in batch] == ["d0", "d1", "d2", "d3", "d4", "s0", "s1"]


def test_waiting_reader_is_woken_from_another_thread():
    inbox = Inbox()

    async def read() -> Message:
        reader = asyncio.create_task(inbox.get(Lane.REQUEST))
        await asyncio.sleep(0.01)
        thread = threading.Thread(target=inbox.put, args=(request(b"x"),))
        thread.start()
        result = await asyncio.wait_for(reader, 5)
        thread.join()
        return result

    for _ in range(2):  # each run has a loop of its own
        assert asyncio.run(read()).payload == b"x"


def test_reader_of_one_lane_sleeps_through_the_others():
    inbox = Inbox()

    async def read() -> tuple[bool, Message]:
        reader = asyncio.create_task(inbox.get(Lane.REQUEST))
        await asyncio.sleep(0)
        inbox.put(message(Lane.STATE))
        await asyncio.sleep(0.01)
        asleep = not reader.done()
        inbox.put(request(b"x"))
        return asleep, await asyncio.wait_for(reader, 5)

    asleep, got = asyncio.run(read())
    assert asleep
    assert got.payload == b"x"


def test_flood_wakes_the_loop_once_not_once_a_message():
    inbox = Inbox()

    async def read() -> int:
        loop = asyncio.get_running_loop()
        wakes = 0
        threadsafe = loop.call_soon_threadsafe

        def counting(*arguments):
            nonlocal wakes
            wakes += 1
            return threadsafe(*arguments)

        loop.call_soon_threadsafe = counting
        reader = asyncio.create_task(inbox.get_many(Lane.STATE, most=1000))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for number in range(1000):
            inbox.put(message(Lane.STATE, f"{number}"))
        assert len(await reader) == 1000
        return wakes

    assert asyncio.run(read()) == 1


def test_flooded_reader_lets_the_other_tasks_run():
    inbox = Inbox()

    async def flood() -> int:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticker = asyncio.create_task(tick())
        for _ in range(100):
            inbox.put(message(Lane.STATE))
            await inbox.get()
        ticker.cancel()
        return ticks

    assert asyncio.run(flood()) >= 99


def test_cancelled_reader_loses_no_message():
    inbox = Inbox()

    async def read() -> Message:
        reader = asyncio.create_task(inbox.get())
        await asyncio.sleep(0.01)
        reader.cancel()
        inbox.put(request(b"kept"))
        await asyncio.gather(reader, return_exceptions=True)
        return await asyncio.wait_for(inbox.get(), 5)

    assert asyncio.run(read()).payload == b"kept"


def test_counters_add_up_under_threads():
    inbox = Inbox(limits=InboxLimits(requests=10, rejected=10, state_topics=10))

    def flood(name: int) -> None:
        for number in range(500):
            inbox.put(message(Lane.STATE, f"{name}/{number % 20}"))
            inbox.put(replace(request(b"x"), topic=f"{name}"))

    threads = [threading.Thread(target=flood, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stats = inbox.stats()
    assert stats.received == {Lane.STATE: 2000, Lane.REQUEST: 2000}
    states = stats.dropped.get("superseded", 0) + stats.dropped["state overflow"]
    assert states + stats.depth[Lane.STATE] == 2000
    assert stats.dropped["busy"] + stats.depth[Lane.REQUEST] == 2000
    assert stats.dropped["rejected overflow"] == stats.dropped["busy"] - 10
