from pathlib import Path

import numpy as np
import pytest

from edge_agent.core.entity import Risk
from edge_agent.errors import FactoryError
from edge_agent.factory.examples.vocabulary import CONTROLS, TokenVocabulary
from edge_agent.factory.measure.card import Made, table, write_card
from edge_agent.factory.measure.judge import Judged, Sort
from edge_agent.factory.measure.plots import draw
from edge_agent.factory.measure.report import summarise
from edge_agent.factory.network.export import Label, export_model
from edge_agent.language.confidence import Calibration, Evidence
from edge_agent.slm.llama import LlamaConfig
from edge_agent.slm.tokenizer import byte_letters

CALIBRATION = Calibration(
    2.5, 1.25, {Risk.COMFORT: 0.5, Risk.CAUTION: 0.625, Risk.SECURITY: 0.875}, 0.2
)
STAGES = """{"config": "hub.yaml", "stages": [
  {"stage": "data", "digest": "d", "finished": true, "minutes": 1.5,
   "figures": {"examples": 1234567, "seed": 9}},
  {"stage": "train", "digest": "d", "finished": true, "minutes": 300.0, "bytes": 52428800,
   "before": {"loss": 4.5, "exact": 0.0}, "after": {"loss": 0.0625, "exact": 0.875}},
  {"stage": "export", "digest": "d", "finished": false}
]}"""


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    letters = tuple(byte_letters())
    vocabulary = TokenVocabulary(
        pre="smollm",
        tokens=(*letters, *CONTROLS),
        merges=(),
        kept=tuple(range(len(letters))),
        added=dict.fromkeys(CONTROLS, (1,)),
        controls=tuple(CONTROLS),
    )
    shape = LlamaConfig(
        layers=1,
        dim=32,
        hidden_dim=64,
        heads=2,
        kv_heads=1,
        vocab_size=len(vocabulary.tokens),
        context=128,
        rope_base=10000.0,
        norm_eps=1e-5,
    )
    weights = {name: np.ones(size, np.float32) for name, size in shape.shapes().items()}
    path = tmp_path_factory.mktemp("card") / "tiny.gguf"
    label = Label("tiny home", "candidates", CALIBRATION, "Turns sentences into commands.")
    export_model(path, shape, weights, vocabulary, label)
    return path


def reading(number: int, meant: Sort, *, right: bool, what: str) -> Judged:
    return Judged(
        text=f"sentence {number}",
        expected="turn on lamp",
        said="turn on lamp",
        evidence=Evidence(-0.25 * (number % 12)),
        meant=meant,
        got=Sort.PLAN,
        right=right,
        reachable=True,
        blocked="I heard a not" if number == 3 else None,
        risk=Risk.COMFORT,
        secure=number % 2 == 0,
        labels={"what": what, "devices": "010" if number % 2 else "200", "style": "direct"},
    )


@pytest.fixture(scope="module")
def report() -> dict:
    readings = [
        *(
            reading(number, Sort.PLAN, right=number % 4 > 0, what="power=on")
            for number in range(40)
        ),
        *(reading(n, Sort.REFUSAL, right=False, what="none chat") for n in range(20)),
    ]
    return summarise(readings, CALIBRATION, name="tiny home", seed=4, seconds=1.0)


def test_a_card_says_what_was_measured(model, report, tmp_path: Path) -> None:
    stages, card = tmp_path / "stages.json", tmp_path / "tiny.md"
    stages.write_text(STAGES)
    write_card(card, model, report, stages)
    text = card.read_text()
    size = f"{model.stat().st_size:,} bytes"
    false = report["false actions"]["all"]
    for part in (
        "# tiny home",
        "Turns sentences into commands.",
        size,
        "| train | 300.0 | 50.0 MiB | loss 4.500, exact 0.0% | loss 0.062, exact 87.5% |",
        "| cases that it learnt from | 1,234,567 |",
        "60 sentences of the seed 4",
        f"{false['value']:.1%} ({false['low']:.1%}-{false['high']:.1%})",
        f"| none chat | {false['hits']} of 20 |",
        "sigmoid(2.500 + 1.250 * score +",
        "security 0.875",
        "I heard a not (1)",
        "SmolLM2 135M Instruct",
    ):
        assert part in text, part
    assert "| export |" not in text, "a stage that is not finished has no figures"


def test_pictures_are_drawn_where_there_are_numbers(report, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    found = draw(report, tmp_path, "tiny")
    assert [path.name for path in found.values()] == [
        "tiny-reliability.png",
        "tiny-devices.png",
        "tiny-actions.png",
    ]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in found.values())
    empty = summarise([], CALIBRATION, name="tiny home", seed=4, seconds=0.0)
    assert draw(empty, tmp_path, "empty") == {}


def test_damaged_stages_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "stages.json"
    path.write_text('{"config": "hub.yaml", "stages": [{"stage": 3}]}')
    with pytest.raises(FactoryError, match=r"stages\.json.*stage"):
        Made.read(path)
    with pytest.raises(FactoryError, match="cannot be read"):
        Made.read(tmp_path / "absent.json")


def test_a_cell_cannot_break_a_table() -> None:
    assert table(("a",), [("x|y",)]) == ["| a |", "| --- |", "| x/y |"]
    assert table(("a",), []) == []
