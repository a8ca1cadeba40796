"""How people refer to things: what is said stands for what is meant, and for nothing else."""

from random import Random

import pytest

from edge_agent.core.entity import Area, Entity, Kind
from edge_agent.core.names import fold
from edge_agent.core.registry import Changes, Registry
from edge_agent.factory.sentences.refer import Reference, Referrer, Synonyms, kind_phrases

SYNONYMS = Synonyms(
    {Kind.LIGHT: ("lamp", "illumination"), Kind.LOCK: ("latch",)},
    {"study": ("office",), "hall": ("hallway", "kitchen")},
)


@pytest.fixture
def referrer(home: Registry) -> Referrer:
    return Referrer(home, SYNONYMS, Random(1))


def names_of(referrer: Referrer, entity: Entity, area: Area | None = None) -> list[Reference]:
    return [referrer.to_name(entity, area) for _ in range(300)]


def bare(text: str) -> str:
    for article in ("the ", "my ", "our "):
        text = text.removeprefix(article)
    return text


def test_a_thing_is_called_by_its_name_and_alias_whole_and_in_part(
    home: Registry, referrer: Referrer
) -> None:
    entity = home.entities["cover.bedroom"]
    said = names_of(referrer, entity)
    assert all(one.entities == (entity.id,) and not one.plural for one in said)
    assert all(one.phrases[0] == "bedroom blind" for one in said)
    assert {one.how for one in said} >= {"name"}
    assert {"bedroom blind", "the bedroom blind", "my bedroom blind"} <= {one.text for one in said}


def test_a_part_of_a_name_is_said_only_where_nothing_else_has_it(
    home: Registry, referrer: Referrer
) -> None:
    for entity in home.entities.values():
        for one in names_of(referrer, entity):
            if one.how != "partial":
                continue
            words = set(bare(one.text).split())
            others = [
                other.id
                for other in home.entities.values()
                if any(words <= set(fold(name).split()) for name in other.names)
            ]
            assert others == [entity.id], one.text


def test_what_another_thing_is_called_as_well_is_told_by_its_room(home: Registry) -> None:
    twins = [Entity(f"light.{room}", "spot", Kind.LIGHT, (), room) for room in ("study", "kitchen")]
    registry = Registry(areas=home.areas).apply(Changes(upsert=tuple(twins)))
    referrer = Referrer(registry, Synonyms({}, {}), Random(1))
    said = names_of(referrer, twins[0])
    rooms = {fold(name) for name in registry.areas["study"].names}
    by_room = [one for one in said if any(room in one.text for room in rooms)]
    assert {one.entities for one in by_room} == {("light.study",)}
    assert {one.phrases for one in by_room} == {(f"{room} spot",) for room in rooms}
    # Without the room both are meant, unless the speaker is in one of them.
    others = [one for one in said if one not in by_room]
    assert {frozenset(one.entities) for one in others} == {frozenset({one.id for one in twins})}
    here = names_of(referrer, twins[0], registry.areas["study"])
    assert {one.entities for one in here} == {("light.study",)}


def test_all_of_a_kind_are_those_that_it_is_given(referrer: Referrer) -> None:
    members = [Entity("a", "a", Kind.LOCK, ()), Entity("c", "c", Kind.LOCK, ())]
    whole = referrer.to_all(Kind.LOCK, members, ["every {kind}", "all {kinds}"])
    assert whole.entities == ("a", "c")
    assert whole.phrases[0] == "all locks"
    assert whole.plural


def test_everything_leaves_out_what_secures_the_house_and_what_is_elsewhere(
    home: Registry, referrer: Referrer
) -> None:
    members = [one for one in home.entities.values() if not one.security]
    said = [referrer.to_everything(members, home.areas["study"], ["everything"]) for _ in range(60)]
    there = {one.id for one in members if one.area == "study"}
    for one in said:
        expected = there if one.phrases[0] != "everything" else {one.id for one in members}
        assert set(one.entities) == expected
    assert {one.phrases for one in said} == {
        ("everything",),
        *((f"everything in {fold(name)}",) for name in home.areas["study"].names),
    }


def test_an_exception_is_a_part_of_what_is_said(home: Registry, referrer: Referrer) -> None:
    lights = [one for one in home.entities.values() if one.kind is Kind.LIGHT]
    whole = referrer.to_all(Kind.LIGHT, lights, ["all {kinds}"])
    other = referrer.to_name(lights[0], None)
    but = referrer.but(whole, other, ["except {other}"])
    assert but.text == f"{whole.text} except {other.text}"
    assert but.excluded == (other,)
    assert but.entities == whole.entities


def test_a_room_is_never_called_what_another_room_is_called(
    home: Registry, referrer: Referrer
) -> None:
    said = {referrer.place_phrase(home.areas["hall"]) for _ in range(300)}
    assert any("hallway" in words for words, _ in said)
    assert not any("kitchen" in words for words, _ in said)
    assert {known for _, known in said} <= {fold(name) for name in home.areas["hall"].names}


def test_a_kind_is_meant_where_the_speaker_is(home: Registry, referrer: Referrer) -> None:
    lights = [one for one in home.entities.values() if one.kind is Kind.LIGHT]
    here = referrer.to_kind(Kind.LIGHT, lights, home.areas["bedroom"], plural=False)
    assert here.entities == ("light.bedroom",)
    assert here.phrases == kind_phrases("", Kind.LIGHT, plural=False)
    anywhere = referrer.to_kind(Kind.LIGHT, lights, None, plural=True)
    assert set(anywhere.entities) == {one.id for one in lights}


def test_kinds_are_written_in_the_number_that_was_said_first() -> None:
    assert kind_phrases("hall ", Kind.LIGHT, plural=True)[0] == "hall lights"
    assert kind_phrases("", Kind.LIGHT, plural=False)[0] == "light"
    assert set(kind_phrases("", Kind.LIGHT, plural=True)) == set(
        kind_phrases("", Kind.LIGHT, plural=False)
    )


def test_the_specific_words_of_a_name_are_neither_kinds_nor_rooms(referrer: Referrer) -> None:
    assert referrer.specific("the kitchen light") == {"the"}
    assert referrer.specific("Kitchen Stardust Light") == {"stardust"}
    assert frozenset({"bedroom", "blind"}) in set(referrer.words())


def test_what_one_thing_is_called_stands_for_no_other() -> None:
    cool, warm = (
        Entity(f"climate.{name[:1]}", name, Kind.CLIMATE, ())
        for name in ("bedroom air conditioner", "hall thermostat")
    )
    synonyms = Synonyms(
        {Kind.CLIMATE: ("ac", "climate")}, {}, {"air conditioner": ("ac", "aircon")}
    )
    referrer = Referrer(Registry().apply(Changes((cool, warm))), synonyms, Random(1))
    kinds = {referrer.noun(Kind.CLIMATE, plural=False) for _ in range(300)}
    assert kinds == {"thermostat", "heating", "climate"}
    said = {referrer.to_name(cool, None).text.removeprefix("the ") for _ in range(200)}
    assert said >= {"bedroom ac", "bedroom aircon"}
    alone = Referrer(Registry().apply(Changes((cool,))), synonyms, Random(1))
    assert "ac" in {alone.noun(Kind.CLIMATE, plural=False) for _ in range(300)}
