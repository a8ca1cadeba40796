"""Writes a trained network as a GGUF file that the daemon, llama.cpp and their like can load.

Beside network and tokenizer the file says how it wants to be asked and how its scores are read, so
that nothing else has to be shipped with it. It does not know how the weights came about.
"""

import argparse
import hashlib
import os
import struct
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.errors import EdgeAgentError, FactoryError
from edge_agent.factory.examples.vocabulary import TokenVocabulary
from edge_agent.factory.network.quantise import encode_q4_0, encode_q8_0
from edge_agent.language.confidence import Calibration
from edge_agent.language.grammar import VERSION
from edge_agent.language.prompt import CANDIDATES, prompt_format
from edge_agent.models import (
    CALIBRATION,
    CARD,
    GRAMMAR_VERSION,
    LANGUAGE,
    PROMPT,
    SUMS,
    calibration_json,
    read_calibration,
)
from edge_agent.slm.gguf import MAX_NAME, GgmlType, Value
from edge_agent.slm.llama import LlamaConfig

_ALIGNMENT = 32
_UINT32, _INT32, _FLOAT32, _BOOL, _STRING, _ARRAY = 4, 5, 6, 7, 8, 9
_MOSTLY_Q4_0 = 2  # llama.cpp's number of the file type
_QUANTISATION_VERSION = 2


@dataclass(frozen=True, slots=True)
class Label:
    """What a model file says about itself."""

    name: str
    prompt: str
    """Name of the prompt format it was trained with."""
    calibration: Calibration
    card: str
    """A few sentences: made for what, from what, measured how."""
    base_name: str = "SmolLM2 135M Instruct"
    base_organization: str = "HuggingFaceTB"
    base_url: str = "https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct"
    license: str = "apache-2.0"
    language: str = "en"
    grammar_version: int = VERSION

    def metadata(self) -> dict[str, Value]:
        """Its keys in a GGUF file."""
        return {
            "general.name": self.name,
            "general.license": self.license,
            "general.languages": (self.language,),
            "general.base_model.count": 1,
            "general.base_model.0.name": self.base_name,
            "general.base_model.0.organization": self.base_organization,
            "general.base_model.0.repo_url": self.base_url,
            GRAMMAR_VERSION: self.grammar_version,
            PROMPT: self.prompt,
            CALIBRATION: calibration_json(self.calibration),
            LANGUAGE: self.language,
            CARD: self.card,
        }


@dataclass(frozen=True, slots=True)
class Exported:
    """A file that was written."""

    path: Path
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class _Tensor:
    name: str
    shape: tuple[int, ...]
    """Row-major, outermost first."""
    kind: GgmlType
    data: bytes


def export_model(
    path: Path,
    shape: LlamaConfig,
    weights: Mapping[str, Any],
    vocabulary: TokenVocabulary,
    label: Label,
) -> Exported:
    """Writes a model: matrices in Q4_0, the embedding (which is the head as well) in Q8_0.

    Args:
        path: The file; it is replaced as a whole or stays as it was.
        shape: The sizes.
        weights: Arrays, or tensors on the CPU, by their names in the file; rows of q and k in
            the file's order, rotating neighbours.
        vocabulary: The tokens, one for each row of the embedding.
        label: What the file says about itself.

    Raises:
        FactoryError: The weights are not those of such a model, or the file cannot be written.
    """
    if shape.vocab_size != len(vocabulary.tokens):
        raise FactoryError(
            f"{path}: the network has {shape.vocab_size} tokens, "
            f"the vocabulary {len(vocabulary.tokens)}"
        )
    metadata = {
        "general.architecture": "llama",
        "general.type": "model",
        **label.metadata(),
        **_sizes(shape),
        **vocabulary.metadata(),
    }
    return write_gguf(path, metadata, _tensors(path, shape, weights))


def ship(file: Exported) -> Path:
    """Puts the checksum of a file into SHA256SUMS beside it, in the place of an older one.

    Raises:
        FactoryError: The list cannot be read or written.
    """
    sums = file.path.parent / SUMS
    try:
        old = sums.read_text(encoding="ascii").splitlines() if sums.exists() else []
    except (OSError, UnicodeDecodeError) as error:
        raise FactoryError(f"{sums}: cannot be read: {error}") from error
    lines = [line for line in old if line.split()[-1:] != [file.path.name]]
    lines = sorted([*lines, f"{file.sha256}  {file.path.name}"], key=lambda line: line.split()[-1])
    _write(sums, ["".join(f"{line}\n" for line in lines).encode()])
    return sums


def _sizes(shape: LlamaConfig) -> dict[str, Value]:
    return {
        "llama.block_count": shape.layers,
        "llama.context_length": shape.context,
        "llama.embedding_length": shape.dim,
        "llama.feed_forward_length": shape.hidden_dim,
        "llama.attention.head_count": shape.heads,
        "llama.attention.head_count_kv": shape.kv_heads,
        "llama.attention.layer_norm_rms_epsilon": shape.norm_eps,
        "llama.rope.freq_base": shape.rope_base,
        "llama.rope.dimension_count": shape.head_dim,
        "llama.vocab_size": shape.vocab_size,
        "general.file_type": _MOSTLY_Q4_0,
        "general.quantization_version": _QUANTISATION_VERSION,
    }


def _tensors(path: Path, shape: LlamaConfig, weights: Mapping[str, Any]) -> list[_Tensor]:
    expected = shape.shapes()
    if extra := sorted(weights.keys() - expected.keys()):
        raise FactoryError(f"{path}: the weight {extra[0]!r} has no place in a plain tied Llama")
    tensors = []
    for name, size in expected.items():
        if name not in weights:
            raise FactoryError(f"{path}: the weight {name!r} is missing")
        values: NDArray[np.float32] = np.asarray(weights[name], dtype=np.float32)
        if values.shape != size:
            found = f"has the shape {list(values.shape)}, not {list(size)}"
            raise FactoryError(f"{path}: the weight {name!r} {found}")
        # Half precision holds the scales, and ends at 65504.
        if not np.isfinite(values).all() or np.abs(values).max() > 8 * 65504:
            raise FactoryError(f"{path}: the weight {name!r} holds numbers that are not finite")
        if len(size) == 1:
            tensors.append(_Tensor(name, size, GgmlType.F32, values.astype("<f4").tobytes()))
        elif name == "token_embd.weight":
            tensors.append(_Tensor(name, size, GgmlType.Q8_0, encode_q8_0(values)))
        else:
            tensors.append(_Tensor(name, size, GgmlType.Q4_0, encode_q4_0(values)))
    return tensors


def write_gguf(path: Path, metadata: Mapping[str, Value], tensors: Iterable[_Tensor]) -> Exported:
    """Writes a GGUF file, version 3: first beside its place, then moved there in one rename.

    https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

    Raises:
        FactoryError: The disk is full or the folder not writable; an old file is still there.
    """
    tensors = list(tensors)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata) + 1)
    for key, value in {"general.alignment": _ALIGNMENT, **metadata}.items():
        head += _text(key) + _value(key, value)
    offset = 0
    for tensor in tensors:
        if len(tensor.name.encode()) >= MAX_NAME:
            raise FactoryError(f"{path}: the tensor name {tensor.name!r} is too long")
        head += _text(tensor.name) + struct.pack("<I", len(tensor.shape))
        head += struct.pack(f"<{len(tensor.shape)}Q", *reversed(tensor.shape))
        head += struct.pack("<IQ", tensor.kind, offset)
        offset += _aligned(len(tensor.data))
    pieces = [head, *(tensor.data for tensor in tensors)]
    return _write(path, [piece + bytes(_aligned(len(piece)) - len(piece)) for piece in pieces])


def _aligned(length: int) -> int:
    return -(-length // _ALIGNMENT) * _ALIGNMENT


def _write(path: Path, pieces: Iterable[bytes]) -> Exported:
    digest = hashlib.sha256()
    temporary: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            temporary = Path(file.name)
            for piece in pieces:
                digest.update(piece)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        raise FactoryError(f"{path}: cannot be written: {error.strerror or error}") from error
    return Exported(path, size, digest.hexdigest())


def _text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def _value(key: str, value: Value) -> bytes:
    match value:
        case bool():
            return struct.pack("<IB", _BOOL, value)
        case int():
            return struct.pack("<II", _UINT32, value)
        case float():
            return struct.pack("<If", _FLOAT32, value)
        case str():
            return struct.pack("<I", _STRING) + _text(value)
    if all(isinstance(item, str) for item in value):
        items = b"".join(_text(str(item)) for item in value)
        return struct.pack("<IIQ", _ARRAY, _STRING, len(value)) + items
    if all(type(item) is int for item in value):
        return struct.pack(f"<IIQ{len(value)}i", _ARRAY, _INT32, len(value), *value)
    raise FactoryError(f"{key}: a list in a GGUF file holds strings or whole numbers alone")


def main(arguments: Sequence[str] | None = None) -> int:
    """Export a checkpoint from the command line; 0 where the file was written."""
    parser = argparse.ArgumentParser(
        prog="python -m edge_agent.factory.network.export",
        description="Write a checkpoint as a GGUF file for the daemon.",
    )
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path, help="the GGUF file to write")
    parser.add_argument("--vocabulary", type=Path, required=True, metavar="JSON")
    parser.add_argument("--calibration", type=Path, required=True, metavar="JSON")
    parser.add_argument("--card", type=Path, required=True, metavar="TEXT")
    parser.add_argument("--name", help="general.name; the name of the file if absent")
    parser.add_argument("--prompt", default=CANDIDATES.name, help="name of the prompt format")
    parser.add_argument("--ship", action="store_true", help=f"note its checksum in {SUMS}")
    options = parser.parse_args(arguments)
    try:
        done = _export_checkpoint(options)
        if options.ship:
            ship(done)
    except EdgeAgentError as error:
        print(f"export: {error}", file=sys.stderr)
        return 1
    print(f"{done.sha256}  {done.path} ({done.bytes / (1 << 20):.1f} MiB)")
    return 0


def _export_checkpoint(options: argparse.Namespace) -> Exported:
    from edge_agent.factory.network.checkpoint import load_checkpoint  # noqa: PLC0415 - it loads torch

    try:
        calibration = read_calibration(options.calibration.read_bytes())
        card = options.card.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise FactoryError(f"calibration or card: {error}") from error
    label = Label(
        name=options.name or options.out.stem,
        prompt=prompt_format(options.prompt).name,
        calibration=calibration,
        card=card,
    )
    vocabulary = TokenVocabulary.load(options.vocabulary)
    trained = load_checkpoint(options.checkpoint)
    return export_model(options.out, trained.shape, trained.weights, vocabulary, label)


if __name__ == "__main__":
    sys.exit(main())
