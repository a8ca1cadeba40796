"""Adapting a finished model to one home or car: the names that it will hear every day.

A few minutes of low-rank training over the model's own weights. It does not know how the model was
made.
"""

from dataclasses import replace
from pathlib import Path

from torch import Tensor

from edge_agent.errors import FactoryError, ModelError
from edge_agent.factory.examples.packed import vocabulary_name
from edge_agent.factory.examples.vocabulary import TokenVocabulary
from edge_agent.factory.learn.training import CHECKPOINT
from edge_agent.factory.learning import learn
from edge_agent.factory.network.base import load_base
from edge_agent.factory.network.checkpoint import Checkpoint, save_checkpoint
from edge_agent.factory.network.lora import adapted, add_adapters, merge
from edge_agent.factory.network.net import Weights
from edge_agent.factory.network.rounding import as_exported
from edge_agent.factory.workshop import TOKENS, Result, Workshop, accuracy, parameters, size_of
from edge_agent.language.prompt import CANDIDATES
from edge_agent.models import find_model, model_names, read_usage
from edge_agent.slm.gguf import GgufFile, open_gguf

_CONTROL = 3  # llama.cpp's number of the token type


def model_file(name: str) -> Path:
    """The file of a model that a person names: a shipped one, or a path.

    Raises:
        FactoryError: There is neither.
    """
    if (path := Path(name)).is_file():
        return path
    if name in model_names():
        return find_model(name).path()
    raise FactoryError(f"{name}: no such file; the models by name are {', '.join(model_names())}")


def vocabulary_of(file: GgufFile, path: Path) -> TokenVocabulary:
    """The tokens of a model that edge-agent made.

    Raises:
        ModelError: It made another one, or for another grammar.
        FactoryError: The tokens are not in the order that the factory writes.
    """
    usage = read_usage(file.metadata, path)
    if usage is None or usage.prompt is not CANDIDATES:
        raise ModelError(f"{path}: is no model that edge-agent made, and cannot be adapted")
    tokens, types, merges, pre = (
        file.metadata.get(f"tokenizer.ggml.{key}") for key in "tokens token_type merges pre".split()
    )
    if not (isinstance(tokens, tuple) and isinstance(types, tuple) and isinstance(merges, tuple)):
        raise ModelError(f"{path}: tokenizer.ggml: tokens, token_type and merges must be lists")
    texts = tuple(str(token) for token in tokens)
    controls = tuple(text for text, kind in zip(texts, types, strict=False) if kind == _CONTROL)
    try:
        return TokenVocabulary(
            pre=str(pre),
            tokens=texts,
            merges=tuple(str(merge) for merge in merges),
            kept=tuple(range(len(texts) - len(controls))),
            added=dict.fromkeys(controls, (0,)),
            controls=controls,
        )
    except ValueError as error:
        raise FactoryError(f"{path}: tokenizer.ggml: {error}") from error


def vocabulary(shop: Workshop) -> Result:
    """Takes over the tokens of the model."""
    found = vocabulary_of(open_gguf(shop.base_file), shop.base_file)
    found.save(shop.folder("vocabulary") / TOKENS)
    return Result(figures={"tokens": len(found.tokens)})


def loading(shop: Workshop) -> Result:
    """Takes over the weights of the model, as exactly as its file has them."""
    shape, weights, _ = load_base(shop.base_file)
    meta = {"vocabulary": vocabulary_name(shop.vocabulary().tokens)}
    loaded = Checkpoint(shape, weights, meta=meta)
    save_checkpoint(shop.folder("load") / CHECKPOINT, loaded)
    return Result(
        bytes=shop.base_file.stat().st_size,
        after=accuracy(shop.score(loaded)),
        figures={"parameters": parameters(loaded)},
    )


def adapting(shop: Workshop) -> Result:
    """Trains low-rank adapters for the devices that are listed, and merges them."""
    recipe = shop.recipe
    start = add_adapters(shop.checkpoint("load"), rank=recipe.lora_rank, seed=recipe.seed)
    merged_as = adapted(start.meta)

    def rounded(name: str, weights: Weights) -> Tensor:
        # Trained as the file will hold it: a change that rounding undoes would teach nothing.
        return as_exported(name, {name: merged_as(name, weights)})

    trained, found = learn(
        shop,
        shop.folder("adapt") / "run",
        start,
        minutes=recipe.lora_minutes,
        rate=recipe.lora_rate,
        transform=rounded,
        decay=0.5,
    )
    merged = merge(trained)
    save_checkpoint(shop.folder("adapt") / CHECKPOINT, merged)
    return replace(found, bytes=size_of(merged))
