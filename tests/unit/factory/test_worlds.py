"""Invented homes, cars and appliances: like real ones, all different, and split by name."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from edge_agent.core.entity import Attribute, Choice, Entity, Kind
from edge_agent.core.names import clean_name, fold
from edge_agent.core.registry import Registry
from edge_agent.errors import FactoryError
from edge_agent.factory.sentences.bank import BANK
from edge_agent.factory.worlds import (
    Archetypes,
    NameBank,
    Split,
    invent_appliance,
    invent_car,
    invent_home,
    load_archetypes,
    load_names,
)
from edge_agent.factory.worlds.archetypes import (
    Pool,
    announced,
    edition_of,
    masked_name,
    options,
)
from edge_agent.factory.worlds.names import split_of_name
from edge_agent.language.vocabulary import Vocabulary

SIZES = (5, 20, 60, 200)
NAMES = {
    "light": ["gate light", "shopping list lamp", "garage door lamp", "emma's light"],
    "plug": ["garage-door plug", "gate opener", "fountain", "alarm system"],
    "onoff_light": ["to do lamp", "main water light"],
    "garden_valve": ["rose bed", "gas grill hose", "main lawn", "water the roses"],
    "button": ["unlock door", "coffee", "disarm", "front gate"],
    "weather": ["weather", "garden forecast", "rain man"],
    "calendar": ["family calendar", "agenda"],
    "text": ["note", "shopping", "tasks for tom"],
    "dehumidifier": ["dehumidifier", "sahara"],
    "speaker": ["kitchen radio", "garage door radio"],
    "joined_player": ["boom box", "gate speaker"],
    "blind": ["blind", "garage blind", "window"],
}


@pytest.fixture(scope="module")
def names() -> NameBank:
    return load_names(BANK / "names")


@pytest.fixture(scope="module")
def archetypes() -> Archetypes:
    return load_archetypes(BANK / "devices")


def spoken(registry: Registry) -> list[Entity]:
    return [entity for entity in registry.entities.values() if not entity.diagnostic]


@pytest.mark.parametrize("split", Split)
@pytest.mark.parametrize("size", SIZES)
def test_homes_of_every_size_hold_together(
    names: NameBank, archetypes: Archetypes, size: int, split: Split
) -> None:
    for seed in range(4):
        home = invent_home(Random(f"{size} {seed}"), names, archetypes, devices=size, split=split)
        assert len({entity.device for entity in home.entities.values()}) == size
        for entity_id, entity in home.entities.items():
            assert entity.id == entity_id
            assert entity.capabilities
            assert all(name and clean_name(name) == name for name in entity.names)
            assert entity.area is None or entity.area in home.areas
        assert all(area.floor is None or area.floor in home.floors for area in home.areas.values())
        for group in home.groups.values():
            assert len(group.members) > 1
            assert set(group.members) <= home.entities.keys()
        assert Vocabulary(home).candidates("turn on the kitchen light", None).targets


def test_a_state_of_random_makes_one_home_only(names: NameBank, archetypes: Archetypes) -> None:
    def home(seed: int) -> Registry:
        return invent_home(Random(seed), names, archetypes, devices=12, split=Split.TRAIN)

    assert home(1) == home(1)
    assert home(1) != home(2)


def test_no_two_things_in_one_room_have_the_same_name(
    names: NameBank, archetypes: Archetypes
) -> None:
    for seed in range(10):
        home = invent_home(Random(seed), names, archetypes, devices=80, split=Split.TRAIN)
        counts = Counter(
            (fold(entity.name), entity.area, entity.device) for entity in home.entities.values()
        )
        assert counts.most_common(1)[0][1] == 1


def test_homes_have_every_kind_in_proportion(names: NameBank, archetypes: Archetypes) -> None:
    counts: Counter[Kind] = Counter()
    for seed in range(60):
        home = invent_home(Random(seed), names, archetypes, devices=60, split=Split.TRAIN)
        counts.update(entity.kind for entity in spoken(home))
    in_cars = {
        Kind.TRUNK, Kind.SUNROOF, Kind.SEAT, Kind.MIRROR, Kind.WIPER, Kind.STEERING_WHEEL,
        Kind.DEFROSTER, Kind.SIGNAL,
    }  # fmt: skip
    assert set(Kind) - in_cars <= counts.keys()
    assert counts[Kind.LIGHT] > 4 * counts[Kind.BLIND] > 4 * counts[Kind.ALARM]
    assert counts[Kind.LOCK] < counts[Kind.LIGHT] / 8


def test_some_homes_have_no_areas_and_some_have_aliases_floors_and_groups(
    names: NameBank, archetypes: Archetypes
) -> None:
    homes = [
        invent_home(Random(seed), names, archetypes, devices=15, split=Split.TRAIN)
        for seed in range(60)
    ]
    assert 0 < sum(not home.areas for home in homes) < 20
    assert 5 < sum(bool(home.floors) for home in homes) < 55
    assert 5 < sum(bool(home.groups) for home in homes) < 55
    assert 5 < sum(any(area.aliases for area in home.areas.values()) for home in homes) < 55
    assert 5 < sum(any(one.aliases for one in home.entities.values()) for home in homes) < 55


def test_names_of_test_homes_are_mostly_new(names: NameBank, archetypes: Archetypes) -> None:
    def names_of(split: Split, count: int) -> set[str]:
        return {
            fold(entity.name)
            for seed in range(count)
            for entity in spoken(
                invent_home(Random(f"{split} {seed}"), names, archetypes, devices=30, split=split)
            )
        }

    seen = names_of(Split.TRAIN, 300)
    words = {word for name in seen for word in name.split()}
    new = names_of(Split.TEST, 30)
    assert len(new - seen) > 0.85 * len(new)
    strange = [name for name in new if set(name.split()) - words]
    assert 0.25 * len(new) < len(strange) < 0.8 * len(new)


def test_training_never_sees_a_name_of_the_test_split(
    names: NameBank, archetypes: Archetypes
) -> None:
    held_out = {
        fold(name)
        for thing in names.things.values()
        for items in (thing.brands, thing.whole, thing.foreign)
        for name in items.by_split[Split.TEST]
    }
    allowed = {
        fold(name)
        for thing in names.things.values()
        for name in (*thing.common, *names.group_names.others)
    }
    for seed in range(40):
        home = invent_home(Random(seed), names, archetypes, devices=30, split=Split.TRAIN)
        used = {fold(name) for entity in home.entities.values() for name in entity.names}
        # Two words put together may make a nickname; those are split by the whole phrase too.
        assert not {name for name in used & held_out - allowed if split_of_name(name) is Split.TEST}


def test_the_split_of_a_name_is_80_5_15_and_blind_to_case() -> None:
    counts = Counter(split_of_name(f"name {number}") for number in range(4000))
    assert counts[Split.TRAIN] / 4000 == pytest.approx(0.80, abs=0.03)
    assert counts[Split.CALIBRATE] / 4000 == pytest.approx(0.05, abs=0.02)
    assert split_of_name("Night-Light") is split_of_name("night light")


@pytest.mark.parametrize("key", NAMES)
def test_a_device_under_another_name_is_what_the_translator_makes_of_that_name(
    archetypes: Archetypes, key: str
) -> None:
    if key not in archetypes.devices:
        key = "dimmer_light"
    for name in NAMES.get(key, NAMES["light"]):
        variant = archetypes.devices[key].entities
        payloads = edition_of(Random(name), variant, archetypes.pools, Split.TRAIN)
        real, made = announced(key, name, payloads), announced(key, masked_name(name), payloads)
        assert [(part.own, replace(part.entity, name="", id="")) for part in real] == [
            (part.own, replace(part.entity, name="", id="")) for part in made
        ]


def test_what_opens_a_house_is_security_by_its_name(archetypes: Archetypes) -> None:
    def secure(key: str, name: str) -> bool:
        return archetypes.parts(Random(1), key, name, Split.TRAIN)[0].entity.security

    assert secure("button", "Front gate")
    assert not secure("button", "Gong")
    assert secure("garden_valve", "Gas grill")
    assert not secure("garden_valve", "Rose bed")


def test_every_archetype_is_accepted_in_every_edition(
    names: NameBank, archetypes: Archetypes
) -> None:
    for key, archetype in archetypes.devices.items():
        assert archetype.thing in names.things, key
        for seed in range(3):
            found = archetypes.parts(Random(seed), key, "zq", Split.TEST)
            assert len({fold(part.own) for part in found}) == len(found)


def test_cars_have_zones_and_what_the_brief_of_a_car_asks(
    names: NameBank, archetypes: Archetypes
) -> None:
    kinds: Counter[Kind] = Counter()
    for seed in range(40):
        car = invent_car(Random(seed), names, archetypes, split=Split.TRAIN)
        kinds.update({entity.kind for entity in car.entities.values()})
        assert {area.name for area in car.areas.values()} <= {
            "Driver", "Passenger", "Rear Left", "Rear Right", "Row1", "Row2",
        }  # fmt: skip
        for entity in car.entities.values():
            assert entity.area is None or entity.area in car.areas
        Vocabulary(car).candidates("open the driver window", None)
    for kind in (
        Kind.WINDOW, Kind.SUNROOF, Kind.SHADE, Kind.DOOR, Kind.TRUNK, Kind.SEAT, Kind.CLIMATE,
        Kind.DEFROSTER, Kind.LIGHT, Kind.WIPER, Kind.MIRROR, Kind.STEERING_WHEEL,
        Kind.MEDIA_PLAYER, Kind.NUMBER, Kind.FAN, Kind.SIGNAL, Kind.SENSOR, Kind.LOCK,
    ):  # fmt: skip
        assert kinds[kind] >= 3, kind


def test_a_car_may_stand_before_a_home(names: NameBank, archetypes: Archetypes) -> None:
    home = invent_home(Random(4), names, archetypes, devices=12, split=Split.TRAIN)
    both = invent_car(Random(4), names, archetypes, split=Split.TRAIN, home=home)
    car = [one for one in both.entities if one.startswith("Vehicle.")]
    assert len(car) > 5
    assert len(both.entities) == len(home.entities) + len(car)
    assert set(home.areas) < set(both.areas)


def test_appliances_are_menus(names: NameBank, archetypes: Archetypes) -> None:
    options: set[str] = set()
    for seed in range(120):
        made = invent_appliance(Random(seed), names, archetypes, split=Split.TRAIN)
        assert len(made.entities) >= 3
        assert len({fold(one.name) for one in made.entities.values()}) == len(made.entities)
        for entity in made.entities.values():
            option = entity.capability(Attribute.OPTION)
            if option is not None and isinstance(option.domain, Choice):
                options.update(option.domain.options)
        Vocabulary(made).candidates("make me a coffee", None)
    assert {"espresso", "small", "eco"} <= options


def test_synonyms_know_every_kind_and_every_usual_room(names: NameBank) -> None:
    assert {kind.value for kind in Kind} <= names.synonyms.keys()
    usual = {room for sort in names.rooms.values() for room in sort.names.common}
    assert len(usual & names.room_synonyms.keys()) > 0.7 * len(usual)


def test_a_bank_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    for file in (BANK / "names").glob("*.yaml"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "people.yaml").write_text("common: [a]\nnames: [b]\nfamilies: []\nfriends: [c]\n")
    with pytest.raises(FactoryError, match=r"people\.yaml.*friends"):
        load_names(tmp_path)


def test_archetypes_with_an_unknown_pool_are_refused(tmp_path: Path) -> None:
    for file in (BANK / "devices").glob("*.yaml"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "home_more.yaml").write_text(
        "devices:\n  odd: {thing: light, entities: {main: {platform: select, options: $nothing}}}\n"
    )
    with pytest.raises(FactoryError, match=r"home_more\.yaml.*odd.*\$nothing"):
        load_archetypes(tmp_path)


def test_options_of_one_word_are_everybodys_and_others_have_a_split() -> None:
    words = [chr(97 + number) * 4 for number in range(26)]
    pool = Pool(of=[*words, *(f"{word} drink" for word in words)], few=52, many=52)
    seen = {split: set(options(Random(1), pool, split)) for split in Split}
    for split, found in seen.items():
        assert set(words) <= found
        longer = found - set(words)
        assert {split_of_name(one) for one in longer} == {Split.TRAIN, split}
    assert len(seen[Split.TRAIN]) < len(seen[Split.TEST])
