"""Data sets on disk: made once, whole or not at all, and packed without loss."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_agent.errors import FactoryError
from edge_agent.factory.examples.data import (
    Line,
    Packer,
    corpus,
    lines,
    pack,
    pieces,
    read_lines,
    write_lines,
)
from edge_agent.factory.examples.packed import Packed, vocabulary_name
from edge_agent.factory.examples.vocabulary import CONTROLS, TokenVocabulary
from edge_agent.factory.sentences.bank import Split
from edge_agent.language.prompt import CANDIDATES, Context, Mark
from edge_agent.slm.tokenizer import byte_letters

LINE = Line(
    text="turn it off",
    output="turn off desk lamp",
    kinds=("light", "lock"),
    names=("desk lamp, light", "back door, lock"),
    area="study",
    before="turn on desk lamp",
    what="power=off",
    style="direct",
    how="follow-up",
    commands=1,
    sort="home",
    devices=2,
)


@dataclass
class Maker:
    """Makes lines that name their seed, and breaks off in one part if it is told to."""

    broken: int | None = None
    made: int = 0

    def __call__(self, split: Split, seed: int, count: int) -> Iterator[Line]:
        for number in range(count):
            if seed == self.broken and number == 1:
                raise KeyboardInterrupt
            self.made += 1
            yield Line(**{**as_dict(LINE), "text": f"{split} {seed} {number}"})


def as_dict(line: Line) -> dict[str, object]:
    return {name: getattr(line, name) for name in line.__struct_fields__}


@pytest.fixture(scope="module")
def vocabulary() -> TokenVocabulary:
    """A vocabulary of single bytes and one word."""
    letters = byte_letters()
    return TokenVocabulary(
        pre="smollm",
        tokens=(*letters, "on", *CONTROLS),
        merges=("o n",),
        kept=tuple(range(len(letters) + 1)),
        added=dict.fromkeys(CONTROLS, (0,)),
        controls=tuple(CONTROLS),
    )


def test_lines_are_the_same_for_the_same_seed_and_come_back_from_disk(tmp_path: Path) -> None:
    one, other = (list(lines(Split.TEST, 7, 25)) for _ in range(2))
    assert one == other
    files = write_lines(tmp_path, Split.TEST, seed=7, count=25, parts=1)
    assert list(read_lines(files)) == one
    assert len({line.text for line in one}) > 20


def test_another_process_makes_the_same_lines() -> None:
    """Sets of strings have another order in every process; nothing may hang on it."""
    script = (
        "from edge_agent.factory.examples.data import Split, lines\n"
        "for line in lines(Split.TEST, 3, 40): print(line)"
    )

    def printed(hash_seed: int) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
        command = [sys.executable, "-c", script]
        return subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True
        ).stdout

    assert printed(1) == printed(2)


def test_parts_count_on_from_the_seed_and_hold_their_share(tmp_path: Path) -> None:
    told: list[str] = []
    files = write_lines(
        tmp_path, Split.TRAIN, seed=5, count=7, parts=3, make=Maker(), tell=told.append
    )
    assert [file.name for file in files] == [f"train-0000{seed}.jsonl" for seed in (5, 6, 7)]
    texts = [line.text for line in read_lines(files)]
    assert texts == [f"train {seed} {number}" for seed in (5, 6, 7) for number in range(3)]
    assert len(told) == 3
    assert told[-1] == "train-00007.jsonl (3/3)"


def test_a_run_that_was_killed_goes_on_with_the_part_it_was_in(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_lines(tmp_path, Split.TRAIN, seed=1, count=9, parts=3, make=Maker(broken=2))
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "train-00001.jsonl",
        "train-00002.jsonl.partial",
    ]
    again = Maker()
    files = write_lines(tmp_path, Split.TRAIN, seed=1, count=9, parts=3, make=again)
    assert again.made == 6
    whole = write_lines(tmp_path / "whole", Split.TRAIN, seed=1, count=9, parts=3, make=Maker())
    assert [file.read_bytes() for file in files] == [file.read_bytes() for file in whole]
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_is_told_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "train-00001.jsonl.partial").symlink_to("/dev/full")
    with pytest.raises(FactoryError, match=r"train-00001\.jsonl: cannot be written: No space left"):
        write_lines(tmp_path, Split.TRAIN, seed=1, count=3, parts=1, make=Maker())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(FactoryError, match="data: cannot be written"):
        write_lines(tmp_path / "data", Split.TRAIN, seed=1, count=3, parts=1, make=Maker())


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (b'{"text": "a"', "line 2: "),
        (b'{"text": 1}', r"line 2: .*text"),
        (b'{"text": "a"}', "line 2: .*output"),
        (b'{"mood": "a"}', "line 2: .*mood"),
    ],
)
def test_a_damaged_line_is_told_by_its_number(tmp_path: Path, wrong: bytes, told: str) -> None:
    (file,) = write_lines(tmp_path, Split.TRAIN, seed=1, count=1, parts=1, make=Maker())
    file.write_bytes(file.read_bytes() + wrong + b"\n")
    with pytest.raises(FactoryError, match=told):
        list(read_lines([file]))


def test_a_file_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(FactoryError, match=r"none\.jsonl: cannot be read"):
        list(read_lines([tmp_path / "none.jsonl"]))


def test_the_prompt_of_a_line_is_the_daemons() -> None:
    context = Context(LINE.kinds, LINE.names, LINE.area, LINE.before)
    assert pieces(LINE) == CANDIDATES.tail(LINE.text, context)


def test_other_forms_of_the_prompt_leave_out_or_move_the_names() -> None:
    whole, after = pieces(LINE), pieces(LINE, "after")
    assert sorted(after) == sorted(whole)
    assert after.index(Mark.SAID) < after.index(Mark.NAME)
    assert after[-1] == Mark.DO
    assert Mark.NAME not in pieces(LINE, "utterance")
    with pytest.raises(FactoryError, match="'short'; legal: candidates, utterance, after"):
        pieces(LINE, "short")


def test_a_packed_line_reads_as_its_prompt_and_output(
    tmp_path: Path, vocabulary: TokenVocabulary
) -> None:
    files = write_lines(tmp_path / "lines", Split.TEST, seed=1, count=12, parts=2)
    assert pack(files, tmp_path / "packed", vocabulary, longest=100_000) == 0
    packed = Packed.open(tmp_path / "packed", vocabulary=vocabulary_name(vocabulary.tokens))
    tokenizer = vocabulary.tokenizer()
    marks = {tokenizer.special(mark): mark for mark in Mark}
    made = list(read_lines(files))
    assert len(packed) == len(made) == 12
    for number, line in enumerate(made):
        ids, prompt = packed.example(number)
        whole = "".join(marks.get(token) or tokenizer.decode([token]) for token in ids.tolist())
        assert whole == f"{''.join(pieces(line))} {line.output}{Mark.END}"
        assert ids[prompt - 1] == tokenizer.special(Mark.DO)


def test_what_is_too_long_is_left_out_and_counted(
    tmp_path: Path, vocabulary: TokenVocabulary
) -> None:
    files = write_lines(tmp_path / "lines", Split.TEST, seed=1, count=12, parts=1)
    packer = Packer(vocabulary.tokenizer())
    lengths = sorted(
        len(packer.prompt(line)) + len(packer.output(line)) for line in read_lines(files)
    )
    left_out = pack(files, tmp_path / "packed", vocabulary, longest=lengths[7])
    packed = Packed.open(tmp_path / "packed")
    assert left_out == sum(length > lengths[7] for length in lengths)
    assert sorted(packed.lengths.tolist()) == lengths[: 12 - left_out]


def test_what_is_said_weighs_more_than_what_is_shown(tmp_path: Path) -> None:
    files = write_lines(tmp_path, Split.TRAIN, seed=1, count=1, parts=1, make=Maker())
    weights = dict(corpus(files))
    assert weights[" train 1 0"] == weights[f" {LINE.output}"]
    assert weights[f" {LINE.output}"] > weights[" desk lamp, light"] > weights[" lock"] > 0
