import random
import resource
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.errors import ModelError
from edge_agent.slm.gguf import GgmlType, check_scales, open_gguf, sha256_file
from edge_agent.slm.llama import LlamaConfig, check_tensors
from edge_agent.slm.model import load_model
from edge_agent.slm.tokenizer import Tokenizer


def read(path: Path) -> None:
    """All that looks at a file before it is computed with."""
    file = open_gguf(path)
    Tokenizer.from_gguf(file.metadata)
    check_tensors(file, LlamaConfig.from_gguf(file.metadata))
    check_scales(file)


def header_size(raw: bytes) -> int:
    """Where the tensor data of one of our small files begins."""
    return raw.index(b"output_norm.weight") + 64


def test_tensors_are_views_of_the_file(tmp_path: Path, tiny: Callable) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(tiny()[0])
    file = open_gguf(path)
    tensor = file.tensors["blk.0.ffn_down.weight"]
    assert (tensor.shape, tensor.ggml_type) == ((128, 96), GgmlType.Q4_1)
    assert len(tensor.data) == 128 * 3 * 20
    assert not tensor.data.flags.writeable
    assert not tensor.data.flags.owndata
    assert file.metadata["llama.rope.freq_base"] == 10000.0


def test_memory_that_was_let_go_is_read_again(tmp_path: Path, tiny: Callable) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(tiny()[0] + b"\0" * (4 << 20))
    file = open_gguf(path)
    before = {name: bytes(tensor.data) for name, tensor in file.tensors.items()}
    assert sum(file.mapped[:])  # every page of it is resident now
    assert resident(path) > 4096
    file.let_go()
    assert resident(path) == 0
    assert {name: bytes(tensor.data) for name, tensor in file.tensors.items()} == before


def resident(path: Path) -> int:
    """KiB of a mapped file that are in our memory."""
    of_file, found = False, 0
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split(" ")[0]:
            of_file = line.endswith(str(path))
        elif of_file and line.startswith("Rss:"):
            found += int(line.split()[1])
    return found


def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path: Path, tiny: Callable) -> None:
    raw, _ = tiny(tied=True)
    path = tmp_path / "cut.gguf"
    last = len(raw.rstrip(b"\0"))
    cuts = {*range(60), *random.Random(5).sample(range(60, last), 150), last - 1}
    for cut in cuts:
        path.write_bytes(raw[:cut])
        with pytest.raises(ModelError, match=r"cut\.gguf"):
            open_gguf(path)


def test_flipped_header_bits_never_raise_anything_else(tmp_path: Path, tiny: Callable) -> None:
    raw, _ = tiny(tied=True)
    head = header_size(raw)
    path = tmp_path / "flip.gguf"
    chance = random.Random(11)
    refused = 0
    for round_ in range(600):
        damaged = bytearray(raw)
        for _ in range(1 + round_ % 3):
            # Most of the header is the vocabulary; half of the flips go to what comes before.
            span = head if round_ % 2 else raw.index(b"tokenizer.ggml.tokens")
            damaged[chance.randrange(span)] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        try:
            read(path)
        except ModelError:
            refused += 1
    assert refused > 200


def test_a_flip_that_parses_is_caught_by_the_checksum(tmp_path: Path, tiny: Callable) -> None:
    raw, _ = tiny()
    path = tmp_path / "weights.gguf"
    path.write_bytes(raw)
    good = sha256_file(path)
    damaged = bytearray(raw)
    damaged[-1000] ^= 4
    path.write_bytes(damaged)
    read(path)
    with pytest.raises(ModelError, match=f"expected was {good}"):
        load_model(path, n_ctx=64, expected_sha256=good)


@pytest.mark.parametrize("at", [4, 8, 16])
def test_absurd_counts_cost_no_memory(tmp_path: Path, tiny: Callable, at: int) -> None:
    raw = bytearray(tiny()[0])
    raw[at : at + (4 if at == 4 else 8)] = b"\xff" * (4 if at == 4 else 8)
    path = tmp_path / "absurd.gguf"
    path.write_bytes(raw)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelError, match=r"absurd\.gguf"):
        open_gguf(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"general.architecture": "qwen3"}, "'qwen3'; legal is llama"),
        ({"general.architecture": None}, "general.architecture"),
        ({"split.count": 3}, "split.count is 3"),
        ({"general.alignment": 33}, "general.alignment is 33"),
        ({"general.alignment": 0}, "general.alignment is 0"),
        ({"llama.block_count": 3}, "'blk.2.attn_norm.weight' is missing"),
        ({"llama.block_count": 1}, "'blk.1.attn_k.weight' is not part"),
        ({"llama.block_count": -1}, "llama.block_count is -1"),
        ({"llama.embedding_length": 64}, "token_embd.weight.*not"),
        ({"llama.attention.head_count": 7}, "7 heads"),
        ({"llama.attention.head_count_kv": 3}, "key-value heads"),
        ({"llama.rope.freq_base": float("nan")}, "freq_base is nan"),
        ({"llama.rope.dimension_count": 8}, "dimension_count is 8; legal are 32 to 32"),
        ({"llama.rope.scaling.type": "yarn"}, "legal is none"),
        ({"llama.vocab_size": 5}, "llama.vocab_size is 5"),
        ({"llama.attention.layer_norm_rms_epsilon": 2.0}, "epsilon is 2.0"),
        ({"llama.context_length": 32}, "n_ctx is 64; legal are 64 to 32"),
    ],
)
def test_a_foreign_file_is_named(tmp_path: Path, tiny: Callable, change: dict, place: str) -> None:
    path = tmp_path / "foreign.gguf"
    path.write_bytes(tiny(**change)[0])
    with pytest.raises(ModelError, match=place) as caught:
        load_model(path, n_ctx=64)
    assert "foreign.gguf" in str(caught.value)


def one_tensor(kind: int, shape: tuple[int, ...], raw: bytes) -> list:
    return [("some.weight", shape, kind, raw)]


@pytest.mark.parametrize(
    ("tensors", "place"),
    [
        (one_tensor(12, (1, 256), bytes(144)), "has ggml type 12; legal are F32, F16, Q4_0"),
        (one_tensor(0, (0, 4), b""), r"of type F32 cannot have the shape \[0, 4\]"),
        (one_tensor(2, (2, 48), bytes(54)), r"of type Q4_0 cannot have the shape \[2, 48\]"),
        (one_tensor(0, (1 << 62, 1 << 62), bytes(64)), "cannot have the shape"),
        (one_tensor(0, (1, 1, 1, 1, 1), bytes(4)), "has 5 dimensions"),
        (one_tensor(0, (9,), bytes(4)), "past the end"),
        (one_tensor(0, (1,), bytes(4)) * 2, "is there twice"),
    ],
)
def test_an_odd_tensor_is_named(
    tmp_path: Path, gguf_bytes: Callable, tensors: list, place: str
) -> None:
    path = tmp_path / "odd.gguf"
    path.write_bytes(gguf_bytes({"general.architecture": "llama"}, tensors))
    with pytest.raises(ModelError, match=place):
        open_gguf(path)


@pytest.mark.parametrize("kind", [0, 1, 2, 3, 8])
def test_scales_that_are_not_finite_are_refused(
    tmp_path: Path, gguf_bytes: Callable, kind: int
) -> None:
    path = tmp_path / "nan.gguf"
    size = {0: 128, 1: 64, 2: 18, 3: 20, 8: 34}[kind]
    scale = struct.pack("<f", float("inf")) if kind == 0 else struct.pack("<e", float("nan"))
    for raw, fine in ((bytes(2 * size), True), (bytes(size) + scale.ljust(size, b"\0"), False)):
        path.write_bytes(gguf_bytes({"a": 1}, one_tensor(kind, (2, 32), raw)))
        if fine:
            check_scales(open_gguf(path))
            continue
        with pytest.raises(ModelError, match=r"'some\.weight' holds numbers that are not finite"):
            check_scales(open_gguf(path))


def test_a_file_beyond_the_limit_is_refused(tmp_path: Path, tiny: Callable) -> None:
    path = tmp_path / "big.gguf"
    path.write_bytes(tiny()[0])
    with pytest.raises(ModelError, match="at most 1000 are allowed"):
        load_model(path, max_bytes=1000)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.gguf: cannot be read: No such file"):
        load_model(tmp_path / "none.gguf")
    with pytest.raises(ModelError, match="cannot be read"):
        open_gguf(tmp_path)
