"""Packed examples on disk, and the batches made of them."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.errors import FactoryError
from edge_agent.factory.examples.batches import collate, plan
from edge_agent.factory.examples.packed import Packed, PackedWriter

EXAMPLES = [([1, 2, 3], [4, 5]), ([6], [7]), ([8, 9], [10, 11, 12])]


def write(path, examples=EXAMPLES, vocabulary="v", vocab_size=100):
    with PackedWriter(path, vocabulary=vocabulary, vocab_size=vocab_size) as writer:
        for prompt, output in examples:
            writer.add(prompt, output)
    return path


def test_examples_come_back_as_they_were_written(tmp_path) -> None:
    data = Packed.open(write(tmp_path / "a"), vocabulary="v")
    found = [(ids.tolist(), prompt) for ids, prompt in map(data.example, range(len(data)))]
    assert found == [([*p, *o], len(p)) for p, o in EXAMPLES]


def test_joined_data_sets_are_one_behind_the_other(tmp_path) -> None:
    parts = [write(tmp_path / "a"), write(tmp_path / "b", [([20], [21, 22])])]
    data = Packed.join([Packed.open(path) for path in parts])
    assert len(data) == 4
    assert data.example(3)[0].tolist() == [20, 21, 22]
    assert data.example(1)[0].tolist() == [6, 7]
    assert data.meta.tokens == 5 + 2 + 5 + 3


def test_a_data_set_that_failed_is_not_there_and_the_old_one_stays(tmp_path) -> None:
    write(tmp_path / "a")
    with (
        pytest.raises(FactoryError, match="span 1 to 100"),
        PackedWriter(tmp_path / "a", vocabulary="v", vocab_size=100) as writer,
    ):
        writer.add([1], [100])
    assert len(Packed.open(tmp_path / "a")) == len(EXAMPLES)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_unfinished_and_missing_data_are_told(tmp_path) -> None:
    with PackedWriter(tmp_path / "a", vocabulary="v", vocab_size=9) as writer:
        writer.add([1], [2])
        with pytest.raises(FactoryError, match="no finished data set"):
            Packed.open(tmp_path / "a")
    assert len(Packed.open(tmp_path / "a")) == 1


def test_empty_parts_and_sets_are_refused(tmp_path) -> None:
    with pytest.raises(FactoryError, match="prompt or output is empty"):
        write(tmp_path / "a", [([], [1])])
    with pytest.raises(FactoryError, match="holds no examples"):
        Packed.open(write(tmp_path / "b", []))


def test_another_vocabulary_is_refused(tmp_path) -> None:
    write(tmp_path / "a")
    write(tmp_path / "b", vocabulary="w")
    with pytest.raises(FactoryError, match="vocabulary 'v', not to 'w'"):
        Packed.open(tmp_path / "a", vocabulary="w")
    with pytest.raises(FactoryError, match="do not go together"):
        Packed.join([Packed.open(tmp_path / name) for name in "ab"])


def test_more_ids_than_16_bits_hold_are_refused(tmp_path) -> None:
    with pytest.raises(FactoryError, match="legal are 1 to 65536"):
        PackedWriter(tmp_path / "a", vocabulary="v", vocab_size=65537)


@pytest.mark.parametrize("name", ["tokens.bin", "index.bin", "meta.json"])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_damage_is_an_error_or_another_legal_data_set(tmp_path_factory, name, data) -> None:
    folder = write(tmp_path_factory.mktemp("packed") / "a")
    content = bytearray((folder / name).read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[at] ^= 1 << data.draw(st.integers(0, 7))
    else:
        del content[at:]
    (folder / name).write_bytes(content)
    try:
        found = Packed.open(folder)
    except FactoryError as error:
        told = str(error)
        assert str(folder) in told
        return
    for number in range(len(found)):
        ids, prompt = found.example(number)
        assert 0 < prompt < len(ids)
        assert int(ids.max()) < found.meta.vocab_size


def test_unknown_keys_name_file_and_key(tmp_path) -> None:
    meta = write(tmp_path / "a") / "meta.json"
    meta.write_text(json.dumps(json.loads(meta.read_text()) | {"colour": 1}))
    with pytest.raises(FactoryError, match=r"meta\.json: .*colour"):
        Packed.open(tmp_path / "a")


def test_a_pass_holds_each_example_once_within_the_budget_and_the_seed_decides(tmp_path) -> None:
    random = np.random.default_rng(0)
    lengths = random.integers(2, 90, size=3000)
    batches = plan(lengths, budget=500, seed=3, epoch=1)
    assert sorted(np.concatenate(batches)) == list(range(3000))
    sizes = [len(batch) * int(lengths[batch].max()) for batch in batches]
    assert max(sizes) <= 500
    assert sum(sizes) < 1.1 * lengths.sum()
    again = plan(lengths, budget=500, seed=3, epoch=1)
    assert all(map(np.array_equal, batches, again))
    other = plan(lengths, budget=500, seed=3, epoch=2)
    assert not all(map(np.array_equal, batches, other))

    batch = collate(Packed.open(write(tmp_path / "a")), np.array([0, 2]))
    assert batch.tokens.tolist() == [[1, 2, 3, 4], [8, 9, 10, 11]]
    assert batch.rows.tolist() == [2, 3, 5, 6, 7]
    assert batch.targets.tolist() == [4, 5, 10, 11, 12]
    assert batch.owner.tolist() == [0, 0, 1, 1, 1]
