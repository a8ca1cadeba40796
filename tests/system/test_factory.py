"""The whole making of a model, on a tiny network and a hundred cases."""

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from edge_agent.errors import FactoryError, ModelError
from edge_agent.factory.build import ADAPTING, STAGES, Build
from edge_agent.factory.examples.data import read_lines
from edge_agent.factory.examples.vocabulary import CONTROLS, TokenVocabulary
from edge_agent.factory.firmware import Firmware
from edge_agent.factory.measure.usage import UNCALIBRATED
from edge_agent.factory.network.export import Label, export_model, write_gguf
from edge_agent.factory.recipe import Recipe
from edge_agent.factory.sentences.bank import Split
from edge_agent.factory.stages import cut_base
from edge_agent.factory.workshop import SUMMARY, Workshop
from edge_agent.language.prompt import CANDIDATES
from edge_agent.models import read_usage
from edge_agent.slm.gguf import open_gguf
from edge_agent.slm.llama import LlamaConfig
from edge_agent.slm.model import load_model
from edge_agent.slm.tokenizer import byte_letters

CONFIGS = Path(__file__).parents[2] / "firmware_configs"
CAR, HUB = CONFIGS / "car-head-unit.yaml", CONFIGS / "smart-home-hub.yaml"
WORDS = (
    "is are what which how any none if then the turn on off open close set increase decrease to by "
    "in left right front rear all window seat heating light driver passenger door position "
    "temperature"
).split()
RECIPE = Recipe(
    examples=100,
    part=50,
    validation=20,
    corpus=50,
    vocabulary=390,
    longest=1500,
    layers=2,
    ffn=64,
    measured=10,
    batch_tokens=2048,
    warmup=2,
    teacher_minutes=0.02,
    train_minutes=0.1,
    quantise_minutes=0.02,
    lora_rank=2,
    lora_minutes=0.02,
    calibrate_cases=6,
    test_cases=6,
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random network of four layers, as the model that another is pruned from."""
    merges = merges_of(WORDS)
    plain = (*byte_letters(), *(merge.replace(" ", "") for merge in merges))
    vocabulary = TokenVocabulary(
        pre="smollm",
        tokens=(*plain, *CONTROLS),
        merges=merges,
        kept=tuple(range(len(plain))),
        added=dict.fromkeys(CONTROLS, (1, 2)),
        controls=tuple(CONTROLS),
    )
    shape = LlamaConfig(
        layers=4,
        dim=64,
        hidden_dim=96,
        heads=4,
        kv_heads=2,
        vocab_size=len(vocabulary.tokens),
        context=2048,
        rope_base=10000.0,
        norm_eps=1e-5,
    )
    path = tmp_path_factory.mktemp("base") / "base.gguf"
    label = Label("base", CANDIDATES.name, UNCALIBRATED, "random")
    export_model(path, shape, random_weights(shape), vocabulary, label)
    return path


def merges_of(words: Sequence[str]) -> tuple[str, ...]:
    """Merges that make a token of every beginning of these words."""
    starts = {word[:end] for word in words for end in range(1, len(word) + 1)}
    ordered = sorted(starts, key=lambda start: (len(start), start))
    return tuple(f"Ġ{start[:-1]} {start[-1]}" for start in ordered)


def random_weights(shape: LlamaConfig) -> Mapping[str, np.ndarray]:
    rng = np.random.default_rng(5)
    return {
        name: np.ones(size, np.float32)
        if len(size) == 1
        else (rng.normal(size=size) * size[-1] ** -0.5).astype(np.float32)
        for name, size in shape.shapes().items()
    }


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Workshop:
    torch.set_num_threads(1)  # more of them only wait for each other in a network this small
    folder = tmp_path_factory.mktemp("build")
    return Workshop(
        recipe=RECIPE,
        firmware=Firmware(CAR),
        work=folder / "work",
        output=folder / "tiny car.gguf",
        device=torch.device("cpu"),
        processes=1,
        clock=time.monotonic,
        tell=lambda _: None,
        base=base,
    )


@pytest.fixture(scope="module")
def said(shop: Workshop) -> list[str]:
    lines: list[str] = []
    Build(shop, say=lines.append).run()
    return lines


def test_the_chain_ends_in_a_file_that_the_daemon_loads(shop: Workshop, said: list[str]) -> None:
    model = load_model(shop.output, n_ctx=1024)
    assert model.name == "tiny car"
    usage = read_usage(model.metadata, shop.output)
    assert usage is not None
    assert usage.prompt is CANDIDATES
    summary = json.loads((shop.work / SUMMARY).read_text())
    stages = {stage["stage"]: stage for stage in summary["stages"]}
    assert all(stage["finished"] for stage in stages.values())
    assert list(stages) == [stage.name for stage in STAGES]
    assert stages["export"]["figures"]["sha256"] == model.sha256
    assert stages["train"]["after"]["loss"] < stages["train"]["before"]["loss"]
    assert said[-1].count("\n") == len(stages)

    assert model.sha256 in shop.output.with_suffix(".md").read_text()


def test_a_finished_model_is_adapted_to_listed_devices(
    shop: Workshop, said: list[str], tmp_path: Path
) -> None:
    devices = tmp_path / "devices.json"
    lamp = {"id": "light.lulu", "name": "Lulu", "kind": "light", "area": "Den", "state": {}}
    devices.write_text(json.dumps([{**lamp, "settable": {"power": "on, off"}}]))
    firmware = Firmware(HUB, devices=devices, own_share=1.0)
    adapting = replace(
        shop,
        firmware=firmware,
        work=tmp_path / "work",
        output=tmp_path / "lulu.gguf",
        base=shop.output,
    )
    Build(adapting, ADAPTING, lambda _: None).run()
    assert load_model(adapting.output, n_ctx=1024).name == "lulu"
    heard = [line.text for line in read_lines(adapting.lines(Split.TRAIN))]
    assert sum("lulu" in text for text in heard) > len(heard) / 10
    before, after = open_gguf(shop.output).tensors, open_gguf(adapting.output).tensors
    changed = [name for name in before if bytes(before[name].data) != bytes(after[name].data)]
    assert changed
    assert all(name.startswith("blk.") for name in changed)


def test_a_model_of_others_cannot_be_adapted(shop: Workshop, tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    write_gguf(other, {"general.architecture": "mamba"}, [])
    adapting = replace(shop, work=tmp_path / "work", output=tmp_path / "x.gguf", base=other)
    with pytest.raises(ModelError, match=r"other\.gguf.*no model that edge-agent made"):
        Build(adapting, ADAPTING, lambda _: None).run("load")


def test_a_base_that_is_no_llama_is_told(shop: Workshop, said: list[str], tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    write_gguf(other, {"general.architecture": "mamba"}, [])
    with pytest.raises(ModelError, match=r"general\.architecture is 'mamba'; legal is llama"):
        cut_base(replace(shop, base=other))


def test_a_checkpoint_of_another_shape_is_told_and_kept(
    shop: Workshop, said: list[str], tmp_path: Path
) -> None:
    other = replace(shop, work=tmp_path / "work")
    shutil.copytree(shop.work, other.work)
    own = other.folder("train") / "checkpoint.pt"
    shutil.copy(other.folder("teacher") / "checkpoint.pt", own)
    size, record = own.stat().st_size, other.work / "train.json"
    record.write_text(record.read_text().replace('"finished": true', '"finished": false'))
    with pytest.raises(FactoryError, match=r"train/checkpoint\.pt: its network has the shape"):
        Build(other, say=lambda _: None).run()
    assert own.stat().st_size == size


def test_a_second_build_does_nothing_again(shop: Workshop, said: list[str]) -> None:
    before = shop.output.stat()
    again: list[str] = []
    Build(shop, say=again.append).run()
    assert all("done before" in line for line in again[:-1])
    assert again[-1] == said[-1]
    assert shop.output.stat().st_mtime_ns == before.st_mtime_ns


def test_a_build_that_was_killed_between_stages_makes_the_same(
    shop: Workshop, said: list[str], tmp_path: Path
) -> None:
    other = replace(shop, work=tmp_path / "work", output=tmp_path / "other.gguf")
    Build(other, say=lambda _: None).run("data")
    part = next(other.folder("data").glob("train-*.jsonl"))
    kept, size = part.stat().st_mtime_ns, part.stat().st_size
    for file in other.folder("data").glob("train-*.jsonl"):
        if file != part:
            file.unlink()
    record = other.work / "data.json"
    record.write_text(record.read_text().replace('"finished": true', '"finished": false'))
    Build(other, say=lambda _: None).run("pack")
    assert part.stat().st_mtime_ns == kept
    for file in shop.folder("data").glob("*.jsonl"):
        assert (other.folder("data") / file.name).read_bytes() == file.read_bytes()
    tokens = [folder / "vocabulary" / "tokens.json" for folder in (shop.work, other.work)]
    assert tokens[0].read_bytes() == tokens[1].read_bytes()
    assert size > 0
