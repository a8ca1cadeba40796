"""A language model as the rest of the product holds it: tokenizer, network, name and checksum."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_agent.errors import ModelError
from edge_agent.slm.decode import Decoder
from edge_agent.slm.gguf import DEFAULT_MAX_BYTES, Value, check_scales, open_gguf, sha256_file
from edge_agent.slm.llama import LlamaConfig
from edge_agent.slm.step import Step
from edge_agent.slm.tokenizer import Tokenizer
from edge_agent.slm.transformer import Transformer

MIN_CONTEXT = 64


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
) -> Model:
    """A model from a GGUF file of the Llama family; its weights stay in the mapped file.

    Args:
        path: The file.
        n_ctx: Tokens that prompt and branches may take together.
        max_bytes: The largest file that is accepted.
        expected_sha256: The checksum that the file must have, if one is known.
        device: A tinygrad device; the CPU without it.

    Raises:
        ModelError: The file is unusable, or `n_ctx` is not what the model was trained for.
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
    check_scales(file)
    name = file.metadata.get("general.name")
    return Model(
        name=name if isinstance(name, str) and name else path.stem,
        path=path,
        sha256=sha256,
        metadata=file.metadata,
        tokenizer=tokenizer,
        network=Transformer(file, config, n_ctx=n_ctx, device=device),
    )
