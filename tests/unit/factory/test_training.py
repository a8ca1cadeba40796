"""Training: it learns, stops on budget, goes on exactly, and tells what it cannot do."""

import errno
import json
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from edge_agent.errors import FactoryError
from edge_agent.factory.examples.batches import in_order
from edge_agent.factory.examples.packed import Packed, PackedWriter
from edge_agent.factory.learn.distil import Shares, feature, learn_from, response
from edge_agent.factory.learn.schedule import Budget, Schedule
from edge_agent.factory.learn.train import main, starting_point
from edge_agent.factory.learn.training import (
    CHECKPOINT,
    LOG,
    Machine,
    Run,
    Settings,
    begin_anew,
    evaluate,
)
from edge_agent.factory.network import lora
from edge_agent.factory.network.checkpoint import (
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from edge_agent.factory.network.net import Shape, in_turn
from edge_agent.factory.network.rounding import as_exported

SHAPE = Shape(2, 64, 64, 2, 1, 24, 64, 1e4, 1e-5)
MACHINE = Machine(torch.device("cpu"), torch.float32)


def fresh(shape=SHAPE, seed=0, vocabulary="v"):
    random = torch.Generator().manual_seed(seed)
    weights = {
        name: torch.randn(size, generator=random) * 0.1 if len(size) > 1 else torch.ones(size)
        for name, size in shape.shapes().items()
    }
    return Checkpoint(shape, weights, meta={"vocabulary": vocabulary})


def examples(path, numbers=range(10)):
    """Prompt: two digits and a mark; output: the second digit, the first, and an end."""
    with PackedWriter(path, vocabulary="v", vocab_size=24) as writer:
        for a in numbers:
            for b in range(10):
                writer.add([a, b, 20], [b, a, 21])
    return Packed.open(path)


def settings(**changes):
    plain = Settings(
        Budget(steps=60),
        Schedule(1e-2, warmup=5),
        batch_tokens=128,
        log_steps=10,
        validate_minutes=1e9,
        checkpoint_minutes=1e9,
    )
    return replace(plain, **changes)


def run(tmp_path, start, data, how, name="out", **more):
    return Run(how, start, data, MACHINE, out=tmp_path / name, say=str, **more).run()


def score(checkpoint, data, transform=None):
    return evaluate(checkpoint, in_order(data, budget=512), MACHINE, transform)


def test_it_learns_and_the_measured_match_is_that_of_greedy_decoding(tmp_path) -> None:
    data = examples(tmp_path / "data")
    before = score(fresh(), data)
    done = run(tmp_path, fresh(), data, settings(), validation=data)
    after = score(done, data)
    assert before.exact < 0.1
    assert after.exact > 0.9
    assert after.examples == 100
    lines = [json.loads(line) for line in (tmp_path / "out" / LOG).read_text().splitlines()]
    assert [line["step"] for line in lines] == [10, 20, 30, 40, 50, 60, 60]
    assert lines[-1]["validation"]["exact"] == pytest.approx(after.exact)


def stop_after(steps):
    ticks = count()

    def say(_: str) -> None:
        if next(ticks) == steps:
            raise KeyboardInterrupt

    return say


def test_a_killed_run_goes_on_exactly(tmp_path) -> None:
    data = examples(tmp_path / "data")
    how = settings(ema=0.9)
    whole = run(tmp_path, fresh(), data, how)
    # A clock that makes a checkpoint due before every step, and a process that dies on the way.
    minutes = count()
    with pytest.raises(KeyboardInterrupt):
        Run(
            replace(how, checkpoint_minutes=0.5),
            fresh(),
            data,
            MACHINE,
            out=tmp_path / "killed",
            clock=lambda: next(minutes) * 60.0,
            say=stop_after(2),
        ).run()
    kept = starting_point(tmp_path / "killed", None)
    assert kept.step == 29
    done = run(tmp_path, kept, data, how, name="killed")
    assert (done.step, done.tokens) == (whole.step, whole.tokens)
    for name, weight in whole.weights.items():
        assert torch.equal(weight, done.weights[name]), name


def test_a_budget_of_minutes_ends_with_the_rate_at_nothing(tmp_path) -> None:
    data = examples(tmp_path / "data")
    seconds = count(step=6)
    how = settings(budget=Budget(minutes=2))
    done = Run(
        how,
        fresh(),
        data,
        MACHINE,
        out=tmp_path / "out",
        clock=lambda: float(next(seconds)),
        say=str,
    ).run()
    assert done.step == 20
    assert done.meta["minutes"] == pytest.approx(2)


def test_a_finished_run_is_not_begun_again_by_mistake(tmp_path) -> None:
    data = examples(tmp_path / "data")
    run(tmp_path, fresh(), data, settings(budget=Budget(steps=3)))
    with pytest.raises(FactoryError, match="that run is finished"):
        starting_point(tmp_path / "out", None)


def test_a_new_run_goes_on_from_a_finished_one_with_new_data(tmp_path) -> None:
    few = examples(tmp_path / "few", range(5))
    first = run(tmp_path, fresh(), few, settings())
    everything = examples(tmp_path / "all")
    again = starting_point(tmp_path / "next", tmp_path / "out" / CHECKPOINT)
    done = run(tmp_path, again, everything, settings(), name="next")
    assert done.step == 120
    assert score(done, everything).exact > score(first, everything).exact


def test_an_unfinished_run_takes_more_data(tmp_path) -> None:
    few = examples(tmp_path / "few", range(5))
    done = run(tmp_path, fresh(), few, settings(budget=Budget(steps=10)))
    unfinished = replace(done, meta={**done.meta, "finished": False})
    more = run(tmp_path, unfinished, examples(tmp_path / "all"), settings())
    assert more.step == 60
    assert more.meta["epoch"] > done.meta["epoch"]


def test_the_schedule_rises_stays_and_falls_to_nothing() -> None:
    schedule = Schedule(1.0, warmup=10, decay=0.25)
    assert schedule.rate(0, 0.0) == pytest.approx(0.1)
    assert schedule.rate(10, 0.0) == schedule.rate(500, 0.74) == pytest.approx(1.0)
    assert schedule.rate(500, 0.875) == pytest.approx(0.5)
    assert schedule.rate(500, 1.0) == 0.0


@pytest.mark.parametrize(("minutes", "steps"), [(None, None), (1, 1), (0, None), (None, -1)])
def test_a_budget_is_one_limit(minutes, steps) -> None:
    with pytest.raises(FactoryError, match="legal is one of them"):
        Budget(minutes, steps)


def test_data_of_another_vocabulary_are_refused(tmp_path) -> None:
    data = examples(tmp_path / "data")
    with pytest.raises(FactoryError, match="the network to 'w'"):
        run(tmp_path, fresh(vocabulary="w"), data, settings())
    with pytest.raises(FactoryError, match="24 token ids, the network 25"):
        run(tmp_path, fresh(replace(SHAPE, vocab_size=25)), data, settings())


def test_a_checkpoint_of_another_shape_is_refused(tmp_path) -> None:
    save_checkpoint(tmp_path / "a.pt", fresh())
    assert load_checkpoint(tmp_path / "a.pt", shape=SHAPE).shape == SHAPE
    with pytest.raises(FactoryError, match="this run has"):
        load_checkpoint(tmp_path / "a.pt", shape=replace(SHAPE, layers=1))


def test_a_damaged_checkpoint_is_told(tmp_path) -> None:
    path = tmp_path / "a.pt"
    save_checkpoint(path, fresh())
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(FactoryError, match="damaged"):
        load_checkpoint(path)
    torch.save({"shape": 1}, path)
    with pytest.raises(FactoryError, match="legal keys are"):
        load_checkpoint(path)


def test_a_full_disk_leaves_the_old_checkpoint(tmp_path, monkeypatch) -> None:
    path = tmp_path / "a.pt"
    save_checkpoint(path, fresh(seed=1))
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(FactoryError, match=r"a\.pt: .*No space left"):
        save_checkpoint(path, fresh(seed=2))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_loss_that_is_no_number_ends_the_run(tmp_path) -> None:
    broken = fresh()
    broken.weights["output_norm.weight"][0] = float("nan")
    with pytest.raises(FactoryError, match="not a number"):
        run(tmp_path, broken, examples(tmp_path / "data"), settings())
    assert not (tmp_path / "out" / CHECKPOINT).exists()


def test_trained_on_rounded_weights_the_rounded_network_is_right(tmp_path) -> None:
    data = examples(tmp_path / "data")
    done = run(tmp_path, fresh(), data, settings(), transform=as_exported)
    assert score(done, data, as_exported).exact > 0.9


def test_adapters_alone_learn_and_merging_changes_nothing(tmp_path) -> None:
    few, data = examples(tmp_path / "few", range(8)), examples(tmp_path / "data")
    first = run(tmp_path, fresh(), few, settings())
    start = lora.add_adapters(begin_anew(first), rank=8, seed=0)
    transform = lora.adapted(start.meta)
    assert score(start, data, transform) == score(first, data)
    done = run(
        tmp_path, start, data, settings(), name="b", transform=transform, trained=lora.trained
    )
    for name in SHAPE.shapes():
        assert torch.equal(done.weights[name], first.weights[name])
    adapted = score(done, data, transform)
    assert adapted.loss < score(first, data).loss / 2
    merged = lora.merge(done)
    assert merged.weights.keys() == SHAPE.shapes().keys()
    assert score(merged, data).loss == pytest.approx(adapted.loss, rel=1e-4)


def test_adapters_are_refused_where_they_do_not_fit() -> None:
    with pytest.raises(FactoryError, match="legal are 1 to 64"):
        lora.add_adapters(fresh(), rank=65, seed=0)
    with pytest.raises(FactoryError, match="merge them before"):
        lora.add_adapters(lora.add_adapters(fresh(), rank=2, seed=0), rank=2, seed=0)
    with pytest.raises(FactoryError, match="no adapters"):
        lora.merge(fresh())


def test_a_student_learns_from_the_teacher_alone(tmp_path) -> None:
    data = examples(tmp_path / "data")
    teacher = run(tmp_path, fresh(), data, settings(), name="teacher")
    small = replace(SHAPE, layers=1)
    objective = learn_from(
        teacher,
        small,
        [1],
        shares=Shares(written=0.0, response=1.0, feature=0.5),
        dtype=torch.float32,
        device=torch.device("cpu"),
        stack=in_turn,
    )
    done = run(tmp_path, fresh(small), data, settings(), objective=objective)
    assert score(done, data).exact > 0.9


def test_the_parts_of_distillation_are_nothing_for_equals_and_grow_with_distance() -> None:
    one, two = torch.randn(2, 6, 9, generator=torch.Generator().manual_seed(0))
    for part in (lambda a, b: response(a, b, 2.0), feature):
        assert float(part(one, one)) == pytest.approx(0, abs=1e-6)
        assert 0 < float(part(one + 0.1 * two, one)) < float(part(one + two, one))


@pytest.mark.parametrize(
    ("student", "layers", "told"),
    [
        (replace(SHAPE, dim=96), [0, 1], "width 64"),
        (SHAPE, [0], "2 layers cannot come"),
        (SHAPE, [0, 2], "legal is one of 0 to 1"),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused(student, layers, told) -> None:
    with pytest.raises(FactoryError, match=told):
        learn_from(
            fresh(),
            student,
            layers,
            shares=Shares(),
            dtype=torch.float32,
            device=torch.device("cpu"),
            stack=in_turn,
        )


def test_the_command_line_trains_and_says_what_is_wrong(tmp_path, capsys) -> None:
    examples(tmp_path / "data")
    save_checkpoint(tmp_path / "start.pt", fresh())
    given = f"--data {tmp_path / 'data'} --out {tmp_path / 'out'} --steps 3 --log-steps 1".split()
    assert main(given) == 1
    assert "--init names one to begin from" in capsys.readouterr().err
    assert main([*given, "--init", str(tmp_path / "start.pt")]) == 0
    assert capsys.readouterr().err.splitlines()[-1].startswith("step 3  loss ")
    assert load_checkpoint(Path(tmp_path / "out" / CHECKPOINT)).meta["finished"] is True
