"""An appliance with a closed menu: declared, not discovered."""

from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.core.command import Command
from edge_agent.core.entity import Attribute, Choice, Kind
from edge_agent.core.registry import Registry
from edge_agent.core.state import Observation
from edge_agent.devices.appliance import Appliance, ApplianceSettings
from edge_agent.errors import ConfigError, DeviceError

SHIPPED = Path(__file__).parents[3] / "firmware_configs" / "coffee-maker.yaml"

TEA = """
name: Tea Maker
aliases: [kettle]
area: Kitchen
attributes:
  tea: {options: [Earl_Grey, green, herbal], required: true}
  cup_size: {options: [small, large], default: large, aliases: [cup]}
  milk:
    name: splash of milk
    options: [none, oat]
    state_topic: tea/milk
    command_topic: tea/milk/do
start: {name: brew, aliases: [go], payload: "1"}
"""


def settings_of(text):
    return msgspec.convert(yaml.safe_load(text), ApplianceSettings)


def tea_maker():
    return Appliance(settings_of(TEA))


def test_attributes_become_selectors_and_the_start_a_button():
    entities = {entity.id: entity for entity in tea_maker().known().upsert}
    assert {key: (one.name, one.aliases, one.kind) for key, one in entities.items()} == {
        "tea_maker.tea": ("tea", (), Kind.SELECT),
        "tea_maker.cup_size": ("cup size", ("cup",), Kind.SELECT),
        "tea_maker.milk": ("splash of milk", (), Kind.SELECT),
        "tea_maker.start": ("brew", ("go", "Tea Maker", "kettle"), Kind.BUTTON),
    }
    assert {one.device for one in entities.values()} == {"tea_maker"}
    tea = entities["tea_maker.tea"].capability(Attribute.OPTION)
    assert tea.domain == Choice(("earl grey", "green", "herbal"))
    assert tea.settable
    assert tea.readable
    assert not entities["tea_maker.start"].capability(Attribute.COMMAND).readable


def test_its_area_is_there_without_being_listed():
    registry = Registry().apply(tea_maker().known())
    assert registry.area_of("tea_maker.tea").name == "Kitchen"


@pytest.mark.parametrize(
    ("command", "topic", "payload"),
    [
        (Command("tea_maker.tea", "option", "earl grey"), "appliance/tea_maker/tea/set",
         b"Earl_Grey"),
        (Command("tea_maker.cup_size", "option", "small"), "appliance/tea_maker/cup_size/set",
         b"small"),
        (Command("tea_maker.milk", "option", "oat"), "tea/milk/do", b"oat"),
        (Command("tea_maker.start", "command", "press"), "appliance/tea_maker/start/set", b"1"),
    ],
)  # fmt: skip
def test_a_command_is_byte_equal(command, topic, payload):
    appliance = tea_maker()
    (message,) = appliance.messages(command)
    assert (message.topic, message.payload) == (topic, payload)
    assert topic in appliance.command_topics
    assert len(appliance.command_topics) == 4


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (Command("tea_maker.tea", "option", "black"), "tea option must be earl grey, green, her"),
        (Command("tea_maker.tea", "option", "Earl_Grey"), "tea option must be earl grey"),
        (Command("tea_maker.tea", "power", "on"), "tea cannot set power; it can set option"),
        (Command("tea_maker.start", "command", "stop"), "brew command must be press"),
        (Command("tea_maker.honey", "option", "some"), "tea_maker.honey is not known here"),
    ],
)
def test_what_is_not_on_the_menu_is_refused(command, said):
    with pytest.raises(DeviceError, match=said):
        tea_maker().messages(command)


@pytest.mark.parametrize(
    ("topic", "payload", "said"),
    [
        ("appliance/tea_maker/tea", b"Earl_Grey", ("tea_maker.tea", "earl grey")),
        ("appliance/tea_maker/tea", b" green\n", ("tea_maker.tea", "green")),
        ("tea/milk", b"none", ("tea_maker.milk", "none")),
        ("appliance/tea_maker/tea", b"black", ("tea_maker.tea", None)),
        ("appliance/tea_maker/tea", b"", ("tea_maker.tea", None)),
        ("appliance/tea_maker/tea", b"\xff" * 9, ("tea_maker.tea", None)),
        ("appliance/tea_maker/tea", b"green" * 9999, ("tea_maker.tea", None)),
    ],
)
def test_what_is_chosen_is_observed(topic, payload, said):
    appliance = tea_maker()
    entity, value = said
    assert topic in appliance.state_topics
    assert appliance.observe(topic, payload) == (Observation(entity, "option", value),)


def test_other_topics_say_nothing():
    appliance = tea_maker()
    for topic in ("appliance/tea_maker/tea/set", "appliance/tea_maker/start", "x"):
        assert appliance.observe(topic, b"green") == ()
    assert not appliance.discover("appliance/tea_maker/tea", b"{}")
    assert appliance.discovery_filters == ()
    assert appliance.expiry("tea_maker.tea") is None


def test_an_order_knows_what_it_needs_and_what_it_means_unsaid():
    menu = tea_maker().menu
    assert menu.required == ("tea_maker.tea",)
    assert menu.defaults == {"tea_maker.cup_size": "large"}
    assert menu.start == "tea_maker.start"


def test_without_a_start_there_is_no_button():
    appliance = Appliance(settings_of("name: T\nattributes: {tea: {options: [green]}}"))
    assert [entity.kind for entity in appliance.known().upsert] == [Kind.SELECT]
    assert appliance.menu.start is None


A = "attributes: {tea: {options: [green]}}"

BAD = [
    ("name: '#'\n" + A, "name: must have letters or digits"),
    ("name: Чай\n" + A, "id: 'чай' must be lower case letters, digits and _"),
    ("name: T\nid: a/b\n" + A, "id: 'a/b' must be lower case letters"),
    ("name: T\nattributes: {}", "attributes: must have at least one"),
    ("name: T\nattributes: {Tea: {options: [green]}}", "attributes.Tea: a key must be lower case"),
    ("name: T\nattributes: {tea: {options: []}}", "attributes.tea.options: must be 1 to 40 texts"),
    ("name: T\nattributes: {tea: {options: ['?']}}", "options: '?' cannot be spoken"),
    ("name: T\nattributes: {tea: {options: [iced tea, Iced_Tea]}}",
     "'Iced_Tea' and 'iced tea' sound the same"),
    ("name: T\nattributes: {tea: {options: [mint, mint]}}", "the same option is there twice"),
    ("name: T\nattributes: {tea: {options: [mint, green], default: black}}",
     "attributes.tea.default: 'black'; legal: mint, green"),
    ("name: T\nattributes: {tea: {options: [mint], default: mint, required: true}}",
     "attributes.tea.default: what is required has none"),
    ("name: T\nattributes: {tea: {options: [mint], name: '!'}}", "'!' has no letters or digits"),
    ("name: T\nattributes: {tea: {options: [a]}, cup: {options: [b], aliases: [Tea]}}",
     "attributes.cup: 'Tea' is the name of attributes.tea already"),
    ("name: T\nstart: {name: tea}\n" + A, "start: 'tea' is the name of attributes.tea already"),
    ("name: T\nstart: {}\nattributes: {start: {options: [a], name: x}}",
     "attributes.start: that is the key of the start button"),
    ("name: T\nattributes: {tea: {options: [a], state_topic: 'x/#'}}",
     "attributes.tea.state_topic must be a topic without wildcards"),
    ("name: T\nattributes: {tea: {options: [a], command_topic: edge-agent/hall/command}}",
     "attributes.tea.command_topic: may not begin with one of $, edge-agent/"),
    ("name: T\nattributes: {tea: {options: [a], command_topic: appliance/t/tea}}",
     "command_topic: appliance/t/tea is that of attributes.tea.state_topic already"),
    ("name: T\nstart: {command_topic: appliance/t/tea/set}\n" + A,
     "start.command_topic: appliance/t/tea/set is that of attributes.tea.command_topic already"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), BAD, ids=[said[:40] for _, said in BAD])
def test_an_error_names_the_key_and_what_is_legal(text, said):
    with pytest.raises(ConfigError) as caught:
        Appliance(settings_of(text))
    assert str(caught.value).startswith("appliance.")
    assert said in str(caught.value)


def test_more_options_than_the_grammar_offers_are_refused():
    options = {"tea": {"options": [f"tea {number}" for number in range(41)]}}
    with pytest.raises(ConfigError, match="must be 1 to 40 texts"):
        Appliance(msgspec.convert({"name": "T", "attributes": options}, ApplianceSettings))


@settings(deadline=None)
@given(st.sampled_from(sorted(tea_maker().state_topics)), st.binary(max_size=300))
def test_no_payload_makes_it_raise_or_invent(topic, payload):
    (said,) = tea_maker().observe(topic, payload)
    assert said.value in {None, "earl grey", "green", "herbal", "small", "large", "none", "oat"}


def test_the_shipped_coffee_maker_has_a_menu_that_one_prompt_holds():
    document = yaml.safe_load(SHIPPED.read_text())["appliance"]
    appliance = Appliance(msgspec.convert(document, ApplianceSettings))
    entities = appliance.known().upsert
    assert [entity.name for entity in entities] == [
        "drink", "size", "roast", "number of shots", "milk", "sugar", "brew",
    ]  # fmt: skip
    # The model is shown ten names: with more, an attribute that is not named could go missing.
    assert sum(len(entity.names) for entity in entities) <= 10
    assert appliance.menu.required == ("coffee_maker.drink",)
    for entity in entities[:-1]:
        (able,) = entity.capabilities
        for option in able.domain.options:
            (sent,) = appliance.messages(Command(entity.id, able.attribute, option))
            state = sent.topic.removesuffix("/set")
            assert appliance.observe(state, sent.payload)[0].value == option
