"""A language model as the rest of the product holds it: tokenizer, network, name and checksum.

It chooses how the network is computed, and does not know how that is done.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from edge_agent.errors import ModelError
from edge_agent.slm.decode import Decoder
from edge_agent.slm.fused.network import FusedStep
from edge_agent.slm.fused.pool import physical_cores
from edge_agent.slm.gguf import (
    DEFAULT_MAX_BYTES,
    Value,
    check_scales,
    open_gguf,
    sha256_file,
)
from edge_agent.slm.llama import LlamaConfig
from edge_agent.slm.step import Step
from edge_agent.slm.tokenizer import Tokenizer
from edge_agent.slm.transformer import Transformer

MIN_CONTEXT = 64

Backend: TypeAlias = Literal["auto", "fused", "tensor"]
"""How a network is computed: `fused` is one program for the CPU, `tensor` plain tinygrad, which
runs on any of its devices, and `auto` the first one where it can be had."""


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model, used by one thread at a time."""

    name: str
    path: Path
    sha256: str
    """Of the whole file, as 64 hex digits."""
    metadata: Mapping[str, Value]
    """What the file says about itself."""
    tokenizer: Tokenizer
    network: Step
    engine: str = ""
    """How the network is computed, for people."""
    remark: str | None = None
    """Why it is slower than it could be; None where it is not."""

    def decoder(self) -> Decoder:
        """A decoder over this model's slots; a model serves one decoder."""
        return Decoder(self.network)

    def warm(self) -> None:
        """Compiles everything, so that the first command is as fast as the next."""
        self.network.warm()


def load_model(
    path: Path,
    *,
    n_ctx: int = 1024,
    max_bytes: int = DEFAULT_MAX_BYTES,
    expected_sha256: str | None = None,
    device: str | None = None,
    backend: Backend = "auto",
    threads: int = 0,
    folder: Path | None = None,
) -> Model:
    """A model from a GGUF file of the Llama family; its weights stay in mapped files.

    Args:
        path: The file.
        n_ctx: Tokens that prompt and branches may take together.
        max_bytes: The largest file that is accepted.
        expected_sha256: The checksum that the file must have, if one is known.
        device: A tinygrad device; the CPU without it.
        backend: How the network is computed.
        threads: Cores for the `fused` backend; 0: one for each physical core.
        folder: Where packed weights are kept; a folder of the user's cache without it.

    Raises:
        ModelError: The file is unusable, `n_ctx` is not what the model was trained for, or the
            backend cannot be had.
    """
    file = open_gguf(path, max_bytes=max_bytes)
    sha256 = sha256_file(path)
    if expected_sha256 is not None and sha256 != expected_sha256.lower():
        raise ModelError(f"{path}: the SHA-256 is {sha256}, expected was {expected_sha256}")
    try:
        tokenizer = Tokenizer.from_gguf(file.metadata)
        config = LlamaConfig.from_gguf(file.metadata)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    if not MIN_CONTEXT <= n_ctx <= config.context:
        raise ModelError(f"{path}: n_ctx is {n_ctx}; legal are {MIN_CONTEXT} to {config.context}")
    network: Step | None = None
    engine, remark = f"tensor ({device or 'CPU'})", None
    if backend != "tensor" and device in (None, "CPU"):
        try:
            network = FusedStep(
                file,
                config,
                sha256=sha256,
                n_ctx=n_ctx,
                threads=threads or physical_cores(),
                folder=folder or cache_folder(),
            )
            engine, remark = network.engine, network.remark
        except ModelError as error:
            if backend == "fused":
                raise
            remark = f"the fast engine cannot be had: {error}"
    if network is None:
        check_scales(file)
        network = Transformer(file, config, n_ctx=n_ctx, device=device)
    file.let_go()
    name = file.metadata.get("general.name")
    return Model(
        name=name if isinstance(name, str) and name else path.stem,
        path=path,
        sha256=sha256,
        metadata=file.metadata,
        tokenizer=tokenizer,
        network=network,
        engine=engine,
        remark=remark,
    )


def cache_folder() -> Path:
    """Where this user's packed weights are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "edge-agent"
