"""The phrasing bank: what is wrong in it is told by file, place and legal values."""

import json
import shutil
from pathlib import Path

import pytest

from edge_agent.core.entity import Kind
from edge_agent.errors import FactoryError
from edge_agent.factory.sentences.bank import (
    PLACES,
    STYLES,
    Bank,
    Phrasing,
    Split,
    load_bank,
    load_phrasings,
    split_of,
)
from edge_agent.factory.sentences.cases import load_source

MANNER = {
    **{
        name: ["so"]
        for name in (
            "lead_in lead_in_request tail filler join correct correct_after correct_value"
            " correct_setting correct_command correct_whole cancel all everything except delay at"
            " for asks_plain asks asks_ing asks_state asks_tail address assistant talk here"
            " in_house in_car every both join_plain verbs"
        ).split()
    },
    "if": [{"if": "power>{number}", "of": ["sensor"], "say": ["if {target} uses {number} watts"]}],
    "follow_up": [
        {"follow": "same_target", "do": "power=off", "say": ["off again"]},
        {"follow": "same_action", "say": ["and {target}"]},
    ],
    "mishear": {"light": ["like"]},
}
LIGHT = "of: [light]\n  do: power=on\n  say:"


@pytest.fixture(scope="module")
def shipped() -> Bank:
    return load_source().bank


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small bank with nothing wrong in it."""
    (tmp_path / "phrasings").mkdir()
    write(tmp_path, f'- {LIGHT} {{direct: ["turn on {{target}}"]}}')
    change_manner(tmp_path)
    return tmp_path


def write(folder: Path, text: str) -> Path:
    file = folder / "phrasings" / "some.yaml"
    file.write_text(text)
    return file


def change_manner(folder: Path, **changes: object) -> None:
    # What is JSON is YAML, and sooner written.
    (folder / "manner.yaml").write_text(json.dumps({**MANNER, **changes}))


def test_phrasings_are_read_with_all_that_is_said_of_them(folder: Path) -> None:
    file = write(
        folder,
        "- of: [seat]\n  named: [Massage]\n  lacks: speed\n  do: power=on\n"
        '  say: {direct: ["Turn  on {target}"], indirect: ["my back hurts"]}\n'
        '- {of: [fan], ask: above, attribute: speed, say: {question: ["over {number}"]}}\n'
        '- {none: chat, say: {direct: ["hello"]}}\n',
    )
    on, hurts, above, chat = load_phrasings(file)
    assert on.text == "turn on {target}"
    assert on.places == {"target"}
    assert on.do == ("power", "on")
    assert on.kinds == (Kind.SEAT,)
    assert on.suits(["driver massage seat"])
    assert not on.suits(["driver seat heating"])
    assert on.lacks == "speed"
    assert hurts.style == "indirect"
    assert (above.ask, above.attribute) == ("above", "speed")
    assert above.suits(["anything"])
    assert chat.none == "chat"


@pytest.mark.parametrize(
    ("text", "legal"),
    [
        ('- {of: [lamp], do: power=on, say: {direct: ["on"]}}', "'lamp'; legal: light, "),
        (f'- {LIGHT} {{rude: ["on"]}}', f"'rude'; legal: {', '.join(STYLES)}"),
        (f'- {LIGHT} {{direct: ["on {{thing}}"]}}', f"{{thing}}; legal: {', '.join(PLACES)}"),
        ('- {of: [light], do: power, say: {direct: ["on"]}}', "'power'; legal: attribute=value"),
        ('- {of: [light], say: {direct: ["on"]}}', "exactly one of do, ask, none"),
        ('- {of: [light], do: a=b, none: chat, say: {direct: ["on"]}}', "exactly one of do"),
        ('- {of: [light], ask: why, attribute: power, say: {question: ["?"]}}', "'why'; legal"),
        ('- {of: [light], ask: is, say: {question: ["on?"]}}', "'is'; legal with an attribute"),
        ('- {do: power=on, say: {direct: ["on"]}}', "needs `of`"),
        ('- {none: chat, say: {direct: ["on {target}"]}}', "needs `of`"),
        ("- {of: [light], do: 'a={number}', say: {direct: [up]}}", "must contain {number}"),
        ("- {of: [fan], ask: above, attribute: speed, say: {question: [so]}}", "{number}"),
        (f'- {LIGHT} {{direct: ["on"]}}\n  tone: warm', "unknown field `tone`"),
        (f"- {LIGHT} {{direct: on}}", "`array`"),
        ("- [", "some.yaml"),
    ],
)
def test_a_wrong_phrasing_is_told_with_its_file_and_what_is_legal(
    folder: Path, text: str, legal: str
) -> None:
    write(folder, text)
    with pytest.raises(FactoryError) as told:
        load_bank(folder)
    assert "some.yaml" in str(told.value)
    assert legal in str(told.value)


def test_the_entry_that_is_wrong_is_told_by_its_number(folder: Path) -> None:
    good = f'- {LIGHT} {{direct: ["on"]}}\n'
    write(folder, good + good + '- {of: [lamp], do: power=on, say: {direct: ["on"]}}')
    with pytest.raises(FactoryError, match="entry 3"):
        load_bank(folder)


@pytest.mark.parametrize(
    ("changes", "legal"),
    [
        ({"tail": []}, r"length >= 1.*tail"),
        ({"tails": ["please"]}, "unknown field `tails`"),
        ({"if": []}, r"length >= 1.*if"),
        ({"if": [{"if": "power=on", "of": ["lamp"], "say": ["if on"]}]}, r"'lamp'; legal: light, "),
        ({"if": [{"if": "power on", "of": ["light"], "say": ["if"]}]}, "legal: attribute=value"),
        ({"if": [{"if": "power>on", "of": ["light"], "say": ["if"]}]}, "legal: attribute=value"),
        (
            {"if": [{"if": "power=on", "of": ["light"], "say": ["{text}"]}]},
            r"{text}; legal: target",
        ),
        ({"follow_up": [{"follow": "never", "say": ["more"]}]}, "never"),
        ({"follow_up": [{"follow": "same_target", "say": ["more"]}]}, "legal: attribute=value"),
        ({"follow_up": [{"follow": "same_target", "do": "power", "say": ["x"]}]}, "'power'; legal"),
        (
            {"follow_up": [{"follow": "same_action", "do": "a=b", "say": ["x"]}]},
            "same_target alone",
        ),
        ({"mishear": {"light": []}}, r"length >= 1.*mishear"),
    ],
)
def test_a_wrong_manner_is_told_with_its_file_and_what_is_legal(
    folder: Path, changes: dict[str, object], legal: str
) -> None:
    change_manner(folder, **changes)
    with pytest.raises(FactoryError, match=rf"manner\.yaml: .*{legal}"):
        load_bank(folder)


def test_missing_and_empty_banks_are_told(folder: Path) -> None:
    (folder / "manner.yaml").unlink()
    with pytest.raises(FactoryError, match=r"manner\.yaml: cannot be read"):
        load_bank(folder)
    write(folder, "[]")
    with pytest.raises(FactoryError, match="no phrasings"):
        load_bank(folder)
    shutil.rmtree(folder / "phrasings")
    with pytest.raises(FactoryError, match="no phrasings"):
        load_bank(folder)


def test_the_manner_is_read_with_its_parts(folder: Path) -> None:
    manner = load_bank(folder).manner
    assert manner.if_[0].parts == ("power", ">", "{number}")
    assert [one.deed for one in manner.follow_up] == [("power", "off"), None]


def test_a_phrasing_that_is_there_twice_counts_once(folder: Path) -> None:
    good = f'- {LIGHT} {{direct: ["turn on {{target}}"]}}\n'
    write(folder, good + good)
    assert [one.text for one in load_bank(folder).phrasings] == ["turn on {target}"]


def test_no_phrasing_of_one_split_is_seen_by_another(shipped: Bank) -> None:
    texts = {split: {one.text for one in shipped.of(split).phrasings} for split in Split}
    assert texts[Split.TRAIN].isdisjoint(texts[Split.TEST] | texts[Split.CALIBRATE])
    assert texts[Split.TEST].isdisjoint(texts[Split.CALIBRATE])
    assert set.union(*texts.values()) == {one.text for one in shipped.phrasings}
    assert len(texts[Split.TRAIN]) > len(texts[Split.TEST]) > len(texts[Split.CALIBRATE]) > 0


def test_every_split_has_commands_questions_and_negatives(shipped: Bank) -> None:
    for split in Split:
        part: tuple[Phrasing, ...] = shipped.of(split).phrasings
        assert {kind for one in part if one.do for kind in one.kinds} >= {Kind.LIGHT, Kind.LOCK}
        assert {one.ask for one in part} >= {"state", "is", "count"}
        assert len({one.none for one in part}) > 10


def test_a_phrasing_stays_in_its_split_for_ever() -> None:
    """Else a model that is trained tomorrow is measured with what it has learnt."""
    said = ["turn on {target}", "set {target} to at home", "set {target} for away", "is it warm"]
    splits = [split_of(text) for text in said]
    assert splits == [Split.TRAIN, Split.CALIBRATE, Split.TEST, Split.TRAIN]


def test_what_anybody_may_say_is_trained_on() -> None:
    for said in (
        "turn {target} off",
        "switch off {target}",
        "set {target} to {number}",
        "stop {target}",
        "{target} off",
        "pause",
    ):
        assert split_of(said) is Split.TRAIN, said
