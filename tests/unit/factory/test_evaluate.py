import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from edge_agent.cli import main
from edge_agent.core.command import Refusal
from edge_agent.core.entity import Risk
from edge_agent.core.registry import Registry
from edge_agent.errors import FactoryError
from edge_agent.factory.examples.vocabulary import CONTROLS, TokenVocabulary
from edge_agent.factory.measure.calibrate import (
    ACTED_AT_LEAST,
    LIMITS,
    Share,
    calibrate,
    calibration_error,
    fit,
    reliability,
)
from edge_agent.factory.measure.daemon import DaemonEngine
from edge_agent.factory.measure.judge import (
    Judged,
    Sort,
    Verdict,
    judge,
    meant_by,
    verdict,
)
from edge_agent.factory.measure.report import summarise, text_of
from edge_agent.factory.measure.score import Engine
from edge_agent.factory.network.export import Label, export_model
from edge_agent.language.confidence import MOST_MARGIN, Calibration, Evidence
from edge_agent.language.interpreter import Interpreter
from edge_agent.language.prompt import EXAMPLES
from edge_agent.language.vocabulary import Vocabulary
from edge_agent.slm.llama import LlamaConfig
from edge_agent.slm.tokenizer import byte_letters

CALIBRATION = Calibration(5.0, 1.0, {Risk.COMFORT: 0.5, Risk.CAUTION: 0.6, Risk.SECURITY: 0.8}, 0.2)
SENTENCES = (
    "turn on the sofa lamp",
    "lock the front door please",
    "is the desk lamp on",
    "set the kitchen light to 40",
    "play me a song",
    "close the bedroom blind and turn off all lights",
)


@pytest.fixture(scope="module")
def vocabulary() -> TokenVocabulary:
    # Whole first words: the grammar tells its parts apart by their first tokens.
    words = (
        "turn toggle set increase decrease open close lock unlock play pause stop press add "
        "what where is which how any none if then"
    )
    merges = tuple(
        dict.fromkeys(
            f"{f' {word}'[:at].replace(' ', 'Ġ')} {word[at - 1]}"
            for word in words.split()
            for at in range(1, len(word) + 1)
        )
    )
    plain = (*byte_letters(), *(merge.replace(" ", "") for merge in merges))
    return TokenVocabulary(
        pre="smollm",
        tokens=(*plain, *CONTROLS),
        merges=merges,
        kept=tuple(range(len(plain))),
        added=dict.fromkeys(CONTROLS, (17, 18)),
        controls=tuple(CONTROLS),
    )


@pytest.fixture(scope="module")
def file(tmp_path_factory, vocabulary) -> Path:
    shape = LlamaConfig(
        layers=2,
        dim=64,
        hidden_dim=96,
        heads=4,
        kv_heads=2,
        vocab_size=len(vocabulary.tokens),
        context=1024,
        rope_base=10000.0,
        norm_eps=1e-5,
    )
    rng = np.random.default_rng(7)
    weights = {
        name: rng.uniform(0.5, 1.5, size).astype(np.float32)
        if len(size) == 1
        else (2 * rng.normal(size=size) * size[-1] ** -0.5).astype(np.float32)
        for name, size in shape.shapes().items()
    }
    path = tmp_path_factory.mktemp("evaluate") / "tiny.gguf"
    label = Label(name="tiny", prompt="candidates", calibration=CALIBRATION, card="A test.")
    export_model(path, shape, weights, vocabulary, label)
    return path


def best_paths(engine, home: Registry, sentences: Sequence[str]) -> list:
    vocabulary = Vocabulary(home)

    def read(interpreter: Interpreter, text: str):
        return interpreter.decode(interpreter.prepare(text, vocabulary, None))[0]

    return list(engine.read_all(sentences, read))


@pytest.fixture(scope="module")
def quick(file: Path, home: Registry) -> list:
    return best_paths(Engine.load(file, lanes=4), home, SENTENCES)


def test_the_quick_network_says_what_the_daemon_says(file, home, quick) -> None:
    # The daemon's own network computes with 4-bit weights and a cache of half precision.
    exact = best_paths(DaemonEngine.load(file), home, SENTENCES[:2])
    for one, other in zip(exact, quick, strict=False):
        assert one.tokens == other.tokens
        assert one.logprob == pytest.approx(other.logprob, abs=1e-2)


def test_sentences_do_not_disturb_each_other(file, home, quick) -> None:
    alone = best_paths(Engine.load(file, lanes=1), home, SENTENCES)
    assert [path.tokens for path in alone] == [path.tokens for path in quick]
    for one, other in zip(alone, quick, strict=True):
        assert one.logprob == pytest.approx(other.logprob, abs=1e-4)


def test_an_error_in_one_lane_ends_the_reading(file) -> None:
    def read(_: Interpreter, number: int) -> int:
        if number == 5:
            raise FactoryError("five")
        time.sleep(0.001)
        return number

    engine = Engine.load(file, lanes=3)
    with pytest.raises(FactoryError, match="five"):
        list(engine.read_all(range(1000), read))
    assert list(engine.read_all(range(7, 40), read)) == list(range(7, 40))


def test_a_checkpoint_needs_its_vocabulary(tmp_path: Path) -> None:
    with pytest.raises(FactoryError, match="vocabulary"):
        Engine.load(tmp_path / "checkpoint.pt")


def judged_by(make_model, home: Registry, text: str, says: str, meant: str) -> Judged:
    interpreter = Interpreter(make_model({text: says}), EXAMPLES, CALIBRATION)
    sentence = interpreter.prepare(text, Vocabulary(home), None)
    expected, reachable = meant_by(meant, sentence, interpreter)
    return judge(
        interpreter, sentence, home, expected, expected=meant, reachable=reachable, labels={}
    )


@pytest.mark.parametrize(
    ("text", "says", "meant", "right"),
    [
        ("turn on the sofa lamp", "turn on sofa lamp", "turn on sofa lamp", True),
        ("turn on the sofa lamp", "turn off sofa lamp", "turn on sofa lamp", False),
        # The phrase does not matter, what happens does.
        ("light in the hall on", "turn on hall light", "turn on sofa lamp", True),
        ("sofa lamp to maximum 100", "set sofa lamp brightness to maximum",
         "set sofa lamp brightness to 100", True),
        ("sofa lamp and desk lamp on", "turn on sofa lamp; turn on desk lamp",
         "turn on desk lamp; turn on sofa lamp", True),
        ("mood lights on sofa lamp desk lamp", "turn on mood lights",
         "turn on sofa lamp; turn on desk lamp", True),
        # "which one?" is not the same as doing it.
        ("unlock the door front door back door", "unlock locks",
         "unlock front door; unlock back door", False),
        ("lock the door front door back door", "lock locks", "lock front door; lock back door",
         True),
        ("sofa lamp on then off", "turn on sofa lamp; turn off sofa lamp",
         "turn off sofa lamp; turn on sofa lamp", False),
        ("is the sofa lamp on", "is sofa lamp on", "is sofa lamp on", True),
        ("is the sofa lamp on", "none", "is sofa lamp on", False),
        ("tell me a joke", "none", "none", True),
        ("a joke about the sofa lamp", "turn on sofa lamp", "none", False),
    ],
)  # fmt: skip
def test_meanings_are_the_same_where_the_same_would_happen(
    make_model, home, text, says, meant, right
) -> None:
    assert judged_by(make_model, home, text, says, meant).right is right


def test_what_the_grammar_lacks_cannot_be_right(make_model, home) -> None:
    found = judged_by(make_model, home, "turn on the boat", "none", "turn on boat")
    assert not found.reachable
    assert not found.right


@pytest.mark.parametrize(
    ("text", "says", "logprob", "did"),
    [
        ("turn on the sofa lamp", "turn on sofa lamp", 0.0, Verdict.ACTED),
        ("turn on the sofa lamp", "turn on sofa lamp", -5.2, Verdict.ASKED),
        ("turn on the sofa lamp", "turn on sofa lamp", -9.0, Verdict.REFUSED),
        ("unlock the front door", "unlock front door", -4.0, Verdict.ASKED),
        ("lock the front door", "lock front door", -4.0, Verdict.ACTED),
        ("do not turn on the sofa lamp", "turn on sofa lamp", 0.0, Verdict.ASKED),
        ("lock the lock", "lock lock", 0.0, Verdict.ASKED),
        ("is the sofa lamp on", "is sofa lamp on", 0.0, Verdict.ANSWERED),
        ("tell me a joke", "none", 0.0, Verdict.REFUSED),
    ],
)
def test_the_verdict_is_the_daemons(make_model, home, text, says, logprob, did) -> None:
    interpreter = Interpreter(make_model({text: says}, logprob), EXAMPLES, CALIBRATION)
    sentence = interpreter.prepare(text, Vocabulary(home), None)
    found = judge(
        interpreter, sentence, home, Refusal(), expected="none", reachable=True, labels={}
    )
    assert verdict(found, CALIBRATION) is did


def reading(
    score: float,
    *,
    right: bool,
    meant: Sort,
    risk: Risk = Risk.COMFORT,
    lead: float = MOST_MARGIN,
) -> Judged:
    return Judged(
        text="a",
        expected="b",
        said="c",
        evidence=Evidence(score, lead=lead),
        meant=meant,
        got=Sort.PLAN,
        right=right,
        reachable=True,
        blocked=None,
        risk=risk,
        secure=risk is Risk.SECURITY,
        labels={"what": "none chat" if meant is Sort.REFUSAL else "power=on", "devices": "010"},
    )


@pytest.fixture(scope="module")
def readings() -> list[Judged]:
    """4,000 readings that are right with the probability sigmoid(3 + score / 2)."""
    rng = np.random.default_rng(3)
    found = []
    for score in -rng.exponential(4.0, 4000):
        right = bool(rng.random() < 1 / (1 + np.exp(-(3 + score / 2))))
        meant = Sort.PLAN if right or rng.random() < 0.5 else Sort.REFUSAL
        risk = Risk.SECURITY if rng.random() < 0.2 else Risk.COMFORT
        found.append(reading(float(score), right=right, meant=meant, risk=risk))
    return found


def test_the_fit_finds_the_odds_that_made_the_readings(readings) -> None:
    rng = np.random.default_rng(4)
    margins = rng.uniform(0.0, 8.0, len(readings))
    evidence = [
        Evidence(one.evidence.score, margin) for one, margin in zip(readings, margins, strict=True)
    ]
    odds = [3 + one.score / 2 + (one.margin - 4) / 3 for one in evidence]
    right = [bool(rng.random() < 1 / (1 + np.exp(-one))) for one in odds]
    bias, weight, margin = fit(evidence, right)
    assert bias == pytest.approx(3.0 - 4 / 3, abs=0.3)
    assert weight == pytest.approx(0.5, abs=0.06)
    assert margin == pytest.approx(1 / 3, abs=0.06)


def test_a_fit_makes_confidences_honest(readings) -> None:
    fitted = calibrate(readings)
    assert calibration_error(reliability(readings, fitted)) < 0.03
    naive = Calibration(9.0, 1.0, dict.fromkeys(Risk, 0.5), 0.2)
    assert calibration_error(reliability(readings, naive)) > 0.1


def test_thresholds_keep_false_actions_within_their_limits() -> None:
    rng = np.random.default_rng(5)
    found = []
    for number in range(3000):
        nothing = number % 3 == 0
        risk = Risk.SECURITY if number % 5 == 0 else Risk.COMFORT
        score, lead = -rng.exponential(0.5), rng.uniform(0.0, 4.5) if nothing else 5.0
        other = not nothing and rng.random() < 0.1
        meant = Sort.REFUSAL if nothing else Sort.PLAN
        right = not (nothing or other)
        found.append(reading(score - 3 * other, right=right, meant=meant, risk=risk, lead=lead))
    idle = [one for one in found if one.meant is Sort.REFUSAL]
    more = [one for one in idle if one.evidence.lead >= 3]
    few = [one for one in found if one not in more]
    assert calibrate(few).lead[Risk.COMFORT] < 3
    fitted = calibrate(few, more)
    for risk in (Risk.COMFORT, Risk.SECURITY):
        false = [one for one in idle if one.risk is risk and verdict(one, fitted) is Verdict.ACTED]
        assert len(false) <= LIMITS[risk] * len(idle)
    assert fitted.ask <= fitted.act[Risk.COMFORT] <= fitted.act[Risk.SECURITY]
    assert 3 < fitted.lead[Risk.COMFORT] <= fitted.lead[Risk.SECURITY] <= 5


def test_what_cannot_be_told_apart_does_not_stop_everything() -> None:
    rng = np.random.default_rng(6)
    leads = rng.uniform(0.0, MOST_MARGIN, 4000)
    found = [
        reading(
            -float(rng.exponential(0.2)),
            right=number % 4 > 0,
            meant=Sort.PLAN if number % 4 else Sort.REFUSAL,
            lead=float(lead),
        )
        for number, lead in enumerate(leads)
    ]
    fitted = calibrate(found)
    right = [one for one in found if one.right]
    acted = [one for one in right if verdict(one, fitted) is Verdict.ACTED]
    assert len(acted) == pytest.approx(ACTED_AT_LEAST[Risk.COMFORT] * len(right), rel=0.01)


def test_a_fit_wants_right_and_wrong_readings() -> None:
    with pytest.raises(FactoryError, match="50 readings"):
        fit([Evidence(-1.0)] * 60, [True] * 60)


def test_confidence_falls_with_the_score_and_with_the_margin() -> None:
    calibration = replace(CALIBRATION, margin=0.5)
    evidence = [Evidence(0.0), Evidence(-2.0), Evidence(-2.0, 1.0), Evidence(-8.0, -1.0)]
    sure = [calibration.confidence(one) for one in evidence]
    assert sure == sorted(sure, reverse=True)
    assert len(set(sure)) == 4


def test_wilson_intervals() -> None:
    # The worked example of Newcombe (1998), table I: 81 of 263.
    low, high = Share(81, 263).interval
    assert (low, high) == (pytest.approx(0.2553, abs=1e-4), pytest.approx(0.3662, abs=1e-4))
    assert Share(0, 0).interval == (0.0, 1.0)
    assert Share(0, 1000).interval[1] == pytest.approx(0.00383, abs=1e-4)


def test_the_report_counts_what_happened(readings) -> None:
    report = summarise(readings, CALIBRATION, name="tiny", seed=1, seconds=2.0)
    assert json.loads(json.dumps(report)) == report
    idle = [one for one in readings if one.meant is Sort.REFUSAL]
    fired = [one for one in idle if verdict(one, CALIBRATION) is Verdict.ACTED]
    assert report["false actions"]["all"]["hits"] == len(fired)
    assert report["false actions"]["security"]["hits"] == sum(one.secure for one in fired)
    assert report["false actions"]["by class"]["none chat"]["total"] == len(idle)
    assert report["by"]["devices"]["010"]["exact"]["total"] == len(readings)
    assert "false actions, security" in text_of(report)


def test_the_command_scores_a_file(file: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "_fixtures.yaml").write_text(
        "areas: [{name: Attic, id: a}]\nentities: [{name: Beam, id: light.beam, area: a}]\n"
    )
    (tmp_path / "light.yaml").write_text(
        "tests:\n  - sentences: [beam on, attic lights on]\n"
        "    intent: {name: HassTurnOn, slots: {area: Attic, domain: light}}\n"
    )
    said = ["eval-model", "--model", str(file), "--intents", str(tmp_path), "--failures"]
    assert main([*said, "--threads", "1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["sentences"] == 2
    assert report["known"]["reachable"]["hits"] == 2
    assert len(report["failures"]) == 2 - report["known"]["exact"]["hits"]
    assert main(["eval-model", "--model", str(tmp_path / "absent.gguf")]) == 1
    assert "absent.gguf" in capsys.readouterr().err
