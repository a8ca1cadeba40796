import asyncio
import threading

import pytest

from edge_agent.errors import ModelError
from edge_agent.service.notify import Watchdog
from edge_agent.service.worker import Worker


def test_there_is_a_reason_while_there_is_no_model(make_rig):
    worker = make_rig().worker
    assert worker.problem == "the language model is still loading"
    with pytest.raises(ModelError, match="still loading"):
        asyncio.run(worker.read("hello", None, None, lambda: False))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModelError("x.gguf: is damaged"), "no language model: x.gguf: is damaged"),
        (ZeroDivisionError("oops"), "no language model: ZeroDivisionError('oops')"),
    ],
)
def test_model_that_cannot_be_loaded_leaves_its_reason(error, said):
    def fail():
        raise error

    worker = Worker(fail, Watchdog(1.0, lambda: 0.0))
    asyncio.run(worker.start())
    assert worker.model is None
    assert worker.problem == said


def test_sentence_is_read_beside_the_loop_and_watched_meanwhile(make_rig):
    rig = make_rig({"sofa lamp on": "turn on sofa lamp"})
    entered, go_on = threading.Event(), threading.Event()

    def wait(sentence):
        if sentence == "sofa lamp on":
            entered.set()
            assert go_on.wait(5)

    rig.model.before = wait

    async def play():
        registry = rig.devices.registry
        reading = asyncio.ensure_future(
            rig.worker.read("sofa lamp on", registry, None, lambda: False)
        )
        while not entered.is_set():
            await asyncio.sleep(0.001)
        rig.clock.now += 61
        stuck = rig.worker._watchdog.stuck()
        go_on.set()
        return stuck, (await reading).said, rig.worker._watchdog.stuck()

    assert rig.run(play) == (("decode",), "turn on sofa lamp", ())


def test_vocabulary_follows_the_registry(make_rig):
    rig = make_rig({"sofa lamp on": "turn on sofa lamp"})

    async def play():
        before = await rig.worker.read("sofa lamp on", rig.devices.registry, None, lambda: False)
        smaller = type(rig.devices.registry)()
        after = await rig.worker.read("sofa lamp on", smaller, None, lambda: False)
        return before.said, after.said

    assert rig.run(play) == ("turn on sofa lamp", "")
