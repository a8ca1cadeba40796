from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.errors import ModelError
from edge_agent.slm.gguf import open_gguf
from edge_agent.slm.tokenizer import Tokenizer

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def make(tokens=("<|end|>", *LETTERS, "Ġ", "th", "the", "Ġthe"), merges=("t h", "th e", "Ġ the")):
    types = tuple(3 if token.startswith("<|") else 1 for token in tokens)
    return Tokenizer(tuple(tokens), types, tuple(merges), pre="smollm", bos=None, eos=0)


@pytest.fixture(scope="session")
def real(real_model_path: Path) -> Tokenizer:
    return Tokenizer.from_gguf(open_gguf(real_model_path).metadata)


def test_merges_lowest_rank_first() -> None:
    tokenizer = make()
    assert [tokenizer.decode([i]) for i in tokenizer.encode("the the")] == ["the", " the"]


def test_overlapping_pairs_merge_from_the_left() -> None:
    tokenizer = make(tokens=("a", "aa"), merges=("a a",))
    assert tokenizer.encode("aaaaa") == [1, 1, 0]


def test_a_byte_that_the_vocabulary_lacks_is_left_out() -> None:
    assert make().encode("t!h") == make().encode("t") + make().encode("h")


def test_special_names_the_legal_ones() -> None:
    with pytest.raises(ModelError, match=r"'<\|no\|>'; legal are <\|end\|>"):
        make().special("<|no|>")


def test_special_knows_no_plain_token() -> None:
    with pytest.raises(ModelError):
        make().special("the")


def test_a_very_long_word_takes_no_quadratic_time() -> None:
    tokenizer = make()
    ids = tokenizer.encode("the" * 100_000)
    assert len(ids) == 100_000
    assert tokenizer.encode("the") == ids[:1]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"tokenizer.ggml.model": "llama"}, "tokenizer.ggml.model is 'llama'; legal is gpt2"),
        ({"tokenizer.ggml.pre": "qwen2"}, "legal are smollm, gpt-2"),
        ({"tokenizer.ggml.pre": 3}, "tokenizer.ggml.pre is 3"),
        ({"tokenizer.ggml.tokens": None}, "tokenizer.ggml.tokens is missing"),
        ({"tokenizer.ggml.tokens": ("a", "a")}, "token_type"),
        ({"tokenizer.ggml.merges": (1, 2)}, "tokenizer.ggml.merges"),
        ({"tokenizer.ggml.token_type": (1,)}, "token_type"),
        ({"tokenizer.ggml.eos_token_id": 99}, "legal are 0 to 2"),
    ],
)
def test_broken_metadata_is_named(change: dict, place: str) -> None:
    metadata = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": ("a", "b", "ab"),
        "tokenizer.ggml.token_type": (1, 1, 1),
        "tokenizer.ggml.merges": ("a b",),
    }
    assert Tokenizer.from_gguf(metadata).encode("ab") == [2]
    changed = {k: v for k, v in (metadata | change).items() if v is not None}
    with pytest.raises(ModelError, match=place):
        Tokenizer.from_gguf(changed)


# Ids computed with the tokenizers package 0.23.3 from the same vocabulary and merges.
GOLDEN = [
    ("turn on the kitchen light", [20589, 335, 260, 9902, 1420]),
    ("Set it to 21.5 degrees!", [7143, 357, 288, 216, 34, 33, 30, 37, 5027, 17]),
    ("don't  stop\n\n\tnow", [12420, 982, 216, 2853, 1116, 197, 612]),
    ("Küche 日本 ½ 😀", [59, 7170, 2916, 17097, 241, 115, 40993, 216, 16738, 40303, 218]),
    ("a\u00a0b __x", [81, 15442, 82, 2758, 104]),
    ("the\x85's", [1195, 141, 223, 506]),
    ("-½\x85'll", [29, 16738, 141, 223, 3060]),
]  # fmt: skip


@pytest.mark.model
@pytest.mark.parametrize(("text", "ids"), GOLDEN)
def test_agrees_with_an_independent_tokenizer(real: Tokenizer, text: str, ids: list[int]) -> None:
    assert real.encode(text) == ids
    assert real.decode(ids) == text


@pytest.mark.model
def test_text_never_becomes_a_control_token(real: Tokenizer) -> None:
    names = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<repo_name>", "<empty_output>"]
    ids = real.encode("".join(f"{name}{name} {name}\n" for name in names))
    assert not {real.special(name) for name in names} & set(ids)
    assert real.decode(ids).count("<|im_end|>") == 3


@pytest.mark.model
@given(st.text())
def test_any_text_comes_back_and_holds_no_control_token(real: Tokenizer, text: str) -> None:
    ids = real.encode(text)
    assert all(id_ > 16 for id_ in ids)  # the first 17 are the control tokens of this model
    present = "".join(c for c in text if all(b in _known(real) for b in c.encode()))
    assert real.decode(real.encode(present)) == present


def _known(real: Tokenizer) -> set[int]:
    """Bytes that this vocabulary has tokens for: all but a few control characters and leads."""
    return {*(b for b in range(128) if real.encode(chr(b))), *range(0x80, 0xC0), *range(0xC2, 0xF1)}
