from dataclasses import FrozenInstanceError

import pytest

from edge_agent.core.entity import Area, Capability, Choice, Entity, Floor, Group, Kind
from edge_agent.core.registry import Annotation, Changes, Registry

POWER = Capability("power", Choice(("on", "off")))


def lamp(name="lamp", area=None, entity_id="light.lamp", **more):
    return Entity(entity_id, name, Kind.LIGHT, (POWER,), area, **more)


def test_change_makes_a_new_snapshot_and_leaves_the_old_one():
    before = Registry()
    after = before.apply(Changes(upsert=(lamp(),)))
    assert (before.version, after.version) == (0, 1)
    assert not before.entities
    assert after.entities["light.lamp"].name == "lamp"
    renamed = after.apply(Changes(upsert=(lamp("sofa lamp"),)))
    assert renamed.version == 2
    assert after.entities["light.lamp"].name == "lamp"


def test_same_word_again_is_the_same_snapshot():
    home = Registry().apply(Changes(upsert=(lamp(area="hall"),)))
    assert home.apply(Changes(upsert=(lamp(area="hall"),))) is home
    assert home.apply(Changes(remove=("nobody",))) is home
    assert home.apply(Changes(problems=("a sentence",))) is home


def test_nobody_can_write_into_a_snapshot():
    home = Registry().apply(Changes(upsert=(lamp(),)))
    with pytest.raises(TypeError):
        home.entities["x"] = lamp()
    with pytest.raises(FrozenInstanceError):
        home.version = 9
    with pytest.raises(FrozenInstanceError):
        home.entities["light.lamp"].name = "x"


def test_configured_registry_does_not_see_later_changes_of_its_arguments():
    notes = {"light.lamp": Annotation(name="mine")}
    home = Registry.configured(annotations=notes)
    notes.clear()
    assert home.apply(Changes(upsert=(lamp(),))).entities["light.lamp"].name == "mine"


def test_removed_entity_is_gone_and_can_come_back():
    home = Registry().apply(Changes(upsert=(lamp(),)))
    gone = home.apply(Changes(remove=("light.lamp",)))
    assert not gone.entities
    assert gone.apply(Changes(upsert=(lamp(),))).entities["light.lamp"]


def test_removal_and_addition_in_one_change_keep_the_addition():
    home = Registry().apply(Changes(upsert=(lamp(),)))
    moved = home.apply(Changes(upsert=(lamp("new"),), remove=("light.lamp",)))
    assert moved.entities["light.lamp"].name == "new"


def test_configuration_wins_over_discovery():
    note = Annotation(name="reading light", area="study", aliases=("book light", "spot"))
    home = Registry.configured(annotations={"light.lamp": note})
    home = home.apply(Changes(upsert=(lamp(area="hall", aliases=("spot",)),)))
    found = home.entities["light.lamp"]
    assert found.name == "reading light"
    assert found.area == "study"
    assert found.aliases == ("spot", "book light")


def test_hidden_entity_never_appears():
    home = Registry.configured(annotations={"light.lamp": Annotation(hidden=True)})
    assert not home.apply(Changes(upsert=(lamp(),))).entities


def test_area_that_only_an_entity_names_exists_then():
    home = Registry().apply(Changes(upsert=(lamp(area="living_room"),)))
    assert home.areas["living_room"] == Area("living_room", "living room")


def test_configured_area_keeps_its_name_whatever_discovery_calls_it():
    home = Registry.configured(areas=[Area("hall", "Entrance", "ground")])
    home = home.apply(Changes(areas=(Area("hall", "Flur"),), upsert=(lamp(area="hall"),)))
    assert home.areas["hall"].name == "Entrance"


@pytest.mark.parametrize("said", ["living room", "Living  Room", "LIVING-ROOM", "living_room"])
def test_area_is_found_by_name_id_and_spelling(said):
    home = Registry.configured(areas=[Area("living_room", "Living Room", aliases=("lounge",))])
    assert home.area_named(said).id == "living_room"
    assert home.area_named("Lounge").id == "living_room"


@pytest.mark.parametrize("said", [None, "", "cellar", "\0", "x" * 70_000])
def test_unknown_area_is_none(said):
    home = Registry.configured(areas=[Area("living_room", "Living Room")])
    assert home.area_named(said) is None


def test_name_is_said_with_its_room_only_where_it_has_a_twin():
    home = Registry.configured(areas=[Area("hall", "Hall"), Area("study", "Study")])
    home = home.apply(
        Changes(
            upsert=(
                lamp("ceiling light", "hall", "light.a"),
                lamp("Ceiling Light", "study", "light.b"),
                lamp("desk lamp", "study", "light.c"),
                lamp("ceiling light", None, "light.d"),
            )
        )
    )
    assert home.spoken_name("light.a") == "Hall ceiling light"
    assert home.spoken_name("light.b") == "Study Ceiling Light"
    assert home.spoken_name("light.c") == "desk lamp"
    assert home.spoken_name("light.d") == "ceiling light"
    assert home.spoken_name("light.gone") == "light.gone"


def test_twin_that_names_its_room_already_does_not_say_it_twice():
    home = Registry.configured(areas=[Area("hall", "Hall"), Area("study", "Study")])
    twins = (lamp("hall lamp", "hall", "light.a"), lamp("hall lamp", "study", "light.b"))
    home = home.apply(Changes(upsert=twins))
    assert home.spoken_name("light.a") == "hall lamp"
    assert home.spoken_name("light.b") == "Study hall lamp"


def test_floors_and_groups_answer_to_their_aliases():
    assert Floor("g", "ground floor", ("downstairs",)).names == ("ground floor", "downstairs")
    assert Group("m", "mood", ("a",), ("cosy",)).names == ("mood", "cosy")


def test_what_the_configuration_groups_stays_as_it_says():
    own = Group("rear_windows", "rear windows", ("light.a",))
    home = Registry.configured(groups=[own])
    found = (Group("rear_windows", "rear windows", ("x",)), Group("front", "front", ("y",)))
    known = home.apply(Changes(groups=found))
    assert known.groups == {"rear_windows": own, "front": found[1]}
    assert known.version == home.version + 1
    assert known.apply(Changes(groups=found)) is known
