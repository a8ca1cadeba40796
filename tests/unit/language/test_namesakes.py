import pytest

from edge_agent.core.entity import ON_OFF, Capability, Entity, Kind
from edge_agent.core.registry import Changes, Registry
from edge_agent.language.namesakes import named_alike, plural_of
from edge_agent.language.vocabulary import groups_of

POWER = (Capability("power", ON_OFF),)


def things(*names, kind=Kind.LIGHT, security=False):
    return [Entity(name, name, kind, POWER, security=security) for name in names]


@pytest.mark.parametrize(
    ("names", "group"),
    [
        (("Bedside Lamp Left", "Bedside Lamp Right"), "bedside lamps"),
        (("driver ambient light", "passenger ambient light"), "ambient lights"),
        (("desk plug 1", "desk plug 2", "desk plug 3"), "desk plugs"),
        (("desk blinds a", "desk blinds b"), "desk blinds"),
        (("first paper torch", "second paper torch"), "paper torches"),
    ],
)
def test_what_is_told_apart_by_a_little_word_has_a_name_together(names, group):
    (found,) = named_alike(things(*names, "floor lamp"))
    assert found.name == group
    assert found.members == names


@pytest.mark.parametrize(
    "names",
    [
        ("left lamp", "right lamp"),  # "the lamps" says that already
        ("bedside lamp left", "reading lamp left"),
        ("driver seat heating", "passenger seat heating"),  # no plural that anybody would say
        ("bedside lamp left",),
        ("bedside lamp", "bedside lamps"),
    ],
)
def test_others_have_none(names):
    assert not list(named_alike(things(*names)))


def test_kinds_are_not_mixed_and_what_secures_the_house_is_in_none():
    assert not list(
        named_alike(
            [
                *things("bedside thing left"),
                *things("bedside thing right", kind=Kind.SWITCH),
                *things("back door left", "back door right", kind=Kind.LOCK, security=True),
            ]
        )
    )


def test_a_name_that_is_one_things_own_stays_so():
    home = Registry().apply(Changes(upsert=tuple(things("desk plug 1", "desk plug 2"))))
    assert [group.name for group in groups_of(home)] == ["desk plugs"]
    home = home.apply(Changes(upsert=tuple(things("desk plugs"))))
    assert not groups_of(home)


@pytest.mark.parametrize(
    ("noun", "plural"), [("lamp", "lamps"), ("switch", "switches"), ("blinds", "blinds")]
)
def test_plural(noun, plural):
    assert plural_of(noun) == plural
