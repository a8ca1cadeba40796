import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_agent.errors import ModelError
from edge_agent.slm.decode import Decoder
from edge_agent.slm.fused.cells import Kind, pack
from edge_agent.slm.fused.kept import read_kept, write_kept
from edge_agent.slm.fused.pool import physical_cores
from edge_agent.slm.gguf import GgmlType, GgufTensor
from edge_agent.slm.llama import float_rows
from edge_agent.slm.model import Backend, Model, load_model
from edge_agent.slm.step import Step

PROMPT = [1, 40, 5, 77, 200, 13, 13, 90]
KINDS = [(0, True), (1, False), (2, True), (3, False), (8, True)]


def cosine(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    return (one * other).sum(-1) / lengths


@pytest.fixture
def make(tmp_path: Path, tiny: Callable) -> Callable[..., tuple[Model, object]]:
    def load(
        kind: int = 2, *, tied: bool = True, backend: Backend = "fused", threads: int = 2
    ) -> tuple[Model, object]:
        raw, reference = tiny(kind, tied=tied)
        path = tmp_path / f"tiny-{kind}.gguf"
        path.write_bytes(raw)
        folder = tmp_path / "cache"
        model = load_model(path, n_ctx=200, backend=backend, threads=threads, folder=folder)
        return model, reference

    return load


def whole(network: Step, tokens: list[int]) -> np.ndarray:
    count = len(tokens)
    mask = np.tri(count, dtype=bool)
    return network.step(tokens, range(count), mask, 0, range(count)).copy()


@pytest.mark.parametrize(("kind", "tied"), KINDS)
@pytest.mark.parametrize("count", [1, 2, 3, 4, 8, 13, 64])
def test_logits_equal_a_float_reference(make: Callable, kind: int, tied: bool, count: int) -> None:
    model, reference = make(kind, tied=tied)
    tokens = [int(token) for token in np.random.default_rng(count).integers(0, 250, count)]
    found, expected = whole(model.network, tokens), reference.logits(tokens)
    # Random weights show rounding most. A few tokens are rounded to 16 bits, many in part to 8, and
    # weights that are floats in the file (kinds 0 and 1) to 8.
    least, most = (0.99999, 0.005) if count <= 4 and kind > 1 else (0.995, 0.06)
    assert cosine(found, expected).min() > least
    assert np.abs(found - expected).max() < most * np.abs(expected).max()


def test_tokens_one_by_one_equal_all_at_once(make: Callable) -> None:
    network = make()[0].network
    at_once = whole(network, PROMPT)
    for at, token in enumerate(PROMPT):
        (line,) = network.step([token], [at], np.ones((1, at + 1), bool), at, [0])
        assert cosine(line, at_once[at]) > 0.999  # alone it is rounded less


def test_a_branch_sees_its_own_tokens_alone(make: Callable) -> None:
    network = make()[0].network
    one, other = whole(network, [*PROMPT, 60, 61]), whole(network, [*PROMPT, 70, 71])
    count = len(PROMPT)
    whole(network, PROMPT)
    # Two branches side by side: 60 and 70 stand at the same place, and so do 61 and 71.
    mask = np.zeros((4, count + 4), bool)
    mask[:, :count] = True
    for row, seen in enumerate([(0,), (1,), (0, 2), (1, 3)]):
        mask[row, [count + slot for slot in seen]] = True
    places = [count, count, count + 1, count + 1]
    found = network.step([60, 70, 61, 71], places, mask, count, [2, 3])
    assert cosine(found[0], one[-1]) > 0.999
    assert cosine(found[1], other[-1]) > 0.999
    assert cosine(found[0], other[-1]) < 0.999


def test_only_the_wanted_rows_are_computed(make: Callable) -> None:
    network = make()[0].network
    count = len(PROMPT)
    every = whole(network, PROMPT)
    mask = np.tri(count, dtype=bool)
    some = network.step(PROMPT, range(count), mask, 0, [5, 2])
    np.testing.assert_array_equal(some, every[[5, 2]])
    assert network.step(PROMPT, range(count), mask, 0, []).shape == (0, network.vocab_size)


@pytest.mark.parametrize("threads", [1, 2, 3, 9])
def test_any_number_of_threads_computes_the_same(make: Callable, threads: int) -> None:
    expected = whole(make(threads=1)[0].network, PROMPT)
    network = make(threads=threads)[0].network
    for _ in range(50):
        np.testing.assert_array_equal(whole(network, PROMPT), expected)


def test_another_thread_computes_the_same(make: Callable) -> None:
    network = make()[0].network
    found: list[np.ndarray] = []
    thread = threading.Thread(target=lambda: found.append(whole(network, PROMPT)))
    thread.start()
    thread.join()
    np.testing.assert_array_equal(found[0], whole(network, PROMPT))


def workers() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name.startswith("edge-agent-")]


def test_threads_end_with_the_network(make: Callable) -> None:
    before = len(workers())
    model, _ = make(threads=4)
    assert len(workers()) == before + 3
    whole(model.network, PROMPT)
    del model
    assert len(workers()) == before


def test_idle_threads_use_no_processor(make: Callable) -> None:
    model, _ = make(threads=4)
    whole(model.network, PROMPT)
    time.sleep(0.1)
    began = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - began < 0.05
    whole(model.network, PROMPT)


def test_a_forked_process_goes_on_alone(tmp_path: Path, tiny: Callable) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(tiny(2)[0])
    program = """
import os, sys
from pathlib import Path
from edge_agent.slm.model import load_model
model = load_model(Path(sys.argv[1]), n_ctx=64, backend="fused", threads=3)
generate = lambda: model.decoder().generate([1, 40, 5], max_tokens=8)
expected = generate()
if child := os.fork():
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert generate() == expected
    print("both")
else:
    assert generate() == expected
"""
    command = [sys.executable, "-W", "ignore", "-c", program, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.returncode) == ("both\n", 0), done.stderr


@pytest.fixture
def busy(tmp_path: Path, tiny: Callable) -> Iterator[subprocess.Popen[str]]:
    """A process that says a line after every hundred steps."""
    path = tmp_path / "tiny.gguf"
    path.write_bytes(tiny(2)[0])
    program = """
import sys
from pathlib import Path
from edge_agent.slm.model import load_model
decoder = load_model(Path(sys.argv[1]), n_ctx=200, backend="fused", threads=4).decoder()
while True:
    print(decoder.generate([1, 40, 5], max_tokens=100)[:3], flush=True)
"""
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_a_stopped_process_goes_on(busy: subprocess.Popen[str]) -> None:
    assert busy.stdout is not None
    first = busy.stdout.readline()
    for _ in range(3):
        os.kill(busy.pid, signal.SIGSTOP)
        time.sleep(0.05)
        os.kill(busy.pid, signal.SIGCONT)
        assert busy.stdout.readline() == first


def test_packed_weights_are_kept_and_made_anew_when_damaged(make: Callable, tmp_path: Path) -> None:
    expected = whole(make()[0].network, PROMPT)
    (kept,) = (tmp_path / "cache").iterdir()
    good = kept.read_bytes()
    for damage in (good[:5000] + b"\xff" + good[5001:], good[:-1], b"", b"x" * len(good)):
        kept.unlink()
        kept.write_bytes(damage)
        np.testing.assert_array_equal(whole(make()[0].network, PROMPT), expected)
        assert kept.read_bytes() == good
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]


def test_a_beginning_is_kept_over_a_restart(make: Callable, tmp_path: Path) -> None:
    prefix = [int(token) for token in np.random.default_rng(3).integers(0, 250, 70)]
    first = make()[0].decoder()
    first.hold(prefix)
    expected = first.generate([*prefix, 5], max_tokens=12)
    model, _ = make()
    assert model.network.recall(prefix)
    assert not model.network.recall(prefix[:-1])
    second = model.decoder()
    second.hold(prefix)
    assert second.stats.steps == 0
    assert second.generate([*prefix, 5], max_tokens=12) == expected
    assert second.stats.cached_tokens == len(prefix)
    (kept,) = (tmp_path / "cache").glob("*.prefix")
    kept.write_bytes(kept.read_bytes()[:-1] + b"\xff")  # a damaged one is computed anew
    third = make()[0].decoder()
    third.hold(prefix)
    assert third.stats.steps > 0
    assert third.generate([*prefix, 5], max_tokens=12) == expected


def test_the_packed_weights_of_many_models_make_room(tmp_path: Path) -> None:
    body = np.arange(64, dtype=np.uint8)
    for number in range(7):
        path = tmp_path / f"{number}.cells"
        write_kept(path, bytes(32), body)
        os.utime(path, (number, number))
        read_kept(tmp_path / "0.cells", bytes(32), 64)  # the first one is used all the time
    assert sorted(path.name[0] for path in tmp_path.iterdir()) == ["0", "4", "5", "6"]


def test_a_cache_that_cannot_be_written_costs_a_remark(tmp_path: Path, tiny: Callable) -> None:
    path = tmp_path / "tiny.gguf"
    raw, reference = tiny(2)
    path.write_bytes(raw)
    (tmp_path / "file").write_text("no folder")
    model = load_model(path, n_ctx=64, backend="fused", folder=tmp_path / "file")
    assert model.remark is not None
    assert "cannot be written" in model.remark
    assert cosine(whole(model.network, PROMPT), reference.logits(PROMPT)).min() > 0.995


def test_auto_takes_the_fused_step_and_says_which_processor(make: Callable) -> None:
    model, _ = make(backend="auto")
    assert model.engine.startswith("fused (")
    assert model.remark is None


def test_without_a_compiler_auto_says_why_it_is_slow(
    make: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise ModelError("clang is missing")

    monkeypatch.setattr("edge_agent.slm.fused.network.load_program", refuse)
    model, reference = make(backend="auto")
    assert model.engine == "tensor (CPU)"
    assert model.remark == "the fast engine cannot be had: clang is missing"
    assert cosine(whole(model.network, PROMPT), reference.logits(PROMPT)).min() > 0.995
    with pytest.raises(ModelError, match="clang is missing"):
        make(backend="fused")


def test_a_compiler_is_needed_once(tmp_path: Path, tiny: Callable) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(tiny(2)[0])
    program = """
import sys
from pathlib import Path
from edge_agent.errors import ModelError
from edge_agent.slm.model import load_model
try:
    model = load_model(Path(sys.argv[1]), n_ctx=200, threads=1)
    print(model.engine[:7], model.decoder().generate([1, 40, 5], max_tokens=5))
except ModelError as error:
    print(error)
"""

    def run(cache: str, tools: str) -> str:
        places = {"CACHEDB": str(tmp_path / cache), "XDG_CACHE_HOME": str(tmp_path), "PATH": tools}
        command = [sys.executable, "-W", "ignore", "-c", program, str(path)]
        places |= {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
        return subprocess.check_output(command, text=True, timeout=120, env=places)

    with_compiler = run("kernels.db", os.environ["PATH"])
    assert with_compiler.startswith("fused (")
    assert run("kernels.db", str(tmp_path)) == with_compiler
    assert "clang is missing" in run("none.db", str(tmp_path))


@pytest.mark.parametrize(("count", "start"), [(0, 0), (65, 0), (4, 197)])
def test_a_step_that_does_not_fit_is_refused(make: Callable, count: int, start: int) -> None:
    mask = np.ones((count, start + count), bool)
    with pytest.raises(ModelError, match="legal are 1 to 64 tokens that end by slot 200"):
        make()[0].network.step([1] * count, range(count), mask, start, [])


@pytest.mark.parametrize("kind", [Kind.Q4_0, Kind.Q4_1])
def test_cells_hold_exactly_the_weights_of_the_file(kind: Kind) -> None:
    random = np.random.default_rng(5)
    raw = random.integers(0, 256, (32, 2, 18), dtype=np.uint8)
    raw[:, :, :2] = random.uniform(0.01, 0.1, (32, 2, 1)).astype("<f2").view(np.uint8)
    tensor = GgufTensor("some", (32, 64), GgmlType.Q4_0, raw.reshape(-1))
    cells = pack(tensor, kind)
    assert cells.shape == (2, 2, kind.size)
    expected = float_rows(tensor, slice(None))
    for row, column in [(0, 0), (3, 5), (17, 31), (31, 40), (16, 63)]:
        cell = cells[row // 16, column // 32]
        quad, lane = divmod(column % 32, 4)
        byte = cell[quad // 2 * 64 + row % 16 * 4 + lane]
        nibble = byte >> 4 if quad % 2 else byte & 15
        scale = cell[256:288].view("<f2")[row % 16]
        minimum = cell[288:].view("<f2")[row % 16] if kind is Kind.Q4_1 else -8 * scale
        found = np.float32(nibble) * np.float32(scale) + np.float32(minimum)
        assert found == pytest.approx(expected[row, column], rel=1e-3)


def test_two_threads_of_one_core_count_once(tmp_path: Path) -> None:
    for cpu in range(256):
        folder = tmp_path / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{cpu // 2 * 2}-{cpu // 2 * 2 + 1}\n")
    mine = os.sched_getaffinity(0)
    assert physical_cores(tmp_path) == len({cpu // 2 for cpu in mine})
    assert physical_cores(tmp_path / "none") == len(mine)


@pytest.mark.model
def test_the_real_model_equals_a_float_reference(
    real_model_path: Path, reference_of: Callable, tmp_path: Path
) -> None:
    model = load_model(real_model_path, backend="fused", folder=tmp_path)
    encode, special = model.tokenizer.encode, model.tokenizer.special
    tokens = [special("<|im_start|>"), *encode("user\nTurn on the lamp."), special("<|im_end|>")]
    found = whole(model.network, tokens)
    assert cosine(found, reference_of(real_model_path).logits(tokens)).min() > 0.997
    prompt = [*tokens[:1], *encode("user\nWhat is the capital of France?"), *tokens[-1:]]
    prompt += [*encode("\n"), *tokens[:1], *encode("assistant\n")]
    written = Decoder(model.network).generate(prompt, max_tokens=20, stop_ids=tokens[-1:])
    assert "Paris" in model.tokenizer.decode(written)
