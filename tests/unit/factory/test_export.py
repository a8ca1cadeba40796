import hashlib
import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_agent.config import Config, ModelConfig
from edge_agent.core.entity import Risk
from edge_agent.core.registry import Registry
from edge_agent.errors import FactoryError, ModelError
from edge_agent.factory.examples.vocabulary import CONTROLS, TokenVocabulary
from edge_agent.factory.network.export import Label, export_model, main
from edge_agent.language.confidence import Calibration
from edge_agent.language.grammar import VERSION
from edge_agent.language.prompt import CANDIDATES
from edge_agent.language.vocabulary import Vocabulary
from edge_agent.models import SUMS, calibration_json, find_model, read_usage
from edge_agent.parts import model_loader
from edge_agent.slm.gguf import GgmlType, open_gguf
from edge_agent.slm.llama import LlamaConfig, float_rows
from edge_agent.slm.model import Model, load_model
from edge_agent.slm.tokenizer import byte_letters

MERGES = ("Ġ t", "h e", "Ġt he", "o n", "Ġ on", "l i", "g h", "gh t", "li ght")
CALIBRATION = Calibration(
    bias=3.0,
    weight=1.5,
    act={Risk.COMFORT: 0.5, Risk.CAUTION: 0.6, Risk.SECURITY: 0.75},
    ask=0.25,
)
LABEL = Label(name="tiny home", prompt="candidates", calibration=CALIBRATION, card="A test: ünï.")


@pytest.fixture(scope="module")
def vocabulary() -> TokenVocabulary:
    plain = (*byte_letters(), *(merge.replace(" ", "") for merge in MERGES))
    return TokenVocabulary(
        pre="smollm",
        tokens=(*plain, *CONTROLS),
        merges=MERGES,
        kept=tuple(range(17, 17 + len(plain))),
        added=dict.fromkeys(CONTROLS, (17, 18)),
        controls=tuple(CONTROLS),
    )


@pytest.fixture(scope="module")
def shape(vocabulary: TokenVocabulary) -> LlamaConfig:
    return LlamaConfig(
        layers=2,
        dim=64,
        hidden_dim=96,
        heads=4,
        kv_heads=2,
        vocab_size=len(vocabulary.tokens),
        context=256,
        rope_base=10000.0,
        norm_eps=1e-5,
    )


@pytest.fixture(scope="module")
def weights(shape: LlamaConfig) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    return {
        name: (
            rng.uniform(0.5, 1.5, size)
            if len(size) == 1
            else rng.normal(size=size) * size[-1] ** -0.5
        ).astype(np.float32)
        for name, size in shape.shapes().items()
    }


@pytest.fixture(scope="module")
def file(tmp_path_factory, shape, weights, vocabulary) -> Path:
    path = tmp_path_factory.mktemp("export") / "tiny.gguf"
    exported = export_model(path, shape, weights, vocabulary, LABEL)
    assert exported.bytes == path.stat().st_size
    assert exported.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    return path


@pytest.fixture(scope="module")
def model(file: Path) -> Model:
    return load_model(file, n_ctx=128)


def rounded(file: Path) -> dict[str, np.ndarray]:
    """The weights that the file holds, as floats."""
    return {
        name: float_rows(tensor, slice(None)).reshape(tensor.shape)
        for name, tensor in open_gguf(file).tensors.items()
    }


def test_matrices_have_four_bits_the_embedding_eight_and_norms_all(file: Path) -> None:
    kinds = {name: tensor.ggml_type for name, tensor in open_gguf(file).tensors.items()}
    assert kinds.pop("token_embd.weight") is GgmlType.Q8_0
    for name, kind in kinds.items():
        assert kind is (GgmlType.F32 if "norm" in name else GgmlType.Q4_0)
    assert "output.weight" not in kinds


def test_every_weight_comes_back_within_its_step(file: Path, weights) -> None:
    for name, found in rounded(file).items():
        steps = {"token_embd.weight": 127}.get(name, 8)
        if "norm" in name:
            assert (found == weights[name]).all()
            continue
        blocks = weights[name].reshape(-1, 32)
        step = np.abs(blocks).max(axis=1, keepdims=True) / steps
        off = np.abs(found.reshape(-1, 32) - blocks) / step
        # The codes of Q4_0 run from -8 to 7: what lies opposite to the farthest number is cut.
        assert off.max() <= (1.01 if steps == 8 else 0.57)
        assert (off <= 0.51).mean() > 0.9


def test_the_daemon_computes_what_the_network_that_was_trained_computes(
    file: Path, model: Model, shape: LlamaConfig
) -> None:
    torch = pytest.importorskip("torch")
    net = pytest.importorskip("edge_agent.factory.network.net")
    prompt = model.tokenizer.encode("turn on the light")
    count = len(prompt)
    found = model.network.step(prompt, range(count), np.tri(count, dtype=bool), 0, range(count))
    weights = {name: torch.from_numpy(values) for name, values in rounded(file).items()}
    with torch.no_grad():
        ready = net.ready(shape, weights, torch.float32)
        wanted = net.forward(shape, ready, torch.tensor([prompt])).logits.numpy()
    assert np.abs(found - wanted).max() < 2e-2 * np.abs(wanted).max()
    assert (found.argmax(-1) == wanted.argmax(-1)).all()


def test_the_file_says_what_it_is_and_how_it_is_asked(file: Path, model: Model) -> None:
    metadata = open_gguf(file).metadata
    usage = read_usage(metadata, file)
    assert usage.prompt is CANDIDATES
    assert usage.calibration == CALIBRATION
    assert model.name == "tiny home"
    assert metadata["general.license"] == "apache-2.0"
    assert metadata["general.base_model.0.name"] == "SmolLM2 135M Instruct"
    assert metadata["edge_agent.grammar_version"] == VERSION
    assert metadata["edge_agent.language"] == "en"
    assert metadata["edge_agent.card"] == "A test: ünï."
    assert model.tokenizer.encode("on the light") == [
        model.tokenizer.encode(word)[-1] for word in ("on", " the", " light")[:2]
    ] + model.tokenizer.encode(" light")
    assert model.tokenizer.eos_id == model.tokenizer.special("<|end|>")


def configured(file: Path) -> Config:
    return Config(model=ModelConfig(file=str(file), context=64))


def test_the_daemon_loads_it_and_asks_it_as_the_file_says(file: Path) -> None:
    loaded = model_loader(configured(file))()
    assert loaded.name == "tiny home"
    assert loaded.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert loaded.interpreter.calibration == CALIBRATION
    reading = loaded.interpreter.read("hello", Vocabulary(Registry()), None, lambda: False)
    assert 0 <= reading.confidence <= 1


def test_the_daemon_refuses_a_model_of_another_grammar(
    tmp_path, shape, weights, vocabulary
) -> None:
    path = tmp_path / "next.gguf"
    label = replace(LABEL, grammar_version=VERSION + 1)
    export_model(path, shape, weights, vocabulary, label)
    with pytest.raises(
        ModelError, match=rf"next.gguf: edge_agent.grammar_version is {VERSION + 1}"
    ):
        model_loader(configured(path))()


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_old_file(tmp_path, shape, weights, vocabulary) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"old")
    with (
        files_no_larger_than(10_000),
        pytest.raises(FactoryError, match=r"model.gguf: cannot be written: File too large"),
    ):
        export_model(path, shape, weights, vocabulary, LABEL)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(FactoryError, match=r"none/model.gguf: cannot be written: No such file"):
        export_model(tmp_path / "none" / "model.gguf", shape, weights, vocabulary, LABEL)


def test_what_is_no_such_model_is_refused(tmp_path, shape, weights, vocabulary) -> None:
    path = tmp_path / "model.gguf"
    nan = weights["blk.1.ffn_up.weight"].copy()
    nan[3, 5] = np.nan
    for changes, says in [
        ({"blk.1.ffn_up.weight": nan}, "'blk.1.ffn_up.weight' holds numbers that are not finite"),
        ({"blk.0.attn_q.weight": nan}, r"has the shape \[96, 64\], not \[64, 64\]"),
        ({"blk.0.attn_q.bias": nan}, "'blk.0.attn_q.bias' has no place"),
    ]:
        with pytest.raises(FactoryError, match=f"model.gguf: the weight .*{says}"):
            export_model(path, shape, weights | changes, vocabulary, LABEL)
    fewer = {name: w for name, w in weights.items() if name != "output_norm.weight"}
    with pytest.raises(FactoryError, match=r"'output_norm.weight' is missing"):
        export_model(path, shape, fewer, vocabulary, LABEL)
    with pytest.raises(FactoryError, match=f"the network has 999 tokens, .* {shape.vocab_size}"):
        export_model(path, replace(shape, vocab_size=999), weights, vocabulary, LABEL)
    assert not path.exists()


def test_a_checkpoint_becomes_a_model_that_may_be_shipped(
    tmp_path, shape, weights, vocabulary, file, capsys
) -> None:
    torch = pytest.importorskip("torch")
    checkpoint = pytest.importorskip("edge_agent.factory.network.checkpoint")
    state = {name: torch.from_numpy(values) for name, values in weights.items()}
    checkpoint.save_checkpoint(tmp_path / "run.pt", checkpoint.Checkpoint(shape, state))
    vocabulary.save(tmp_path / "vocabulary.json")
    (tmp_path / "calibration.json").write_text(calibration_json(CALIBRATION))
    (tmp_path / "tiny home.md").write_text(f"{LABEL.card}\n", encoding="utf-8")
    (tmp_path / SUMS).write_text(f"{'0' * 64}  tiny.gguf\n{'1' * 64}  a.gguf\n")
    out = tmp_path / "tiny.gguf"
    arguments = [str(tmp_path / "run.pt"), str(out), "--ship", "--name", "tiny home"]
    for option in ("vocabulary.json", "calibration.json", "card=tiny home.md"):
        name, _, path = option.rpartition("=")
        arguments += [f"--{name or path.removesuffix('.json')}", str(tmp_path / path)]
    assert main(arguments) == 0
    assert out.read_bytes() == file.read_bytes()
    spec = find_model("tiny", tmp_path)
    assert spec.sha256 == hashlib.sha256(out.read_bytes()).hexdigest()
    assert (tmp_path / SUMS).read_text().splitlines()[0] == f"{'1' * 64}  a.gguf"
    (tmp_path / "calibration.json").write_text("{}")
    assert main(arguments) == 1
    assert "missing required field `bias`" in capsys.readouterr().err
    assert out.read_bytes() == file.read_bytes()


def test_llama_cpp_continues_as_the_daemon_does(file: Path, model: Model) -> None:
    llama = pytest.importorskip("xllamacpp", reason="xllamacpp (llama.cpp) is not installed")
    params = llama.CommonParams()
    params.model.path = str(file)
    params.n_ctx = 128
    params.n_parallel = 1
    params.warmup = False
    params.cpuparams.n_threads = 1
    server = llama.Server(params)

    def ask(prompt: list[int] | str) -> tuple[int, int, dict[int, float]]:
        """How many tokens it read, the one it says, and the likeliest before the choice."""
        # It lists no half characters: let it say plain ones.
        question = {"prompt": prompt, "n_predict": 1, "temperature": 0, "n_probs": 5}
        answer = server.handle_completions({**question, "grammar": "root ::= [!-~]+"})
        (line,) = answer["choices"][0]["logprobs"]["content"]
        found = {token["id"]: token["logprob"] for token in line["top_logprobs"]}
        return answer["usage"]["prompt_tokens"], line["id"], found

    for text in ("turn on the light", "Tür 1λ"):
        tokens = model.tokenizer.encode(text)
        *cut, found = ask(text)  # it cuts the text as we do
        *cut_by_us, wanted = ask(tokens)
        assert cut == cut_by_us
        assert found == pytest.approx(wanted, abs=0.01)
        for _ in range(6):
            count, said, found = ask(tokens)
            assert count == len(tokens)
            seen = np.tri(count, dtype=bool)
            (line,) = model.network.step(tokens, range(count), seen, 0, [count - 1])
            logprobs = line - line.max() - np.log(np.exp(line - line.max()).sum())
            for token, logprob in found.items():
                assert logprobs[token] == pytest.approx(logprob, abs=0.1)
            # It rounds what it multiplies to 8 bits: near ties may go either way.
            plain = [
                at
                for at in range(len(line))
                if re.fullmatch("[!-~]+", model.tokenizer.decode([at]))
            ]
            assert logprobs[said] > logprobs[plain].max() - 0.1
            tokens.append(said)
