"""The mean of checkpoints, from the command line as well."""

from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from edge_agent.errors import FactoryError
from edge_agent.factory.network.average import average, main
from edge_agent.factory.network.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from edge_agent.factory.network.net import Shape

SHAPE = Shape(2, 64, 64, 2, 1, 24, 64, 1e4, 1e-5)


def filled(value: float, **changes) -> Checkpoint:
    weights = {name: torch.full(size, value) for name, size in SHAPE.shapes().items()}
    made = Checkpoint(SHAPE, weights, {"state": {}}, 3, 40, meta={"vocabulary": "v", "minutes": 9})
    return replace(made, **changes)


def test_the_mean_has_every_weight_by_its_share_and_nothing_of_a_run():
    found = average([(1.0, filled(1.0)), (3.0, filled(2.0, step=9, tokens=7))])
    assert all(torch.allclose(weight, torch.tensor(1.75)) for weight in found.weights.values())
    assert (found.step, found.tokens, found.optimiser) == (9, 40, None)
    assert found.meta == {"vocabulary": "v"}


def test_what_is_averaged_stays_as_it_was():
    one = filled(1.0)
    average([(2.0, one), (1.0, filled(4.0))])
    assert all(torch.equal(weight, torch.ones_like(weight)) for weight in one.weights.values())


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([], "one checkpoint or more"),
        ([(0.0, filled(1.0))], "share of 0"),
        ([(1.0, filled(1.0)), (1.0, filled(1.0, meta={"vocabulary": "w"}))], "two vocabularies"),
        (
            [(1.0, filled(1.0)), (1.0, filled(1.0, shape=replace(SHAPE, layers=1)))],
            "two shapes",
        ),
    ],
)
def test_what_has_no_mean_is_told(parts, words):
    with pytest.raises(FactoryError, match=words):
        average(parts)


def test_the_command_writes_what_others_can_go_on_with(tmp_path: Path, capsys):
    one, other, out = (tmp_path / name for name in ("one.pt", "other.pt", "out.pt"))
    save_checkpoint(one, filled(1.0))
    save_checkpoint(other, filled(3.0))
    assert main([str(out), f"3:{one}", str(other)]) == 0
    found = load_checkpoint(out)
    assert all(torch.allclose(weight, torch.tensor(1.5)) for weight in found.weights.values())
    assert main([str(out), str(tmp_path / "absent.pt")]) == 1
    assert "absent.pt" in capsys.readouterr().err
