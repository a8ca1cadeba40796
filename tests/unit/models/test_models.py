import hashlib
import json
from pathlib import Path

import pytest

from edge_agent.core.entity import Risk
from edge_agent.errors import ModelError
from edge_agent.language.confidence import Calibration
from edge_agent.language.grammar import VERSION
from edge_agent.language.prompt import CANDIDATES, EXAMPLES, Mark
from edge_agent.models import (
    SHIPPED,
    SUMS,
    calibration_json,
    find_model,
    model_names,
    read_calibration,
    read_usage,
)

SMOLLM2 = "smollm2-135m-instruct"
CALIBRATION = Calibration(
    bias=4.5,
    weight=0.75,
    act={Risk.COMFORT: 0.5, Risk.CAUTION: 0.7, Risk.SECURITY: 0.9},
    ask=0.25,
    margin=0.5,
    lead={Risk.COMFORT: 2.0, Risk.CAUTION: 2.5, Risk.SECURITY: 8.0},
)
FILE = Path("smart-home.gguf")


def metadata(**changes: object) -> dict[str, object]:
    keys = {
        "grammar_version": VERSION,
        "prompt": "candidates",
        "calibration": calibration_json(CALIBRATION),
        "language": "en",
    }
    keys |= changes
    ours = {f"edge_agent.{key}": value for key, value in keys.items() if value is not None}
    return {"general.name": "any", "tokenizer.ggml.tokens": ("a", *map(str, Mark)), **ours}


def damaged(**changes: object) -> str:
    return json.dumps(json.loads(calibration_json(CALIBRATION)) | changes)


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """A folder with one shipped model and its checksum."""
    (tmp_path / "smart-home.gguf").write_bytes(b"weights")
    total = hashlib.sha256(b"weights").hexdigest()
    (tmp_path / SUMS).write_text(f"{'0' * 64}  other.gguf\n{total}  smart-home.gguf\n")
    return tmp_path


def test_a_file_says_how_it_is_asked() -> None:
    usage = read_usage(metadata(), FILE)
    assert usage is not None
    assert usage.prompt is CANDIDATES
    assert usage.calibration == CALIBRATION


def test_a_file_of_others_does_not() -> None:
    assert read_usage({"general.name": "llama", "tokenizer.ggml.tokens": ("a",)}, FILE) is None


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("grammar_version", VERSION + 1, f"is {VERSION + 1}; this daemon needs {VERSION}"),
        ("grammar_version", None, "is None; this daemon needs"),
        ("grammar_version", str(VERSION), "is '.*'; this daemon needs"),
        ("language", "de", "is 'de'; legal is 'en'"),
        ("prompt", "poem", "is unknown: .*legal: examples, candidates"),
        ("prompt", None, "is None; it must be a text"),
        ("calibration", 7, "is 7; it must be a text"),
        ("calibration", calibration_json(CALIBRATION)[:-3], "is damaged: "),
        ("calibration", damaged(mood=1), "is damaged: .*unknown field `mood`"),
        ("calibration", damaged(weight=-1), "is damaged: weight is -1.0; legal is what is above 0"),
        ("calibration", damaged(ask=1.5), "is damaged: ask is 1.5; legal are 0 to 1"),
        (
            "calibration",
            damaged(lead={"comfort": 0, "caution": 9, "security": 8}),
            "is damaged: lead.caution is 9.0; legal are 0 to 8",
        ),
        ("calibration", damaged(bias="high"), r"is damaged: .*\$.bias"),
        (
            "calibration",
            damaged(act={"comfort": 0.5, "caution": 0.5}),
            "is damaged: .*missing required field `security`",
        ),
        (
            "calibration",
            damaged(act={"comfort": 0.5, "caution": -0.5, "security": 1}),
            "is damaged: act.caution is -0.5; legal are 0 to 1",
        ),
    ],
)
def test_what_a_file_says_wrongly_is_refused_with_file_and_key(key, value, says) -> None:
    with pytest.raises(ModelError, match=rf"^smart-home.gguf: edge_agent.{key} {says}"):
        read_usage(metadata(**{key: value}), FILE)


def test_a_prompt_of_marks_needs_their_tokens() -> None:
    without = metadata() | {"tokenizer.ggml.tokens": tuple(map(str, set(Mark) - {Mark.AREA}))}
    with pytest.raises(ModelError, match=r"smart-home.gguf: .*tokens lacks <\|area\|>"):
        read_usage(without, FILE)
    examples = without | {"edge_agent.prompt": "examples"}
    assert read_usage(examples, FILE).prompt is EXAMPLES


@pytest.mark.parametrize("number", ["NaN", "1e999", "-1e999"])
def test_no_number_of_a_calibration_is_infinite(number: str) -> None:
    for key in ("bias", "weight", "ask"):
        text = damaged(**{key: 0.125}).replace("0.125", number)
        with pytest.raises(ValueError, match=r".+"):
            read_calibration(text)


def test_a_file_in_the_folder_is_a_model_that_a_config_may_name(shipped: Path) -> None:
    assert model_names(shipped) == ("smart-home", "automotive", SMOLLM2)
    spec = find_model("smart-home", shipped)
    assert spec.path().read_bytes() == b"weights"
    assert spec.sha256 == hashlib.sha256(b"weights").hexdigest()
    assert spec.requirement is None
    assert find_model("automotive", shipped).path() == spec.path()
    with pytest.raises(ModelError, match=f"'smart'; legal: smart-home, automotive, {SMOLLM2}"):
        find_model("smart", shipped)


def test_a_file_without_a_readable_checksum_is_refused(shipped: Path) -> None:
    (shipped / "new.gguf").touch()
    with pytest.raises(ModelError, match=r"SHA256SUMS: new.gguf is missing; `sha256sum"):
        find_model("new", shipped)
    (shipped / SUMS).write_text("smart-home.gguf\n")
    with pytest.raises(ModelError, match=r"SHA256SUMS: line 1 is not a checksum"):
        find_model("new", shipped)
    (shipped / SUMS).unlink()
    with pytest.raises(ModelError, match=r"SHA256SUMS: cannot be read"):
        find_model("new", shipped)


def test_how_a_file_is_asked_it_says_itself_or_else_the_model_named_in_the_config(shipped) -> None:
    foreign = {"general.name": "llama"}
    smollm2, ours = find_model(SMOLLM2), find_model("smart-home", shipped)
    assert smollm2.usage_of(foreign, FILE).prompt is EXAMPLES
    assert smollm2.usage_of(metadata(), FILE).prompt is CANDIDATES
    assert ours.usage_of(metadata(), FILE).calibration == CALIBRATION
    with pytest.raises(ModelError, match=rf"edge_agent.prompt is missing.*model.name {SMOLLM2}"):
        ours.usage_of(foreign, FILE)


def test_what_is_shipped_is_whole_and_has_a_card() -> None:
    for file in SHIPPED.glob("*.gguf"):
        assert find_model(file.stem).sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
        assert file.with_suffix(".md").is_file()
